# apt and dpkg.

package_by_apt() {
    # installed NAME|install NAME...|refresh|holder
    pb_verb=$1
    shift
    case $pb_verb in
    installed) package_dpkg_installed "$1" ;;
    refresh) package_apt update ;;
    install)
        case " $* " in
        *://*) package_do apt_files "$@" ;;
        *) package_try package_apt_install "$@" ;;
        esac
        ;;
    holder) package_apt_holder ;;
    esac
}

# Nothing that a package runs has a terminal: what asks a question there fails, or goes on, at once.
package_apt() {
    package_manage env DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none apt-get -y -q \
        -o DPkg::Lock::Timeout="${pb_lock_seconds:-300}" -o Dpkg::Use-Pty=0 \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

package_apt_install() {
    # Lists that do not have it are fetched before apt is asked in vain; a file is a package by itself.
    [ -n "$pb_again" ] || for pb_one; do
        case $pb_one in /*) ;; *) apt-cache show -- "$pb_one" > /dev/null 2>&1 || return 1 ;; esac
    done
    case $arg_version/$* in
    /*/*) package_apt install --allow-downgrades "$@" ;;
    /*) package_apt install "$@" ;;
    *)
        # The best of the versions that fit; where there is none, apt says it.
        pb_have=$(apt-cache madison -- "$1" 2> /dev/null | awk -F ' *[|] *' '$3 !~ / Sources$/ { print $2 }')
        package_version_fits || pb_one=$arg_version
        package_apt install --allow-downgrades "$1=$pb_one"
        ;;
    esac
}

# Sets pb_said to the version that is installed under a name, or of what provides it; empty where nothing is.
package_dpkg_installed() {
    # shellcheck disable=SC2016 # These names are for dpkg.
    package_ask dpkg-query -W -f '${db:Status-Status} ${Version}\n' -- "$1" || pb_said=
    pb_said=$(sed -n 's/^installed //p' << EOF
$pb_said
EOF
    )
    [ -n "$pb_said" ] || [ "$arg_state" = absent ] || {
        # Not under its own name: perhaps something installed provides it.
        # shellcheck disable=SC2016
        package_ask dpkg-query -W -f '${db:Status-Status}|${Version}|${Provides}\n' || pb_said=
        pb_said=$(awk -F '|' -v name="$1" '
            $1 == "installed" {
                count = split($3, provided, / *, */)
                for (i = 1; i <= count; i++) {
                    sub(/ .*/, "", provided[i])
                    if (provided[i] == name) print $2
                }
            }' << EOF
$pb_said
EOF
        )
    }
}

# apt locks by fcntl, which only the kernel's own table shows.
package_apt_holder() {
    for pb_lock in ${pb_lock_files:-/var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock}; do
        [ -e "$pb_lock" ] && [ -r /proc/locks ] || continue
        pb_inode=$(ls -i "$pb_lock")
        pb_inode=${pb_inode% *}
        pb_holder=$(awk -v inode=":${pb_inode##* }" '$2 == "POSIX" && substr($6, length($6) - length(inode) + 1) == inode { print $5; exit }' /proc/locks)
        ! package_lock_is_ours || pb_holder=
        [ -z "$pb_holder" ] || return 0
    done
}
