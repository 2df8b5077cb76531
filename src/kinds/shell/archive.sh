# The kind `archive`.

pb_archive_check() {
    # CREATES SOURCE
    [ ! -e "$1" ] || return 0
    pb_show_url "$2"
    pb_tell "+ $1 from $pb_shown"
    not_so
}

# Ends the step where something could not be unpacked: the archive is at fault, unless the host says that it is itself.
pb_unpack_failed() {
    pb_said=$(tail -n 1 "$pb_work/err")
    case $(cat "$pb_work/err") in
    *'No space left'*) pb_give_up "$(pb_space "$pb_into") while unpacking ($pb_said)" ;;
    *'Permission denied'* | *'Read-only file system'* | *'uota exceeded'* | *'annot exec'* | *'not found'*) pb_give_up "cannot unpack: $pb_said" ;;
    *) pb_refuse "the archive is cut short or damaged: $pb_said" ;;
    esac
}

pb_untar() {
    # FILE FLAG PROGRAM
    if command -v tar > /dev/null 2>&1; then
        pb_tar=tar
        [ -z "$3" ] || command -v "$3" > /dev/null 2>&1 || case $(tar --version 2>&1) in
        *GNU*) pb_give_up "this host has no $3 to unpack with: install it in an earlier step (package: $3)" ;;
        esac
    elif command -v bsdtar > /dev/null 2>&1; then
        pb_tar=bsdtar
    elif command -v busybox > /dev/null 2>&1; then
        pb_tar='busybox tar'
    else
        pb_give_up "this host has no tar: install it in an earlier step (package: tar)"
    fi
    # o: the files belong to whom the step runs as, also where that is root.
    LC_ALL=C $pb_tar "-x${2}of" "$1" -C "$pb_work/tree" 2> "$pb_work/err" || pb_unpack_failed
}

pb_unzip() {
    if command -v unzip > /dev/null 2>&1; then
        LC_ALL=C unzip -q -o "$1" -d "$pb_work/tree" > "$pb_work/err" 2>&1 || [ $? = 1 ] || pb_unpack_failed
    elif command -v bsdtar > /dev/null 2>&1; then
        LC_ALL=C bsdtar -xof "$1" -C "$pb_work/tree" 2> "$pb_work/err" || pb_unpack_failed
    elif command -v busybox > /dev/null 2>&1; then
        LC_ALL=C busybox unzip -q -o "$1" -d "$pb_work/tree" > "$pb_work/err" 2>&1 || pb_unpack_failed
    elif command -v python3 > /dev/null 2>&1; then
        python3 -m zipfile -e "$1" "$pb_work/tree" 2> "$pb_work/err" || pb_unpack_failed
    else
        pb_give_up "this host has no unzip: install it in an earlier step (package: unzip)"
    fi
}

# Moves the entries of one directory into another; directories that are there already are filled.
pb_merge() {
    # FROM TO
    for pb_entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        [ -e "$pb_entry" ] || [ -L "$pb_entry" ] || continue
        if [ -d "$pb_entry" ] && [ ! -L "$pb_entry" ] && [ -d "$2/${pb_entry##*/}" ]; then
            pb_merge "$pb_entry" "$2/${pb_entry##*/}"
        else
            mv -f "$pb_entry" "$2/"
        fi
    done
}

# Unpacks a file inside pb_work and moves what came into pb_into, what pb_creates names last of all.
pb_unpack() {
    # FILE
    mkdir "$pb_work/tree"
    [ -s "$1" ] || pb_refuse "the archive is empty"
    pb_read_head "$1"
    case $pb_head in
    '50 4b '*) pb_unzip "$1" ;;
    '1f 8b '*) pb_untar "$1" z gzip ;;
    'fd 37 7a 58 5a '*) pb_untar "$1" J xz ;;
    '42 5a 68 '*) pb_untar "$1" j bzip2 ;;
    '28 b5 2f fd '*)
        command -v zstd > /dev/null 2>&1 || pb_give_up "this host has no zstd to unpack with: install it in an earlier step (package: zstd)"
        zstd -dqf "$1" -o "$pb_work/tar" 2> "$pb_work/err" || pb_unpack_failed
        pb_untar "$pb_work/tar" '' ''
        rm -f "$pb_work/tar"
        ;;
    *)
        case $(dd if="$1" bs=1 skip=257 count=5 2> /dev/null) in
        ustar) pb_untar "$1" '' '' ;;
        *)
            pb_body_fault "$1" .zip '' ''
            pb_refuse "this is no tar or zip archive: $pb_fault"
            ;;
        esac
        ;;
    esac
    while [ "$pb_strip" -gt 0 ]; do
        mkdir "$pb_work/next"
        for pb_top in "$pb_work"/tree/* "$pb_work"/tree/.[!.]*; do
            if [ -d "$pb_top" ] && [ ! -L "$pb_top" ]; then
                pb_merge "$pb_top" "$pb_work/next"
            fi
        done
        rm -rf "$pb_work/tree"
        mv "$pb_work/next" "$pb_work/tree"
        pb_strip=$((pb_strip - 1))
    done
    pb_last=
    case $pb_creates in
    "${pb_into%/}"/?*)
        pb_last=${pb_creates#"${pb_into%/}"/}
        pb_last=${pb_last%/}
        if [ ! -e "$pb_work/tree/$pb_last" ]; then
            pb_give_up "the archive holds no $pb_last, which \`creates\` names; it holds: $(ls "$pb_work/tree" | sed 8q | tr '\n' ' ')"
        fi
        mv "$pb_work/tree/$pb_last" "$pb_work/last"
        ;;
    esac
    pb_merge "$pb_work/tree" "${pb_into%/}"
    [ -z "$pb_last" ] || mv -f "$pb_work/last" "${pb_into%/}/$pb_last"
}

pb_unpack_url() {
    # INTO CREATES STRIP KEPT ALGORITHM DIGEST URL...
    pb_into=$1 pb_creates=$2 pb_strip=$3 pb_kept=$4 pb_want_algorithm=$5 pb_want_digest=$6
    shift 6
    mkdir -p "$pb_into" || pb_give_up "cannot make the directory $pb_into as $(id -un)"
    (
        pb_work_in "${pb_into%/}"
        pb_get "${1%%[?#]*}" "$pb_want_algorithm" "$pb_want_digest" "$@"
        pb_unpack "$pb_work/body"
        [ -z "$pb_kept" ] || { chmod 0644 "$pb_work/body" && mv -f "$pb_work/body" "${pb_into%/}/$pb_kept"; }
    )
}

pb_unpack_file() {
    # INTO CREATES STRIP ALGORITHM DIGEST FILE
    pb_into=$1 pb_creates=$2 pb_strip=$3
    [ -e "$6" ] || pb_give_up "the archive $6 is not there: does an earlier step bring it?"
    mkdir -p "$pb_into" || pb_give_up "cannot make the directory $pb_into as $(id -un)"
    (
        pb_work_in "${pb_into%/}"
        if [ -n "$4" ]; then
            pb_body_fault "$6" "$6" "$4" "$5"
            [ -z "$pb_fault" ] || pb_refuse "refused $6: $pb_fault"
        fi
        pb_unpack "$6"
    )
}
