//! `service`: whether a systemd unit runs now, and whether it starts at boot.

use super::cause::Cause;
use super::field::{boolean, one_of, text};
use super::rule::any_of;
use super::{Kind, Need, Pattern, When};

/// What systemd takes for a unit's name.
const UNIT: Pattern = Pattern {
    what: "unit name",
    fits: |name| {
        !name.is_empty()
            && !name.starts_with('-')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b))
    },
    on_host: "case $pb_value in '' | -* | *[!A-Za-z0-9:_.@\\\\-]*) false ;; esac",
    hint: "write the unit as `systemctl list-unit-files` shows it, such as kafka or getty@tty1",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Starts or stops a systemd unit, now and at boot.",
    check: "the unit is active and enabled as wanted",
    fields: &[
        text("name", "The unit, such as `kafka`.").required().matching(&UNIT),
        one_of("state", &["started", "stopped"], "Whether it runs now."),
        boolean("enabled", "Whether it starts at boot."),
    ],
    rules: &[any_of(&["state", "enabled"])],
    subject: "name",
    needs: &[Need::one_of(&["systemctl"], "this host does not run systemd; use `script` instead")],
    needs_root: When::Always,
    shell: include_str!("service.sh"),
    commands: &[
        (When::Is("enabled", "true"), "systemctl enable @{name}"),
        (When::Is("enabled", "false"), "systemctl disable @{name}"),
        (When::Is("state", "started"), "systemctl start @{name}"),
        (When::Is("state", "stopped"), "systemctl stop @{name}"),
    ],
    causes: &[Cause {
        words: &["unit", "not found"],
        sentence: "The host has no such unit: compare the name with `systemctl list-unit-files`.",
    }],
    example: "\
- name: Run Kafka
  service: { name: kafka, state: started, enabled: true }
",
    ..Kind::named("service")
};
