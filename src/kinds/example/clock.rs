//! `clock`: the time zone of the host, and whether it takes the time from the network.

use super::cause::Cause;
use super::field::{boolean, one_of, text};
use super::rule::any_of;
use super::{Kind, Need, Pattern, When};

/// The name of a time zone, as it is below /usr/share/zoneinfo.
const ZONE: Pattern = Pattern {
    what: "time zone",
    fits: |zone| !zone.is_empty() && zone.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+-".contains(&b)),
    on_host: "case $pb_value in '' | *[!A-Za-z0-9/_+-]*) false ;; esac",
    hint: "write it as `timedatectl list-timezones` shows it, such as Europe/Vienna or UTC",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Sets the time zone of the host, and whether it takes the time from the network.",
    check: "the zone and the synchronisation are as wanted",
    fields: &[
        text("zone", "The time zone, such as `Europe/Vienna`.").matching(&ZONE),
        boolean("ntp", "Whether the time comes from the network."),
        one_of("rtc", &["utc", "local"], "What the clock of the machine shows."),
    ],
    rules: &[any_of(&["zone", "ntp", "rtc"])],
    subject: "zone",
    needs: &[Need::one_of(&["timedatectl"], "this host does not run systemd; link /etc/localtime instead")],
    needs_root: When::Always,
    shell: include_str!("clock.sh"),
    commands: &[
        (When::Given(&["zone"]), "timedatectl set-timezone @{zone}"),
        (When::Given(&["ntp"]), "timedatectl set-ntp @{ntp}"),
        (When::Is("rtc", "utc"), "timedatectl set-local-rtc 0"),
        (When::Is("rtc", "local"), "timedatectl set-local-rtc 1"),
    ],
    causes: &[Cause {
        words: &["invalid time zone"],
        sentence: "The host has no such time zone: compare the name with `timedatectl list-timezones`.",
    }],
    example: "\
- name: Set the clock
  clock: { zone: Europe/Vienna, ntp: true }
",
    ..Kind::named("clock")
};
