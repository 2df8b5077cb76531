//! `user`: an account of the host, field by field.
//!
//! Only the fields that are given are asked about, and only those that differ are changed. The hash of a password is compared by
//! root, and reaches `chpasswd` on standard input.

use super::cause::Cause;
use super::field::{boolean, integer, one_of, text, texts};
use super::group::{GROUP, GROUP_OR_ID, ID, LOCKED, USER};
use super::rule::{not_when, only_with};
use super::typed::TypedLine;
use super::{Args, Kind, Pattern, Recipe, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// A path that stands in a line of /etc/passwd.
const PLACE: Pattern = Pattern {
    what: "absolute path",
    fits: |path| path.starts_with('/') && !path.contains([':', '\n']),
    on_host: "case $pb_value in *:* | *'\n'*) false ;; /*) ;; *) false ;; esac",
    hint: "an account has a whole path, beginning with /",
};

/// A field of a line of /etc/passwd.
const COMMENT: Pattern = Pattern {
    what: "comment",
    fits: |comment| !comment.contains([':', '\n']),
    on_host: "case $pb_value in *:* | *'\n'*) false ;; esac",
    hint: "it is one line without `:`",
};

/// The hash of a password. What is written as another text is refused by the hook, which does not show it.
const HASH: Pattern = Pattern {
    what: "hash of a password",
    fits: |_| true,
    on_host: "case ${pb_value#!} in '' | '*' | '!') ;; *:* | *[!!-~]*) false ;; '$'*'$'?*) ;; *) false ;; esac",
    hint: HASH_HINT,
};

const HASH_HINT: &str =
    "it is the hash and not the password itself: `openssl passwd -6` makes one, such as $6$…; `*` is none";

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Makes a user, changes what differs, or removes the account.",
    check: "the account of exactly this name, in /etc/passwd or as the name service has it, field by field; its groups; as root the hash of its password",
    fields: &[
        text("name", "The user.").required().matching(&USER),
        integer("uid", "The number; by default the host chooses one.").matching(&ID),
        text("group", "The primary group, by name or number; by default one of the user's own name.")
            .matching(&GROUP_OR_ID),
        texts("groups", "Groups that the user is in besides.").matching(&GROUP).joined(),
        boolean(
            "only_groups",
            "Take the user out of all other groups; without `groups`, out of all but the primary one.",
        ),
        text("comment", "The full name, or what the account is for.").matching(&COMMENT),
        text("home", "The home directory.").matching(&PLACE),
        boolean(
            "create_home",
            "Make the home directory where it is missing, from /etc/skel; by default for all but accounts of the system.",
        ),
        boolean("move_home", "Take what is in the old home directory along where `home` is another one."),
        text("shell", "The login shell, such as /bin/bash or /usr/sbin/nologin.").matching(&PLACE),
        boolean("system", "Choose the number among those of the system, where the account is made."),
        text("password", "The hash of the password, as `openssl passwd -6` prints it; `*` for none.")
            .matching(&HASH)
            .keeps_secrets(),
        boolean("locked", "Whether the password is locked; keys of SSH still let the user in."),
        one_of("state", &["present", "absent"], "Whether the account is there.").default("present"),
        boolean("remove_home", "With `state: absent`, remove the home directory and the mail as well."),
    ],
    rules: &[
        not_when("uid", ABSENT),
        not_when("group", ABSENT),
        not_when("groups", ABSENT),
        not_when("only_groups", ABSENT),
        not_when("comment", ABSENT),
        not_when("home", ABSENT),
        not_when("create_home", ABSENT),
        not_when("move_home", ABSENT),
        not_when("shell", ABSENT),
        not_when("system", ABSENT),
        not_when("password", ABSENT),
        not_when("locked", ABSENT),
        only_with("move_home", "home"),
    ],
    short: Some("name"),
    subject: "name",
    needs_root: When::Always,
    asks_as_root: When::Given(&["password", "locked"]),
    shell: include_str!("user.sh"),
    causes: &[
        LOCKED,
        Cause {
            words: &["is currently used by process"],
            sentence: "The user has processes, such as a session: the number, the home and the account itself can be changed once they have ended.",
        },
        Cause {
            words: &["group", "does not exist"],
            sentence: "A group of this step is not on the host: make it in an earlier step (`group: NAME`).",
        },
        Cause {
            words: &["uid", "is not unique"],
            sentence: "Another user has this number: `getent passwd NUMBER` shows which.",
        },
        Cause {
            words: &["uid", "already exists"],
            sentence: "Another user has this number: `getent passwd NUMBER` shows which.",
        },
        Cause {
            words: &["does not exist in /etc/passwd"],
            sentence: "The account is not the host's own: it comes from a directory service, and is changed there.",
        },
    ],
    example: "\
- name: Make the user of the application
  user: { name: kafka, system: true, home: /var/lib/kafka, shell: /usr/sbin/nologin }
",
    hook: Some(hook),
    ..Kind::named("user")
};

