# The kind `archive`.

archive_check() {
    eval "set -- $arg_url"
    [ -z "$arg_src" ] || set -- "$arg_src"
    pb_show_url "$1"
    pb_wanted_digest
    if [ -e "$arg_creates" ]; then
        pb_check_made "$arg_creates" "$pb_algorithm" "$pb_digest" "$@"
        if [ -n "$arg_src" ] && [ -z "$pb_digest" ] && [ -f "$pb_made/.made" ] && [ "$arg_src" -nt "$pb_made/.made" ]; then
            pb_differs "$arg_creates: $arg_src is newer"
        fi
        [ -n "${pb_changes:-}" ] || return 0
    else
        [ ! -e "$arg_into" ] || [ -d "$arg_into" ] || pb_give_up "$arg_into is not a directory"
        [ -d "$arg_into" ] || pb_tell "+ ${arg_into%/}/ (new directory)"
        pb_tell "+ $arg_creates from $pb_shown"
    fi
    # Ends the check where root may not work there.
    pb_find_holder "$arg_into"
    needs_change
}

archive_apply() {
    if [ -n "$arg_src" ]; then
        [ -e "$arg_src" ] || pb_give_up "the archive $arg_src is not there: does an earlier step bring it?"
        [ -f "$arg_src" ] || pb_give_up "the archive $arg_src is not a file"
    fi
    # What an earlier archive brought, behind the directory that it was unpacked into.
    pb_made_of "$arg_creates"
    pb_brought=
    [ ! -f "$pb_made/.list" ] || pb_brought=$(cat "$pb_made/.list")
    case $pb_brought in "$arg_into
"*) ;; *) pb_brought= ;; esac
    pb_extra="${pb_extra:-} pb_brought='$(pb_tell "$pb_brought" | sed "s/'/'\\\\''/g")'"
    pb_wanted_digest
    eval "set -- $arg_url"
    [ -z "$arg_src" ] || set -- "$arg_src"
    pb_prepare_note "$arg_creates" "$pb_algorithm" "$pb_digest" "$@"
    pb_list=$(pb_at "$arg_into" archive_bring)
    pb_said=$({ umask 077 && pb_tell "$arg_into
$pb_list" > "$pb_made/.list.new" && mv -f "$pb_made/.list.new" "$pb_made/.list"; } 2>&1) || {
        rm -f "$pb_made/.list.new"
        pb_no_note
    }
    pb_note_made "$arg_creates"
}

# Fetches the archive, unpacks it and moves its entries into place. Standard output is the list of them.
archive_bring() {
    set -e
    pb_into=${arg_into%/}
    (
        {
            pb_dir=$pb_into
            [ "$arg_into" != "${pb_looked_at:-}" ] || pb_dir=$pb_led_to
            pb_make_dir
            pb_wanted_digest
            pb_work_in "$pb_into"
            if [ -n "$arg_src" ]; then
                archive_take
                archive_verify "$pb_archive"
                archive_unpack "$pb_archive"
            else
                eval "set -- $arg_url"
                pb_kept=${1%%[?#]*}
                pb_get "$pb_kept" "$@"
                archive_unpack "$pb_work/body"
            fi
            archive_examine
            archive_strip
            archive_settle
            if [ "$arg_keep" = true ]; then
                pb_kept=$pb_into/${pb_kept##*/}
                archive_clear "$pb_work/body" "$pb_kept"
                chmod 0644 "$pb_work/body"
                pb_rename "$pb_work/body" "$pb_kept" || pb_give_up "cannot keep the archive: $pb_said"
            fi
        } >&2
        cat "$pb_work/list"
    )
}

# Sets pb_archive to a file of the host to unpack. One that another user can swap is read once, as that user.
archive_take() {
    pb_archive=$arg_src
    pb_find_holder "$arg_src"
    if [ -n "$pb_holder" ]; then
        pb_archive=$pb_work/body
        (pb_as_holder archive_print) > "$pb_archive"
    fi
    [ -r "$pb_archive" ] || pb_give_up "the archive $arg_src cannot be read as $(id -un)"
}

archive_print() {
    cat -- "$arg_src"
}

# Refuses a file of the host that has another digest than the wanted one.
archive_verify() {
    # FILE
    [ -n "$pb_digest" ] || return 0
    pb_body_fault "$1" "$arg_src" "$pb_algorithm" "$pb_digest"
    [ -z "$pb_fault" ] || pb_refuse "refused $arg_src: $pb_fault"
}

# Runs what unpacks. Its words are kept in memory, since a full disk would take none. Where it fails, the line that says why is the
# reason: the archive is at fault, unless the host says that it is itself.
archive_run() {
    pb_all=$("$@" 2>&1) && return 0
    # A warning of Info-ZIP's unzip, an error of any other.
    [ "$? $1" != '1 unzip' ] || case $(unzip 2>&1) in *Info-ZIP* | UnZip*) return 0 ;; esac
    if archive_says 'no space left|disk full'; then
        pb_give_up "$(pb_space "$arg_into") while unpacking ($pb_said)"
    elif archive_says 'cannot mknod|can.t create node'; then
        pb_refuse "the archive holds a device, and none is made: $pb_said"
    elif archive_says '(permission denied|read-only file system|quota exceeded|name too long|not permitted|input/output error)$|cannot exec|not found$'; then
        pb_give_up "cannot unpack: $pb_said"
    elif archive_says "contains '[.][.]'|cannot hard link|can't create hardlink"; then
        pb_refuse "the archive holds a name or a link that leads out of it: $pb_said"
    elif archive_says 'look like a tar archive|invalid tar magic|unrecognized archive format'; then
        pb_refuse "what is packed in this file is not a tar archive: $pb_said"
    elif archive_says 'unexpected e|crc|corrupt|invalid|not in [a-z0-9]* format|damaged|central.directory|premature|short read|bad '; then
        pb_refuse "the archive is cut short or damaged: $pb_said"
    fi
    pb_said=${pb_all%%
*}
    ! pb_is_full "$pb_work" || pb_give_up "$(pb_space "$arg_into") while unpacking ($pb_said)"
    pb_refuse "the archive is cut short or damaged: $pb_said"
}

# Whether what unpacks has said something; sets pb_said to the line, with the line before where it is set in below that.
archive_says() {
    # EXTENDED REGULAR EXPRESSION, in lower case
    pb_said=$(awk -v want="$1" '
        tolower($0) ~ want && !/Exiting with failure status|not recoverable|Removing leading/ {
            is_below = /^[ \t]/
            sub(/^[ \t]+/, "")
            print (is_below && before != "" ? before ": " : "") $0
            exit
        }
        { before = $0; sub(/^[ \t]+/, "", before) }' << EOF
$pb_all
EOF
    )
    [ -n "$pb_said" ]
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
    # o: the files belong to whom the step runs as, also where that is root. From standard input, because a name with a colon in it
    # is one of another host to GNU tar.
    # shellcheck disable=SC2086 # One word or two.
    archive_run $pb_tar "-x${2}of" - -C "$pb_work/tree" < "$1"
}

archive_unzip() {
    if command -v unzip > /dev/null 2>&1; then
        set -- unzip -q -o "$1" -d "$pb_work/tree"
    elif command -v bsdtar > /dev/null 2>&1; then
        set -- bsdtar -xof "$1" -C "$pb_work/tree"
    elif command -v busybox > /dev/null 2>&1; then
        set -- busybox unzip -q -o "$1" -d "$pb_work/tree"
    elif command -v python3 > /dev/null 2>&1; then
        set -- python3 -I -m zipfile -e "$1" "$pb_work/tree"
    else
        pb_give_up "this host has no unzip: install it in an earlier step (package: unzip)"
    fi
    # Names are UTF-8 wherever the host knows it.
    LC_ALL=C.UTF-8
    archive_run "$@"
    LC_ALL=C
}

# Unpacks a file in the private directory.
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
        archive_run zstd -dqf "$1" -o "$pb_work/tar"
        archive_untar "$pb_work/tar" '' ''
        rm -f "$pb_work/tar"
        ;;
    *)
        archive_is_tar "$1" || archive_is_unknown "$1"
        archive_untar "$1" '' ''
        ;;
    esac
}

# Whether a file begins with the header of a tar entry, whose sum of bytes stands in it; the oldest ones have no other mark.
archive_is_tar() {
    od -An -v -tu1 -N 512 "$1" | awk '
        { for (i = 1; i <= NF; i++) byte[count++] = $i }
        END {
            for (i = 0; i < 512; i++) {
                in_sum = i >= 148 && i < 156
                sum += in_sum ? 32 : byte[i]
                if (in_sum && byte[i] >= 48 && byte[i] < 56) want = want * 8 + byte[i] - 48
            }
            exit !(count == 512 && byte[0] && want == sum)
        }'
}

archive_is_unknown() {
    pb_type_fault "$1" ''
    case $pb_head in
    '37 7a bc af '*) pb_form='a 7z archive' ;;
    '52 61 72 21 '*) pb_form='a rar archive' ;;
    '4c 5a 49 50 '*) pb_form='packed with lzip' ;;
    '04 22 4d 18 '*) pb_form='packed with lz4' ;;
    '1f 9d '*) pb_form='packed with compress' ;;
    '5d 00 00 '*) pb_form='packed with lzma' ;;
    '30 37 30 37 30 '*) pb_form='a cpio archive' ;;
    '4d 53 43 46 '*) pb_form='a cabinet file of Windows' ;;
    '7f 45 4c 46 '* | '4d 5a '*) pb_form='a program: use the kind "download"' ;;
    '23 21 '*) pb_form='a script: use the kind "download", and run it in a later step' ;;
    'ed ab ee db '*) pb_form='a package for rpm: use the kind "package"' ;;
    '21 3c 61 72 63 68 3e '*) pb_form='a package for apt, or a library: use the kind "package"' ;;
    *) pb_form= ;;
    esac
    [ -z "$pb_form" ] || pb_refuse "this archive is $pb_form; tar (plain, gzip, xz, bzip2, zstd) and zip can be unpacked"
    [ -z "$pb_fault" ] || pb_refuse "this is not an archive: $pb_fault"
    pb_begin_of "$1"
    pb_refuse "this is not an archive of a known type: tar (plain, gzip, xz, bzip2, zstd) or zip ($(($(wc -c < "$1"))) bytes${pb_begin:+, beginning with: $pb_begin})"
}

