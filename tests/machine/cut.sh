#!/bin/sh
# Stands before a program of its own name in PATH, and has the power cut before or after one call of it: says so on the second
# serial line, and never comes back. What is wanted: `before` or `after`, the name, the arguments (a pattern).
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
