# The kind `reboot`.

# Lets the host reboot in a moment, when this step's own end has long been reported. The process that does it is not part of the step:
# it has a session of its own and holds no lock of the run.
reboot_apply() {
    if [ -n "$arg_message" ] && command -v wall > /dev/null 2>&1; then
        # Not every wall keeps control characters from the terminals of others.
        printf '%s\n' "$arg_message" | tr -d '\001-\010\013-\037\177' | wall > /dev/null 2>&1 || :
    fi
    pb_after='trap "" HUP; sleep 1; systemctl reboot || reboot || shutdown -r now'
    if command -v setsid > /dev/null 2>&1; then
        setsid sh -c "$pb_after" < /dev/null > /dev/null 2>&1 8>&- &
    else
        sh -c "$pb_after" < /dev/null > /dev/null 2>&1 8>&- &
    fi
}
