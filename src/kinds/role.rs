//! `role`: a role of PostgreSQL, its password, its memberships and its privileges.
//!
//! The password is compared with the verifier that the server keeps, which is computed on the host: the server sees the password neither
//! in the check nor in the change, and no log of it can hold it.

use super::cause::Cause;
use super::database::{
    ADMIN, DATABASE, ENGINE, LIMIT, NO_PASSWORD, NO_ROLE, NO_SERVER, NOT_ALLOWED, PEER, PORT_FIELD, PSQL, ROLE,
    SOCKET_FIELD, reached, statement,
};
use super::field::{Field, boolean, list, one_of, text, texts};
use super::rule::not_when;
use super::typed::TypedLine;
use super::{Arg, ArgValue, Args, Kind, Need, Pattern, Recipe, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

const PASSWORD: Pattern = Pattern {
    what: "password",
    fits: |_| true,
    on_host: "case $pb_value in '' | *'\n'*) false ;; esac",
    hint: PASSWORD_HINT,
};

const PASSWORD_HINT: &str =
    "a password is one line; a verifier that PostgreSQL has made (SCRAM-SHA-256$…, md5…) is taken as it is";

const TIME: Pattern = Pattern {
    what: "time",
    fits: |time| {
        let is_odd = |c: char| !(c.is_ascii_alphanumeric() || " :+-.".contains(c));
        time == "infinity" || time.starts_with(|c: char| c.is_ascii_digit()) && !time.contains(is_odd)
    },
    on_host: "case $pb_value in infinity) ;; '' | [!0-9]* | *[!A-Za-z0-9' ':+.-]*) false ;; esac",
    hint: "write it as 2030-12-31 or `2030-12-31 23:59:59+00`, or `infinity`",
};

const OBJECT: Pattern = Pattern {
    what: "name in PostgreSQL",
    fits: |name| (DATABASE.fits)(name),
    on_host: DATABASE.on_host,
    hint: "a name has 1 to 63 bytes; `*` stands for every table or sequence of the schema",
};

const PRIVILEGE: Pattern = Pattern {
    what: "privilege",
    fits: |name| PRIVILEGES.iter().any(|(_, names)| names.contains(&name)),
    on_host: "case $pb_value in all | connect | create | temporary | usage | select | insert | update | delete | truncate | references | trigger) ;; *) false ;; esac",
    hint: "in lower case: connect, create, temporary; usage; select, insert, update, delete, truncate, references, trigger; all",
};

/// The privileges of each kind of object.
const PRIVILEGES: &[(&str, &[&str])] = &[
    ("database", &["all", "connect", "create", "temporary"]),
    ("schema", &["all", "usage", "create"]),
    ("table", &["all", "select", "insert", "update", "delete", "truncate", "references", "trigger"]),
    ("sequence", &["all", "usage", "select", "update"]),
];

const GRANT: &[Field] = &[
    texts("privileges", "The privileges, such as `select`, or `all`.").required().matching(&PRIVILEGE),
    text("database", "The database; the privileges are for it where nothing else is named.")
        .required()
        .matching(&DATABASE),
    text("schema", "The schema in it; the one of a table is `public` where nothing is said.").matching(&OBJECT),
    text("table", "The table or view, or `*` for all that the schema has now.").matching(&OBJECT),
    text("sequence", "The sequence, or `*`.").matching(&OBJECT),
];

const ABSENT: When = When::Is("state", "absent");

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Makes a role of PostgreSQL, changes what differs, or removes it.",
    check: "pg_authid, asked as the superuser: each option that is given; the password against the verifier that is kept; the roles that it is a member of; the privileges that were granted to the role itself",
    fields: &[
        text("name", "The role.").required().matching(&ROLE),
        text("password", "The password, or a verifier that PostgreSQL has made.").matching(&PASSWORD).keeps_secrets(),
        boolean("login", "Whether it may log in.").default("true"),
        boolean("superuser", "Whether it is a superuser."),
        boolean("createdb", "Whether it may make databases."),
        boolean("createrole", "Whether it may make roles."),
        boolean("inherit", "Whether it has the privileges of the roles that it is a member of; by default yes."),
        boolean("replication", "Whether it may start replication."),
        boolean("bypassrls", "Whether the policies of rows do not hold for it."),
        text("connection_limit", "How many connections it may have; `-1` for any number.").matching(&LIMIT),
        text("valid_until", "When its password expires, such as `2030-12-31`, or `infinity`.").matching(&TIME),
        texts("member_of", "Roles that it is a member of; it stays a member of others.").matching(&OBJECT),
        list("grants", GRANT, "Privileges that it has; others that it has stay."),
        one_of(
            "state",
            &["present", "absent"],
            "Whether it is there. What depends on a role keeps it from being removed.",
        )
        .default("present"),
        ENGINE,
        PORT_FIELD,
        SOCKET_FIELD,
        ADMIN,
    ],
    rules: &[
        not_when("password", ABSENT),
        not_when("superuser", ABSENT),
        not_when("createdb", ABSENT),
        not_when("createrole", ABSENT),
        not_when("inherit", ABSENT),
        not_when("replication", ABSENT),
        not_when("bypassrls", ABSENT),
        not_when("connection_limit", ABSENT),
        not_when("valid_until", ABSENT),
        not_when("member_of", ABSENT),
        not_when("grants", ABSENT),
    ],
    short: Some("name"),
    subject: "name",
    needs: &[
        PSQL,
        Need::one_of(
            &["python3", "python", "perl"],
            "a password is compared with one of them: install it in an earlier step (package: python3)",
        )
        .when(When::Given(&["password"])),
    ],
    shell: include_str!("role.sh"),
    causes: &[
        PEER,
        NO_SERVER,
        NO_PASSWORD,
        NOT_ALLOWED,
        NO_ROLE,
        Cause {
            words: &["relation", "does not exist"],
            sentence: "The database has no such table or sequence in that schema: privileges can be granted once the application has made it.",
        },
        Cause {
            words: &["current user cannot be dropped"],
            sentence: "The role is the superuser that pinboot acts as.",
        },
        Cause {
            words: &["cannot be dropped because some objects depend on it"],
            sentence: "Objects depend on the role: REASSIGN OWNED and DROP OWNED in each database make it free.",
        },
    ],
    example: "\
- name: Make the user of the application
  role:
    name: shop
    password: correct-horse-battery
    grants: [{ privileges: [connect, temporary], database: shop }]
  run_as: postgres
",
    hook: Some(hook),
    ..Kind::named("role")
};

