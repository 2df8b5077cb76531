//! `line`: one line of a text file.
//!
//! The check reads the file as its programs do: lines that are comments do not count, and of those that are left exactly one may
//! fit `match`, and has to be `line` itself. What else stands in the file stays, byte for byte.

use super::candidate::edited;
use super::doubt::tilde_doubts;
use super::ere::{ERE, Ere};
use super::field::{boolean, one_of, path, text, validate};
use super::file::PATH;
use super::rule::{any_of, not_when};
use super::{Args, Kind, Pattern, Recipe, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// One line of a file, without its end.
pub(super) const ONE_LINE: Pattern = Pattern {
    what: "line",
    fits: |line| !line.is_empty() && !line.contains(['\n', '\r', '\0']),
    on_host: "case $pb_value in '' | *'\n'* | *'\r'*) false ;; esac",
    hint: "one line with something in it, without its end; several lines are a `block`",
};

/// The name of a section, as it stands between brackets.
pub(super) const SECTION: Pattern = Pattern {
    what: "name of a section",
    fits: |name| !name.trim().is_empty() && name.trim() == name && !name.contains(['[', ']', '\n', '\r']),
    on_host: "case $pb_value in '' | ' '* | *' ' | *[]['\t\n\r']* | *[!!-~' ']*) false ;; esac",
    hint: "write it without the brackets, as in `section: mysqld`",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Sees to one line of a text file, and leaves the others as they are.",
    check: "exactly one line that is not a comment fits `match`, and it is `line`",
    fields: &[
        path("path", "The file's path on the host.").required().matching(&PATH),
        text("line", "The line, without its end.").matching(&ONE_LINE).keeps_secrets(),
        text(
            "match",
            "A regular expression (POSIX extended, as awk reads it) that finds the line in its old forms; without it, `line` itself is looked for.",
        )
        .matching(&ERE),
        text("after", "A regular expression: a new line stands behind the last line that fits; by default at the end.")
            .matching(&ERE),
        text("section", "The section `[NAME]` in which the line is looked for, and to which it is added.")
            .matching(&SECTION),
        one_of("state", &["present", "absent"], "Whether it is there.").default("present"),
        boolean("create", "Make the file where it is missing; by default that is a failure."),
        validate("path"),
    ],
    rules: &[
        any_of(&["line", "match"]),
        not_when("after", When::Is("state", "absent")),
        not_when("create", When::Is("state", "absent")),
    ],
    subject: "path",
    shell: include_str!("line.sh"),
    example: "\
- name: Refuse passwords
  line:
    path: /etc/ssh/sshd_config
    match: ^PasswordAuthentication[[:space:]]
    line: PasswordAuthentication no
    validate: sshd -t -f {}
  sudo: true
",
    doubts: |args| tilde_doubts(args, "line"),
    hook: Some(hook),
    ..Kind::named("line")
};

fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let is_absent = args.text("state").and_then(Text::literal) == Some("absent");
    let (line, expression) = (args.text("line"), args.text("match"));
    if !is_absent && line.is_none() {
        let missing = Diagnostic::error(args.span, "`line` needs the line that is to be there");
        return Err(vec![missing.hint("add `line`, or write `state: absent`")]);
    }
    if !is_absent
        && let (Some(line), Some(expression)) = (line, expression)
        && let (Some(literal), Some(ere)) = (line.literal(), expression.literal().and_then(Ere::new))
        && !ere.is_in(literal)
    {
        let unfit =
            Diagnostic::error(args.place("match"), "`match` does not fit `line`, which would be added in each run");
        let unfit = unfit.related(args.place("line"), "the line");
        return Err(vec![
            unfit.hint("write it as far as the old line and the new one are alike, such as `^Port[[:space:]]`"),
        ]);
    }
    // A line is data: no `~/` in it becomes a home.
    if let Some(line) = line {
        recipe.set("line", Script::author(line.quote_exactly()));
    }
    let path = args.text("path").cloned().unwrap_or_default();
    recipe.equivalent_commands = Some(edited(args, &path, &commands(args, is_absent)));
    Ok(())
}

/// What prints the new text, as a person would type it.
fn commands(args: &Args<'_>, is_absent: bool) -> Script {
    let path = args.text("path").cloned().unwrap_or_default();
    let line = args.text("line").map_or_else(Script::default, |line| Script::author(line.quote_exactly()));
    let expression = args.text("match").cloned().unwrap_or_default();
    let word = |name: &str| match name {
        "line" => line.clone(),
        "match" => Script::author(expression.quote_exactly()),
        _ => Script::quoted(&path),
    };
    Script::fill_with(
        match (is_absent, args.is_given("match")) {
            (false, false) => "{ cat @{path}; printf '%s\\n' @{line}; }",
            (false, true) => {
                "L=@{line} M=@{match} awk '$0 ~ ENVIRON[\"M\"] { if (!n++) print ENVIRON[\"L\"]; next } { print } END { if (!n) print ENVIRON[\"L\"] }' @{path}"
            }
            (true, false) => "{ grep -vxFe @{line} @{path} || :; }",
            (true, true) => "{ grep -vEe @{match} @{path} || :; }",
        },
        word,
    )
}
