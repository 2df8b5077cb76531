# zypper, which refreshes its lists itself, and rpm behind it.

package_by_zypper() {
    # installed NAME|install NAME...|refresh|holder
    pb_verb=$1
    shift
    case $pb_verb in
    installed) package_rpm_installed "$1" ;;
    refresh) package_manage zypper --non-interactive refresh ;;
    install)
        if [ -n "$arg_version" ]; then
            pb_have=$(zypper --non-interactive --no-refresh search -s -t package --match-exact -- "$1" | awk -F ' *[|] *' '{ print $4 }')
            package_version_fits || pb_one=$arg_version
            set -- "$1=$pb_one"
        fi
        package_zypper install "$@"
        ;;
    holder) package_lock_files /run/zypp.pid ;;
    esac
}

# Installs or removes packages, and patterns, as the groups of zypper are called.
package_zypper() {
    # install|remove NAME...
    pb_action=$1
    shift
    for pb_one; do
        shift
        case $pb_one in
        @*) package_manage zypper --non-interactive "$pb_action" -t pattern "${pb_one#@}" ;;
        *) set -- "$@" "$pb_one" ;;
        esac
    done
    [ $# != 0 ] || return 0
    # Without this word it leaves a newer version than the wanted one as it is.
    case $pb_action/$arg_version/$* in
    install/?*/* | install//*.rpm*) set -- --oldpackage "$@" ;;
    esac
    package_manage zypper --non-interactive "$pb_action" "$@"
}
