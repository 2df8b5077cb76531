#!/bin/sh
# A stand-in for Kafka's kafka-topics.sh: keeps the broker's topics in a file and says what the real one says.
world='@world@'
broker=$world/broker
echo "$*" >>"$broker/calls"

if ! command -v java >/dev/null 2>&1; then
    echo "${0%/*}/kafka-run-class.sh: line 309: exec: java: not found" >&2
    exit 127
fi

verb= topic= servers= config= partitions= replication= settings=
while [ $# -gt 0 ]; do
    case $1 in
    --list) verb=list ;;
    --create) verb=create ;;
    --if-not-exists) existing=1 ;;
    --topic) topic=$2; shift ;;
    --bootstrap-server) servers=$2; shift ;;
    --command-config) config=$2; shift ;;
    --partitions) partitions=$2; shift ;;
    --replication-factor) replication=$2; shift ;;
    --config) settings="$settings $2"; shift ;;
    *) echo "Exception in thread \"main\" joptsimple.UnrecognizedOptionException: $1 is not a recognized option" >&2; exit 1 ;;
    esac
    shift
done

if [ -z "$servers" ]; then
    echo 'Exception in thread "main" java.lang.IllegalArgumentException: Only one of --bootstrap-server or --zookeeper must be specified' >&2
    exit 1
fi
if [ -z "$config" ]; then
    # Without the file the client speaks plain text to a TLS port.
    echo '[2023-11-01 10:00:00,000] ERROR Uncaught exception in thread kafka-admin-client-thread | adminclient-1: (org.apache.kafka.common.utils.KafkaThread)' >&2
    echo 'java.lang.OutOfMemoryError: Java heap space' >&2
    echo 'Error while executing topic command : The AdminClient thread has exited. Call: listTopics'
    exit 1
fi
if [ ! -e "$config" ]; then
    echo "Exception in thread \"main\" java.nio.file.NoSuchFileException: $config" >&2
    exit 1
fi

setting() { sed -n "s/^$1 *= *//p" "$config"; }
jaas=$(setting 'sasl\.jaas\.config')
case $jaas in
'software.amazon.msk.auth.iam.IAMLoginModule required;') ;;
'software.amazon.msk.auth.iam.IAMLoginModule required awsRoleArn="'arn:aws:iam::*:role/*'";') ;;
*) echo 'Exception in thread "main" java.lang.IllegalArgumentException: Login module control flag is not available in the JAAS config' >&2; exit 1 ;;
esac
if [ "$(setting 'security\.protocol')" != SASL_SSL ] || [ "$(setting 'sasl\.mechanism')" != AWS_MSK_IAM ]; then
    echo 'Error while executing topic command : Timed out waiting for a node assignment. Call: listTopics'
    exit 1
fi
handler=$(setting 'sasl\.client\.callback\.handler\.class')
if [ "$handler" != software.amazon.msk.auth.iam.IAMClientCallbackHandler ]; then
    echo "org.apache.kafka.common.config.ConfigException: Invalid value $handler for configuration sasl.client.callback.handler.class" >&2
    exit 1
fi

# As Kafka's scripts do: everything in libs, and CLASSPATH in front of it.
here=$(cd "${0%/*}/.." && pwd)
jar=
for file in "$here"/libs/aws-msk-iam-auth-*.jar $(printf '%s' "${CLASSPATH-}" | tr : ' '); do
    [ -f "$file" ] && [ "$(head -c 2 "$file")" = PK ] && jar=$file
done
if [ -z "$jar" ]; then
    echo 'Exception in thread "main" org.apache.kafka.common.KafkaException: Failed to create new KafkaAdminClient' >&2
    echo "Caused by: org.apache.kafka.common.config.ConfigException: Invalid value $handler for configuration sasl.client.callback.handler.class: Class $handler could not be found." >&2
    exit 1
fi
printf '%s\n' "${CLASSPATH-}" >"$broker/classpath"

if [ -e "$broker/down" ]; then
    echo 'Error while executing topic command : Timed out waiting for a node assignment. Call: listTopics'
    exit 1
fi
case $verb in
list)
    cat "$broker/topics"
    ;;
create)
    case $topic in
    *[._]*) echo "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. To avoid issues it is best to use either, but not both." ;;
    esac
    if [ -e "$broker/refused" ] && grep -qxF "$topic" "$broker/refused"; then
        echo "Error while executing topic command : Not authorized to access topics: [$topic]"
        echo "[2023-11-01 10:00:00,000] ERROR org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [$topic]" >&2
        exit 1
    fi
    if grep -qxF "$topic" "$broker/topics"; then
        [ -z "${existing-}" ] || exit 0
        echo "Error while executing topic command : Topic '$topic' already exists."
        echo "[2023-11-01 10:00:00,000] ERROR org.apache.kafka.common.errors.TopicExistsException: Topic '$topic' already exists. (kafka.admin.TopicCommand\$)" >&2
        exit 1
    fi
    printf '%s\n' "$topic" >>"$broker/topics"
    printf '%s partitions=%s replication=%s%s\n' "$topic" "$partitions" "$replication" "$settings" >>"$broker/created"
    echo "Created topic $topic."
    ;;
*)
    echo 'Command must include exactly one action: --list, --describe, --create, --alter or --delete' >&2
    exit 1
    ;;
esac
