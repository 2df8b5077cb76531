# Locks. The run's lock (descriptor 8) lives as long as any process of the run; the user's lock (9) is the
# runner's alone. Its end of the pipe by which it keeps the host's lock is descriptor 7.
#
# pb_lock DESCRIPTOR FILE: takes the lock on the file that is open there. It tries for a moment, since a look at a lock takes it.
# pb_is_held FILE: whether some process has the lock of that run.

if command -v flock >/dev/null 2>&1; then
  pb_lock() {
    for pb_pause_before_retry in 1 1 2 ''; do
      case $1 in
        8) flock -n 8 8>&8 ;;
        9) flock -n 9 9>&9 ;;
      esac && return 0
      [ -z "$pb_pause_before_retry" ] || pb_pause "$pb_pause_before_retry"
    done
    return 1
  }
  pb_is_held() { [ -f "$1" ] && ! flock -n -s "$1" true 8>&- 9>&-; }
else
  # Without flock a lock is held by the one process that has the file open at this descriptor. Each opens the file before it looks,
  # so that two can never both find it free. Both can find it taken, and try again after pauses of unequal length.
  pb_has_alone() {
    for pb_opened in /proc/[0-9]*/fd/"$1"; do
      pb_holder=${pb_opened#/proc/}
      if [ "${pb_holder%%/*}" != $$ ] && [ "$pb_opened" -ef "$2" ]; then return 1; fi
    done
  }
  pb_lock() {
    for pb_unequal in 1 3 7 9 ''; do
      pb_has_alone "$1" "$2" && return 0
      [ -n "$pb_unequal" ] || return 1
      case $1 in 8) exec 8>&- ;; 9) exec 9>&- ;; esac
      pb_pause $((($$ + pb_unequal) % 9 + 1))
      case $1 in 8) exec 8>>"$2" ;; 9) exec 9>>"$2" ;; esac
    done
  }
  pb_is_held() { ! pb_has_alone 8 "$1"; }
fi

# pb_take_run_lock: leaves where another runner of this run lives, or something of a step of one; the delivery follows that.
pb_take_run_lock() {
  exec 8>>lock
  #:point lock-opened
  pb_lock 8 lock || pb_leave
  #:point run-locked
  [ ! -s end ] || pb_leave
}

# pb_take_user_lock: there is one run at a time for each user of a host. The file is opened only when the run is locked: a runner
# that waits for the first lock must not count as a holder of the second.
pb_take_user_lock() {
  exec 9>>../../lock
  pb_lock 9 ../../lock || pb_busy
  #:point host-locked
  pb_wait_for_last_run
}

# pb_wait_for_last_run: the runner of the last run may have died while something of a step lives on. The lock may also be held
# by a runner that has found the host taken, and leaves soon.
pb_wait_for_last_run() {
  pb_owner_run=
  { read -r pb_owner_run pb_rest <../../owner; } 2>/dev/null
  case $pb_owner_run in '' | "$pb_run") return ;; esac
  [ -d "../$pb_owner_run" ] && [ ! -f "../$pb_owner_run/end" ] || return
  for pb_pause_before_retry in 5 5 5 ''; do
    pb_is_held "../$pb_owner_run/lock" || return
    [ -n "$pb_pause_before_retry" ] || pb_busy
    pb_pause "$pb_pause_before_retry"
  done
}

# pb_busy: says which run has the host, and ends. The run that has just taken it may not have written its name yet, and the one
# that had it may be dying this moment; so this waits up to two seconds for a clear answer.
pb_busy() {
  pb_tenths=0
  until pb_find_owner; do
    if [ "$pb_tenths" -ge 20 ]; then
      if [ ! -f "../$pb_owner_run/end" ] && pb_is_held "../$pb_owner_run/lock"; then break; fi
      pb_leave
    fi
    pb_tick
  done
  pb_refuse_busy
}

# pb_find_owner: sets pb_owner to the owner's line; false unless that run has a living runner.
pb_find_owner() {
  pb_owner='- - -'
  { read -r pb_owner <../../owner; } 2>/dev/null
  pb_owner_run=${pb_owner%% *} pb_owner_pid=- pb_owner_started=
  [ "$pb_owner_run" != "$pb_run" ] || pb_leave
  { read -r pb_owner_pid pb_owner_started pb_rest <"../$pb_owner_run/runner"; } 2>/dev/null
  pb_find_start_time "$pb_owner_pid"
  [ ! -f "../$pb_owner_run/end" ] && [ -n "$pb_start_time" ] && [ "$pb_start_time" = "$pb_owner_started" ]
}

# pb_refuse_busy: nothing of this run lives or will, so its folder may go with the old ones. Until then its own delivery reads it.
pb_refuse_busy() {
  pb_frame busy "$pb_owner"
  { printf '%s\n' "$pb_run" >>../../order; } 2>/dev/null
  printf 'busy\n' >end
  pb_leave
}

# pb_leave: ends before anything was started.
pb_leave() {
  [ -z "$pb_memory" ] || rm -rf "$pb_memory"
  exit 0
}
