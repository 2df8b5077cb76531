# The kind `assert`.

assert_apply() {
    if [ -n "$arg_holds" ]; then
        eval "set -- $arg_holds"
        pb_status=0
        for pb_truth in "$@"; do
            [ "$pb_truth" = true ] || break
            pb_status=$((pb_status + 1))
        done
        [ "$pb_status" -lt $# ] || return 0
        eval "set -- $arg_written"
        shift "$pb_status"
        pb_give_up "${arg_message:-it does not hold: $1}"
    fi
    pb_status=0
    (eval "$arg_that") < /dev/null || pb_status=$?
    case $pb_status in
    0) return 0 ;;
    126 | 127 | 129 | 1[3-8]? | 19[0-2]) pb_give_up "it could not be found out whether it holds: the shell of \`that\` ended with status $pb_status" ;;
    esac
    pb_give_up "${arg_message:-it does not hold: the shell of \`that\` ended with status $pb_status}"
}
