# The kind `authorized_keys`.

authorized_keys_check() {
    authorized_keys_find
    if [ -z "$pb_entry" ] || pb_is_own "$pb_keys"; then
        authorized_keys_ask
    else
        pb_at "$pb_keys" authorized_keys_ask
    fi
}

authorized_keys_apply() {
    authorized_keys_find
    [ -n "$pb_entry" ] || pb_give_up "there is no user $pb_who: make the account in an earlier step (user: $pb_who)"
    pb_at "$pb_keys" authorized_keys_write
}

# Sets pb_who to the user whose keys these are, pb_has_gid to the user's group and pb_keys to the file, as the account says it: a home
# cannot be guessed. Every shell in which a part of the step runs calls this.
authorized_keys_find() {
    pb_who=${arg_user:-$(id -un)}
    pb_find_entry passwd "$pb_who"
    IFS=: read -r pb_name pb_one pb_two pb_has_gid pb_three pb_has_home pb_four << EOF
$pb_entry
EOF
    pb_keys=${arg_path:-$pb_has_home/.ssh/authorized_keys}
    pb_lines=
    eval "set -- $arg_keys"
    for pb_one; do
        pb_lines="$pb_lines$pb_one
"
    done
}

# What would change, asked by the user who makes the change.
authorized_keys_ask() {
    authorized_keys_find
    pb_path=
    if [ -n "$pb_entry" ]; then
        pb_target "$pb_keys"
        pb_want_file "$pb_keys" "$pb_path"
    fi
    if pb_is_there && [ ! -r "$pb_path" ]; then
        pb_give_up "$pb_keys cannot be read as $(id -un): does it belong to another user?"
    fi
    pb_said=$(authorized_keys_pass differences)
    if [ -n "$pb_said" ]; then
        pb_changes=1
        authorized_keys_show << EOF
$pb_said
EOF
    fi
    if [ -z "$arg_path" ] && pb_is_there; then
        authorized_keys_ask_owner "$pb_path" 0600
        authorized_keys_ask_owner "${pb_keys%/*}/." 0700
    fi
    pb_answer
}

# Says that a file or directory has another owner or mode than sshd wants there.
authorized_keys_ask_owner() {
    # PATH MODE
    pb_said=$(pb_check_attributes "$1" "$2" "$pb_who" '')
    [ -z "$pb_said" ] || pb_differs "${1%/.}: $pb_said"
}

# Shows keys by their fingerprints, where the host can tell them, with their comments.
authorized_keys_show() {
    while IFS=' ' read -r pb_sign pb_type pb_blob pb_comment; do
        if [ -n "$arg_secret" ]; then
            pb_tell "$pb_sign a key (not shown: it holds a secret)"
            continue
        fi
        pb_print=$(pb_tell "$pb_type $pb_blob" | ssh-keygen -lf - 2> /dev/null) || pb_print=
        pb_print=${pb_print#* }
        # Without ssh-keygen, the end of a key is what people know it by.
        [ -n "$pb_print" ] || pb_print="...$(pb_tell "$pb_blob" | tail -c 13)"
        pb_tell "$pb_sign $pb_type ${pb_print%% *}${pb_comment:+ $pb_comment}"
    done
}

authorized_keys_write() {
    authorized_keys_find
    if [ -z "$arg_path" ]; then
        [ -d "$pb_has_home" ] || pb_give_up "the home directory of $pb_who is not there: $pb_has_home"
        pb_dir=${pb_keys%/*}
        pb_make_dir
        pb_give "$pb_dir/." "$pb_who" "$pb_has_gid" 0700
    fi
    pb_target "$pb_keys"
    pb_want_file "$pb_keys" "$pb_path"
    pb_want_mode=0600 pb_want_owner=$pb_who
    # A file of another place belongs to whom it belongs.
    [ -z "$arg_path" ] || ! pb_is_there || pb_want_mode= pb_want_owner= pb_has_gid=
    if pb_is_there && [ -z "$(authorized_keys_pass differences)" ]; then
        [ -z "$pb_want_mode" ] || pb_give "$pb_path" "$pb_want_owner" '' "$pb_want_mode"
        return 0
    fi
    pb_replace "$pb_keys" "$pb_want_mode" "$pb_want_owner" "$pb_has_gid" authorized_keys_pass lines
}

# Goes through the file with the keys that are asked for: prints what differs, or the lines as they shall be. A key is its type and its
# base64. Options and comments of a key stay as they are, unless the step has options for it.
authorized_keys_pass() {
    # differences|lines
    set -- "$1" /dev/null
    ! pb_is_there || set -- "$1" "$pb_path"
    pb_lines=$pb_lines pb_state=$arg_state pb_exclusive=$arg_exclusive pb_mode=$1 awk '
        # Takes a line apart; false where it is not a key.
        function parse(line,    at, c, quoted) {
            sub(/\r$/, "", line)
            sub(/^[ \t]+/, "", line)
            options = type = blob = comment = ""
            if (line == "" || line ~ /^#/) return 0
            if (line !~ is_key) {
                # Options end at the first blank that stands in no quotes.
                for (at = 1; at <= length(line); at++) {
                    c = substr(line, at, 1)
                    if (c == "\\") at++
                    else if (c == "\"") quoted = !quoted
                    else if ((c == " " || c == "\t") && !quoted) break
                }
                options = substr(line, 1, at - 1)
                line = substr(line, at)
                sub(/^[ \t]+/, "", line)
                if (line !~ is_key) return 0
            }
            at = match(line, /[ \t]/)
            type = substr(line, 1, at - 1)
            line = substr(line, at)
            sub(/^[ \t]+/, "", line)
            at = match(line, /[ \t]/)
            blob = at ? substr(line, 1, at - 1) : line
            if (at) {
                comment = substr(line, at)
                gsub(/^[ \t]+|[ \t]+$/, "", comment)
            }
            return 1
        }
        function differs(sign) {
            if (shows) print sign " " type " " blob (comment == "" ? "" : " " comment) (options == "" ? "" : " [" options "]")
        }
        function keep(line) { if (!shows) print line }
        BEGIN {
            is_key = "^(ssh|ecdsa|sk)-[A-Za-z0-9@.-]+[ \t]+AAAA[A-Za-z0-9+/]+=*([ \t]|$)"
            shows = ENVIRON["pb_mode"] == "differences"
            absent = ENVIRON["pb_state"] == "absent"
            count = split(ENVIRON["pb_lines"], lines, "\n")
            for (n = 1; n <= count; n++) {
                if (!parse(lines[n]) || (type, blob) in wanted) continue
                sub(/\r$/, "", lines[n])
                sub(/^[ \t]+/, "", lines[n])
                wanted[type, blob] = lines[n]
                asked[type, blob] = options
                order[++all] = lines[n]
            }
        }
        {
            if (!parse($0)) keep($0)
            else if (!((type, blob) in wanted)) {
                if (ENVIRON["pb_exclusive"] == "true") differs("-")
                else keep($0)
            } else if (absent) differs("-")
            else if (asked[type, blob] == "" || asked[type, blob] == options) {
                seen[type, blob] = 1
                keep($0)
            } else {
                differs("-")
                if (!((type, blob) in seen)) {
                    seen[type, blob] = 1
                    keep(wanted[type, blob])
                    parse(wanted[type, blob])
                    differs("+")
                }
            }
        }
        END {
            if (absent) exit
            for (n = 1; n <= all; n++) {
                parse(order[n])
                if ((type, blob) in seen) continue
                keep(order[n])
                differs("+")
            }
        }' "$2"
}
