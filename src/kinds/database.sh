# The kind `database`.

database_check() {
    pb_pg_hide "the database"
    database_begin
    if [ "$arg_state" = absent ]; then
        database_ask "- database $arg_name, where it is there"
        [ -z "$pb_said" ] || pb_differs "- database $arg_name"
    else
        database_ask "+ database $arg_name"
        database_compare
    fi
    pb_answer
}

database_apply() {
    database_begin
    database_ask ''
    if [ "$arg_state" = absent ]; then
        [ -z "$pb_said" ] || database_drop
    elif [ -z "$pb_said" ]; then
        database_make
    else
        database_compare > /dev/null
        database_change
    fi
}

database_begin() {
    pb_pg_vars='' pb_pg_database=''
    pb_pg_set name "$arg_name" owner "$arg_owner" encoding "$arg_encoding" template "$arg_template" collate "$arg_lc_collate" ctype "$arg_lc_ctype" limit "$arg_connection_limit"
}

# Sets pb_said to what the server knows of the database; empty where there is none.
database_ask() {
    pb_pg_ask "$1" << 'EOF'
SELECT '=' || pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, datconnlimit, encoding = pg_char_to_encoding(:'encoding')
FROM pg_database WHERE datname = :'name';
EOF
}

# Says in what the database is another one than wanted, and sets pb_todo. What holds for a database from its beginning cannot be changed.
database_compare() {
    pb_todo=
    if [ -z "$pb_said" ]; then
        pb_differs "+ database $arg_name${arg_owner:+ of $arg_owner}"
        return
    fi
    # The name of an owner may have the separator in it, and the others have none.
    pb_same=${pb_said##*'|'} pb_said=${pb_said%'|'*}
    pb_has_limit=${pb_said##*'|'} pb_said=${pb_said%'|'*}
    pb_has_ctype=${pb_said##*'|'} pb_said=${pb_said%'|'*}
    pb_has_collate=${pb_said##*'|'} pb_said=${pb_said%'|'*}
    pb_has_encoding=${pb_said##*'|'} pb_has_owner=${pb_said%'|'*}
    case $arg_owner in
    '' | "$pb_has_owner") ;;
    *) pb_differs "owner $pb_has_owner -> $arg_owner" && pb_todo="$pb_todo owner" ;;
    esac
    case $arg_connection_limit in
    '' | "$pb_has_limit") ;;
    *) pb_differs "connection_limit $pb_has_limit -> $arg_connection_limit" && pb_todo="$pb_todo limit" ;;
    esac
    [ -z "$arg_encoding" ] || [ "$pb_same" = t ] || database_stays encoding "$pb_has_encoding" "$arg_encoding"
    database_is_locale "$pb_has_collate" "$arg_lc_collate" || database_stays lc_collate "$pb_has_collate" "$arg_lc_collate"
    database_is_locale "$pb_has_ctype" "$arg_lc_ctype" || database_stays lc_ctype "$pb_has_ctype" "$arg_lc_ctype"
}

database_stays() {
    pb_give_up "the database $arg_name has the $1 $2, which PostgreSQL changes of no database that is there, and $3 is wanted: dump it, remove it, and have it made anew"
}

# Whether two names stand for one locale: en_US.UTF-8 is en_US.utf8.
database_is_locale() {
    # NOW WANTED
    [ -n "$2" ] && [ "$1" != "$2" ] || return 0
    [ "$(pb_tell "$1" | tr '[:upper:]' '[:lower:]' | tr -d -)" = "$(pb_tell "$2" | tr '[:upper:]' '[:lower:]' | tr -d -)" ]
}

database_make() {
    pb_pg_do << 'EOF'
SELECT format('CREATE DATABASE %I', :'name')
    || CASE WHEN :'owner' <> '' THEN format(' OWNER %I', :'owner') ELSE '' END
    || CASE WHEN :'encoding' <> '' THEN format(' ENCODING %L', :'encoding') ELSE '' END
    || CASE WHEN :'collate' <> '' THEN format(' LC_COLLATE %L', :'collate') ELSE '' END
    || CASE WHEN :'ctype' <> '' THEN format(' LC_CTYPE %L', :'ctype') ELSE '' END
    -- Only this template can be taken with another encoding or another locale than its own.
    || CASE WHEN :'template' <> '' THEN format(' TEMPLATE %I', :'template')
            WHEN :'encoding' || :'collate' || :'ctype' <> '' THEN ' TEMPLATE template0' ELSE '' END
    || CASE WHEN :'limit' <> '' THEN format(' CONNECTION LIMIT %s', :'limit') ELSE '' END
\gexec
EOF
}

database_change() {
    case $pb_todo in
    *owner*)
        pb_pg_do << 'EOF'
ALTER DATABASE :"name" OWNER TO :"owner";
EOF
        ;;
    esac
    case $pb_todo in
    *limit*)
        pb_pg_do << 'EOF'
SELECT format('ALTER DATABASE %I CONNECTION LIMIT %s', :'name', :'limit') \gexec
EOF
        ;;
    esac
}

# Removes the database, in which no one may be at work.
database_drop() {
    pb_pg_ask '' << 'EOF'
SELECT '=' || format('%s from %s (%s, pid %s)', usename, coalesce(host(client_addr), 'this host'), coalesce(nullif(application_name, ''), 'no name'), pid)
FROM pg_stat_activity WHERE datname = :'name' AND pid <> pg_backend_pid() LIMIT 5;
EOF
    [ -z "$pb_said" ] || pb_give_up "the database $arg_name is in use, and is not removed:
$pb_said"
    pb_pg_do << 'EOF'
DROP DATABASE :"name";
EOF
}
