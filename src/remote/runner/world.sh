# sudo, and the lock that all users of a host share.
#
# Users of one host have homes of their own, and with them locks and records of their own. A run that uses sudo works on what all
# of them share, so it holds a lock that they share as well: /run/pinboot/lock. Root alone can open it, since any user can hold a
# lock that any user can open. Therefore a process of root holds it for the runner: until the end of its standard input, of which
# the runner has the other end, or where there are no pipes with names, as long as the runner lives. Where there is no flock or no
# /run, only the runs of one user are kept apart.
#
# It is given what the lock's file shall say of the run (at its end are the runner's pid and start time), and the pid again where it
# has to look itself. It is a program of its own, which has nothing open of the shell that starts it. That shell prints nothing, or `pbusy` and who has the lock, if the runner of that run lives.
# shellcheck disable=SC2016 # This text is for root's shell.
pb_hold_host='command -v flock >/dev/null 2>&1 || exit 0
umask 077
mkdir /run/pinboot 2>/dev/null
cd /run/pinboot 2>/dev/null && (: >>lock) 2>/dev/null || exit 0
exec 6<&0 7>>lock
for try in 1 2 3; do
if flock -n 7 7>&7; then
printf "%s\n" "$1" >lock
trap "" HUP INT TERM
(exec sh -c "cat; while kill -0 \${1-x}; do sleep 1; done" sh $2 <&6 >/dev/null 2>&1 7>&7) &
exit 0
fi
sleep .2 2>/dev/null || sleep 1
done
read -r run who since pid start <lock
set -- "$(cat "/proc/$pid/stat" 2>/dev/null)"
set -- ${1##*) }
if [ "${20-}" = "${start:--}" ]; then echo "pbusy $run $who $since"; else echo "pbusy - - -"; fi'

# pb_try_sudo: sets pb_sudo to yes, or to the reason why sudo cannot be used. It asks once, and takes the host's lock.
pb_try_sudo() {
  [ -z "$pb_sudo" ] || return 0
  if ! command -v "${pb_super%% *}" >/dev/null 2>&1; then
    pb_super='doas -n'
    command -v doas >/dev/null 2>&1 || pb_sudo='no sudo'
  fi
  [ -z "$pb_sudo" ] || return 0
  pb_find_start_time $$
  set -- "$pb_run $pb_user_of $$ $pb_start_time"
  pb_alive=alive.$$
  if mkfifo "$pb_alive" 2>/dev/null; then
    # Open for both ends, which waits for no other process. Every other process closes it.
    exec 7<>"$pb_alive"
  else
    pb_alive=/dev/null
    set -- "$1" $$
  fi
  pb_ask_sudo sh -c "$pb_hold_host" sh "$@"
  [ "$pb_alive" = /dev/null ] || rm -f "$pb_alive"
  [ -z "$pb_sudo" ] || return 0
  pb_sudo=$(cat sudo)
  [ "$pb_exit_status" = 0 ] || return 0
  # In front of it may be what sudo warns of.
  case $pb_sudo in
    *'pbusy '*)
      pb_owner=${pb_sudo##*pbusy }
      pb_refuse_busy
      ;;
  esac
  pb_sudo=yes
}

# pb_super: what makes root of the login user.
pb_super='sudo -n -H'
pb_run_super() { $pb_super -- "$@" >sudo 2>&1 <"$pb_alive" 5>&- 7>&- 8>&- 9>&-; }

# pb_ask_sudo COMMAND…: carries a command out as root. What is printed is in the file `sudo`, and the status in pb_exit_status. PAM, a
# directory service or name resolution may keep sudo from an answer: then pb_sudo says so, and sudo, which its user cannot end, is left.
pb_ask_sudo() {
  case ${pb_sudo_limit-} in
    '' | *[!0-9]*) pb_limit=60 ;;
    *) pb_limit=$pb_sudo_limit ;;
  esac
  pb_kept_as=$pb_step_as pb_kept_timeout=$pb_step_timeout
  pb_step_as=login pb_step_timeout=$pb_limit pb_has_group= pb_tree=
  # The shell in between can be ended.
  (pb_run_super "$@"; exit $?) &
  pb_pid=$!
  pb_wait
  pb_step_as=$pb_kept_as pb_step_timeout=$pb_kept_timeout
  case $pb_ended_by in
    late) pb_sudo="no answer in $pb_limit s" ;;
    stopped) pb_sudo=stopped ;;
  esac
}

# pb_find_uid: sets pb_uid to the runner's user, without a process where /proc tells it.
pb_find_uid() {
  pb_uid=
  while read -r pb_name pb_uid_read pb_rest; do
    if [ "$pb_name" = Uid: ]; then
      pb_uid=$pb_uid_read
      break
    fi
  done 2>/dev/null </proc/self/status
  [ -n "$pb_uid" ] || pb_uid=$(id -u)
}
