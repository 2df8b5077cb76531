# The kind `file`.

file_check() {
    if pb_is_own "$arg_path"; then
        pb_target "$arg_path"
        if [ -f "$pb_path" ] && [ -r "$pb_path" ] && pb_same_bytes pb_content; then
            pb_changes=$(pb_check_attributes "$pb_path" "$arg_mode" "$arg_owner" "$arg_group")
            [ -n "$pb_changes" ] || return 0
        fi
    fi
    pb_at_with_content "$arg_path" file_ask
}

file_apply() {
    pb_at_with_content "$arg_path" file_write
}

# What would change, asked by the user who makes the change.
file_ask() {
    pb_changes=
    pb_target "$arg_path"
    pb_want_file "$arg_path" "$pb_path"
    pb_check_gift "$arg_owner"
    if ! pb_is_there; then
        pb_tell_dir
        pb_show_change "$arg_path" "$pb_path" pb_content
        needs_change
    fi
    [ -r "$pb_path" ] || pb_give_up "$arg_path cannot be read as $(id -un): does the step need sudo: true?"
    if ! pb_same_bytes pb_content; then
        pb_show_change "$arg_path" "$pb_path" pb_content
        pb_changes=1
    fi
    pb_check_attributes "$pb_path" "$arg_mode" "$arg_owner" "$arg_group"
    pb_answer
}

file_write() {
    pb_target "$arg_path"
    pb_want_file "$arg_path" "$pb_path"
    if pb_is_there && pb_same_bytes pb_content; then
        pb_stat "$pb_path"
        pb_give "$pb_path" "$arg_owner" "$arg_group" "${arg_mode:-$pb_mode}"
        return 0
    fi
    # Once nothing but the last step is left that could fail.
    [ "$arg_backup" != true ] || ! pb_is_there || pb_before_put=file_back_up
    pb_replace "$arg_path" "$arg_mode" "$arg_owner" "$arg_group" pb_content
}

# Keeps the old file under a name that nothing has yet: a copy that is made where no other user can lay anything, then a second name
# of that copy, which is refused where something is there.
file_back_up() {
    (
        pb_work_in "$pb_dir"
        pb_said=$(cp -p -- "$pb_path" "$pb_work/body" 2>&1) || pb_give_up "cannot keep the old file: $(pb_no_write "$pb_dir" "$pb_said")"
        pb_back=$pb_path.bak-$(date -u +%Y%m%dT%H%M%SZ)
        for pb_more in '' -2 -3 -4 -5 -6 -7 -8 -9; do
            # Not `return`, which runs no trap in a subshell of yash.
            # -T: a link to a directory that lies there is not followed. Where ln does not know it, the file is moved below.
            ! pb_said=$(ln -T -- "$pb_work/body" "$pb_back$pb_more" 2>&1) || exit 0
            [ -e "$pb_back$pb_more" ] || [ -L "$pb_back$pb_more" ] || break
        done
        # A file system without hard links.
        [ ! -L "$pb_back$pb_more" ] && pb_rename "$pb_work/body" "$pb_back$pb_more" || pb_give_up "cannot keep the old file as $pb_back: $pb_said"
    )
}
