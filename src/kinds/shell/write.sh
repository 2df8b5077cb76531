# Writing files: into place at once, with owner, group and mode.

# Says how a file's mode, owner and group differ from the wanted ones; an empty one is not asked for.
pb_check_attributes() {
    # FILE MODE OWNER GROUP
    [ -n "$2$3$4" ] || return 0
    pb_stat "$1"
    case $2 in '' | "$pb_mode") ;; *) pb_differs "mode $pb_mode -> $2" ;; esac
    case $3 in '' | "$pb_user" | "$pb_uid") ;; *) pb_differs "owner $pb_user -> $3" ;; esac
    case $4 in '' | "$pb_group" | "$pb_gid") ;; *) pb_differs "group $pb_group -> $4" ;; esac
}

# Gives a file its owner, group and mode; an owner that it has already needs no right to give files away.
pb_give() {
    # FILE OWNER GROUP MODE
    if [ -n "$2$3" ]; then
        pb_stat "$1"
        if [ "$2" != "$pb_user" ] && [ "$2" != "$pb_uid" ] && [ -n "$2" ]; then
            chown "$2" "$1" || pb_give_up "cannot give the file to the user $2 as $(id -un): does the step need sudo: true?"
        fi
        if [ "$3" != "$pb_group" ] && [ "$3" != "$pb_gid" ] && [ -n "$3" ]; then
            chgrp "$3" "$1" || pb_give_up "cannot give the file to the group $3 as $(id -un): does the step need sudo: true?"
        fi
    fi
    # Last, because a new owner takes some bits away.
    chmod "$4" "$1"
}

# Puts the bytes of a command into place: written beside the target where no other user can read, then renamed.
pb_replace() {
    # PATH MODE OWNER GROUP COMMAND...
    pb_target "$1"
    pb_need_dir
    pb_want_mode=$2 pb_want_owner=$3 pb_want_group=$4
    shift 4
    if [ -e "$pb_path" ]; then
        pb_stat "$pb_path"
        pb_want_mode=${pb_want_mode:-$pb_mode}
        pb_want_owner=${pb_want_owner:-$pb_uid}
        pb_want_group=${pb_want_group:-$pb_gid}
    fi
    (
        pb_part=$pb_dir/.${pb_path##*/}.pinboot-$$
        trap 'rm -f "$pb_part"' EXIT
        trap 'exit 143' HUP INT TERM
        rm -f "$pb_part"
        umask 077
        # noclobber: never through a link that another user laid.
        set -C
        "$@" > "$pb_part" || pb_give_up "cannot write in $pb_dir as $(id -un): is the disk full, or does the step need sudo: true?"
        pb_give "$pb_part" "$pb_want_owner" "$pb_want_group" "${pb_want_mode:-0644}"
        pb_to_disk "$pb_part"
        mv -f "$pb_part" "$pb_path"
    )
}

# Makes a private directory pb_work inside another, which goes away with this (sub)shell, however that ends.
# pb_pid is the process that then has to go too.
pb_work_in() {
    pb_work=$1/.pinboot-work.$$
    pb_pid=
    # What a killed run left behind goes too, once no process can still use it: it is an hour old and its process has ended.
    for pb_left in "$1"/.pinboot-work.*; do
        [ -d "$pb_left" ] && ! kill -0 "${pb_left##*.}" 2> /dev/null || continue
        [ -z "$(find "$pb_left" -prune -mmin +60 2> /dev/null)" ] || rm -rf "$pb_left" || :
    done
    rm -rf "$pb_work"
    (umask 077 && mkdir "$pb_work") || pb_give_up "cannot write in $1 as $(id -un): is the disk full, or does the step need sudo: true?"
    trap 'pb_work_gone' EXIT
    trap 'exit 143' HUP INT TERM
}

pb_work_gone() {
    [ -z "$pb_pid" ] || kill "$pb_pid" 2> /dev/null || :
    # An archive may bring directories that even their owner cannot write in.
    rm -rf "$pb_work" 2> /dev/null || { chmod -R u+rwx "$pb_work" && rm -rf "$pb_work"; } || :
}

# Sleeps a little while a process pb_pid is waited for: short naps at first, so that a quick one costs no second.
# Not every sleep knows fractions.
pb_nap() {
    pb_naps=$((pb_naps + 1))
    if [ "$pb_naps" -le 20 ]; then
        sleep 0.05 2> /dev/null || sleep 1
    else
        sleep 0.5 2> /dev/null || sleep 1
    fi
}
