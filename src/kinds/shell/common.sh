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

# Sets pb_path to the file that a path leads to, symbolic links followed, and pb_dir to the directory it lies in.
# `readlink` is not in POSIX; a converged host forks nothing here.
pb_target() {
    pb_path=$1
    case $pb_path in
    */*) ;;
    *) pb_path=./$pb_path ;;
    esac
    pb_hops=0
    while [ -L "$pb_path" ]; do
        pb_hops=$((pb_hops + 1))
        [ "$pb_hops" -le 40 ] || pb_give_up "$1: its symbolic links go round in a circle"
        pb_link=$(ls -ld "$pb_path")
        pb_link=${pb_link#*" $pb_path -> "}
        case $pb_link in
        /*) pb_path=$pb_link ;;
        *) pb_path=${pb_path%/*}/$pb_link ;;
        esac
    done
    pb_dir=${pb_path%/*}
    [ -n "$pb_dir" ] || pb_dir=/
}

# Refuses a target whose directory is missing.
pb_need_dir() {
    [ -d "$pb_dir" ] || pb_give_up "the directory $pb_dir is not there: make it in an earlier step (command: mkdir -p $pb_dir)"
}

# Sets pb_mode (four octal digits), pb_uid, pb_gid, pb_user and pb_group of a file.
pb_stat() {
    pb_line=$(stat -c '%a %u %g %U %G' "$1" 2> /dev/null) || pb_line=$(
        # No stat, or not one that knows -c: read what ls says.
        { ls -ldn "$1" && ls -ld "$1"; } | awk '
            NR == 1 {
                for (i = 2; i <= 10; i++) if (substr($1, i, 1) !~ /[-ST]/) mode += 2 ^ (10 - i)
                if (substr($1, 4, 1) ~ /[sS]/) mode += 2048
                if (substr($1, 7, 1) ~ /[sS]/) mode += 1024
                if (substr($1, 10, 1) ~ /[tT]/) mode += 512
                printf "%o %s %s ", mode, $3, $4
            }
            NR == 2 { print $3, $4 }'
    )
    IFS=' ' read -r pb_mode pb_uid pb_gid pb_user pb_group << EOF
$pb_line
EOF
    while [ "${#pb_mode}" -lt 4 ]; do pb_mode=0$pb_mode; done
}

# Brings a file's bytes to the disk, where the host can do that for one file.
pb_to_disk() {
    sync "$1" 2> /dev/null || sync
}

# A sentence about the room that is left where a directory lies.
pb_space() {
    df -Pk "$1" 2> /dev/null | awk -v dir="$1" 'NR == 2 { print "no space left in " dir ": " $4 " KiB free" }'
}
