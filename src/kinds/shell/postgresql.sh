# PostgreSQL, asked by its socket as the superuser. Values reach psql on standard input, as variables of its own, and the server as
# literals and names that psql quotes: none is pasted into SQL, and none stands in an argument list.

# Carries out SQL that stands on standard input, in the database that PGDATABASE names, behind what sets the variables in pb_pg_vars.
# psql connects as the user of the system that it runs as: root becomes the superuser for it.
pb_pg() {
    # Nothing of the acting user's environment leads it elsewhere. An error of this session is written to no log with its text.
    (
        cd /
        unset -v PGHOST PGHOSTADDR PGPORT PGUSER PGPASSWORD PGPASSFILE PGSERVICE PGSERVICEFILE PGOPTIONS PGREQUIREPEER PSQLRC PSQL_HISTORY
        PGCLIENTENCODING=UTF8 PGAPPNAME=pinboot PGCONNECT_TIMEOUT=10
        export PGCLIENTENCODING PGAPPNAME PGCONNECT_TIMEOUT
        [ -z "${pb_pg_database:-}" ] || export PGDATABASE="$pb_pg_database"
        [ -n "${pb_pg_database:-}" ] || export PGDATABASE=postgres
        [ -z "$arg_socket" ] || export PGHOST="$arg_socket"
        export PGPORT="$arg_port"
        set -- psql -X -q -A -t -w -v ON_ERROR_STOP=1 -v VERBOSITY=default -v SHOW_CONTEXT=never -f -
        {
            printf '%s' "${pb_pg_vars:-}"
            cat
        } | pb_pg_as "$@"
    )
}

# Runs a program as the superuser, where root acts.
pb_pg_as() {
    # shellcheck disable=SC3067 # -O is not in POSIX, and every shell that is supported knows it.
    if ! [ -O / ]; then
        "$@"
        return
    fi
    pb_find_entry passwd "$arg_admin_user"
    IFS=: read -r pb_name pb_one pb_uid pb_gid pb_rest << EOF
$pb_entry
EOF
    if setpriv --reuid "$pb_uid" --regid "$pb_gid" --init-groups true 2> /dev/null; then
        set -- setpriv --reuid "$pb_uid" --regid "$pb_gid" --init-groups "$@"
    else
        # shellcheck disable=SC2016 # For that shell.
        set -- su -s "$(command -v sh)" "$arg_admin_user" -c 'exec "$0" "$@"' "$@"
    fi
    "$@"
}

# Adds variables for psql: pairs of a name and a value.
pb_pg_set() {
    # NAME VALUE...
    while [ $# -gt 1 ]; do
        pb_pg_quote "$2"
        pb_pg_vars="${pb_pg_vars:-}\\set $1 $pb_quoted
"
        shift 2
    done
}

# Sets pb_quoted to a text as psql reads it in an argument of its own commands.
pb_pg_quote() {
    pb_rest=$1 pb_quoted=
    while :; do
        case $pb_rest in
        *["'\\
"]*) ;;
        *) break ;;
        esac
        pb_one=${pb_rest%%["'\\
"]*}
        pb_rest=${pb_rest#"$pb_one"}
        case $pb_rest in
        "'"*) pb_quoted="$pb_quoted$pb_one\\'" ;;
        \\*) pb_quoted="$pb_quoted$pb_one\\\\" ;;
        *) pb_quoted="$pb_quoted$pb_one\\n" ;;
        esac
        pb_rest=${pb_rest#?}
    done
    pb_quoted="'$pb_quoted$pb_rest'"
}

# Asks for something, and sets pb_said to the rows that begin with `=`, without it: a server may say more. Where there is no server yet, an
# earlier step may bring one: a check says then what would be made.
pb_pg_ask() {
    # WHAT; SQL on standard input
    pb_pg_is_there || pb_pg_is_missing "$1" 'PostgreSQL is not installed'
    if ! pb_said=$(pb_pg 2>&1); then
        case $pb_said in
        *'No such file or directory'*'running locally'* | *'Connection refused'*'running locally'*) pb_pg_is_missing "$1" 'PostgreSQL does not run' ;;
        esac
        pb_give_up "could not ask PostgreSQL: $pb_said"
    fi
    pb_pg_rows
}

# Leaves the rows of pb_said.
pb_pg_rows() {
    pb_rows=
    while IFS= read -r pb_one; do
        case $pb_one in =*) pb_rows=$pb_rows${pb_rows:+"
"}${pb_one#=} ;; esac
    done << EOF
$pb_said
EOF
    pb_said=$pb_rows
}

pb_pg_is_missing() {
    # WHAT WHY
    [ -n "$1" ] || pb_give_up "$2: see to it in an earlier step"
    pb_tell "$1 ($2 yet)"
    needs_change
}

# Whether PostgreSQL is installed, with its user.
pb_pg_is_there() {
    command -v psql > /dev/null 2>&1 || return 1
    # shellcheck disable=SC3067
    [ -O / ] || return 0
    pb_find_entry passwd "$arg_admin_user"
    [ -n "$pb_entry" ]
}

# Carries out SQL that changes something. No log of the server gets its text, which may say more than everybody shall read.
pb_pg_do() {
    # SQL on standard input
    pb_pg_is_there || pb_give_up "this host has no PostgreSQL: install and start it in an earlier step"
    pb_said=$({
        pb_tell "SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic';"
        cat
    } | pb_pg 2>&1) || pb_give_up "$pb_said"
}

# Says in a check only that something differs, where what differs may be a secret.
pb_pg_hide() {
    # WHAT
    [ -n "$arg_secret" ] || return 0
    pb_tell "$1: something differs (not shown: it holds a secret)"
    exec > /dev/null
}
