#!/bin/sh
# Stands in PATH before a program of the same name, and asks for a power cut before or after one call of it: it says so on the
# second serial line and then waits. /dev/shm/cut says which call: `before` or `after`, the name, and a pattern for the arguments.
name=${0##*/}
read -r wanted </dev/shm/cut
here() {
  # shellcheck disable=SC2254 # A pattern.
  case "$1 $name $2" in
  $wanted)
    echo "cut here: $1 $name $2" >/dev/ttyS1
    exec sleep 1000
    ;;
  esac
}
here before "$*"
"/usr/bin/$name" "$@"
status=$?
here after "$*"
exit $status
