#!/bin/sh
# apk: what is installed stands in ~/installed and what can be had in ~/lists, a name and a version a line; `update` brings ~/mirror there.
# The package tool provides cmd:tool.
umask 022
cd "@home@" || exit
case $1 in --wait) [ "$2" = 300 ] || exit 9; shift 2 ;; esac
verb=$1
shift
case $verb in add | del | update) echo "apk $verb${*:+ $*}" >> '@calls@' ;; esac
upgrade=''
while :; do case ${1-} in --) shift; break ;; -u) upgrade=1; shift ;; -l) shift 2 ;; -*) shift ;; *) break ;; esac; done
index() { [ -e lists ] || echo "WARNING: opening from cache https://dl-cdn.alpinelinux.org/main: No such file or directory" >&2; }
case $verb in
info)
    for name; do
        line=$(grep "^${name#cmd:} " installed) || exit 1
        echo "${line% *}-${line#* }"
    done
    ;;
version)
    index
    echo 'Installed:                                Available:'
    for name; do
        old=$(grep "^$name " installed) && new=$(grep "^$name " lists 2> /dev/null) || continue
        [ "$old" = "$new" ] || printf '%-42s< %s\n' "$name-${old#* }" "${new#* }"
    done
    ;;
update) [ ! -e mirror ] || cp mirror lists ;;
add)
    index
    for name; do
        wanted=${name#*=\~}
        name=${name%%=\~*}
        line=$(grep "^$name " lists 2> /dev/null) || { printf 'ERROR: unable to select packages:\n  %s (no such package):\n' "$name" >&2; exit 1; }
        case $wanted in "$name" | "${line#* }") ;; *) case ${line#* } in "$wanted"[.-]*) ;; *) exit 1 ;; esac ;; esac
        [ -z "$upgrade$(sed -n "s/^$name .*/x/p" installed)" ] || [ -n "$upgrade" ] || [ "$wanted" != "$name" ] || continue
        grep -v "^$name " installed > rest
        echo "$line" >> rest
        mv rest installed
    done
    ;;
del) for name; do grep -v "^$name " installed > rest; mv rest installed; done ;;
*) exit 9 ;;
esac
