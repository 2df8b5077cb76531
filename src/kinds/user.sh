# The kind `user`.

user_check() {
    user_find
    if [ "$arg_state" = absent ]; then
        if [ -n "$pb_entry" ]; then
            pb_differs "- user $arg_name (uid $pb_has_uid)"
            if [ "$arg_remove_home" = true ]; then pb_tell "- $pb_has_home"; else pb_tell "  $pb_has_home is kept"; fi
        fi
    elif [ -z "$pb_entry" ]; then
        pb_differs "+ user $arg_name"
        user_compare
    else
        user_compare
    fi
    pb_answer
}

user_apply() {
    pb_use_sbin
    user_find
    if [ "$arg_state" = absent ]; then
        user_remove
        return
    fi
    if [ -z "$pb_entry" ]; then
        user_add
        user_find
    fi
    user_compare > /dev/null
    user_change
    case $pb_wrong in *' password '*) user_set_hash ;; esac
    case $pb_wrong in *' directory '*) user_make_home ;; esac
}

# Sets pb_has_… to the fields of the account, which are empty where there is none.
user_find() {
    pb_find_entry passwd "$arg_name"
    IFS=: read -r pb_name pb_one pb_has_uid pb_has_gid pb_has_comment pb_has_home pb_has_shell << EOF
$pb_entry
EOF
}

# Says in which fields the account is another one than wanted, and notes them in pb_wrong.
user_compare() {
    pb_wrong=' '
    pb_has_it=$pb_entry
    user_field uid "$pb_has_uid" "$arg_uid"
    user_compare_group
    user_field comment "$pb_has_comment" "$arg_comment"
    user_field home "$pb_has_home" "$arg_home"
    user_field shell "$pb_has_shell" "$arg_shell"
    user_compare_groups
    user_compare_hash
    user_compare_home
}

# Says that a field is not as wanted.
user_field() {
    # NAME NOW WANTED
    [ -n "$3" ] && [ "$2" != "$3" ] || return 0
    # A number that only the host knows may begin with zeros.
    case $1:$2 in uid:?*) [ "$2" -ne "$3" ] || return 0 ;; esac
    pb_wrong="$pb_wrong$1 "
    if [ -n "$arg_secret" ]; then
        pb_differs "$1: another one (not shown: it holds a secret)"
    elif [ -n "$pb_has_it" ]; then
        pb_differs "$1 $2 -> $3"
    else
        pb_differs "+ $1 $3"
    fi
}

user_compare_group() {
    [ -n "$arg_group" ] || return 0
    pb_find_gid "$arg_group"
    # A group that an earlier step makes has no number yet.
    [ -z "$pb_want_gid" ] || [ "$pb_want_gid" != "$pb_has_gid" ] || return 0
    user_field group "$pb_has_gid" "$arg_group"
}

# Compares the groups besides the primary one, each by its whole name.
user_compare_groups() {
    [ -n "$arg_groups$arg_only_groups" ] || return 0
    pb_have=' ' pb_keep=' '
    if [ -n "$pb_has_it" ]; then
        pb_have=$(id -nG "$arg_name") || pb_give_up "could not find out in which groups $arg_name is"
        pb_have=" $pb_have "
        pb_keep=" $(id -ng "$arg_name") "
    fi
    pb_missing=
    pb_rest=$arg_groups,
    while [ -n "${pb_rest#,}" ]; do
        pb_one=${pb_rest%%,*} pb_rest=${pb_rest#*,}
        pb_keep="$pb_keep$pb_one "
        case $pb_have in
        *" $pb_one "*) continue ;;
        esac
        pb_missing=$pb_missing${pb_missing:+,}$pb_one
        pb_wrong="${pb_wrong}groups "
        pb_differs "+ in group $pb_one"
    done
    [ "$arg_only_groups" = true ] || return 0
    for pb_one in $pb_have; do
        case $pb_keep in *" $pb_one "*) continue ;; esac
        pb_wrong="${pb_wrong}groups "
        pb_differs "- in group $pb_one"
    done
}

