#!/bin/sh
# rpm: what is installed stands in ~/installed, a name and a version a line. The package java-1.8.0-openjdk provides
# java-1.8.0, as on Amazon Linux, and a package file holds its name and version.
format='' provides='' file=''
while :; do
    case $1 in
    -q) shift ;;
    -qp) file=1; shift ;;
    --whatprovides) provides=1; shift ;;
    --qf) format=$2; shift 2 ;;
    -qa) exit 0 ;;
    --) shift; break ;;
    *) break ;;
    esac
done
if [ -n "$file" ]; then
    cat "$1"
    exit
fi
for name; do
    [ "$provides/$name" != 1/java-1.8.0 ] || name=java-1.8.0-openjdk
    line=$(grep "^$name " "@home@/installed") || { echo "no package provides $name"; exit 1; }
    case $format in
    '') echo "${line% *}" ;;
    '%{NAME}\n') echo "${line% *}" ;;
    *) echo "${line#* }" ;;
    esac
done
