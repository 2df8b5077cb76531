# Asking whether a step needs to change anything.

# pb_check: 0 satisfied, 79 needs change, 77 skipped by only_if, everything else is an error. Sets pb_why to what would change.
pb_check() {
  pb_why= pb_ended_by=
  if [ -n "$pb_step_creates" ]; then
    # Alone it needs no process.
    [ -e "$pb_step_creates" ] && return 0
    return 79
  fi
  [ -n "$pb_step_check" ] || return 79
  pb_write_step_text
  pb_text="$pb_text
set -eu
cd $pb_step_cwd 2>/dev/null || needs_change
$pb_step_env
$pb_step_args
$pb_step_check"
  # A guard talks to the user; what a kind's check says is what would change.
  if [ -n "$pb_step_guard" ]; then pb_start_check 4>&1; else pb_start_check 4>why; fi
  pb_wait
  if [ -z "$pb_step_guard" ] && [ -s why ]; then
    pb_why=$(cat why)
    : >why
  fi
  if [ -n "$pb_ended_by" ]; then return 143; fi
  if [ -n "$pb_step_guard" ] && [ "$pb_exit_status" != 0 ]; then return 79; fi
  return "$pb_exit_status"
}

# pb_start_check: in the background like a command, since a shell hears no signal while it waits for anything else.
pb_start_check() {
  case $pb_step_as in
    root | user) pb_start_shell "$pb_step_as" sh ;;
    *)
      pb_run_inside 1>&4 4>&- &
      pb_pid=$! pb_has_group=
      ;;
  esac
}

# pb_read_check_error: sets pb_reason to why a check gave no answer.
pb_read_check_error() {
  case $pb_ended_by in
    late) pb_reason=slow ;;
    stopped) pb_reason=stopped ;;
    *) pb_reason=check ;;
  esac
  [ -z "$pb_survivors" ] || pb_reason="$pb_reason $pb_survivors"
}
