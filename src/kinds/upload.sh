# The kind `upload`. Its content is the list of what is wanted: `SORT MODE SIZE DIGEST /NAME/` for each entry, the top first and without a
# name, a directory before what is in it, and behind a link `>` and what it holds. The command runs twice, as runner/files.sh says.

upload_check() {
    upload_trim
    pb_at_with_content "$arg_to" upload_ask
}

upload_apply() {
    upload_trim
    pb_extra="arg_wanted='$arg_wanted'"
    if [ "$arg_wanted" = '?' ]; then
        pb_at_with_content "$arg_to" upload_list
    else
        # mksh hands on to a program only what a redirection opens.
        exec 4<&3
        pb_at_with_content "$arg_to" upload_place 3<&4
    fi
}

# A `/` at the end of the name says nothing.
upload_trim() {
    while :; do
        case $arg_to in ?*/) arg_to=${arg_to%/} ;; *) break ;; esac
    done
}

# Sets pb_path to where it goes, and ends the check or the step where that cannot be.
upload_target() {
    pb_target "$arg_to"
    if [ -z "${arg_folder:-}" ]; then
        pb_want_file "$arg_to" "$pb_path"
    elif [ -e "$pb_path" ] && [ ! -d "$pb_path" ]; then
        pb_give_up "$arg_to is a file, and a directory is wanted there"
    elif [ "$arg_delete" = true ]; then
        pb_keep_system "$arg_to" "nothing in it is removed"
    fi
    upload_trust
}

# Root works in a tree only where no other user can lay anything, going by the directories that are wanted: between two commands the
# way to what is in them could change.
upload_trust() {
    # shellcheck disable=SC3067
    [ -O / ] && [ -d "$pb_path" ] || return 0
    for pb_one in $(pb_facts_of=d upload_facts | awk '/^!/ { next } /^@/ { split($0, mark, " "); at = 2; next } { if ($2 != 0 || $1 ~ /[2367].$|[2367]$/) print mark[at] + 0; at++ }'); do
        upload_name "$pb_one"
        pb_hold "$pb_path${pb_name:+/$pb_name}"
        [ -z "$pb_holder" ] || [ "$pb_holder" = "$pb_login" ] || pb_give_up "$pb_held is not root's, and root does not work in it: upload it in a step of its own, with \`run_as\` or into that directory"
    done
}

# Sets pb_name to the name of an entry.
upload_name() {
    # NUMBER
    pb_name=$(pb_content | awk -v want="$1" '!/^>/ && ++number == want { at = index($0, "/"); print substr($0, at + 1, length($0) - at - 1) "/"; exit }')
    pb_name=${pb_name%/}
}

# What would change, asked by the user who makes the change.
upload_ask() {
    pb_changes=
    upload_target
    pb_check_gift "$arg_owner"
    [ -d "$pb_path" ] || pb_tell_dir
    pb_said=$(upload_judge diff) || pb_give_up "$pb_said"
    [ -z "$pb_said" ] || pb_differs "$pb_said"
    if [ "$arg_delete" = true ] && [ -d "$pb_path" ]; then
        pb_said=$(upload_surplus) || pb_give_up "$pb_said"
        [ -z "$pb_said" ] || pb_differs "$(pb_tell "$pb_said" | sort | pb_top=$arg_to awk '
            NR <= 20 { print "- " ENVIRON["pb_top"] substr($0, 2) }
            END { if (NR > 20) print "- " NR - 20 " more" }')"
    fi
    pb_answer
}

# Says which files are to be sent.
upload_list() {
    upload_target
    pb_said=$(upload_judge list) || pb_give_up "$pb_said"
    [ -z "$pb_said" ] || pb_tell "$pb_said"
}

