# Secrets. The delivery puts each into a file of its own in memory, as an assignment `pb_s_NAME=…`; the runner keeps these lines in
# variables of its own, pb_m_NAME, and gives a step those that it uses.

# pb_take_secrets: reads the files and removes them. They would not do: where the last login of a user ends, systemd clears all that
# was theirs in /dev/shm and $XDG_RUNTIME_DIR.
pb_take_secrets() {
  pb_secrets=
  [ -n "$pb_memory" ] || return 0
  for pb_file in "$pb_memory"/*; do
    pb_name=pb_m_${pb_file##*/}
    eval "$pb_name=\$(cat \"\$pb_file\") && [ -n \"\$$pb_name\" ]" || exit 0
    pb_secrets="$pb_secrets $pb_name"
  done
  rm -rf "$pb_memory"
}

# pb_clear_memory: removes what other runs of this home have left of secrets. No other run is at work, so it belongs to the dead,
# or to a runner that will find the lock taken.
pb_clear_memory() {
  for pb_file in "${XDG_RUNTIME_DIR:-/dev/shm}"/pinboot-* /dev/shm/pinboot-*; do
    # shellcheck disable=SC3067 # -O is not in POSIX, and every shell that is supported knows it.
    [ -d "$pb_file" ] && [ "$pb_file" != "$pb_memory" ] && [ -O "$pb_file" ] && [ ! -h "$pb_file" ] || continue
    pb_line=
    { read -r pb_line <"$pb_file/.of"; } 2>/dev/null
    if [ "${pb_line%/*}" -ef .. ]; then rm -rf "$pb_file"; fi
  done
}

# pb_load_secrets, pb_unload_secrets: has the secrets that the step uses as variables pb_s_NAME for a moment.
pb_load_secrets() { for pb_name in $pb_step_secrets; do eval "eval \"\${pb_m_$pb_name-}\""; done; }
pb_unload_secrets() { for pb_name in $pb_step_secrets; do unset -v "pb_s_$pb_name"; done; }
