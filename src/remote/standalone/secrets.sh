# Secrets: those that are written in this script, and those that it asks for. They are in variables of this shell, pb_m_NAME, each as an
# assignment of pb_s_NAME, and in no argument list, environment or file.

# pb_take_secrets: takes each from PINBOOT_SECRET_NAME or from the person at the terminal.
pb_take_secrets() {
  pb_secrets= pb_masked= pb_lacking=
  for pb_name in $pb_secret_names; do
    eval "pb_value=\${PINBOOT_SECRET_$pb_name-} pb_ret=\${pb_m_$pb_name-}"
    unset -v "PINBOOT_SECRET_$pb_name"
    if [ -z "$pb_ret" ]; then
      if [ -z "$pb_value" ]; then pb_ask "Value of the secret $pb_name: " && pb_value=$pb_ret; fi
      if [ -z "$pb_value" ]; then
        pb_lacking="$pb_lacking PINBOOT_SECRET_$pb_name"
        continue
      fi
      pb_quote "$pb_value"
      eval "pb_m_$pb_name=\"pb_s_$pb_name=\$pb_ret\""
    fi
    pb_secrets="$pb_secrets pb_m_$pb_name"
    eval "eval \"\$pb_m_$pb_name\"; pb_value=\$pb_s_$pb_name"
    unset -v "pb_s_$pb_name"
    pb_masked="$pb_masked
$pb_value"
  done
  pb_value=
  [ -z "$pb_lacking" ] || pb_fail 2 "the script needs secrets, and there is no terminal to ask at; set$pb_lacking"
}

# pb_ask QUESTION: sets pb_ret to what is typed at the terminal, which does not show it; false where there is none.
pb_ask() {
  pb_ret=
  # In a shell of its own: an error of a redirection ends the shell that has it.
  (: </dev/tty) 2>/dev/null || return 1
  printf '%s' "$1" >/dev/tty
  pb_tty=$(stty -g </dev/tty 2>/dev/null)
  trap 'stty "$pb_tty" </dev/tty; exit 130' INT
  stty -echo </dev/tty 2>/dev/null
  IFS= read -r pb_ret </dev/tty
  stty "$pb_tty" </dev/tty 2>/dev/null
  trap - INT
  printf '\n' >/dev/tty
  [ -n "$pb_ret" ]
}
