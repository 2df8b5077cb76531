# What only a step with the address of a .deb file does: apt takes nothing from an address by itself.

# Sets pb_asked and pb_want to the name and version of what is behind an address: as it was when it was fetched, or as the name of the
# file says it; empty where neither does.
package_came_from() {
    # ADDRESS
    package_name_note "$1"
    pb_asked=
    if [ -f "$pb_made/.made" ]; then
        read -r pb_asked pb_want < "$pb_made/.made" || :
        return 0
    fi
    pb_said=$(pb_tell "${1##*/}" | sed -e 's/%2[Bb]/+/g' -e 's/%3[Aa]/:/g' -e 's/%7[Ee]/~/g')
    case $pb_said in
    [a-z0-9]*_[0-9]*_*.deb)
        pb_asked=${pb_said%%_*} pb_want=${pb_said#*_}
        pb_want=${pb_want%%_*}
        ;;
    esac
}

# Installs packages, some of which are at an address: what is there is fetched first, and what it holds is noted.
package_apt_files() {
    # NAME...
    (
        pb_work_in /var/cache
        pb_algorithm='' pb_digest='' pb_files=0
        for pb_deb; do
            shift
            case $pb_deb in
            *://*)
                pb_get "$pb_deb" "$pb_deb"
                pb_files=$((pb_files + 1))
                mv "$pb_work/body" "$pb_work/$pb_files.deb" || exit $?
                package_remember "$pb_deb" "$pb_work/$pb_files.deb"
                pb_deb=$pb_work/$pb_files.deb
                ;;
            esac
            set -- "$@" "$pb_deb"
        done
        package_try package_apt_install "$@" || exit $?
        pb_pid=
    )
}

# Notes which package an address has brought, for the check, which does not fetch it.
package_remember() {
    # ADDRESS FILE
    package_look_inside "$2"
    package_name_note "$1"
    pb_said=$({ umask 077 && mkdir -p "$pb_made" && pb_tell "$pb_asked $pb_want" > "$pb_made/.made"; } 2>&1) ||
        pb_give_up "cannot note in $pb_record/.pinboot what came from the address: $pb_said"
}

# Sets pb_made to the folder in which root notes what came from an address.
package_name_note() {
    # ADDRESS
    pb_made_of "/var/lib/pinboot/deb/$(printf %s "$1" | cksum | tr ' ' -)"
}
