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
            chown -h -- "$2" "$1" || pb_no_gift "user $2"
        fi
        if [ "$3" != "$pb_group" ] && [ "$3" != "$pb_gid" ] && [ -n "$3" ]; then
            chgrp -h -- "$3" "$1" || pb_no_gift "group $3"
        fi
    fi
    # Last, because a new owner takes some bits away.
    chmod "$4" "$1"
}

# Ends the check where a user in whose directory root works is to give the file away.
pb_check_gift() {
    # OWNER
    [ -n "${pb_is_holder:-}" ] && [ -n "$1" ] || return 0
    [ "$1" = "$(id -un)" ] || [ "$1" = "$(id -u)" ] || pb_no_gift "user $1"
}

# Asks at the end of a sentence whether root is needed, which root itself is not asked.
pb_or_sudo() {
    [ "$(id -u)" = 0 ] || echo ": does the step need sudo: true?"
}

pb_no_gift() {
    [ -z "${pb_is_holder:-}" ] || pb_give_up "cannot give the ${pb_thing:-file} to the $1: its directory belongs to $(id -un), and root works there as $(id -un)"
    pb_give_up "cannot give the ${pb_thing:-file} to the $1 as $(id -un)$(pb_or_sudo)"
}

# Puts the bytes of a command into place.
pb_replace() {
    # PATH MODE OWNER GROUP COMMAND...
    pb_target "$1"
    pb_want_file "$1" "$pb_path"
    pb_make_dir
    pb_want_mode=$2 pb_want_owner=$3 pb_want_group=$4
    shift 4
    (
        pb_work_in "$pb_dir"
        pb_words=$({ "$@" > "$pb_work/body"; } 2>&1) || pb_give_up "$(pb_no_write "$pb_dir" "$pb_words")"
        # Not every awk notices that it cannot write.
        [ "$("$@" | cksum)" = "$(cksum < "$pb_work/body")" ] || pb_give_up "$(pb_no_write "$pb_dir" 'not all of it was written')"
        pb_put "$pb_want_mode" "$pb_want_owner" "$pb_want_group"
    )
}

# Puts the file `body` of the private directory into the place of pb_path: renamed, and readable for no other user before. An old file
# keeps the mode, owner and group that are not asked for, its ACL and its extended attributes.
pb_put() {
    # MODE OWNER GROUP
    pb_old= pb_because=
    ! pb_is_there || pb_old=1
    set -- "$pb_work/body" "${2:-}" "${3:-}" "$1"
    if [ -n "$pb_old" ]; then
        pb_stat "$pb_path"
        set -- "$1" "${2:-$pb_uid}" "${3:-$pb_gid}" "${4:-$pb_mode}"
        [ "$pb_links" = 1 ] || pb_because="it has $pb_links names (hard links)"
        pb_keep_attributes "$1"
    fi
    if [ -n "${pb_judge:-}" ]; then
        "$pb_judge" "$@"
        set -- "$pb_candidate" "$2" "$3" "$4"
    fi
    # An exit by name: mksh runs no trap of a subshell that `set -e` ends inside of a function.
    [ -z "${pb_before_put:-}" ] || "$pb_before_put" || exit 1
    if [ -z "$pb_because" ]; then
        pb_give "$1" "$2" "$3" "${4:-0644}"
        pb_to_disk "$1"
        pb_rename "$1" "$pb_path" && return 0
        [ -n "$pb_old" ] || pb_give_up "$(pb_no_write "$pb_dir" "$pb_said")"
        pb_because='it cannot be replaced, as a file that something is mounted on'
    fi
    pb_in_place "$1"
    pb_give "$pb_path" "$2" "$3" "$4"
}

