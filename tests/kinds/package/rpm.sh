#!/bin/sh
# rpm: what is installed stands in ~/installed, a name and a version a line. The package java-1.8.0-openjdk provides
# java-1.8.0, as on Amazon Linux.
format='' provides=''
while :; do
    case $1 in
    -q) shift ;;
    --whatprovides) provides=1; shift ;;
    --qf) format=$2; shift 2 ;;
    -qa) exit 0 ;;
    --) shift; break ;;
    *) break ;;
    esac
done
for name; do
    [ "$provides/$name" != 1/java-1.8.0 ] || name=java-1.8.0-openjdk
    line=$(grep "^$name " "@home@/installed") || { echo "no package provides $name"; exit 1; }
    if [ -n "$format" ]; then echo "${line#* }"; else echo "${line% *}"; fi
done
