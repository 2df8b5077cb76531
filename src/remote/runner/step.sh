# One step from its start to its end.

# pb_load_step N: resets what a step may say of itself and lets step N say it.
pb_load_step() {
  pb_id=$1 pb_survivors= pb_verifies=
  pb_step_skip= pb_step_groups= pb_step_name= pb_step_after= pb_step_before= pb_step_word= pb_step_digest=
  pb_step_creates= pb_step_check= pb_step_guard= pb_step_first_guard= pb_step_verify= pb_step_unknown=fail
  pb_step_owes= pb_step_due= pb_step_waiting= pb_waiting_args= pb_step_asks=
  pb_step_apply= pb_step_shell=sh pb_step_content= pb_step_args= pb_step_manual= pb_step_wait= pb_step_reboot=
  # The step's shell puts its own home there. An account of a service may have none: then the step starts in `/`.
  # shellcheck disable=SC2016
  pb_step_as=login pb_step_user= pb_step_cwd='"$pb_home" 2>/dev/null || cd /' pb_step_env= pb_step_needs=
  pb_step_uses= pb_step_secrets= pb_step_register= pb_step_exports= pb_step_export_names=
  pb_step_timeout= pb_step_retries=0 pb_step_delay=0 pb_step_allow=
  #:with-values pb_step_when=
  #:with-files pb_step_files=
  #:with-takes pb_step_takes=
  "_$1"
  [ -z "$pb_step_creates" ] || pb_step_verify=check
}

# pb_run_step N: runs one step. Sets pb_step_result: 0 lets the run continue, 1 ends it as failed, 2 as unknown.
pb_run_step() {
  pb_load_step "$1"
  pb_step_result=0 pb_ambiguous= pb_earlier_run= pb_earlier_id= pb_is_due=
  if pb_is_there_already; then
    pb_frame so "$pb_id"
    return
  fi
  pb_now
  pb_frame start "$pb_id" "$pb_clock"
  pb_mark_step
  #:point start-said
  # Each of these is true where it has ended the step. None is called in a condition: under bash and yash a check that is started
  # from there would go on behind a line that fails, because `set -e` has no effect in it, not even in a subshell.
  for pb_phase in pb_skip_by_when pb_reuse_result pb_reuse_earlier_run pb_reuse_reboot pb_skip_by_group pb_miss_value \
    pb_skip_by_changed pb_end_by_check pb_end_in_check_mode pb_end_ambiguous pb_apply; do
    #:with-values case $pb_phase in pb_skip_by_group) pb_skip_by_condition; case $? in 0) return ;; esac ;; esac
    "$pb_phase"
    case $? in 0) return ;; esac
  done
}

# A frame that could not be written does not change what the functions below answer.

# Most steps of most runs: a path is there, and no more is said of it than that.
pb_is_there_already() {
  [ -n "$pb_step_creates" ] && [ -n "$pb_is_first" ] && [ -e "$pb_step_creates" ] &&
    [ -z "$pb_step_skip$pb_step_groups$pb_step_after$pb_step_uses$pb_step_register$pb_step_exports" ]
}

pb_skip_by_when() {
  [ -n "$pb_step_skip" ] || return 1
  pb_report skipped 0 when
  return 0
}

# What follows is for plans without questions of groups; groups.sh takes its place elsewhere.
pb_read_answers() { pb_answered=; }
pb_skip_by_group() { return 1; }
pb_is_left_by_group() { pb_left=; }

# pb_skip REASON: a skipped step is remembered for the next boot, when it cannot be asked again.
pb_skip() {
  pb_skipped="$pb_skipped $pb_id"
  pb_report skipped 0 "$1"
  return 0
}

# An earlier runner of this run stored the result, or passed the step before one that rebooted the host: that counts.
pb_reuse_result() {
  [ -z "$pb_is_first" ] || return 1
  if [ -f "$pb_id.rc" ]; then
    read -r pb_outcome pb_status pb_rest <"$pb_id.rc"
  elif [ "$pb_id" -lt "$pb_rebooted_by" ]; then
    pb_outcome=unchanged pb_status=0
    case " $pb_skipped " in *" $pb_id "*) pb_outcome=skipped ;; esac
  else
    return 1
  fi
  #:with-takes [ "$pb_outcome" != changed ] || pb_offer
  pb_frame done "$pb_id" "$pb_outcome" "$pb_status" "$pb_clock" stored
  #:point stored-said
  [ "$pb_outcome" != changed ] || pb_pay_debt "$pb_run"
  pb_settle "$pb_outcome" "$pb_id.out"
  case $pb_outcome in failed | unknown) [ -n "$pb_step_allow" ] || pb_step_result=1 ;; esac
  return 0
}

# Earlier runs had the same step, and it has no check: the last of them that got to it says what became of it, unless a later change
# waits for it. pb_ambiguous is set where the step was started and left no result, in this run or in an earlier one.
pb_reuse_earlier_run() {
  # An empty note is of a step that a power cut kept from starting.
  if [ -z "$pb_is_first" ] && [ -s "$pb_id.began" ]; then
    pb_ambiguous=1
    return 1
  fi
  for pb_earlier in $pb_step_before; do
    pb_earlier_run=${pb_earlier%%/*} pb_earlier_id=${pb_earlier#*/}
    if [ -f "../$pb_earlier.rc" ]; then
      read -r pb_outcome pb_status pb_digest <"../$pb_earlier.rc"
      [ "$pb_outcome $pb_digest" = "changed $pb_step_digest" ] && ! pb_is_owed || return 1
      pb_keep_unchanged
      return 0
    elif [ -s "../$pb_earlier.began" ]; then
      pb_ambiguous=1
      return 1
    fi
  done
  # The controller remembers a run that is forgotten here, where the last twenty are kept.
  [ -n "$pb_step_word" ] && [ ! -d "../${pb_step_word#* }" ] || return 1
  pb_earlier_run=${pb_step_word#* } pb_earlier_id=$pb_id
  case $pb_step_word in
    done*)
      ! pb_is_owed || return 1
      pb_keep_unchanged
      ;;
    *) pb_ambiguous=1; return 1 ;;
  esac
}
pb_keep_unchanged() {
  pb_frame done "$pb_id" unchanged 0 "$pb_clock" "before $pb_earlier_run"
  pb_settle unchanged "../$pb_earlier_run/$pb_earlier_id.out"
}

