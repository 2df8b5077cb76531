# Carries the steps out. It is POSIX sh, and nothing else is assumed. The functions around each step are those that pinboot sends to a
# host; what stands here takes the places of those that speak to a connection and keep the record of a run.
#
# In front of it stand pb_total (how many steps there are), pb_login (who logs in, as the playbook has it), pb_needs_sudo,
# pb_secret_names, pb_has_bytes (whether bytes stand behind the text), pb_preflight_steps, and pb_lib with the functions of kinds.

pb_main() {
  set +aefu
  pb_read_arguments "$@"
  pb_set_environment
  pb_find_own_file
  [ -z "$pb_as" ] || pb_become_user
  pb_take_secrets
  pb_find_uid
  #:with-sudo pb_take_password
  pb_prepare
  #:with-values pb_find_facts
  pb_tell_start
  pb_preflight
  pb_is_fit=$?
  if [ $pb_is_fit = 0 ]; then pb_run_steps; else pb_end=unfit; fi
  pb_tell_end
  pb_remove_folder
  exit "$pb_exit"
}

# pb_read_arguments ARGUMENT…: sets pb_mode (run, check), pb_is_verbose, and pb_as to the user that shall log in.
pb_read_arguments() {
  pb_mode=run pb_is_verbose= pb_as=
  while [ $# -gt 0 ]; do
    case $1 in
      --check) pb_mode=check ;;
      -v | --verbose) pb_is_verbose=1 ;;
      --user=?*) pb_as=${1#*=} ;;
      -h | --help) pb_tell_usage; exit 0 ;;
      *)
        printf 'unknown argument %s\n' "$1" >&2
        pb_tell_usage >&2
        exit 2
        ;;
    esac
    shift
  done
}

pb_tell_usage() {
  printf '%s\n' "usage: sh FILE [--check] [-v] [--user=NAME]" \
    "  --check      say what would change, and change nothing" \
    "  -v           show what the steps print, and what they change" \
    "  --user=NAME  as root: carry the steps out as this user"
}

# pb_set_environment: what a login sets, where the script is started without one, as at a machine's first boot.
pb_set_environment() {
  [ -n "${PATH-}" ] || PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  export PATH
  command -v mkdir >/dev/null 2>&1 || PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  if [ -z "${LOGNAME-}" ]; then LOGNAME=$(id -un); fi
  export LOGNAME USER="${USER-$LOGNAME}"
  if [ -z "${HOME-}" ]; then
    case $LOGNAME in '' | *[!A-Za-z0-9._@-]*) ;; *) eval "HOME=~$LOGNAME" ;; esac
    case ${HOME-} in /*) ;; *) pb_fail 6 "the home directory of $LOGNAME is not known; set HOME" ;; esac
  fi
  export HOME
}

# pb_find_own_file: sets pb_script to this file's path where it is read from a file.
pb_find_own_file() {
  pb_script=
  case $0 in
    /*) pb_script=$0 ;;
    */*) pb_script=$(pwd)/$0 ;;
    *) pb_script=$(pwd)/./$0 ;;
  esac
  case $(sed -n 2p "$pb_script" 2>/dev/null) in '# pinboot export: '*) return ;; esac
  pb_script=
  [ -z "$pb_has_bytes$pb_as" ] || pb_fail 2 "this script has to be a file: sh FILE"
}

# pb_become_user: as root, starts the script as the user pb_as in a login of its own, and ends as it does. The user reads a copy, since
# this file may be root's.
pb_become_user() {
  [ "$pb_as" != "$(id -un)" ] || return 0
  [ "$(id -u)" = 0 ] || pb_fail 2 "--user needs root"
  pb_is_user_name "$pb_as" && id "$pb_as" >/dev/null 2>&1 || pb_fail 6 "there is no user $pb_as"
  pb_copy=.pinboot/export.$$
  su -s /bin/sh - "$pb_as" -c "umask 077 && mkdir -p .pinboot && cat >$pb_copy" <"$pb_script" ||
    pb_fail 6 "cannot write the script into the home of $pb_as"
  pb_given=
  [ "$pb_mode" = run ] || pb_given=' --check'
  pb_given=$pb_given${pb_is_verbose:+ -v}
  trap : TERM HUP INT
  su -s /bin/sh - "$pb_as" -c "sh $pb_copy$pb_given; status=\$?; rm -f $pb_copy; exit \$status"
  exit
}

# pb_fail CODE MESSAGE: nothing was started.
pb_fail() {
  printf '%s\n' "$2" >&2
  exit "$1"
}

