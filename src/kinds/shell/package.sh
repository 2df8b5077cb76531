# The kind `package`.

# Sets pb_manager and pb_family to what this host has; where families are named, it must be one of them. yum goes first,
# since it is there wherever dnf is the system's own; Debian has dnf too, as a package like any other.
pb_family() {
    for pb_manager in yum apt-get dnf apk zypper none; do
        ! command -v "$pb_manager" > /dev/null 2>&1 || break
    done
    case $pb_manager in
    dnf | yum) pb_family=yum ;;
    apt-get) pb_family=apt ;;
    none) pb_give_up "this host has no package manager that pinboot knows (dnf, yum, apt-get, apk, zypper)" ;;
    *) pb_family=$pb_manager ;;
    esac
    [ $# -gt 0 ] || return 0
    for pb_known; do
        [ "$pb_known" != "$pb_family" ] || return 0
    done
    pb_give_up "this host's packages come by $pb_manager, and the step names them only for $*: add $pb_family: NAME"
}

# Sets pb_have to the versions that are installed under a name, or of what provides it; empty where nothing is.
pb_installed() {
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
pb_version_fits() {
    [ -n "$1" ] || return 0
    for pb_one in $pb_have; do
        # The epoch (1:2.3) is nobody's idea of a version.
        case ${pb_one#*:} in
        "$1" | "$1"[!0-9A-Za-z]*) return 0 ;;
        esac
        [ "$pb_one" != "$1" ] || return 0
    done
    return 1
}

pb_packages_check() {
    # present|absent VERSION NAME...
    pb_state=$1 pb_version=$2
    shift 2
    pb_family
    pb_differs=
    # One question for all of them is answered "yes" on a converged host.
    case $pb_state/$pb_family/$pb_version in
    present/yum/ | present/zypper/) ! rpm -q --whatprovides "$@" > /dev/null 2>&1 || return 0 ;;
    esac
    for pb_name; do
        if [ "$pb_state" = absent ]; then
            pb_installed "$pb_name" own
            [ -z "$pb_have" ] || { pb_differs=1 && pb_tell "- $pb_name $pb_have"; }
            continue
        fi
        pb_installed "$pb_name"
        if [ -z "$pb_have" ]; then
            pb_differs=1
            pb_tell "+ $pb_name${pb_version:+ $pb_version}"
        elif ! pb_version_fits "$pb_version"; then
            pb_differs=1
            pb_tell "$pb_name $pb_have -> $pb_version"
        fi
    done
    [ -z "$pb_differs" ] || not_so
}

# Sets pb_holder to the process that holds the package manager's lock, other than pb_pid and its children.
pb_lock_held() {
    pb_holder=
    if [ "$pb_family" = apt ]; then
        # apt locks by fcntl, which only the kernel's own table shows.
        for pb_lock in ${pb_lock_files:-/var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock}; do
            [ -e "$pb_lock" ] && [ -r /proc/locks ] || continue
            pb_inode=$(ls -i "$pb_lock")
            pb_inode=${pb_inode% *}
            pb_holder=$(awk -v inode=":${pb_inode##* }" '$2 == "POSIX" && substr($6, length($6) - length(inode) + 1) == inode { print $5; exit }' /proc/locks)
            ! pb_is_ours || pb_holder=
            [ -z "$pb_holder" ] || return 0
        done
        return 0
    fi
    for pb_lock in ${pb_lock_files:-/var/run/yum.pid /var/cache/dnf/metadata_lock.pid /var/lib/dnf/rpmdb_lock.pid /run/zypp.pid}; do
        [ -r "$pb_lock" ] || continue
        read -r pb_holder < "$pb_lock" || :
        # A lock whose process is gone holds nobody up: the manager itself sees to it.
        case $pb_holder in
        '' | *[!0-9]*) pb_holder= ;;
        *) kill -0 "$pb_holder" 2> /dev/null && ! pb_is_ours || pb_holder= ;;
        esac
        [ -z "$pb_holder" ] || return 0
    done
}

# Whether pb_holder is the manager that this step runs, or a child of it.
pb_is_ours() {
    [ -n "$pb_pid" ] || return 1
    [ "$pb_holder" != "$pb_pid" ] || return 0
    pb_parent=$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$pb_holder/status" 2> /dev/null)
    [ "$pb_parent" = "$pb_pid" ]
}

# Whether cloud-init is at work: a new instance's first minutes, in which it updates and installs as well.
pb_cloud_init_works() {
    pb_cloud=${pb_cloud_folder:-/run/cloud-init}
    [ -d "$pb_cloud" ] && [ ! -e "$pb_cloud/result.json" ] && [ ! -e "$pb_cloud/disabled" ] || return 1
    command -v cloud-init > /dev/null 2>&1 || return 0
    # (It ends with a status of its own where it has had errors.)
    pb_said=$(cloud-init status 2> /dev/null) || :
    case $pb_said in
    *'status: running'* | *'status: not run'* | *'status: not started'*) return 0 ;;
    *'status: '*) return 1 ;;
    esac
}

