//! `service`: whether a service runs now and starts at boot, with systemd, OpenRC or init scripts; or, where there is none of these, a
//! process in the background.
//!
//! `restart_on` and `reload_on` name earlier steps. What these change stays owed to this step until it has succeeded; one restart or
//! start pays everything. The record of a background process, which tells it from a later one with the same number, is
//! `~/.pinboot/services/NAME` of the user that the step runs as.

use super::cause::Cause;
use super::field::{boolean, one_of, path, shell, steps, text};
use super::rule::{any_of, not_when, only_with};
use super::{Args, Kind, Need, Pattern, Recipe, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// What systemd takes for a unit's name, and the others for the name of a service.
const UNIT: Pattern = Pattern {
    what: "name of a service",
    fits: |name| {
        !name.is_empty()
            && !name.starts_with(['-', '.'])
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b))
    },
    on_host: "case $pb_value in '' | [-.]* | *[!A-Za-z0-9:_.@\\\\-]*) false ;; esac",
    hint: "write it as `systemctl list-unit-files` shows it, such as kafka or getty@tty1",
};

/// A unit and not a background process.
const IS_UNIT: When = When::Missing(&["command"]);

/// A background process.
const IS_PROCESS: When = When::Given(&["command"]);

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Starts, stops, enables and restarts a service: a unit of systemd, a service of OpenRC or an init script, or a process in the background.",
    check: "what the service manager says of it (`systemctl show`: loaded, active, enabled, and whether its unit file has changed since), and whether a change that it waits for has not been acted on; of a background process, that it is the one that was started, and with this command",
    fields: &[
        text("name", "The service, such as `kafka`.").required().matching(&UNIT),
        one_of(
            "state",
            &["started", "stopped"],
            "Whether it runs now; with `restart_on`, `reload_on` or `command` it is `started` unless this says otherwise.",
        ),
        boolean("enabled", "Whether it starts at boot."),
        boolean("masked", "Whether systemd refuses to start it at all."),
        steps("restart_on", "Names or ids of earlier steps: the service is restarted once where one of them has changed something."),
        steps("reload_on", "The same, for changes after which it only has to read its configuration again."),
        boolean("user", "A unit of the user that the step runs as (`systemctl --user`).").default("false"),
        shell(
            "command",
            "What runs in the background instead of a unit, on a host without an init system: in the foreground of its own shell, without `&` or `-daemon`.",
        ),
        path("log", "The file to which the output of `command` is added; by default `~/.pinboot/services/NAME.log`."),
    ],
    rules: &[
        any_of(&["state", "enabled", "masked", "restart_on", "reload_on", "command"]),
        not_when("enabled", IS_PROCESS).hint("a process in the background does not outlive a reboot: write a unit, or an `@reboot` line of cron"),
        not_when("masked", IS_PROCESS),
        not_when("user", IS_PROCESS).hint("`run_as` says whose process it is"),
        not_when("masked", When::Is("state", "started")).hint("a masked unit cannot be started"),
        not_when("masked", When::Is("enabled", "true")).hint("a masked unit cannot be enabled"),
        only_with("log", "command"),
    ],
    subject: "name",
    needs: &[
        Need::one_of(
            &["systemctl", "rc-service", "service"],
            "this host has no systemd, no OpenRC and no `service`: give the step a `command`, which then runs in the background",
        )
        .when(IS_UNIT),
        Need::one_of(&["setsid"], "install util-linux, whose `setsid` a process in the background is started with").when(IS_PROCESS),
    ],
    needs_root: When::All(&[IS_UNIT, When::Is("user", "false")]),
    shell: include_str!("service.sh"),
    commands: &[
        (When::All(&[SYSTEM, When::Is("masked", "false")]), "systemctl unmask @{name}"),
        (When::All(&[SYSTEM, When::Is("enabled", "true")]), "systemctl enable @{name}"),
        (When::All(&[SYSTEM, When::Is("enabled", "false")]), "systemctl disable @{name}"),
        (When::All(&[SYSTEM, When::Is("state", "started")]), "systemctl start @{name}"),
        (When::All(&[SYSTEM, When::Is("state", "stopped")]), "systemctl stop @{name}"),
        (When::All(&[SYSTEM, When::Is("masked", "true")]), "systemctl mask @{name}"),
        (When::All(&[SYSTEM, When::Given(&["restart_on"])]), "systemctl restart @{name}    # where a step of restart_on has changed"),
        (When::All(&[SYSTEM, When::Given(&["reload_on"])]), "systemctl reload @{name}    # where a step of reload_on has changed"),
        (When::All(&[USERS, When::Is("masked", "false")]), "systemctl --user unmask @{name}"),
        (When::All(&[USERS, When::Is("enabled", "true")]), "systemctl --user enable @{name}"),
        (When::All(&[USERS, When::Is("enabled", "false")]), "systemctl --user disable @{name}"),
        (When::All(&[USERS, When::Is("state", "started")]), "systemctl --user start @{name}"),
        (When::All(&[USERS, When::Is("state", "stopped")]), "systemctl --user stop @{name}"),
        (When::All(&[USERS, When::Is("masked", "true")]), "systemctl --user mask @{name}"),
        (When::All(&[USERS, When::Given(&["restart_on"])]), "systemctl --user restart @{name}    # where a step of restart_on has changed"),
        (When::All(&[USERS, When::Given(&["reload_on"])]), "systemctl --user reload @{name}    # where a step of reload_on has changed"),
    ],
    causes: &[
        Cause {
            words: &["is masked"],
            sentence: "The unit is masked, and systemd refuses to start it: `masked: false` takes that back.",
        },
        Cause {
            words: &["unit", "not found"],
            sentence: "The host has no such unit: compare the name with `systemctl list-unit-files`; a package or a `file` in an earlier step brings it.",
        },
        Cause {
            words: &["unrecognized service"],
            sentence: "The host has no init script of that name: look into /etc/init.d; a package in an earlier step brings it.",
        },
        Cause {
            words: &["failed to connect to", "bus"],
            sentence: "No systemd answers there: for units of a user, that user must be logged in or have lingering on (`loginctl enable-linger USER`).",
        },
    ],
    example: "\
- name: Configure Kafka
  id: config
  file: { path: /etc/kafka/server.properties, content: \"broker.id=1\\n\" }
  sudo: true
- name: Run Kafka
  service: { name: kafka, state: started, enabled: true, restart_on: [config] }
",
    hook: Some(complete),
    ..Kind::named("service")
};

