# The kind `download`.

download_check() {
    eval "set -- $arg_url"
    pb_wanted_digest
    if pb_is_own "$arg_to"; then
        pb_said=$(download_ask) || exit
    else
        pb_said=$(pb_at "$arg_to" download_ask) || exit
    fi
    # What it was made from is noted where only root can read it.
    case $pb_digest$pb_said in
    '' | 'mode '*)
        pb_said=$(
            pb_check_made "$arg_to" '' '' "$@"
            pb_tell "$pb_said"
        )
        ;;
    esac
    [ -n "$pb_said" ] || return 0
    # Ends the check where root may not work there.
    pb_find_holder "$arg_to"
    pb_tell "$pb_said"
    needs_change
}

# Says what would change, going by what is there.
download_ask() {
    eval "set -- $arg_url"
    pb_show_url "$1"
    pb_wanted_digest
    pb_target "$arg_to"
    [ ! -d "$pb_path" ] || pb_give_up "$arg_to is a directory: write \`to\` with a / at its end to put the file into it"
    pb_want_file "$arg_to" "$pb_path"
    if ! pb_is_there; then
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
        [ -z "$pb_fault" ] || pb_tell "$arg_to: $pb_fault; anew from $pb_shown"
    fi
    pb_check_attributes "$pb_path" "$arg_mode" '' ''
}

download_apply() {
    pb_wanted_digest
    eval "pb_prepare_note \"\$arg_to\" \"\$pb_algorithm\" \"\$pb_digest\" $arg_url"
    pb_at "$arg_to" download_fetch
    pb_note_made "$arg_to"
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
