# Before anything starts, what steps need must be there, unless their checks say that they have nothing to do.

# pb_preflight: false where the host is unfit, which it has said.
pb_preflight() {
  for pb_number in $pb_preflight_steps; do
    pb_load_step "$pb_number"
    [ -z "$pb_step_skip" ] && [ ! -f "$pb_id.rc" ] || continue
    #:with-values pb_is_when_true || continue
    pb_find_lack
    [ -n "$pb_lack" ] || continue
    # Neither this nor pb_preflight is called in a condition: see pb_run_step.
    pb_lack_matters
    case $? in 1) continue ;; esac
    pb_frame unfit "$pb_lack"
    return 1
  done
  return 0
}

# pb_find_lack: sets pb_lack to what the step needs and the host has not.
pb_find_lack() {
  pb_lack=
  if [ "$pb_step_as" != login ] && [ "$pb_uid" != 0 ]; then
    pb_try_sudo
    case $pb_sudo in
      yes) ;;
      # The run ends before its first step.
      stopped) return ;;
      *) pb_lack="sudo $pb_id $pb_sudo"; return ;;
    esac
  fi
  for pb_tools in $pb_step_needs; do
    pb_has_one_of "$pb_tools" && continue
    pb_lack="tools $pb_id $pb_tools"
    return
  done
}

# pb_has_one_of A|B|…: whether one of these programs is there.
pb_has_one_of() {
  pb_others=$1
  # The backslashes are for mksh, in whose patterns a bare bar stands for something else: the loop would have no end.
  while [ -n "$pb_others" ]; do
    command -v "${pb_others%%\|*}" >/dev/null 2>&1 && return 0
    case $pb_others in *\|*) pb_others=${pb_others#*\|} ;; *) pb_others= ;; esac
  done
  return 1
}

# A check that needs sudo itself is not asked where sudo is lacking.
pb_lack_matters() {
  pb_is_left_by_group
  [ -z "$pb_left" ] || return 1
  case "$pb_step_as ${pb_lack%% *}" in 'root sudo' | 'user sudo') return 0 ;; esac
  pb_check
  case $? in 0 | 77) return 1 ;; esac
  return 0
}
