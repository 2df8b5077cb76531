# The record: what the run's folder says of the run and its steps, so that another runner, another run or another machine knows.

# Where there is no sync, what is written is all that can be had.
if command -v sync >/dev/null 2>&1; then
  pb_flush() { sync "$@" 2>/dev/null || sync 2>/dev/null; }
else
  pb_flush() { :; }
fi

# pb_note_start: notes that the step starts. The place for its result is reserved first, and both are on disk before it starts.
# False where there is no room for them: the step is not started, since its result could not be stored.
pb_note_start() {
  if ! { printf '%-100s\n' '' >"$pb_id.rct" && pb_lay_debts; }; then
    pb_report_no_room
    return 1
  fi
  #:point result-reserved
  if ! printf '%s\n' "$pb_clock $pb_boot$pb_skipped" >"$pb_id.began"; then
    rm -f "$pb_id.began"
    pb_report_no_room
    return 1
  fi
  #:point began-written
  # Before the first of them goes everything that a new runner must find after a power cut: the plan, and the run's folder itself.
  # shellcheck disable=SC2086 # A list of files.
  if [ -n "$pb_has_changed" ]; then
    pb_flush "$pb_id.rct" "$pb_id.began" log out . $pb_answered $pb_marks
  else
    pb_flush plan nonce log out .. "$pb_id.rct" "$pb_id.began" . $pb_answered $pb_marks
  fi
  pb_has_changed=1
  #:point began-synced
}
pb_report_no_room() {
  case $( { : >"$pb_id.rct"; } 2>&1) in
    *ead-only*) pb_reason='readonly' ;;
    *) pb_reason=full ;;
  esac
  pb_frame done "$pb_id" failed 0 "$pb_clock" $pb_reason
  pb_step_result=1
}

# pb_finish OUTCOME STATUS [REASON]: stores how the step ended, and then says it. What cannot be stored is not said to be done,
# and ends the run: a rerun takes a result that was said for one that is there.
pb_finish() {
  pb_now
  pb_has_changed=1
  [ "$1" != failed ] || pb_skipped="$pb_skipped $pb_id"
  # Twice, since the program that stores it may be killed.
  if ! { pb_store "$1 $2 $pb_step_digest" || pb_store "$1 $2 $pb_step_digest"; } 2>/dev/null; then
    pb_frame done "$pb_id" unknown "$2" "$pb_clock" "unstored $1"
    pb_step_result=2
    return
  fi
  #:point result-kept
  [ "$1" != changed ] || pb_pay_debt
  #:point debt-paid
  #:with-takes [ "$1" != changed ] || pb_offer
  pb_frame done "$pb_id" "$1" "$2" "$pb_clock" "${3-}"
  #:point done-said
  if [ "$1" = failed ] && [ -z "$pb_step_allow" ]; then pb_step_result=1; fi
  pb_settle "$1" "$pb_id.out"
}

# pb_store RESULT: writes it over the reserved bytes without truncating them, which works on a full disk too.
pb_store() {
  printf '%s\n' "$1" 1<>"$pb_id.rct" || return
  #:point result-written
  if [ -n "$pb_step_register" ] && [ -f "$pb_id.out" ]; then
    pb_flush "$pb_id.rct" "$pb_id.out" log out
  else
    pb_flush "$pb_id.rct" log out
  fi
  #:with-takes [ -z "$pb_step_takes" ] || [ ! -f "$pb_id.have" ] || pb_flush "$pb_id.have"
  #:point result-synced
  mv -f "$pb_id.rct" "$pb_id.rc" || return
  #:point result-renamed
  pb_flush . || return 0
}

# pb_settle OUTCOME OUTPUT: keeps what later steps may use of this one: that it changed, what it exports, what it registers.
pb_settle() {
  case $1 in changed | would) pb_changed="$pb_changed $pb_id" ;; esac
  case $1 in changed | unchanged | would) ;; *) return 0 ;; esac
  pb_keep_exports
  if [ -n "$pb_step_register" ] && [ -f "$2" ]; then
    pb_value=$(cat "$2")
    # Blanks at both ends go.
    pb_value=${pb_value#"${pb_value%%[![:space:]]*}"}
    pb_value=${pb_value%"${pb_value##*[![:space:]]}"}
    eval "pb_r_$pb_step_register=\$pb_value"
    pb_registered="$pb_registered pb_r_$pb_step_register"
  fi
}

