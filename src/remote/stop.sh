# Asks a run to stop, from outside. In front of it stand pb_run and pb_level (1: start no new step; 2: end the current step as well).
# It prints `received` where a runner has got the signal, `over` where the run has ended, `none` where the host does not know it.
# Where the runner is dead, level 2 ends what lives of its step from here: `gone` where nothing does, `ended`, or `left` and what lives
# all the same.
cd "$HOME/.pinboot/runs/$pb_run" 2>/dev/null || { echo none; exit; }
[ ! -s end ] || { echo over; exit; }
umask 077
echo "$pb_level" >stop.$$ && mv -f stop.$$ stop
pb_pid= pb_start= pb_step=
{ { read -r pb_pid pb_start pb_rest; while read -r pb_rest pb_group pb_rest; do pb_step=$pb_group; done; } <runner; } 2>/dev/null
# A runner that was killed leaves its number behind, which may be another process's by now. Its start time shows the difference.
pb_runs() {
  pb_stat=
  { read -r pb_stat <"/proc/$pb_pid/stat"; } 2>/dev/null
  # shellcheck disable=SC2086 # The fields are split here.
  set -- ${pb_stat##*) }
  [ ! -r /proc/self/stat ] || [ "${20-}" = "$pb_start" ]
}
if [ -n "$pb_pid" ] && pb_runs && kill -USR1 "$pb_pid" 2>/dev/null; then
  echo received
  # A signal that comes between a runner's last look and its waiting is seen at the next one.
  (
    for pb_rest in 1 2 3 4 5 6; do
      sleep .3 2>/dev/null || sleep 1
      [ ! -s end ] && pb_runs && kill -USR1 "$pb_pid" || exit
    done
  ) </dev/null >/dev/null 2>&1 &
  exit
fi
# Where no runner has written its number yet, the one that is about to will find the file.
if [ "$pb_level" != 2 ] || [ -z "$pb_pid" ]; then echo received; exit; fi

# pb_look: sets pb_end to what lives of the step in hand or of its check (their groups; the runner led that of its checks), and
# pb_more to everything else that holds the run's lock.
pb_look() {
  pb_end= pb_more=
  for pb_process in /proc/[0-9]*; do
    { read -r pb_rest <"$pb_process/stat"; } 2>/dev/null || continue
    pb_process=${pb_process#/proc/}
    # shellcheck disable=SC2086 # The fields are split here.
    set -- ${pb_rest##*) }
    case ${1-Z} in Z|X) continue ;; esac
    if [ "$3" = "$pb_step" ] || [ "$3" = "$pb_pid" ]; then pb_end="$pb_end $pb_process"
    elif [ "/proc/$pb_process/fd/8" -ef lock ]; then pb_more="$pb_more $pb_process"; fi
  done
}
# pb_ours: whether a group is the run's at all: the lock is held by one of it.
pb_ours() {
  for pb_process in $pb_end; do [ ! "/proc/$pb_process/fd/8" -ef lock ] || return 0; done
  return 1
}
pb_signal() {
  for pb_process in $pb_end; do kill "-$1" "$pb_process" 2>/dev/null || sudo -n kill "-$1" "$pb_process" 2>/dev/null; done
}
# pb_wait N: until none of it lives, N tenths of a second at most.
pb_wait() {
  pb_tenths=0
  while pb_look; [ -n "$pb_end" ] && [ $pb_tenths -lt "$1" ]; do
    pb_tenths=$((pb_tenths + 1))
    sleep .1 2>/dev/null || { sleep 1; pb_tenths=$((pb_tenths + 9)); }
  done
}
pb_look
pb_ours || pb_end=
[ -n "$pb_end$pb_more" ] || { echo gone; exit; }
if [ -n "$pb_end" ]; then
  pb_signal TERM
  pb_wait 100
  pb_signal KILL
  pb_wait 10
fi
pb_named=
for pb_process in $pb_end $pb_more; do
  pb_rest=$(tr '\000\036\n' '   ' <"/proc/$pb_process/cmdline" 2>/dev/null | cut -c 1-80)
  # The next runner may be here already: it finds the file.
  case $pb_rest in 'sh plan '*) continue ;; esac
  pb_named="$pb_named${pb_named:+, }$pb_process ${pb_rest% }"
done
if [ -n "$pb_named" ]; then echo "left $pb_named"; else echo ended; fi
