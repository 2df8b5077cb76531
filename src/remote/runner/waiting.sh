# Waiting for a step's command or check, which a `timeout` or a stop may end. A trap sets pb_signalled when a signal comes; the
# file `stop` says what is wanted.

# pb_wait: waits for pb_pid. Sets pb_exit_status, and pb_ended_by to `late` or `stopped` where it was ended from here.
pb_wait() {
  pb_ender= pb_ended_by=
  pb_start_watchdog
  while :; do
    # The stop may be older than the process. Where it comes between this look and the waiting, the signal is repeated.
    pb_signalled=
    pb_read_stop
    if [ "$pb_stop" = 2 ] && [ -z "$pb_ender" ]; then
      pb_ended_by=stopped
      (
        exec 7>&- 8>&- 9>&-
        trap '' TERM USR1 HUP INT
        pb_end_processes "$pb_pid"
      ) &
      pb_ender=$!
    fi
    wait "$pb_pid"
    pb_exit_status=$?
    [ -n "$pb_signalled" ] || break
  done
  pb_stop_watchdog
  if [ -n "$pb_ender" ]; then pb_join "$pb_ender"; fi
  if [ -n "$pb_ended_by" ]; then pb_name_survivors "$pb_pid"; fi
}

# pb_start_watchdog: ends the process when the step's `timeout` is over; the file N.late tells the runner so.
#
# It is stopped by a signal that the runner itself has no trap for. A shell that has just been started still has the runner's
# traps, and would take any other for its own and lose it: the runner then waited until the whole `timeout` was over.
pb_start_watchdog() {
  pb_watchdog=
  [ -n "$pb_step_timeout" ] || return 0
  [ ! -f "$pb_id.late" ] || rm -f "$pb_id.late"
  (
    exec 7>&- 8>&- 9>&-
    trap 'kill $pb_sleeper 2>/dev/null; exit' USR2
    sleep "$pb_step_timeout" &
    pb_sleeper=$!
    wait $pb_sleeper
    trap '' USR2
    : >"$pb_id.late"
    pb_end_processes "$pb_pid"
  ) &
  pb_watchdog=$!
}
pb_stop_watchdog() {
  [ -n "$pb_watchdog" ] || return 0
  kill -USR2 "$pb_watchdog" 2>/dev/null
  pb_join "$pb_watchdog"
  if [ -f "$pb_id.late" ] && [ -z "$pb_ended_by" ]; then pb_ended_by=late; fi
}

# pb_join PID: waits for one of our own helpers, signals or not.
pb_join() { while kill -0 "$1" 2>/dev/null; do wait "$1" 2>/dev/null; done; }

# pb_read_stop: sets pb_stop to 1 (start no new step), 2 (end the current step as well) or nothing.
pb_read_stop() {
  pb_stop=
  { read -r pb_stop <stop; } 2>/dev/null
}

# pb_sleep SECONDS: a pause that a stop ends. It holds no lock, which would keep the next runner waiting.
pb_sleep() {
  pb_signalled=
  sleep "$1" 7>&- 8>&- 9>&- &
  pb_pid=$!
  wait $pb_pid
  [ -z "$pb_signalled" ] || kill $pb_pid 2>/dev/null
}
