//! `command`: one line for the host's `sh`.

use super::doubt::ends_with_the_step;
use super::field::shell;
use super::{Args, Kind, Recipe};
use crate::script::Script;
use crate::source::Diagnostic;

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Runs one line of shell on the host.",
    check: "none of its own: give the step `unless`, `only_if`, `creates` or `when_changed`",
    fields: &[shell("line", "The line, for the host's `sh`; every value in it arrives as one word.").required()],
    short: Some("line"),
    example: "\
- name: Make the folder of the connector
  command: mkdir -p ~/kafka-connect-s3
  creates: ~/kafka-connect-s3
",
    doubts: |args| {
        let line = args.shell("line").map_or("", Script::as_str);
        ends_with_the_step("line", line).into_iter().collect()
    },
    hook: Some(hook),
    ..Kind::named("command")
};

fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let line = args.shell("line").map_or("", |line| line.as_str().trim());
    if line.contains('\n') {
        let several = Diagnostic::error(args.place("line"), "a `command` is one line, and this has several");
        return Err(vec![several.hint("use `script` for several lines; fold one long line with `>-`")]);
    }
    recipe.subject = first_words(line);
    recipe.apply = Script::author(line);
    Ok(())
}

/// The first words of a piece of shell, for a person.
pub(super) fn first_words(shell: &str) -> String {
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
    use super::first_words;

    #[test]
    fn a_subject_is_the_first_words() {
        assert_eq!(first_words("touch a  b"), "touch a b");
        assert_eq!(first_words("# why\n\ncd x\nmake"), "cd x …");
        assert_eq!(first_words(&"word ".repeat(40)), "word word word word word word word word word …");
        assert_eq!(first_words(""), "");
    }
}
