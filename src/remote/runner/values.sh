# Facts of the host, and expressions over them and over registered values. Only programs whose plans use some have this file, and the
# lines of the others that begin with `#:with-values`. What stands behind it is written for the plan: pb_find_facts, and a function
# pb_v_NAME for each expression, which sets pb_r_NAME, or pb_why_not to the reason in the words of a frame. The function of a step
# calls those that the step uses.

# pb_explain_missing NAME: sets pb_missing to why a value is not there.
pb_explain_missing() {
  case $1 in
    0*) pb_missing="fact ${1#0}" ;;
    [12]*)
      "pb_v_$1"
      pb_missing=$pb_why_not
      ;;
    *) pb_missing="register $1" ;;
  esac
  # What registered values hold may end a frame.
  case $pb_missing in *[[:cntrl:]]*) pb_missing=$(printf '%s' "$pb_missing" | tr '\001-\037' ' ') ;; esac
}

# pb_skip_by_condition: true where `when` skips the step, or cannot be decided.
pb_skip_by_condition() {
  pb_is_when_true && return 1
  if eval "[ -n \"\${pb_r_$pb_step_when+1}\" ]"; then
    pb_skip when
  else
    pb_explain_missing "$pb_step_when"
    pb_end_unsure 0 "$pb_missing"
  fi
  return 0
}

# pb_is_when_true: whether the step has no `when` of the host, or one that is true.
pb_is_when_true() {
  [ -n "$pb_step_when" ] || return 0
  eval "[ \"\${pb_r_$pb_step_when-}\" = true ]"
}
