# The kind `absent`.

absent_check() {
    eval "set -- $arg_path"
    pb_changes=
    for pb_one; do
        absent_trim
        if [ -e "$pb_one" ] || [ -L "$pb_one" ]; then
            absent_at absent_ask
            pb_changes=1
        else
            absent_look
        fi
    done
    pb_answer
}

absent_apply() {
    eval "set -- $arg_path"
    for pb_one; do
        absent_trim
        absent_at absent_remove
    done
}

# A `/` at the end of a link's name would mean what it leads to.
absent_trim() {
    case $pb_one in -*) pb_one=./$pb_one ;; esac
    while :; do
        case $pb_one in ?*/) pb_one=${pb_one%/} ;; *) break ;; esac
    done
}

# Carries a function out as the user who may work at the path pb_one.
absent_at() {
    pb_extra="pb_one='$(pb_tell "$pb_one" | sed "s/'/'\\\\''/g")'"
    pb_at "$pb_one" "$1" entry
}

# Ends the check where it cannot be known whether the path is there: a directory on the way cannot be searched.
absent_look() {
    pb_up=$pb_one
    until [ -e "$pb_up" ]; do
        case $pb_up in */?*) pb_up=${pb_up%/*} ;; *) return 0 ;; esac
    done
    [ ! -d "$pb_up" ] || [ -x "$pb_up" ] || pb_give_up "cannot look into $pb_up as $(id -un)$(pb_or_sudo)"
}

# What would go.
absent_ask() {
    absent_name
    if [ -L "$pb_path" ]; then
        pb_tell "- $pb_one (link)"
    elif [ ! -d "$pb_path" ]; then
        pb_tell "- $pb_one"
    elif [ "$arg_tree" = true ]; then
        pb_count=$(find "$pb_path" 2> /dev/null | wc -l) || :
        pb_tell "- $pb_one/ (directory, $((pb_count - 1)) entries in it)"
    else
        pb_count=$(ls -A "$pb_path") || pb_give_up "cannot look into $pb_one as $(id -un)$(pb_or_sudo)"
        [ -z "$pb_count" ] || pb_give_up "$pb_one is a directory with something in it: \`tree: true\` removes it with everything in it"
        pb_tell "- $pb_one/ (empty directory)"
    fi
}

# Sets pb_path and pb_dir to what shall go, and ends the check or the step where that cannot be meant.
absent_name() {
    pb_entry "$pb_one"
    [ -d "$pb_dir" ] || return 0
    pb_dir=$(cd -P -- "$pb_dir" && pwd -P) || pb_give_up "cannot look into $pb_dir as $(id -un)$(pb_or_sudo)"
    pb_path=${pb_dir%/}/${pb_path##*/}
    [ ! -L "$pb_path" ] || return 0
    pb_keep_system "$pb_one" "is not removed"
    pb_keep_mounts "$pb_one"
}

absent_remove() {
    absent_name
    if [ -L "$pb_path" ] || [ ! -d "$pb_path" ]; then
        rm -f -- "$pb_path"
    elif [ "$arg_tree" != true ]; then
        rmdir -- "$pb_path"
    elif pb_is_shared "$pb_path"; then
        # Where no other user can come in, no entry becomes a link to another place before it is removed.
        (
            pb_work_in "$pb_dir"
            pb_rename "$pb_path" "$pb_work/gone" || pb_give_up "cannot remove $pb_one: ${pb_said##*: }"
            rm -rf -- "$pb_work/gone"
        )
    else
        rm -rf -- "$pb_path"
    fi
}
