//! Units of a real systemd: started, restarted where something has changed, and those that do not stay alive.

use crate::guest::{Guest, Init};

/// A template, a unit that works and ends, and one of the user; `@config@` and `@seconds@` are what changes.
const UNITS: &str = r#"
  - name: The template
    id: unit
    file:
      path: /etc/systemd/system/web@.service
      content: |
        [Service]
        ExecStart=/bin/sleep @seconds@
        [Install]
        WantedBy=multi-user.target
    sudo: true
  - { name: The configuration, id: config, file: { path: /etc/web.conf, content: "@config@\n" }, sudo: true }
  - name: Serve
    service: { name: web@one, state: started, enabled: true, restart_on: [unit, config] }
  - name: What ends
    file:
      path: /etc/systemd/system/once.service
      content: "[Service]\nType=oneshot\nExecStart=/bin/touch /run/once\n[Install]\nWantedBy=multi-user.target\n"
    sudo: true
  - { name: Do it once, service: { name: once, state: started, enabled: true } }
  - { name: Never, service: { name: web@two, masked: true } }
  - { name: None, service: { name: no-such-unit, state: stopped, enabled: false } }
  - name: The user's own
    file: { path: ~/.config/systemd/user/mine.service, content: "[Service]\nExecStart=/bin/sleep 1000\n" }
  - { name: Serve the user, service: { name: mine, state: started, user: true, restart_on: The user's own } }
"#;

/// Units that do not start, each with what is said of them.
const FAILS: [(&str, &str, &[&str]); 3] = [
    (
        "dies two seconds after its start",
        "ExecStart=/bin/sh -c 'echo the reason; sleep 2; exit 3'",
        &["it is failed (failed)", "the reason"],
    ),
    ("fails at once", "Type=oneshot\\nExecStart=/bin/sh -c 'echo the reason; exit 3'", &["the reason"]),
    (
        "is started again and again",
        "Restart=always\\nRestartSec=100ms\\nExecStart=/bin/sh -c 'echo the reason; exit 3'",
        &["does not run", "the reason"],
    ),
];

fn steps(guest: &Guest, config: &str, seconds: &str) {
    guest.steps(&UNITS.replace("@config@", config).replace("@seconds@", seconds));
}

/// What tells one start of the service from another.
fn start(guest: &Guest) -> String {
    guest.shell("systemctl show -p MainPID web@one; systemctl is-active web@one; systemctl is-enabled web@one once")
}

#[test]
fn units_are_as_they_shall_be() {
    let Some(guest) = Guest::start(Init::Systemd) else { return };
    steps(&guest, "one", "1000");
    guest.run(&[]).exits(0).says(&["8 changed", "1 unchanged"]);
    let first = start(&guest);
    assert!(first.ends_with("active\nenabled\nenabled\n"), "{first}");
    guest.shell("test -e /run/once && test \"$(readlink /etc/systemd/system/web@two.service)\" = /dev/null");
    // Nothing is left to do, and nothing is restarted.
    guest.run(&["--check"]).exits(0).says(&["9 unchanged"]);
    guest.run(&[]).exits(0).says(&["9 unchanged"]);
    assert_eq!(start(&guest), first);
    // A configuration, and a unit file that systemd has to read again: one restart each.
    steps(&guest, "two", "1000");
    guest.run(&[]).exits(0).says(&["2 changed", "7 unchanged"]);
    let second = start(&guest);
    assert_ne!(second, first);
    steps(&guest, "two", "2000");
    guest.run(&[]).exits(0).says(&["2 changed", "7 unchanged"]);
    assert_ne!(start(&guest), second);
    guest.shell("pgrep -fx '/bin/sleep 2000'; ! systemctl show -p NeedDaemonReload web@one | grep yes");
    // Units that do not stay alive.
    for (what, lines, says) in FAILS {
        guest.steps(&format!(
            "  - {{ name: A unit that {what}, file: {{ path: /etc/systemd/system/bad.service, content: \"[Service]\\n{lines}\\n\" }}, sudo: true }}\n  - {{ name: Start it, service: {{ name: bad, state: started }} }}\n"
        ));
        guest.run(&[]).exits(1).says(says);
        guest.shell("sudo systemctl stop bad || :");
    }
    guest.steps("  - { name: Stop it, service: { name: web@one, state: stopped, enabled: false } }\n  - { name: Not there, service: { name: no-such-unit, state: started } }\n");
    guest.run(&[]).exits(1).says(&["1 changed", "not found", "The host has no such unit"]);
    guest.shell("! systemctl is-active web@one && ! systemctl is-enabled web@one");
}
