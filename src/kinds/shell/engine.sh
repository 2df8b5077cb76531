# The engine that runs containers: docker or podman. What it says is read by templates of its own, in which every text that may hold
# anything is in hexadecimal digits.

# Sets pb_engine to the engine's program; fails where the host has none yet.
pb_find_engine() {
    # NAME
    for pb_one in ${1:-docker podman}; do
        pb_engine=$pb_one
        ! command -v "$pb_engine" > /dev/null 2>&1 || return 0
    done
    return 1
}

# Adds words to pb_options, which is for `eval`, each with the option in front. pb_count is how many there are.
pb_add_words() {
    # OPTION WORDS
    pb_option=$1
    eval "set -- $2"
    for pb_one; do
        pb_count=$((pb_count + 1))
        eval "pb_c_$pb_count=\$pb_one"
        pb_options="$pb_options $pb_option \"\$pb_c_$pb_count\""
    done
}

# Asks the engine. Sets pb_said to what it prints and pb_errors to what it complains of.
pb_ask_engine() {
    # WORD...
    pb_said=$({
        pb_errors=$("$pb_engine" "$@" 2>&1 >&3 < /dev/null) || :
        printf '%s\n' '!' "$pb_errors." >&3
    } 3>&1)
    pb_errors=${pb_said##*'!
'}
    pb_said=${pb_said%'!
'"$pb_errors"}
    pb_errors=${pb_errors%.}
}

# Ends the check or the step where the engine has said something else than that a thing is missing.
pb_want_missing() {
    case $pb_errors in
    *'o such '* | *'not known'* | *'not found'*) ;;
    *) pb_give_up "${pb_errors:-$pb_engine gives no answer}" ;;
    esac
}

# Whether the registry has the image now that is here, without bringing it: what it says of the image names one of the digests in
# pb_digests.
pb_is_newest() {
    # IMAGE
    if [ "$pb_engine" = podman ] && command -v skopeo > /dev/null 2>&1; then
        pb_newest=$(skopeo inspect --format '{{.Digest}}' "docker://$1" < /dev/null) || pb_give_up "could not ask the registry which image $1 is now"
    elif [ "$pb_engine" = podman ]; then
        pb_newest=$(podman manifest inspect "docker://$1" < /dev/null) || pb_give_up "could not ask the registry which image $1 is now: skopeo can, if you install it; or name the image by its digest"
    else
        pb_newest=$(docker manifest inspect --verbose -- "$1" < /dev/null) || pb_give_up "could not ask the registry which image $1 is now"
    fi
    for pb_one in $pb_digests; do
        case $pb_newest in *"$pb_one"*) return 0 ;; esac
    done
    return 1
}

# Says the end of the log of a container on standard error.
pb_show_container_log() {
    # NAME
    pb_tell "the end of the log of $1:" >&2
    "$pb_engine" logs --tail 20 "$1" >&2 2>&1 || :
}