# pb_prepare: goes to a folder of its own, takes the locks and sets what the functions around the steps read. Standard output and
# standard error become the file `out`, and descriptor 5 is what the person reads.
pb_prepare() {
  pb_login_umask=$(umask)
  umask 077
  # shellcheck disable=SC3045 # It is bash, which would hand the login's own `set` on to every shell of a step.
  [ -z "${BASH_VERSION-}" ] || export -n SHELLOPTS
  pb_memory= pb_has_changed= pb_answered= pb_rebooted_by=0 pb_is_first=1 pb_boot=- pb_user_of="$LOGNAME@$(uname -n) $(date -u +%Y-%m-%dT%H:%M:%SZ)"
  pb_make_folder
  exec 5>&1 >>out 2>&1 </dev/null
  pb_quote "$pb_script"
  pb_quoted_plan=$pb_ret
  pb_home=$HOME
  pb_quote "$pb_home"
  pb_quoted_home=$pb_ret
  pb_exports= pb_registered= pb_changed= pb_skipped= pb_sudo= pb_signalled= pb_exit= pb_diff= pb_rs=$(printf '\036')
  pb_changes=0 pb_unchanged=0 pb_would=0 pb_manual=0 pb_left_out=0 pb_failed=0 pb_allowed=0 pb_unknown=0
  pb_setsid=
  if command -v setsid >/dev/null 2>&1; then pb_setsid=setsid; fi
  pb_take_run_lock
  pb_take_user_lock
  pb_remove_dead
  pb_now
  pb_find_start_time $$
  printf '%s %s %s\n' $$ "$pb_start_time" "$pb_boot" >runner
  printf '%s %s\n' "$pb_run" "$pb_user_of" >../../owner
  trap 'pb_stop_by 130' INT
  trap 'pb_stop_by 143' TERM
  trap 'pb_stop_by 129' HUP
  trap 'pb_signalled=1' USR1
}

# pb_stop_by CODE: the current step is ended, and no other is started.
pb_stop_by() {
  pb_signalled=1 pb_exit=$1
  { printf '2\n' >stop; } 2>/dev/null
}

# pb_make_folder: makes a folder in the record that pinboot keeps in this user's home, and goes there: a run of pinboot finds the host
# taken, and what is owed to a step stays in one place.
pb_make_folder() {
  cd "$HOME" 2>/dev/null || pb_fail 6 "cannot go to the home directory $HOME"
  [ ! -h .pinboot ] || pb_fail 6 "$HOME/.pinboot is a symbolic link"
  [ -d .pinboot/runs ] || mkdir -p .pinboot/runs || pb_fail 6 "cannot make $HOME/.pinboot/runs"
  # shellcheck disable=SC3067 # -O is not in POSIX, and every shell that is supported knows it.
  [ -O .pinboot ] || pb_fail 6 "$HOME/.pinboot belongs to another user"
  pb_line=$(ls -ld .pinboot)
  case $pb_line in drwx------*) ;; *) pb_fail 6 "other users can read $HOME/.pinboot: chmod 700 $HOME/.pinboot" ;; esac
  cd ./.pinboot/runs || exit 6
  { read -r pb_run </proc/sys/kernel/random/uuid; } 2>/dev/null && pb_run=${pb_run%%-*} || pb_run=$(printf '%08x' $$)
  mkdir "$pb_run" && cd "./$pb_run" && : >script && : >out || pb_fail 6 "cannot write in $HOME/.pinboot/runs"
}
# pb_remove_dead: removes the folders of scripts that were killed. This one has the lock, and nothing of the last one lives.
pb_remove_dead() {
  for pb_old in ../*/script; do
    pb_old=${pb_old%/script}
    [ -f "$pb_old/script" ] && [ "$pb_old" != "../$pb_run" ] || continue
    pb_is_held "$pb_old/lock" || rm -rf "$pb_old"
  done
}
pb_remove_folder() {
  exec 7>&- 8>&- 9>&-
  cd .. && rm -rf "./$pb_run"
}

# pb_refuse_busy: pb_owner is who has the host.
pb_refuse_busy() {
  pb_say "another run has this host: $pb_owner"
  pb_leave
}
pb_leave() {
  pb_remove_folder
  exit 9
}

# There is no earlier runner of this run, and no earlier run whose results would count: each step is asked what it says of itself.
pb_reuse_result() { return 1; }
pb_reuse_earlier_run() { return 1; }
pb_reuse_reboot() { return 1; }
pb_report_stopped_step() { :; }

# pb_mark_step: what the step prints begins here.
pb_mark_step() {
  : >out
  pb_diff=
}

# pb_note_start: what the step is about to change is owed to the steps that wait for it. False where there is no room for that.
pb_note_start() {
  if ! pb_lay_debts; then
    pb_report failed 0 full
    pb_step_result=1
    return 1
  fi
  # shellcheck disable=SC2086 # A list of files.
  [ -z "$pb_marks" ] || pb_flush $pb_marks
}

# pb_finish OUTCOME STATUS [REASON]: a step has ended.
pb_finish() {
  [ "$1" != failed ] || pb_skipped="$pb_skipped $pb_id"
  [ "$1" != changed ] || pb_pay_debt
  pb_report "$@"
  if [ "$1" = failed ] && [ -z "$pb_step_allow" ]; then pb_step_result=1; fi
  pb_settle "$1" "$pb_id.out"
}
