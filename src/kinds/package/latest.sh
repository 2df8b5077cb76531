# What only a step with `state: latest` does.

# Sets pb_real to the names of the packages that have pb_have, and pb_want to the newer version that the lists of the host offer of one
# of them; empty where they offer none. Nothing is fetched.
package_newer() {
    # NAME
    pb_want='' pb_real=$1 pb_doubt="which version of $1 is the latest" pb_status=0
    pb_lists='what the package lists offer, which the host does not have yet'
    case $pb_family in
    yum) package_newer_by_yum "$1" ;;
    zypper) package_newer_by_zypper "$1" ;;
    apt)
        pb_said=$(apt-cache policy -- "$1" 2> /dev/null) || pb_said=
        pb_want=$(pb_tell "$pb_said" | awk '$1 == "Candidate:" { print $2; exit }')
        case $pb_want in
        '' | '(none)') pb_give_up "nothing is installed under the name $1 itself, only what provides it: name that package" ;;
        "$pb_have") pb_want= ;;
        esac
        ;;
    apk)
        package_ask apk info -ve -- "$1" || :
        pb_real=$(pb_tell "$pb_said" | sed 's/-[0-9][^-]*-r[0-9]*$//' | tr '\n' ' ')
        # shellcheck disable=SC2086 # A word for each.
        pb_said=$(apk version -l '<' -- $pb_real 2>&1) || pb_give_up "could not find out $pb_doubt: $pb_said"
        pb_want=$(pb_tell "$pb_said" | awk '$2 == "<" { print $3; exit }')
        case $pb_want/$pb_said in /*'opening from cache'*) pb_want=$pb_lists ;; esac
        ;;
    pacman)
        pb_real=$(pacman -Qq -- "$1" 2> /dev/null) || pb_give_up "nothing is installed under the name $1 itself, only what provides it: name that package"
        # A status of 1 is "nothing newer" as well.
        pb_said=$(pacman -Qu -- "$pb_real" 2>&1) || :
        # What its configuration keeps back is as new as it may be.
        pb_want=$(pb_tell "$pb_said" | awk '$3 == "->" && $NF != "[ignored]" { print $4; exit }')
        case $pb_want/$pb_said in
        /*'does not exist'*) pb_want=$pb_lists ;;
        /*error:*) pb_give_up "could not find out $pb_doubt: $pb_said" ;;
        esac
        ;;
    esac
}

# Sets pb_real to the names of the packages of rpm that a name stands for.
package_rpm_names() {
    package_ask rpm -q --qf '%{NAME}\n' -- "$1" || package_ask rpm -q --whatprovides --qf '%{NAME}\n' -- "$1" ||
        pb_give_up "nothing is installed under the name $1 itself, only what has replaced it: name that package"
    pb_real=$(pb_tell "$pb_said" | sort -u | tr '\n' ' ')
}

package_newer_by_yum() {
    package_rpm_names "$1"
    # shellcheck disable=SC2086 # A word for each.
    pb_said=$("$pb_manager" -q -C check-update -- $pb_real 2>&1) || pb_status=$?
    case $pb_status in
    0) return 0 ;;
    100) ;;
    *) package_lists_are_missing && pb_want=$pb_lists && return 0 ;;
    esac
    # A name that is long has its version in the next line.
    pb_want=$(pb_tell "$pb_said" | awk -v names=" $pb_real" '
        /^Obsoleting/ { exit }
        { for (i = 1; i <= NF; i++) {
            if (found) { print $i; exit }
            name = $i
            found = sub(/[.][^.]*$/, "", name) && index(names, " " name " ")
        } }')
    pb_want=${pb_want:-another version}
}

# Whether a manager that may not fetch has said that it lacks its lists; anything else that it has said is an error.
package_lists_are_missing() {
    case $pb_said in
    *[Cc]ache* | *[Cc]annot\ retrieve* | *baseurl* | *'o more mirrors'*) return 0 ;;
    esac
    pb_give_up "could not find out $pb_doubt: $pb_said"
}

package_newer_by_zypper() {
    package_rpm_names "$1"
    pb_said=$(zypper --non-interactive --no-refresh list-updates 2>&1) || pb_status=$?
    # 106: it has left out a repository whose lists it does not have.
    case $pb_status in 0 | 106) ;; *) package_lists_are_missing && pb_want=$pb_lists && return 0 ;; esac
    pb_want=$(pb_tell "$pb_said" | awk -F ' *[|] *' -v names=" $pb_real" 'index(names, " " $3 " ") && NF > 4 { print $5; exit }')
    [ -n "$pb_want" ] || [ "$pb_status" = 0 ] || pb_want=$pb_lists
}

# Updates the packages in pb_old, which are installed.
package_update() {
    # shellcheck disable=SC2086 # A word for each.
    set -- $pb_old
    case $pb_family in
    yum) package_manage "$pb_manager" -y update "$@" ;;
    apt) package_try package_apt_install "$@" ;;
    # Only with this word it updates what is there.
    apk) package_try package_apk add -u "$@" ;;
    zypper) package_manage zypper --non-interactive update "$@" ;;
    pacman) package_try package_pacman_install "$@" ;;
    esac
}
