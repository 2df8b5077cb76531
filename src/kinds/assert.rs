//! `assert`: what must hold on the host before the steps behind it make sense.

use super::field::{shell, text};
use super::{Kind, When};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Ends the run of a host where something does not hold there, with a sentence that says why. It changes nothing.",
    check: "none: it is asked in each run, with `--check` too. Where the shell ends with status 0 the step is unchanged, and otherwise it has failed",
    fields: &[
        shell("that", "Shell for the host that must succeed.").required(),
        text("message", "What a user reads where it does not."),
    ],
    short: Some("that"),
    subject: "that",
    asks: true,
    shell: include_str!("assert.sh"),
    commands: &[(When::Always, "sh -c @{that}")],
    example: "\
- name: There is room for the logs
  assert:
    that: test \"$(df -Pk /var | awk 'NR == 2 { print $4 }')\" -gt 1000000
    message: Less than 1 GB is free below /var. Make room there, or mount a larger disk.
",
    ..Kind::named("assert")
};
