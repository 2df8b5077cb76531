# Keys of OpenPGP, read without gpg, which a host may lack and which writes into a home where it is only asked.

# Sets pb_key_list to the keys in a file, one a line: `pub FINGERPRINT SECONDS`, `sub` for one that belongs to the one above. The
# seconds are the time at which it expires, 0 where it never does. False where that is not a key.
pb_list_keys() {
    # FILE
    pb_key_list=
    pb_packets=$(pb_dearmor "$1" 2> /dev/null | od -An -v -tu1 | awk '
        { for (i = 1; i <= NF; i++) b[++n] = $i + 0 }
        function number(at, size,    k, v) {
            for (k = 0; k < size; k++) v = v * 256 + b[at + k]
            return v + 0
        }
        # Notes what the subpackets of a signature say.
        function subpackets(at, end,    size, type, k) {
            while (at < end) {
                size = b[at++]
                if (size == 255) { size = number(at, 4); at += 4 }
                else if (size >= 192) { size = (size - 192) * 256 + b[at++] + 192 }
                type = b[at] % 128
                if (type == 2) made = number(at + 1, 4)
                else if (type == 9) lasts = number(at + 1, 4)
                else if (type == 16 || type == 33) {
                    issuer = ""
                    for (k = at + size - 8; k < at + size; k++) issuer = issuer sprintf("%02x", b[k])
                }
                at += size
            }
        }
        function show_key(kind, key, size,    k, text) {
            text = sprintf("\\0231\\%04o\\%04o", int(size / 256), size % 256)
            for (k = 0; k < size; k++) text = text sprintf("\\%04o", b[key + k])
            print kind, number(key + 1, 4), text
        }
        END {
            at = 1
            while (at <= n) {
                head = b[at++]
                if (head < 128) exit 1
                if (head >= 192) {
                    tag = head - 192
                    size = b[at++]
                    if (size == 255) { size = number(at, 4); at += 4 }
                    else if (size >= 224) exit 1
                    else if (size >= 192) size = (size - 192) * 256 + b[at++] + 192
                } else {
                    tag = int((head - 128) / 4)
                    bytes = head % 4 == 0 ? 1 : head % 4 == 1 ? 2 : 4
                    if (head % 4 == 3) exit 1
                    size = number(at, bytes)
                    at += bytes
                }
                if (at + size - 1 > n) exit 1
                if ((tag == 6 || tag == 14) && b[at] == 4) {
                    kind = tag == 6 ? "pub" : "sub"
                    show_key(kind, at, size)
                } else if (tag == 2 && b[at] == 4 && (kind == "pub" ? b[at + 1] >= 16 && b[at + 1] <= 19 || b[at + 1] == 31 : b[at + 1] == 24)) {
                    made = lasts = 0
                    issuer = "-"
                    hashed = number(at + 4, 2)
                    subpackets(at + 6, at + 6 + hashed)
                    from = at + 8 + hashed
                    # What stands outside of the hash is taken for who has signed, and for nothing else.
                    was = made
                    had = lasts
                    subpackets(from, from + number(from - 2, 2))
                    # One on the key itself may say something else, and nothing of its end.
                    if (had || b[at + 1] != 31) print "sig", issuer, was, had
                }
                at += size
            }
        }') || return 1
    [ -n "$pb_packets" ] || return 1
    pb_fpr= pb_primary=
    while IFS=' ' read -r pb_one pb_two pb_three pb_four; do
        case $pb_one in
        sig)
            # Others may have signed the key too. The newest signature of its own counts.
            [ "$pb_two" = "$pb_primary" ] && [ "$pb_three" -ge "$pb_latest" ] || continue
            pb_latest=$pb_three pb_end=0
            [ "$pb_four" = 0 ] || pb_end=$((pb_created + pb_four))
            ;;
        *)
            pb_note_key
            pb_kind=$pb_one pb_created=$pb_two pb_latest=0 pb_end=0
            pb_fpr=$(printf %b "$pb_three" | sha1sum)
            pb_fpr=${pb_fpr%% *}
            [ "$pb_kind" != pub ] || pb_primary=${pb_fpr#????????????????????????}
            ;;
        esac
    done << EOF
$pb_packets
EOF
    pb_note_key
}

# Notes a key, once its signatures are known.
pb_note_key() {
    [ -z "$pb_fpr" ] || pb_key_list="$pb_key_list$pb_kind $pb_fpr $pb_end
"
}

# Prints the bytes of the keys in a file, whichever of the two forms it has.
pb_dearmor() {
    # FILE
    case $(head -c 5 "$1") in
    -----) pb_bytes_of_text < "$1" ;;
    *) cat "$1" ;;
    esac
}

# Prints the bytes of the keys that standard input holds as text.
pb_bytes_of_text() {
    awk '
        /^-----BEGIN/ { inside = 1; body = 0; next }
        /^-----END/ { if (inside) close("base64 -d"); inside = 0; next }
        { sub(/\r$/, "") }
        inside && /^[ \t]*$/ { body = 1; next }
        inside && body && !/^=/ { print | "base64 -d" }'
}