# The host was to reboot, and no runner saw it: whether it did is plain from the boot that the step was started in.
pb_reuse_reboot() {
  [ -n "$pb_step_reboot" ] && [ -n "$pb_ambiguous" ] || return 1
  pb_note=$pb_id.began pb_began_clock=0 pb_began_boot=
  [ -z "$pb_earlier_run" ] || pb_note=../$pb_earlier_run/$pb_earlier_id.began
  read -r pb_began_clock pb_began_boot pb_rest <"$pb_note"
  if [ "$pb_began_boot" != "$pb_boot" ]; then
    pb_finish changed 0 rebooted
  elif [ -z "$pb_earlier_run" ]; then
    pb_await_reboot "$pb_began_clock"
  else
    pb_ambiguous=
    return 1
  fi
}

# A secret that was not delivered, or a value that was not registered.
pb_miss_value() {
  pb_find_missing || return 1
  case $pb_missing in
    secret*) pb_finish failed 0 "$pb_missing" ;;
    *) pb_end_unsure 0 "$pb_missing" ;;
  esac
  return 0
}

# pb_find_missing: whether a value that the step uses is not there; sets pb_missing to which.
pb_find_missing() {
  for pb_name in $pb_step_secrets; do
    eval "[ -z \"\${pb_m_$pb_name-}\" ]" || continue
    pb_missing="secret $pb_name"
    return 0
  done
  for pb_name in $pb_step_uses; do
    eval "[ -z \"\${pb_r_$pb_name+1}\" ]" || continue
    pb_missing="register $pb_name"
    #:with-values pb_explain_missing "$pb_name"
    return 0
  done
  return 1
}

# pb_end_unsure STATUS REASON: it cannot be found out whether the step has anything to do.
pb_end_unsure() {
  if [ "$pb_mode" = check ]; then pb_report unknown "$1" "$2"; else pb_finish failed "$1" "$2"; fi
}

pb_skip_by_changed() {
  [ -n "$pb_step_after" ] || return 1
  for pb_earlier in $pb_step_after; do
    case " $pb_changed " in *" $pb_earlier "*) return 1 ;; esac
  done
  if pb_is_owed; then
    pb_is_due=owed
    return 1
  fi
  pb_skip when_changed
}

# A manual step asks again until a person has done it.
pb_end_by_check() {
  pb_read_waiting
  pb_is_text_shown=
  while :; do
    pb_check
    pb_status=$?
    #:point asked
    pb_read_answer $pb_status && return 0
    [ -n "$pb_step_manual" ] || return 1
    pb_wait_for_person && return 0
  done
}

# pb_read_answer STATUS: false where the step needs a change.
pb_read_answer() {
  case $1 in
    0)
      if [ -n "$pb_ambiguous" ]; then
        pb_finish changed 0 found
        return 0
      fi
      pb_pay_debt
      pb_report unchanged 0
      #:point unchanged-said
      pb_settle unchanged "$pb_id.out"
      ;;
    77) pb_skip only_if ;;
    79)
      if [ -n "$pb_why" ]; then pb_frame diff "$pb_id" "$(printf '%s' "$pb_why" | tr -d '\036')"; fi
      return 1
      ;;
    *)
      pb_read_check_error
      pb_end_unsure "$1" "$pb_reason"
      ;;
  esac
  return 0
}

# pb_wait_for_person: false where the check is to be asked again.
pb_wait_for_person() {
  if [ -z "$pb_is_text_shown" ]; then
    eval "printf '%s\n' $pb_step_manual"
    pb_is_text_shown=1
  fi
  if [ -z "$pb_step_wait" ] || [ "$pb_mode" = check ]; then
    pb_skipped="$pb_skipped $pb_id"
    pb_report byhand 0
    return 0
  fi
  pb_frame hold "$pb_id"
  pb_sleep 5
  pb_read_stop
  [ -n "$pb_stop" ] || return 1
  pb_step_allow=
  pb_finish failed 0 stopped
}

# A step that only asks changes nothing, and is carried out in check mode too.
pb_end_in_check_mode() {
  [ "$pb_mode$pb_step_asks" = check ] || return 1
  pb_report would 0 "${pb_is_due:-${pb_step_verify:-always}}"
  pb_settle would "$pb_id.out"
}

# The step was started, left no result and has no check: its option on_unknown decides.
pb_end_ambiguous() {
  [ -n "$pb_ambiguous" ] && [ -z "$pb_step_verify" ] || return 1
  case $pb_step_unknown in
    fail)
      pb_frame done "$pb_id" unknown 0 "$pb_clock" "lost $pb_earlier_run"
      #:point unknown-said
      pb_step_result=2
      ;;
    done) pb_finish changed 0 assumed ;;
    *) return 1 ;;
  esac
  return 0
}
