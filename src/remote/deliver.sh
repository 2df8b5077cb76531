# The delivery: what the exec string carries besides the plan. It claims the run's folder, puts the complete plan there, starts the
# runner detached and follows its log. Delivered again, it only follows, or lets a new runner resume where the record ends.
#
# In front of it stand pb_run, pb_nonce, pb_from (first byte of the log wanted, counted from 1), pb_out (first byte of what steps printed; 0: none is), pb_sum (cksum and size of the plan),
# pb_after (a run to follow instead while it runs), pb_stdin (what comes on standard input), pb_in (the files that have the plan
# instead of standard input), pb_follow (not empty: start nothing),
# pb_resume (with pb_follow: resume from the plan that is there, where its runner is gone), pb_host (the machine id that an earlier
# run saw; empty: any) and pb_stored (results that earlier runs saw stored, as RUN/STEP:DAY:TIME, when they were still there).

# pb_say WORD…: writes a frame. Where printf is a program of its own, it can be killed alone: then it is as if the delivery had been.
pb_say() { printf '\036pb:%s %s\036\n' "$pb_nonce" "$*" || exit 137; }
pb_unfit() { pb_say unfit "$*"; exit 6; }
# pb_do WHAT COMMAND…: runs a command that must work, and reports why it did not. A command that was killed says nothing about the
# host: it is as if the delivery itself had been.
pb_do() {
  pb_what=$1
  shift
  pb_err=$("$@" 2>&1) || pb_failed $? "$pb_what"
}
pb_claimed=
# pb_is_there: a delivery of the same run that was cut off has taken its empty folder away again: the controller connects again.
pb_is_there() { [ -z "$pb_claimed" ] || [ -d "../$pb_run" ] || exit 137; }
pb_failed() {
  [ "$1" -le 128 ] || exit "$1"
  pb_is_there
  pb_unfit "$2" "$pb_err"
}
# bash hands on what the login has set in an exported SHELLOPTS.
set +efu
# A start-up file that takes the system's programs out of PATH must not keep them from repairing it.
command -v mkdir >/dev/null 2>&1 || export PATH="${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# pb_held FILE: whether some living process holds the lock of a run. pb_wait FILE: until none does any more. Without flock, a process
# holds it that has the file open at the descriptor that the runner gives to its steps.
if command -v flock >/dev/null 2>&1; then
  pb_held() { [ -f "$1" ] && ! flock -n -s "$1" true; }
  pb_wait() { exec flock -s "$1" true; }
else
  [ -d /proc/self/fd ] || pb_unfit record nolock
  pb_held() {
    for pb_opened in /proc/[0-9]*/fd/8; do [ ! "$pb_opened" -ef "$1" ] || return 0; done
    return 1
  }
  pb_wait() { while pb_held "$1"; do sleep .2 2>/dev/null || sleep 1; done; }