# Counts one more second of waiting for cloud-init, and ends the step where that was too long.
pb_cloud_init_counted() {
    pb_waited=$((pb_waited + 1))
    if [ "$pb_waited" -ge "${pb_lock_seconds:-300}" ]; then
        pb_give_up "waited $pb_waited s for cloud-init in vain: it is still at work. See \`cloud-init status --long\` on the host, and run again once it is done"
    fi
    if [ "$pb_waited" = 1 ] || [ "$((pb_waited % 15))" = 0 ]; then
        pb_tell "waiting for cloud-init, which sets the new instance up: $pb_waited s"
    fi
}

# Counts one more second of waiting for pb_holder, and ends the step where that was too long. No lock is ever deleted.
pb_lock_counted() {
    pb_waited=$((pb_waited + 1))
    if [ "$pb_waited" = 1 ] || [ "$((pb_waited % 15))" = 0 ] || [ "$pb_waited" -ge "${pb_lock_seconds:-300}" ]; then
        pb_who="pid $pb_holder"
        ! read -r pb_comm 2> /dev/null < "/proc/$pb_holder/comm" || pb_who="$pb_who $pb_comm"
        pb_since=$(ps -o lstart= -p "$pb_holder" 2> /dev/null) || pb_since=
        pb_who="$pb_who${pb_since:+ since $pb_since}"
        if [ "$pb_waited" -ge "${pb_lock_seconds:-300}" ]; then
            [ -z "$pb_pid" ] || kill "$pb_pid" 2> /dev/null || :
            pb_give_up "waited $pb_waited s for the package lock in vain: it is held by $pb_who. Run again once that is done"
        fi
        pb_tell "waiting for the package lock, held by $pb_who: $pb_waited s"
    fi
}

# Runs a package manager: waits for cloud-init and for its lock before, and bounds the wait that yum and dnf do by themselves
# for ever.
pb_manage() {
    pb_pid=
    pb_waited=0
    while pb_cloud_init_works; do
        pb_cloud_init_counted
        sleep 1
    done
    pb_lock_held
    while [ -n "$pb_holder" ]; do
        pb_lock_counted
        sleep 1
        pb_lock_held
    done
    "$@" < /dev/null &
    pb_pid=$!
    pb_naps=0
    while kill -0 "$pb_pid" 2> /dev/null; do
        pb_nap
        [ "$pb_naps" -gt 20 ] && [ "$((pb_naps % 2))" = 0 ] || continue
        pb_lock_held
        [ -z "$pb_holder" ] || pb_lock_counted
    done
    wait "$pb_pid"
}

pb_apt() {
    pb_manage env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout="${pb_lock_seconds:-300}" \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

# Fetches the lists of what can be had.
pb_refresh() {
    case $pb_manager in
    dnf | yum) pb_manage "$pb_manager" -y makecache ;;
    apt-get) pb_apt update ;;
    apk) pb_manage apk update ;;
    zypper) pb_manage zypper --non-interactive refresh ;;
    esac
}

# Installs, and where apt's lists are empty or old, fetches them and tries once more.
pb_apt_install() {
    pb_known=1
    if [ "$pb_update" = auto ]; then
        apt-cache show "$@" > /dev/null 2>&1 || pb_known=
        if [ -n "$pb_known" ] && pb_apt install "$@"; then
            return 0
        fi
        pb_refresh
    fi
    pb_apt install "$@"
}

pb_packages_apply() {
    # present|absent VERSION update|never|auto NAME...
    pb_state=$1 pb_version=$2 pb_update=$3
    shift 3
    pb_family
    # Only those that differ: `install` would update the others.
    for pb_name; do
        shift
        case $pb_name in
        -* | '') pb_give_up "\`$pb_name\` is no package's name" ;;
        esac
        if [ "$pb_state" = absent ]; then
            pb_installed "$pb_name" own
            [ -z "$pb_have" ] || set -- "$@" "$pb_name"
        else
            pb_installed "$pb_name"
            [ -n "$pb_have" ] && pb_version_fits "$pb_version" || set -- "$@" "$pb_name"
        fi
    done
    [ $# -gt 0 ] || return 0
    if [ "$pb_state" = absent ]; then
        case $pb_manager in
        dnf | yum) pb_manage "$pb_manager" -y remove "$@" ;;
        apt-get) pb_apt remove "$@" ;;
        apk) pb_manage apk del "$@" ;;
        zypper) pb_manage zypper --non-interactive remove "$@" ;;
        esac
        return 0
    fi
    if [ -n "$pb_version" ]; then
        case $pb_manager in
        dnf | yum) set -- "$1-$pb_version*" ;;
        apt-get) set -- "$1=$pb_version*" ;;
        apk) set -- "$1=~$pb_version" ;;
        zypper) set -- "$1=$pb_version" ;;
        esac
    fi
    [ "$pb_update" != update ] || pb_refresh
    case $pb_manager in
    dnf | yum) pb_manage "$pb_manager" -y install "$@" ;;
    apt-get) pb_apt_install "$@" ;;
    apk) pb_manage apk add "$@" ;;
    zypper) pb_manage zypper --non-interactive install "$@" ;;
    esac
}