# Compares the list with what is there, and says what differs: for people (diff), the files to be sent (list), or the numbers of other
# differences (rest), for which no file is read. Where something is in the way, it says that and fails.
upload_judge() {
    # diff|list|rest
    {
        pb_content
        echo .
        case $1 in
        rest) upload_facts ;;
        *) pb_hashes=1 upload_facts ;;
        esac
    } | pb_out=$1 pb_top=$arg_to pb_mode=$arg_mode pb_dir_mode=${arg_directory_mode:-} pb_owner=$arg_owner pb_group=$arg_group pb_acts=${pb_is_holder:+$(id -u)} awk '
        function shown(i) { return ENVIRON["pb_top"] (name[i] == "" ? "" : "/" name[i]) }
        function bytes(size) { return size < 10000 ? size " bytes" : size < 10000000 ? int(size / 1000) " kB" : int(size / 1000000) " MB" }
        function stop(text) { print text; failed = 1; exit }
        function attributes(i, want, out) {
            if (want != "" && mode[i] != want && sort[i] != "l" && !(sort[i] == "d" && mode[i] ~ /^[1357]/ && ENVIRON["pb_dir_mode"] == "")) out = "mode " mode[i] " -> " want
            if (owner != "" && owner != user[i] && owner != uid[i]) out = out (out == "" ? "" : ", ") "owner " user[i] " -> " owner
            if (group != "" && group != groups[i] && group != gid[i]) out = out (out == "" ? "" : ", ") "group " groups[i] " -> " group
            return out
        }
        BEGIN { owner = ENVIRON["pb_owner"]; group = ENVIRON["pb_group"]; acts = ENVIRON["pb_acts"]; out = ENVIRON["pb_out"] }
        !facts {
            if ($0 == ".") facts = 1
            else if (/^>/) target[n] = substr($0, 2)
            else {
                sort[++n] = $1
                wanted[n] = $1 == "d" ? ENVIRON["pb_dir_mode"] : ENVIRON["pb_mode"]
                at = index($0, "/")
                name[n] = substr($0, at + 1, length($0) - at - 1)
                if (wanted[n] == "" && (n > 1 || $1 != "d")) wanted[n] = $2
                size[n] = $3
                digest[n] = $4
            }
            next
        }
        /^!/ { stop(substr($0, 2)) }
        /^[@#]/ { if (left) stop("something in " ENVIRON["pb_top"] " changes while it is looked at"); what = $1; left = split($0, mark, " ") - 1; count = left; next }
        what == "@" && left {
            i = mark[count - left + 2] + 0
            is[i] = substr(mark[count - left + 2], length(i "") + 1)
            mode[i] = $1; while (length(mode[i]) < 4) mode[i] = "0" mode[i]
            uid[i] = $2; gid[i] = $3; user[i] = $4; groups[i] = $5
            left--
            next
        }
        what == "#" && left { i = mark[count - left + 2]; sub(/^\\/, ""); has[i] = substr($1, 1, 64); left--; next }
        /^=/ { same[$2] = $3 }
        END {
            if (failed) exit 1
            if (left) { print "something in " ENVIRON["pb_top"] " cannot be read, or changes while it is looked at"; exit 1 }
            for (i = 1; i <= n; i++) {
                there = is[i]; line = ""
                if (there == "d" && sort[i] != "d") { print shown(i) " is a directory, and a " (sort[i] == "f" ? "file" : "link") " is wanted there"; exit 1 }
                if (there == "o") { print shown(i) " is a device, a pipe or a socket, and is not replaced"; exit 1 }
                if (there != "" && there != "d" && sort[i] == "d") { print shown(i) " is a " (there == "l" ? "symbolic link" : "file") ", and a directory is wanted there"; exit 1 }
                if (there == "") {
                    line = "+ " shown(i) (sort[i] == "d" ? "/ (new directory)" : sort[i] == "l" ? " -> " target[i] : " (" bytes(size[i]) ")")
                    act = sort[i] == "f" ? "send" : "make"
                } else if (sort[i] == "f" && (there != "f" || out != "rest" && has[i] != digest[i])) {
                    line = shown(i) ": " (there == "l" ? "a link" : "other bytes") " -> " bytes(size[i])
                    act = "send"
                } else if (sort[i] == "l" && (there != "l" || same[i] != "same")) {
                    line = shown(i) ": " (there == "l" ? "another link" : "a file") " -> " target[i]
                    act = "make"
                } else {
                    line = attributes(i, wanted[i])
                    if (line == "") continue
                    line = shown(i) ": " line
                    # Who owns the directory cannot give away what is in it of others, and puts another in its place.
                    act = acts != "" && uid[i] != acts && sort[i] != "d" ? (sort[i] == "f" ? "send" : "make") : "give"
                }
                if (out == "rest") { if (act != "send") print i }
                else if (out == "list") { if (act == "send") print i, digest[i], size[i], name[i] == "" ? ENVIRON["pb_top"] : name[i] }
                else if (++lines <= 50) print line
            }
            if (lines > 50) print "and " lines - 50 " more"
        }'
}

