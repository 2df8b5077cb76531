# What only a step with a package file, or with the address of one, does.

# Refuses a package file that another user can swap: root would run what that user has put into it.
package_is_roots() {
    [ "$arg_state" != absent ] || return 0
    pb_find_roots_holder "$1"
    [ -z "$pb_holder" ] || pb_give_up "${pb_holder#* } can change $1, and root does not install it: put it where no other user can write"
    # In a directory where others can lay a file, one that is missing is none that comes in a moment.
    [ -z "$pb_fresh" ] || [ -z "${pb_applies:-}" ] || pb_give_up "$1 is not there"
}

# Whether what is in a package file is as the step wants it. It is asked by the name and the version inside.
package_has_file() {
    # FILE
    case $1 in
    http*://*.deb) package_do came_from "$1" ;;
    *) package_look_inside "$1" ;;
    esac
    # A file that an earlier step brings may be missing in a check, and what is behind an address that was never asked is not known.
    [ -n "$pb_asked" ] || {
        [ "$arg_state" != absent ] || pb_give_up "$1 is not there to say which package it is: name the package itself"
        pb_asked=$1
        return 1
    }
    package_do "by_$pb_family" installed "$pb_asked"
    pb_have=$pb_said
    if [ "$arg_state" = absent ]; then
        [ -z "$pb_have" ]
        return
    fi
    # This very version. The name of a file leaves the epoch (1:2.3) out.
    for pb_one in $pb_have; do
        case $pb_want in "$pb_one" | "${pb_one#*:}") return 0 ;; esac
    done
    return 1
}

# Sets pb_asked and pb_want to the name and the version inside a package file or behind an address; empty where it is missing.
package_look_inside() {
    # FILE
    pb_asked=
    case $1 in /*) [ -e "$1" ] || return 0 ;; esac
    pb_doubt="which package $1 is"
    # shellcheck disable=SC2016 # These names are for dpkg.
    case $pb_family in
    apt) package_ask dpkg-deb -W --showformat='${Package} ${Version}\n' -- "$1" ;;
    pacman) package_ask pacman -Qp -- "$1" ;;
    *) package_ask rpm -qp --qf "%{NAME} $pb_format" -- "$1" ;;
    esac || pb_give_up "could not find out $pb_doubt"
    pb_asked=${pb_said%% *} pb_want=${pb_said#* } pb_doubt='what is installed'
}
