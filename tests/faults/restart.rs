//! A host that really goes down and comes back: all of its processes end at once, nothing answers for a while, and the next
//! boot has the same disk, nothing in memory, and another boot id.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use super::world::{World, seen, until};
use crate::support::mounts;

cases! {
    a_step_with_a_check_is_asked_in_the_next_boot ["B5"] "the host goes down in a step with a check, before its work was done"
        => Text("0", "the check finds that out; the step is started again");
    a_step_with_a_check_is_asked_in_the_next_boot ["B5"] "the same, after its work was done" => Text("0", "the check finds that out; the step is not started again");
    a_step_without_a_check_is_unknown_in_the_next_boot ["B5"] "the host goes down in a step without a check"
        => Shown("restart_unknown", "step 2");
    a_step_without_a_check_is_unknown_in_the_next_boot ["B5"] "the same, then `rerun --assume done` and `--assume not-done`"
        => Text("0", "it is not started again; it is started again");
    a_step_says_itself_what_the_next_boot_does_with_it ["B5"] "the same, with `on_unknown: rerun` and `on_unknown: done`"
        => Text("0", "it is started again; it is not started again");
    a_reboot_that_is_wanted_is_one_that_happens ["B6"] "the kind `reboot`, on a host that then goes down"
        => Text("0", "the host is asked to reboot once; the run continues with the next step, and nothing is done twice");
    a_controller_that_dies_while_the_host_is_down_is_followed_by_another ["B5" "B6" "E3"]
        "the controller is killed while the host is down, for a reboot or on its own" => Text("0", "the rerun completes the run");
    a_rerun_resumes_on_a_host_that_came_back_too_late ["B5"] "the host is down for longer than --reconnect-for"
        => Shown("restart_late", "not restored");
}

/// A host of its own, which can go down; `systemctl` and its like tell the test what they were asked.
fn machine(steps: &str) -> Option<World> {
    mounts()?;
    let world = World::with(|options, home| {
        let bin = home.join("bin");
        fs::create_dir(&bin).expect("a folder");
        for name in ["systemctl", "reboot", "shutdown"] {
            let text = format!("#!/bin/sh\necho {name} \"$*\" >>'{}'\n", home.join("asked").display());
            fs::write(bin.join(name), text).expect("a stand-in");
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).expect("chmod");
        }
        options.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display())).machine()
    })?;
    world.steps(steps);
    Some(world)
}

/// Lets a client connect to the host in vain, and reports when it has.
fn is_called_in_vain(world: &World) {
    let listener = TcpListener::bind(("127.0.0.1", world.server.port)).expect("the host's port");
    listener.set_nonblocking(true).expect("a socket");
    until("a client tries to reach the host", || listener.accept().is_ok());
}

/// The host goes down, cannot be reached for a while, and boots.
fn restart(world: World) -> World {
    world.server.lose_power();
    is_called_in_vain(&world);
    boot(world)
}

fn boot(world: World) -> World {
    World { server: world.server.restart(), ..world }
}

/// A step that counts how often it was started, and does not end in the host's first boot.
const IN_HAND: &str = "echo x >>~/count; sync; [ -e ~/second ] || { : >~/held; sleep 600; }; echo ended";

fn steps(more: &str) -> String {
    format!(
        "  - name: Before
    command: echo x >>~/before
  - name: In hand
    command: '{IN_HAND}; touch ~/made'
    {more}
  - name: After
    command: echo x >>~/after
"
    )
}

/// The step is in hand; it would not be a second time.
fn in_hand(world: &World) {
    until("the step is started", || world.there("held").exists());
    fs::write(world.there("second"), "").expect("a file");
}

/// How often the three steps were started.
fn counts(world: &World) -> [usize; 3] {
    ["before", "count", "after"].map(|name| world.read(name).lines().count())
}

const LOST: [&str; 2] = ["host_lost", "host_regained"];

#[test]
fn a_step_with_a_check_is_asked_in_the_next_boot() {
    for is_done in [false, true] {
        let Some(world) = machine(&steps("creates: ~/made")) else { return };
        let going = world.start(&[]);
        in_hand(&world);
        if is_done {
            fs::write(world.there("made"), "").expect("a file");
        }
        let world = restart(world);
        going.finish().exits(0).says(&["the connection was lost", "reconnected after", "3 changed"]);
        assert_eq!(counts(&world), [1, if is_done { 1 } else { 2 }, 1]);
        assert!(world.there("made").exists());
        // The second connection finds out that the runner is gone, and the third one starts the next runner.
        let journal: Vec<String> = world.journal().into_iter().filter(|line| !LOST.contains(&line.as_str())).collect();
        assert_eq!(journal, ["1 changed", "2 changed", "3 changed", "exit 0", "exit 0"]);
    }
}

