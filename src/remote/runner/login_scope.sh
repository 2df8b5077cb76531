# Where systemd ends everything of a login with its connection (KillUserProcesses=yes), the runner has to leave the login's scope.

# pb_leave_login_scope: moves the runner into a scope of its own, by root's word, or by the user's where its manager outlives the
# login. The runner must have started nothing yet.
pb_leave_login_scope() {
  pb_is_in_scope 'session-*' && command -v busctl >/dev/null 2>&1 || return 0
  set -- org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager KillUserProcesses
  [ "$(busctl get-property "$@" 2>/dev/null)" = 'b true' ] || return 0
  if pb_start_own_scope >/dev/null 2>&1; then
    # systemd moves the runner a moment after it has answered.
    pb_tries=0
    while [ $pb_tries -lt 30 ]; do
      pb_is_in_scope 'pinboot-*' && return 0
      pb_tries=$((pb_tries + 1))
      pb_pause 1
    done
  fi
  pb_frame note session
}

# pb_is_in_scope PATTERN: whether the runner is in a scope with such a name.
pb_is_in_scope() {
  while read -r pb_line; do
    # shellcheck disable=SC2254 # A pattern.
    case $pb_line in */$1.scope) return 0 ;; esac
  done 2>/dev/null </proc/self/cgroup
  return 1
}

pb_start_own_scope() {
  set -- call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager StartTransientUnit
  set -- "$@" 'ssa(sv)a(sa(sv))' "pinboot-$pb_run-$$.scope" fail 1 PIDs au 1 $$ 0
  pb_id=0 pb_alive=/dev/null
  busctl "$@" || { pb_ask_sudo busctl "$@"; [ "$pb_exit_status" = 0 ]; } ||
    { [ -e "/var/lib/systemd/linger/${LOGNAME-}" ] && busctl --user "$@"; }
}