# pb_keep_exports: adds the step's exports to pb_exports, the shell text in front of every later step. They are never variables
# of the runner.
pb_keep_exports() {
  [ -n "$pb_step_exports" ] || return 0
  pb_load_secrets
  eval "set -- $pb_step_exports"
  pb_unload_secrets
  for pb_name in $pb_step_export_names; do
    pb_quote "$1"
    case $pb_name in
    *:) pb_name=${pb_name%:} pb_ret="$pb_ret\"\${$pb_name:+:\$$pb_name}\"" ;;
    esac
    pb_exports="$pb_exports$pb_name=$pb_ret; export $pb_name
"
    shift
  done
}

# pb_register_runner: names this run as the user's last one, and this process as its runner.
pb_register_runner() {
  pb_now
  pb_find_start_time $$
  printf '%s %s\n' "$pb_run" "$pb_user_of" >../../owner
  #:point owner-written
  pb_is_first=1
  if [ -f runner ]; then pb_is_first=; else pb_queue_run; fi
  #:point turn-taken
  printf '%s %s %s\n' $$ "$pb_start_time" "$pb_boot" >runner
  #:point runner-written
  # A power cut takes what was in the log and not yet on disk. Where the controller has been shown more than there is now, blanks fill
  # the place of those bytes, so that what follows has places of its own.
  [ -n "$pb_is_first" ] || pb_fill $((pb_from_byte - 1 - $(wc -c <log))) >&5
  pb_frame run $$ "$pb_clock"
  #:point run-said
}

# pb_queue_run: puts this run at the end of the list of runs, and keeps that list short. The lock keeps every other run out.
pb_queue_run() {
  {
    printf '%s\n' "$pb_run" >>../../order
    pb_runs=0
    while read -r pb_rest; do pb_runs=$((pb_runs + 1)); done <../../order
    if [ $pb_runs -gt 100 ]; then tail -n 50 ../../order >../../order.new && mv -f ../../order.new ../../order; fi
  } 2>/dev/null
}

# pb_end_run: the next run may start the moment that the end is heard, so the end is stored and the locks are free before it is
# said. It is on disk by then where the run has done something; a run that has done nothing may be done again.
pb_end_run() {
  [ -z "$pb_has_changed" ] || pb_flush log out
  printf '%s\n' "$pb_end" >end || { rm -f spare; printf '%s\n' "$pb_end" >end; }
  #:point end-written
  [ -z "$pb_has_changed" ] || pb_flush end .
  #:point end-synced
  exec 7>&- 8>&- 9>&-
  pb_frame end "$pb_end"
  #:point end-said
  rm -f spare why
}

# pb_prune_runs: keeps the last twenty runs. The list says which those are, since the clock may have been set back; what is in no
# list is older. A run leaves in one step: half a record would be taken for one that never started.
pb_prune_runs() {
  cd .. || exit 0
  for pb_old in ../old-*; do [ ! -d "$pb_old" ] || rm -rf "$pb_old"; done
  pb_latest_first=
  if [ -f ../order ]; then while read -r pb_old; do pb_latest_first="$pb_old $pb_latest_first"; done <../order; fi
  pb_runs=0 pb_seen=' '
  # shellcheck disable=SC2045 # The names are eight digits each.
  for pb_old in $pb_latest_first $(ls -t); do
    case $pb_seen in *" $pb_old "*) continue ;; esac
    pb_seen="$pb_seen$pb_old "
    [ -d "$pb_old" ] || continue
    pb_runs=$((pb_runs + 1))
    if [ $pb_runs -gt 20 ] && [ -f "$pb_old/end" ] && mv "$pb_old" "../old-$pb_old" 2>/dev/null; then
      #:point pruned
      rm -rf "../old-$pb_old"
    fi
  done
}
