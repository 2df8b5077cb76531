# The digest that a checksum file on the web has for what is fetched. A check writes nothing on the host, therefore the file stays in
# memory.

# Carries a function out with the digest that the checksum file has. A check does not ask for it where nothing is there yet, and the
# one that verifies takes the digest that has just been noted.
pb_by_checksum() {
    # FUNCTION PATH
    case $1:${arg_verifies:-} in
    *_check:1)
        pb_made_of "$2"
        pb_line=
        [ ! -f "$pb_made/.made" ] || IFS= read -r pb_line < "$pb_made/.made" || :
        pb_take_sum "$pb_line" || :
        ;;
    *_check:*) [ ! -e "$2" ] || pb_ask_checksum pb_give_up ;;
    *) pb_ask_checksum pb_refuse ;;
    esac
    # The shell of another user, in whose directory the work is done, does not ask once more.
    pb_extra="arg_sha256=$arg_sha256 arg_sha512=$arg_sha512"
    "$1"
}

# Takes a digest for what the field of its name has.
pb_take_sum() {
    # ALGORITHM AND DIGEST
    case $1 in
    'sha256 '*) arg_sha256=${1#* } ;;
    'sha512 '*) arg_sha512=${1#* } ;;
    *) return 1 ;;
    esac
}

# Sets arg_sha256 or arg_sha512. Where the file has no digest for the name in the addresses, the function that is named ends the check
# or the step.
pb_ask_checksum() {
    # GIVE-UP
    pb_choose_fetcher
    pb_url=$arg_checksum pb_give_up_by=$1
    pb_show_url "$pb_url"
    pb_sums=$pb_shown
    pb_pause=${pb_first_pause:-1}
    eval "set -- $arg_url"
    [ -z "${arg_src:-}" ] || set -- "$arg_src"
    for pb_left in 2 1 0; do
        pb_heads=$(pb_look_for_sum "$@")
        pb_read_heads
        pb_read_sums
        ! pb_is_confidential "$pb_url" || pb_said="status $pb_status"
        [ "$pb_status" != 0 ] && [ "$pb_left" -gt 0 ] && [ -z "$pb_down" ] || break
        case $pb_said in *' 40'[0134567]* | *' 410'*) break ;; esac
        sleep "$pb_pause"
        pb_pause=$((pb_pause * 3))
    done
    [ -z "$pb_down" ] || pb_give_up "the checksum file $pb_sums: a redirection that leaves https, or HTTP altogether, was refused"
    [ "$pb_status" = 0 ] || pb_give_up "cannot fetch the checksum file $pb_sums: ${pb_said:-status $pb_status}"
    ! pb_take_sum "$pb_found" || return 0
    pb_show_url "$1"
    pb_name=${pb_shown##*/}
    case $pb_found in
    page) "$pb_give_up_by" "the checksum file $pb_sums is an HTML page: take the link of the file itself" ;;
    weak) "$pb_give_up_by" "the checksum file $pb_sums has neither a SHA-256 nor a SHA-512 digest of $pb_name, and a weaker one proves nothing" ;;
    several) "$pb_give_up_by" "the checksum file $pb_sums has several digests for $pb_name: give \`sha256\` or \`sha512\` instead" ;;
    0 | '') "$pb_give_up_by" "the checksum file $pb_sums holds no digest" ;;
    *) "$pb_give_up_by" "the checksum file $pb_sums has no entry for $pb_name; it has $pb_found for other names" ;;
    esac
}

# Reads pb_heads: sets pb_found to what was found, pb_status to how the program that fetches ended, and pb_said to its last words.
pb_read_sums() {
    pb_found='' pb_status=99 pb_said=''
    while IFS= read -r pb_line; do
        case $pb_line in
        '= '*) pb_found=${pb_line#= } ;;
        '? '*) pb_status=${pb_line#? } ;;
        ' '* | '') ;;
        *) pb_said=$pb_line ;;
        esac
    done << EOF
