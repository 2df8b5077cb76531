# The password for sudo, where the login user needs one: from PINBOOT_SUDO_PASSWORD, or from the person at the terminal.

# pb_take_password: sets pb_password; nothing where none is needed, or none can be asked for.
pb_take_password() {
  pb_password=${PINBOOT_SUDO_PASSWORD-}
  unset -v PINBOOT_SUDO_PASSWORD
  [ "$pb_uid" != 0 ] && command -v sudo >/dev/null 2>&1 || { pb_password=; return 0; }
  if [ -z "$pb_password" ] && ! sudo -n true >/dev/null 2>&1 </dev/null; then
    pb_ask "Password for sudo: " && pb_password=$pb_ret
  fi
  [ -z "$pb_password" ] || pb_super='sudo -kSH --prompt='
}
