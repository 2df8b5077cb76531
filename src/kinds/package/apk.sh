# apk. It waits for its lock itself.

package_by_apk() {
    # installed NAME|install NAME...|refresh|holder
    pb_verb=$1
    shift
    case $pb_verb in
    installed)
        package_ask apk info -ve -- "$1" || pb_said=
        pb_said=$(sed 's/.*-\([0-9][^-]*-r[0-9]*\)$/\1/' << EOF
$pb_said
EOF
        )
        ;;
    refresh) package_apk update ;;
    install)
        [ -z "$arg_version" ] || set -- "$1=~$arg_version"
        package_try package_apk add "$@"
        ;;
    esac
}

package_apk() {
    package_manage apk --wait "${pb_lock_seconds:-300}" "$@"
}
