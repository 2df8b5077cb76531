#!/bin/sh
# zypper: what is installed stands in ~/installed, which rpm reads, and what can be had in ~/lists, a name and a version a line. The
# patterns that are installed stand in ~/patterns. An older version is only taken with --oldpackage.
umask 022
cd "@home@" || exit
quiet=''
while :; do case $1 in --non-interactive | --no-refresh) shift ;; -q) quiet=1; shift ;; *) break ;; esac; done
verb=$1
shift
case $verb in install | remove | update | refresh) echo "zypper $verb${*:+ $*}" >> '@calls@' ;; esac
row() { echo "v | Main Repository | $1 | $2 | $3 | x86_64"; }
pattern=''
while :; do
    case ${1-} in
    --oldpackage | -i | -s | --match-exact) shift ;;
    -t) [ "$2" != pattern ] || pattern=1; shift 2 ;;
    --) shift; break ;;
    *) break ;;
    esac
done
case $verb/$pattern in
list-updates/)
    [ -e lists ] || { echo "Warning: Skipping repository 'Main Repository' because of the above error." >&2; exit 106; }
    echo 'S | Repository      | Name | Current Version | Available Version | Arch'
    echo '--+-----------------+------+-----------------+-------------------+-------'
    while read -r name version; do
        new=$(grep "^$name " lists) || continue
        [ "${new#* }" = "$version" ] || row "$name" "$version" "${new#* }"
    done < installed
    ;;
search/1) [ -n "$quiet" ] && grep -qx "$1" patterns 2> /dev/null || exit 104 ;;
search/) while read -r name version; do [ "$name" != "$1" ] || echo "v | $name | package | $version | x86_64 | Main"; done < lists ;;
install/1) echo "$1" >> patterns ;;
remove/1) grep -vx "$1" patterns > rest; mv rest patterns ;;
install/ | update/)
    for name; do
        case $name in
        /*) line=$(cat "$name") ;;
        *)
            line=$(grep "^${name%%=*} " lists) || { echo "No provider of '$name' found."; exit 104; }
            case $name in *=*) [ "${line#* }" = "${name#*=}" ] || { echo "No provider of '$name' found."; exit 104; } ;; esac
            ;;
        esac
        grep -v "^${line%% *} " installed > rest
        echo "$line" >> rest
        mv rest installed
    done
    ;;
remove/) for name; do grep -v "^$name " installed > rest; mv rest installed; done ;;
refresh/) ;;
*) exit 9 ;;
esac
