# The kind `download`.

download_check() {
    eval "set -- $arg_url"
    pb_show_url "$1"
    pb_wanted_digest
    pb_target "$arg_to"
    [ ! -d "$pb_path" ] || pb_give_up "$arg_to is a directory: write \`to\` with a / at its end to put the file into it"
    pb_want_file "$arg_to" "$pb_path"
    pb_said=$(download_ask "$@") || exit
    [ -n "$pb_said" ] || return 0
    # Ends the check where root may not work there.
    pb_find_holder "$arg_to"
    pb_tell "$pb_said"
    needs_change
}

# Says what would change.
download_ask() {
    if [ ! -e "$pb_path" ]; then
        pb_tell_dir
        pb_tell "+ $arg_to from $pb_shown"
        return 0
    fi
    [ -r "$pb_path" ] || pb_give_up "$arg_to cannot be read as $(id -un): does the step need sudo: true?"
    if [ -n "$pb_digest" ]; then
        pb_digest_of "$pb_algorithm" "$pb_path"
        [ "$pb_sum" = "$pb_digest" ] || pb_tell "$arg_to: $pb_algorithm $pb_sum -> $pb_digest"
    else
        pb_type_fault "$pb_path" "$arg_to"
        [ -n "$pb_fault" ] || [ "$pb_kind" != zip ] || pb_zip_is_complete "$pb_path" || pb_fault="it is cut short or damaged"
        if [ -n "$pb_fault" ]; then
            pb_tell "$arg_to: $pb_fault; anew from $pb_shown"
        else
            pb_check_made "$arg_to" '' '' "$@"
        fi
    fi
    pb_check_attributes "$pb_path" "$arg_mode" '' ''
}

download_apply() {
    pb_at "$arg_to" download_fetch
    pb_wanted_digest
    eval "pb_note_made \"\$arg_to\" \"\$pb_algorithm\" \"\$pb_digest\" $arg_url"
}

download_fetch() {
    pb_target "$arg_to"
    pb_want_file "$arg_to" "$pb_path"
    pb_make_dir
    pb_wanted_digest
    (
        pb_work_in "$pb_dir"
        eval "pb_get \"\$pb_path\" $arg_url"
        pb_put "$arg_mode" '' ''
    )
}
