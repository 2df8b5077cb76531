# Whether what was fetched is what was wanted: its digest, or else its type and its end.

# Sets pb_head to a file's first 64 bytes in hexadecimal, one blank between two.
pb_read_head() {
    # shellcheck disable=SC2046 # The words are wanted.
    set -- $(od -An -v -tx1 -N 64 "$1")
    pb_head="$* "
}

# Sets pb_fault to what is wrong with a file, going by its first bytes and its name; empty where nothing is.
pb_type_fault() {
    # FILE NAME
    pb_fault='it is empty'
    [ -s "$1" ] || return 0
    pb_fault=
    pb_read_head "$1"
    pb_kind=
    case ${2%%[?#]*} in
    *.[Zz][Ii][Pp] | *.[Jj][Aa][Rr] | *.[Ww][Aa][Rr] | *.[Ww][Hh][Ll]) pb_kind=zip ;;
    *.[Gg][Zz] | *.[Tt][Gg][Zz]) pb_kind=gzip ;;
    *.[Xx][Zz] | *.[Tt][Xx][Zz]) pb_kind=xz ;;
    *.[Bb][Zz]2 | *.[Tt][Bb][Zz] | *.[Tt][Bb][Zz]2) pb_kind=bzip2 ;;
    *.[Zz][Ss][Tt]) pb_kind=zstd ;;
    *.[Hh][Tt][Mm] | *.[Hh][Tt][Mm][Ll] | *.[Xx][Hh][Tt][Mm][Ll]) pb_kind=html ;;
    esac
    case $pb_kind/$pb_head in
    html/* | zip/50\ 4b\ * | gzip/1f\ 8b\ * | xz/fd\ 37\ 7a\ 58\ 5a\ * | bzip2/42\ 5a\ 68\ * | zstd/28\ b5\ 2f\ fd\ *) return 0 ;;
    esac
    # A page may begin with blanks, or with a byte order mark.
    pb_left=$pb_head
    while :; do
        case $pb_left in
        'ef bb bf '*) pb_left=${pb_left#?????????} ;;
        '09 '* | '0a '* | '0d '* | '20 '*) pb_left=${pb_left#???} ;;
        *) break ;;
        esac
    done
    # <!doctype or <html, in lower or upper case.
    case $pb_left in
    3c\ 21\ [46]4\ [46]f\ [46]3\ [57]4\ [57]9\ [57]0\ [46]5\ * | 3c\ [46]8\ [57]4\ [46]d\ [46]c\ *)
        pb_fault="it is an HTML page${pb_kind:+ and not a $pb_kind file}"
        ;;
    *) pb_fault=${pb_kind:+"it is not a $pb_kind file"} ;;
    esac
}

# Whether the directory at a zip file's end is there, as it is not in one that was cut short.
pb_zip_is_complete() {
    for pb_tail in 22 65557; do
        case $(tail -c "$pb_tail" "$1" | od -An -v -tx1 | tr -d ' \n') in
        *504b0506*) return 0 ;;
        esac
    done
    return 1
}

# Whether a packed file is complete, where something here can tell: the one guard against a body that was cut short and
# came without a length.
pb_is_complete() {
    case $pb_kind in
    zip) pb_zip_is_complete "$1" ;;
    gzip | xz | bzip2 | zstd)
        command -v "$pb_kind" > /dev/null 2>&1 || return 0
        # gzip's status 2 is a warning: something harmless behind the end.
        "$pb_kind" -t -q < "$1" > /dev/null 2>&1 || [ "$pb_kind/$?" = gzip/2 ]
        ;;
    esac
}

# Sets pb_sum to a file's digest.
pb_digest_of() {
    # md5|sha256|sha512 FILE
    if command -v "$1sum" > /dev/null 2>&1; then
        pb_sum=$("$1sum" < "$2")
    elif [ "$1" != md5 ] && command -v shasum > /dev/null 2>&1; then
        pb_sum=$(shasum -a "${1#sha}" < "$2")
    elif command -v openssl > /dev/null 2>&1; then
        pb_sum=$(openssl dgst "-$1" < "$2")
        pb_sum=${pb_sum##* }
    elif command -v busybox > /dev/null 2>&1; then
        pb_sum=$(busybox "$1sum" < "$2")
    elif command -v python3 > /dev/null 2>&1; then
        pb_sum=$(python3 -I -c 'import hashlib, sys; print(hashlib.new(sys.argv[1], sys.stdin.buffer.read()).hexdigest())' "$1" < "$2")
    else
        pb_give_up "this host has no $1sum, no shasum and no openssl to verify the file with: install one in an earlier step"
    fi
    pb_sum=${pb_sum%% *}
    [ -n "$pb_sum" ] || pb_give_up "the $1 of $2 could not be computed"
}

# Sets pb_begin to how a file begins, where that is text and helps: what stands before the first character that is not ASCII. It
# ends with a whole word, and with dots where it was cut: pinboot hides the beginning of a secret before them.
pb_begin_of() {
    pb_begin=
    [ -z "$arg_secret" ] && [ -s "$1" ] || return 0
    # Bytes that no text holds.
    [ "$(dd if="$1" bs=60 count=1 2> /dev/null | tr -d '\011\012\014\015\033\040-\176\200-\377' | wc -c)" -eq 0 ] || return 0
    pb_begin=$(dd if="$1" bs=60 count=1 2> /dev/null | tr -c '\040-\176\200-\377' '.' | tr -c '\040-\176' '\012' | sed q)
    if [ "${#pb_begin}" -lt "$(($(wc -c < "$1")))" ]; then
        case $pb_begin in
        *' '*) pb_begin="${pb_begin% *} ..." ;;
        *) pb_begin= ;;
        esac
    fi
}

# Sets pb_fault to what is wrong with a file that has just come.
pb_body_fault() {
    # FILE NAME ALGORITHM DIGEST
    pb_type_fault "$1" "$2"
    if [ -n "$3" ]; then
        pb_digest_of "$3" "$1"
        if [ "$pb_sum" = "$4" ]; then
            pb_fault=
        else
            pb_fault="${pb_fault:+$pb_fault; }its $3 is $pb_sum and $4 was expected"
            [ -z "${arg_locked:-}" ] || pb_fault="$pb_fault: what this address gives has changed since it was locked in $arg_locked"
        fi
    elif [ -z "$pb_fault" ] && ! pb_is_complete "$1"; then
        pb_fault="it is cut short or damaged"
    fi
    if [ -n "$pb_fault" ]; then
        pb_begin_of "$1"
        pb_fault="$pb_fault ($(($(wc -c < "$1"))) bytes${pb_begin:+, beginning with: $pb_begin})"
    fi
}

# Sets pb_algorithm and pb_digest to what the fields say; both are empty where no digest was given.
pb_wanted_digest() {
    pb_algorithm= pb_digest=
    [ -z "$arg_sha256" ] || pb_algorithm=sha256 pb_digest=$arg_sha256
    [ -z "$arg_sha512" ] || pb_algorithm=sha512 pb_digest=$arg_sha512
    # One that only the host knows may be written in upper case.
    case $pb_digest in *[A-F]*) pb_digest=$(pb_tell "$pb_digest" | tr A-F a-f) ;; esac
}

# Fetches into $pb_work/body from the first address that gives what is wanted (see pb_wanted_digest); ends the step where
# none does.
pb_get() {
    # NAME URL...
    pb_name=$1
    shift
    pb_refused=
    while :; do
        pb_others=
        [ $# = 1 ] || pb_others=1
        if pb_fetch "$1"; then
            pb_body_fault "$pb_work/body" "$pb_name" "$pb_algorithm" "$pb_digest"
            [ -n "$pb_fault" ] || return 0
            pb_error="refused what came from $pb_shown: $pb_fault"
            pb_cut=1
        fi
        [ -z "$pb_cut" ] || pb_refused=1
        shift
        # No other address makes room.
        [ $# -gt 0 ] && [ "$pb_status" != 23 ] || break
        pb_tell "$pb_error; trying the next address" >&2
    done
    [ -z "$pb_refused" ] || pb_refuse "$pb_error"
    pb_give_up "$pb_error"
}
