# The kind `cron`.

cron_check() {
    cron_read
    pb_said=$(cron_text check) || pb_status=$?
    case $pb_status in
    0) return 0 ;;
    9) ;;
    *) pb_give_up "the crontab cannot be read: $pb_said" ;;
    esac
    if [ -n "$arg_secret" ]; then pb_tell "the entry differs (not shown: it holds a secret)"; else pb_tell "$pb_said"; fi
    needs_change
}

cron_apply() {
    cron_read
    pb_new=$(cron_text text) || pb_status=$?
    [ "$pb_status" != 0 ] || return 0
    [ "$pb_status" = 9 ] || pb_give_up "the crontab cannot be read: $pb_new"
    set -- crontab
    [ -z "$arg_user" ] || set -- crontab -u "$arg_user"
    [ -z "$pb_new" ] || pb_new="$pb_new
"
    pb_said=$(printf %s "$pb_new" | "$@" - 2>&1) || pb_give_up "crontab refuses the new table: $pb_said"
}

# Sets pb_table to the user's table, and pb_status to 0.
cron_read() {
    pb_status=0
    set -- crontab
    [ -z "$arg_user" ] || set -- crontab -u "$arg_user"
    pb_table=$("$@" -l 2>&1) || case $pb_table in
    *'no crontab for'* | *"can't open"*'No such file'*) pb_table= ;;
    *) pb_give_up "the crontab${arg_user:+ of $arg_user} cannot be read as $(id -un): $pb_table" ;;
    esac
}

# Prints the table with the entry, or with the word `check` what differs. The status is 0 where nothing does, and 9 otherwise.
cron_text() {
    # check|text
    eval "set -- $1 $arg_env"
    pb_mode=$1 pb_list=
    shift
    while [ $# -gt 0 ]; do
        pb_list="$pb_list$1
$2
"
        shift 2
    done
    table=$pb_table name=$arg_name at=$arg_at job=$arg_job env=$pb_list state=$arg_state mode=$pb_mode awk '
        function quoted(text,    i, c, out_) {
            if (text ~ /^[A-Za-z0-9_@+:,.\/=-]+$/) return text
            for (i = 1; i <= length(text); i++) { c = substr(text, i, 1); out_ = out_ (c == "\047" ? "\047\\\047\047" : c) }
            return "\047" out_ "\047"
        }
        # cron reads an unquoted percent sign as the end of the command.
        function percent(text,    i, c, out_) {
            for (i = 1; i <= length(text); i++) {
                c = substr(text, i, 1)
                if (c == "\\" && substr(text, i + 1, 1) == "%") { out_ = out_ "\\%"; i++ }
                else out_ = out_ (c == "%" ? "\\%" : c)
            }
            return out_
        }
        BEGIN {
            check = ENVIRON["mode"] == "check"
            mark = "# pinboot: " ENVIRON["name"]
            n = split(ENVIRON["env"], part, "\n")
            for (i = 1; i + 1 <= n; i += 2) vars = vars part[i] "=" quoted(part[i + 1]) "; export " part[i] "; "
            entry = ENVIRON["at"] " " percent(vars ENVIRON["job"])
            wanted = ENVIRON["state"] != "absent"
            count = split(ENVIRON["table"], old, "\n")
            while (count && old[count] == "") count--
            for (i = 1; i <= count; i++) {
                if (old[i] "" == mark) {
                    marks++
                    if (!place) place = i
                    drop[i] = 1
                    # A mark alone, whose entry a person has taken away.
                    if (i < count && old[i + 1] !~ /^[ \t]*(#|$)/) { drop[i + 1] = 1; has = old[++i]; if (has "" == entry) good++ }
                } else if (wanted && old[i] "" == entry && old[i - 1] !~ /^# pinboot: /) { drop[i] = 1; stray++; if (!place) place = i }
            }
            same = wanted ? marks == 1 && good == 1 && !stray : !marks
            if (check) {
                for (i = 1; i <= count; i++) if (!same && i in drop) print "- " old[i]
                if (!same && wanted) print "+ " mark "\n+ " entry
                exit same ? 0 : 9
            }
            for (i = 1; i <= count; i++) {
                if (i == place && wanted) print mark "\n" entry
                if (!(i in drop)) print old[i]
            }
            if (wanted && !place) print mark "\n" entry
            exit same ? 0 : 9
        }' < /dev/null
}
