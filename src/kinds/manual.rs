//! `manual`: something that a person must do, told with all values in place, and checked where it can be.

use super::args::finish;
use super::command::subject;
use super::{Args, Effect, Field, Kind, Manual, Recipe, Shape};
use crate::script::Script;
use crate::source::Diagnostic;

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    name: "manual",
    summary: "Tells a person what to do by hand, and goes on, or waits until it is done.",
    check: "`check` succeeds; without a `check` the text is shown each time",
    fields: &[
        Field { name: "text", shape: Shape::Text, required: true, doc: "What to do, in words for a person." },
        Field {
            name: "check",
            shape: Shape::Shell,
            required: false,
            doc: "Shell for the host: success means that it has been done. What it prints on standard output is dropped.",
        },
        Field {
            name: "wait",
            shape: Shape::Bool,
            required: false,
            doc: "Hold the run until the check passes, instead of going on.",
        },
    ],
    short: Some("text"),
    example: "\
- name: Let the role trust itself
  manual:
    check: aws sts assume-role --role-arn arn:aws:iam::584739742957:role/reader --role-session-name pinboot
    text: |
      In the IAM console: Roles, the role, Trust relationships, Edit trust policy: add the role itself as a principal.
",
    compile,
};

fn compile(args: &Args<'_>) -> Result<Recipe, Vec<Diagnostic>> {
    let mut faults = Vec::new();
    let text = args.required("text", &mut faults);
    let wait = args.flag("wait", false);
    let author = args.shell("check").filter(|shell| !shell.as_str().trim().is_empty());
    if wait && author.is_none() {
        let fault = Diagnostic::error(args.key("wait").unwrap_or(args.span), "`wait` has nothing to wait for");
        faults.push(fault.hint("add a `check`: shell that succeeds once it has been done"));
    }
    let check = author.map(|author| {
        // The author's shell may print what nobody may see (`aws sts assume-role` prints credentials), so its standard
        // output goes nowhere. It stands in no condition, where `set -e` would be without effect.
        let mut check = Script::fill("set +e\n(\nset -eu", &[]);
        check.line(&Script::author(author.as_str().trim_end()));
        check.line(&Script::fill(") > /dev/null\n[ $? -eq 0 ] || not_so", &[]));
        check
    });
    let subject = subject(&text.display());
    finish(Recipe { subject, check, effect: Effect::Manual(Manual { text, wait }), ..Recipe::default() }, faults)
}
