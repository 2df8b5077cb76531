#!/bin/sh
# yum: keeps ~/installed. What is installed already stays as it is, and a package whose name begins with nothing is not
# to be had.
umask 022
echo "yum $*" >> '@calls@'
[ "$1" = -y ] || { echo "Is this ok [y/d/N]: "; read -r answer || exit 1; }
shift
verb=$1
shift
for name; do
    name=${name%-\**}
    [ "$name" != java-1.8.0 ] || name=java-1.8.0-openjdk
    case $verb/$name in
    install/nothing*) echo "No package $name available."; exit 1 ;;
    install/tool-2.1*) grep -v "^tool " "$HOME/installed" > "$HOME/rest"; echo "tool 2.1.9-1" >> "$HOME/rest"; mv "$HOME/rest" "$HOME/installed" ;;
    install/*) grep -q "^$name " "$HOME/installed" || echo "$name 1.8.0.382-1.amzn2" >> "$HOME/installed" ;;
    remove/*) grep -v "^$name " "$HOME/installed" > "$HOME/rest"; mv "$HOME/rest" "$HOME/installed" ;;
    esac
done