fi
# pb_runs: whether the runner that wrote `runner` lives; sets pb_pid. Another process may have its number by now.
pb_runs() {
  pb_pid=
  { read -r pb_pid pb_start pb_rest <runner; } 2>/dev/null
  [ -n "$pb_pid" ] && kill -0 "$pb_pid" 2>/dev/null || return 1
  { read -r pb_rest <"/proc/$pb_pid/stat"; } 2>/dev/null || return 0
  # shellcheck disable=SC2086 # The fields are split here.
  set -- ${pb_rest##*) }
  [ "${20-$pb_start}" = "$pb_start" ]
}
# The machine's own name. A first boot says `uninitialized` there.
pb_id=
{ read -r pb_id <"${pb_machine_file:-/etc/machine-id}"; } 2>/dev/null
case $pb_id in *[!0-9a-f]*) pb_id= ;; esac
if [ -n "$pb_host" ] && [ "$pb_id" != "$pb_host" ]; then pb_say stranger "$pb_id"; exit 10; fi
# The record is private; steps have the umask that the login has.
pb_umask=$(umask)
umask 077
[ -n "${HOME-}" ] || pb_unfit home unset
cd "$HOME" 2>/dev/null || pb_unfit home "$HOME"
case $HOME in /*) ;; *) HOME=$(pwd) && export HOME ;; esac
if [ -h .pinboot ]; then pb_unfit record link; fi
# Another delivery may make the folders at the same moment.
[ -d .pinboot ] || pb_do record mkdir -p .pinboot
[ -O .pinboot ] || pb_unfit record owner
pb_err=
pb_have=$(ls -ld .pinboot) || pb_failed $? record
case $pb_have in drwx------*) ;; *) pb_unfit record mode ;; esac
cd ./.pinboot || pb_unfit record cd
[ -d runs ] || pb_do record mkdir -p runs
cd ./runs || pb_unfit record cd
# pb_forgets DAY TIME: whether what was here at that time may have been removed since: twenty runs are kept, and the last is later. A
# digit stands before the time, since not every shell takes 09 for a number.
pb_forgets() {
  pb_runs_kept=0 pb_last_time=
  for pb_folder in */; do pb_runs_kept=$((pb_runs_kept + 1)); done
  [ $pb_runs_kept -ge 20 ] || return 1
  { read -r pb_rest pb_rest pb_last_time <../owner; } 2>/dev/null
  pb_ifs=$IFS
  IFS=-T:.Z
  # shellcheck disable=SC2086 # The parts of a time are split here.
  set -- "$1" "1$2" $pb_last_time
  IFS=$pb_ifs
  [ "$3$4$5" -gt "$1" ] 2>/dev/null || { [ "$3$4$5" = "$1" ] && [ "1$6$7$8$9" -ge "$2" ] 2>/dev/null; }
}
# Less than earlier runs saw stored: an older copy of the host's disk, or another one.
for pb_result in $pb_stored; do
  pb_time=${pb_result#*:} pb_result=${pb_result%%:*}
  if [ -f "$pb_result.rc" ]; then continue; fi
  if [ -d "${pb_result%/*}" ]; then pb_say stale "${pb_result%/*}" "${pb_result#*/}"; exit 10; fi
  pb_forgets "${pb_time%:*}" "${pb_time#*:}" || { pb_say lost "${pb_result%/*}"; exit 10; }
done
# A rerun follows the run that it is to finish as long as that one runs.
if [ -n "$pb_after" ] && [ -d "$pb_after" ] && [ ! -f "$pb_after/end" ] && pb_held "$pb_after/lock"; then
  pb_other_nonce=
  { read -r pb_other_nonce <"$pb_after/nonce"; } 2>/dev/null
  pb_say other "$pb_after" "$pb_other_nonce"
  exit 0
fi
# A run that found the host taken left nothing but its name.
if [ -z "$pb_follow" ] && { read -r pb_end <"$pb_run/end"; } 2>/dev/null && [ "$pb_end" = busy ]; then rm -rf "$pb_run"; fi
# Who has the host is found out before anything is claimed; the runner asks once more, for those who come at the same moment.
if [ -z "$pb_follow" ] && [ ! -d "$pb_run" ] && { read -r pb_owner <../owner; } 2>/dev/null; then
  pb_last=${pb_owner%% *}
  if [ -d "$pb_last" ] && [ ! -f "$pb_last/end" ] && pb_held "$pb_last/lock"; then pb_say busy "$pb_owner"; exit 9; fi
fi
pb_new=
# A run whose log has been seen was started: where its record is gone, it is not started again.
if [ ! -d "$pb_run" ] && { [ -n "$pb_follow" ] || [ "$pb_from" -gt 1 ]; }; then pb_say none; exit 0; fi
if [ -n "$pb_resume" ] && [ ! -f "$pb_run/plan" ]; then pb_say none; exit 0; fi
if mkdir "$pb_run" 2>/dev/null; then pb_new=1
elif [ ! -d "$pb_run" ]; then pb_do record mkdir -p "$pb_run"; fi
#:point claimed
cd "./$pb_run" 2>/dev/null || { [ -d "$pb_run" ] || exit 137; pb_unfit record cd; }
pb_claimed=1
# pb_cut: something reads standard input before this. The next delivery of the run claims it anew.
pb_cut() {
  # shellcheck disable=SC2086 # A pattern.
  rm -f $pb_in
  rmdir "../$pb_run" 2>/dev/null
  pb_unfit record "cut off"
}
# The secrets are read first, as a line of shell; the rest of standard input is the plan.
pb_secrets=
case $pb_stdin in *secrets*) IFS= read -r pb_secrets || pb_cut ;; esac
# The password for sudo comes next. It goes to the runner through a pipe, and into no file.
pb_password=
case $pb_stdin in *sudo*) IFS= read -r pb_password || pb_cut ;; esac
pb_sound() {
  pb_have=$(cksum <"$1") || [ $? -le 128 ] || exit 137
  [ "${pb_have% *} ${pb_have##* }" = "$pb_sum" ]
}
# pb_has_started: whether some step has. What a power cut took from the plan before that may be sent anew. The note of a step is on
# disk before the step starts: an empty one is of a step that did not start.
pb_has_started() {
  for pb_note in *.began; do [ ! -s "$pb_note" ] || return 0; done
  pb_held lock
}
if [ -n "$pb_follow" ]; then :
elif [ ! -f plan ] || { ! pb_sound plan && ! pb_has_started; }; then
  # Two deliveries of one run may write it at once: each its own file, the same bytes.
  case $pb_stdin in
    *plan*)
      # shellcheck disable=SC2086 # A pattern.
      pb_err=$( { cat $pb_in >"plan.$$"; } 2>&1)
      ;;
    *) pb_err=$( { printf %b "$2" >"plan.$$"; } 2>&1) ;;
  esac || [ $? -le 128 ] || exit 137
  #:point plan-received
  if ! pb_sound "plan.$$"; then
    pb_is_there
    rm -f "plan.$$"
    # Not every shell says itself that the disk is full.
    # shellcheck disable=SC2046 # The columns are split here.
    pb_free=$(set -- $(df -Pk . 2>/dev/null | tail -n 1); echo "$4")
    [ "$pb_free" != 0 ] || pb_unfit record "No space left on device"
    [ -n "$pb_err" ] || pb_cut
    pb_unfit record "$pb_err"
  fi
  pb_err=$( { printf '%s\n' "$pb_nonce" >nonce; } 2>&1) || pb_failed $? record
  #:point nonce-written
  pb_do record mv -f "plan.$$" plan
  # shellcheck disable=SC2086 # A pattern.
  [ -z "$pb_in" ] || rm -f $pb_in
  #:point plan-kept
