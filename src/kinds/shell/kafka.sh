# The kind `kafka_topics`.

# Passes lines on, those that repeat themselves once and with a count. Kafka's clients print the same warnings eight
# times a second for a minute when the protocol is wrong; only their times differ.
pb_fold() {
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

# Says which Kafka is meant and how its cluster is reached, for the calls that follow.
pb_kafka() {
    # HOME PROGRAM SERVERS CONFIG
    pb_kafka_program=$1/bin/$2 pb_kafka_servers=$3 pb_kafka_config=$4
}

pb_kafka_topics() {
    if [ -n "$pb_kafka_config" ]; then
        set -- --command-config "$pb_kafka_config" "$@"
    fi
    "$pb_kafka_program" --bootstrap-server "$pb_kafka_servers" "$@" < /dev/null 2>&1
}

# Whether a name is a whole line of a text.
pb_has_line() {
    case "
$1
" in
    *"
$2
"*) return 0 ;;
    esac
    return 1
}

pb_topics_check() {
    # NAME...
    # What an earlier step would bring is no reason to fail: without it, no topic is there.
    pb_ask=1
    [ -f "$pb_kafka_program" ] || pb_ask=
    [ -z "$pb_kafka_config" ] || [ -f "$pb_kafka_config" ] || pb_ask=
    [ -x "${JAVA_HOME:-/nowhere}/bin/java" ] || command -v java > /dev/null 2>&1 || pb_ask=
    pb_topics=
    if [ -n "$pb_ask" ]; then
        pb_status=0
        pb_topics=$(pb_kafka_topics --list) || pb_status=$?
        if [ "$pb_status" != 0 ]; then
            pb_fold >&2 << EOF
$pb_topics
EOF
            # 79 would be taken for an answer.
            [ "$pb_status" != 79 ] || pb_status=1
            exit "$pb_status"
        fi
    fi
    pb_differs=
    for pb_name; do
        if ! pb_has_line "$pb_topics" "$pb_name"; then
            pb_tell "+ $pb_name"
            pb_differs=1
        fi
    done
    [ -z "$pb_differs" ] || not_so
}

# Creates a topic that the check found missing.
pb_topic() {
    # NAME OPTION...
    pb_has_line "$pb_why" "+ $1" || return 0
    [ -f "$pb_kafka_program" ] || pb_give_up "$pb_kafka_program is not there: is \`home\` right, and does an earlier step bring Kafka?"
    [ -z "$pb_kafka_config" ] || [ -f "$pb_kafka_config" ] || pb_give_up "$pb_kafka_config is not there: does an earlier step write it?"
    pb_name=$1
    shift
    pb_status=0
    pb_said=$(pb_kafka_topics --create --topic "$pb_name" "$@") || pb_status=$?
    case $pb_status/$pb_said in
    0/*) ;;
    *"'$pb_name' already exists"*)
        # Somebody else was quicker: it is there.
        pb_tell "$pb_name is there by now"
        return 0
        ;;
    esac
    pb_fold << EOF
$pb_said
EOF
    return "$pb_status"
}
