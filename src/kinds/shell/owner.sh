# Root works by path in no other user's directory: where another user can write on the way to a path, the work there is done by that
# user, or is refused. CONTRIBUTING.md says how a kind uses this.

# Carries a function out at a path: here, or as the user in whose directory the path lies. Ends the check or the step as the
# function does. END says how much of the path counts, as for pb_find_holder.
pb_at() {
    # PATH FUNCTION [END]
    pb_find_holder "$1" "${3:-}"
    if [ -z "$pb_holder" ]; then
        "$2"
    else
        pb_as_holder "$2"
    fi
}

# The same for a function that has a content. Another user cannot read the plan, and gets a large one in octal.
pb_at_with_content() {
    # PATH FUNCTION
    pb_find_holder "$1"
    if [ -z "$pb_holder" ]; then
        "$2"
        return
    fi
    # Two words, because this very text is searched as well.
    case $pb_source in
    *'pb_content() { tail'' -c +'*) pb_extra="${pb_extra:-}
pb_content() { printf %b '$(pb_content | od -An -v -to1 | sed 's/  */\\0/g' | tr -d '\n')'; }" ;;
    esac
    pb_as_holder "$2"
}

# Sets pb_holder to the user, `UID NAME`, who can change what lies on the way to a path, and pb_held to the first place there that is
# this user's; pb_holder is empty where no user besides root and the acting one can. Gives up where several can.
#
# END is `outside` for what looks at a directory and not into it: who owns that directory itself cannot bend the way to it. It is
# `entry` for what works on the name at the end, and not on what a link of that name leads to.
pb_find_holder() {
    # PATH [END]
    pb_holder='' pb_trusted='' pb_fresh=''
    # shellcheck disable=SC3067 # -O is not in POSIX, and every shell that is supported knows it.
    [ ! -O / ] || pb_find_roots_holder "$1" "${2:-}"
}

