#!/bin/bash
KAFKA_LOG4J=file:$(cd "$(dirname "$0")/.." && pwd)/config/log4j.properties
export KAFKA_LOG4J
exec "$(dirname "$0")/kafka-run-class.sh" org.apache.zookeeper.server.quorum.QuorumPeerMain "$@"
