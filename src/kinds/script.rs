//! `script`: several lines of shell, by `sh` or by the shell that is asked for.

use super::args::finish;
use super::command::subject;
use super::{Args, Effect, Field, Kind, Need, Recipe, Shape};
use crate::script::Script;
use crate::source::Diagnostic;

/// The shells that may be asked for: all of them read POSIX shell, which the runner's own words are written in.
const SHELLS: &[&str] = &["sh", "bash", "dash", "ksh", "zsh"];

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    name: "script",
    summary: "Runs several lines of shell on the host, stopping at the first that fails (`set -eu`).",
    check: "none of its own: give the step `unless`, `only_if`, `creates` or `when_changed`",
    fields: &[
        Field {
            name: "text",
            shape: Shape::Shell,
            required: true,
            doc: "The lines; every value in them arrives as one word.",
        },
        Field {
            name: "shell",
            shape: Shape::OneOf(SHELLS),
            required: false,
            doc: "The shell that reads them; `sh` where nothing is said.",
        },
    ],
    short: Some("text"),
    example: "\
- name: Copy the connector to the bucket
  script: |
    cd ~/kafka-connect-s3
    aws s3 cp connector.zip s3://user-12c0d092d679-bucket/kafka-connect-s3/
  unless: aws s3 ls s3://user-12c0d092d679-bucket/kafka-connect-s3/connector.zip
",
    compile,
};

fn compile(args: &Args<'_>) -> Result<Recipe, Vec<Diagnostic>> {
    let mut faults = Vec::new();
    let text = args.shell("text").cloned().unwrap_or_default();
    if text.as_str().trim().is_empty() {
        faults.push(Diagnostic::error(args.place("text"), "the script is empty"));
    }
    let shell = args.text("shell").and_then(|text| text.literal()).unwrap_or("sh");
    let interpreter = SHELLS.iter().copied().find(|known| *known == shell);
    if interpreter.is_none() {
        let fault = Diagnostic::error(args.place("shell"), format!("`{shell}` is no shell that a script can ask for"));
        faults.push(fault.hint(format!("one of {}", SHELLS.join(", "))));
    }
    let mut apply = Script::fill("set -eu", &[]);
    apply.line(&Script::author(text.as_str().trim_end()));
    let needs = needs(interpreter.unwrap_or("sh"));
    let effect = interpreter.filter(|shell| *shell != "sh").map_or(Effect::None, Effect::Interpreter);
    finish(Recipe { subject: subject(text.as_str()), apply, needs, effect, ..Recipe::default() }, faults)
}

/// The shell itself, where it is not the `sh` that every host has.
fn needs(shell: &str) -> Vec<Need> {
    let hint = "install that shell in an earlier step, or write the script for `sh`";
    let any_of: &'static [&'static str] = match shell {
        "bash" => &["bash"],
        "dash" => &["dash"],
        "ksh" => &["ksh"],
        "zsh" => &["zsh"],
        _ => return Vec::new(),
    };
    vec![Need { any_of, hint }]
}
