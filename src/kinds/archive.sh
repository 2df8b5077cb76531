# The kind `archive`.

archive_check() {
    [ ! -e "$arg_creates" ] || return 0
    eval "set -- $arg_url \"\$arg_src\""
    pb_show_url "$1"
    pb_tell "+ $arg_creates from $pb_shown"
    needs_change
}

archive_apply() {
    [ -z "$arg_src" ] || [ -e "$arg_src" ] || pb_give_up "the archive $arg_src is not there: does an earlier step bring it?"
    mkdir -p "$arg_into" || pb_give_up "cannot make the directory $arg_into as $(id -un)"
    pb_wanted_digest
    (
        pb_work_in "${arg_into%/}"
        if [ -n "$arg_src" ]; then
            archive_verify
            archive_unpack "$arg_src"
        else
            eval "set -- $arg_url"
            pb_kept=${1%%[?#]*}
            pb_get "$pb_kept" "$@"
            archive_unpack "$pb_work/body"
            [ "$arg_keep" != true ] || { chmod 0644 "$pb_work/body" && mv -f "$pb_work/body" "${arg_into%/}/${pb_kept##*/}"; }
        fi
    )
}

# Refuses a file of the host that has another digest than the wanted one.
archive_verify() {
    [ -n "$pb_digest" ] || return 0
    pb_body_fault "$arg_src" "$arg_src" "$pb_algorithm" "$pb_digest"
    [ -z "$pb_fault" ] || pb_refuse "refused $arg_src: $pb_fault"
}

# Ends the step where something could not be unpacked: the archive is at fault, unless the host says that it is itself.
archive_unpack_failed() {
    pb_said=$(tail -n 1 "$pb_work/err")
    case $(cat "$pb_work/err") in
    *'No space left'*) pb_give_up "$(pb_space "$arg_into") while unpacking ($pb_said)" ;;
    *'Permission denied'* | *'Read-only file system'* | *'uota exceeded'* | *'annot exec'* | *'not found'*) pb_give_up "cannot unpack: $pb_said" ;;
    *) pb_refuse "the archive is cut short or damaged: $pb_said" ;;
    esac
}

archive_untar() {
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
    LC_ALL=C $pb_tar "-x${2}of" "$1" -C "$pb_work/tree" 2> "$pb_work/err" || archive_unpack_failed
}

archive_unzip() {
    if command -v unzip > /dev/null 2>&1; then
        LC_ALL=C unzip -q -o "$1" -d "$pb_work/tree" > "$pb_work/err" 2>&1 || [ $? = 1 ] || archive_unpack_failed
    elif command -v bsdtar > /dev/null 2>&1; then
        LC_ALL=C bsdtar -xof "$1" -C "$pb_work/tree" 2> "$pb_work/err" || archive_unpack_failed
    elif command -v busybox > /dev/null 2>&1; then
        LC_ALL=C busybox unzip -q -o "$1" -d "$pb_work/tree" > "$pb_work/err" 2>&1 || archive_unpack_failed
    elif command -v python3 > /dev/null 2>&1; then
        python3 -m zipfile -e "$1" "$pb_work/tree" 2> "$pb_work/err" || archive_unpack_failed
    else
        pb_give_up "this host has no unzip: install it in an earlier step (package: unzip)"
    fi
}

# Moves the entries of one directory into another; directories that are there already are filled.
archive_merge() {
    # FROM TO
    for pb_entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        [ -e "$pb_entry" ] || [ -L "$pb_entry" ] || continue
        if [ -d "$pb_entry" ] && [ ! -L "$pb_entry" ] && [ -d "$2/${pb_entry##*/}" ]; then
            archive_merge "$pb_entry" "$2/${pb_entry##*/}"
        else
            mv -f "$pb_entry" "$2/"
        fi
    done
}

# Unpacks a file inside pb_work and moves its entries into place, what `creates` names last of all.
archive_unpack() {
    # FILE
    mkdir "$pb_work/tree"
    [ -s "$1" ] || pb_refuse "the archive is empty"
    pb_read_head "$1"
    case $pb_head in
    '50 4b '*) archive_unzip "$1" ;;
    '1f 8b '*) archive_untar "$1" z gzip ;;
    'fd 37 7a 58 5a '*) archive_untar "$1" J xz ;;
    '42 5a 68 '*) archive_untar "$1" j bzip2 ;;
    '28 b5 2f fd '*)
        command -v zstd > /dev/null 2>&1 || pb_give_up "this host has no zstd to unpack with: install it in an earlier step (package: zstd)"
        zstd -dqf "$1" -o "$pb_work/tar" 2> "$pb_work/err" || archive_unpack_failed
        archive_untar "$pb_work/tar" '' ''
        rm -f "$pb_work/tar"
        ;;
    *)
        case $(dd if="$1" bs=1 skip=257 count=5 2> /dev/null) in
        ustar) archive_untar "$1" '' '' ;;
        *)
            pb_body_fault "$1" .zip '' ''
            pb_refuse "this is not a tar or zip archive: $pb_fault"
            ;;
        esac
        ;;
    esac
    pb_strip=$arg_strip
    while [ "$pb_strip" -gt 0 ]; do
        mkdir "$pb_work/next"
        for pb_top in "$pb_work"/tree/* "$pb_work"/tree/.[!.]*; do
            if [ -d "$pb_top" ] && [ ! -L "$pb_top" ]; then
                archive_merge "$pb_top" "$pb_work/next"
            fi
        done
        rm -rf "$pb_work/tree"
        mv "$pb_work/next" "$pb_work/tree"
        pb_strip=$((pb_strip - 1))
    done
    pb_last=
    case $arg_creates in
    "${arg_into%/}"/?*)
        pb_last=${arg_creates#"${arg_into%/}"/}
        pb_last=${pb_last%/}
        if [ ! -e "$pb_work/tree/$pb_last" ]; then
            pb_give_up "the archive holds no $pb_last, which \`creates\` names; it holds: $(ls "$pb_work/tree" | sed 8q | tr '\n' ' ')"
        fi
        mv "$pb_work/tree/$pb_last" "$pb_work/last"
        ;;
    esac
    archive_merge "$pb_work/tree" "${arg_into%/}"
    [ -z "$pb_last" ] || mv -f "$pb_work/last" "${arg_into%/}/$pb_last"
}
