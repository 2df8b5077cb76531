//! The kind `reboot`, on a host whose boot id is a file of the test's, and whose `systemctl` tells the test to do the rest.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{Elsewhere, address, cut_power, runs_there};
use crate::faults::world::{Printed, World, until};

/// A world whose host can be asked to reboot.
fn world(steps: &str) -> Option<World> {
    let world = World::with(|options, home| {
        let bin = home.join("bin");
        fs::create_dir(&bin).expect("a folder");
        let systemctl = format!("#!/bin/sh\necho \"$*\" >>'{}'\n", home.join("asked").display());
        // The user who runs the tests is root or not; the host's user may act as root either way.
        let sudo = "#!/bin/sh\nwhile :; do case $1 in -n | -H) shift ;; --) shift; break ;; *) break ;; esac; done\nexec \"$@\"\n";
        for (name, text) in [("systemctl", systemctl.as_str()), ("sudo", sudo), ("reboot", "#!/bin/sh\nexit 1\n")] {
            fs::write(bin.join(name), text).expect("a stand-in");
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).expect("chmod");
        }
        fs::write(home.join("boot_id"), "boot-1\n").expect("a boot id");
        options
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()))
            .env("pb_boot_file", home.join("boot_id").display().to_string())
    })?;
    world.steps(steps);
    Some(world)
}

/// What the host does when it reboots: everything on it ends, and another boot starts.
fn reboot(world: World) -> World {
    until("the host is asked to reboot", || !world.read("asked").is_empty());
    assert_eq!(world.read("asked"), "reboot\n");
    world.server.kill_sessions();
    cut_power(&world);
    fs::write(world.there("boot_id"), "boot-2\n").expect("a boot id");
    World { server: world.server.restart(), ..world }
}

const STEPS: &str = "
  - { name: Once, command: echo x >>~/once; echo '  a word ', register: word }
  - { name: Set, export: { PB_TEST_KEPT: it is kept } }
  - { name: There, command: touch ~/wrong, creates: ~/boot_id }
  - { name: Left out, command: touch ~/wrong, only_if: 'grep -q boot-2 ~/boot_id' }
  - { name: Reboot, reboot: for the test, when_changed: [Once] }
  - { name: After, command: 'echo \"$PB_TEST_KEPT\" {{ word }} >~/after', always: true }
  - { name: Marked, command: touch ~/marked, when_changed: [Once] }
  - { name: Not marked, command: touch ~/wrong, when_changed: [There] }
";

#[test]
fn the_run_goes_on_in_the_next_boot() {
    let Some(world) = world(STEPS) else { return };
    let run = world.start(&["--json"]);
    let world = reboot(world);
    let printed = run.finish().exits(0);
    let outcomes: Vec<String> = printed
        .stdout
        .lines()
        .map(crate::faults::world::parse)
        .filter(|event| event["kind"] == "step_finished")
        .map(|event| event["outcome"].as_str().expect("an outcome").to_owned())
        .collect();
    assert_eq!(
        outcomes,
        ["changed", "changed", "unchanged", "skipped", "changed", "changed", "changed", "skipped"],
        "{}",
        printed.stdout
    );
    assert_eq!(world.read("once"), "x\n", "what was done is not done again");
    assert_eq!(world.read("after"), "it is kept a word\n");
    assert!(world.there("marked").exists() && !world.there("wrong").exists());
    assert_eq!(world.read("asked"), "reboot\n", "it rebooted once");
    let journal = world.journal().join(" ");
    assert_eq!(journal.matches("host_lost host_regained").count(), 1, "{journal}");
    assert_eq!(runs_there(&world).len(), 1);
}

#[test]
fn a_host_that_does_not_reboot_in_time_is_a_failure() {
    let Some(world) = world(
        "  - { name: Reboot, reboot: {}, timeout: 1s }\n  - { name: After, command: touch ~/after, always: true }\n",
    ) else {
        return;
    };
    world.run(&[]).exits(1).says(&["the host did not reboot in time", "same boot as before"]);
    assert!(!world.there("after").exists());
    until("it is asked to reboot", || world.read("asked") == "reboot\n");
}

#[test]
fn another_machine_sees_the_reboot_through() {
    let Some(world) = world(STEPS) else { return };
    let run = world.start(&[]);
    until("the host is asked to reboot", || !world.read("asked").is_empty());
    run.kill();
    let world = reboot(world);
    let elsewhere = Elsewhere::new(&world);
    elsewhere
        .reach(&world, &["attach", &address(&world), "--playbook", "p.yaml"])
        .exits(0)
        .says(&["Reboot", "5 changed"]);
    assert_eq!((world.read("asked"), world.read("once")), ("reboot\n".into(), "x\n".into()));
}

#[test]
fn a_rerun_sees_the_reboot_through() {
    let Some(world) = world(STEPS) else { return };
    let run = world.start(&[]);
    until("the host is asked to reboot", || !world.read("asked").is_empty());
    run.kill();
    let world = reboot(world);
    let printed: Printed = world.pinboot(&["rerun"]).exits(0);
    printed.says(&["Reboot"]);
    assert_eq!((world.read("asked"), world.read("once")), ("reboot\n".into(), "x\n".into()));
    assert_eq!(world.read("after"), "it is kept a word\n");
}
