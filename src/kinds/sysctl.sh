# The kind `sysctl`.

sysctl_check() {
    sysctl_begin
    pb_live=$(sysctl_live)
    [ -z "$pb_live" ] || pb_tell "$pb_live"
    pb_edit_check pb_settings_text sysctl_ask
    [ -z "$pb_live" ] || needs_change
}

sysctl_apply() {
    sysctl_begin
    pb_at "$arg_path" sysctl_write
    # Not from the file, which another user may write.
    eval "set -- $arg_values"
    while [ $# -gt 0 ]; do
        sysctl_has "$1" "$2" || pb_said=$(sysctl -w "$1=$2" 2>&1) || pb_give_up "$1: $pb_said"
        shift 2
    done
}

sysctl_ask() {
    sysctl_begin
    pb_edit_ask pb_settings_text
}

sysctl_write() {
    sysctl_begin
    pb_edit_write pb_settings_text
}

sysctl_begin() {
    arg_path=$arg_file arg_create=true
    pb_format=ini pb_section='' pb_uncomment=true
    pb_settings_wanted "$arg_values" ''
}

# Says which values the kernel has otherwise.
sysctl_live() {
    eval "set -- $arg_values"
    while [ $# -gt 0 ]; do
        sysctl_has "$1" "$2" || pb_tell "$1: $pb_now -> $2 in the running kernel"
        shift 2
    done
}

# Whether the kernel has a value, blanks folded as it prints them; otherwise pb_now is what it has.
sysctl_has() {
    # NAME VALUE
    sysctl_file "$1"
    pb_now='(unknown)'
    [ -e "$pb_file" ] || return 1
    [ -r "$pb_file" ] || pb_give_up "$1 cannot be read as $(id -un)"
    IFS= read -r pb_now < "$pb_file" || :
    sysctl_fold "$pb_now"
    pb_now=$pb_folded
    sysctl_fold "$2"
    [ "$pb_now" = "$pb_folded" ]
}

# Sets pb_file to the file of a setting. Of dots and slashes the first one separates, and the other is a part of a name.
sysctl_file() {
    pb_rest=$1 pb_file=/proc/sys/ pb_swap=
    case ${pb_rest%%/*} in *.*) pb_swap=1 ;; esac
    while [ -n "$pb_rest" ]; do
        pb_one=${pb_rest%"${pb_rest#?}"}
        pb_rest=${pb_rest#?}
        case $pb_swap$pb_one in
        1.) pb_one=/ ;;
        1/) pb_one=. ;;
        esac
        pb_file=$pb_file$pb_one
    done
}

# Sets pb_folded to a text with one blank between its words.
sysctl_fold() {
    set -f
    # shellcheck disable=SC2086 # The words are wanted.
    set -- $1
    set +f
    pb_folded=$*
}