elif ! pb_sound plan; then
  # Where the sum could not be made, the controller connects again.
  case $pb_have in [0-9]*' '[0-9]*) ;; *) exit 137 ;; esac
  pb_say mismatch "$pb_run"
  exit 10
fi
# A log that is there is left alone, so that a run can be followed on a file system that has become read-only.
[ -f log ] || pb_do record touch log
# A plan of today keeps what steps print apart from the log. A run of an older pinboot has both in the log.
pb_apart= pb_line=
{ IFS= read -r pb_line <plan; } 2>/dev/null
case $pb_line in *" pb_apart=1"*) pb_apart=1 ;; esac
[ -z "$pb_apart" ] || [ -f out ] || pb_do record touch out
#:point log-made
pb_pid= pb_sick=
# An empty file is an end that a power cut took before it was on disk.
if [ -s end ]; then :
elif [ -z "$pb_new" ] && pb_held lock; then
  # A living runner is followed by its pid. Where only something of its step lives, the lock is followed.
  if ! pb_runs; then pb_wait lock & pb_pid=$!; fi
elif [ -n "$pb_follow" ] && [ -z "$pb_resume" ]; then :
# What the runner says must find a place on a disk that fills up.
elif pb_err=$( { printf '%16384s' '' >spare; } 2>&1) || { pb_sick=$?; false; }; then
  pb_mem=
  if [ -n "$pb_secrets" ]; then
    for pb_mem in "${XDG_RUNTIME_DIR-}" /dev/shm; do
      [ -n "$pb_mem" ] && [ -d "$pb_mem" ] && [ -w "$pb_mem" ] && break
      pb_mem=
    done
    [ -n "$pb_mem" ] || pb_unfit memory
    # Each delivery has a folder of its own, since it cannot know which of several runners gets the lock.
    pb_mem=$pb_mem/pinboot-$pb_run-$$
    rm -rf "$pb_mem"
    pb_do memory mkdir "$pb_mem"
    # It says which home it is for: other homes of the same user must leave it alone.
    { printf '%s\n' "$(pwd)" >"$pb_mem/.of" && eval "$pb_secrets"; } 2>/dev/null || {
      # A killed printf, or the runner of another delivery, which clears the memory of everything else: the controller connects again.
      [ $? -le 128 ] && [ -d "$pb_mem" ] || { rm -rf "$pb_mem"; exit 137; }
      pb_unfit memory "No space left on device"
    }
  fi
  #:point runner-starting
  # In the background, so that it becomes the runner.
  pb_start_runner() {
    set -- sh plan
    if command -v setsid >/dev/null 2>&1; then set -- setsid "$@"; else trap '' HUP; fi
    export pb_mem pb_from pb_out pb_umask
    exec "$@" >/dev/null 2>&1
  }
  if [ -z "$pb_password" ]; then pb_start_runner </dev/null &
  else
    # Printed by the shell itself: an argument of a program could be read by everybody.
    case ${KSH_VERSION-} in *MIRBSD*) print -r -- "$pb_password" ;; *) printf '%s\n' "$pb_password" ;; esac | pb_start_runner &
  fi
  pb_pid=$!
  #:point runner-started
