//! `database`: a database of PostgreSQL.
//!
//! The server is asked in SQL by its socket, as its superuser. Values reach psql on standard input, as variables of its own.

use super::cause::Cause;
use super::field::{Field, integer, one_of, path, text};
use super::rule::not_when;
use super::typed::TypedLine;
use super::{Args, Kind, Need, Pattern, Recipe, When};
use crate::script::Script;
use crate::source::Diagnostic;

/// A name as PostgreSQL keeps it: of a longer one it would keep the beginning.
const NAME: Pattern = Pattern {
    what: "name in PostgreSQL",
    fits: |name| (1..=63).contains(&name.len()) && !name.chars().any(char::is_control),
    on_host: "case $pb_value in '' | *[!!-~' ']*) false ;; *) [ ${#pb_value} -le 63 ] ;; esac",
    hint: "a name has 1 to 63 bytes and no line feed; upper and lower case are not the same, as in quotes in SQL",
};

pub(super) const DATABASE: Pattern = NAME;

/// The name of a role. Those that PostgreSQL keeps for itself cannot be made.
pub(super) const ROLE: Pattern = Pattern {
    what: "name of a role",
    fits: |name| (NAME.fits)(name) && !name.starts_with("pg_") && !matches!(name, "public" | "none"),
    on_host: "case $pb_value in '' | pg_* | public | none | *[!!-~' ']*) false ;; *) [ ${#pb_value} -le 63 ] ;; esac",
    hint: "a name has 1 to 63 bytes; `public`, `none` and what begins with `pg_` are PostgreSQL's own",
};

/// How many connections.
pub(super) const LIMIT: Pattern = Pattern {
    what: "limit of connections",
    fits: |limit| {
        limit == "-1"
            || limit.bytes().all(|b| b.is_ascii_digit()) && limit.parse::<i32>().is_ok_and(|n| n.to_string() == limit)
    },
    on_host: "case $pb_value in -1 | 0) ;; '' | 0* | *[!0-9]*) false ;; *) [ ${#pb_value} -le 9 ] ;; esac",
    hint: "a number, or `-1` for any number",
};

const WORD: Pattern = Pattern {
    what: "encoding or locale",
    fits: |word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.@-".contains(&b)),
    on_host: "case $pb_value in '' | *[!A-Za-z0-9_.@-]*) false ;; esac",
    hint: "such as UTF8, or C.UTF-8 or en_US.UTF-8",
};

const PORT: Pattern = Pattern {
    what: "port",
    fits: |port| port.parse::<u16>().is_ok_and(|port| port > 0),
    on_host: "case $pb_value in '' | 0* | *[!0-9]*) false ;; *) [ ${#pb_value} -le 5 ] && [ \"$pb_value\" -le 65535 ] ;; esac",
    hint: "a number from 1 to 65535",
};

const SOCKET: Pattern = Pattern {
    what: "directory of a socket",
    fits: |path| (path.starts_with('/') || path.starts_with("~/")) && !path.contains([',', '\n']),
    on_host: "case $pb_value in *,* | *'\n'*) false ;; /*) ;; *) false ;; esac",
    hint: "a whole path, such as /run/postgresql",
};

/// How the server is reached: the same for `database` and `role`.
pub(super) const ENGINE: Field = one_of("engine", &["postgresql"], "Which server it is.").default("postgresql");
pub(super) const PORT_FIELD: Field =
    integer("port", "The port, which a socket has in its name as well.").matching(&PORT).default("5432");
pub(super) const SOCKET_FIELD: Field =
    path("socket", "The directory of the socket; by default where psql looks for it.").matching(&SOCKET);
pub(super) const ADMIN: Field = text("admin_user", "The user of the system who is the superuser of the server. Root becomes this user; any other user acts in the own name.")
    .matching(&super::group::USER)
    .default("postgres");

/// The program that both need.
pub(super) const PSQL: Need = Need::one_of(
    &["psql"],
    "install PostgreSQL in an earlier step (package: { apt: postgresql, yum: postgresql-server })",
);

/// What PostgreSQL says of those who ask.
pub(super) const PEER: Cause = Cause {
    words: &["peer authentication failed"],
    sentence: "PostgreSQL does not let this user in: give the step `sudo: true` or `run_as: postgres`, and see the first lines of pg_hba.conf.",
};
pub(super) const NO_SERVER: Cause = Cause {
    words: &["running locally and accepting connections"],
    sentence: "PostgreSQL does not run, or its socket is elsewhere: start it in an earlier step (`service`), or give `socket` and `port`.",
};
pub(super) const NO_PASSWORD: Cause = Cause {
    words: &["fe_sendauth: no password supplied"],
    sentence: "pg_hba.conf wants a password of the superuser even by the socket: let `local all postgres peer` be its first line.",
};
pub(super) const NOT_ALLOWED: Cause = Cause {
    words: &["permission denied", "pg_authid"],
    sentence: "The user who asks is not a superuser of PostgreSQL: give the step `sudo: true` or `run_as: postgres`.",
};
pub(super) const NO_ROLE: Cause = Cause {
    words: &["role", "does not exist"],
    sentence: "PostgreSQL has no role of that name: make it in an earlier step (`role: NAME`).",
};