const ABSENT: When = When::Is("state", "absent");

/// Whether a written text is the hash of a password, or says that there is none.
fn is_hash(text: &str) -> bool {
    let body = text.strip_prefix('!').unwrap_or(text);
    let fits = body.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    let is_whole = |body: &str| body.split_once('$').is_some_and(|(_, rest)| !rest.is_empty());
    fits && (matches!(body, "" | "*" | "!") || body.strip_prefix('$').is_some_and(is_whole))
}

/// What no rule says, and what a user would type.
fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let is_absent = ABSENT.holds(args);
    let mut diagnostics = Vec::new();
    let password = args.text("password");
    if password.and_then(Text::literal).is_some_and(|text| !is_hash(text)) {
        diagnostics.push(Diagnostic::error(args.place("password"), "invalid hash of a password").hint(HASH_HINT));
    }
    if args.is_set("remove_home") && !is_absent {
        let place = args.key_place("remove_home");
        let message = "`remove_home` has no effect without `state: absent`";
        diagnostics.push(Diagnostic::error(place, message).hint("remove `remove_home`"));
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    // The hash is never shown; everything else is, unless a part of it is a secret.
    let is_shown = |name: &str, arg: &super::Arg| name == "password" || !args.may_hold_secret(&arg.value);
    if args.fields.iter().all(|(name, _, arg)| is_shown(name, arg)) {
        recipe.set("secret", Script::default());
    }
    recipe.equivalent_commands = Some(commands(args, is_absent));
    Ok(())
}

/// What a user would type on a host that has no such account, or has one that shall go.
fn commands(args: &Args<'_>, is_absent: bool) -> Script {
    if is_absent {
        return TypedLine::new("userdel").flag("-r", args.flag("remove_home")).end(args);
    }
    let has_home = if args.is_given("create_home") { args.flag("create_home") } else { !args.flag("system") };
    let mut line = TypedLine::new("useradd");
    line.value("-u", args, "uid").value("-g", args, "group").value("-G", args, "groups").value("-c", args, "comment");
    line.value("-d", args, "home").value("-s", args, "shell").flag("-r", args.flag("system"));
    line.flag(if has_home { "-m" } else { "-M" }, true);
    let mut script = line.end(args);
    let name = args.text("name").map_or("", Text::raw);
    let mark = if args.flag("locked") { "!" } else { "" };
    if let Some(hash) = args.text("password") {
        let entry = Text::new(format!("{name}:{mark}{}", hash.raw()));
        script.line(&Script::fill("printf '%s\\n' @{entry} | chpasswd -e", &[("entry", &entry)]));
    } else if args.is_given("locked") && !args.flag("locked") {
        let entry = Text::new(format!("{name}:*"));
        script.line(&Script::fill("printf '%s\\n' @{entry} | chpasswd -e", &[("entry", &entry)]));
    }
    script
}
