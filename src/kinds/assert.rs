//! `assert`: what must hold on the host before the steps behind it make sense.

use super::field::{conditions, shell, text};
use super::rule::at_most_one;
use super::{Args, Kind, Recipe, When};
use crate::script::{Part, Script, Text};
use crate::source::Diagnostic;

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Ends the run of a host where something does not hold there, with a sentence that says why. It changes nothing.",
    check: "none: it is asked in each run, with `--check` too. Where the expressions are true, or the shell ends with status 0, the step is unchanged, and otherwise it has failed",
    fields: &[
        shell("that", "An expression as in `when`, or a list of them, that must be true; or shell for the host that must succeed.")
            .required()
            .or_expressions("holds"),
        conditions("holds", "The same as `that`, and never shell."),
        text("message", "What a user reads where it does not hold."),
    ],
    rules: &[at_most_one(&["that", "holds"])],
    short: Some("that"),
    asks: true,
    shell: include_str!("assert.sh"),
    commands: &[(When::Given(&["that"]), "sh -c @{that}")],
    example: "\
- name: The host is large enough
  assert:
    that: [host.memory >= 2048, host.arch == 'x86_64']
    message: Take an instance with 2 GB of memory or more.
- name: There is room for the logs
  assert: test \"$(df -Pk /var | awk 'NR == 2 { print $4 }')\" -gt 1000000
",
    hook: Some(complete),
    ..Kind::named("assert")
};

/// What the step is about, and what an expression is called where it does not hold.
#[expect(clippy::unnecessary_wraps, reason = "the form of a hook, which may refuse fields")]
fn complete(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let called = |text: &Text| match text.parts().next() {
        Some(Part::Host { written, .. }) => Text::from(written),
        _ => text.clone(),
    };
    let written: Vec<Text> = args.texts("holds").iter().map(called).collect();
    recipe.subject = match args.shell("that") {
        Some(shell) => shell.as_str().to_owned(),
        None => written.iter().map(Text::raw).collect::<Vec<_>>().join(", "),
    };
    if !written.is_empty() {
        recipe.set("written", Script::list(&written));
        // A user would ask the host for each fact in a way of its own.
        recipe.equivalent_commands = None;
    }
    Ok(())
}
