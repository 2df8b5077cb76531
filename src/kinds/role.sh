# The kind `role`.

role_check() {
    pb_pg_hide "the role"
    role_begin
    if [ "$arg_state" = absent ]; then
        role_ask "- role $arg_name, where it is there"
        [ -z "$pb_has" ] || pb_differs "- role $arg_name"
    else
        role_ask "+ role $arg_name"
        role_compare
        role_each_grant role_tell_grant
    fi
    pb_answer
}

role_apply() {
    role_begin
    role_ask ''
    if [ "$arg_state" = absent ]; then
        [ -z "$pb_has" ] || role_drop
        return
    fi
    role_compare > /dev/null
    role_bring
    role_each_grant role_give_grant
}

role_begin() {
    pb_pg_vars='' pb_pg_database=''
    pb_pg_set name "$arg_name" valid "$arg_valid_until"
    pb_role_vars=$pb_pg_vars
}

# Sets pb_has to what the server knows of the role, which is empty where there is none, pb_in to the roles that it is a member of, and
# pb_encryption to how the server writes passwords.
role_ask() {
    pb_pg_ask "$1" << 'EOF'
SELECT '=has|' || rolsuper, rolcreatedb, rolcreaterole, rolinherit, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit,
    coalesce(coalesce(rolvaliduntil, 'infinity') = nullif(:'valid', '')::timestamptz, true), coalesce(rolvaliduntil::text, 'infinity'), rolpassword
FROM pg_authid WHERE rolname = :'name';
SELECT '=in|' || r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles me ON me.oid = m.member WHERE me.rolname = :'name';
SELECT '=encryption|' || current_setting('password_encryption');
EOF
    pb_has='' pb_in='
' pb_encryption=''
    while IFS= read -r pb_one; do
        case $pb_one in
        has\|*) pb_has=${pb_one#has'|'} ;;
        in\|*) pb_in="$pb_in${pb_one#in'|'}
" ;;
        encryption\|*) pb_encryption=${pb_one#encryption'|'} ;;
        esac
    done << EOF
$pb_said
EOF
}

# Says in what the role is another one than wanted. Sets pb_flags to the options that SQL is to change, pb_new_password and pb_new_valid to
# the values of two of them, and pb_missing to the roles to join, one a line.
role_compare() {
    pb_flags='' pb_new_password='' pb_new_valid='' pb_missing=''
    IFS='|' read -r pb_super pb_createdb pb_createrole pb_inherit pb_login pb_replication pb_bypassrls pb_limit pb_same pb_valid pb_stored << EOF
$pb_has
EOF
    [ -n "$pb_has" ] || pb_differs "+ role $arg_name"
    role_flag superuser "${pb_super:-false}" "$arg_superuser"
    role_flag createdb "${pb_createdb:-false}" "$arg_createdb"
    role_flag createrole "${pb_createrole:-false}" "$arg_createrole"
    role_flag inherit "${pb_inherit:-true}" "$arg_inherit"
    role_flag login "${pb_login:-false}" "$arg_login"
    role_flag replication "${pb_replication:-false}" "$arg_replication"
    role_flag bypassrls "${pb_bypassrls:-false}" "$arg_bypassrls"
    case $arg_connection_limit in
    '' | "${pb_limit:--1}") ;;
    *)
        [ -z "$pb_has" ] || pb_differs "connection_limit $pb_limit -> $arg_connection_limit"
        pb_flags="$pb_flags CONNECTION LIMIT $arg_connection_limit"
        ;;
    esac
    if [ -n "$arg_valid_until" ] && [ "${pb_same:-}" != t ]; then
        [ -z "$pb_has" ] || pb_differs "valid_until $pb_valid -> $arg_valid_until"
        pb_new_valid=$arg_valid_until
    fi
    role_compare_password
    role_compare_groups
}

role_flag() {
    # NAME NOW WANTED
    case $2 in t | true) pb_now=true ;; *) pb_now=false ;; esac
    case $3 in '' | "$pb_now") return 0 ;; esac
    [ -z "$pb_has" ] || pb_differs "$1 $pb_now -> $3"
    pb_one=
    [ "$3" = true ] || pb_one=NO
    case $1 in
    superuser) pb_flags="$pb_flags ${pb_one}SUPERUSER" ;;
    createdb) pb_flags="$pb_flags ${pb_one}CREATEDB" ;;
    createrole) pb_flags="$pb_flags ${pb_one}CREATEROLE" ;;
    inherit) pb_flags="$pb_flags ${pb_one}INHERIT" ;;
    login) pb_flags="$pb_flags ${pb_one}LOGIN" ;;
    replication) pb_flags="$pb_flags ${pb_one}REPLICATION" ;;
    bypassrls) pb_flags="$pb_flags ${pb_one}BYPASSRLS" ;;
    esac
}

