# The kind `group`.

group_check() {
    pb_find_entry group "$arg_name"
    pb_has_gid=${pb_entry#*:*:}
    pb_has_gid=${pb_has_gid%%:*}
    case $arg_state/$pb_entry in
    absent/) ;;
    absent/*) pb_differs "- group $arg_name (gid $pb_has_gid)" ;;
    */) pb_differs "+ group $arg_name${arg_gid:+ (gid $arg_gid)}" ;;
    *) [ -z "$arg_gid" ] || [ "$arg_gid" -eq "$pb_has_gid" ] || pb_differs "gid $pb_has_gid -> $arg_gid" ;;
    esac
    pb_answer
}

group_apply() {
    pb_use_sbin
    pb_find_entry group "$arg_name"
    if [ "$arg_state" = absent ]; then
        pb_choose_tool groupdel delgroup
        "$pb_tool" -- "$arg_name"
    elif [ -n "$pb_entry" ]; then
        pb_choose_tool groupmod
        groupmod -g "$arg_gid" -- "$arg_name"
    else
        pb_choose_tool groupadd addgroup
        set -- ${arg_gid:+-g "$arg_gid"}
        case $pb_tool/$arg_system in
        groupadd/true) set -- "$@" -r ;;
        */true) set -- "$@" -S ;;
        esac
        "$pb_tool" "$@" -- "$arg_name"
    fi
}
