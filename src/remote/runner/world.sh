# sudo, and the lock that all users of a host share.
#
# Users of one host have homes of their own, and with them locks and records of their own. A run that uses sudo works on what all
# of them share, so it holds a lock that they share as well: /run/pinboot.lock. Root writes the run's name into it as long as the
# lock is free. Where there is no flock or no /run, only the runs of one user are kept apart.
# shellcheck disable=SC2016 # This text is for root's shell.
pb_write_owner='command -v flock >/dev/null 2>&1 && [ -d /run ] || exit 0
umask 022
(exec 7>>/run/pinboot.lock && flock -n 7 && printf "%s\n" "$1" >/run/pinboot.lock) 2>/dev/null
exit 0'

# pb_try_sudo: sets pb_sudo to yes, or to the reason why sudo cannot be used. It asks once.
pb_try_sudo() {
  [ -z "$pb_sudo" ] || return 0
  if ! command -v sudo >/dev/null 2>&1; then
    pb_sudo='no sudo'
  elif pb_sudo=$(sudo -n -- sh -c "$pb_write_owner" sh "$pb_run $pb_user_of" 2>&1 9>&-); then
    pb_sudo=yes
    pb_take_host_lock
  fi
}

pb_take_host_lock() {
  [ -r /run/pinboot.lock ] && command -v flock >/dev/null 2>&1 || return 0
  exec 7</run/pinboot.lock
  pb_lock 7 && return
  pb_owner=
  { read -r pb_owner </run/pinboot.lock; } 2>/dev/null
  case $pb_owner in '' | "$pb_run "*) pb_owner='- - -' ;; esac
  pb_refuse_busy
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
