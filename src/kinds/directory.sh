# The kind `directory`.

directory_check() {
    directory_target
    if [ -d "$pb_path" ]; then
        [ -n "$arg_mode$arg_owner$arg_group" ] || return 0
        pb_changes=$(directory_compare)
        [ -n "$pb_changes" ] || return 0
    fi
    pb_at "$arg_path" directory_ask outside
}

directory_apply() {
    directory_target
    pb_at "$arg_path" directory_make outside
}

# Sets pb_path to the directory that the path leads to; a `/` at its end says nothing.
directory_target() {
    while :; do
        case $arg_path in ?*/) arg_path=${arg_path%/} ;; *) break ;; esac
    done
    pb_target "$arg_path"
}

# What would change, asked by the user who makes the change.
directory_ask() {
    pb_changes='' pb_thing=directory
    directory_target
    pb_check_gift "$arg_owner"
    if [ -d "$pb_path" ]; then
        directory_compare
    else
        directory_want
        pb_tell_dir
        pb_differs "+ $arg_path/ (new directory)"
    fi
    pb_answer
}

# Ends the check where something else is there, or on the way.
directory_want() {
    pb_up=$pb_path
    until [ -e "$pb_up" ]; do
        case $pb_up in */?*) pb_up=${pb_up%/*} ;; *) return 0 ;; esac
    done
    if [ -f "$pb_up" ]; then
        pb_give_up "$pb_up is a file, and a directory is wanted there"
    elif [ ! -d "$pb_up" ]; then
        pb_give_up "$pb_up is a device, a pipe or a socket, and a directory is wanted there"
    fi
}

# Says how the directory pb_path, and with `tree` what is in it, differs from what is wanted.
directory_compare() {
    pb_check_attributes "$pb_path" "$arg_mode" "$arg_owner" "$arg_group"
    [ "$arg_tree" = true ] || return 0
    # What vanishes meanwhile, where other programs work there, is asked for again.
    for pb_try in 1 2 3; do
        pb_others=$(directory_count)
        [ "$pb_others" = '?' ] || break
    done
    case $pb_others in
    '') ;;
    # An owner that the host does not know yet is not the one of the directory either, which has been said.
    '?') [ -n "${pb_changes:-}" ] || pb_give_up "cannot look at everything in $arg_path as $(id -un)$(pb_or_sudo)" ;;
    *) pb_differs "$pb_others" ;;
    esac
}

# Says how many entries below pb_path have another owner, and which the first ones are; `?` where that cannot be found out.
directory_count() {
    pb_deep=
    { directory_find -print 2> /dev/null || echo '?'; } | pb_top=$pb_path pb_new=$arg_owner${arg_group:+:$arg_group} awk '
        $0 == ENVIRON["pb_top"] { next }
        $0 == "?" { failed = 1; next }
        { count++; if (count <= 3) first = first "\n  " $0 }
        END {
            if (count) print count (count > 1 ? " entries" : " entry") " in it of another owner -> " ENVIRON["pb_new"] first
            else if (failed) print "?"
        }'
}

# Finds what in pb_path is not of the wanted owner and group, no link followed; with pb_deep, what lies in a directory before the
# directory.
directory_find() {
    # WHAT TO DO
    case $arg_owner:$arg_group in
    *:) find "$pb_path" ${pb_deep:+-depth} ! -user "$arg_owner" "$@" ;;
    :*) find "$pb_path" ${pb_deep:+-depth} ! -group "$arg_group" "$@" ;;
    *) find "$pb_path" ${pb_deep:+-depth} \( ! -user "$arg_owner" -o ! -group "$arg_group" \) "$@" ;;
    esac
}

directory_make() {
    pb_thing=directory
    directory_target
    if [ ! -d "$pb_path" ] || [ "$pb_path" = "${pb_fresh:-}" ]; then
        pb_make_dir
        # Not -p: what another user has laid there meanwhile is not taken for it.
        pb_said=$({ mkdir ${arg_mode:+-m "$arg_mode"} -- "$pb_path"; } 2>&1) || pb_give_up "cannot make the directory $pb_path as $(id -un): ${pb_said##*: }"
    fi
    [ "$arg_tree" != true ] || directory_give_tree
    if [ -n "$(pb_check_attributes "$pb_path" "$arg_mode" "$arg_owner" "$arg_group")" ]; then
        pb_stat "$pb_path"
        # Five digits: with four, GNU's chmod leaves the bits of set-user-id and set-group-id of a directory as they are.
        pb_give "$pb_path" "$arg_owner" "$arg_group" "0${arg_mode:-$pb_mode}"
    fi
}

# Gives away what is in the directory. Where another user can write in a directory of the tree, the way to its entries may change
# between two commands: root enters each directory there, looks at where it is, and gives away what lies in it.
directory_give_tree() {
    pb_new=$arg_owner${arg_group:+:$arg_group} pb_to="user $arg_owner"
    [ -n "$arg_owner" ] || pb_to="group $arg_group"
    if ! pb_is_shared "$pb_path"; then
        # Its new owner could lead root astray below it.
        pb_deep=1
        directory_find -exec chown -h -- "$pb_new" {} + || pb_no_gift "$pb_to"
        return 0
    fi
    # shellcheck disable=SC2016,SC2156 # For that shell, which has the names as arguments.
    pb_new=$pb_new pb_open='{' pb_owner=$arg_owner pb_group=$arg_group find "$pb_path" -type d -exec sh -c '
        for pb_dir; do
            cd -P -- "$pb_dir" 2> /dev/null && [ "$PWD" = "$pb_dir" ] || { printf "%s\n" "$pb_dir: moved meanwhile" >&2; exit 1; }
            case $pb_owner:$pb_group in
            *:) find . ! -name . -prune ! -user "$pb_owner" -exec chown -h -- "$pb_new" "$pb_open}" + ;;
            :*) find . ! -name . -prune ! -group "$pb_group" -exec chown -h -- "$pb_new" "$pb_open}" + ;;
            *) find . ! -name . -prune \( ! -user "$pb_owner" -o ! -group "$pb_group" \) -exec chown -h -- "$pb_new" "$pb_open}" + ;;
            esac || exit
        done' sh {} + || pb_no_gift "$pb_to"
}
