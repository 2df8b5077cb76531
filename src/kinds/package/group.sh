# What only a step with a group of packages does.

# Whether a group is as the step wants it.
package_has_group() {
    # ID
    pb_doubt="whether the group $1 is installed"
    if package_group_is_there "$1"; then
        pb_have=installed
        [ "$arg_state" != absent ]
    else
        [ "$arg_state" = absent ]
    fi
}

package_group_is_there() {
    # ID
    case $pb_family in
    yum) package_yum_group "$1" ;;
    pacman) package_pacman_group "$1" ;;
    zypper)
        pb_status=0
        pb_said=$(zypper --non-interactive --no-refresh -q search -i -t pattern --match-exact -- "$1" 2>&1) || pb_status=$?
        case $pb_status in
        0) ;;
        104) return 1 ;;
        *) pb_give_up "could not find out $pb_doubt: $pb_said" ;;
        esac
        ;;
    esac
}

package_yum_group() {
    pb_environment=environment
    case $1 in ^*) ;; *) pb_environment='group list --installed --hidden' ;; esac
    # dnf 4 and 5 have words of their own for it, and so has yum.
    for pb_words in 'group list --installed --hidden --ids' "$pb_environment" 'group list installed hidden ids' none; do
        [ "$pb_words" != environment ] || pb_words='environment list --installed'
        [ "$pb_words" != none ] || {
            # Without lists it knows of no group at all.
            case $pb_said in *[Cc]ache* | *[Cc]annot\ retrieve* | *baseurl* | *'o more mirrors'*) return 1 ;; esac
            pb_give_up "could not find out $pb_doubt: $pb_said"
        }
        # shellcheck disable=SC2086 # A word for each.
        ! pb_said=$("$pb_manager" -q -C $pb_words 2>&1) || break
    done
    # Old ones show a name with the id in brackets, the new one a table that begins with it.
    [ -n "$(pb_tell "$pb_said" | awk -v id="${1#^}" 'index($0, "(" id ")") || $1 == id { print "installed"; exit }')" ]
}

# A group is there when all of its packages are. One that became a package of the same name is that package.
package_pacman_group() {
    if [ "$arg_state" = absent ]; then
        pb_said=$(pacman -Qgq -- "$1" 2> /dev/null) || package_ask pacman -Q -- "$1"
        return
    fi
    pb_said=$(pacman -Sgq -- "$1" 2> /dev/null) || pb_said=$1
    # shellcheck disable=SC2086 # A word for each.
    package_ask pacman -Q -- $pb_said
}
