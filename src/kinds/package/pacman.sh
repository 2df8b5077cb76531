# pacman.

package_by_pacman() {
    # installed NAME|install NAME...|refresh|holder
    pb_verb=$1
    shift
    case $pb_verb in
    installed) package_pacman_installed "$1" ;;
    refresh) package_manage pacman -Sy --noconfirm ;;
    install)
        for pb_one; do
            shift
            case $pb_one in
            */*) package_manage pacman -U --noconfirm "$pb_one" || return ;;
            # Its groups have names like packages.
            *) set -- "$@" "${pb_one#@}" ;;
            esac
        done
        [ $# = 0 ] || package_try package_pacman_install "$@"
        ;;
    holder) package_pacman_holder ;;
    esac
}

package_pacman_install() {
    if [ -n "$arg_version" ]; then
        pb_have=$(pacman -Si -- "$1" 2> /dev/null | awk '$1 == "Version" { print $3 }')
        package_version_fits || pb_one=$arg_version
        set -- "$1=$pb_one"
    fi
    package_manage pacman -S --noconfirm --needed "$@"
}

# Sets pb_said to the version that is installed under a name, or of what provides it; empty where nothing is.
package_pacman_installed() {
    if package_ask pacman -Q -- "$1"; then
        case $arg_state/$pb_said in
        absent/"$1 "*) pb_said=${pb_said#* } ;;
        # Something else provides it.
        absent/*) pb_said= ;;
        *) pb_said=${pb_said#* } ;;
        esac
    else
        # An old pacman shows what a name stands for only here.
        pb_said=
        [ "$arg_state" = absent ] || ! pacman -T -- "$1" > /dev/null 2>&1 || pb_said=provided
    fi
}

# Its lock is a file without a word in it, which the manager that holds it has open.
package_pacman_holder() {
    pb_lock=${pb_lock_files:-/var/lib/pacman/db.lck}
    [ -e "$pb_lock" ] || return 0
    pb_holder=$(ls -l /proc/[0-9]*/fd/ 2> /dev/null | awk -v lock=" -> $pb_lock" '
        /^\/proc\// { split($0, part, "/") }
        substr($0, length($0) - length(lock) + 1) == lock { print part[3]; exit }')
    [ -n "$pb_holder" ] && package_lock_is_ours || return 0
    pb_holder=
}