# Says what is there of the list: `@ NUMBERS` and then a line `MODE UID GID USER GROUP` for each of them, with the sort behind each number;
# with pb_hashes `# NUMBERS` and then the digests; `= NUMBER same` for a link that is as wanted. With pb_facts_of only entries of that sort.
# `!` is in front of what keeps it from going on. It needs two processes for a hundred entries.
# shellcheck disable=SC2030,SC2031 # Subshells of one pipeline.
upload_facts() {
    pb_content | {
        pb_number=0 pb_marks='' pb_same='' pb_room=100
        set --
        while IFS=' ' read -r pb_sort pb_want pb_size pb_want pb_name; do
            case $pb_sort in '>'*) continue ;; esac
            pb_number=$((pb_number + 1))
            case ${pb_facts_of:-$pb_sort} in "$pb_sort") ;; *) continue ;; esac
            pb_name=${pb_name#/}
            pb_name=${pb_name%/}
            pb_one=$pb_path${pb_name:+/$pb_name}
            if [ -L "$pb_one" ]; then
                # What lies behind it is elsewhere.
                [ "$pb_sort" != d ] || { pb_tell "!$pb_one is a symbolic link, and a directory is wanted there"; exit; }
                pb_is=l
            elif [ -d "$pb_one" ]; then
                pb_is=d
                [ -x "$pb_one" ] || { pb_tell "!cannot look into $pb_one as $(id -un)$(pb_or_sudo)"; exit; }
            elif [ -f "$pb_one" ]; then
                pb_is=f
                if [ ! -r "$pb_one" ] && [ -n "${pb_hashes:-}" ] && [ "$pb_sort" = f ]; then
                    # Who owns the directory can put another file in its place.
                    [ -n "${pb_is_holder:-}" ] || { pb_tell "!$pb_one cannot be read as $(id -un)$(pb_or_sudo)"; exit; }
                    pb_is=x
                fi
            elif [ -e "$pb_one" ]; then
                pb_is=o
            else
                continue
            fi
            set -- "$@" "$pb_one"
            pb_marks="$pb_marks $pb_number$pb_is"
            [ "$pb_is$pb_sort" != ll ] || pb_same="$pb_same $pb_number"
            if [ $# -ge $pb_room ]; then
                upload_look "$@"
                set --
                pb_marks=
            fi
        done
        [ $# = 0 ] || upload_look "$@"
        [ -z "$pb_same" ] || upload_links
    }
}

# Says what is known of some paths.
# shellcheck disable=SC2030,SC2031 # Subshells of one pipeline.
upload_look() {
    # PATH...
    pb_tell "@$pb_marks"
    if pb_lines=$(stat -c '%a %u %g %U %G' "$@" 2> /dev/null); then
        pb_tell "$pb_lines"
    else
        for pb_one; do
            pb_stat "$pb_one"
            pb_tell "$pb_mode $pb_uid $pb_gid $pb_user $pb_group"
        done
    fi
    [ -n "${pb_hashes:-}" ] || return 0
    pb_files=
    for pb_mark in $pb_marks; do
        pb_one=$1
        shift
        case $pb_mark in
        *f)
            set -- "$@" "$pb_one"
            pb_files="$pb_files ${pb_mark%f}"
            ;;
        esac
    done
    [ -n "$pb_files" ] || return 0
    pb_tell "#$pb_files"
    if command -v sha256sum > /dev/null 2>&1; then
        sha256sum "$@" 2> /dev/null || :
    else
        for pb_one; do
            pb_digest_of sha256 "$pb_one"
            pb_tell "$pb_sum"
        done
    fi
}