# Sets pb_hash to what stands for the password, and pb_want_hash to what shall stand there. A `!` in front of it locks the password.
user_compare_hash() {
    [ -n "$arg_password$arg_locked" ] || return 0
    pb_hash=
    if [ -n "$pb_has_it" ]; then
        pb_find_entry shadow "$arg_name"
        pb_hash=${pb_entry#*:}
        pb_hash=${pb_hash%%:*}
    fi
    pb_want_hash=${arg_password:-$pb_hash}
    case $arg_locked/$pb_want_hash in
    true/!*) ;;
    true/*) pb_want_hash=!$pb_want_hash ;;
    # Without a password there is nothing to unlock: with a star there is none, and the account is not locked.
    false/! | false/!! | false/) pb_want_hash='*' ;;
    false/!*) pb_want_hash=${pb_want_hash#!} ;;
    esac
    [ "$pb_hash" != "$pb_want_hash" ] || return 0
    pb_wrong="${pb_wrong}password "
    case $pb_hash in !*) pb_now=true ;; *) pb_now=false ;; esac
    if [ -z "$pb_has_it" ]; then
        [ -z "$arg_password" ] || pb_differs "+ password (not shown)"
        [ "$arg_locked" != true ] || pb_differs "+ locked"
        return 0
    fi
    [ -z "$arg_locked" ] || [ "$arg_locked" = "$pb_now" ] || pb_differs "locked $pb_now -> $arg_locked"
    [ -z "$arg_password" ] || [ "${pb_hash#!}" = "${pb_want_hash#!}" ] || pb_differs "password -> another one (not shown)"
    pb_changes=1
}

# Whether the account's home directory is made where it is missing. Those of a system's own accounts often are not there.
user_wants_home() {
    case $arg_create_home/$arg_system in
    true/*) ;;
    false/* | /true) return 1 ;;
    *) [ -z "$pb_has_uid" ] || { [ "$pb_has_uid" -ge 1000 ] && [ "$pb_has_uid" -lt 65534 ]; } ;;
    esac
}

# What useradd was stopped at may be an account without one.
user_compare_home() {
    pb_want_home=${arg_home:-$pb_has_home}
    [ -n "$pb_has_it" ] && [ -n "$pb_want_home" ] && user_wants_home && [ ! -d "$pb_want_home" ] || return 0
    pb_wrong="${pb_wrong}directory "
    pb_differs "+ $pb_want_home/ (new directory)"
}

user_add() {
    pb_first_group=$arg_group
    if [ -z "$pb_first_group" ]; then
        # A group of the user's own name is the user's own.
        pb_find_entry group "$arg_name"
        [ -z "$pb_entry" ] || pb_first_group=$arg_name
    fi
    pb_choose_tool useradd adduser
    set -- ${arg_uid:+-u "$arg_uid"} ${arg_shell:+-s "$arg_shell"}
    if [ "$pb_tool" = useradd ]; then
        set -- "$@" ${pb_first_group:+-g "$pb_first_group"} ${arg_groups:+-G "$arg_groups"} ${arg_comment:+-c "$arg_comment"} ${arg_home:+-d "$arg_home"}
        [ "$arg_system" != true ] || set -- "$@" -r
        if user_wants_home; then set -- "$@" -m; else set -- "$@" -M; fi
    else
        # That of busybox, which asks for a password unless it is not to. It takes other groups only one by one.
        set -- -D "$@" ${pb_first_group:+-G "$pb_first_group"} ${arg_comment:+-g "$arg_comment"} ${arg_home:+-h "$arg_home"}
        [ "$arg_system" != true ] || set -- "$@" -S
        user_wants_home || set -- "$@" -H
    fi
    "$pb_tool" "$@" -- "$arg_name"
}

# Changes the fields in pb_wrong, and no other.
user_change() {
    set --
    case $pb_wrong in *' uid '*) set -- "$@" -u "$arg_uid" ;; esac
    case $pb_wrong in *' group '*) set -- "$@" -g "$arg_group" ;; esac
    case $pb_wrong in *' comment '*) set -- "$@" -c "$arg_comment" ;; esac
    case $pb_wrong in *' shell '*) set -- "$@" -s "$arg_shell" ;; esac
    case $pb_wrong in
    *' home '*)
        set -- "$@" -d "$arg_home"
        [ "$arg_move_home" != true ] || [ ! -d "$pb_has_home" ] || [ -e "$arg_home" ] || set -- "$@" -m
        ;;
    esac
    case $pb_wrong/$arg_only_groups in
    *' groups '*/true) set -- "$@" -G "$arg_groups" ;;
    *' groups '*) set -- "$@" -a -G "$pb_missing" ;;
    esac
    [ $# -gt 0 ] || return 0
    if command -v usermod > /dev/null 2>&1; then
        usermod "$@" -- "$arg_name"
    else
        user_change_small
    fi
}

