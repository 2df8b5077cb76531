# The processes of a step: what lives of them, and how they are ended.

# pb_read_stat PID: sets pb_stat to what the kernel says of a process behind its name: state, parent, group and more.
pb_read_stat() {
  { read -r pb_stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  pb_stat=${pb_stat##*) }
}

# pb_find_start_time PID: sets pb_start_time, which tells a process from a later one of the same number; empty where it is gone.
pb_find_start_time() {
  pb_start_time=
  pb_read_stat "$1" || return 0
  # shellcheck disable=SC2086 # The fields are split here.
  set -- $pb_stat
  [ $# -ge 20 ] || return 0
  shift 19
  pb_start_time=$1
}

# pb_process_tree PID: sets pb_tree to a process that leads no group, and its living descendants.
pb_process_tree() {
  pb_tree=$1 pb_smaller_tree=
  while [ "$pb_smaller_tree" != "$pb_tree" ]; do
    pb_smaller_tree=$pb_tree
    for pb_process in /proc/[0-9]*; do
      pb_process=${pb_process#/proc/}
      case " $pb_tree " in *" $pb_process "*) continue ;; esac
      pb_read_stat "$pb_process" || continue
      # shellcheck disable=SC2086 # The fields are split here.
      set -- $pb_stat
      case " $pb_tree " in *" ${2:-?} "*) pb_tree="$pb_tree $pb_process" ;; esac
    done
  done
}

# pb_signal SIGNAL PID: signals all of a step's command or check; false where nothing of it lives. The group's kill is written in the
# one way that dash, bash, busybox, mksh and yash all read.
pb_signal() {
  if [ -n "$pb_has_group" ]; then
    set -- "$1" "-$2"
  else
    # The tree is looked for once: the first signal takes it apart.
    [ -n "$pb_tree" ] || pb_process_tree "$2"
    # shellcheck disable=SC2086 # A list of processes.
    set -- "$1" $pb_tree
  fi
  pb_signal_name=$1 pb_is_gone=1
  shift
  for pb_process in "$@"; do
    if pb_kill "-$pb_signal_name" "$pb_process"; then pb_is_gone=0; fi
  done
  return $pb_is_gone
}
# pb_kill SIGNAL PROCESS: the processes of root and of other users can only be signalled through sudo. A shell of root
# does it, since the kill of procps 4.0 reads `-TERM -1234` as process -1: everything.
pb_kill() {
  # shellcheck disable=SC2016 # For that shell.
  if [ "$pb_step_as" != login ] && [ "$pb_uid" != 0 ] && $pb_super sh -c 'kill "$1" "$2"' sh "$1" "$2" 2>/dev/null; then return 0; fi
  kill "$1" "$2" 2>/dev/null
}

# pb_end_processes PID: SIGTERM, and SIGKILL ten seconds later. It runs beside the runner, which waits for the process.
pb_end_processes() {
  pb_tree=
  pb_signal TERM "$1"
  pb_tenths=0
  while pb_signal 0 "$1" && [ "$pb_tenths" -lt 100 ]; do pb_tick; done
  if pb_signal 0 "$1"; then pb_signal KILL "$1"; fi
}

# pb_find_members LEADER LOCK: sets pb_members to the living processes of a group, and with LOCK to those outside of it that this
# step has started and that hold the run's lock; pb_group_lives says whether the group has any.
pb_find_members() {
  pb_members= pb_group_lives= pb_since=${pb_clock%.*}${pb_clock#*.}
  for pb_process in /proc/[0-9]*; do
    [ "$pb_process" != /proc/$$ ] || continue
    pb_read_stat "${pb_process#/proc/}" || continue
    # shellcheck disable=SC2086 # The fields are split here.
    set -- "$1" "$2" $pb_stat
    [ "${3-Z}" != Z ] || continue
    if [ "$5" = "$1" ]; then
      pb_group_lives=1
    else
      [ -n "$2" ] && [ "$pb_process/fd/8" -ef lock ] || continue
      # Both count hundredths of a second since the boot.
      case $pb_since in *[!0-9]* | '') ;; *) [ "${22}" -ge "$pb_since" ] || continue ;; esac
    fi
    pb_members="$pb_members ${pb_process#/proc/}"
  done
}

# pb_describe PIDS: sets pb_ret to `PID COMMAND, PID COMMAND`.
pb_describe() {
  pb_ret=
  for pb_process in $1; do
    pb_command=$(tr '\000\036\n' '   ' <"/proc/$pb_process/cmdline" | cut -c 1-80) 2>/dev/null
    # The text with which every shell of a step begins says nothing to a user.
    # shellcheck disable=SC2016
    case $pb_command in *'set -- "$(cat; echo .)"'*) pb_command="a subshell of the step" ;; esac
    pb_ret="$pb_ret${pb_ret:+, }$pb_process ${pb_command% }"
  done
}

# pb_name_survivors LEADER: after a stop, sets pb_survivors to what lives of the step all the same. What was killed takes a moment
# to go.
pb_name_survivors() {
  pb_tenths=0
  pb_find_members "$1" lock
  while [ -n "$pb_group_lives" ] && [ "$pb_tenths" -lt 10 ]; do
    pb_tick
    pb_find_members "$1" lock
  done
  pb_describe "$pb_members"
  pb_survivors=$pb_ret
}

# pb_report_left LEADER: says what the step has left running in its group. Root's processes do not answer a signal, so they are
# looked for.
pb_report_left() {
  [ -n "$pb_has_group" ] || return 0
  if [ "$pb_step_as" = login ] || [ "$pb_uid" = 0 ]; then kill -0 "-$1" 2>/dev/null || return 0; fi
  pb_find_members "$1" ''
  [ -n "$pb_members" ] || return 0
  pb_describe "$pb_members"
  pb_frame left "$pb_id" "$pb_ret"
}
