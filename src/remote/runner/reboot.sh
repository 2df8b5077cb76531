# What only plans with a reboot need. It takes the place of functions of the other files, and is left out elsewhere.

# pb_find_last_reboot: sets pb_rebooted_by to the last step that has started to reboot the host, 0 for none, and pb_skipped to what
# was skipped before it. What was looked at before the reboot is not looked at again; the host's lock went with that boot.
pb_find_last_reboot() {
  pb_rebooted_by=0
  [ -z "$pb_is_first" ] || return 0
  for pb_number in $pb_reboot_steps; do
    if [ -s "$pb_number.began" ]; then
      pb_rebooted_by=$pb_number
      read -r pb_began_clock pb_began_boot pb_skipped <"$pb_number.began"
    fi
  done
  [ "$pb_rebooted_by" != 0 ] || return 0
  for pb_number in $pb_preflight_steps; do
    pb_load_step "$pb_number"
    [ "$pb_step_as" = login ] || [ "$pb_uid" = 0 ] || pb_try_sudo
  done
}

# pb_await_reboot SINCE: waits for the end of this boot, which is this runner's end too: the next one finds another boot. Where that
# does not come in time, the step has failed. A shutdown asks before it kills, and a runner that does not listen holds it up.
pb_await_reboot() {
  pb_frame reboot "$pb_id" "$pb_step_timeout"
  trap 'exit 0' TERM HUP INT
  pb_now
  pb_seconds=0
  case $pb_clock in *[0-9]*) pb_seconds=$((${pb_clock%%.*} - ${1%%.*})) ;; esac
  while [ $pb_seconds -lt "$pb_step_timeout" ]; do
    sleep 1
    pb_seconds=$((pb_seconds + 1))
  done
  trap 'pb_signalled=1' TERM HUP INT
  pb_finish failed 0 reboot
}
