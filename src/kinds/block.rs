//! `block`: some lines of a text file between two marks of their own.
//!
//! The marks say what is pinboot's in a file that others write too. Blocks of other names may stand around this one or inside of it.
//! What stands inside is left alone, and never stands for a part of this block.

use super::candidate::edited;
use super::doubt::tilde_doubts;
use super::ere::ERE;
use super::field::{boolean, one_of, path, text, validate};
use super::file::PATH;
use super::rule::not_when;
use super::{Args, Kind, Pattern, Recipe, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// The lines that begin and end a block: both in one.
const MARKER: Pattern = Pattern {
    what: "marker",
    fits: |marker| marker.matches("{mark}").count() == 1 && marker.trim() != "{mark}" && !marker.contains(['\n', '\r']),
    on_host: "case $pb_value in *{mark}*{mark}* | *'\n'* | *'\r'* | '{mark}' | ' '* | *' ' | '\t'* | *'\t') false ;; *{mark}*) ;; *) false ;; esac",
    hint: "a comment of the file with `{mark}` in it, which becomes BEGIN and END: \"# {mark} kafka\", \"<!-- {mark} kafka -->\"",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Sees to some lines of a text file between two marks, and leaves the others as they are.",
    check: "the marked block is there once, whole, and holds these lines",
    fields: &[
        path("path", "The file's path on the host.").required().matching(&PATH),
        text("block", "The lines.").keeps_secrets(),
        text("marker", "The two lines around them: `{mark}` becomes BEGIN and END. Each block of a file needs its own.")
            .matching(&MARKER)
            .default("# {mark} pinboot"),
        text(
            "after",
            "A regular expression (POSIX extended, as awk reads it): a new block stands behind the last line that fits; by default at the end.",
        )
        .matching(&ERE),
        one_of("state", &["present", "absent"], "Whether it is there.").default("present"),
        boolean("create", "Make the file where it is missing; by default that is a failure."),
        validate("path"),
    ],
    rules: &[
        not_when("after", When::Is("state", "absent")),
        not_when("create", When::Is("state", "absent")),
        not_when("block", When::Is("state", "absent")),
    ],
    subject: "path",
    shell: include_str!("block.sh"),
    example: "\
- name: Name the brokers
  block:
    path: /etc/hosts
    marker: \"# {mark} brokers\"
    block: |
      10.0.0.11 b-1.example.org
      10.0.0.12 b-2.example.org
  sudo: true
",
    doubts: |args| tilde_doubts(args, "block"),
    hook: Some(hook),
    ..Kind::named("block")
};

fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let is_absent = args.text("state").and_then(Text::literal) == Some("absent");
    let text = |name: &str| args.text(name).cloned().unwrap_or_default();
    let (block, marker) = (text("block"), text("marker"));
    let (opening, closing) = (marked(&marker, "BEGIN"), marked(&marker, "END"));
    let mut wrong = Vec::new();
    if !is_absent && block.raw().trim().is_empty() {
        let empty = Diagnostic::error(args.place("block"), "`block` needs the lines that are to be there");
        wrong.push(empty.hint("add `block`, or write `state: absent`"));
    }
    if block.raw().contains('\r') {
        let odd = Diagnostic::error(args.place("block"), "`block` holds a carriage return");
        wrong.push(odd.hint("remove it: the lines end as those of the file do"));
    }
    if block.raw().lines().any(|line| line == opening.raw() || line == closing.raw()) {
        let inner = Diagnostic::error(args.place("block"), "the marks of the block stand in its own lines");
        wrong.push(inner.hint("remove them: pinboot writes them around the lines"));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    // Lines are data: no `~/` in them becomes a home.
    recipe.set("block", Script::author(block.quote_exactly()));
    let path = text("path");
    recipe.equivalent_commands =
        Some(edited(args, &path, &commands(&path, &opening, &closing, (!is_absent).then_some(&block))));
    Ok(())
}

/// One of the two marks.
fn marked(marker: &Text, word: &str) -> Text {
    Text::new(marker.raw().replace("{mark}", word))
}

/// What prints the new text, as a person would type it.
fn commands(path: &Text, opening: &Text, closing: &Text, block: Option<&Text>) -> Script {
    let block_text = block.map(|block| Text::new(block.raw().trim_end_matches('\n'))).unwrap_or_default();
    let exact = |text: &Text| Script::author(text.quote_exactly());
    Script::fill_with(
        if block.is_some() {
            "{ B=@{opening} E=@{closing} awk '$0 == ENVIRON[\"B\"] { own = 1 } !own; $0 == ENVIRON[\"E\"] { own = 0 }' @{path}; printf '%s\\n' @{opening} @{block} @{closing}; }"
        } else {
            "B=@{opening} E=@{closing} awk '$0 == ENVIRON[\"B\"] { own = 1 } !own; $0 == ENVIRON[\"E\"] { own = 0 }' @{path}"
        },
        |name| match name {
            "opening" => exact(opening),
            "closing" => exact(closing),
            "block" => exact(&block_text),
            _ => Script::quoted(path),
        },
    )
}
