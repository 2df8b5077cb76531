# The kind `swap`.

swap_check() {
    swap_begin
    swap_look
    if [ "$arg_state" = absent ]; then
        [ -z "$pb_active" ] || pb_differs "- $arg_path in use as swap space"
        [ -b "$pb_swap" ] || [ -z "$pb_there" ] || pb_differs "- $arg_path"
    else
        swap_compare
    fi
    [ -z "${pb_changes:-}" ] || swap_guard
    swap_table
    pb_edit_check pb_fstab_text swap_ask
    ! pb_fstab_is_unread || pb_differs "systemd has not read /etc/fstab since it was changed"
    pb_answer
}

swap_apply() {
    pb_use_sbin
    for pb_one in mkswap swapon swapoff; do
        command -v "$pb_one" > /dev/null 2>&1 || pb_give_up "this host has no $pb_one: install it in an earlier step (package: util-linux)"
    done
    swap_begin
    swap_guard
    swap_look
    if [ "$arg_state" = absent ]; then swap_take_away; else swap_bring; fi
    swap_table
    pb_at /etc/fstab swap_write
    pb_fstab_tell_systemd
    # What its line has said is removed first: a file that is missing would hold the next boot up.
    [ "$arg_state" != absent ] || [ -b "$pb_swap" ] || rm -f -- "$pb_swap"
}

swap_ask() {
    swap_begin
    swap_table
    pb_edit_ask pb_fstab_text
}

swap_write() {
    swap_begin
    swap_table
    pb_edit_write pb_fstab_text
}

# Sets pb_swap to the file or device, symbolic links followed, and arg_bytes to its size.
swap_begin() {
    # The functions for edits want the table in arg_path.
    [ "$arg_path" = /etc/fstab ] || pb_swap_path=$arg_path
    pb_is_made=
    pb_fstab_resolve "$pb_swap_path"
    pb_swap=$pb_resolved
    [ -n "$arg_bytes" ] || [ -z "$arg_size" ] || arg_bytes=$(size=$arg_size awk 'BEGIN {
        size = ENVIRON["size"]
        unit = substr(size, length(size))
        printf "%.0f", (size + 0) * (unit == "T" ? 1099511627776 : unit == "G" ? 1073741824 : 1048576)
    }')
}

# Says what the line of /etc/fstab shall be.
swap_table() {
    pb_fstab_by=what pb_fstab_what=$pb_swap_path pb_fstab_real=$pb_swap pb_fstab_at=none pb_fstab_type=swap pb_fstab_dump=0 pb_fstab_pass=0 pb_fstab_gone=
    pb_fstab_options=${arg_options:-sw}${arg_priority:+,pri=$arg_priority}
    [ "$arg_state" != absent ] || pb_fstab_gone=1
    arg_path=/etc/fstab arg_create=true
}

swap_guard() {
    pb_fstab_guard "$pb_swap_path" '' 'makes no swap space there' "$pb_swap"
}

# Sets pb_there, and of the file pb_size (bytes), pb_mode and pb_uid; pb_active and pb_now, the priority with which it is in use.
swap_look() {
    pb_there='' pb_size='' pb_mode='' pb_uid='' pb_active='' pb_now=''
    if [ -b "$pb_swap" ]; then
        pb_there=1
    elif [ -e "$pb_swap" ]; then
        pb_want_file "$arg_path" "$pb_swap"
        pb_there=1
        pb_line=$(ls -ldn -- "$pb_swap")
        IFS=' ' read -r pb_mode pb_one pb_uid pb_one pb_size pb_one << EOF
$pb_line
EOF
    fi
    [ -r /proc/swaps ] || return 0
    while IFS=' 	' read -r pb_one pb_two pb_two pb_two pb_priority; do
        case $pb_one in *\\*) pb_one=$(printf %b "$(pb_tell "$pb_one" | sed 's/\\/\\0/g')") ;; esac
        # A device may have another name there.
        [ "$pb_one" = "$pb_swap" ] || { [ -b "$pb_swap" ] && [ "$pb_one" -ef "$pb_swap" ]; } || continue
        pb_active=1 pb_now=$pb_priority
    done < /proc/swaps
}

# Says in what the swap space is another one than wanted.
swap_compare() {
    if [ -b "$pb_swap" ]; then
        [ -z "$arg_size" ] || pb_give_up "$arg_path is a device, which has a size of its own: remove \`size\`"
    elif [ -z "$arg_size" ]; then
        pb_give_up "$arg_path is not a device, and a file needs a \`size\`"
    elif [ -z "$pb_there" ]; then
        pb_differs "+ $arg_path of $arg_size"
        swap_tell_room
    else
        if [ "$pb_size" != "$arg_bytes" ]; then
            pb_differs "size $pb_size bytes -> $arg_size ($arg_bytes bytes)"
            swap_tell_room
        fi
        case $pb_mode in -rw-------*) ;; *) pb_differs "mode ${pb_mode%[.+@]} -> -rw-------" ;; esac
        [ "$pb_uid" = 0 ] || pb_differs "owner $pb_uid -> root"
    fi
    if [ -z "$pb_active" ]; then
        pb_differs "not in use as swap space -> in use${arg_priority:+ with priority $arg_priority}"
    elif [ -n "$arg_priority" ] && [ "$arg_priority" != "$pb_now" ]; then
        pb_differs "priority $pb_now -> $arg_priority"
    fi
}

# Says in a check that there is no room.
swap_tell_room() {
    swap_find_room
    case $pb_room in none) pb_tell "  $pb_no_room" ;; esac
}

