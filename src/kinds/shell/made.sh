# What the host remembers of what it fetched: for each path, from which addresses and with which digest it was made. It is in the record
# of the acting user, for root in root's own, where no other user can write; a check reads it without a process.

# Sets pb_made to the folder of a path there, empty where it has none.
pb_made_of() {
    case $1 in /*) pb_made=${1%/} ;; *) pb_made=$PWD/${1%/} ;; esac
    case $pb_made/ in
    */../*) pb_made=$(cd -P "${pb_made%/*}" 2> /dev/null && pwd -P)/${pb_made##*/} ;;
    esac
    # A step that root carries out for another login has root's own home.
    pb_record=$pb_home
    [ -O "$pb_record" ] || pb_record=~root
    pb_made=$pb_record/.pinboot/made$pb_made
}

# Says what a path was made from, where it is remembered and is something else than is wanted now. Addresses of one step stand for the
# same bytes; a digest decides alone where both sides have one.
pb_check_made() {
    # PATH ALGORITHM DIGEST ADDRESS...
    pb_made_of "$1"
    pb_about=$1 pb_want=$2 pb_sum=$3 pb_origin='' pb_fits=''
    shift 3
    if [ -f "$pb_made/.new" ]; then
        pb_differs "$pb_about: an earlier attempt ended before it noted what this is made from"
        return 0
    fi
    [ -f "$pb_made/.made" ] || return 0
    while IFS=' ' read -r pb_word pb_value; do
        case $pb_word in
        "$pb_want")
            [ "$pb_value" != "$pb_sum" ] || return 0
            pb_differs "$pb_about: made from an archive with the $pb_want $pb_value -> $pb_sum"
            return 0
            ;;
        from)
            pb_origin=${pb_origin:-$pb_value}
            for pb_one; do
                pb_name_source "$pb_one"
                [ "$pb_value" != "$pb_source_name" ] || pb_fits=1
            done
            ;;
        esac
    done < "$pb_made/.made"
    [ -z "$pb_origin" ] || [ -n "$pb_fits" ] || {
        pb_show_url "$1"
        pb_to=$pb_shown
        case $pb_origin in *://*) pb_show_url "$pb_origin" ;; *) pb_shown='another address' ;; esac
        pb_differs "$pb_about: made from $pb_shown -> $pb_to"
    }
}

# Sets pb_source_name to what is remembered of an address: itself, or its sum where it holds what no other user may read.
pb_name_source() {
    pb_source_name=$1
    ! pb_is_confidential "$1" || pb_source_name="sum $(printf %s "$1" | cksum)"
}

# Writes down what a path is to be made from, before anything of it changes: where there is no room for the note, nothing is made. From
# here to pb_note_made the check trusts neither what is there nor what was remembered of it.
pb_prepare_note() {
    # PATH ALGORITHM DIGEST ADDRESS...
    pb_made_of "$1"
    pb_about=$1 pb_note=${2:+"$2 $3"}
    shift 3
    for pb_one; do
        pb_name_source "$pb_one"
        pb_note="$pb_note${pb_note:+
}from $pb_source_name"
    done
    # Each command is asked how it ended: `set -e` has no effect in front of `||`.
    pb_said=$({ umask 077 && mkdir -p "$pb_made" && pb_tell "$pb_note" > "$pb_made/.new" && [ "$(cat "$pb_made/.new")" = "$pb_note" ]; } 2>&1) || {
        rm -f "$pb_made/.new"
        pb_no_note
    }
}

# Remembers what pb_prepare_note has written down; what was remembered before goes.
pb_note_made() {
    # PATH
    pb_made_of "$1"
    pb_about=$1
    pb_said=$(mv -f "$pb_made/.new" "$pb_made/.made" 2>&1) || pb_no_note
}

# Ends the step where what a path is made from cannot be noted.
pb_no_note() {
    until [ -d "$pb_made" ]; do pb_made=${pb_made%/*}; done
    pb_give_up "cannot note in $pb_record/.pinboot what $pb_about is made from: $(pb_no_write "$pb_made" "$pb_said")"
}