# The same on a host of busybox, which has no usermod: what one line of /etc/passwd says is changed there.
user_change_small() {
    case $pb_wrong/$arg_move_home in *' uid '* | *' home '*/true) pb_choose_tool usermod ;; esac
    case $pb_wrong in
    *' group '*)
        pb_find_gid "$arg_group"
        [ -n "$pb_want_gid" ] || pb_give_up "there is no group $arg_group"
        pb_edit_entry passwd "$arg_name" 4 "$pb_want_gid"
        ;;
    esac
    case $pb_wrong in *' comment '*) pb_edit_entry passwd "$arg_name" 5 "$arg_comment" ;; esac
    case $pb_wrong in *' home '*) pb_edit_entry passwd "$arg_name" 6 "$arg_home" ;; esac
    case $pb_wrong in *' shell '*) pb_edit_entry passwd "$arg_name" 7 "$arg_shell" ;; esac
    case $pb_wrong in *' groups '*) ;; *) return 0 ;; esac
    for pb_one in $pb_have; do
        case $arg_only_groups/$pb_keep in
        true/*" $pb_one "*) ;;
        true/*) delgroup "$arg_name" "$pb_one" ;;
        esac
    done
    pb_rest=$pb_missing,
    while [ -n "${pb_rest#,}" ]; do
        addgroup "$arg_name" "${pb_rest%%,*}"
        pb_rest=${pb_rest#*,}
    done
}

# A hash stands in no argument list.
user_set_hash() {
    pb_choose_tool chpasswd
    pb_tell "$arg_name:$pb_want_hash" | chpasswd -e
}

# Makes the home directory of an account that has none, as useradd makes it.
user_make_home() {
    user_find
    [ ! -d "$pb_has_home" ] || return 0
    pb_find_roots_holder "$pb_has_home"
    [ -z "$pb_holder" ] || pb_give_up "${pb_holder#* } can write on the way to $pb_has_home, and root makes no home directory there"
    pb_dir=${pb_has_home%/*}
    pb_make_dir
    pb_want_mode=$(awk '
        $1 == "HOME_MODE" { mode = $2 }
        $1 == "UMASK" && $2 == "022" { open = 1 }
        END { print mode ? mode : open ? "0755" : "0700" }' /etc/login.defs 2> /dev/null) || pb_want_mode=0700
    mkdir -m 0700 -- "$pb_has_home"
    [ ! -d /etc/skel ] || cp -R -P /etc/skel/. "$pb_has_home/"
    chown -R -h -- "$pb_has_uid:$pb_has_gid" "$pb_has_home"
    chmod "$pb_want_mode" "$pb_has_home"
}

user_remove() {
    pb_choose_tool userdel deluser
    case $pb_tool/$arg_remove_home in
    userdel/true) userdel -r -- "$arg_name" ;;
    deluser/true) deluser --remove-home -- "$arg_name" ;;
    *) "$pb_tool" -- "$arg_name" ;;
    esac
}