else
  # No runner can work where nothing can be written. What the log of a started run has is shown, and then why that is all.
  [ "$pb_sick" -le 128 ] && [ -z "$pb_new" ] && pb_has_started || pb_failed "$pb_sick" record
fi
# The output of steps goes to standard error, behind this line. Where the two are one, the controller finds the line in the log.
if [ -z "$pb_apart" ]; then pb_say mixed
elif [ "$pb_out" -gt 0 ]; then
  pb_say aside "$pb_out" >&2
  exec 6>&2 2>/dev/null
fi
if [ -n "$pb_new" ]; then pb_state=new; elif [ -s end ]; then pb_state=over; else pb_state=again; fi
pb_say hello $pb_state "$pb_id"
#:point greeted
# pb_rest_of FILE: what has come since the last look, each byte once; pb_next is the first that is wanted. dd only sets the place;
# the status is that of one program.
pb_rest_of() {
  pb_size=$(wc -c <"$1") || return
  [ "$pb_size" -ge "$pb_next" ] || return 0
  { dd bs=1 skip=$((pb_next - 1)) count=0 2>/dev/null && head -c "$((pb_size - pb_next + 1))"; } <"$1" || return
  pb_next=$((pb_size + 1))
}
# pb_reaches FILE: whether a file reaches up to the first byte that is wanted. After a power cut it may be shorter than what was seen
# of it, until a runner has filled the gap. A tail that starts behind the end would take the file for a new one, and start at its
# first byte. Whether the runner lives is asked before the file is measured: otherwise one that fills the gap and ends in between
# would seem to have left it open, and what it said would not be shown.
pb_reaches() {
  [ "$pb_next" -gt 1 ] || return 0
  while
    pb_lives=
    [ -z "$pb_pid" ] || ! kill -0 "$pb_pid" 2>/dev/null || pb_lives=1
    pb_size=$(wc -c <"$1") || exit
    [ "$pb_size" -lt $((pb_next - 1)) ]
  do
    [ -n "$pb_lives" ] || return 1
    sleep .1 2>/dev/null || sleep 1
  done
}
# pb_tail FILE FROM: the file from that byte on, for as long as a runner lives. It ends when it gets SIGTERM, with the tail that it waits for.
pb_tail() {
  pb_next=$2
  trap 'kill "$pb_follower" 2>/dev/null; exit 143' TERM
  pb_reaches "$1" || return 0
  if [ -z "$pb_pid" ]; then
    tail -c "+$pb_next" "$1"
    return
  fi
  tail "--pid=$pb_pid" -s .01 -c "+$pb_next" -f "$1" 2>/dev/null &
  pb_follower=$!
  wait "$pb_follower" && return
  # Status 1 comes at once from a tail that does not know --pid, and so could not be ended at the right moment.
  [ $? = 1 ] || return
  while kill -0 "$pb_pid" 2>/dev/null; do
    pb_rest_of "$1" || return
    sleep .1 2>/dev/null || sleep 1
  done
  pb_rest_of "$1"
}
# What steps print goes beside the log. Neither of the two followers is left alone: a log without its output, or the other way round,
# would look like a run that stands still.
pb_aside= pb_follower=
if [ -n "$pb_apart" ] && [ "$pb_out" -gt 0 ]; then
  { pb_tail out "$pb_out" >&6 || kill $$; } &
  pb_aside=$!
fi
pb_tail log "$pb_from" || { kill "$pb_aside" 2>/dev/null; exit 137; }
[ -z "$pb_aside" ] || wait "$pb_aside" || exit
trap - TERM
#:point followed
pb_end=
{ read -r pb_end <end; } 2>/dev/null
if [ -n "$pb_end" ]; then
  # The runner may have died between storing the end and saying it. Or it said more behind the follower's last look, where that went
  # by a lock or by a second runner: a controller that has got less than there is asks for the rest.
  [ -z "$pb_pid" ] || pb_say size "$(wc -c <log)"
  pb_say end "$pb_end"
elif [ -n "$pb_sick" ]; then pb_unfit record "$pb_err"
# Where the follower was late and a next runner lives, the controller connects again.
elif ! pb_held lock; then pb_say gone; fi
