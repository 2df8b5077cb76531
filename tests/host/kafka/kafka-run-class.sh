#!/bin/bash
# Starts one of Kafka's programs as the release's script of this name does: a CLASSPATH that is set comes first, then
# every jar of libs. The heap is the release's default for its tools.
home=$(cd "$(dirname "$0")/.." && pwd)
for jar in "$home"/libs/*.jar; do
    CLASSPATH=${CLASSPATH:+$CLASSPATH:}$jar
done
export CLASSPATH
if [ -n "$JAVA_HOME" ]; then
    java=$JAVA_HOME/bin/java
else
    java=java
fi
# shellcheck disable=SC2086 # Lists of options.
exec "$java" ${KAFKA_HEAP_OPTS:--Xmx256M} ${KAFKA_JVM_PERFORMANCE_OPTS:--XX:+UseSerialGC -XX:TieredStopAtLevel=1} \
    -Dlog4j.configuration="${KAFKA_LOG4J:-file:$home/config/tools-log4j.properties}" $KAFKA_OPTS "$@"
