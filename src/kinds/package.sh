# The kind `package`. What only one family of systems needs, and what only some steps do, stands in package/: a step is sent the
# functions that package.rs names for it.

package_check() {
    package_begin
    eval "set -- $pb_names"
    # One question for all of them is answered "yes" on a converged host.
    case $arg_state/$pb_family/$arg_version/$pb_names in
    *@*) ;;
    present/yum//* | present/zypper//*) ! HOME=/ XDG_CONFIG_HOME=/ rpm -q --whatprovides -- "$@" > /dev/null 2>&1 || return 0 ;;
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
    pb_applies=1 pb_old=
    package_begin
    eval "set -- $pb_names"
    # Only those that differ: `install` would update the others.
    for pb_name; do
        shift
        ! package_is_wanted "$pb_name" || continue
        case $arg_state/$pb_have in
        absent/*) set -- "$@" "$pb_asked" ;;
        latest/?*) pb_old="$pb_old $pb_real" ;;
        *) set -- "$@" "$pb_name" ;;
        esac
    done
    [ "$#$pb_old" != 0 ] || return 0
    if [ "$arg_state" = absent ]; then
        package_do remove "$@"
        return
    fi
    [ "$arg_update_cache" != true ] || package_do "by_$pb_family" refresh
    [ $# = 0 ] || package_do "by_$pb_family" install "$@"
    [ -z "$pb_old" ] || package_do update
}

# Calls a function of package/. Its name is put together here, so that a step is sent those alone that package.rs names.
package_do() {
    # NAME ARGUMENT...
    pb_part=package_$1
    shift
    "$pb_part" "$@"
}

# Sets pb_manager and pb_family to what this host has, and pb_names to its packages, quoted. yum goes first, since it is
# there wherever dnf is the system's own; Debian has dnf too, as a package like any other.
package_begin() {
    for pb_manager in yum apt-get dnf apk zypper pacman none; do
        ! command -v "$pb_manager" > /dev/null 2>&1 || break
    done
    case $pb_manager in
    dnf | yum) pb_family=yum pb_names=$arg_yum ;;
    apt-get) pb_family=apt pb_names=$arg_apt ;;
    apk) pb_family=apk pb_names=$arg_apk ;;
    zypper) pb_family=zypper pb_names=$arg_zypper ;;
    pacman) pb_family=pacman pb_names=$arg_pacman ;;
    *) pb_give_up "this host has no package manager that pinboot knows (dnf, yum, apt-get, apk, zypper, pacman)" ;;
    esac
    pb_names=${arg_name:-$pb_names}
    [ -n "$pb_names" ] || {
        pb_known="${arg_yum:+ yum}${arg_apt:+ apt}${arg_apk:+ apk}${arg_zypper:+ zypper}${arg_pacman:+ pacman}"
        pb_give_up "this host's packages come by $pb_manager, and the step names them only for$pb_known: add $pb_family: NAME"
    }
    # A version as users write it, with the epoch in front if there is one.
    pb_format='%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n'
    eval "set -- $pb_names"
    for pb_name; do
        package_name_fits "$pb_name"
        case $pb_name in /*.rpm | /*.deb | /*.pkg.tar.*) package_do is_roots "$pb_name" ;; esac
    done
}

# Refuses what is not the name of one package: the same rule as in package.rs, for values that only the host knows.
package_name_fits() {
    pb_fits=1
    case $1 in
    # Brackets alone make no pattern; these do, and what separates lines or options.
    *[*?[:space:][:cntrl:]]* | *\[*) pb_fits= ;;
    @ | @^ | @?*[!0-9A-Za-z.+_-]* | @[!0-9A-Za-z.+_^-]*) pb_fits= ;;
    @*) case $pb_family in apt | apk) pb_give_up "$pb_manager has no groups such as \`$1\`: name the packages for it" ;; esac ;;
    /*.deb | https://*.deb | http://*.deb) [ "$pb_family" = apt ] || pb_fits=path ;;
    /*.pkg.tar.*) [ "$pb_family" = pacman ] || pb_fits=path ;;
    https://*.rpm | http://*.rpm | /*) case $pb_family in yum | zypper) ;; *) pb_fits=path ;; esac ;;
    '' | [!0-9A-Za-z_]* | *[!0-9A-Za-z.:+~^_\(\)-]* | *-) pb_fits= ;;
    esac
    case $pb_fits/$1 in
    /*) pb_give_up "invalid package name \`$1\`" ;;
    path/*.rpm | path/*.deb | path/*.pkg.tar.*) pb_give_up "$pb_manager does not install \`$1\`" ;;
    path/*) pb_give_up "$pb_manager does not install by path: \`$1\`" ;;
    esac
    case $arg_state/$1 in
    latest/@* | latest/*.deb | latest/*.rpm | latest/*.pkg.tar.*) pb_give_up "\`state: latest\` is for packages by their names, and not for \`$1\`" ;;
    esac
}

# Whether a package is as the step wants it. Sets pb_asked to its name, pb_have to its versions that are installed or to those of what
# provides it, empty where nothing is, pb_want to the wanted version, and pb_real, with `latest`, to the names of what has these versions.
package_is_wanted() {
    pb_asked=$1 pb_want=$arg_version pb_have= pb_doubt='what is installed'
    case $1 in
    @*)
        package_do has_group "${1#@}"
        return
        ;;
    http*://* | /*.rpm | /*.deb | /*.pkg.tar.*)
        package_do has_file "$1"
        return
        ;;
    esac
    package_do "by_$pb_family" installed "$1"
    pb_have=$pb_said
    case $arg_state/$pb_have in
    absent/) ;;
    absent/* | */) return 1 ;;
    latest/*)
        package_do newer "$1"
        [ -z "$pb_want" ]
        ;;
    *) package_version_fits ;;
    esac
}

# Asks the package data base in the language that this file reads, without the user's own macros. Sets pb_said; false is "no". What the
# login user may not read is asked through sudo, and is an error where that does not help.
package_ask() {
    pb_sudo=
    while :; do
        # shellcheck disable=SC2086 # Words or none.
        pb_said=$(HOME=/ XDG_CONFIG_HOME=/ $pb_sudo "$@" 2> /dev/null) && return 0
        # shellcheck disable=SC2086
        pb_error=$(HOME=/ XDG_CONFIG_HOME=/ $pb_sudo "$@" 2>&1 > /dev/null | grep -i -e 'error:' -e '^sudo:' | grep -v -e 'error: file ' -e "^error: package '.*' was not found") || return 1
        # shellcheck disable=SC3067
        [ -z "$pb_sudo" ] && [ ! -O / ] && command -v sudo > /dev/null 2>&1 || break
        pb_sudo='sudo -n env LC_ALL=C HOME=/ XDG_CONFIG_HOME=/'
    done
    pb_give_up "could not find out $pb_doubt: $pb_error"
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

# Carries an installation out; where the lists of what can be had are missing or old, fetches them and tries once more.
package_try() {
    # FUNCTION ARGUMENT...
    pb_again=$arg_update_cache
    if [ -z "$pb_again" ]; then
        if "$@"; then
            return 0
        fi
        package_do "by_$pb_family" refresh
        pb_again=1
    fi
    "$@"
}

# Sets pb_holder to the process that holds the lock in one of these files, other than pb_pid and its children: its number stands there.
package_lock_files() {
    # shellcheck disable=SC2048 # No name has blanks.
    for pb_lock in ${pb_lock_files:-$*}; do
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

# Sets pb_holder to the process that holds the package manager's lock, other than the manager that this step runs.
package_lock_held() {
    pb_holder=
    package_do "by_$pb_family" holder
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
