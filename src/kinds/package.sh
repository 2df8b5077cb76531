# The kind `package`.

package_check() {
    package_begin
    eval "set -- $pb_names"
    # One question for all of them is answered "yes" on a converged host.
    case $arg_state/$pb_family/$arg_version in
    present/yum/ | present/zypper/) ! rpm -q --whatprovides "$@" > /dev/null 2>&1 || return 0 ;;
    esac
    for pb_name; do
        if [ "$arg_state" = absent ]; then
            package_installed "$pb_name" own
            [ -z "$pb_have" ] || pb_differs "- $pb_name $pb_have"
            continue
        fi
        package_installed "$pb_name"
        if [ -z "$pb_have" ]; then
            pb_differs "+ $pb_name${arg_version:+ $arg_version}"
        elif ! package_version_fits; then
            pb_differs "$pb_name $pb_have -> $arg_version"
        fi
    done
    pb_answer
}

package_apply() {
    package_begin
    eval "set -- $pb_names"
    # Only those that differ: `install` would update the others.
    for pb_name; do
        shift
        case $pb_name in
        -* | '') pb_give_up "invalid package name \`$pb_name\`" ;;
        esac
        if [ "$arg_state" = absent ]; then
            package_installed "$pb_name" own
            [ -z "$pb_have" ] || set -- "$@" "$pb_name"
        else
            package_installed "$pb_name"
            [ -n "$pb_have" ] && package_version_fits || set -- "$@" "$pb_name"
        fi
    done
    [ $# -gt 0 ] || return 0
    if [ "$arg_state" = absent ]; then
        package_remove "$@"
    else
        [ "$arg_update_cache" != true ] || package_refresh
        package_install "$@"
    fi
}

# Sets pb_manager and pb_family to what this host has, and pb_names to its packages, quoted. yum goes first, since it is
# there wherever dnf is the system's own; Debian has dnf too, as a package like any other.
package_begin() {
    for pb_manager in yum apt-get dnf apk zypper none; do
        ! command -v "$pb_manager" > /dev/null 2>&1 || break
    done
    case $pb_manager in
    dnf | yum) pb_family=yum pb_names=$arg_yum ;;
    apt-get) pb_family=apt pb_names=$arg_apt ;;
    apk) pb_family=apk pb_names=$arg_apk ;;
    zypper) pb_family=zypper pb_names=$arg_zypper ;;
    *) pb_give_up "this host has no package manager that pinboot knows (dnf, yum, apt-get, apk, zypper)" ;;
    esac
    pb_names=${arg_name:-$pb_names}
    [ -z "$pb_names" ] || return 0
    pb_known="${arg_yum:+ yum}${arg_apt:+ apt}${arg_apk:+ apk}${arg_zypper:+ zypper}"
    pb_give_up "this host's packages come by $pb_manager, and the step names them only for$pb_known: add $pb_family: NAME"
}

# Installs what is not installed, in the wanted version.
package_install() {
    if [ -n "$arg_version" ]; then
        case $pb_manager in
        dnf | yum) set -- "$1-$arg_version*" ;;
        apt-get) set -- "$1=$arg_version*" ;;
        apk) set -- "$1=~$arg_version" ;;
        zypper) set -- "$1=$arg_version" ;;
        esac
    fi
    case $pb_manager in
    dnf | yum) package_manage "$pb_manager" -y install "$@" ;;
    apt-get) package_apt_install "$@" ;;
    apk) package_manage apk add "$@" ;;
    zypper) package_manage zypper --non-interactive install "$@" ;;
    esac
}

package_remove() {
    case $pb_manager in
    dnf | yum) package_manage "$pb_manager" -y remove "$@" ;;
    apt-get) package_apt remove "$@" ;;
    apk) package_manage apk del "$@" ;;
    zypper) package_manage zypper --non-interactive remove "$@" ;;
    esac
}

# Sets pb_have to the versions that are installed under a name, or of what provides it; empty where nothing is.
package_installed() {
    case $pb_family in
    yum | zypper)
        pb_have=$(rpm -q --whatprovides --qf '%{VERSION}-%{RELEASE}\n' "$1" 2> /dev/null) ||
            pb_have=$(rpm -q --qf '%{VERSION}-%{RELEASE}\n' "$1" 2> /dev/null) || pb_have=
        ;;
    apt)
        pb_have=$(dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2> /dev/null | sed -n 's/^installed //p')
        [ -n "$pb_have" ] || [ -n "${2:-}" ] || pb_have=$(
            # Not under its own name: perhaps something installed provides it.
            dpkg-query -W -f '${db:Status-Status}|${Version}|${Provides}\n' | awk -F '|' -v name="$1" '
                $1 == "installed" {
                    count = split($3, provided, / *, */)
                    for (i = 1; i <= count; i++) {
                        sub(/ .*/, "", provided[i])
                        if (provided[i] == name) print $2
                    }
                }'
        )
        ;;
    apk) pb_have=$(apk info -ve "$1" 2> /dev/null | sed 's/.*-\([0-9][^-]*-r[0-9]*\)$/\1/') ;;
    esac
}

# Whether one of the versions in pb_have is the wanted one, or begins with it up to a separator.
package_version_fits() {
    [ -n "$arg_version" ] || return 0
    for pb_one in $pb_have; do
        # The epoch (1:2.3) is not what users call a version.
        case ${pb_one#*:} in
        "$arg_version" | "$arg_version"[!0-9A-Za-z]*) return 0 ;;
        esac
        [ "$pb_one" != "$arg_version" ] || return 0
    done
    return 1
}

