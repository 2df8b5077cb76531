# The kind `reboot`.

# Lets the host reboot in a moment, when this step's own end has long been told. What does it is no part of the step: it has a
# session of its own and holds no lock of the run.
pb_reboot() {
    # MESSAGE
    if [ -n "$1" ] && command -v wall > /dev/null 2>&1; then printf '%s\n' "$1" | wall > /dev/null 2>&1 || :; fi
    pb_after='trap "" HUP; sleep 1; systemctl reboot || reboot || shutdown -r now'
    if command -v setsid > /dev/null 2>&1; then
        setsid sh -c "$pb_after" < /dev/null > /dev/null 2>&1 8>&- &
    else
        sh -c "$pb_after" < /dev/null > /dev/null 2>&1 8>&- &
    fi
}
