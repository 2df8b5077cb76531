//! `link`: a symbolic link.
//!
//! What it leads to need not be there. A link that leads elsewhere is replaced at once, by a rename; a file is replaced only where
//! `replace` says that this is meant, and a directory never.

use super::field::{boolean, path, text};
use super::file::OWNER;
use super::{Args, Kind, Pattern, Recipe, When};
use crate::script::Text;
use crate::source::Diagnostic;

const PATH: Pattern = Pattern {
    what: "path of a link",
    fits: |path| !path.ends_with('/') && !matches!(path.rsplit('/').next(), Some("." | ".." | "~")),
    on_host: "case $pb_value in */ | . | .. | '~' | */. | */.. | */'~') false ;; esac",
    hint: "this is the name of a directory: write the whole path, with the link's name",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Makes a symbolic link on the host.",
    check: "the path is a link, and holds what `to` says, letter by letter; the link has that owner",
    fields: &[
        path("path", "The link's path on the host.").required().matching(&PATH),
        path("to", "Where it leads: a path on the host; one without `/` in front is looked for beside the link.")
            .required(),
        text("owner", "The user that owns the link itself, by name or number.").matching(&OWNER),
        boolean("replace", "Put the link in the place of a file that is there; a directory is never replaced."),
    ],
    subject: "path",
    shell: include_str!("link.sh"),
    commands: &[(When::Always, "ln -sfn @{to} @{path}"), (When::Given(&["owner"]), "chown -h @{owner} @{path}")],
    example: "\
- name: Say which Kafka is the current one
  link: { path: /opt/kafka, to: /opt/kafka_2.13-3.6.1 }
  sudo: true
",
    hook: Some(refuse_circle),
    ..Kind::named("link")
};

/// A link to itself leads nowhere.
fn refuse_circle(args: &Args<'_>, _: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let literal = |name| args.text(name).and_then(Text::literal);
    if literal("path").is_some() && literal("path") == literal("to") {
        let same = Diagnostic::error(args.place("to"), "`path` and `to` are the same");
        return Err(vec![same.hint("`path` is the link that is made, and `to` what it leads to")]);
    }
    Ok(())
}