$pb_heads
EOF
    case $pb_said in
    *'validation not implemented'*)
        pb_status=60 pb_said="this host's wget does not verify certificates: install curl, or give the file's sha256"
        ;;
    *'nvalid option'* | *'nrecognized option'*)
        pb_status=60 pb_said="this host's wget does not say where it is led: install curl, or give the file's sha256"
        ;;
    esac
}

# Says what pb_find_sum finds, behind `=`; how the program that fetches ended, behind `?`; and what that program has said.
pb_look_for_sum() {
    # URL...
    {
        {
            for pb_one; do
                pb_one=${pb_one%%[?#]*}
                pb_tell "${pb_one#*://}"
            done
            pb_tell ''
            pb_print_url 2>&3
        } | pb_find_sum
    } 3>&1
}

# Prints what pb_url has. Standard error gets the words of the program that fetches, and how it ended.
pb_print_url() {
    pb_status=0 pb_work='' pb_from=0 pb_validator=''
    case $pb_fetcher in
    curl) (pb_exec_curl --max-time 120) || pb_status=$? ;;
    wget) (pb_exec_wget -) || pb_status=$? ;;
    python) (pb_exec_python '') || pb_status=$? ;;
    *)
        if pb_is_confidential "$pb_url"; then
            pb_tell "this host has only busybox's wget, which would show the password in the address to every user: install curl" >&2
            pb_status=3
        else
            set -- wget
            [ "$pb_fetcher" = small ] || set -- busybox wget
            "$@" -S -O - -- "$pb_url" || pb_status=$?
        fi
        ;;
    esac
    pb_tell "? $pb_status" >&2
}

