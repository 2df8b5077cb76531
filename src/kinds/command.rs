//! `command`: one line for the host's `sh`.

use super::args::finish;
use super::{Args, Field, Kind, Recipe, Shape};
use crate::script::Script;
use crate::source::Diagnostic;

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    name: "command",
    summary: "Runs one line of shell on the host.",
    check: "none of its own: give the step `unless`, `only_if`, `creates` or `when_changed`",
    fields: &[Field {
        name: "line",
        shape: Shape::Shell,
        required: true,
        doc: "The line, for the host's `sh`; every value in it arrives as one word.",
    }],
    short: Some("line"),
    example: "\
- name: Make the folder of the connector
  command: mkdir -p ~/kafka-connect-s3
  creates: ~/kafka-connect-s3
",
    compile,
};

fn compile(args: &Args<'_>) -> Result<Recipe, Vec<Diagnostic>> {
    let mut faults = Vec::new();
    let script = args.shell("line").cloned().unwrap_or_default();
    let line = script.as_str().trim();
    if line.is_empty() {
        faults.push(Diagnostic::error(args.place("line"), "the command is empty"));
    } else if line.contains('\n') {
        let fault = Diagnostic::error(args.place("line"), "a `command` is one line, and this has several");
        faults.push(fault.hint("use `script` for several lines; fold one long line with `>-`"));
    }
    finish(Recipe { subject: subject(line), apply: Script::author(line), ..Recipe::default() }, faults)
}

/// The first words of a piece of shell, for a person.
pub(super) fn subject(shell: &str) -> String {
    const LENGTH: usize = 48;
    let mut lines = shell.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next().unwrap_or_default();
    let mut out = String::new();
    for word in first.split_whitespace() {
        if !out.is_empty() && out.chars().count() + 1 + word.chars().count() > LENGTH {
            return out + " …";
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().take(LENGTH));
    }
    if lines.next().is_some() {
        out.push_str(" …");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::subject;

    #[test]
    fn a_subject_is_the_first_words() {
        assert_eq!(subject("touch a  b"), "touch a b");
        assert_eq!(subject("# why\n\ncd x\nmake"), "cd x …");
        assert_eq!(subject(&"word ".repeat(40)), "word word word word word word word word word …");
        assert_eq!(subject(""), "");
    }
}
