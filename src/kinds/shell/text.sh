# What would change in the bytes of a file.

# Whether a command prints what the file pb_path holds. cmp is missing on some minimal images.
pb_same_bytes() {
    # COMMAND
    if command -v cmp > /dev/null 2>&1; then
        "$1" | cmp -s - "$pb_path"
    else
        [ "$("$1" | cksum)" = "$(cksum < "$pb_path")" ]
    fi
}

# Shows how a file differs from what a command prints.
pb_show_change() {
    # NAME FILE COMMAND...
    pb_name=$1 pb_before=$2
    shift 2
    pb_is_there || pb_before=/dev/null
    pb_size=$(($(wc -c < "$pb_before")))
    pb_new=$(($("$@" | wc -c)))
    if [ -n "$arg_secret" ]; then
        pb_tell "$pb_name: $pb_size bytes -> $pb_new bytes (not shown: it holds a secret)"
    elif "$@" | pb_is_binary || pb_is_binary < "$pb_before"; then
        pb_tell "$pb_name: binary, $pb_size bytes -> $pb_new bytes"
    elif ! pb_is_there; then
        pb_tell "+++ $pb_name (new)"
        "$@" | sed 's/^/+/' | pb_cap
    elif command -v diff > /dev/null 2>&1; then
        pb_tell "--- $pb_name"
        pb_tell "+++ $pb_name"
        "$@" | diff -u "$pb_before" - | sed 1,2d | pb_cap
    else
        pb_tell "$pb_name: $pb_size bytes -> $pb_new bytes"
    fi
}

# Whether a stream of bytes holds any that text does not.
pb_is_binary() {
    [ "$(LC_ALL=C tr -d '\011\012\014\015\033\040-\176\200-\377' | wc -c)" -gt 0 ]
}

# Passes on at most 64 KiB.
pb_cap() {
    awk '{ size += length($0) + 1; if (size > 65536) { print "(the rest is not shown)"; exit } print }'
}
