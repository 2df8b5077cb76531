# The kind `file`.

file_check() {
    pb_target "$arg_path"
    [ ! -d "$pb_path" ] || pb_give_up "$arg_path is a directory, and a file is wanted there"
    if [ ! -e "$pb_path" ]; then
        file_show_change
        needs_change
    fi
    [ -r "$pb_path" ] || pb_give_up "$arg_path cannot be read as $(id -un): does the step need sudo: true?"
    if ! file_same_content; then
        file_show_change
        pb_changes=1
    fi
    pb_check_attributes "$pb_path" "$arg_mode" "$arg_owner" "$arg_group"
    pb_answer
}

file_apply() {
    pb_target "$arg_path"
    [ ! -d "$pb_path" ] || pb_give_up "$arg_path is a directory, and a file is wanted there"
    if [ -e "$pb_path" ] && file_same_content; then
        pb_stat "$pb_path"
        pb_give "$pb_path" "$arg_owner" "$arg_group" "${arg_mode:-$pb_mode}"
        return 0
    fi
    if [ "$arg_backup" = true ] && [ -e "$pb_path" ]; then
        cp -p "$pb_path" "$pb_path.bak-$(date -u +%Y%m%dT%H%M%SZ)"
    fi
    pb_replace "$arg_path" "$arg_mode" "$arg_owner" "$arg_group" pb_content
}

# Whether the content is what the file pb_path holds. cmp is missing on some minimal images.
file_same_content() {
    if command -v cmp > /dev/null 2>&1; then
        pb_content | cmp -s - "$pb_path"
    else
        [ "$(pb_content | cksum)" = "$(cksum < "$pb_path")" ]
    fi
}

# Shows what would change in the bytes of the file pb_path.
file_show_change() {
    pb_old=0
    [ ! -e "$pb_path" ] || pb_old=$(($(wc -c < "$pb_path")))
    pb_new=$(($(pb_content | wc -c)))
    if [ -n "$arg_secret" ]; then
        pb_tell "$arg_path: $pb_old bytes -> $pb_new bytes (not shown: it holds a secret)"
    elif pb_content | file_is_binary || { [ -e "$pb_path" ] && file_is_binary < "$pb_path"; }; then
        pb_tell "$arg_path: binary, $pb_old bytes -> $pb_new bytes"
    elif [ ! -e "$pb_path" ]; then
        pb_tell "+++ $arg_path (new)"
        pb_content | sed 's/^/+/' | file_cap
    elif command -v diff > /dev/null 2>&1; then
        pb_tell "--- $arg_path"
        pb_tell "+++ $arg_path"
        pb_content | diff -u "$pb_path" - | sed 1,2d | file_cap
    else
        pb_tell "$arg_path: $pb_old bytes -> $pb_new bytes"
    fi
}

# Whether a stream of bytes holds any that text does not.
file_is_binary() {
    [ "$(LC_ALL=C tr -d '\011\012\014\015\033\040-\176\200-\377' | wc -c)" -gt 0 ]
}

# Passes on at most 64 KiB.
file_cap() {
    awk '{ size += length($0) + 1; if (size > 65536) { print "(the rest is not shown)"; exit } print }'
}
