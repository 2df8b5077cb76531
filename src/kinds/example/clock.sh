# The kind `clock`.

clock_check() {
    pb_zone=$(timedatectl show -p Timezone --value)
    pb_ntp=$(timedatectl show -p NTP --value)
    pb_rtc=$(timedatectl show -p LocalRTC --value)
    case $arg_zone in '' | "$pb_zone") ;; *) pb_differs "zone $pb_zone -> $arg_zone" ;; esac
    case $arg_ntp:$pb_ntp in
    true:no) pb_differs "no time from the network -> time from the network" ;;
    false:yes) pb_differs "time from the network -> none" ;;
    esac
    case $arg_rtc:$pb_rtc in utc:yes | local:no) pb_differs "the machine's clock -> $arg_rtc" ;; esac
    pb_answer
}

clock_apply() {
    [ -z "$arg_zone" ] || timedatectl set-timezone "$arg_zone"
    [ -z "$arg_ntp" ] || timedatectl set-ntp "$arg_ntp"
    case $arg_rtc in
    utc) timedatectl set-local-rtc 0 ;;
    local) timedatectl set-local-rtc 1 ;;
    esac
}