const ABSENT: When = When::Is("state", "absent");

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Makes a database of PostgreSQL, changes what differs, or removes it.",
    check: "pg_database, asked as the superuser: its owner, its limit of connections, its encoding and locale",
    fields: &[
        text("name", "The database.").required().matching(&DATABASE),
        text("owner", "The role that it belongs to; by default, the superuser of a new one.").matching(&ROLE),
        text("encoding", "Its encoding, such as `UTF8`; what a database has cannot be changed.").matching(&WORD),
        text("lc_collate", "The locale that it sorts by; what a database has cannot be changed.").matching(&WORD),
        text("lc_ctype", "The locale of its characters; what a database has cannot be changed.").matching(&WORD),
        text("template", "The database that a new one is a copy of; by default `template0` with an encoding or a locale, and otherwise `template1`.")
            .matching(&DATABASE),
        text("connection_limit", "How many connections it takes; `-1` for any number.").matching(&LIMIT),
        one_of("state", &["present", "absent"], "Whether it is there.").default("present"),
        ENGINE,
        PORT_FIELD,
        SOCKET_FIELD,
        ADMIN,
    ],
    rules: &[
        not_when("owner", ABSENT),
        not_when("encoding", ABSENT),
        not_when("lc_collate", ABSENT),
        not_when("lc_ctype", ABSENT),
        not_when("template", ABSENT),
        not_when("connection_limit", ABSENT),
    ],
    short: Some("name"),
    subject: "name",
    needs: &[PSQL],
    shell: include_str!("database.sh"),
    causes: &[
        PEER,
        NO_SERVER,
        NO_PASSWORD,
        NOT_ALLOWED,
        NO_ROLE,
        Cause {
            words: &["is being accessed by other users"],
            sentence: "Someone works in this database, or in the template of the new one: end these connections first.",
        },
        Cause {
            words: &["is not a valid encoding name"],
            sentence: "PostgreSQL knows no such encoding: UTF8, LATIN1 and SQL_ASCII are some of them.",
        },
        Cause {
            words: &["invalid locale name"],
            sentence: "The host has no such locale: `locale -a` shows those that it has.",
        },
        Cause {
            words: &["does not match locale"],
            sentence: "The locale is for another encoding: C and C.UTF-8 go with UTF8, or give `lc_collate` and `lc_ctype` that do.",
        },
    ],
    example: "\
- name: Make the database
  database: { name: shop, owner: shop, encoding: UTF8 }
  run_as: postgres
",
    hook: Some(hook),
    ..Kind::named("database")
};

/// What a user would type.
#[expect(clippy::unnecessary_wraps, reason = "the form of a hook, which may refuse fields")]
fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let is_absent = ABSENT.holds(args);
    let mut line = TypedLine::new(if is_absent { "dropdb" } else { "createdb" });
    reached(&mut line, args);
    line.value("-O", args, "owner").value("-E", args, "encoding").value("--lc-collate", args, "lc_collate");
    line.value("--lc-ctype", args, "lc_ctype");
    let needs_empty = ["encoding", "lc_collate", "lc_ctype"].iter().any(|name| args.is_given(name));
    if needs_empty && !args.is_given("template") {
        line.flag("-T template0", true);
    }
    line.value("-T", args, "template").flag("--", true);
    let mut script = line.end(args);
    if let (Some(limit), Some(name)) = (args.text("connection_limit"), args.text("name")) {
        script
            .line(&statement("ALTER DATABASE :\"name\" CONNECTION LIMIT :limit;", &[("name", name), ("limit", limit)]));
    }
    recipe.equivalent_commands = Some(script);
    Ok(())
}

/// The options that say which server is meant, where that is not the usual one.
pub(super) fn reached(line: &mut TypedLine, args: &Args<'_>) {
    line.value("-h", args, "socket");
    let is_usual = matches!(args.get("port").map(|arg| &arg.value), Some(super::ArgValue::Integer(5432)));
    if !is_usual {
        line.value("-p", args, "port");
    }
}

/// A statement that is typed into psql with its values as variables.
pub(super) fn statement(sql: &'static str, values: &[(&'static str, &crate::script::Text)]) -> Script {
    let mut line = TypedLine::new("printf '%s\\n'");
    line.word(&crate::script::Text::from(sql)).flag("| psql", true);
    for (name, value) in values {
        line.flag("-v", true).word(&crate::script::Text::new(format!("{name}={}", value.raw())));
    }
    line.whole()
}
