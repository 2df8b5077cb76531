# What no kind removes.

# Ends the check or the step where pb_path is a directory of the system, or holds a home.
pb_keep_system() {
    # NAME WHAT IS NOT DONE
    case $pb_path in
    / | /bin | /boot | /dev | /etc | /home | /lib | /lib32 | /lib64 | /media | /mnt | /opt | /proc | /root | /run | /sbin | /srv | /sys | /tmp | /usr | /usr/bin | /usr/lib | /usr/lib64 | /usr/local | /usr/sbin | /usr/share | /var | /var/lib | /var/log)
        pb_give_up "$1 is a directory of the system, and $2"
        ;;
    esac
    for pb_up in "$pb_home" "${HOME:-}"; do
        [ -n "$pb_up" ] || continue
        pb_up=$(cd -P -- "$pb_up" 2> /dev/null && pwd -P) || continue
        case $pb_up/ in "$pb_path"/*) pb_give_up "$1 holds the home of $(id -un), and $2" ;; esac
    done
}

# Ends the check or the step where something is mounted at pb_path or below it: what it holds lies elsewhere.
pb_keep_mounts() {
    # NAME
    [ -r /proc/self/mounts ] || return 0
    while read -r pb_from pb_at pb_rest; do
        case $pb_at in *\\*) pb_at=$(printf %b "$(pb_tell "$pb_at" | sed 's/\\/\\0/g')") ;; esac
        case $pb_at/ in "$pb_path"/*) pb_give_up "$pb_at is a mount point, and $1 is not removed: unmount it in an earlier step" ;; esac
    done < /proc/self/mounts
}
