#!/bin/sh
# kafka-topics.sh of Kafka 2.8.1: the topics stand in ~/topics, a name a line.
echo "$*" >> '@calls@'
[ ! -e "$HOME/answer" ] || { cat "$HOME/answer"; exit 1; }
echo "[2024-01-01 10:00:00,123] WARN Some.topic configuration is odd" >&2
echo "WARNING: a.pin is not what this line is about"
case " $* " in
*" --list "*) cat "$HOME/topics" 2> /dev/null; exit 0 ;;
esac
while [ "$1" != --topic ]; do shift; done
if [ -e "$HOME/race" ]; then echo "$2" >> "$HOME/topics"; fi
grep -qx "$2" "$HOME/topics" && { echo "Error while executing topic command : Topic '$2' already exists."; exit 1; }
echo "$2" >> "$HOME/topics"
echo "Created topic $2."
