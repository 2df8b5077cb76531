# The kind `kafka_topics`.

kafka_topics_check() {
    kafka_topics_at "arg_verifies=${arg_verifies:-}" kafka_topics_ask
}

kafka_topics_apply() {
    kafka_topics_at "pb_why='$(pb_tell "$pb_why" | sed "s/'/'\\\\''/g")'" kafka_topics_make
}

# Carries a function out: here, or, where another user can change what Kafka's program runs or reads, as that user.
kafka_topics_at() {
    # ASSIGNMENT FUNCTION
    pb_find_holder "$arg_home/bin/$arg_script"
    [ -n "$pb_holder" ] || [ -z "$arg_command_config" ] || pb_find_holder "$arg_command_config"
    if [ -z "$pb_holder" ]; then
        "$2"
    else
        pb_extra=$1
        pb_as_holder "$2"
    fi
}

kafka_topics_ask() {
    # What an earlier step installs may be missing here: without it, there are no topics.
    pb_ask=1
    [ -f "$arg_home/bin/$arg_script" ] || pb_ask=
    [ -z "$arg_command_config" ] || [ -f "$arg_command_config" ] || pb_ask=
    [ -x "${JAVA_HOME:-/nowhere}/bin/java" ] || command -v java > /dev/null 2>&1 || pb_ask=
    pb_topics=
    [ -z "$pb_ask" ] || kafka_topics_list
    kafka_topics_find_missing
    # Right after a creation the list may lag.
    [ -n "$pb_ask" ] || arg_verifies=
    pb_left=${pb_list_tries:-10}
    while [ -n "$pb_missing" ] && [ -n "$arg_verifies" ] && [ "$pb_left" -gt 0 ]; do
        pb_left=$((pb_left - 1))
        sleep "${pb_list_pause:-2}"
        kafka_topics_list
        kafka_topics_find_missing
    done
    [ -n "$pb_missing" ] || return 0
    [ -z "$arg_verifies" ] || pb_give_up "these topics were created or are there already, and \`--list\` does not show them to this client: may it describe them?
$pb_missing"
    pb_differs "$pb_missing"
    pb_answer
}

kafka_topics_make() {
    eval "set -- $arg_topics"
    for pb_topic; do
        eval "$pb_topic"
        # Only what the check found missing.
        ! kafka_topics_has_line "$pb_why" "+ $item_name" || kafka_topics_create
    done
}

# Sets pb_missing to a line for each topic that pb_topics lacks.
kafka_topics_find_missing() {
    pb_missing=
    eval "set -- $arg_topics"
    for pb_topic; do
        eval "$pb_topic"
        kafka_topics_has_line "$pb_topics" "$item_name" || pb_missing="$pb_missing${pb_missing:+
}+ $item_name"
    done
}

# Sets pb_topics to the topics that the cluster has, one a line.
kafka_topics_list() {
    pb_status=0
    pb_topics=$(kafka_topics_call --list) || pb_status=$?
    [ "$pb_status" != 0 ] || return 0
    kafka_topics_fold >&2 << EOF
$pb_topics
EOF
    # 79 would be taken for an answer.
    [ "$pb_status" != 79 ] || pb_status=1
    exit "$pb_status"
}

# Creates the topic of the item_ variables.
kafka_topics_create() {
    [ -f "$arg_home/bin/$arg_script" ] || pb_give_up "$arg_home/bin/$arg_script is not there: is \`home\` right, and does an earlier step bring Kafka?"
    [ -z "$arg_command_config" ] || [ -f "$arg_command_config" ] || pb_give_up "$arg_command_config is not there: does an earlier step write it?"
    eval "set -- $item_config"
    # Names and values in turn become options.
    pb_left=$#
    while [ "$pb_left" -gt 0 ]; do
        set -- "$@" --config "$1=$2"
        shift 2
        pb_left=$((pb_left - 2))
    done
    [ -z "$item_replication" ] || set -- --replication-factor "$item_replication" "$@"
    [ -z "$item_partitions" ] || set -- --partitions "$item_partitions" "$@"
    pb_status=0
    pb_said=$(kafka_topics_call --create --topic "$item_name" "$@") || pb_status=$?
    case $pb_status/$pb_said in
    0/*) ;;
    *"'$item_name' already exists"*)
        # Another client was quicker: it is there.
        pb_tell "$item_name is there by now"
        return 0
        ;;
    esac
    kafka_topics_fold << EOF
$pb_said
EOF
    return "$pb_status"
}

# Calls Kafka's program on the cluster.
kafka_topics_call() {
    [ -z "$arg_command_config" ] || set -- --command-config "$arg_command_config" "$@"
    "$arg_home/bin/$arg_script" --bootstrap-server "$arg_bootstrap_servers" "$@" < /dev/null 2>&1
}

# Whether a name is a whole line of a text.
kafka_topics_has_line() {
    case "
$1
" in
    *"
$2
"*) return 0 ;;
    esac
    return 1
}

# Passes lines on, those that repeat themselves once and with a count. Kafka's clients print the same warnings eight
# times a second for a minute when the protocol is wrong; only their times differ.
kafka_topics_fold() {
    awk '
        {
            line = $0
            sub(/^\[[-0-9 :,.]+\] /, "", line)
            if (!(line in count)) { order[++distinct] = line; first[line] = $0 }
            count[line]++
        }
        END {
            for (i = 1; i <= distinct && i <= 200; i++) {
                line = order[i]
                print first[line] (count[line] > 1 ? " (" count[line] " times)" : "")
            }
        }'
}
