# The kind `package`.

package_check() {
    package_begin
    eval "set -- $pb_names"
    # One question for all of them is answered "yes" on a converged host.
    case $arg_state/$pb_family/$arg_version in
    present/yum/ | present/zypper/) ! HOME=/ XDG_CONFIG_HOME=/ rpm -q --whatprovides -- "$@" > /dev/null 2>&1 || return 0 ;;
    esac
    for pb_name; do
        ! package_is_wanted "$pb_name" || continue
        if [ "$arg_state" = absent ]; then
            pb_differs "- $pb_asked $pb_have"
        elif [ -z "$pb_have" ]; then
            pb_differs "+ $pb_name${arg_version:+ $arg_version}"
        else
            pb_differs "$pb_asked $pb_have -> $pb_want"
        fi
    done
    pb_answer
}

package_apply() {
    pb_applies=1
    package_begin
    eval "set -- $pb_names"
    # Only those that differ: `install` would update the others.
    for pb_name; do
        shift
        package_is_wanted "$pb_name" || {
            [ "$arg_state" = present ] || pb_name=$pb_asked
            set -- "$@" "$pb_name"
        }
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
    [ -n "$pb_names" ] || {
        pb_known="${arg_yum:+ yum}${arg_apt:+ apt}${arg_apk:+ apk}${arg_zypper:+ zypper}"
        pb_give_up "this host's packages come by $pb_manager, and the step names them only for$pb_known: add $pb_family: NAME"
    }
    # A version as users write it, with the epoch in front if there is one.
    pb_format='%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n'
    eval "set -- $pb_names"
    for pb_name; do
        package_name_fits "$pb_name"
        case $pb_name in /*.rpm | /*.deb) package_is_roots "$pb_name" ;; esac
    done
}

# Refuses a package file that another user can swap: root would run what that user has put into it.
package_is_roots() {
    [ "$arg_state" = present ] || return 0
    pb_find_roots_holder "$1"
    [ -z "$pb_holder" ] || pb_give_up "${pb_holder#* } can change $1, and root does not install it: put it where no other user can write"
    # In a directory where others can lay a file, one that is missing is none that comes in a moment.
    [ -z "$pb_fresh" ] || [ -z "${pb_applies:-}" ] || pb_give_up "$1 is not there"
}

# Refuses what is not the name of one package: the same rule as in package.rs, for values that only the host knows.
package_name_fits() {
    case $1 in
    https://*.rpm | http://*.rpm | /*.rpm) case $pb_family in yum | zypper) ;; *) pb_give_up "$pb_manager does not install \`$1\`" ;; esac ;;
    /*.deb) [ "$pb_family" = apt ] || pb_give_up "$pb_manager does not install \`$1\`" ;;
    /*) case $pb_family in yum | zypper) ;; *) pb_give_up "$pb_manager does not install by path: \`$1\`" ;; esac ;;
    '' | [!0-9A-Za-z_]* | *[!0-9A-Za-z.:+~^_\(\)-]* | *-) pb_give_up "invalid package name \`$1\`" ;;
    esac
    # Brackets alone make no pattern; these do, and what separates lines or options.
    case $1 in *[*?[:space:][:cntrl:]]* | *\[*) pb_give_up "invalid package name \`$1\`" ;; esac
}

# Installs what is not installed, in the wanted version.
package_install() {
    case $pb_manager/$arg_version in
    */ | apt-get/*) ;;
    # What follows the version is a separator: 2.1 is not 2.10.
    dnf/* | yum/*) set -- "$1-${arg_version}[!0-9A-Za-z]*" ;;
    apk/*) set -- "$1=~$arg_version" ;;
    zypper/*)
        pb_have=$(zypper --non-interactive --no-refresh search -s -t package --match-exact -- "$1" | awk -F ' *[|] *' '{ print $4 }')
        package_version_fits || pb_one=$arg_version
        set -- "$1=$pb_one"
        ;;
    esac
    case $pb_manager in
    dnf | yum)
        package_manage "$pb_manager" -y install "$@"
        # An older version than the installed one is not an installation for yum.
        [ -z "$arg_version" ] || package_is_wanted "$pb_name" || package_manage "$pb_manager" -y downgrade "$@"
        ;;
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

# Whether a package is as the step wants it. Sets pb_asked to its name, pb_have to its versions that are installed or to those of what
# provides it, empty where nothing is, and pb_want to the wanted version. A package file is asked by the name and version inside it.
package_is_wanted() {
    pb_asked=$1 pb_want=$arg_version pb_have=
    case $1 in
    http*://* | /*.rpm | /*.deb)
        package_look_inside "$1"
        # A file that an earlier step brings may be missing in a check.
        [ -n "$pb_asked" ] || { pb_asked=$1 && return 1; }
        ;;
    esac
    package_installed "$pb_asked"
    case $arg_state/$pb_have in
    absent/) ;;
    absent/* | present/) return 1 ;;
    *) package_version_fits ;;
    esac
}

# Sets pb_asked and pb_want to the name and the version inside a package file or behind an address; empty where it is missing.
package_look_inside() {
    pb_asked=
    case $1 in
    /*)
        [ -e "$1" ] || {
            [ "$arg_state" = present ] || pb_give_up "$1 is not there to say which package it is: name the package itself"
            return 0
        }
        ;;
    esac
    pb_doubt="which package $1 is"
    # shellcheck disable=SC2016 # These names are for dpkg.
    case $pb_family in
    apt) package_ask dpkg-deb -W --showformat='${Package} ${Version}\n' -- "$1" ;;
    *) package_ask rpm -qp --qf "%{NAME} $pb_format" -- "$1" ;;
    esac || pb_give_up "could not find out $pb_doubt"
    pb_asked=${pb_said%% *} pb_want=${pb_said#* }
}

# Asks the package data base in the language that this file reads, without the user's own macros. Sets pb_said; false is "no". What the
# login user may not read is asked through sudo, and is an error where that does not help.
package_ask() {
    pb_sudo=
    while :; do
        # shellcheck disable=SC2086 # Words or none.
        pb_said=$(HOME=/ XDG_CONFIG_HOME=/ $pb_sudo "$@" 2> /dev/null) && return 0
        # shellcheck disable=SC2086
        pb_error=$(HOME=/ XDG_CONFIG_HOME=/ $pb_sudo "$@" 2>&1 > /dev/null | grep -i -e 'error:' -e '^sudo:' | grep -v 'error: file ') || return 1
        # shellcheck disable=SC3067
        [ -z "$pb_sudo" ] && [ ! -O / ] && command -v sudo > /dev/null 2>&1 || break
        pb_sudo='sudo -n env LC_ALL=C HOME=/ XDG_CONFIG_HOME=/'
    done
    pb_give_up "could not find out $pb_doubt: $pb_error"
}

# Sets pb_have to the versions that are installed under a name, or of what provides it; empty where nothing is.
package_installed() {
    pb_said= pb_doubt='what is installed'
    # shellcheck disable=SC2016 # These names are for dpkg.
    case $pb_family in
    yum | zypper)
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
        ;;
    apt)
        package_ask dpkg-query -W -f '${db:Status-Status} ${Version}\n' -- "$1" || pb_said=
        pb_said=$(sed -n 's/^installed //p' << EOF
$pb_said
EOF
        )
        [ -n "$pb_said" ] || [ "$arg_state" = absent ] || {
            # Not under its own name: perhaps something installed provides it.
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
        ;;
    apk)
        package_ask apk info -ve -- "$1" || pb_said=
        pb_said=$(sed 's/.*-\([0-9][^-]*-r[0-9]*\)$/\1/' << EOF
$pb_said
EOF
        )
        ;;
    esac
    pb_have=$pb_said
}

# Whether one of the versions in pb_have is the wanted one, or begins with it up to a separator; pb_one is the first that does.
package_version_fits() {
    [ -n "$pb_want" ] || return 0
    for pb_one in $pb_have; do
        pb_full=$pb_one
        # The epoch (1:2.3) counts where the wanted version has one.
        case $pb_want/$pb_full in
        *:*/*:*) ;;
        *:*/*) pb_full=0:$pb_full ;;
        *) pb_full=${pb_full#*:} ;;
        esac
        case $pb_full in
        "$pb_want" | "$pb_want"[!0-9A-Za-z]*) return 0 ;;
        esac
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

# Nothing that a package runs has a terminal: what asks a question there fails, or goes on, at once.
package_apt() {
    package_manage env DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none apt-get -y -q \
        -o DPkg::Lock::Timeout="${pb_lock_seconds:-300}" -o Dpkg::Use-Pty=0 \
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
    if [ -z "$arg_update_cache" ]; then
        if package_apt_knows "$@" && package_apt_go "$@"; then
            return 0
        fi
        package_refresh
    fi
    package_apt_go "$@"
}

# Whether apt's lists have these packages; a file is one by itself.
package_apt_knows() {
    for pb_one; do
        case $pb_one in /*) ;; *) apt-cache show -- "$pb_one" > /dev/null 2>&1 || return 1 ;; esac
    done
}

package_apt_go() {
    if [ -z "$arg_version" ]; then
        package_apt install "$@"
        return
    fi
    # The best of the versions that fit; where there is none, apt says it.
    pb_have=$(apt-cache madison -- "$1" 2> /dev/null | awk -F ' *[|] *' '$3 !~ / Sources$/ { print $2 }')
    package_version_fits || pb_one=$arg_version
    package_apt install --allow-downgrades "$1=$pb_one"
}