# The password is compared with what the server keeps of it, and not by a login, which succeeds with any password where pg_hba.conf trusts.
role_compare_password() {
    [ -n "$arg_password" ] || return 0
    pb_pg_verifier "${pb_stored:-}" "$arg_name" "$pb_encryption" "$arg_password"
    [ "$pb_verifier" != same ] || return 0
    if [ -n "$pb_has" ]; then pb_differs "password -> another one (not shown)"; else pb_tell "+ password (not shown)"; fi
    pb_new_password=$pb_verifier
}

role_compare_groups() {
    [ -n "$arg_member_of" ] || return 0
    eval "set -- $arg_member_of"
    for pb_one; do
        case $pb_in in
        *"
$pb_one
"*) continue ;;
        esac
        pb_differs "+ member of $pb_one"
        pb_missing="$pb_missing$pb_one
"
    done
}

# Makes the role, or changes what role_compare has found; values that hold a password reach no log of the server.
role_bring() {
    pb_pg_vars=$pb_role_vars
    pb_verb=ALTER
    [ -n "$pb_has" ] || pb_verb=CREATE
    pb_pg_set verb "$pb_verb" flags "$pb_flags" password "$pb_new_password" until "$pb_new_valid"
    if [ -z "$pb_has" ] || [ -n "$pb_flags$pb_new_password$pb_new_valid" ]; then
        pb_pg_do << 'EOF'
SELECT format('%s ROLE %I WITH %s', :'verb', :'name', :'flags')
    || CASE WHEN :'password' <> '' THEN format(' PASSWORD %L', :'password') ELSE '' END
    || CASE WHEN :'until' <> '' THEN format(' VALID UNTIL %L', :'until') ELSE '' END
\gexec
EOF
    fi
    while [ -n "$pb_missing" ]; do
        pb_one=${pb_missing%%"
"*}
        pb_missing=${pb_missing#*"
"}
        pb_pg_vars=$pb_role_vars
        pb_pg_set group "$pb_one"
        pb_pg_do << 'EOF'
GRANT :"group" TO :"name";
EOF
    done
}

# Carries a function out for each entry of `grants`: item_… are its fields, pb_kind what it is about, and pb_wanted its privileges with commas.
role_each_grant() {
    # FUNCTION
    pb_call=$1
    [ -n "$arg_grants" ] || return 0
    eval "set -- $arg_grants"
    for pb_entry; do
        eval "$pb_entry"
        pb_kind=database pb_object="database $item_database"
        [ -z "$item_schema" ] || pb_kind=schema pb_object="schema $item_schema of $item_database"
        [ -z "$item_table" ] || pb_kind=table pb_object="table $item_table of $item_database"
        [ -z "$item_sequence" ] || pb_kind=sequence pb_object="sequence $item_sequence of $item_database"
        case $item_table$item_sequence in '*') pb_object="every $pb_kind in schema ${item_schema:-public} of $item_database" ;; esac
        role_find_privileges
        pb_pg_vars=$pb_role_vars
        pb_pg_set kind "$pb_kind" database "$item_database" schema "${item_schema:-public}" object "$item_table$item_sequence" wanted "$pb_wanted"
        role_find_missing
        [ -z "$pb_lacks" ] || "$pb_call"
    done
    pb_pg_database=
}

# Sets pb_wanted to the privileges of an entry as SQL knows them.
role_find_privileges() {
    eval "set -- $item_privileges"
    pb_wanted=
    for pb_one; do
        case $pb_kind/$pb_one in
        database/all) pb_one=CREATE,CONNECT,TEMPORARY ;;
        schema/all) pb_one=USAGE,CREATE ;;
        table/all) pb_one=SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER ;;
        sequence/all) pb_one=USAGE,SELECT,UPDATE ;;
        database/connect | database/create | database/temporary | schema/usage | schema/create) ;;
        table/select | table/insert | table/update | table/delete | table/truncate | table/references | table/trigger) ;;
        sequence/usage | sequence/select | sequence/update) ;;
        *) pb_give_up "a $pb_kind has no privilege \`$pb_one\`" ;;
        esac
        case $pb_one in *[a-z]*) pb_one=$(pb_tell "$pb_one" | tr '[:lower:]' '[:upper:]') ;; esac
        pb_wanted=$pb_wanted${pb_wanted:+,}$pb_one
    done
}

