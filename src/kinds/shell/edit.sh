# Edits of text files: a function of the kind, `TEXT`, reads the old text on standard input. With the word `check` it says what it likes
# about what would change, and otherwise prints the new text; its status is 0 where both are the same and 9 where they differ, and
# with any other status it has said why it cannot continue. Values reach awk in its environment, which no other user can read.

# A check that reads the file by itself where it may: a converged host needs one process. Otherwise ASK finds out.
pb_edit_check() {
    # TEXT ASK
    if pb_is_own "$arg_path"; then
        pb_target "$arg_path"
        ! [ -f "$pb_path" ] || ! [ -r "$pb_path" ] || ! "$1" check < "$pb_path" > /dev/null 2>&1 || return 0
    fi
    pb_at "$arg_path" "$2"
}

# Says what would change, as the user who makes the change.
pb_edit_ask() {
    # TEXT
    pb_edit_open "$1"
    case $pb_status in
    0) return 0 ;;
    9) ;;
    *) pb_give_up "$arg_path: $pb_said" ;;
    esac
    if [ -n "$pb_is_new" ] && [ "$arg_create" != true ]; then
        pb_tell "$arg_path is not there"
    else
        pb_edit_want_text
        [ -z "$pb_is_new" ] || pb_tell_dir
        if [ -n "$pb_said" ]; then pb_tell "$pb_said"; else pb_show_change "$arg_path" "$pb_from" pb_edit_print "$1"; fi
    fi
    needs_change
}

# Writes the new text into place.
pb_edit_write() {
    # TEXT
    pb_edit_open "$1"
    case $pb_status in
    0) return 0 ;;
    9) ;;
    *) pb_give_up "$arg_path: $pb_said" ;;
    esac
    [ -z "$pb_is_new" ] || [ "$arg_create" = true ] || pb_give_up "$arg_path is not there, and a part of it cannot be changed: make it in an earlier step, or write create: true"
    pb_edit_want_text
    # A new file that holds a secret is for its owner alone.
    pb_want_mode=
    [ -z "$pb_is_new" ] || [ -z "$arg_secret" ] || pb_want_mode=0600
    pb_replace "$arg_path" "$pb_want_mode" '' '' pb_edit_print "$1"
}

# Sets pb_from to the file with the old text, and pb_status and pb_said to what TEXT makes of it.
pb_edit_open() {
    # TEXT
    pb_target "$arg_path"
    pb_want_file "$arg_path" "$pb_path"
    pb_from=/dev/null pb_is_new=1 pb_status=0
    if pb_is_there; then
        [ -r "$pb_path" ] || pb_give_up "$arg_path cannot be read as $(id -un): does the step need sudo: true?"
        pb_from=$pb_path pb_is_new=
    fi
    pb_said=$("$1" check < "$pb_from") || pb_status=$?
}

# Ends the check or the step where the file is something else than text, which awk would cut.
pb_edit_want_text() {
    # Whether the last line has no end.
    pb_is_cut=
    [ -z "$(tail -c 1 "$pb_from")" ] || pb_is_cut=1
    [ "$(tr -d '\000' < "$pb_from" | wc -c)" -eq "$(wc -c < "$pb_from")" ] || pb_give_up "$arg_path holds bytes that are not text, and is not changed"
}

# Prints the new text: the inner end of pb_replace.
pb_edit_print() {
    # TEXT
    pb_status=0
    "$1" text < "$pb_from" || pb_status=$?
    [ "$pb_status" = 9 ]
}