# Has the author's shell judge the new bytes before they are in place. They lie beside the old file meanwhile, where relative names in
# them lead to the same files, with its owner and mode, under a hidden name that ends as its own does; they stay at pb_candidate.
pb_validate() {
    # FILE OWNER GROUP MODE
    pb_give "$1" "$2" "$3" "${4:-0644}"
    pb_name=${pb_path##*/}
    while [ "${#pb_name}" -gt 200 ]; do pb_name=${pb_name#?}; done
    case $pb_dir in /*) pb_candidate=$pb_dir ;; *) pb_candidate=$PWD/$pb_dir ;; esac
    # What a killed run left behind.
    for pb_left in "$pb_candidate/.pinboot-new."*".$pb_name"; do
        pb_said=${pb_left#"$pb_candidate/.pinboot-new."}
        [ -L "$pb_left" ] || [ ! -f "$pb_left" ] || [ ! -O "$pb_left" ] || kill -0 "${pb_said%%.*}" 2> /dev/null || rm -f -- "$pb_left"
    done
    pb_candidate=$pb_candidate/.pinboot-new.$$.$pb_name
    pb_rename "$1" "$pb_candidate" || pb_give_up "$(pb_no_write "$pb_dir" "$pb_said")"
    set +e
    # What it prints is for people, and never what a step registers.
    (
        set -e
        eval "$arg_validate"
    ) >&2
    pb_status=$?
    set -e
    case $pb_status in
    0) ;;
    126 | 127) pb_give_up "\`validate\` could not be carried out (status $pb_status), and $pb_path stays as it was: is its program there?" ;;
    *) pb_give_up "\`validate\` refuses the new bytes of $pb_path (status $pb_status), which stays as it was" ;;
    esac
}

# Gives the new file what an old one has besides its bytes, mode and owner; sets pb_because where that cannot be done.
pb_keep_attributes() {
    cp --attributes-only --preserve=all "$pb_path" "$1" 2> /dev/null && touch "$1" || :
    # The character behind the mode: `+` is an ACL, `.` an SELinux context alone.
    # shellcheck disable=SC2012 # Two files whose names are known.
    case $(ls -ld "$pb_path" "$1" | cut -c 11 | tr -d '\n') in
    +[!+] | +) pb_because='it has an ACL' ;;
    esac
    chmod 0600 "$1"
}

# Renames a file, whatever lies at the new name. Not every mv knows -T, without which a link to a directory would be followed.
pb_rename() {
    pb_said=$(mv -fT -- "$1" "$2" 2>&1) && return 0
    case $pb_said in
    *option* | *sage:*) [ -z "${pb_fresh:-}" ] && [ ! -d "$2" ] && mv -f -- "$1" "$2" ;;
    *) return 1 ;;
    esac
}

# Writes the bytes of a file over those of pb_path, where a new file in its place would lose what belongs to the old one.
pb_in_place() {
    pb_tell "$pb_path is written in place: $pb_because"
    # Another name of the file may lie anywhere: root writes into it only as the user in whose directory this name is.
    if [ -n "${pb_trusted:-}" ]; then
        pb_stat "$pb_path"
        [ "$pb_uid" = "$pb_trusted" ] || pb_give_up "$pb_path lies in $pb_held, which is not root's, and belongs to $pb_user: root does not write into it ($pb_because)"
        chown -h -- "$pb_uid" "$pb_work" "$1"
    fi
    pb_said=$(pb_overwrite "$pb_path" "$pb_work/old" 2>&1) || pb_give_up "$(pb_no_write "$pb_dir" "$pb_said")"
    pb_said=$(pb_overwrite "$1" "$pb_path" 2>&1) || pb_put_back
    pb_to_disk "$pb_path"
}

# Writes the bytes of one file over those of another, as the owner of pb_path where root does not write into it itself.
pb_overwrite() {
    # FROM TO
    if [ -n "${pb_trusted:-}" ]; then
        # shellcheck disable=SC2016 # For that shell.
        setpriv --reuid "$pb_uid" --regid "$pb_gid" --clear-groups sh -c 'cat "$1" > "$2"' sh "$1" "$2"
    else
        cat "$1" > "$2"
    fi
}

# Gives pb_path its former bytes again, and ends the step. Where that does not work either, the copy of them stays.
pb_put_back() {
    pb_why_not=$pb_said
    # What could not even be opened is as it was.
    [ "$(cksum < "$pb_path")" = "$(cksum < "$pb_work/old")" ] || pb_said=$(pb_overwrite "$pb_work/old" "$pb_path" 2>&1) || {
        pb_rename "$pb_work/old" "$pb_path.former.$$" || trap - EXIT
        pb_give_up "$(pb_no_write "$pb_dir" "$pb_why_not"); $pb_path is incomplete now, and its former bytes are in $(ls -d "$pb_path.former.$$" "$pb_work/old" 2> /dev/null)"
    }
    pb_give_up "$(pb_no_write "$pb_dir" "$pb_why_not")"
}

# Says why nothing could be written in a directory, going by what a program said of it.
pb_no_write() {
    # DIRECTORY WORDS
    case $2 in
    *'No space left'*) pb_space "$1" && return ;;
    *'ermission denied'* | *'not permitted'*) ;;
    *'ead-only file system'* | *'uota exceeded'* | *'nput/output error'*) pb_tell "cannot write in $1 as $(id -un): ${2##*: }" && return ;;
    *)
        if pb_is_full "$1"; then
            pb_space "$1" && return
        elif [ -n "$2" ]; then
            pb_tell "cannot write in $1 as $(id -un): ${2##*: }" && return
        fi
        ;;
    esac
    if [ -n "${pb_is_holder:-}" ]; then
        pb_tell "cannot write in $1 as $(id -un), in whose directory the path lies: root works there as that user"
    else
        pb_tell "cannot write in $1 as $(id -un)$(pb_or_sudo)"
    fi
}

# Makes a private directory pb_work inside another, which goes away with this (sub)shell, however that ends.
# pb_pid is the process that then has to go too.
pb_work_in() {
    pb_pid=
    # What a killed run left behind goes too, once no process can still use it: it is an hour old and its process has ended.
    for pb_left in "$1"/.pinboot-work.*; do
        [ -d "$pb_left" ] && [ ! -L "$pb_left" ] && [ -O "$pb_left" ] && ! kill -0 "${pb_left##*.}" 2> /dev/null || continue
        [ -z "$(find "$pb_left" -prune -mmin +60 2> /dev/null)" ] || rm -rf "$pb_left" || :
    done
    # mkdir follows nothing and takes nothing that is there: a name that another user has taken is passed over.
    pb_tries=
    pb_work=$1/.pinboot-work.$$
    until pb_said=$({ umask 077 && mkdir "$pb_work"; } 2>&1); do
        pb_tries=x$pb_tries
        [ "${#pb_tries}" -le 9 ] || pb_give_up "$(pb_no_write "$1" "$pb_said")"
        pb_work=$1/.pinboot-work.$pb_tries.$$
    done
    trap 'pb_work_gone' EXIT
    trap 'exit 143' HUP INT TERM
}

pb_work_gone() {
    [ -z "$pb_pid" ] || kill "$pb_pid" 2> /dev/null || :
    # An archive may bring directories that even their owner cannot write in.
    rm -rf "$pb_work" ${pb_candidate:+"$pb_candidate"} 2> /dev/null || { chmod -R u+rwx "$pb_work" && rm -rf "$pb_work"; } || :
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