/// What no rule says, and what a user would type.
fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    if args.text("password").and_then(Text::literal).is_some_and(|word| word.is_empty() || word.contains('\n')) {
        diagnostics.push(Diagnostic::error(args.place("password"), "invalid password").hint(PASSWORD_HINT));
    }
    for entry in grants(args) {
        diagnostics.extend(wrong_grant(entry));
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    // The password is never shown; everything else is, unless a part of it is a secret.
    let is_shown = |name: &str, arg: &Arg| name == "password" || !args.may_hold_secret(&arg.value);
    if args.fields.iter().all(|(name, _, arg)| is_shown(name, arg)) {
        recipe.set("secret", Script::default());
    }
    recipe.equivalent_commands = Some(commands(args));
    Ok(())
}

/// The entries of `grants`.
fn grants<'a>(args: &Args<'a>) -> &'a [Arg] {
    match args.get("grants").map(|arg| &arg.value) {
        Some(ArgValue::List(entries)) => entries,
        _ => &[],
    }
}

/// A text of an entry, where it was given.
fn part<'a>(entry: &'a Arg, name: &str) -> Option<&'a Text> {
    let ArgValue::Map(fields) = &entry.value else { return None };
    fields.iter().find(|(known, _, _)| known == name).and_then(|(_, _, arg)| match &arg.value {
        ArgValue::Text(text) if !text.raw().is_empty() => Some(text),
        _ => None,
    })
}

/// What the privileges of an entry are for.
fn object(entry: &Arg) -> &'static str {
    ["table", "sequence", "schema"].into_iter().find(|name| part(entry, name).is_some()).unwrap_or("database")
}

