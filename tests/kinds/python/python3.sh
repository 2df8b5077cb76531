#!/bin/sh
# python3 itself, which makes a virtual environment with the pip of this machine in it, as a link: ensurepip takes seconds. With /srv/old it is
# the Python of Debian without the package python3-venv.
real=$(PATH=${PATH#*:} command -v python3) || exit 127
case "$*" in
*' -m venv '* | '-m venv '*)
    umask 022
    "$real" "$@" --without-pip || exit
    for venv; do :; done
    from=$("$real" -I -c 'import os, pip; print(os.path.dirname(os.path.dirname(os.path.abspath(pip.__file__))))') || exit
    for one in "$venv"/lib/python3*/site-packages; do
        for part in "$from"/pip "$from"/pip-*.dist-info; do ln -sf "$part" "$one/"; done
    done
    ;;
*'import venv, ensurepip'*) [ ! -e /srv/old ] || { echo "ModuleNotFoundError: No module named 'ensurepip'" >&2; exit 1; } ;;
*) exec "$real" "$@" ;;
esac
