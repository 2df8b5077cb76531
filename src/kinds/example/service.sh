# The kind `service`.

# A unit that an earlier step installs needs change and is never an error: systemctl calls it `inactive`.
service_check() {
    pb_active=$(systemctl is-active "$arg_name" 2> /dev/null) || :
    pb_enabled=$(systemctl is-enabled "$arg_name" 2> /dev/null) || :
    case $arg_state:$pb_active in
    :* | started:active | stopped:inactive | stopped:failed) ;;
    *) pb_differs "$pb_active -> $arg_state" ;;
    esac
    case $arg_enabled:$pb_enabled in
    :* | true:enabled | true:static | false:disabled | false:static) ;;
    true:*) pb_differs "not enabled -> enabled" ;;
    false:*) pb_differs "$pb_enabled -> not enabled" ;;
    esac
    pb_answer
}

service_apply() {
    case $arg_enabled in
    true) systemctl enable "$arg_name" ;;
    false) systemctl disable "$arg_name" ;;
    esac
    case $arg_state in
    started) systemctl start "$arg_name" ;;
    stopped) systemctl stop "$arg_name" ;;
    esac
}
