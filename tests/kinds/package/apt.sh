#!/bin/sh
# apt-get and apt-cache: know no package before `update` has made ~/lists, and ask questions without DEBIAN_FRONTEND or -y.
umask 022
echo "${0##*/} $*" >> '@calls@'
case "${0##*/}/${DEBIAN_FRONTEND:-}/ $* " in
apt-get/noninteractive/* | apt-get/*" -y "* | apt-cache/*) ;;
*) exit 9 ;;
esac
case " $* " in
*" update "*) : > "$HOME/lists"; exit 0 ;;
esac
[ -e "$HOME/lists" ] || { echo "E: Unable to locate package" >&2; exit 100; }
case " $* " in
*" install "*)
    for name; do :; done
    grep -q "^${name%%=*} " "$HOME/installed" || echo "${name%%=*} 2:8u382-ga jre, java8-runtime (= 8)" >> "$HOME/installed"
    ;;
*" remove "*) : > "$HOME/installed" ;;
esac
