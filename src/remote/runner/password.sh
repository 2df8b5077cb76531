# What only plans with a password for sudo need. It takes the place of functions of the other files, and is left out elsewhere.
#
# The delivery sends the password through a pipe. It stays in a variable that no step has.

pb_password= pb_tried=
if [ -n "${pb_takes_password-}" ]; then
  set +a
  IFS= read -r pb_password || exit 0
fi
# sudo asks for it each time, so that it is never left over for the command.
[ -z "$pb_password" ] || pb_super='sudo -kSH --prompt='

# It goes in front of the text for sudo; a sudo that needs none leaves it there, and the text begins behind the mark.
pb_send() {
  case $pb_super$1 in sudo*" $pb_super -"*) pb_print "$pb_password" ;; esac
  pb_print ": pb-start
$pb_text"
}
# shellcheck disable=SC2016 # For another shell.
pb_read_and_run='set -- "$(cat; echo .)"; set -- "${1#*: pb-start
}"; case $1 in *"# pb-end
.") ;; *) echo "pinboot: the step was cut off on its way" >&2; exit 125 ;; esac; exec </dev/null; eval "${1%.}"'

pb_kill() {
  # shellcheck disable=SC2016 # For that shell.
  if [ "$pb_step_as" != login ] && [ "$pb_uid" != 0 ] && pb_print "$pb_password" | $pb_super sh -c 'kill "$1" "$2"' sh "$1" "$2" 2>/dev/null; then return 0; fi
  kill "$1" "$2" 2>/dev/null
}

# pb_run_super COMMAND…: the runner has pb_alive open at descriptor 7, where it is a pipe. The password is tried once before anything, with
# nothing behind it that sudo could take for a second try; a wrong one is not tried again.
pb_run_super() {
  case $(cat sudo 2>/dev/null) in *incorrect*) return 1 ;; esac
  [ -n "$pb_password" ] && [ "${pb_super%% *}" = sudo ] || pb_password=
  pb_print "$pb_password" | $pb_super -- true >sudo 2>&1 5>&- 7>&- 8>&- 9>&- || return
  if [ "$pb_alive" = /dev/null ]; then
    pb_print "$pb_password" | $pb_super -- "$@" >sudo 2>&1 5>&- 7>&- 8>&- 9>&-
  else
    [ -z "$pb_password" ] || pb_print "$pb_password" >&7
    $pb_super -- "$@" >sudo 2>&1 <"$pb_alive" 5>&- 7>&- 8>&- 9>&-
  fi
}
