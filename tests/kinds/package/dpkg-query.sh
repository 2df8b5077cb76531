#!/bin/sh
# dpkg-query: what is installed stands in ~/installed, a name, a version and what it provides a line. The package `removed`
# has left its configuration behind.
shift 3
[ "${1-}" != -- ] || shift
if [ $# = 0 ]; then
    while read -r name version provides; do echo "installed|$version|$provides"; done < "@home@/installed"
    exit 0
fi
[ "$1" != removed ] || { echo "config-files 1.0"; exit 0; }
line=$(grep "^$1 " "@home@/installed") || { echo "dpkg-query: no packages found matching $1" >&2; exit 1; }
# shellcheck disable=SC2086 # Words are meant.
set -- $line
echo "installed $2"