# Looks at what was unpacked where no other user can reach it: nothing of it may be a device or a second name of a file elsewhere, and none
# runs as its owner, since that is another than the archive says. Directories are opened for moving, and their modes noted.
archive_examine() {
    chmod u+rwx "$pb_work/tree"
    (
        cd "$pb_work/tree"
        # What follows is read line by line: the second line of a name could pass for the mode of another directory.
        [ -z "$(find . -name '*
*')" ] || pb_refuse "the archive holds a name of several lines"
        archive_keep ../modes find . -type d ! -perm -0700 -exec ls -ldn {} \; -exec chmod u+rwx {} \;
        pb_bad=$(find . \( -type b -o -type c \) -print | head -n 1)
        [ -z "$pb_bad" ] || pb_refuse "the archive holds a device, and none is made: ${pb_bad#./}"
        pb_bad=$(find . -type f -links +1 -exec ls -lidn {} \; | awk '
            { names[$1]++; links[$1] = $3; line[$1] = $0 }
            END { for (i in names) if (names[i] < links[i]) { sub(/^.* \.\//, "", line[i]); print line[i]; exit } }')
        [ -z "$pb_bad" ] || pb_refuse "the archive holds a hard link to a file outside of it: $pb_bad"
        find . ! -type l \( -perm -4000 -o -perm -2000 \) -exec chmod ug-s {} \;
    )
}

# Keeps what a command prints in a file. It goes through memory, because not every program notices that the disk is full.
archive_keep() {
    # FILE COMMAND...
    pb_file=$1
    shift
    pb_text=$("$@")
    pb_said=$({ pb_tell "$pb_text" > "$pb_file"; } 2>&1) || pb_give_up "$(pb_no_write "$pb_into" "$pb_said")"
}

# Leaves the leading directories away.
archive_strip() {
    pb_strip=$arg_strip
    while [ "$pb_strip" -gt 0 ]; do
        mkdir "$pb_work/next"
        for pb_top in "$pb_work"/tree/* "$pb_work"/tree/.[!.]* "$pb_work"/tree/..?*; do
            if [ -d "$pb_top" ] && [ ! -L "$pb_top" ]; then
                archive_merge "$pb_top" "$pb_work/next"
            fi
        done
        rm -rf "$pb_work/tree"
        mv "$pb_work/next" "$pb_work/tree"
        pb_strip=$((pb_strip - 1))
    done
}

# Moves what was unpacked into place, what `creates` names last of all, and removes what an earlier archive brought and this one does not.
archive_settle() {
    archive_keep "$pb_work/list" archive_list
    [ -z "${pb_brought:-}" ] || archive_keep "$pb_work/gone" archive_list_old
    pb_last=
    case $arg_creates in
    "$pb_into"/?*)
        pb_last=${arg_creates#"$pb_into"/}
        pb_last=${pb_last%/}
        if [ ! -e "$pb_work/tree/$pb_last" ] && [ ! -L "$pb_work/tree/$pb_last" ]; then
            pb_give_up "the archive holds no $pb_last, which \`creates\` names; it holds: $(ls "$pb_work/tree" | sed 8q | tr '\n' ' ')"
        fi
        mv "$pb_work/tree/$pb_last" "$pb_work/last"
        ;;
    esac
    archive_merge "$pb_work/tree" "$pb_into"
    if [ -n "$pb_last" ]; then
        archive_clear "$pb_work/last" "$pb_into/$pb_last"
        if [ -d "$pb_work/last" ] && [ ! -L "$pb_work/last" ] && [ -d "$pb_into/$pb_last" ]; then
            archive_merge "$pb_work/last" "$pb_into/$pb_last"
        else
            pb_rename "$pb_work/last" "$pb_into/$pb_last" || pb_give_up "cannot move $pb_last into place: $pb_said"
        fi
    fi
    archive_remove_old
    archive_close
}

# Names what was unpacked. Directories come behind what is in them.
archive_list() {
    cd "$pb_work/tree"
    find . ! -type d -print
    find . -depth -type d -print | sed 's|$|/|'
}

# Names what an earlier archive brought and this one does not.
archive_list_old() {
    pb_tell "$pb_brought" | awk 'NR == FNR { kept[$0]; next } !($0 in kept)' "$pb_work/list" -
}

# Moves the entries of one directory into another; directories that are there already are filled.
archive_merge() {
    # FROM TO
    [ -w "$2" ] || archive_open "$2"
    for pb_entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        [ -e "$pb_entry" ] || [ -L "$pb_entry" ] || continue
        archive_clear "$pb_entry" "$2/${pb_entry##*/}"
        if [ -d "$pb_entry" ] && [ ! -L "$pb_entry" ] && [ -d "$2/${pb_entry##*/}" ]; then
            archive_merge "$pb_entry" "$2/${pb_entry##*/}"
        else
            mv -f "$pb_entry" "$2/"
        fi
    done
}

# Makes room for an entry, or refuses it: nothing is written through a link out of the directory, and no directory goes for a file.
archive_clear() {
    # ENTRY PLACE
    if [ ! -d "$1" ] || [ -L "$1" ]; then
        [ ! -d "$2" ] || [ -L "$2" ] || pb_refuse "$2 is a directory, and the archive brings a file of that name"
    elif [ -L "$2" ]; then
        case $2 in "$pb_work"/*) pb_refuse "the archive holds a link and a directory of one name: ${2##*/}" ;; esac
        pb_inside=$(cd -P "$pb_into/" && pwd -P)
        case $(cd -P "$2" 2> /dev/null && pwd -P) in
        "${pb_inside%/}"/*) ;;
        *) pb_refuse "$2 is a symbolic link that leads out of $arg_into, and the archive brings a directory of that name: nothing is written through it" ;;
        esac
    elif [ -e "$2" ] && [ ! -d "$2" ]; then
        rm -f "$2"
    fi
}

# Opens a directory of an earlier archive that not even its owner can write in.
archive_open() {
    [ -O "$1" ] || return 0
    pb_stat "$1"
    pb_tell "$pb_mode $1" >> "$pb_work/opened"
    chmod u+rwx "$1"
}

# Removes what an earlier archive brought and this one does not; what did not come from it stays.
archive_remove_old() {
    [ -n "${pb_brought:-}" ] || return 0
    while IFS= read -r pb_entry; do
        case $pb_entry/ in
        *//../* | */../*) continue ;;
        ./?*) archive_has_no_link "${pb_entry%/}" || continue ;;
        *) continue ;;
        esac
        case $pb_entry in
        */) rmdir "$pb_into/$pb_entry" 2> /dev/null || : ;;
        *) [ -d "$pb_into/$pb_entry" ] && [ ! -L "$pb_into/$pb_entry" ] || rm -f "$pb_into/$pb_entry" ;;
        esac
    done < "$pb_work/gone"
}

# Whether no directory on the way to an entry of `into` is a symbolic link.
archive_has_no_link() {
    pb_rest=${1#./} pb_at=$pb_into
    while :; do
        case $pb_rest in
        */*) pb_at=$pb_at/${pb_rest%%/*} pb_rest=${pb_rest#*/} ;;
        *) return 0 ;;
        esac
        [ ! -L "$pb_at" ] || return 1
    done
}

# Gives directories the modes that the archive has for them, those that were opened before theirs.
archive_close() {
    [ ! -f "$pb_work/opened" ] || while IFS=' ' read -r pb_mode pb_entry; do chmod "$pb_mode" "$pb_entry"; done < "$pb_work/opened"
    awk -v strip="$arg_strip" '
        {
            for (i = 2; i <= 10; i++) {
                bits = i % 3 == 2 ? 4 : i % 3 == 0 ? 2 : 1
                if (substr($1, i, 1) !~ /[-ST]/) mode[int((i - 2) / 3)] += bits
            }
            path = $0
            sub(/^[^\/]*[ ]\.\//, "", path)
            for (i = 0; i < strip; i++) if (!sub(/^[^\/]*\//, "", path)) path = ""
            if (path != "") printf "%d%d%d %s\n", mode[0], mode[1], mode[2], path
            split("", mode)
        }' "$pb_work/modes" | while IFS=' ' read -r pb_mode pb_entry; do
        [ -L "$pb_into/$pb_entry" ] || [ ! -d "$pb_into/$pb_entry" ] || chmod "$pb_mode" "$pb_into/$pb_entry"
    done
}
