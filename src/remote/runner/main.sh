# The runner carries out the plan on the host, detached from any connection. It is POSIX sh, and nothing else is assumed.
#
# The program is joined from these files by the build, with what they do not define in front (pb_run, pb_nonce, pb_mode, pb_total,
# pb_user_of, which says who started the run and when, pb_preflight_steps, pb_reboot_steps, pb_lib with the functions of kinds) and
# behind them (_1, _2 and so on, the functions of the steps). The working directory is the run's own folder. Standard output and
# standard error are the file `out`, and descriptor 5 is `log`. The delivery gives pb_mem (where the secrets are put), pb_from and
# pb_out (which byte of each is wanted next) and pb_umask (the login's own) in the environment.
#
# Every name of the runner begins with pb_; what is sent has shorter ones. A line `#:point NAME` is where a test may end the
# runner; in what is sent it is a comment, and left out.

pb_main() {
  pb_prepare
  pb_take_run_lock
  pb_take_user_lock
  pb_clear_memory
  pb_take_secrets
  #:point memory-cleared
  pb_leave_login_scope
  pb_register_runner
  pb_read_answers
  pb_find_last_reboot
  #:with-values pb_find_facts
  pb_is_fit=0
  if [ "$pb_rebooted_by" = 0 ]; then
    pb_preflight
    pb_is_fit=$?
  fi
  if [ $pb_is_fit = 0 ]; then
    pb_run_steps
  else
    pb_end=unfit
  fi
  pb_end_run
  pb_prune_runs
}

# pb_prepare: the runner's own settings. What came in the environment is taken out of it, so that no step finds it there. All that the
# runner itself writes is private; the shells of steps have the login's umask, which the delivery gives.
pb_prepare() {
  umask 077
  set +aefu
  # shellcheck disable=SC3045 # It is bash, which would hand the login's own `set` on to every shell of a step.
  [ -z "${BASH_VERSION-}" ] || export -n SHELLOPTS
  exec >>out 2>&1 5>>log </dev/null || exit 6
  pb_memory=${pb_mem-} pb_from_byte=${pb_from:-1} pb_login_umask=${pb_umask:-022}
  pb_least_size=$((${pb_out:-1} - 1)) pb_marked_size=0 pb_last_place=
  unset -v pb_mem pb_from pb_out pb_umask
  pb_quote "$(pwd)/plan"
  pb_quoted_plan=$pb_ret
  pb_home=$HOME
  pb_quote "$pb_home"
  pb_quoted_home=$pb_ret
  pb_results=0 pb_exports= pb_registered= pb_changed= pb_skipped= pb_has_changed= pb_sudo= pb_signalled= pb_boot=-
  { read -r pb_boot <"${pb_boot_file:-/proc/sys/kernel/random/boot_id}"; } 2>/dev/null
  pb_uid=
  [ -z "$pb_preflight_steps" ] || pb_find_uid
  pb_setsid=
  if command -v setsid >/dev/null 2>&1; then pb_setsid=setsid; fi
  trap 'pb_signalled=1' TERM USR1 HUP INT
}

# pb_find_last_reboot: sets pb_rebooted_by to the last step that has started to reboot the host. Only a plan that reboots has one.
pb_find_last_reboot() { pb_rebooted_by=0; }

# pb_run_steps: sets pb_end to how the run ends. It has ended well only where every step has a result.
pb_run_steps() {
  pb_end=ok pb_number=1 pb_results=0
  while [ "$pb_number" -le "$pb_total" ]; do
    if [ -f stop ]; then
      pb_end=stopped
      [ -z "$pb_is_first" ] || return 0
      pb_report_stopped_step
    else
      pb_run_step "$pb_number"
      case $pb_step_result in
        1) pb_end=failed; [ ! -f stop ] || pb_end=stopped; return 0 ;;
        2) pb_end=unknown; return 0 ;;
      esac
    fi
    pb_number=$((pb_number + 1))
  done
  if [ "$pb_end" = ok ] && [ "$pb_results" != "$pb_total" ]; then pb_end=unknown; fi
}

# pb_report_stopped_step: what an earlier runner has stored is said; what it left unfinished is not asked any more, and not passed
# over in silence.
pb_report_stopped_step() {
  if [ -f "$pb_number.rc" ]; then
    pb_run_step "$pb_number"
  elif [ -s "$pb_number.began" ]; then
    pb_id=$pb_number
    pb_now
    pb_frame start "$pb_id" "$pb_clock"
    pb_report unknown 0 cut
  fi
}
