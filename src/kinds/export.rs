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
//! One block serves all `export` steps: a step replaces the lines of its own names and leaves the others.

use super::field::{one_of, rest};
use super::{Effect, Kind, Pattern, When};

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
        rest("Names and values.").required().names(&NAME).matching(&VALUE),
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
    ..Kind::named("export")
};