# Says which of the links pb_same hold what is wanted.
# shellcheck disable=SC2030,SC2031 # Subshells of one pipeline.
upload_links() {
    pb_number=0
    pb_content | while IFS= read -r pb_line; do
        case $pb_line in
        '>'*)
            case "$pb_same " in *" $pb_number "*) ;; *) continue ;; esac
            pb_read_link "$pb_path/$pb_name"
            [ "$pb_link" != "${pb_line#>}" ] || pb_tell "= $pb_number same"
            ;;
        *)
            pb_number=$((pb_number + 1))
            pb_name=${pb_line#*/}
            pb_name=${pb_name%/}
            ;;
        esac
    done
}

# Says what is in the directory pb_path and not in the list, as `./NAME`: a directory that goes as a whole, or an entry. What holds
# something that `exclude` names stays.
upload_surplus() {
    eval "set -- $arg_exclude"
    pb_first=1
    for pb_pattern; do
        [ -z "$pb_first" ] || set --
        pb_pattern=${pb_pattern%/}
        [ -n "$pb_first" ] || set -- "$@" -o
        case $pb_pattern in
        /*) set -- "$@" -path ".$pb_pattern" ;;
        */*) set -- "$@" -path "./$pb_pattern" ;;
        *) set -- "$@" -name "$pb_pattern" ;;
        esac
        pb_first=
    done
    [ $# = 0 ] || set -- \( "$@" \) -prune -exec printf '!%s\n' '{}' \; -o
    cd "$pb_path" || exit 1
    pb_one=$(find . -name '*
*' -print | head -n 1)
    [ -z "$pb_one" ] || { pb_tell "a name in $arg_to holds a line feed: remove it, or leave \`delete\` out"; exit 1; }
    { pb_content; echo .; find . "$@" ! -name . -print 2>&1; } | awk '
        !facts {
            if ($0 == ".") facts = 1
            else if (!/^>/) { at = index($0, "/"); name["." substr($0, at, length($0) - at)] }
            next
        }
        /^!/ { path = substr($0, 2); kept[path]; while (sub(/\/[^\/]*$/, "", path)) kept[path]; next }
        !/^\.\// { print; bad = 1; exit }
        { found[++n] = $0 }
        END {
            if (bad) exit 1
            for (i = 1; i <= n; i++) {
                up = found[i]
                if (up in name || up in kept) continue
                is_gone = 0
                while (sub(/\/[^\/]*$/, "", up) && up != ".") if (up in gone) is_gone = 1
                gone[found[i]]
                if (!is_gone) print found[i]
            }
        }'
}

# Puts the files that have come, and everything else that differs, into place: directories before what is in them. They get their own
# modes and owners last, since not every one lets its owner write in it.
upload_place() {
    upload_target
    if [ -z "${arg_folder:-}" ]; then
        pb_make_dir
        pb_content | (
            IFS=' ' read -r pb_sort pb_want pb_size pb_rest
            pb_numbers=' ' pb_number=1
            [ "$arg_wanted" != '1 ' ] || pb_work_in "$pb_dir"
            upload_place_file
        )
        return 0
    fi
    pb_numbers=$(upload_judge rest) || pb_give_up "$pb_numbers"
    pb_numbers=" $(pb_tell "$pb_numbers" | tr '\n' ' ')"
    upload_make_top
    pb_tree=$pb_path
    [ "$arg_delete" != true ] || upload_remove
    pb_content | (
        pb_work_in "$pb_tree"
        upload_place_all
    )
    pb_content | awk '!/^>/ { number++ } /^d/ { line[++n] = number " " $0 } END { for (; n; n--) print line[n] }' | while IFS=' ' read -r pb_number pb_sort pb_want pb_size pb_rest pb_name; do
        case $pb_numbers in *" $pb_number "*) ;; *) continue ;; esac
        pb_name=${pb_name#/}
        pb_name=${pb_name%/}
        [ -n "$pb_name" ] || pb_want=0755
        pb_thing=directory
        # Five digits: with four, GNU's chmod leaves the bits of set-user-id and set-group-id of a directory as they are.
        upload_give "$pb_tree${pb_name:+/$pb_name}" "0${arg_directory_mode:-$pb_want}"
    done
}

# Makes the directory itself.
upload_make_top() {
    if [ ! -d "$pb_path" ] || [ "$pb_path" = "${pb_fresh:-}" ]; then
        pb_make_dir
        # Not -p: what another user has laid there meanwhile is not taken for it.
        pb_said=$({ mkdir -m 0755 -- "$pb_path"; } 2>&1) || pb_give_up "cannot make the directory $pb_path as $(id -un): ${pb_said##*: }"
        pb_fresh=
    fi
}

