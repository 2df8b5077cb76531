# Asking whether a step needs to change anything.

# pb_check: 0 satisfied, 79 needs change, 77 skipped by only_if, everything else is an error. Sets pb_why to what would change, and
# pb_unsure to the guard of the author that could not find out, with its status.
pb_check() {
  pb_why= pb_ended_by= pb_unsure=
  if [ -n "$pb_step_creates" ]; then
    # Alone it needs no process.
    [ -e "$pb_step_creates" ] && return 0
    return 79
  fi
  [ -n "$pb_step_check" ] || return 79
  pb_write_step_text
  pb_guard_trap=
  [ -z "$pb_step_first_guard" ] || pb_guard_trap="trap 'echo $pb_step_first_guard; exit 82' 0"
  # A check that verifies may wait for an effect that needs time.
  pb_text="$pb_text
${pb_step_args:+arg_verifies=$pb_verifies}
set -eu
CDPATH= cd -- $pb_step_cwd 2>/dev/null || needs_change
$pb_guard_trap
$pb_step_env
$pb_step_args
${pb_verifies:+#}$pb_waiting_args
$pb_step_check"
  pb_start_check 4>why
  pb_wait
  if [ -s why ]; then
    pb_why=$(cat why)
    : >why
  fi
  if [ -n "$pb_ended_by" ]; then return 143; fi
  pb_read_guards
  return "$pb_exit_status"
}

# pb_read_guards: where `unless` is all that was asked, the status of the check's shell is that of the guard. What answers nothing is
# in src/kinds/guard.rs too, which asks guards that are not alone: a program that was not found or not executable, and a signal. A
# guard that the shell did not understand has no status.
pb_read_guards() {
  case $pb_exit_status:$pb_why in
    82:only_if | 82:unless | 82:check) pb_unsure="$pb_why syntax" ;;
    82:only_if\ * | 82:unless\ * | 82:check\ *) pb_unsure=$pb_why ;;
    *)
      case $pb_step_guard:$pb_exit_status in
        :*) ;;
        *:126 | *:127 | *:129 | *:1[3-8]? | *:19[0-2] | *:[34]??) pb_unsure="unless $pb_exit_status" pb_exit_status=82 ;;
        yes:0 | no:[!0]*) pb_exit_status=0 ;;
        *) pb_exit_status=79 ;;
      esac
      ;;
  esac
  [ -z "$pb_unsure" ] || pb_why=
}

# pb_start_check: in the background like a command, since a shell hears no signal while it waits for anything else. A check that names
# its own process, or sends signals, has a shell and a process group of its own: in a copy of the runner's shell, `$$` is the runner.
pb_start_check() {
  # shellcheck disable=SC2016 # The text of a check has it.
  case $pb_step_as:$pb_step_check in
    root:* | user:*) pb_start_shell "$pb_step_as" sh ;;
    *'$$'* | *PPID* | *kill*) pb_start_shell login sh ;;
    *)
      {
        # For good: a shell that ends over an error in the text takes back what holds for one command, before its trap writes.
        exec 1>&4 4>&-
        pb_run_inside
      } &
      pb_pid=$! pb_has_group=
      ;;
  esac
}

# pb_read_check_error: sets pb_reason to why a check gave no answer.
pb_read_check_error() {
  case $pb_ended_by in
    late) pb_reason=slow ;;
    stopped) pb_reason=stopped ;;
    *) pb_reason=check; [ -z "$pb_unsure" ] || pb_reason="guard $pb_unsure" ;;
  esac
  [ -z "$pb_survivors" ] || pb_reason="$pb_reason $pb_survivors"
}