# Sets pb_lacks to those of the privileges that were not granted to the role itself, with commas.
role_find_missing() {
    pb_pg_database=
    [ "$pb_kind" = database ] || pb_pg_database=$item_database
    if pb_said=$(
        pb_pg 2>&1 << 'EOF'
SELECT '=' || string_agg(p, ', ') FROM unnest(string_to_array(:'wanted', ',')) p WHERE CASE :'kind'
WHEN 'database' THEN NOT EXISTS (SELECT FROM pg_database o, aclexplode(coalesce(datacl, acldefault('d', datdba))) a
    WHERE datname = :'database' AND privilege_type = p AND grantee = (SELECT oid FROM pg_roles WHERE rolname = :'name'))
WHEN 'schema' THEN NOT EXISTS (SELECT FROM pg_namespace o, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) a
    WHERE nspname = :'schema' AND privilege_type = p AND grantee = (SELECT oid FROM pg_roles WHERE rolname = :'name'))
ELSE EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname = :'schema' AND :'object' IN ('*', relname) AND CASE :'kind' WHEN 'sequence' THEN relkind = 'S' ELSE relkind IN ('r', 'v', 'm', 'f', 'p') END
    AND NOT EXISTS (SELECT FROM aclexplode(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)))
        WHERE privilege_type = p AND grantee = (SELECT oid FROM pg_roles WHERE rolname = :'name')))
    OR :'object' <> '*' AND NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = :'schema' AND relname = :'object')
END HAVING count(*) > 0;
EOF
    ); then
        pb_pg_rows
        pb_lacks=$pb_said
        return
    fi
    case $pb_said in
    # An earlier step may make it.
    *"database \"$item_database\" does not exist"*) pb_lacks=$(pb_tell "$pb_wanted" | sed 's/,/, /g') ;;
    *) pb_give_up "could not ask PostgreSQL: $pb_said" ;;
    esac
}

role_tell_grant() {
    pb_differs "+ $pb_lacks on $pb_object"
}

role_give_grant() {
    pb_pg_set lacks "$pb_lacks"
    pb_pg_do << 'EOF'
SELECT CASE WHEN :'kind' = 'database' THEN format('GRANT %s ON DATABASE %I TO %I', :'lacks', :'database', :'name')
    WHEN :'kind' = 'schema' THEN format('GRANT %s ON SCHEMA %I TO %I', :'lacks', :'schema', :'name')
    WHEN :'object' = '*' THEN format('GRANT %s ON ALL %s IN SCHEMA %I TO %I', :'lacks', upper(:'kind') || 'S', :'schema', :'name')
    ELSE format('GRANT %s ON %s %I.%I TO %I', :'lacks', upper(:'kind'), :'schema', :'object', :'name') END
\gexec
EOF
}

# Removes the role, on which nothing may depend.
role_drop() {
    pb_pg_ask '' << 'EOF'
SELECT DISTINCT '=' || coalesce(quote_ident(d.datname), '') || '|' || coalesce(d.datname, '') FROM pg_shdepend s LEFT JOIN pg_database d ON d.oid = s.dbid
WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = (SELECT oid FROM pg_roles WHERE rolname = :'name');
EOF
    [ -z "$pb_said" ] || role_tell_users
    pb_pg_do << 'EOF'
DROP ROLE :"name";
EOF
}

# Ends the step with what depends on the role, which each database knows of its own objects.
role_tell_users() {
    pb_places=$pb_said pb_users=
    while IFS= read -r pb_place; do
        pb_pg_database=${pb_place#*'|'}
        pb_pg_ask '' << 'EOF'
SELECT '=' || CASE deptype WHEN 'o' THEN 'owner of ' WHEN 'a' THEN 'privileges for ' WHEN 'r' THEN 'a policy of ' ELSE '' END || pg_describe_object(classid, objid, objsubid)
FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = :'name')
AND dbid = CASE WHEN current_database() = 'postgres' AND NOT EXISTS (SELECT FROM pg_shdepend s WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = 'postgres')
    AND s.refobjid = (SELECT oid FROM pg_roles WHERE rolname = :'name')) THEN 0 ELSE (SELECT oid FROM pg_database WHERE datname = current_database()) END
ORDER BY deptype DESC, 1 LIMIT 10;
EOF
        [ -z "$pb_said" ] || pb_users="$pb_users
$pb_said${pb_pg_database:+ (in database $pb_pg_database)}"
    done << EOF
$pb_places
EOF
    pb_give_up "the role $arg_name is not removed, because this depends on it:$pb_users"
}
