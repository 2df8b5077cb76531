# The kind `download`.

download_check() {
    eval "set -- $arg_url"
    pb_show_url "$1"
    pb_wanted_digest
    [ ! -d "$arg_to" ] || pb_give_up "$arg_to is a directory: write \`to\` with a / at its end to put the file into it"
    if [ ! -e "$arg_to" ]; then
        pb_tell "+ $arg_to from $pb_shown"
        needs_change
    fi
    [ -r "$arg_to" ] || pb_give_up "$arg_to cannot be read as $(id -un): does the step need sudo: true?"
    if [ -n "$pb_digest" ]; then
        pb_digest_of "$pb_algorithm" "$arg_to"
        [ "$pb_sum" = "$pb_digest" ] || pb_differs "$arg_to: $pb_algorithm $pb_sum -> $pb_digest"
    else
        pb_type_fault "$arg_to" "$arg_to"
        [ -n "$pb_fault" ] || [ "$pb_kind" != zip ] || pb_zip_is_complete "$arg_to" || pb_fault="it is cut short or damaged"
        [ -z "$pb_fault" ] || pb_differs "$arg_to: $pb_fault; anew from $pb_shown"
    fi
    pb_answer
    pb_check_attributes "$arg_to" "$arg_mode" '' ''
    pb_answer
}

download_apply() {
    pb_target "$arg_to"
    pb_need_dir
    pb_wanted_digest
    pb_mode=0644
    [ ! -e "$pb_path" ] || pb_stat "$pb_path"
    pb_want_mode=${arg_mode:-$pb_mode}
    (
        pb_work_in "$pb_dir"
        eval "pb_get \"\$pb_path\" $arg_url"
        chmod "$pb_want_mode" "$pb_work/body"
        pb_to_disk "$pb_work/body"
        mv -f "$pb_work/body" "$pb_path"
    )
}
