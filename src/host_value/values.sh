# What expressions do with values of the host, without a process. Each function leaves its answer in pb_ret.
#
# They run in the runner's shell. A program has only those that its plan uses.

# pb_change_case FROM TO TEXT: changes the case of ASCII characters.
pb_change_case() {
    pb_ret='' pb_rest=$3
    while [ -n "$pb_rest" ]; do
        pb_char=${pb_rest%"${pb_rest#?}"} pb_rest=${pb_rest#?}
        case $1 in
        *"$pb_char"*)
            pb_before=${1%%"$pb_char"*} pb_behind=$2
            while [ -n "$pb_before" ]; do
                pb_before=${pb_before#?} pb_behind=${pb_behind#?}
            done
            pb_char=${pb_behind%"${pb_behind#?}"}
            ;;
        esac
        pb_ret=$pb_ret$pb_char
    done
}
pb_lower() { pb_change_case ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz "$1"; }
pb_upper() { pb_change_case abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ "$1"; }

pb_trim() {
    pb_ret=${1#"${1%%[![:space:]]*}"}
    pb_ret=${pb_ret%"${pb_ret##*[![:space:]]}"}
}

# pb_replace TEXT OLD NEW
pb_replace() {
    pb_ret='' pb_rest=$1
    while :; do
        case $pb_rest in
        *"$2"*) pb_ret=$pb_ret${pb_rest%%"$2"*}$3 pb_rest=${pb_rest#*"$2"} ;;
        *) break ;;
        esac
    done
    pb_ret=$pb_ret$pb_rest
}

# pb_split_first TEXT SEPARATOR, pb_split_last TEXT SEPARATOR
pb_split_first() { pb_ret=${1%%"$2"*}; }
pb_split_last() {
    pb_ret=$1
    while :; do
        case $pb_ret in *"$2"*) pb_ret=${pb_ret#*"$2"} ;; *) break ;; esac
    done
}

# pb_split_at TEXT SEPARATOR NUMBER: the part of this number from 0; false where there is none.
pb_split_at() {
    pb_ret=$1 pb_count=$3
    while [ "$pb_count" -gt 0 ]; do
        case $pb_ret in *"$2"*) pb_ret=${pb_ret#*"$2"} ;; *) return 1 ;; esac
        pb_count=$((pb_count - 1))
    done
    pb_ret=${pb_ret%%"$2"*}
}

# pb_to_number TEXT: false where it is not a whole number.
pb_to_number() {
    pb_trim "$1"
    pb_sign=
    case $pb_ret in
    -*) pb_sign=- pb_ret=${pb_ret#-} ;;
    +*) pb_ret=${pb_ret#+} ;;
    esac
    case $pb_ret in '' | *[!0-9]*) return 1 ;; esac
    pb_ret=${pb_ret#"${pb_ret%%[!0]*}"}
    [ ${#pb_ret} -lt 19 ] || return 1
    case $pb_ret in '') pb_ret=0 ;; *) pb_ret=$pb_sign$pb_ret ;; esac
}

# pb_read_version TEXT: sets pb_ret to the numbers at its beginning, each with a dot behind it; false where it begins with none.
pb_read_version() {
    pb_ret='' pb_rest=${1#[vV]}
    while :; do
        pb_char=${pb_rest%%[!0-9]*}
        [ -n "$pb_char" ] || break
        pb_rest=${pb_rest#"$pb_char"}
        pb_char=${pb_char#"${pb_char%%[!0]*}"}
        [ ${#pb_char} -lt 19 ] || return 1
        pb_ret=$pb_ret${pb_char:-0}.
        case $pb_rest in .[0-9]*) pb_rest=${pb_rest#.} ;; *) break ;; esac
    done
    [ -n "$pb_ret" ]
}

# pb_compare_versions A B: sets pb_ret to -1, 0 or 1, number by number; a missing number is 0. False where one of them has none.
pb_compare_versions() {
    pb_read_version "$2" || return 1
    pb_second=$pb_ret
    pb_read_version "$1" || return 1
    pb_first=$pb_ret pb_ret=0
    while [ -n "$pb_first$pb_second" ]; do
        pb_a=${pb_first%%.*} pb_b=${pb_second%%.*}
        pb_first=${pb_first#*.} pb_second=${pb_second#*.}
        if [ "${pb_a:-0}" -lt "${pb_b:-0}" ]; then
            pb_ret=-1
            return 0
        elif [ "${pb_a:-0}" -gt "${pb_b:-0}" ]; then
            pb_ret=1
            return 0
        fi
    done
}