/// What is wrong with an entry of `grants`.
fn wrong_grant(entry: &Arg) -> Option<Diagnostic> {
    if part(entry, "table").is_some() && part(entry, "sequence").is_some() {
        let message = "this entry of `grants` names a table and a sequence";
        return Some(Diagnostic::error(entry.span, message).hint("write an entry for each"));
    }
    let kind = object(entry);
    let known = PRIVILEGES.iter().find(|(name, _)| *name == kind).map_or(&[][..], |(_, names)| names);
    privileges(entry).iter().find(|name| name.literal().is_some_and(|name| !known.contains(&name))).map(|name| {
        Diagnostic::error(entry.span, format!("a {kind} has no privilege `{}`", name.raw()))
            .hint(format!("a {kind} has {}", known.join(", ")))
    })
}

fn privileges(entry: &Arg) -> Vec<Text> {
    let ArgValue::Map(fields) = &entry.value else { return Vec::new() };
    let list = fields.iter().find(|(name, _, _)| name == "privileges").map(|(_, _, arg)| &arg.value);
    let Some(ArgValue::List(list)) = list else { return Vec::new() };
    let text = |arg: &Arg| if let ArgValue::Text(text) = &arg.value { Some(text.clone()) } else { None };
    list.iter().filter_map(text).collect()
}

/// What a user would type on a server that has no such role, or has one that shall go.
fn commands(args: &Args<'_>) -> Script {
    let is_absent = ABSENT.holds(args);
    let mut line = TypedLine::new(if is_absent { "dropuser" } else { "createuser" });
    reached(&mut line, args);
    if !is_absent {
        line.flag("--no-login", args.is_given("login") && !args.flag("login"));
        line.flag("--superuser", args.flag("superuser")).flag("--createdb", args.flag("createdb"));
        line.flag("--createrole", args.flag("createrole")).flag("--replication", args.flag("replication"));
        line.flag("--no-inherit", args.is_given("inherit") && !args.flag("inherit"));
        line.value("-c", args, "connection_limit").flag("--pwprompt", args.is_given("password"));
        for group in args.texts("member_of") {
            line.flag("-g", true).word(&group);
        }
    }
    line.flag("--", true);
    let mut script = line.end(args);
    let name = args.text("name").cloned().unwrap_or_default();
    if let Some(time) = args.text("valid_until") {
        script.line(&statement("ALTER ROLE :\"name\" VALID UNTIL :'time';", &[("name", &name), ("time", time)]));
    }
    if args.flag("bypassrls") {
        script.line(&statement("ALTER ROLE :\"name\" BYPASSRLS;", &[("name", &name)]));
    }
    for entry in grants(args) {
        let words: Vec<String> = privileges(entry).iter().map(|name| name.raw().to_uppercase()).collect();
        let words = Text::new(words.join(", "));
        let nothing = Text::default();
        let database = part(entry, "database").unwrap_or(&nothing);
        let public = Text::from("public");
        let schema = part(entry, "schema").unwrap_or(&public);
        let kind = object(entry);
        let target = part(entry, kind).unwrap_or(&nothing);
        let sql = match (kind, target.literal()) {
            ("database", _) => "GRANT :words ON DATABASE :\"database\" TO :\"name\";",
            ("schema", _) => "\\c :\"database\"\nGRANT :words ON SCHEMA :\"schema\" TO :\"name\";",
            ("table", Some("*")) => "\\c :\"database\"\nGRANT :words ON ALL TABLES IN SCHEMA :\"schema\" TO :\"name\";",
            ("sequence", Some("*")) => {
                "\\c :\"database\"\nGRANT :words ON ALL SEQUENCES IN SCHEMA :\"schema\" TO :\"name\";"
            }
            ("table", _) => "\\c :\"database\"\nGRANT :words ON TABLE :\"schema\".:\"object\" TO :\"name\";",
            _ => "\\c :\"database\"\nGRANT :words ON SEQUENCE :\"schema\".:\"object\" TO :\"name\";",
        };
        let mut values = vec![("words", &words), ("database", database), ("name", &name)];
        if kind != "database" {
            values.extend([("schema", schema), ("object", target)]);
        }
        script.line(&statement(sql, &values));
    }
    script
}
