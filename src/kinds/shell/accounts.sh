# Accounts and groups: looked up by their exact name, and changed by the tools of the host.

# Sets pb_entry to the line of the account or group that has exactly this name; empty where there is none. The host's own files need no
# process; the name service is asked for what is not there, since it may know a directory of users.
pb_find_entry() {
    # passwd|group|shadow NAME
    if [ -r "/etc/$1" ]; then
        while IFS= read -r pb_entry || [ -n "$pb_entry" ]; do
            case $pb_entry in "$2":*) return 0 ;; esac
        done < "/etc/$1"
    fi
    pb_entry=
    command -v getent > /dev/null 2>&1 || return 0
    pb_status=0
    pb_entry=$(getent "$1" "$2" 2> /dev/null) || pb_status=$?
    # A directory may find a name in other case, or a number.
    case $pb_status/$pb_entry in
    0/"$2":*) ;;
    0/* | 2/*) pb_entry= ;;
    *) pb_give_up "could not find out whether there is $2: getent $1 ended with status $pb_status" ;;
    esac
}

# Sets pb_want_gid to the number of a group that is given by name or number; empty where there is none of this name.
pb_find_gid() {
    case $1 in
    *[!0-9]*)
        pb_find_entry group "$1"
        pb_want_gid=${pb_entry#*:*:}
        pb_want_gid=${pb_want_gid%%:*}
        ;;
    *) pb_want_gid=$1 ;;
    esac
}

# The programs that change accounts lie where a login user's PATH may not lead.
pb_use_sbin() {
    PATH=$PATH${pb_more_path:-:/usr/sbin:/sbin}
}

# Sets pb_tool to the first of these programs that the host has.
pb_choose_tool() {
    for pb_tool; do
        ! command -v "$pb_tool" > /dev/null 2>&1 || return 0
    done
    pb_give_up "this host has no $1: install it in an earlier step (package: { apk: shadow, apt: passwd, yum: shadow-utils, zypper: shadow })"
}

# Gives one field of an account another value, where the host has no usermod.
pb_edit_entry() {
    # passwd|group NAME FIELD VALUE
    pb_replace "/etc/$1" '' '' '' pb_edited_entry "$@"
}

pb_edited_entry() {
    # An awk takes backslashes of `-v` for its own.
    pb_name=$2 pb_field=$3 pb_value=$4 awk -F : '
        BEGIN { OFS = ":" }
        $1 "" == ENVIRON["pb_name"] "" { $(ENVIRON["pb_field"] + 0) = ENVIRON["pb_value"] }
        { print }' "/etc/$1"
}
