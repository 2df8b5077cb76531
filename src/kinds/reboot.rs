//! `reboot`: the host reboots, and the run goes on in its next boot.

use super::args::finish;
use super::{Args, Effect, Field, Kind, Recipe, Shape};
use crate::script::Script;
use crate::source::Diagnostic;

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    name: "reboot",
    summary: "Reboots the host, waits until it is back, and goes on with the next step.",
    check: "none of its own: give the step `only_if`, `unless` or `when_changed`, or it reboots in each run. It is done when the host says another boot id; after `timeout` (10 min by default) it has failed",
    fields: &[Field {
        name: "message",
        shape: Shape::Text,
        required: false,
        doc: "A line for whoever is logged in there.",
    }],
    short: Some("message"),
    example: "\
- name: Reboot into the new kernel
  reboot: the kernel was updated
  only_if: test -e /var/run/reboot-required
  timeout: 5m
",
    compile,
};

fn compile(args: &Args<'_>) -> Result<Recipe, Vec<Diagnostic>> {
    let message = args.text("message").cloned().unwrap_or_default();
    let mut apply = Script::fill("pb_reboot", &[]);
    apply.word(&message);
    let equivalent_commands = Some(Script::fill("systemctl reboot", &[]));
    let subject = "the host".to_owned();
    finish(
        Recipe { subject, apply, equivalent_commands, needs_root: true, effect: Effect::Reboots, ..Recipe::default() },
        Vec::new(),
    )
}