# Sets pb_holder to the process that holds the package manager's lock, other than pb_pid and its children.
package_lock_held() {
    pb_holder=
    if [ "$pb_family" = apt ]; then
        # apt locks by fcntl, which only the kernel's own table shows.
        for pb_lock in ${pb_lock_files:-/var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock}; do
            [ -e "$pb_lock" ] && [ -r /proc/locks ] || continue
            pb_inode=$(ls -i "$pb_lock")
            pb_inode=${pb_inode% *}
            pb_holder=$(awk -v inode=":${pb_inode##* }" '$2 == "POSIX" && substr($6, length($6) - length(inode) + 1) == inode { print $5; exit }' /proc/locks)
            ! package_lock_is_ours || pb_holder=
            [ -z "$pb_holder" ] || return 0
        done
        return 0
    fi
    for pb_lock in ${pb_lock_files:-/var/run/yum.pid /var/cache/dnf/metadata_lock.pid /var/lib/dnf/rpmdb_lock.pid /run/zypp.pid}; do
        [ -r "$pb_lock" ] || continue
        read -r pb_holder < "$pb_lock" || :
        # A lock whose process is gone holds nothing up: the manager itself removes it.
        case $pb_holder in
        '' | *[!0-9]*) pb_holder= ;;
        *) kill -0 "$pb_holder" 2> /dev/null && ! package_lock_is_ours || pb_holder= ;;
        esac
        [ -z "$pb_holder" ] || return 0
    done
}

# Whether pb_holder is the manager that this step runs, or a child of it.
package_lock_is_ours() {
    [ -n "$pb_pid" ] || return 1
    [ "$pb_holder" != "$pb_pid" ] || return 0
    pb_parent=$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$pb_holder/status" 2> /dev/null)
    [ "$pb_parent" = "$pb_pid" ]
}

# Whether cloud-init is at work: a new instance's first minutes, in which it updates and installs as well.
package_cloud_init_works() {
    pb_cloud=${pb_cloud_folder:-/run/cloud-init}
    [ -d "$pb_cloud" ] && [ ! -e "$pb_cloud/result.json" ] && [ ! -e "$pb_cloud/disabled" ] || return 1
    command -v cloud-init > /dev/null 2>&1 || return 0
    # It ends with a status of its own where it has had errors.
    pb_said=$(cloud-init status 2> /dev/null) || :
    case $pb_said in
    *'status: running'* | *'status: not run'* | *'status: not started'*) return 0 ;;
    *'status: '*) return 1 ;;
    esac
}

# Counts one more second of waiting for cloud-init, and ends the step where that was too long.
package_cloud_init_counted() {
    pb_waited=$((pb_waited + 1))
    if [ "$pb_waited" -ge "${pb_lock_seconds:-300}" ]; then
        pb_give_up "gave up after $pb_waited s: cloud-init is still at work. See \`cloud-init status --long\` on the host, and run again once it is done"
    fi
    if [ "$pb_waited" = 1 ] || [ "$((pb_waited % 15))" = 0 ]; then
        pb_tell "waiting for cloud-init, which sets the new instance up: $pb_waited s"
    fi
}

# Counts one more second of waiting for pb_holder, and ends the step where that was too long. No lock is ever deleted.
package_lock_counted() {
    pb_waited=$((pb_waited + 1))
    if [ "$pb_waited" = 1 ] || [ "$((pb_waited % 15))" = 0 ] || [ "$pb_waited" -ge "${pb_lock_seconds:-300}" ]; then
        pb_who="pid $pb_holder"
        ! read -r pb_comm 2> /dev/null < "/proc/$pb_holder/comm" || pb_who="$pb_who $pb_comm"
        pb_since=$(ps -o lstart= -p "$pb_holder" 2> /dev/null) || pb_since=
        pb_who="$pb_who${pb_since:+ since $pb_since}"
        if [ "$pb_waited" -ge "${pb_lock_seconds:-300}" ]; then
            [ -z "$pb_pid" ] || kill "$pb_pid" 2> /dev/null || :
            pb_give_up "gave up after $pb_waited s: the package lock is still held by $pb_who. Run again once that is done"
        fi
        pb_tell "waiting for the package lock, held by $pb_who: $pb_waited s"
    fi
}

# Runs a package manager: waits for cloud-init and for the lock first, and limits how long yum and dnf wait by themselves,
# which is for ever.
package_manage() {
    pb_pid=
    pb_waited=0
    while package_cloud_init_works; do
        package_cloud_init_counted
        sleep 1
    done
    package_lock_held
    while [ -n "$pb_holder" ]; do
        package_lock_counted
        sleep 1
        package_lock_held
    done
    "$@" < /dev/null &
    pb_pid=$!
    pb_naps=0
    while kill -0 "$pb_pid" 2> /dev/null; do
        pb_nap
        [ "$pb_naps" -gt 20 ] && [ "$((pb_naps % 2))" = 0 ] || continue
        package_lock_held
        [ -z "$pb_holder" ] || package_lock_counted
    done
    wait "$pb_pid"
}

package_apt() {
    package_manage env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout="${pb_lock_seconds:-300}" \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

# Fetches the lists of what can be had.
package_refresh() {
    case $pb_manager in
    dnf | yum) package_manage "$pb_manager" -y makecache ;;
    apt-get) package_apt update ;;
    apk) package_manage apk update ;;
    zypper) package_manage zypper --non-interactive refresh ;;
    esac
}

# Installs, and where apt's lists are empty or old, fetches them and tries once more.
package_apt_install() {
    pb_known=1
    if [ -z "$arg_update_cache" ]; then
        apt-cache show "$@" > /dev/null 2>&1 || pb_known=
        if [ -n "$pb_known" ] && package_apt install "$@"; then
            return 0
        fi
        package_refresh
    fi
    package_apt install "$@"
}
