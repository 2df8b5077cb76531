//! `script`: several lines of shell, by `sh` or by the shell that is asked for.

use super::command::first_words;
use super::doubt::ends_with_the_step;
use super::field::{one_of, shell};
use super::{Args, Effect, Kind, Need, Recipe, When};
use crate::script::Script;
use crate::source::Diagnostic;

/// The shells that may be asked for: all of them read POSIX shell, which the runner's own words are written in.
const SHELLS: &[&str] = &["sh", "bash", "dash", "ksh", "zsh"];

/// What to do on a host without the shell.
const HINT: &str = "install that shell in an earlier step, or write the script for `sh`";

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Runs several lines of shell on the host, stopping at the first that fails (`set -eu`).",
    check: "none of its own: give the step `unless`, `only_if`, `creates` or `when_changed`",
    fields: &[
        shell("text", "The lines; every value in them arrives as one word.").required(),
        one_of("shell", SHELLS, "The shell that reads them.").default("sh"),
    ],
    short: Some("text"),
    needs: &[
        Need::one_of(&["bash"], HINT).when(When::Is("shell", "bash")),
        Need::one_of(&["dash"], HINT).when(When::Is("shell", "dash")),
        Need::one_of(&["ksh"], HINT).when(When::Is("shell", "ksh")),
        Need::one_of(&["zsh"], HINT).when(When::Is("shell", "zsh")),
    ],
    effect: interpreter,
    example: "\
- name: Copy the connector to the bucket
  script: |
    cd ~/kafka-connect-s3
    aws s3 cp connector.zip s3://user-12c0d092d679-bucket/kafka-connect-s3/
  unless: aws s3 ls s3://user-12c0d092d679-bucket/kafka-connect-s3/connector.zip
",
    doubts: |args| {
        let text = args.shell("text").map_or("", Script::as_str);
        ends_with_the_step("text", text).into_iter().collect()
    },
    hook: Some(hook),
    ..Kind::named("script")
};

fn interpreter(args: &Args<'_>) -> Effect {
    let wanted = args.text("shell").and_then(|shell| shell.literal());
    let shell = SHELLS.iter().copied().find(|shell| Some(*shell) == wanted && *shell != "sh");
    shell.map_or(Effect::None, Effect::Interpreter)
}

#[expect(clippy::unnecessary_wraps, reason = "a hook may refuse what it is given")]
fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let text = args.shell("text").map_or("", Script::as_str);
    recipe.subject = first_words(text);
    recipe.apply = Script::fill("set -eu", &[]);
    recipe.apply.line(&Script::author(text.trim_end()));
    Ok(())
}