# Gives an entry its mode, and its owner and group.
upload_give() {
    # PATH MODE
    pb_give "$1" "$arg_owner" "$arg_group" "$2"
}

# Puts everything of a folder into place but the attributes of directories; the list is on standard input.
upload_place_all() {
    pb_number=0
    while IFS=' ' read -r pb_sort pb_want pb_size pb_rest pb_name; do
        case $pb_sort in '>'*) continue ;; esac
        pb_number=$((pb_number + 1))
        pb_name=${pb_name#/}
        pb_path=$pb_tree/${pb_name%/}
        pb_dir=${pb_path%/*}
        case $pb_sort in
        d) [ "$pb_number" = 1 ] || [ -d "$pb_path" ] || mkdir -m 0700 -- "$pb_path" ;;
        f) upload_place_file ;;
        l)
            IFS= read -r pb_link
            pb_link=${pb_link#>}
            case $pb_numbers in *" $pb_number "*) upload_place_link ;; esac
            ;;
        esac
    done
}

# Puts the file pb_path into place where it is among those that have come, or gives it what else it lacks.
upload_place_file() {
    case " $arg_wanted" in
    *" $pb_number "*)
        [ ! -L "$pb_path" ] || rm -f -- "$pb_path"
        upload_take "$pb_size"
        pb_put "${arg_mode:-$pb_want}" "$arg_owner" "$arg_group"
        ;;
    *)
        case $pb_numbers in *" $pb_number "*) ;; *) [ -z "${arg_folder:-}" ] || return 0 ;; esac
        upload_give "$pb_path" "${arg_mode:-$pb_want}"
        ;;
    esac
}

# Takes so many bytes of what has come, and not one more.
upload_take() {
    # BYTES
    case $1 in
    0) set -- 0 0 ;;
    ? | ?? | ??? | ????) set -- 0 "$1" ;;
    *)
        # Not every shell counts beyond 2 GiB.
        # shellcheck disable=SC2046
        set -- $(awk -v size="$1" 'BEGIN { blocks = int(size / 65536); print blocks, size - blocks * 65536 }')
        ;;
    esac
    pb_said=$({
        : > "$pb_work/body"
        [ "$1" = 0 ] || dd bs=65536 count="$1" iflag=fullblock <&3 >> "$pb_work/body" || exit 1
        [ "$2" = 0 ] || dd bs="$2" count=1 iflag=fullblock <&3 >> "$pb_work/body"
    } 2>&1) || pb_give_up "$(pb_no_write "$pb_dir" "$pb_said")"
    # Some print blanks in front of it.
    case $(wc -c < "$pb_work/body") in "$pb_size" | *[!0-9]"$pb_size") ;; *) false ;; esac || pb_give_up "$pb_path did not come whole: $(pb_no_write "$pb_dir" "$pb_said")"
}

upload_place_link() {
    rm -f -- "$pb_work/link"
    ln -s -- "$pb_link" "$pb_work/link"
    [ -z "$arg_owner$arg_group" ] || chown -h -- "$arg_owner${arg_group:+:$arg_group}" "$pb_work/link" || pb_no_gift "${arg_owner:+user $arg_owner}${arg_group:+ group $arg_group}"
    pb_rename "$pb_work/link" "$pb_path" || pb_give_up "cannot put the link $pb_path into place: ${pb_said##*: }"
}

# Removes what is in the directory and not in the list. Where no other user can come in, no entry becomes a link to another place
# before it is removed.
upload_remove() {
    pb_surplus=$(upload_surplus) || pb_give_up "$pb_surplus"
    [ -n "$pb_surplus" ] || return 0
    (
        pb_work_in "$pb_tree"
        pb_count=0
        pb_tell "$pb_surplus" | while IFS= read -r pb_one; do
            pb_path=$pb_tree/${pb_one#./}
            pb_keep_mounts "$pb_path"
            pb_count=$((pb_count + 1))
            pb_rename "$pb_path" "$pb_work/gone.$pb_count" || pb_give_up "cannot remove $pb_path: ${pb_said##*: }"
        done
    )
}
