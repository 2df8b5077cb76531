# The kind `mount`.

mount_check() {
    mount_begin
    mount_look
    case $arg_state in
    mounted | ephemeral) mount_compare ;;
    unmounted | absent) mount_compare_gone ;;
    esac
    [ -z "${pb_changes:-}" ] || mount_guard
    case $arg_state in
    mounted | present | absent)
        pb_edit_check pb_fstab_text mount_ask
        ! pb_fstab_is_unread || pb_differs "systemd has not read /etc/fstab since it was changed"
        ;;
    esac
    pb_answer
}

mount_apply() {
    mount_begin
    mount_look
    case $arg_state in
    mounted | ephemeral) mount_bring ;;
    unmounted | absent) mount_take_away ;;
    esac
    case $arg_state in
    mounted | present | absent) ;;
    *) return 0 ;;
    esac
    pb_at /etc/fstab mount_write
    pb_fstab_tell_systemd
    # An old line of the table may have had systemd unmount it again.
    mount_look
    case $arg_state/$pb_seen in mounted/) mount_on ;; esac
}

mount_ask() {
    mount_begin
    pb_edit_ask pb_fstab_text
}

mount_write() {
    mount_begin
    pb_edit_write pb_fstab_text
}

# Sets pb_real_at to the mount point, symbolic links followed, and what the line of /etc/fstab shall be.
mount_begin() {
    arg_path=/etc/fstab arg_create=true
    case $arg_at in /?*/) arg_at=${arg_at%/} ;; esac
    pb_fstab_resolve "$arg_at"
    pb_real_at=$pb_resolved
    pb_fstab_by=at pb_fstab_at=$arg_at pb_fstab_real=$pb_real_at pb_fstab_gone=
    pb_fstab_what=$arg_what pb_fstab_type=$arg_type pb_fstab_options=${arg_options:-defaults} pb_fstab_dump=$arg_dump pb_fstab_pass=$arg_pass
    [ "$arg_state" != absent ] || pb_fstab_gone=1
    # A mount of a part of the tree, which has the file system that lies there.
    case ,$arg_options, in *,bind,* | *,rbind,*) pb_is_bind=1 ;; *) pb_is_bind= ;; esac
    case $arg_type in
    tmpfs | ramfs | overlay | proc | sysfs | devpts | hugetlbfs | mqueue | debugfs | tracefs | configfs | securityfs | bpf | cgroup | cgroup2 | efivarfs | binfmt_misc) pb_is_virtual=1 ;;
    *) pb_is_virtual= ;;
    esac
}

