# Functions that all kinds use.
#
# Everything here is POSIX shell under `set -eu`. A function has no variables of its own in POSIX, so every name begins
# with pb_ and holds only until the next call. Comments in front of a function stay here; those inside travel.

# Says something on standard output: for a check, what would change.
pb_tell() {
    printf '%s\n' "$*"
}

# Says what would change, and notes that something is not as wanted.
pb_differs() {
    pb_tell "$@"
    pb_changes=1
}

# Ends a check: satisfied, unless something is not as wanted.
pb_answer() {
    [ -z "${pb_changes:-}" ] || needs_change
}

# Says on standard error why it cannot continue, and ends the check (it could not find out) or the step.
pb_give_up() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Ends the check or the step where a value that only the host knows is not what its field takes.
pb_invalid() {
    # WHAT FIELD HINT
    pb_give_up "invalid $1 in \`$2\`, from a registered value or a secret: $3"
}

# Sets pb_path to the file that a path leads to, symbolic links followed, and pb_dir to the directory it lies in. A converged
# host forks nothing here.
pb_target() {
    pb_path=$1
    # Root takes what it has looked at: a link that is laid since then leads nowhere.
    [ "$1" != "${pb_looked_at:-}" ] || pb_path=$pb_led_to
    case $pb_path in
    */*) ;;
    *) pb_path=./$pb_path ;;
    esac
    pb_hops=0
    while [ "$1" != "${pb_looked_at:-}" ] && [ -L "$pb_path" ]; do
        pb_hops=$((pb_hops + 1))
        [ "$pb_hops" -le 40 ] || pb_give_up "$1: its symbolic links go round in a circle"
        pb_distrust_link "${pb_path%/*}"
        pb_read_link "$pb_path"
        case $pb_link in
        /*) pb_path=$pb_link ;;
        *) pb_path=${pb_path%/*}/$pb_link ;;
        esac
    done
    pb_dir=${pb_path%/*}
    [ -n "$pb_dir" ] || pb_dir=/
}

# Sets pb_path to the name at the end of a path, where a link itself is meant and not what it leads to, and pb_dir to the directory
# in which that name lies.
pb_entry() {
    pb_path=$1
    # Root takes what it has looked at.
    [ "$1" != "${pb_looked_at:-}" ] || pb_path=$pb_led_to
    case $pb_path in */*) ;; *) pb_path=./$pb_path ;; esac
    pb_dir=${pb_path%/*}
    [ -n "$pb_dir" ] || pb_dir=/
}

# Ends the check or the step where pb_path is a link that another user has laid in a sticky directory: the rule by which a kernel
# does not follow it, whatever this one does (fs.protected_symlinks).
pb_distrust_link() {
    # DIRECTORY
    [ -k "${1:-/}" ] || return 0
    pb_stat "$pb_path"
    case $pb_uid in 0 | "$(id -u)") ;; *) pb_give_up "$pb_path is a symbolic link of another user, and is not followed" ;; esac
}

# Whether something is at pb_path that no other user has laid there since root has looked at the way to it.
pb_is_there() {
    [ -z "${pb_fresh:-}" ] && [ -e "$pb_path" ]
}

# Sets pb_link to what a symbolic link holds. `readlink` is not in POSIX.
pb_read_link() {
    pb_link=$(ls -ld "$1")
    pb_link=${pb_link#*" $1 -> "}
}

# Ends the check or the step where a path is there and does not lead to a regular file: a device, a pipe or a directory is never
# replaced, nor read, which could wait for ever.
pb_want_file() {
    # NAME PATH
    [ -e "$2" ] && [ ! -f "$2" ] || return 0
    if [ -d "$2" ]; then
        pb_give_up "$1 is a directory, and a file is wanted there"
    elif [ -c "$2" ] || [ -b "$2" ]; then
        # A systemd unit that is a link to /dev/null is masked.
        [ "$2" = "$1" ] || [ "$2" != /dev/null ] || pb_give_up "$1 is a link to /dev/null, as a masked unit is: \`systemctl unmask\` it in an earlier step, or remove the link"
        pb_give_up "$1 is a device, and a file is wanted there"
    elif [ -p "$2" ]; then
        pb_give_up "$1 is a FIFO, and a file is wanted there"
    fi
    pb_give_up "$1 is a socket, and a file is wanted there"
}

# Makes the directory of a target where it is missing, with those above it, as every kind does.
pb_make_dir() {
    # In a sticky directory the first one is made anew, and nothing that another user lays there meanwhile is taken for it.
    case ${pb_fresh:+new}$pb_dir/ in
    new"${pb_fresh:-}"/*)
        mkdir -- "$pb_fresh" || exit 1
        pb_fresh=
        ;;
    esac
    [ -d "$pb_dir" ] || pb_said=$(mkdir -p "$pb_dir" 2>&1) || pb_give_up "cannot make the directory $pb_dir as $(id -un): $pb_said"
}

# Says in a check that the directory of a target will be made.
pb_tell_dir() {
    [ -d "$pb_dir" ] || pb_tell "+ $pb_dir/ (new directory)"
}

# Sets pb_mode (four octal digits), pb_links, pb_uid, pb_gid, pb_user and pb_group of a file; a symbolic link is not followed.
pb_stat() {
    pb_line=$(stat -c '%a %h %u %g %U %G' "$1" 2> /dev/null) || pb_line=$(
        # No stat, or not one that knows -c: read what ls says.
        { ls -ldn "$1" && ls -ld "$1"; } | awk '
            NR == 1 {
                for (i = 2; i <= 10; i++) if (substr($1, i, 1) !~ /[-ST]/) mode += 2 ^ (10 - i)
                if (substr($1, 4, 1) ~ /[sS]/) mode += 2048
                if (substr($1, 7, 1) ~ /[sS]/) mode += 1024
                if (substr($1, 10, 1) ~ /[tT]/) mode += 512
                printf "%o %s %s %s ", mode, $2, $3, $4
            }
            NR == 2 { print $3, $4 }'
    )
    # Where it is called in a condition, `set -e` has no effect, and what has vanished would seem to be root's.
    [ -n "$pb_line" ] || pb_give_up "$1 cannot be looked at: has it vanished?"
    IFS=' ' read -r pb_mode pb_links pb_uid pb_gid pb_user pb_group << EOF
$pb_line
EOF
    # A number without an account.
    [ "$pb_user" != UNKNOWN ] || pb_user=$pb_uid
    [ "$pb_group" != UNKNOWN ] || pb_group=$pb_gid
    while [ "${#pb_mode}" -lt 4 ]; do pb_mode=0$pb_mode; done
}

# Brings a file's bytes to the disk, where the host can do that for one file. Some file systems find out only here that there is no room.
pb_to_disk() {
    pb_said=$(sync "$1" 2>&1) && return 0
    case $pb_said in
    *'No space left'* | *'uota exceeded'* | *'nput/output error'*) pb_give_up "cannot bring $1 to the disk: $(pb_no_write "${1%/*}" "$pb_said")" ;;
    esac
    sync
}

# A sentence about the room that is left where a directory lies, for bytes or for files.
pb_space() {
    pb_free=$({ df -Pk "$1"; df -Pi "$1"; } 2> /dev/null | awk '
        NR == 2 { free = $4 " KiB free" }
        NR == 4 && $2 > 0 && $4 < 2 { free = $4 " inodes free" }
        END { print free }')
    pb_tell "no space left in $1${pb_free:+": $pb_free"}"
}

# Whether there is no room where a directory lies. What a program says on a full disk is often something else.
pb_is_full() {
    { df -Pk "$1"; df -Pi "$1"; } 2> /dev/null | awk 'NR == 2 && $2 > 0 && $4 < 64 || NR == 4 && $2 > 0 && $4 < 2 { full = 1 } END { exit !full }'
}
