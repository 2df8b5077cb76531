# yum and dnf, which are one family here, and rpm behind them, which zypper asks as well.

package_by_yum() {
    # installed NAME|install NAME...|refresh|holder
    pb_verb=$1
    shift
    case $pb_verb in
    installed) package_rpm_installed "$1" ;;
    refresh) package_manage "$pb_manager" -y makecache ;;
    install)
        # What follows the version is a separator: 2.1 is not 2.10.
        [ -z "$arg_version" ] || set -- "$1-${arg_version}[!0-9A-Za-z]*"
        package_manage "$pb_manager" -y install "$@"
        # An older version than the installed one is not an installation for yum.
        case $arg_version/$* in
        ?*/* | *.rpm*) [ $# != 1 ] || package_is_wanted "$pb_name" || package_manage "$pb_manager" -y downgrade "$@" ;;
        esac
        ;;
    holder) package_lock_files /var/run/yum.pid /var/cache/dnf/metadata_lock.pid /var/lib/dnf/rpmdb_lock.pid ;;
    esac
}

# Sets pb_said to the versions that are installed under a name, or of what provides it; empty where nothing is.
package_rpm_installed() {
    package_ask rpm -q --whatprovides --qf "$pb_format" -- "$1" || package_ask rpm -q --qf "$pb_format" -- "$1" || {
        pb_said=
        # Not under its own name: perhaps it was replaced, as a repository may do with an old name.
        [ "$arg_state" = absent ] || {
            package_ask rpm -qa --qf "[%{OBSOLETENAME} %{=VERSION}-%{=RELEASE}\n]" || :
            pb_said=$(awk -v name="$1" '$1 == name { print $2 }' << EOF
$pb_said
EOF
            )
        }
    }
}