# Finds what is mounted at the mount point as a program sees it: each directory on the way leads into the mount that lies on top
# there. Sets pb_seen, which is empty where nothing is mounted, and of the mount pb_source, pb_type, pb_root (the part of its file system),
# pb_number, pb_flags and pb_super; pb_hidden is the mount point that hides one, and pb_below a mount point below.
mount_look() {
    pb_said=$(at=$pb_real_at awk '
        function decoded(text,    out_, i, n) {
            while (match(text, /\\[0-3][0-7][0-7]/)) {
                n = 0
                for (i = 1; i <= 3; i++) n = n * 8 + substr(text, RSTART + i, 1)
                out_ = out_ substr(text, 1, RSTART - 1) (n == 10 ? "?" : sprintf("%c", n))
                text = substr(text, RSTART + 4)
            }
            return out_ text
        }
        # Goes to the mount on top at a place.
        function enter(place_,    i, moved) {
            do {
                moved = 0
                for (i = 1; i <= n; i++) if (place[i] "" == place_ && i != now && (now ? parent[i] == id[now] : !(parent[i] in known))) { now = i; moved = 1; break }
            } while (moved)
        }
        BEGIN { at = ENVIRON["at"] "" }
        {
            known[$1] = 1
            here = decoded($5)
            if (here == "/" || index(at "/", here "/") == 1) {
                n++
                id[n] = $1; parent[n] = $2; number[n] = $3; root[n] = decoded($4); place[n] = here; flags[n] = $6
                for (i = 7; i < NF && $i != "-"; i++) ;
                type[n] = $(i + 1); source[n] = decoded($(i + 2)); super[n] = decoded($(i + 3))
            } else if (below == "" && index(here, (at == "/" ? "" : at) "/") == 1) below = here
        }
        END {
            n += 0
            enter("/")
            parts = split(at, part, "/")
            for (j = 2; j <= parts; j++) if (part[j] != "") { path = path "/" part[j]; enter(path) }
            if (place[now] "" != at) {
                for (i = 1; i <= n; i++) if (place[i] "" == at) hidden = place[now] == "" ? "/" : place[now]
                now = 0
            }
            print now ? 1 : "-"
            print source[now]; print type[now]; print root[now]; print number[now]; print flags[now]; print super[now]; print hidden; print below
        }' /proc/self/mountinfo) || pb_give_up "cannot find out what is mounted: /proc/self/mountinfo cannot be read"
    {
        IFS= read -r pb_seen && IFS= read -r pb_source && IFS= read -r pb_type && IFS= read -r pb_root && IFS= read -r pb_number && IFS= read -r pb_flags && IFS= read -r pb_super
        pb_hidden='' pb_below=''
        IFS= read -r pb_hidden || :
        IFS= read -r pb_below || :
    } << EOF
$pb_said
EOF
    [ "$pb_seen" != - ] || pb_seen=
}

# Says in what the mount is another one than wanted, and sets pb_todo to what is to be done about it.
mount_compare() {
    pb_todo=
    if [ -z "$pb_seen" ]; then
        pb_todo=mount
        pb_differs "+ $arg_what mounted at $arg_at${pb_hidden:+" (another mount there is hidden under the one at $pb_hidden)"}"
        mount_tell_place
    elif ! mount_is_source || ! mount_is_type || ! mount_is_part; then
        pb_todo=replace
        mount_name_source
        pb_differs "$pb_one mounted at $arg_at -> $arg_what"
    else
        mount_compare_flags
        [ "$arg_type/$pb_type" != tmpfs/tmpfs ] || mount_compare_tmpfs
        [ -z "${pb_changes:-}" ] || pb_todo=remount
    fi
}

# Says that the mount point is made, or that what it holds is hidden.
mount_tell_place() {
    if [ ! -e "$pb_real_at" ]; then
        if [ -n "$pb_is_bind" ] && [ -f "$arg_what" ]; then pb_tell "+ $arg_at (new file)"; else pb_tell "+ $arg_at/ (new directory)"; fi
        return
    fi
    for pb_one in "$pb_real_at"/*; do
        [ ! -e "$pb_one" ] || pb_tell "  what is in $arg_at now is hidden under the mount"
        break
    done
}

mount_compare_gone() {
    if [ -n "$pb_seen" ]; then
        mount_name_source
        pb_differs "- $pb_one mounted at $arg_at"
    elif [ -n "$pb_hidden" ]; then
        pb_give_up "the mount at $arg_at is hidden under the one at $pb_hidden: unmount that one in an earlier step"
    fi
}

# Sets pb_one to what is mounted as a person says it: a part of a file system with its directory.
mount_name_source() {
    pb_one="$pb_source ($pb_type)"
    case $pb_root in / | '') ;; *) pb_one="$pb_root of $pb_one" ;; esac
}

# Whether what is mounted comes from where it shall come from.
mount_is_source() {
    if [ -n "$pb_is_bind" ]; then
        [ "$arg_what" -ef "$pb_real_at" ]
        return
    fi
    # The name of what comes from no device is only a word.
    [ -z "$pb_is_virtual" ] || return 0
    case $arg_what in "$pb_source" | "$pb_source/") return 0 ;; esac
    # A program of FUSE may give its own name instead.
    case $pb_type in fuse."$pb_source") return 0 ;; esac
    mount_find_device || return 1
    [ "$pb_device" != "$pb_source" ] && ! [ "$pb_device" -ef "$pb_source" ] || return 0
    if [ -f "$pb_device" ]; then
        # A file is mounted through a device that knows its name.
        pb_one=
        [ ! -r "/sys/dev/block/$pb_number/loop/backing_file" ] || IFS= read -r pb_one < "/sys/dev/block/$pb_number/loop/backing_file" || :
        [ "$pb_one" = "$pb_device" ] || [ "$pb_one" -ef "$pb_device" ]
        return
    fi
    [ -b "$pb_device" ] || return 1
    pb_one=$(stat -L -c '%t %T' -- "$pb_device" 2> /dev/null) || return 1
    [ "$((0x${pb_one% *})):$((0x${pb_one#* }))" = "$pb_number" ]
}

# Sets pb_device to the device or file that `what` stands for; fails where there is none.
mount_find_device() {
    pb_device=$arg_what
    case $arg_what in
    /*) [ -e "$pb_device" ] && return || return 1 ;;
    UUID=*) pb_one=uuid ;;
    LABEL=*) pb_one=label ;;
    PARTUUID=*) pb_one=partuuid ;;
    PARTLABEL=*) pb_one=partlabel ;;
    *) return 1 ;;
    esac
    pb_device=/dev/disk/by-$pb_one/${arg_what#*=}
    [ ! -e "$pb_device" ] || return 0
    pb_use_sbin
    # Without udev, or with a label that it writes otherwise. blkid keeps a cache where it is not kept from that.
    pb_device=$(blkid -c /dev/null -o device -t "$arg_what" 2> /dev/null | sed -n 1p) || pb_device=
    case $pb_device in /*) return 0 ;; esac
    # That of busybox finds nothing by a name.
    pb_device=$(findfs "$arg_what" 2> /dev/null) && [ -n "$pb_device" ]
}

# Whether the file system is of the wanted type.
mount_is_type() {
    case $pb_is_bind$arg_type in 1* | auto | none) return 0 ;; esac
    case $arg_type/$pb_type in
    "$pb_type/$arg_type" | nfs/nfs4 | smb3/cifs | cifs/smb3 | "$arg_type/fuse.$arg_type") ;;
    ntfs/ntfs3 | ntfs/fuseblk | ntfs-3g/fuseblk | exfat/fuseblk) ;;
    *) return 1 ;;
    esac
}

# Whether the options that say which part of a file system is mounted are those of the mount.
mount_is_part() {
    pb_rest=$arg_options,
    while [ -n "$pb_rest" ]; do
        pb_one=${pb_rest%%,*} pb_rest=${pb_rest#*,}
        case $pb_type/$pb_one in
        btrfs/subvol=*)
            pb_one=${pb_one#subvol=}
            [ "$pb_root" = "/${pb_one#/}" ] || return 1
            ;;
        overlay/lowerdir=* | overlay/upperdir=* | overlay/workdir=*) case ,$pb_super, in *",$pb_one,"*) ;; *) return 1 ;; esac ;;
        esac
    done
}

# Compares what the kernel shows of every mount. What is not said is as the kernel has it by itself, but for a bind, which has it from its
# file system, for file systems that are read-only by nature, and for those that a program of the host brings.
mount_compare_flags() {
    pb_want_rw='' pb_want_suid='' pb_want_dev='' pb_want_exec='' pb_want_atime=''
    case $pb_is_bind$pb_type in
    1* | fuse*) ;;
    *) pb_want_rw=rw pb_want_suid=suid pb_want_dev=dev pb_want_exec=exec pb_want_atime=relatime ;;
    esac
    case $pb_type in iso9660 | squashfs | erofs | cramfs | udf | romfs) pb_want_rw= ;; esac
    pb_rest=$arg_options,
    while [ -n "$pb_rest" ]; do
        pb_one=${pb_rest%%,*} pb_rest=${pb_rest#*,}
        case $pb_one in
        ro | rw) pb_want_rw=$pb_one ;;
        suid | nosuid) pb_want_suid=$pb_one ;;
        dev | nodev) pb_want_dev=$pb_one ;;
        exec | noexec) pb_want_exec=$pb_one ;;
        user | users) pb_want_suid=nosuid pb_want_dev=nodev pb_want_exec=noexec ;;
        owner | group) pb_want_suid=nosuid pb_want_dev=nodev ;;
        noatime | relatime | strictatime) pb_want_atime=$pb_one ;;
        esac
    done
    pb_list=remount${pb_is_bind:+,bind}
    case ,$pb_flags,$pb_super, in *,ro,*) pb_now=ro ;; *) pb_now=rw ;; esac
    mount_flag "$pb_want_rw"
    case ,$pb_flags, in *,nosuid,*) pb_now=nosuid ;; *) pb_now=suid ;; esac
    mount_flag "$pb_want_suid"
    case ,$pb_flags, in *,nodev,*) pb_now=nodev ;; *) pb_now=dev ;; esac
    mount_flag "$pb_want_dev"
    case ,$pb_flags, in *,noexec,*) pb_now=noexec ;; *) pb_now='exec' ;; esac
    mount_flag "$pb_want_exec"
    case ,$pb_flags, in *,noatime,*) pb_now=noatime ;; *,relatime,*) pb_now=relatime ;; *) pb_now=strictatime ;; esac
    # Some file systems keep no such time, and show neither.
    case $pb_now/$pb_want_atime in strictatime/relatime) ;; *) mount_flag "$pb_want_atime" ;; esac
    pb_again=$pb_list
}

# Says that the flag pb_now is another one than wanted, and adds to pb_list the one to be.
mount_flag() {
    # WANTED
    pb_list=$pb_list,${1:-$pb_now}
    case $1 in '' | "$pb_now") ;; *) pb_differs "mounted with $pb_now -> $1" ;; esac
}

# Compares the limits of a tmpfs, which the kernel shows in units of its own, and not where they are those of every tmpfs.
mount_compare_tmpfs() {
    case $arg_options in *size=* | *nr_inodes=*) ;; *) return 0 ;; esac
    pb_said=$(wanted=$arg_options now=$pb_super awk '
        function number(text,    n, unit) {
            unit = tolower(substr(text, length(text)))
            n = text + 0
            return n * (unit == "%" ? total * 10.24 : unit == "k" ? 1024 : unit == "m" ? 1048576 : unit == "g" ? 1073741824 : unit == "t" ? 1099511627776 : 1)
        }
        function value(list, name,    n, i, part, found) {
            n = split(list, part, ",")
            for (i = 1; i <= n; i++) if (index(part[i], name "=") == 1) found = substr(part[i], length(name) + 2)
            return found
        }
        # Sizes are rounded to whole pages.
        function compare(name, usual, room,    want, has, apart) {
            want = value(ENVIRON["wanted"], name)
            has = value(ENVIRON["now"], name)
            if (has == "") has = usual
            if (want == "" || has == "") return
            apart = number(want) - number(has)
            if (apart >= room || apart <= -room) print "mounted with " name "=" has " -> " name "=" want
        }
        $1 == "MemTotal:" { total = $2 }
        END {
            compare("size", "50%", 131072)
            compare("nr_inodes", "", 1)
        }' /proc/meminfo) || pb_said=
    [ -z "$pb_said" ] || pb_differs "$pb_said"
}

mount_bring() {
    mount_compare > /dev/null
    case $pb_todo in
    mount) mount_on ;;
    replace)
        mount_want_source
        pb_old_source=$pb_source pb_old_type=$pb_type pb_old_flags=$pb_flags pb_old_root=$pb_root
        mount_off
        mount_on
        ;;
    remount) mount_again ;;
    # An option that the table has otherwise may be one that the kernel does not show.
    *) [ "$arg_state" != mounted ] || mount_has_options || mount_again ;;
    esac
}

# Whether the line of /etc/fstab, where there is one, has the wanted options.
mount_has_options() {
    pb_edit_open pb_fstab_text
    case $pb_said in *'fstab: options '*) return 1 ;; esac
}

# Ends the step before anything is changed where there is nothing that could be mounted.
mount_want_source() {
    case $pb_is_virtual$arg_what in
    //*) ;;
    /*) [ -e "$arg_what" ] || pb_give_up "there is no $arg_what that could be mounted at $arg_at: make it in an earlier step" ;;
    UUID=* | LABEL=* | PARTUUID=* | PARTLABEL=*) mount_find_device || pb_give_up "no device has $arg_what: \`lsblk -f\` shows those of the host" ;;
    esac
}

# Sets pb_list to the options for `mount`: without those that only the table is read for.
mount_list() {
    # BEGINNING
    pb_list=$1
    pb_rest=$arg_options,
    while [ -n "$pb_rest" ]; do
        pb_one=${pb_rest%%,*} pb_rest=${pb_rest#*,}
        case $pb_one in
        '' | defaults | auto | noauto | nofail | nouser | _netdev | x-* | X-* | comment=*) continue ;;
        user | users) pb_one=noexec,nosuid,nodev ;;
        owner | group) pb_one=nosuid,nodev ;;
        esac
        pb_list=$pb_list${pb_list:+,}$pb_one
    done
}

mount_on() {
    mount_guard
    mount_want_source
    mount_make_place
    mount_list ''
    set -- -t "${arg_type:-auto}"
    [ -z "$pb_list" ] || set -- "$@" -o "$pb_list"
    if ! pb_said=$(mount "$@" -- "$arg_what" "$pb_real_at" 2>&1); then
        pb_why_not=$pb_said
        mount_put_back
        pb_give_up "cannot mount $arg_what at $arg_at: $pb_why_not"
    fi
    # Not every `mount` gives a bind its flags at once.
    [ -n "$pb_is_bind" ] || return 0
    mount_look
    pb_changes=
    mount_compare > /dev/null
    [ "$pb_todo" != remount ] || mount_again
}

# Mounts what was there before, where the new one could not be mounted in its place.
mount_put_back() {
    case ${pb_old_source:-}:${pb_old_root:-} in
    ?*:/) mount -t "$pb_old_type" -o "$pb_old_flags" -- "$pb_old_source" "$pb_real_at" || pb_tell "$pb_old_source could not be mounted again" ;;
    ?*:*) pb_tell "$pb_old_source is not mounted any more" ;;
    esac
}

# Ends the check or the step where another user can change the way to the mount point, or to what is shown there. pb_fresh is
# what is made on the way to the mount point then.
mount_guard() {
    [ -z "$pb_is_bind" ] || pb_fstab_guard "$arg_what" outside 'mounts nothing from there'
    pb_fstab_guard "$arg_at" outside 'mounts nothing there' "$pb_real_at"
}

# Makes the mount point where it is missing; what another user lays there meanwhile is not taken for it.
mount_make_place() {
    [ -n "$pb_fresh" ] || [ ! -e "$pb_real_at" ] || return 0
    pb_dir=$pb_real_at
    if [ -n "$pb_is_bind" ] && [ -f "$arg_what" ]; then
        pb_dir=${pb_real_at%/*}
        [ -z "$pb_dir" ] || pb_make_dir
        (set -C && : > "$pb_real_at") || pb_give_up "cannot make $arg_at"
    else
        pb_make_dir
    fi
}

# Gives a mount its options while it is in use. Every flag is said, and no old one stays.
mount_again() {
    mount_list "$pb_again"
    pb_said=$(mount -t "$pb_type" -o "$pb_list" -- "$pb_source" "$pb_real_at" 2>&1) && return 0
    # Some file systems of the network take no other options than before.
    case $pb_type in
    nfs* | cifs | smb3 | fuse* | ceph) ;;
    *) pb_give_up "$arg_at cannot get its options while it is mounted: $pb_said" ;;
    esac
    mount_off
    mount_on
}

# Unmounts what is mounted, one above the other.
mount_take_away() {
    [ -z "$pb_seen" ] || mount_guard
    pb_count=0
    while [ -n "$pb_seen" ]; do
        pb_count=$((pb_count + 1))
        [ "$pb_count" -le 64 ] || pb_give_up "$arg_at is mounted again each time that it is unmounted"
        mount_off
        mount_look
    done
    [ -z "$pb_hidden" ] || pb_give_up "the mount at $arg_at is hidden under the one at $pb_hidden: unmount that one in an earlier step"
}

mount_off() {
    case $pb_real_at in
    / | /proc | /sys | /dev | /run | /etc | /usr) pb_give_up "$pb_source is mounted at $pb_real_at, without which the host does not work, and is not unmounted" ;;
    esac
    pb_said=$(umount -- "$pb_real_at" 2>&1) && return 0
    pb_why_not=$pb_said
    case $pb_why_not in
    *usy*)
        [ -z "$pb_below" ] || pb_give_up "$arg_at is in use: $pb_below is mounted below it, and is unmounted first"
        mount_find_users
        pb_give_up "$arg_at is in use${pb_users:+ by $pb_users}, and was not unmounted: $pb_why_not"
        ;;
    esac
    pb_give_up "cannot unmount $arg_at: $pb_why_not"
}

# Sets pb_users to the processes that keep a mount in use, five at most. No program besides `ls` is needed for it.
mount_find_users() {
    pb_users=$(
        cd /proc || exit 0
        { ls -ld [0-9]*/cwd [0-9]*/root [0-9]*/exe; ls -l [0-9]*/fd; } 2> /dev/null | at=$pb_real_at awk '
            /^[0-9]+\/fd:$/ { dir = $1; sub(/\/.*/, "", dir); next }
            {
                at = index($0, " -> ")
                if (!at || index(substr($0, at + 4) "/", ENVIRON["at"] "/") != 1) next
                n = split(substr($0, 1, at - 1), part, " ")
                id = part[n]
                how = "an open file"
                if (id ~ /\//) {
                    how = id ~ /cwd$/ ? "its working directory" : id ~ /exe$/ ? "its program" : "its root"
                    sub(/\/.*/, "", id)
                } else id = dir
                if (!(id in seen)) { seen[id] = 1; print id, how }
            }' | while read -r pb_one pb_what; do
            # The same path is another place where other mounts are seen, as in a container.
            [ "$pb_one/ns/mnt" -ef self/ns/mnt ] || continue
            pb_name=process
            [ ! -r "$pb_one/comm" ] || IFS= read -r pb_name < "$pb_one/comm" || :
            pb_tell "$pb_name (pid $pb_one: $pb_what)"
        done | sed -n 1,5p | tr '\n' ',' | sed 's/,$//; s/),/), /g'
    )
}
