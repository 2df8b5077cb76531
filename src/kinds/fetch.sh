# The kind `fetch`. What is there on the machine that pinboot runs on is in `pb_here`. What differs goes to standard output, which is a file
# of the run's record and not the output of the step: the bytes of the files one behind the other, an index, and a line that says where
# the index is.

fetch_check() {
    # What has been written down is exact, and what pinboot's machine had is not as it was.
    [ -z "${arg_verifies:-}" ] || return 0
    pb_at "$arg_from" fetch_look
}

fetch_apply() {
    pb_at "$arg_from" fetch_write
}

fetch_look() {
    fetch_find
    if [ -z "$pb_sort" ]; then
        # An earlier step may bring it.
        pb_differs "+ $arg_to: what is to be fetched is not there yet"
        pb_answer
    fi
    fetch_compare
    [ -n "$pb_todo" ] || return 0
    pb_count=0
    while [ -n "$pb_todo" ]; do
        fetch_next
        pb_count=$((pb_count + 1))
        [ "$pb_count" -gt 100 ] || fetch_tell
    done
    [ "$pb_count" -le 100 ] || pb_tell "and $((pb_count - 100)) more"
    needs_change
}

# Sets pb_sort to `file`, `tree`, or nothing where there is none; pb_root to where it is; and pb_found to what is in it: lines with the
# digest of a file and its name, then with its mode, its size and its name, then directories, and `--` between them.
fetch_find() {
    pb_target "$arg_from"
    pb_sort='' pb_found=''
    pb_is_there || return 0
    case $pb_path in /*) pb_root=$pb_path ;; *) pb_root=$PWD/$pb_path ;; esac
    if [ -d "$pb_path" ]; then
        pb_sort='tree'
        # shellcheck disable=SC2164 # It ends there.
        CDPATH='' cd -P -- "$pb_root" 2> /dev/null || fetch_closed
        pb_root=$(pwd -P)
        fetch_trust
        [ -z "$(find . -name '*[[:cntrl:]]*' 2> /dev/null | head -n 1)" ] ||
            pb_give_up "a name below $arg_from has a control character in it, such as a line feed: rename it, or name the files one by one"
        pb_dirs=$(find . -type d) || fetch_closed
        pb_files=$(find . -type f -exec stat -c '%a %s %n' {} +) || fetch_closed
        pb_sums=$(fetch_sums) || fetch_closed
        pb_found="$pb_sums
--
$pb_files
--
$pb_dirs"
    else
        pb_want_file "$arg_from" "$pb_path"
        [ -r "$pb_path" ] || fetch_closed
        pb_sort='file'
        pb_digest_of sha256 "$pb_path"
        pb_files=$(stat -c '%a %s' "$pb_path")
        pb_found="$pb_sum  .
--
$pb_files .
--"
    fi
}

# Root reads a tree only where no other user can lay anything: between two commands the way to what is in it could change. The user whose
# login the run uses is as good as root.
fetch_trust() {
    # shellcheck disable=SC3067
    [ -O / ] || return 0
    pb_dirs=$(find . -type d \( ! -user 0 -o -perm -020 -o -perm -002 \)) || fetch_closed
    while IFS= read -r pb_one; do
        [ -n "$pb_one" ] || continue
        pb_one=$pb_root${pb_one#.}
        pb_holder='' pb_login=${pb_login:-}
        pb_hold "$pb_one"
        [ -z "$pb_holder" ] || [ "$pb_holder" = "$pb_login" ] ||
            pb_give_up "$pb_one is not root's, and root reads nothing in it: fetch it in a step of its own"
        [ -z "$pb_sticky" ] || pb_give_up "every user can lay files in $pb_one, and root reads no tree there: name its files one by one"
    done << EOF
$pb_dirs
EOF
}

fetch_closed() {
    pb_give_up "$arg_from cannot be read as $(id -un)$(pb_or_sudo)"
}

# Prints the digest of each file of the tree, and its name.
fetch_sums() {
    if command -v sha256sum > /dev/null 2>&1; then
        find . -type f -exec sha256sum {} +
        return
    fi
    find . -type f | while IFS= read -r pb_file; do
        pb_digest_of sha256 "$pb_root/${pb_file#./}"
        pb_tell "$pb_sum  $pb_file"
    done
}

# Sets pb_todo to what is to be done, a line each: where its bytes begin, what differs, the wanted mode, the size, the digest, the size and the mode that are
# here, and the name behind a tab.
fetch_compare() {
    pb_todo=$(
        {
            pb_here | tr '\t' '\n'
            pb_tell "--
$pb_found"
        } | awk -v mode="$arg_mode" -v keep="$arg_keep_mode" '
            function behind(text, words) {
                while (words-- > 0) sub(/^[^ ]* /, "", text)
                return text
            }
            function named(text) {
                sub(/^\.\//, "", text)
                return text
            }
            function say(what, wanted, size, digest, name) {
                print what, wanted == "" ? "-" : wanted, size, digest, (name in bytes) ? bytes[name] : "-", (name in modes) ? modes[name] : "-", "\t" name
            }
            $0 == "--" && part < 3 { part++; next }
            $0 == "" { next }
            part == 0 {
                name = behind($0, $1 == "f" ? 4 : 1)
                here[name] = $1
                if ($1 == "f") { modes[name] = $2; bytes[name] = $3; sums[name] = $4 }
                next
            }
            part == 1 {
                name = $0
                escaped = sub(/^\\/, "", name)
                digest = substr(name, 1, 64)
                name = substr(name, 67)
                if (escaped) gsub(/\\\\/, "\\", name)
                found[named(name)] = digest
                next
            }
            part == 2 {
                name = named(behind($0, 2))
                if (!(name in found)) next
                wanted = mode != "" ? mode : keep == "true" ? "0" substr("00" $1, length($1)) : ""
                if (!(name in here)) say("+", wanted, $2, found[name], name)
                else if (here[name] != "f") say("!", wanted, $2, found[name], name)
                else if (sums[name] != found[name]) say("~", wanted, $2, found[name], name)
                else if (wanted != "" && modes[name] != wanted) say("m", wanted, $2, found[name], name)
                next
            }
            {
                name = named($0)
                if (!(name in here)) say("d", "", 0, "-", name)
                else if (here[name] != "d") say("!", "", 0, "-", name)
            }' | LC_ALL=C sort -t '	' -k 2 | awk -v limit="$arg_limit" '
            # Not every shell counts beyond 2 GiB.
            {
                size = index("+~", $1) ? $3 : 0
                print sprintf("%.0f", all), $0
                all += size
            }
            END { if (all > limit) printf "too-much %.0f\n", all }'
    )
    case $pb_todo in
    *too-much\ *)
        pb_line=${pb_todo##*too-much }
        case $pb_line in
        *[!0-9]*) ;;
        *) pb_give_up "what is to be fetched from $arg_from has $pb_line bytes, and the step takes $arg_limit: give a higher \`limit\`, or name a part of it" ;;
        esac
        ;;
    esac
}

# Takes the first line of pb_todo: sets pb_offset, pb_what, pb_want_mode, pb_size, pb_sum, pb_old_size, pb_old_mode and pb_name, and pb_local to what
# the name is called here.
fetch_next() {
    pb_line=${pb_todo%%"
"*}
    pb_todo=${pb_todo#"$pb_line"}
    pb_todo=${pb_todo#"
"}
    # A name may begin with a blank, or end with one.
    pb_name=${pb_line#*"	"}
    IFS=' ' read -r pb_offset pb_what pb_want_mode pb_size pb_sum pb_old_size pb_old_mode << EOF
${pb_line%%"	"*}
EOF
    pb_local=$arg_to
    [ "$pb_name" = . ] || pb_local=${arg_to%/}/$pb_name
    [ "$pb_what" != '!' ] || pb_give_up "$pb_local is there already on the machine that pinboot runs on, and is something else than on this host (a folder, a link or a file): move it away, or give another \`to\`"
}

fetch_tell() {
    case $pb_what in
    +) pb_tell "+ $pb_local ($pb_size bytes)" ;;
    '~') pb_tell "$pb_local: other bytes ($pb_old_size -> $pb_size)" ;;
    m) pb_tell "$pb_local: mode $pb_old_mode -> $pb_want_mode" ;;
    d) pb_tell "+ ${pb_local%/}/ (new directory)" ;;
    esac
}

fetch_write() {
    fetch_find
    [ -n "$pb_sort" ] || pb_give_up "$arg_from is not there: does an earlier step bring it?"
    fetch_compare
    pb_work_in "${TMPDIR:-/tmp}"
    mkfifo "$pb_work/pipe" || exit 1
    : > "$pb_work/index"
    pb_end=0
    while [ -n "$pb_todo" ]; do
        fetch_next
        case $pb_what in
        d) pb_line="d $pb_name" ;;
        m) pb_line="m $pb_want_mode $pb_size $pb_sum - $pb_name" ;;
        *)
            fetch_send
            pb_end="$pb_offset $pb_size"
            ;;
        esac
        pb_tell "$pb_line" >> "$pb_work/index"
    done
    cat "$pb_work/index"
    pb_tell "$pb_end $(wc -c < "$pb_work/index")" | awk '{ printf "pb-have %15.0f %15.0f\n", (NF > 2) ? $1 + $2 : 0, $NF }'
}

# Writes the bytes of a file, as many as it had when its size was asked: it may grow meanwhile. Sets pb_line to its line of the index, with
# the digest of what was written.
fetch_send() {
    pb_file=$pb_root
    [ "$pb_sort" = file ] || pb_file=$pb_root/$pb_name
    exec 3< "$pb_file" || exit 1
    {
        pb_digest_of sha256 "$pb_work/pipe"
        pb_tell "$pb_sum" > "$pb_work/sum"
    } &
    head -c "$pb_size" <&3 | tee "$pb_work/pipe" || exit 1
    wait $!
    exec 3<&-
    read -r pb_sum < "$pb_work/sum"
    pb_line="f $pb_want_mode $pb_size $pb_sum $pb_offset $pb_name"
}
