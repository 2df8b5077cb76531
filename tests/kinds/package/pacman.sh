#!/bin/sh
# pacman: what is installed stands in ~/installed and what can be had in ~/lists, a name and a version a line. The package jdk8-openjdk
# provides java-environment, the group `development` is make and gcc, and a package file holds its name and version.
umask 022
cd "@home@" || exit
refuse() { echo "error: $*" >&2; exit 1; }
add() {
    line=$(grep "^${1%%=*} " lists) || refuse "target not found: $1"
    case $1 in *=*) case ${line#* } in "${1#*=}" | "${1#*=}-"*) ;; *) refuse "target not found: $1" ;; esac ;; esac
    put "$line"
}
put() {
    grep -v "^${1%% *} " installed > rest
    echo "$1" >> rest
    mv rest installed
}
verb=$1
shift
case $verb in
-S | -Sy | -R | -U) echo "pacman $verb${*:+ $*}" >> '@calls@' ;;
esac
[ "$verb" != -S ] || [ -e lists ] || { echo "warning: database file for 'core' does not exist (use '-Sy' to download)" >&2; refuse "target not found"; }
while :; do case ${1-} in --) shift; break ;; --*) shift ;; *) break ;; esac; done
group() { [ "$1" != development ] || printf 'make\ngcc\n'; }
case $verb in
-Q | -Qq)
    for name; do
        [ "$name" != java-environment ] || name=jdk8-openjdk
        line=$(grep "^$name " installed) || refuse "package '$name' was not found"
        if [ "$verb" = -Qq ]; then echo "${line%% *}"; else echo "$line"; fi
    done
    ;;
-T) grep -q "^$1 " installed || { echo "$1"; exit 127; } ;;
-Qp) [ -e "$1" ] || refuse "could not load package '$1'"; cat "$1" ;;
-Qu)
    [ -e lists ] || { echo "warning: database file for 'core' does not exist (use '-Sy' to download)" >&2; exit 1; }
    old=$(grep "^$1 " installed) && new=$(grep "^$1 " lists) && [ "$old" != "$new" ] || exit 1
    echo "$old -> ${new#* }$([ ! -e ignored ] || echo ' [ignored]')"
    ;;
-Sgq)
    said=$(group "$1") && [ -n "$said" ] && [ -e lists ] || refuse "group '$1' was not found"
    echo "$said"
    ;;
-Qgq)
    said=$(for name in $(group "$1"); do ! grep -q "^$name " installed || echo "$name"; done)
    [ -n "$said" ] || refuse "group '$1' was not found"
    echo "$said"
    ;;
-Si) line=$(grep "^$1 " lists) || exit 1; printf 'Repository      : core\nName            : %s\nVersion         : %s\n' "$1" "${line#* }" ;;
-Sy) [ -e lists ] || { [ ! -e mirror ] || cp mirror lists; } ;;
-S) for name; do case $name in development) add make; add gcc ;; *) add "$name" ;; esac; done ;;
-U) for name; do put "$(cat "$name")"; done ;;
-R) for name; do for one in $(group "$name" | grep . || echo "$name"); do grep -v "^$one " installed > rest; mv rest installed; done; done ;;
*) refuse "invalid option $verb" ;;
esac