# The same for what root will do later, also where another user asks. Where root works at the path itself, pb_target takes pb_led_to for it from then
# on, without a second look; pb_fresh is the first place there that was missing in a directory where others can lay something.
pb_find_roots_holder() {
    # PATH [END]
    pb_holder='' pb_held='' pb_linked='' pb_login='' pb_trusted='' pb_looked_at='' pb_fresh='' pb_end=${2:-}
    pb_walk "$1"
    case $pb_holder in
    '' | *[!0-9]*) ;;
    "$pb_login")
        # The user who may use sudo for everything is root's equal. Root goes into that user's directories, and no link there
        # leads it out of them.
        case $pb_real/ in
        "$pb_held"/*) ;;
        *) [ -z "$pb_linked" ] || pb_give_up "$pb_linked is a symbolic link in a directory that is not root's ($pb_held), and root does not follow it to $pb_real: name $pb_real itself" ;;
        esac
        pb_trusted=$pb_login pb_holder=''
        ;;
    *)
        pb_stat "$pb_held"
        pb_holder="$pb_uid $pb_user"
        return 0
        ;;
    esac
    pb_looked_at=$1 pb_led_to=${pb_real:-/}
}

# Whether a check may read at a path by itself, because it is not root's or everything on the way is root's own; this needs no process.
pb_is_own() {
    # shellcheck disable=SC3067
    [ -O / ] || return 0
    pb_rest=$1
    case $pb_rest in /*) ;; *) return 1 ;; esac
    while [ -n "$pb_rest" ]; do
        # shellcheck disable=SC3067
        [ ! -L "$pb_rest" ] && [ -O "$pb_rest" ] || return 1
        pb_rest=${pb_rest%/*}
    done
}

# Goes along a path as the kernel does. Sets pb_real to where it leads; the rest of a path whose directories are missing stays.
pb_walk() {
    pb_rest=$1 pb_real='' pb_hops=0 pb_sticky=''
    case $pb_rest in /*) ;; *) pb_rest=$PWD/$pb_rest ;; esac
    pb_hold /
    while [ -n "$pb_rest" ]; do
        pb_part=${pb_rest%%/*}
        case $pb_rest in */*) pb_rest=${pb_rest#*/} ;; *) pb_rest= ;; esac
        case $pb_part in
        '' | .) continue ;;
        ..) pb_real=${pb_real%/*} && continue ;;
        esac
        pb_next=$pb_real/$pb_part
        case $pb_end/$pb_rest in entry/) pb_real=$pb_next && break ;; esac
        [ -z "$pb_sticky" ] || pb_hold_entry "$pb_next"
        if [ -L "$pb_next" ]; then
            pb_hops=$((pb_hops + 1))
            [ "$pb_hops" -le 40 ] || pb_give_up "$1: its symbolic links go round in a circle"
            [ -z "$pb_holder" ] || pb_linked=${pb_linked:-$pb_next}
            pb_read_link "$pb_next"
            case $pb_link in /*) pb_real= ;; esac
            pb_rest=$pb_link${pb_rest:+/$pb_rest}
        else
            pb_real=$pb_next
            if [ -d "$pb_real" ]; then
                [ "$pb_end/$pb_rest" = outside/ ] || pb_hold "$pb_real"
            elif [ -n "$pb_sticky" ] && [ ! -e "$pb_real" ]; then
                pb_fresh=${pb_fresh:-$pb_real}
            fi
        fi
    done
}

# Notes who can write in a directory on the way.
pb_hold() {
    pb_sticky=
    pb_stat "$1"
    if [ "$pb_uid" != 0 ]; then
        pb_hold_for "$pb_uid" "$1"
        # A directory of the login user is as good as one of root's, where no third user can write.
        [ "$pb_holder" = "$pb_login" ] || return 0
        pb_stat "$1"
    fi
    case $pb_mode in
    [1357]??[2367] | [1357]?[2367]?) pb_sticky=1 ;;
    ???[2367]) pb_give_up "every user can write in $1, and root does not work there: chmod o-w it, or set its sticky bit" ;;
    ??[2367]?)
        pb_find_writers "$1"
        [ -z "$pb_writers" ] || pb_give_up "other users can write in $1 ($pb_writers), and root does not work there: take that right away, or use run_as instead of sudo"
        ;;
    esac
}

# In a sticky directory everybody can lay links and files, and only their owner can take them away.
pb_hold_entry() {
    [ -e "$1" ] || [ -L "$1" ] || return 0
    pb_stat "$1"
    [ "$pb_uid" = 0 ] || pb_hold_for "$pb_uid" "$1"
}

pb_hold_for() {
    # UID PATH
    if [ -z "$pb_login" ]; then
        pb_stat "$pb_plan"
        pb_login=$pb_uid
    fi
    case $pb_holder in
    '' | "$pb_login")
        [ "$pb_holder" = "$1" ] || pb_holder=$1 pb_held=$2
        ;;
    "$1") ;;
    *) [ "$1" = "$pb_login" ] || pb_give_up "$pb_held and $2 belong to two users, and root does not work on behalf of both: give the directory to one of them" ;;
    esac
}

# Sets pb_writers to who besides root and the login user may write in a directory whose group bits, or whose ACL behind them, say that
# one may.
pb_find_writers() {
    pb_writers=
    if command -v getfacl > /dev/null 2>&1; then
        pb_writers=$(getfacl -cpn "$1" 2> /dev/null | awk -F '[:\t ]+' -v login="user$pb_login" '
            /^(user|group):[1-9]/ && $1 $2 != login && $3 ~ /w/ && !/#effective:.-/ { print $1, $2; exit }')
        [ -z "$pb_writers" ] || return 0
    fi
    [ "$pb_gid" != 0 ] || return 0
    # A group without other members, as Debian's `staff` or a user's own, lets no user in.
    pb_writers=$(
        pb_name=$(id -un "${pb_login:-0}" 2> /dev/null) || :
        { getent group "$pb_gid" || grep "^[^:]*:[^:]*:$pb_gid:" /etc/group; } 2> /dev/null | sed 's/.*://' | tr , '\n' | grep -vx -e root -e "$pb_name" -e '' | head -n 1
        awk -F : -v gid="$pb_gid" -v login="$pb_login" '$4 == gid && $3 != 0 && $3 != login { print "user " $1; exit }' /etc/passwd
    )
}

# Carries a function of the kind out in a shell of the user pb_holder, who gets the same text as this shell did, up to the step itself.
# setpriv needs no account and no PAM; an old one lacks what is needed here.
pb_as_holder() {
    pb_uid=${pb_holder%% *} pb_user=${pb_holder#* }
    pb_gid=$(id -g "$pb_user" 2> /dev/null) || pb_gid=$pb_uid
    # The bracket, because this very text stands in front of the mark.
    pb_text="${pb_source%%
: pb-[o]wn*}
${pb_extra:-}
pb_is_holder=1
set -eu
$1
# pb-end"
    # shellcheck disable=SC2016 # For that shell.
    set -- sh -c 'set -- "$(cat; echo .)"; case $1 in *"# pb-end
.") ;; *) exit 125 ;; esac; exec < /dev/null; eval "${1%.}"'
    for pb_how in --init-groups --clear-groups ''; do
        [ -z "$pb_how" ] || ! setpriv --reuid "$pb_uid" --regid "$pb_gid" "$pb_how" true 2> /dev/null || break
    done
    if [ -n "$pb_how" ]; then
        set -- setpriv --reuid "$pb_uid" --regid "$pb_gid" "$pb_how" "$@"
    else
        set -- su -s "$(command -v sh)" "$pb_user" "$2" "$3"
    fi
    printf '%s\n' "$pb_text" | "$@" || exit $?
}

# Whether root works here, and another user than the one with sudo can write in a directory of a tree: the way to an entry of it may
# change between two commands.
pb_is_shared() {
    # shellcheck disable=SC3067
    [ -O / ] || return 1
    pb_stat "$pb_plan"
    [ -n "$(find "$1" -type d \( ! -user 0 ! -user "$pb_uid" -o -perm -020 -o -perm -002 \) 2> /dev/null | head -n 1)" ]
}