/// A unit of the system.
const SYSTEM: When = When::All(&[IS_UNIT, When::Is("user", "false")]);

/// A unit of a user.
const USERS: When = When::All(&[IS_UNIT, When::Is("user", "true")]);

/// Where nothing is said of the state, what is restarted is meant to run; and what is typed for a process in the background.
#[expect(clippy::unnecessary_wraps, reason = "the form of a hook, which may refuse fields")]
fn complete(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    if !args.is_given("state") && ["restart_on", "reload_on", "command"].iter().any(|field| args.is_given(field)) {
        recipe.set("state", Script::quoted(&Text::from("started")));
    }
    let Some(command) = args.shell("command") else { return Ok(()) };
    let name = args.text("name").map(Text::raw).unwrap_or_default();
    let record = Text::new(format!("~/.pinboot/services/{name}"));
    let own = Text::new(format!("~/.pinboot/services/{name}.log"));
    let log = args.text("log").unwrap_or(&own);
    let typed = if args.text("state").and_then(Text::literal) == Some("stopped") {
        Script::fill("kill $(cut -d ' ' -f 1 @{record})", &[("record", &record)])
    } else {
        let to = Script::fill("< /dev/null >>@{log} 2>&1 &", &[("log", log)]);
        Script::author(format!("setsid nohup sh -c {} {}", command.as_word(), to.as_str()))
    };
    recipe.equivalent_commands = Some(typed);
    Ok(())
}
