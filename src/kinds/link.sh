# The kind `link`.

link_check() {
    if [ -L "$arg_path" ]; then
        pb_changes=$(link_compare "$arg_path")
        [ -n "$pb_changes" ] || return 0
    fi
    pb_at "$arg_path" link_ask entry
}

link_apply() {
    pb_at "$arg_path" link_make entry
}

# What would change, asked by the user who makes the change.
link_ask() {
    pb_changes='' pb_thing='link'
    pb_entry "$arg_path"
    pb_check_gift "$arg_owner"
    link_room
    if [ -L "$pb_path" ]; then
        link_compare "$pb_path"
    elif [ -e "$pb_path" ]; then
        pb_differs "$arg_path: a file -> a link to $arg_to"
    else
        pb_tell_dir
        pb_differs "+ $arg_path -> $arg_to (new link)"
    fi
    pb_answer
}

# Says how a link differs from the wanted one.
link_compare() {
    link_read "$1"
    [ "$pb_link" = "$arg_to" ] || pb_differs "$arg_path -> $pb_link becomes -> $arg_to"
    [ -z "$arg_owner" ] || pb_check_attributes "$1" '' "$arg_owner" ''
}

# Sets pb_link to what a link holds. Not every ls prints each byte of it as it is.
link_read() {
    if command -v readlink > /dev/null 2>&1; then
        pb_link=$(readlink "$1" && echo .) || pb_give_up "$1 cannot be looked at: has it vanished?"
        pb_link=${pb_link%"
."}
    else
        pb_read_link "$1"
    fi
}

# Ends the check or the step where something else is in the place of the link.
link_room() {
    if [ -L "$pb_path" ]; then
        return 0
    elif [ -d "$pb_path" ]; then
        pb_give_up "$arg_path is a directory, and a link does not take its place: remove or move it in an earlier step (\`absent\`)"
    elif [ -e "$pb_path" ] && [ "$arg_replace" != true ]; then
        pb_give_up "$arg_path is a file, and a link is wanted there: \`replace: true\` puts the link in its place"
    fi
}

link_make() {
    pb_thing='link'
    pb_entry "$arg_path"
    link_room
    pb_make_dir
    if [ -L "$pb_path" ]; then
        link_read "$pb_path"
        if [ "$pb_link" = "$arg_to" ]; then
            link_give "$pb_path"
            return 0
        fi
    fi
    (
        pb_work_in "$pb_dir"
        pb_said=$(ln -s -- "$arg_to" "$pb_work/link" 2>&1) || pb_give_up "$(pb_no_write "$pb_dir" "$pb_said")"
        link_give "$pb_work/link"
        if ! pb_rename "$pb_work/link" "$pb_path"; then
            # An mv without -T would go into the directory that the old link leads to.
            [ -L "$pb_path" ] && rm -f -- "$pb_path" && mv -f -- "$pb_work/link" "$pb_path" || pb_give_up "$(pb_no_write "$pb_dir" "$pb_said")"
        fi
    )
}

link_give() {
    [ -z "$arg_owner" ] || chown -h -- "$arg_owner" "$1" || pb_no_gift "user $arg_owner"
}