# Sets pb_room: `beside` where the new file has room beside the old one, `instead` where it has when that is gone, and otherwise `none`.
swap_find_room() {
    pb_dir=${pb_swap%/*}
    until [ -d "${pb_dir:-/}" ]; do pb_dir=${pb_dir%/*}; done
    pb_room=$(df -Pk "${pb_dir:-/}" 2> /dev/null | want=$arg_bytes old=$pb_size awk '
        NR == 2 {
            want = ENVIRON["want"] / 1024 + 1024
            print ($4 + 0 >= want) ? "beside" : ($4 + ENVIRON["old"] / 1024 >= want) ? "instead" : "none " int($4 / 1024)
        }')
    pb_no_room="not enough space for $arg_size in ${pb_dir:-/}: ${pb_room#none } MiB are free"
    pb_room=${pb_room%% *}
}

swap_bring() {
    swap_compare > /dev/null
    if ! [ -b "$pb_swap" ] && [ "$pb_size" != "$arg_bytes" ]; then
        swap_make
    elif [ -z "$pb_active" ] && ! swap_has_mark; then
        pb_give_up "$arg_path holds no swap space, and what it holds is not overwritten: remove it in an earlier step, or run mkswap there"
    fi
    [ -b "$pb_swap" ] || pb_give "$pb_swap" root '' 0600
    if [ -n "$pb_active" ] && [ -n "$arg_priority" ] && [ "$arg_priority" != "$pb_now" ]; then swap_off; fi
    [ -z "$pb_active" ] || return 0
    swap_on && return 0
    # A file that has right size and mark, and holes in it, is a copy.
    case $pb_said in
    *oles*)
        if ! [ -b "$pb_swap" ] && [ -z "$pb_is_made" ]; then
            swap_make
            ! swap_on || return 0
        fi
        ;;
    esac
    pb_give_up "$pb_swap cannot be used as swap space: $pb_said"
}

swap_on() {
    pb_said=$(swapon ${arg_priority:+-p "$arg_priority"} "$pb_swap" 2>&1)
}

swap_off() {
    pb_said=$(swapoff "$pb_swap" 2>&1) || pb_give_up "$pb_swap stays in use: $pb_said"
    pb_active=
}

# Whether it holds swap space: a mark at the end of the first page, of which there are several sizes.
swap_has_mark() {
    for pb_one in 4086 16374 65526; do
        [ "$(dd if="$pb_swap" bs=1 skip="$pb_one" count=10 2> /dev/null | tr -d '\000')" != SWAPSPACE2 ] || return 0
    done
    return 1
}

# Makes the file beside its place, and takes the old one out of use only when the new one is whole, where there is room for both.
swap_make() {
    [ -z "$pb_there" ] || [ -n "$pb_active" ] || swap_has_mark || pb_give_up "$arg_path holds something else than swap space, and is not overwritten: remove it in an earlier step"
    swap_find_room
    [ "$pb_room" != none ] || pb_give_up "$pb_no_room"
    pb_dir=${pb_swap%/*}
    pb_dir=${pb_dir:-/}
    pb_make_dir
    swap_find_way
    if [ "$pb_room" = instead ]; then
        [ -z "$pb_active" ] || swap_off
        rm -f -- "$pb_swap"
    fi
    (
        pb_work_in "$pb_dir"
        swap_fill "$pb_work/swap"
        [ ! -e /sys/fs/selinux/enforce ] || chcon -t swapfile_t "$pb_work/swap" 2> /dev/null || :
        pb_said=$(mkswap "$pb_work/swap" 2>&1) || pb_give_up "mkswap: $pb_said"
        pb_to_disk "$pb_work/swap"
        [ -z "$pb_active" ] || swap_off
        pb_rename "$pb_work/swap" "$pb_swap" || pb_give_up "$(pb_no_write "$pb_dir" "$pb_said")"
    )
    pb_active='' pb_is_made=1
}

# Sets pb_way: how a file without holes is made on this file system. What cannot hold swap space is refused before anything changes.
swap_find_way() {
    pb_kind=$(stat -f -c %T "$pb_dir" 2> /dev/null) || pb_kind=
    pb_way='dd'
    case $pb_kind in
    # A copy on each write would move the blocks.
    btrfs) pb_way=nocow ;;
    # What fallocate reserves counts as holes in other file systems, or did in kernels that are still in use.
    ext2/ext3 | ext4) pb_way=fallocate ;;
    tmpfs | ramfs | overlay* | aufs | squashfs | zfs | fuse*) pb_give_up "$pb_dir is on $pb_kind, which cannot hold swap space: name a path on another file system, or a device" ;;
    esac
}

# Makes a file of the size, without holes, and readable for root alone.
swap_fill() {
    # FILE
    umask 077
    : > "$1"
    case $pb_way in
    nocow)
        pb_said=$(chattr +C "$1" 2>&1) || pb_give_up "$pb_dir is on btrfs, and its copying on each write cannot be turned off for $pb_swap: $pb_said"
        ! fallocate -l "$arg_bytes" "$1" 2> /dev/null || return 0
        ;;
    fallocate) ! fallocate -l "$arg_bytes" "$1" 2> /dev/null || return 0 ;;
    esac
    pb_count=$(bytes=$arg_bytes awk 'BEGIN { printf "%d", ENVIRON["bytes"] / 1048576 }')
    # Written over and not made anew: it keeps what was set.
    pb_said=$(dd if=/dev/zero of="$1" bs=1048576 count="$pb_count" conv=notrunc 2>&1) || pb_give_up "$(pb_no_write "$pb_dir" "$pb_said")"
    pb_to_disk "$1"
}

swap_take_away() {
    if [ -n "$pb_active" ]; then
        swap_off
    elif [ -n "$pb_there" ] && ! [ -b "$pb_swap" ]; then
        swap_has_mark || pb_give_up "$arg_path holds something else than swap space, and is not removed: \`absent: $arg_path\` removes any file"
    fi
}
