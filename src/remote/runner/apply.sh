# Carrying a step out.

# pb_apply: runs the command until it works, a stop comes or its retries are used up, and finishes the step.
pb_apply() {
  if [ -z "$pb_step_asks" ]; then pb_note_start || return 0; fi
  pb_retry=0
  while :; do
    pb_now
    pb_frame apply "$pb_id" "$pb_clock"
    #:point apply-said
    #:with-files if pb_receive; then
    pb_run_command
    #:with-files pb_drop_files; fi
    #:point applied
    if [ -n "$pb_step_reboot" ] && [ "$pb_exit_status" = 0 ]; then
      pb_await_reboot "$pb_clock"
      return 0
    fi
    pb_judge
    #:point verified
    if [ "$pb_exit_status" = 0 ]; then
      if [ -n "$pb_step_asks" ]; then pb_report_asked; else pb_finish changed 0 "$pb_is_due"; fi
      return 0
    fi
    pb_wait_for_retry || break
  done
  if [ "$pb_mode" = check ]; then
    pb_report unknown "$pb_exit_status" "$pb_reason"
  else
    pb_finish failed "$pb_exit_status" "$pb_reason"
  fi
}

# pb_report_asked: a step that only asks has got its answer. Nothing of it is stored but what it registers, since it can be asked again.
pb_report_asked() {
  pb_pay_debt
  pb_report unchanged 0
  pb_settle unchanged "$pb_id.out"
}

# pb_run_command: runs the step's command once; sets pb_exit_status.
pb_run_command() {
  pb_write_step_text
  pb_once=
  [ "$pb_mode" = run ] || pb_once=1
  pb_quote "$pb_why"
  pb_text="$pb_text
pb_why=$pb_ret
CDPATH= cd -- $pb_step_cwd || exit
set -eu
$pb_step_env
$pb_step_args
${pb_step_args:+arg_once=$pb_once}$pb_waiting_args"
  # Inside eval, so that an error in the author's syntax is reported as one, with its own line.
  pb_quote "$pb_step_apply"
  pb_text="$pb_text
eval $pb_ret"
  pb_user_kind=$pb_step_as
  [ "$pb_user_kind" != apply ] || pb_user_kind=root
  #:with-takes if [ -n "$pb_step_takes" ]; then pb_start_shell "$pb_user_kind" "$pb_step_shell" 4>"$pb_id.have"; else
  if [ -n "$pb_step_register" ]; then
    pb_start_shell "$pb_user_kind" "$pb_step_shell" 4>"$pb_id.out"
  else
    pb_start_shell "$pb_user_kind" "$pb_step_shell" 4>&1
  fi
  #:with-takes fi
  #:point apply-started
  # `pinboot cancel` reads this where the runner has died.
  { printf '%s %s %s\n' "$pb_id" "$pb_pid" "$pb_clock" >>runner; } 2>/dev/null
  pb_wait
  # The command may have printed past the runner's own descriptor.
  pb_last_place=
  if [ -z "$pb_ended_by" ]; then pb_report_left "$pb_pid"; fi
  if [ -n "$pb_step_register" ]; then cat "$pb_id.out"; fi
}

# pb_judge: says in pb_exit_status and pb_reason how the command ended, once the check has been asked again.
pb_judge() {
  pb_reason=status
  [ "$pb_exit_status" != 81 ] || pb_reason=integrity
  case $pb_ended_by in
    late) pb_reason=timeout; [ "$pb_exit_status" != 0 ] || pb_exit_status=124 ;;
    stopped) pb_reason=stopped; [ "$pb_exit_status" != 0 ] || pb_exit_status=143 ;;
  esac
  [ -z "$pb_survivors" ] || pb_reason="$pb_reason $pb_survivors"
  #:with-takes pb_judge_offer
  if [ "$pb_exit_status" = 0 ] && [ -n "$pb_step_verify" ]; then
    pb_verifies=1
    pb_check
    pb_exit_status=$?
    pb_verifies=
    case $pb_exit_status in
      0 | 77) pb_exit_status=0 ;;
      79)
        pb_reason=verify
        if [ -n "$pb_why" ]; then printf '%s\n' "$pb_why"; fi
        ;;
      *) pb_read_check_error ;;
    esac
  fi
  # A program may not notice that the disk is full. Then there is no room for one more byte of what is registered; a blank at its end goes.
  if [ "$pb_exit_status" = 0 ] && [ -n "$pb_step_register" ]; then
    { printf ' ' >>"$pb_id.out"; } 2>/dev/null || pb_exit_status=1 pb_reason=full
  fi
}

# pb_wait_for_retry: false where there is no further try. Check mode asks once: what is not there yet will not come.
pb_wait_for_retry() {
  pb_read_stop
  [ -z "$pb_stop" ] && [ "$pb_mode" = run ] && [ "$pb_retry" -lt "$pb_step_retries" ] || return 1
  pb_retry=$((pb_retry + 1))
  pb_frame try "$pb_id" $pb_retry "$pb_exit_status"
  #:point try-said
  pb_sleep "$pb_step_delay"
  pb_read_stop
  [ -z "$pb_stop" ]
}
