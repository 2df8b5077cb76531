#!/bin/sh
# yum: keeps ~/installed. What is installed already stays as it is, and a package whose name begins with nothing is not
# to be had. Newer versions stand in ~/lists, a name and a version a line, and the groups that are installed in ~/groups. ~/words is how
# dnf 4, dnf 5 or yum itself wants to be asked for them.
umask 022
case $* in
'-q -C check-update -- '*)
    shift 4
    [ -e "@home@/lists" ] || { echo "Error: Cache-only enabled but no cache for 'amazonlinux'" >&2; exit 1; }
    status=0
    for name; do
        new=$(grep "^$name " "@home@/lists") && ! grep -qx "$new" "@home@/installed" || continue
        [ "$status" != 0 ] || echo
        status=100
        case $name in
        # A long name has a line to itself.
        ????????????*) printf '%s.x86_64\n%40s updates\n' "$name" "${new#* }" ;;
        *) printf '%s.x86_64    %s    updates\n' "$name" "${new#* }" ;;
        esac
    done
    printf 'Obsoleting Packages\nother.x86_64    9    updates\n    tool.x86_64    1    installed\n'
    exit "$status"
    ;;
'-q -C group '* | '-q -C environment '*)
    case $(cat "@home@/words")/$* in
    4/*'group list --installed --hidden --ids')
        printf 'Installed Environment Groups:\n   Server (server-environment)\nInstalled Groups:\n'
        while read -r id; do echo "   Some Tools ($id)"; done < "@home@/groups"
        ;;
    5/*'group list --installed --hidden')
        echo 'ID                   Name                    Installed'
        while read -r id; do echo "$id          Some Tools                    yes"; done < "@home@/groups"
        ;;
    5/*'environment list --installed') printf 'ID                   Name        Installed\nserver-environment   Server            yes\n' ;;
    5/*) echo 'Unknown argument "--ids" for command "group list".' >&2; exit 2 ;;
    yum/*'group list installed hidden ids')
        echo 'Installed Groups:'
        while read -r id; do echo "   Some Tools ($id)"; done < "@home@/groups"
        ;;
    yum/*) echo 'Command line error: no such option: --installed' >&2; exit 1 ;;
    empty/*) echo "Error: Cache-only enabled but no cache for 'amazonlinux'" >&2; exit 1 ;;
    *) echo 'Error: rpmdb open failed' >&2; exit 1 ;;
    esac
    exit 0
    ;;
esac
echo "yum $*" >> '@calls@'
[ "$1" = -y ] || { echo "Is this ok [y/d/N]: "; read -r answer || exit 1; }
shift
verb=$1
shift
for name; do
    name=${name%-\**}
    [ "$name" != java-1.8.0 ] || name=java-1.8.0-openjdk
    case $verb/$name in
    install/@*) echo "${name#@}" >> "$HOME/groups"; [ "$(cat "$HOME/words")" != empty ] || echo 4 > "$HOME/words" ;;
    remove/@*) grep -vx "${name#@}" "$HOME/groups" > "$HOME/rest"; mv "$HOME/rest" "$HOME/groups" ;;
    install/nothing*) echo "No package $name available."; exit 1 ;;
    install/tool-2.1*) grep -v "^tool " "$HOME/installed" > "$HOME/rest"; echo "tool 2.1.9-1" >> "$HOME/rest"; mv "$HOME/rest" "$HOME/installed" ;;
    install/*.rpm | downgrade/*.rpm)
        line=$(cat "$name")
        case $verb/$(grep "^${line%% *} " "$HOME/installed") in install/?*) echo "Nothing to do"; continue ;; esac
        grep -v "^${line%% *} " "$HOME/installed" > "$HOME/rest"
        echo "$line" >> "$HOME/rest"
        mv "$HOME/rest" "$HOME/installed"
        ;;
    update/* | install/*)
        [ -e "$HOME/lists" ] || [ ! -e "$HOME/mirror" ] || cp "$HOME/mirror" "$HOME/lists"
        if line=$(grep "^$name " "$HOME/lists" 2> /dev/null); then
            grep -v "^$name " "$HOME/installed" > "$HOME/rest"
            echo "$line" >> "$HOME/rest"
            mv "$HOME/rest" "$HOME/installed"
        else
            grep -q "^$name " "$HOME/installed" || echo "$name 1.8.0.382-1.amzn2" >> "$HOME/installed"
        fi
        ;;
    remove/*) grep -v "^$name " "$HOME/installed" > "$HOME/rest"; mv "$HOME/rest" "$HOME/installed" ;;
    esac
done