#[test]
fn a_step_without_a_check_is_unknown_in_the_next_boot() {
    for (assumed, started) in [("done", 1), ("not-done", 2)] {
        let Some(world) = machine(&steps("timeout: 30m")) else { return };
        let going = world.start(&[]);
        in_hand(&world);
        let world = restart(world);
        let printed = going.finish().exits(8);
        seen!(world, "restart_unknown", printed);
        assert_eq!(counts(&world), [1, 1, 0]);
        world.pinboot(&["rerun"]).exits(8);
        assert_eq!(counts(&world), [1, 1, 0], "its outcome is not known");
        world.pinboot(&["rerun", "--assume", assumed]).exits(0);
        assert_eq!(counts(&world), [1, started, 1], "{assumed}");
    }
}

#[test]
fn a_step_says_itself_what_the_next_boot_does_with_it() {
    for (policy, started) in [("done", 1), ("rerun", 2)] {
        let Some(world) = machine(&steps(&format!("on_unknown: {policy}"))) else { return };
        let going = world.start(&[]);
        in_hand(&world);
        let world = restart(world);
        going.finish().exits(0).says(&["3 changed"]);
        assert_eq!(counts(&world), [1, started, 1], "{policy}");
    }
}

/// Steps around a reboot.
const REBOOT: &str = "
  - { name: Before, command: 'echo x >>~/before; echo a word', register: word }
  - { name: Set, export: { PB_TEST_KEPT: it is kept } }
  - { name: Reboot, reboot: for the test }
  - { name: After, command: 'echo \"$PB_TEST_KEPT\" {{ word }} >>~/after; cat /proc/sys/kernel/random/boot_id >~/boot' }
";

/// What the host looks like when the steps around the reboot were done, once each.
fn rebooted(world: &World, first: &str) {
    assert_eq!(world.read("asked"), "systemctl reboot\n", "it was asked once");
    assert_eq!((world.read("before").as_str(), world.read("after").as_str()), ("x\n", "it is kept a word\n"));
    let second = world.read("boot");
    assert!(second.starts_with("boot-") && second != first, "{first:?} {second:?}");
}

fn boot_id(world: &World) -> String {
    fs::read_to_string(world.server.file("boot_id")).expect("a boot id")
}

#[test]
fn a_reboot_that_is_wanted_is_one_that_happens() {
    let Some(world) = machine(REBOOT) else { return };
    let first = boot_id(&world);
    let going = world.start(&[]);
    until("the host is asked to reboot", || !world.read("asked").is_empty());
    let world = restart(world);
    going.finish().exits(0).says(&["Reboot", "4 changed"]);
    rebooted(&world, &first);
    let journal = world.journal();
    let all = ["1 changed", "2 changed", "host_lost", "host_regained", "3 changed", "4 changed", "exit 0", "exit 0"];
    assert_eq!(journal, all);
    assert_eq!(world.runs().len(), 1);
}

#[test]
fn a_controller_that_dies_while_the_host_is_down_is_followed_by_another() {
    for wanted in [true, false] {
        let Some(world) = machine(if wanted { REBOOT.to_owned() } else { steps("creates: ~/made") }.as_str()) else {
            return;
        };
        let first = boot_id(&world);
        let going = world.start(&[]);
        if wanted {
            until("the host is asked to reboot", || !world.read("asked").is_empty());
        } else {
            in_hand(&world);
        }
        world.server.lose_power();
        is_called_in_vain(&world);
        going.kill();
        // A rerun that finds the host still down says so, and the next one sees it through.
        world.pinboot(&["rerun"]).exits(3).says(&["cannot reach"]);
        let world = boot(world);
        world.pinboot(&["rerun"]).exits(0);
        if wanted {
            rebooted(&world, &first);
        } else {
            assert_eq!(counts(&world), [1, 2, 1]);
        }
    }
}

#[test]
fn a_rerun_resumes_on_a_host_that_came_back_too_late() {
    let Some(world) = machine(&steps("creates: ~/made")) else { return };
    let going = world.start(&["--reconnect-for", "1"]);
    in_hand(&world);
    world.server.lose_power();
    let printed = going.finish().exits(7);
    seen!(world, "restart_late", printed);
    let world = boot(world);
    world.pinboot(&["rerun"]).exits(0);
    assert_eq!(counts(&world), [1, 2, 1]);
}
