//! `export`: environment variables for every later step and for every later shell of the user.
//!
//! The values stand in a marked block of each file that the user's shells read at their start: `.bashrc` (read by
//! interactive shells and, under sshd, by `ssh host command`), `.profile` and whichever of `.bash_profile` and
//! `.bash_login` a login bash reads instead of it, and those of zsh, fish, csh, ksh and mksh where they are in use.
//! The block stands at the top of its file, because Ubuntu's `.bashrc` returns early for shells that are not
//! interactive. Where a line of the user further down sets the same variable, to something that does not build on it,
//! the block's assignment would be lost: then, and only then, it is repeated at the end. Lines of the user are never
//! changed. No text can tell what a start-up file does, and files read others: whether the values arrive is asked from new
//! shells themselves, and remembered in the user's own record with a fingerprint of everything that they read. With `scope: system` the places are `/etc/environment` and `/etc/profile.d/pinboot.sh`.
//!
//! One block serves all `export` steps: a step replaces the lines of its own names and leaves the others. A value that is put in
//! front of what a variable holds has a line of its own, which does nothing where the value is in it already.

use super::field::{one_of, rest_values};
use super::{ArgValue, Args, Doubt, Effect, Kind, Pattern, Recipe, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// Names that no start-up file can set: shells make them read-only, or set them themselves whenever they are read.
const OF_SHELLS: &[&str] = &[
    "_",
    "BASHOPTS",
    "BASH_VERSINFO",
    "EUID",
    "PPID",
    "SHELLOPTS",
    "UID",
    "PWD",
    "OLDPWD",
    "SHLVL",
    "RANDOM",
    "SECONDS",
    "LINENO",
];

const NAME: Pattern = Pattern {
    what: "name of an environment variable",
    fits: |name| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    },
    on_host: "case $pb_value in '' | [0-9]* | *[!A-Za-z0-9_]*) false ;; esac",
    hint: "letters, digits and `_`, not beginning with a digit",
};

const VALUE: Pattern = Pattern {
    what: "value of an environment variable",
    fits: |value| !value.contains(['\n', '\r']),
    on_host: "case $pb_value in *'\n'* | *'\r'*) false ;; esac",
    hint: "an exported value is one line",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Sets environment variables for every later step and every later shell of the user, login or not.",
    check: "the marked block is in each file that the user's shells read, and new shells have these values: they are asked after each change, and again once their files have changed",
    fields: &[
        rest_values("Names and values; or a map of them as `variables`, such as one that a variable holds.")
            .required()
            .names(&NAME)
            .matching(&VALUE)
            .keeps_secrets(),
        one_of("scope", &["user", "system"], "For this user, or for every user of the host.").default("user"),
    ],
    subject: "*",
    needs_root: When::Is("scope", "system"),
    effect: |args| Effect::Exports(args.map("*")),
    shell: include_str!("export.sh"),
    commands: &[(When::Each("*"), "export @{name}=@{value}    # now, and in the files that every later shell reads")],
    example: "\
- name: Make CLASSPATH last
  export:
    CLASSPATH: ~/kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.5-all.jar
",
    doubts: |args| {
        let secret = args.get("*").is_some_and(|arg| args.may_hold_secret(&arg.value));
        let message = "the secret would stand in start-up files, which other users can often read, and in the environment of every later program";
        let hint = "give it to the steps that need it by `env:`, or write it into a file of mode 0600";
        if secret { vec![Doubt::new("*", message, hint)] } else { Vec::new() }
    },
    hook: Some(hook),
    ..Kind::named("export")
};

/// Gives the shell the values that are put in front of others under their names with a colon.
fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let values = args.map("*");
    let mut errors = Vec::new();
    if let Some(ArgValue::Map(given)) = args.get("*").map(|arg| &arg.value) {
        for (name, span, _) in given.iter().filter(|(name, _, _)| OF_SHELLS.contains(&name.as_str())) {
            let error = Diagnostic::error(*span, format!("shells set `{name}` themselves"));
            errors.push(
                error.hint("use another name: a start-up file that sets this one changes nothing, or reports an error"),
            );
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    if values.iter().all(|(_, value)| value.in_front().is_none()) {
        return Ok(());
    }
    if args.text("scope").and_then(Text::literal) == Some("system") {
        let error = Diagnostic::error(args.place("*"), "`prepend` has no effect with `scope: system`");
        errors.push(error.hint("/etc/environment holds values only: write the whole value, or prepend for the user"));
    }
    let mut words = String::new();
    for (name, value) in values {
        let (name, value) = match value.in_front() {
            Some(front) if front.raw().contains(['\n', '\r']) => {
                errors
                    .push(Diagnostic::error(args.place("*"), format!("the value of `{name}` has more than one line")));
                continue;
            }
            Some(front) => (format!("{name}:"), front),
            None => (name, value),
        };
        words.push_str(&format!("{} {} ", Script::quoted(&Text::new(name)).as_str(), Script::quoted(&value).as_str()));
    }
    recipe.set("rest", Script::author(Script::author(words.trim_end()).as_word()));
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}
