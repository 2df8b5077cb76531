# The shell that a step's check and command run in. Nothing of the runner is in reach there, and nothing that a step does to its
# shell reaches the runner. A step finds pb_home, pb_plan, pb_why (what its check said), the values it uses ($pb_r_…, $pb_s_…), the
# fields of its kind ($arg_…), what earlier steps exported, and the functions below and of its kind. A kind's functions are there only
# where the step uses them: elsewhere they could stand in front of the author's own commands.

pb_words='needs_change() { exit 79; }
pb_refuse() { printf "%s\n" "$*" >&2; exit 81; }
'

# pb_write_step_text: sets pb_text to the shell that comes before a step's own: exports first, so that none of them takes the place
# of what follows. Another user has a home of its own, whatever an earlier step exports. What only kinds use is left out elsewhere: a
# check takes longer for every line.
#
# A kind's shell knows its own text as pb_source, up to the line `: pb-own`: with it a function of the kind can be carried out once
# more by another user. Its fields stand there as well as behind the step's environment, which cannot take their place.
pb_write_step_text() {
  # shellcheck disable=SC2016 # The step's shell expands it.
  pb_text=${pb_step_args:+'pb_source=$1
'}
  case $pb_step_as in
    user) pb_text="${pb_text}set -- \"\$HOME\"
$pb_exports${pb_words}pb_home=\$1
set --" ;;
    *) pb_text="${pb_text}set --
$pb_exports${pb_words}pb_home=$pb_quoted_home" ;;
  esac
  pb_text="$pb_text
pb_plan=$pb_quoted_plan"
  for pb_name in $pb_step_uses; do
    eval "[ -n \"\${pb_r_$pb_name+1}\" ]" || continue
    eval "pb_quote \"\$pb_r_$pb_name\""
    pb_text="$pb_text
pb_r_$pb_name=$pb_ret"
  done
  for pb_name in $pb_step_secrets; do
    eval "pb_text=\"\$pb_text
\${pb_m_$pb_name-}\""
  done
  if [ -n "$pb_step_args" ]; then
    pb_text="$pb_text
pb_progress() { printf '\\036progress %s %s\\036\\n' \"\$1\" \"\${2:-0}\"; }
$pb_lib"
  fi
  pb_text="$pb_text
$pb_step_content"
  [ -z "$pb_step_args" ] || pb_text="$pb_text
$pb_step_args
: pb-own"
}

# pb_start_shell WHO PROGRAM: starts PROGRAM (a shell) on pb_text as login, root or user; its output goes to descriptor 4. Sets
# pb_pid. The text is read from standard input, so that it stands in no argument list, and is never run in part. sudo closes every
# descriptor above 2, the run's lock among them; a shell that waits for it keeps the lock. The step leads a process group, so that a
# stop reaches all of it and nothing else; it inherits the run's lock and no other. The umask is the login's where the step is the login
# user's; sudo and su start from it, and make of it what they make of it in that login.
pb_start_shell() {
  pb_text="$pb_text
# pb-end"
  #:with-files pb_choose_reader
  if [ "$1" = user ] && ! pb_is_user_name "$pb_step_user"; then
    set -- sh -c 'echo "run_as: the value is not the name of a user" >&2; exit 1'
  elif [ "$1" = login ] || [ "$1$pb_uid" = root0 ]; then
    set -- "$2" -c "$pb_read_and_run"
  elif [ "$1" = root ]; then
    # shellcheck disable=SC2086 # Words.
    set -- sh -c "$pb_keep_lock" sh $pb_super -- "$2" -c "$pb_read_and_run"
  elif [ "$pb_uid" = 0 ]; then
    set -- su -s "$(command -v "$2")" "$pb_step_user" -c "$pb_read_and_run"
  else
    # shellcheck disable=SC2086 # Words.
    set -- sh -c "$pb_keep_lock" sh $pb_super -u "$pb_step_user" -- "$2" -c "$pb_read_and_run"
  fi
  #:with-files if [ -n "$pb_stream" ]; then pb_start_streaming "$@"; return; fi
  # shellcheck disable=SC2086 # It is a word or none.
  pb_send "$*" | {
    umask "$pb_login_umask"
    exec $pb_setsid "$@" 1>&4 4>&- 5>&- 7>&- 8>&8 9>&-
  } &
  pb_pid=$! pb_has_group=$pb_setsid
}

# pb_send WORDS: prints the text for the shell that these words start.
pb_send() { pb_print "$pb_text"; }

# pb_print TEXT: prints it, and makes it no argument of another program, which every user could read. mksh has no printf of its own.
case ${KSH_VERSION-} in
*MIRBSD*) pb_print() { print -r -- "$1"; } ;;
*) pb_print() { printf '%s\n' "$1"; } ;;
esac

# pb_is_user_name NAME: the rule for a written `run_as`, for a value that only the host knows. sudo reads `#0` as a number.
pb_is_user_name() {
  case $1 in '' | [-#]* | *[:/]* | *[[:space:][:cntrl:]]*) return 1 ;; esac
}

# shellcheck disable=SC2016 # These two texts are for other shells.
pb_keep_lock='trap : TERM INT HUP; "$@"; exit $?'
# shellcheck disable=SC2016
pb_read_and_run='set -- "$(cat; echo .)"; case $1 in *"# pb-end
.") ;; *) echo "pinboot: the step was cut off on its way" >&2; exit 125 ;; esac; exec </dev/null; eval "${1%.}"'

# pb_run_inside: runs pb_text in a subshell of the runner, which takes no new shell. All variables of the runner are taken away before,
# by pb_forget_variables, which comes from the build: it knows their names. The runner's functions stay, under the names that begin
# with `_` in what is sent; to take them away as well costs more than a new shell (1.5 ms with bash, a second with mksh).
pb_run_inside() {
  exec 5>&- 7>&- 9>&-
  umask "$pb_login_umask"
  set -- "$pb_text"
  # shellcheck disable=SC2086 # Lists of names.
  unset -v pb_text $pb_registered $pb_secrets
  pb_forget_variables
  eval "$1"
}