# Reads the paths of addresses, an empty line, and a checksum file: digests in front of names, as `sha256sum` and BSD's tools write them,
# `file: AB12 CD34 …` over several lines, as gpg does, or one digest alone. Says `= ALGORITHM DIGEST`; or why there is none: `= page`, `= weak`,
# `= several`, or how many other names there are. The whole path decides where names are there several times.
pb_find_sum() {
    awk '
        function decoded(text, out, at, code) {
            while ((at = index(text, "%")) > 0) {
                code = index("0123456789abcdef", tolower(substr(text, at + 1, 1))) * 16 + index("0123456789abcdef", tolower(substr(text, at + 2, 1))) - 17
                if (substr(text, at + 1, 2) !~ /^[0-9a-fA-F][0-9a-fA-F]$/ || code < 32) { out = out substr(text, 1, at); text = substr(text, at + 1); continue }
                out = out substr(text, 1, at - 1) sprintf("%c", code)
                text = substr(text, at + 3)
            }
            return out text
        }
        function is_hex(text) { return text ~ /^[0-9a-fA-F]+$/ }
        function by_length(digits) { return digits == 64 ? "sha256" : digits == 128 ? "sha512" : digits == 32 || digits == 40 || digits == 56 || digits == 96 ? "weak" : "" }
        function by_name(text) {
            text = toupper(text)
            gsub(/-/, "", text)
            if (text == "SHA256" || text == "SHA2256") return "sha256"
            if (text == "SHA512" || text == "SHA2512") return "sha512"
            return text ~ /^(MD5|RMD160|RIPEMD160|SHA1|SHA224|SHA2224|SHA384|SHA2384|SHA512\/256|SHA512\/224|SHA3.*|BLAKE2.*)$/ ? "weak" : ""
        }
        function take(name, kind, digest, rank, i) {
            if (kind == "") return
            sub(/^(\.\/)+/, "", name)
            count++
            rank = 0
            for (i in paths) if (substr("/" paths[i], length(paths[i]) + 1 - length(name)) == "/" name) rank = 2
            sub(/.*\//, "", name)
            for (i in paths) if (!rank && names[i] == name) rank = 1
            if (!rank) return
            digest = tolower(digest)
            if ((rank, kind) in found && found[rank, kind] != digest) twice[rank, kind] = 1
            found[rank, kind] = digest
        }
        # What gpg has written over several lines.
        function finish(name) {
            if (name != "") take(name, kind == "" ? by_length(length(digits)) : kind, digits)
            open = ""
        }
        !body && $0 == "" { body = 1; next }
        !body {
            n++; paths[n] = $0; names[n] = $0
            sub(/.*\//, "", names[n])
            n++; paths[n] = decoded($0); names[n] = decoded(names[n - 1])
            next
        }
        { sub(/\r$/, ""); sub(/^\357\273\277/, ""); sub(/^- /, "") }
        !seen && /[^ \t]/ { seen = 1; if (tolower($0) ~ /^[ \t]*<(!doctype|html)/) page = 1 }
        open != "" && /^[ \t]/ {
            rest = $0
            gsub(/[ \t]/, "", rest)
            if (is_hex(rest)) { digits = digits rest; next }
        }
        { finish(open) }
        # SHA256 (name) = digest
        /^[A-Za-z0-9\/-]+ ?\(.*\) ?= ?[0-9a-fA-F]+[ \t]*$/ {
            at = index($0, "(")
            kind = by_name(substr($0, 1, at - (substr($0, at - 1, 1) == " " ? 2 : 1)))
            rest = substr($0, at + 1)
            match(rest, /\) ?= ?[0-9a-fA-F]+[ \t]*$/)
            digest = substr(rest, RSTART)
            gsub(/[^0-9a-fA-F]/, "", digest)
            if (kind == "weak" || kind == by_length(length(digest))) take(substr(rest, 1, RSTART - 1), kind, digest)
            next
        }
        { line = $0; sub(/^sha(256|512):/, "", line) }
        # digest  name, or digest *name
        line ~ /^\\?[0-9a-fA-F]+[ \t]+[^ \t]/ {
            match(line, /^\\?[0-9a-fA-F]+/)
            digest = substr(line, 1, RLENGTH)
            name = substr(line, RLENGTH + 1)
            is_escaped = sub(/^\\/, "", digest)
            if (by_length(length(digest)) != "") {
                sub(/^[ \t]+/, "", name)
                sub(/^\*/, "", name)
                if (is_escaped) gsub(/\\\\/, "\\", name)
                sub(/[ \t]+$/, "", name)
                if (name != "-") take(name, by_length(length(digest)), digest)
                next
            }
        }
        # The digest of what came on standard input has a dash for a name.
        line ~ /^[0-9a-fA-F]+[ \t]*-?[ \t]*$/ && by_length(length($1)) != "" {
            sub(/[ \t-]+$/, "", line)
            alone++
            lone = line
            next
        }
        # name: digest, in groups, here or on the lines that follow; with the name of an algorithm or without.
        match($0, /:([ \t]|$)/) && /^[^ \t]/ {
            name = substr($0, 1, RSTART - 1)
            rest = substr($0, RSTART + 1)
            kind = ""
            if (match(rest, /^[ \t]*[A-Za-z0-9-]+ *= */)) {
                kind = rest
                sub(/ *=.*/, "", kind)
                gsub(/[ \t]/, "", kind)
                kind = by_name(kind)
                rest = substr(rest, RLENGTH + 1)
            }
            gsub(/[ \t]/, "", rest)
            if (rest != "" && !is_hex(rest)) next
            if (by_name(name) != "") {
                if (rest != "") { alone++; lone = rest }
                next
            }
            open = name
            digits = rest
            next
        }
        # name digest
        NF == 2 && is_hex($2) && by_length(length($2)) ~ /^sha/ { take($1, by_length(length($2)), $2) }
        END {
            finish(open)
            if (page) { print "= page"; exit }
            for (rank = 2; rank; rank--) {
                for (i = 1; i <= 2; i++) {
                    kind = i == 1 ? "sha512" : "sha256"
                    if ((rank, kind) in twice) { print "= several"; exit }
                    if ((rank, kind) in found) { print "= " kind " " found[rank, kind]; exit }
                }
                if ((rank, "weak") in found) weak = 1
            }
            kind = by_length(length(lone))
            if (!count && alone == 1 && kind ~ /^sha/) print "= " kind " " tolower(lone)
            else if (weak || !count && alone == 1) print "= weak"
            else if (!count && alone > 1) print "= several"
            else print "= " count + 0
        }'
}
