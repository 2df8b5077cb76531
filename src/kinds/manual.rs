//! `manual`: something that a person must do. The text is shown with all values in place, and checked where it can be.

use super::command::first_words;
use super::field::{boolean, shell, text};
use super::rule::only_with;
use super::{Args, Effect, Guard, Kind, Manual, Recipe};
use crate::script::Script;
use crate::source::Diagnostic;

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Shows a person what to do, and continues, or waits until it is done.",
    check: "`check` succeeds; without a `check` the text is shown each time",
    fields: &[
        text("text", "What to do, in words for a person.").required().keeps_secrets(),
        shell("check", "Shell for the host: success means that it has been done. Its standard output is discarded."),
        boolean("wait", "Hold the run until the check passes."),
    ],
    rules: &[only_with("wait", "check").hint("add a `check`: shell that succeeds once it has been done")],
    short: Some("text"),
    effect: |args| {
        Effect::Manual(Manual { text: args.text("text").cloned().unwrap_or_default(), wait: args.flag("wait") })
    },
    example: "\
- name: Let the role trust itself
  manual:
    check: aws sts assume-role --role-arn arn:aws:iam::584739742957:role/reader --role-session-name pinboot
    text: |
      In the IAM console: Roles, the role, Trust relationships, Edit trust policy: add the role itself as a principal.
",
    hook: Some(hook),
    ..Kind::named("manual")
};

#[expect(clippy::unnecessary_wraps, reason = "a hook may refuse what it is given")]
fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    recipe.subject = args.text("text").map_or_else(String::new, |text| first_words(&text.display()));
    recipe.check = args.shell("check").filter(|shell| !shell.as_str().trim().is_empty()).map(|author| {
        // The author's shell may print what must stay secret (`aws sts assume-role` prints credentials), so its
        // standard output is discarded.
        Script::author(Guard { name: "check", shell: author }.ask("", "needs_change", "> /dev/null"))
    });
    Ok(())
}
