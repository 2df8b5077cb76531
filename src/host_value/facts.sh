# The facts of a host. Each function `pb_fact_NAME` sets pb_ret to a fact, or leaves it empty where it cannot be found out. A program
# has only those that its plan uses, and calls each of them once.
#
# Everything here runs in the runner's shell, before the first step. Tests give pb_facts_root, which stands in front of every path.

# pb_first_line FILE: sets pb_ret to the first line of a file; false where there is none.
pb_first_line() {
    pb_ret=
    { IFS= read -r pb_ret < "${pb_facts_root-}$1"; } 2> /dev/null
    [ -n "$pb_ret" ]
}

pb_fact_arch() { pb_ret=$(uname -m 2> /dev/null); }

pb_fact_kernel() { pb_first_line /proc/sys/kernel/osrelease || pb_ret=$(uname -r 2> /dev/null); }

# pb_read_os_release: reads os-release once. It is data, and never run as shell.
pb_read_os_release() {
    [ -z "${pb_os_read-}" ] || return 0
    pb_os_read=1 pb_os_id='' pb_os_like='' pb_os_version='' pb_os_codename='' pb_os_release=''
    pb_file=${pb_facts_root-}/etc/os-release
    [ -r "$pb_file" ] || pb_file=${pb_facts_root-}/usr/lib/os-release
    [ -r "$pb_file" ] || return 0
    while IFS= read -r pb_line || [ -n "$pb_line" ]; do
        pb_value=${pb_line#*=}
        case $pb_value in
        \"*\" | \'*\') pb_value=${pb_value#?} pb_value=${pb_value%?} ;;
        esac
        case $pb_line in
        ID=*) pb_os_id=$pb_value ;;
        ID_LIKE=*) pb_os_like=$pb_value ;;
        VERSION_ID=*) pb_os_version=$pb_value ;;
        VERSION_CODENAME=*) pb_os_codename=$pb_value ;;
        VERSION=*) pb_os_release=$pb_value ;;
        esac
    done < "$pb_file"
}

pb_fact_os() {
    pb_read_os_release
    pb_ret=$pb_os_id
}

pb_fact_family() {
    pb_read_os_release
    case " $pb_os_id $pb_os_like " in
    *' debian '* | *' ubuntu '*) pb_ret=debian ;;
    *' rhel '* | *' fedora '* | *' centos '* | *' amzn '*) pb_ret=redhat ;;
    *' suse '* | *' opensuse '* | *' sles '*) pb_ret=suse ;;
    *' alpine '*) pb_ret=alpine ;;
    *' arch '*) pb_ret=arch ;;
    *) pb_ret=$pb_os_id ;;
    esac
}

pb_fact_version() {
    pb_read_os_release
    pb_ret=$pb_os_version
}

pb_fact_major() {
    pb_read_os_release
    pb_ret=${pb_os_version%%[!0-9]*}
}

# Debian before 10 has its name in VERSION alone: `8 (jessie)`.
pb_fact_codename() {
    pb_read_os_release
    pb_ret=$pb_os_codename
    case $pb_os_codename:$pb_os_id:$pb_os_release in
    :debian:*\(*\)) pb_ret=${pb_os_release##*\(} pb_ret=${pb_ret%\)} ;;
    esac
}

# The address from which the host reaches others. The one asked for is of a documentation network, and nothing is sent to it.
pb_fact_ip() {
    for pb_line in '-4 route get 192.0.2.1' '-6 route get 2001:db8::1'; do
        # shellcheck disable=SC2086 # These are several words.
        pb_ret=$(PATH=$PATH:/usr/sbin:/sbin && ip $pb_line 2> /dev/null)
        case $pb_ret in
        *' src '*)
            pb_ret=${pb_ret#*' src '} pb_ret=${pb_ret%%[[:space:]]*}
            return
            ;;
        esac
    done
    pb_ret=
    case ${SSH_CONNECTION-} in
    *' '*' '*' '*) pb_ret=${SSH_CONNECTION#* } pb_ret=${pb_ret#* } pb_ret=${pb_ret%% *} ;;
    esac
}

pb_fact_hostname() { pb_first_line /proc/sys/kernel/hostname || pb_ret=$(uname -n 2> /dev/null); }

# No name server is asked: it may not answer, or answer something else tomorrow.
pb_fact_fqdn() {
    pb_fact_hostname
    case $pb_ret in *.*) return ;; esac
    pb_name=$pb_ret pb_ret=
    [ -n "$pb_name" ] && [ -r "${pb_facts_root-}/etc/hosts" ] || return
    while read -r pb_value pb_line || [ -n "$pb_value" ]; do
        pb_line=${pb_line%%#*}
        case $pb_value:" $pb_line " in '#'*) continue ;; *[[:space:]]"$pb_name"[[:space:]]*) ;; *) continue ;; esac
        while [ -n "$pb_line" ]; do
            pb_ret=${pb_line%%[[:space:]]*} pb_line=${pb_line#"$pb_ret"} pb_line=${pb_line#"${pb_line%%[![:space:]]*}"}
            case $pb_ret in "$pb_name".*) return ;; esac
        done
    done < "${pb_facts_root-}/etc/hosts"
    pb_ret=
}

pb_fact_memory() {
    pb_ret=
    [ -r "${pb_facts_root-}/proc/meminfo" ] || return
    while read -r pb_name pb_value pb_line; do
        case $pb_name in MemTotal:) pb_ret=$((pb_value / 1024)) && break ;; esac
    done < "${pb_facts_root-}/proc/meminfo"
}

# The kernel lists them like `0-3,5`.
pb_fact_cpus() {
    if pb_first_line /sys/devices/system/cpu/online; then
        pb_line=$pb_ret, pb_ret=0
        while [ -n "$pb_line" ]; do
            pb_value=${pb_line%%,*} pb_line=${pb_line#*,}
            pb_ret=$((pb_ret + ${pb_value#*-} - ${pb_value%-*} + 1))
        done
    else
        pb_ret=$(nproc 2> /dev/null) || pb_ret=$(getconf _NPROCESSORS_ONLN 2> /dev/null)
    fi
}

pb_fact_home() { pb_ret=${HOME-}; }

pb_fact_user() { pb_ret=$(id -un 2> /dev/null); }

pb_fact_init() {
    if [ -d "${pb_facts_root-}/run/systemd/system" ]; then
        pb_ret=systemd
    elif [ -d "${pb_facts_root-}/run/openrc" ]; then
        pb_ret=openrc
    elif pb_first_line /proc/1/comm && [ "$pb_ret" = init ] && [ -d "${pb_facts_root-}/etc/init.d" ]; then
        pb_ret=sysv
    else
        pb_ret=none
    fi
}

# A host may have those of other families too.
pb_fact_package_manager() {
    pb_fact_family
    case $pb_ret in
    debian) set -- apt-get ;;
    redhat) set -- dnf yum ;;
    suse) set -- zypper ;;
    alpine) set -- apk ;;
    arch) set -- pacman ;;
    *) set -- ;;
    esac
    pb_ret=
    for pb_name in "$@" dnf yum apt-get zypper apk pacman; do
        if command -v "$pb_name" > /dev/null 2>&1; then
            pb_ret=${pb_name%-get}
            return
        fi
    done
}

pb_fact_selinux() {
    pb_first_line /sys/fs/selinux/enforce || :
    case $pb_ret in
    1) pb_ret=enforcing ;;
    0) pb_ret=permissive ;;
    *) pb_ret=disabled ;;
    esac
}
