# What is owed: a change stays owed to each step that waits for it (`when_changed`) until that step has succeeded. The host keeps a
# mark for each of them in ~/.pinboot/owed, named by what every run calls that step; in it is the run that laid it.

# pb_lay_debts: marks what the step is about to change as owed to the steps that wait for it; false where there is no room. Sets
# pb_marks to what has to be on disk before the step starts.
pb_lay_debts() {
  pb_marks=
  [ -n "$pb_step_owes" ] || return 0
  [ -d ../../owed ] || mkdir ../../owed || return
  for pb_name in $pb_step_owes; do
    printf '%s\n' "$pb_run" >"../../owed/$pb_name" || return
    pb_marks="$pb_marks ../../owed/$pb_name"
  done
  pb_marks="$pb_marks ../../owed ../.."
}

# pb_is_owed: whether a change of this run or of an earlier one waits for this step.
pb_is_owed() { [ -n "$pb_step_due" ] && [ -e "../../owed/$pb_step_due" ]; }

# pb_read_waiting: for each field of the step that waits for changes (FIELD=KEY,STEP,STEP…): sets pb_waiting_args to what its check
# and its command find in $arg_FIELD, and pb_is_due to `owed` where an earlier run has left the change. Only a run lays marks.
pb_read_waiting() {
  pb_waiting_args=
  for pb_name in $pb_step_waiting; do
    pb_is_late=
    pb_rest=${pb_name#*=}
    if [ -e "../../owed/${pb_rest%%,*}" ]; then pb_is_late=1; fi
    while :; do
      pb_rest=${pb_rest#*,}
      [ -n "$pb_rest" ] || break
      case " $pb_changed " in *" ${pb_rest%%,*} "*)
        [ "$pb_mode$pb_is_late" = run ] || pb_is_late=0
        break ;;
      esac
    done
    [ -n "$pb_is_late" ] || continue
    [ "$pb_is_late" = 0 ] || pb_is_due=owed
    pb_waiting_args="$pb_waiting_args arg_${pb_name%%=*}=1"
  done
}

# pb_pay_debt [RUN]: the step has succeeded. Where the runner dies before this, the step runs again. With a run, what it owes is paid and
# what a later one owes stays: for a result that an earlier runner of this run has stored, where that was all that it could do.
pb_pay_debt() {
  [ "$pb_mode" = run ] || return 0
  for pb_name in $pb_step_due $pb_step_waiting; do
    pb_name=${pb_name#*=}
    pb_name=../../owed/${pb_name%%,*} pb_owing_run=
    [ -e "$pb_name" ] || continue
    if [ -n "${1-}" ]; then read -r pb_owing_run <"$pb_name"; fi
    if [ "$pb_owing_run" = "${1-}" ]; then rm -f "$pb_name"; fi
  done
}
