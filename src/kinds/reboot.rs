//! `reboot`: the host reboots, and the run continues in its next boot.

use super::field::text;
use super::{Effect, Kind, When};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Reboots the host, waits until it is back, and continues with the next step.",
    check: "none of its own: give the step `only_if`, `unless` or `when_changed`, or it reboots in each run. It is done when the host reports another boot id; after `timeout` (10 min by default) it has failed",
    fields: &[text("message", "A line for the users who are logged in there.")],
    short: Some("message"),
    subject: "the host",
    needs_root: When::Always,
    effect: |_| Effect::Reboots,
    shell: include_str!("reboot.sh"),
    commands: &[(When::Always, "systemctl reboot")],
    example: "\
- name: Reboot into the new kernel
  reboot: the kernel was updated
  only_if: test -e /var/run/reboot-required
  timeout: 5m
",
    ..Kind::named("reboot")
};
