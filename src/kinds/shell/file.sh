# The kind `file`.

# Whether a stream of bytes holds any that text does not.
pb_is_binary() {
    [ "$(LC_ALL=C tr -d '\011\012\014\015\033\040-\176\200-\377' | wc -c)" -gt 0 ]
}

# Whether the content is what a file holds. cmp is missing on some minimal images.
pb_same_content() {
    if command -v cmp > /dev/null 2>&1; then
        pb_content | cmp -s - "$1"
    else
        [ "$(pb_content | cksum)" = "$(cksum < "$1")" ]
    fi
}

# Passes on at most 64 KiB.
pb_cap() {
    awk '{ size += length($0) + 1; if (size > 65536) { print "(the rest is not shown)"; exit } print }'
}

# Shows what would change in a file's bytes.
pb_show_change() {
    # FILE PATH diff|hidden
    pb_old=0
    [ ! -e "$1" ] || pb_old=$(($(wc -c < "$1")))
    pb_new=$(($(pb_content | wc -c)))
    if [ "$3" = hidden ]; then
        pb_tell "$2: $pb_old bytes -> $pb_new bytes (not shown: it holds a secret)"
    elif pb_content | pb_is_binary || { [ -e "$1" ] && pb_is_binary < "$1"; }; then
        pb_tell "$2: binary, $pb_old bytes -> $pb_new bytes"
    elif [ ! -e "$1" ]; then
        pb_tell "+++ $2 (new)"
        pb_content | sed 's/^/+/' | pb_cap
    elif command -v diff > /dev/null 2>&1; then
        pb_tell "--- $2"
        pb_tell "+++ $2"
        pb_content | diff -u "$1" - | sed 1,2d | pb_cap
    else
        pb_tell "$2: $pb_old bytes -> $pb_new bytes"
    fi
}

pb_file_check() {
    # PATH MODE OWNER GROUP diff|hidden
    pb_target "$1"
    [ ! -d "$pb_path" ] || pb_give_up "$1 is a directory, and a file is wanted there"
    if [ ! -e "$pb_path" ]; then
        pb_show_change "$pb_path" "$1" "$5"
        not_so
    fi
    [ -r "$pb_path" ] || pb_give_up "$1 cannot be read as $(id -un): does the step need sudo: true?"
    pb_differs=
    if ! pb_same_content "$pb_path"; then
        pb_show_change "$pb_path" "$1" "$5"
        pb_differs=1
    fi
    if [ -n "$2$3$4" ]; then
        pb_stat "$pb_path"
        if [ -n "$2" ] && [ "$2" != "$pb_mode" ]; then
            pb_tell "mode $pb_mode -> $2"
            pb_differs=1
        fi
        if [ -n "$3" ] && [ "$3" != "$pb_user" ] && [ "$3" != "$pb_uid" ]; then
            pb_tell "owner $pb_user -> $3"
            pb_differs=1
        fi
        if [ -n "$4" ] && [ "$4" != "$pb_group" ] && [ "$4" != "$pb_gid" ]; then
            pb_tell "group $pb_group -> $4"
            pb_differs=1
        fi
    fi
    [ -z "$pb_differs" ] || not_so
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

# Puts the bytes of a command into place: written beside the target where nobody else can read, then renamed.
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

pb_file_put() {
    # PATH MODE OWNER GROUP backup|''
    pb_target "$1"
    [ ! -d "$pb_path" ] || pb_give_up "$1 is a directory, and a file is wanted there"
    if [ -e "$pb_path" ] && pb_same_content "$pb_path"; then
        pb_stat "$pb_path"
        pb_give "$pb_path" "$3" "$4" "${2:-$pb_mode}"
        return 0
    fi
    if [ "$5" = backup ] && [ -e "$pb_path" ]; then
        cp -p "$pb_path" "$pb_path.bak-$(date -u +%Y%m%dT%H%M%SZ)"
    fi
    pb_replace "$1" "$2" "$3" "$4" pb_content
}
