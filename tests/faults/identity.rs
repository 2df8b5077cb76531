//! A rerun is for the host that the run was on: not for another one at its address, and not for an older copy of its disk.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::running::{HELD, held, release};
use super::world::{Started, World, seen, until};

cases! {
    a_host_with_another_machine_id_is_not_rerun_on ["E10"] "the host has another machine id at the time of the rerun"
        => Shown("rerun_other_machine", "127.0.0.1:");
    a_run_is_not_followed_on_another_machine ["E10"] "the controller is killed in a step; at the time of the rerun another machine has the address, and then the right one"
        => Text("10", "`not the same machine as in run`; on the right one it is followed to its end");
    a_host_without_a_machine_id_is_known_by_its_key ["E10"] "the host has no /etc/machine-id" => Text("0", "its host key identifies it");
    a_key_that_known_hosts_takes_is_not_the_old_one ["E10"] "the host shows another key, which is in known_hosts by then"
        => Shown("rerun_replaced_key", "[127.0.0.1]:");
    a_second_key_in_known_hosts_is_not_another_host ["E10"] "known_hosts gets a second key of the same host in between in between"
        => Text("0", "it is asked for the key that it showed before");
    an_older_copy_of_the_disk_is_not_rerun_on ["E10"] "the host is restored to a copy of its disk from the middle of the run"
        => Shown("rerun_old_disk", "127.0.0.1:");
    what_the_host_has_forgotten_the_journal_has_not ["E10"] "twenty newer runs on the host, which keeps no more than that"
        => Text("0", "`done in run`: a step without a check is not done again");
    what_the_host_has_forgotten_and_was_unknown_stays_unknown ["E10"] "twenty newer runs after a run with a step of unknown outcome"
        => Text("8", "the step is not started again");
    a_record_that_is_gone_before_its_time_is_another_host ["E10"] "the record of a finished run is removed from the host"
        => Shown("rerun_record_lost", "127.0.0.1:");
    an_older_copy_of_a_busy_hosts_disk_is_not_taken_for_a_forgetful_one ["E10"]
        "the host is restored to a copy of its disk from before the run, with twenty older runs on it"
        => Text("10", "`the host has no record of run`");
}

const ONE: &str = "11111111111111111111111111111111";
const TWO: &str = "22222222222222222222222222222222";

/// A step that counts how often it ran, and one that fails until it is fixed.
const WRONG: &str = "  - { name: Count, command: 'echo x >>count' }\n  - { name: Wrong, command: 'false' }\n";
const RIGHT: &str = "  - { name: Count, command: 'echo x >>count' }\n  - { name: Right, command: 'true' }\n";

/// A host whose machine id is in its home.
fn machine() -> Option<World> {
    let world =
        World::with(|options, home| options.env("pb_machine_file", home.join("machine-id").display().to_string()))?;
    is(&world, ONE);
    Some(world)
}

fn is(world: &World, id: &str) {
    fs::write(world.there("machine-id"), format!("{id}\n")).expect("a machine id");
}

fn records(world: &World) -> usize {
    fs::read_dir(world.there(".pinboot/runs")).expect("records").count()
}

#[test]
fn a_host_with_another_machine_id_is_not_rerun_on() {
    let Some(world) = machine() else { return };
    world.steps(WRONG);
    world.run(&[]).exits(1);
    world.steps(RIGHT);
    is(&world, TWO);
    seen!(world, "rerun_other_machine", world.pinboot(&["rerun"]).exits(10));
    assert_eq!(world.journal(), ["unreachable 10", "exit 10", "exit 10"]);
    assert_eq!((records(&world), world.read("count").as_str()), (1, "x\n"), "nothing was started");
    fs::write(world.there("machine-id"), "uninitialized\n").expect("a machine id");
    world.pinboot(&["rerun"]).exits(10).says(&["/etc/machine-id is missing, expected"]);
    // The user knows better. The id that it shows now is the one from then on.
    is(&world, TWO);
    world.pinboot(&["rerun", "--same-host"]).exits(0);
    assert_eq!(world.journal(), ["1 unchanged", "2 changed", "exit 0", "exit 0"]);
    assert_eq!(world.read("count"), "x\n");
}

#[test]
fn a_run_is_not_followed_on_another_machine() {
    let Some(world) = machine() else { return };
    world.steps(HELD);
    let going = world.start(&[]);
    held(&world);
    going.kill();
    is(&world, TWO);
    world.pinboot(&["rerun"]).exits(10).says(&["not the same machine as in run"]);
    assert_eq!(world.runs().len(), 1, "no other run was started");
    is(&world, ONE);
    let going = Started::start(world.call(&["rerun"]));
    release(&world);
    going.finish().exits(0);
    assert_eq!(world.runs().len(), 1, "it was followed");
    assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", "y\n"));
}

#[test]
fn a_host_without_a_machine_id_is_known_by_its_key() {
    let Some(world) = machine() else { return };
    fs::remove_file(world.there("machine-id")).expect("removed");
    world.steps(WRONG);
    world.run(&[]).exits(1);
    world.steps(RIGHT);
    // What it was is not known.
    is(&world, ONE);
    world.pinboot(&["rerun"]).exits(0);
    assert_eq!(world.read("count"), "x\n");
}

#[test]
fn a_key_that_known_hosts_takes_is_not_the_old_one() {
    let Some(mut world) = World::new() else { return };
    world.steps(WRONG);
    world.run(&[]).exits(1);
    let old = print_of(&world.server.file("host_ed25519.pub"));
    for name in ["host_ed25519", "host_ed25519.pub"] {
        fs::remove_file(world.server.file(name)).expect("removed");
    }
    crate::support::sshd::keygen(&world.server.file("host_ed25519"), "ed25519");
    world.server = world.server.restart();
    let known = fs::read_to_string(world.server.known_hosts()).expect("known_hosts");
    assert!(known.contains(&world.server.host_key("ed25519")), "the line was not replaced: {known}");
    let new = print_of(&world.server.file("host_ed25519.pub"));
    world.steps(RIGHT);
    let printed = world.pinboot(&["rerun"]).exits(10).says(&[&old, &new]);
    seen!(world, "rerun_replaced_key", printed);
    assert_eq!((records(&world), world.read("count").as_str()), (1, "x\n"), "nothing was started");
    // An unknown key is not even added.
    fs::write(world.server.known_hosts(), "").expect("known_hosts");
    world.pinboot(&["rerun", "--host-key", "accept-new"]).exits(10);
    assert_eq!(fs::read_to_string(world.server.known_hosts()).expect("known_hosts"), "");
    fs::write(world.server.known_hosts(), known).expect("known_hosts");
    world.pinboot(&["rerun", "--same-host"]).exits(0);
    assert_eq!(world.read("count"), "x\n");
}

/// What `ssh-keygen -l` calls a key.
fn print_of(key: &Path) -> String {
    let said = Command::new("ssh-keygen").arg("-lf").arg(key).output().expect("ssh-keygen").stdout;
    String::from_utf8_lossy(&said).split(' ').nth(1).expect("a fingerprint").to_owned()
}

#[test]
fn a_second_key_in_known_hosts_is_not_another_host() {
    let Some(world) = World::with(|options, _| options.host_keys(&["ecdsa", "ed25519"])) else { return };
    let known = fs::read_to_string(world.server.known_hosts()).expect("known_hosts");
    let line = |kind: &str| known.lines().find(|line| line.contains(kind)).expect("a line");
    fs::write(world.server.known_hosts(), format!("{}\n", line("ecdsa"))).expect("known_hosts");
    world.steps(WRONG);
    world.run(&[]).exits(1);
    world.steps(RIGHT);
    fs::write(world.server.known_hosts(), &known).expect("known_hosts");
    world.pinboot(&["rerun"]).exits(0);
    assert_eq!(world.read("count"), "x\n");
}

#[test]
fn an_older_copy_of_the_disk_is_not_rerun_on() {
    let Some(world) = World::new() else { return };
    world.steps(
        "
  - { name: First, command: 'echo x >>count' }
  - { name: Held, script: ': >held; until [ -e go ]; do sleep .02; done' }
  - { name: Wrong, command: 'false' }
",
    );
    let going = world.start(&[]);
    until("the second step is started", || world.there("held").exists());
    copy(&world.there(".pinboot"), &world.there("copy"));
    release(&world);
    going.finish().exits(1);
    fs::remove_dir_all(world.there(".pinboot")).expect("removed");
    fs::rename(world.there("copy"), world.there(".pinboot")).expect("put back");
    let printed = world.pinboot(&["rerun"]).exits(10);
    seen!(world, "rerun_old_disk", printed);
    assert_eq!((records(&world), world.read("count").as_str()), (1, "x\n"), "nothing was started");
    world.pinboot(&["rerun", "--same-host"]).exits(10).says(&["an older copy of that host's disk"]);
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").args([from, to]).status().expect("cp");
    assert!(done.success());
}

/// Twenty other runs on the host, started from another machine; the host keeps no more than twenty.
fn twenty_runs(world: &World) {
    world.steps("  - { name: Nothing, command: 'true', creates: / }\n");
    for _ in 0..20 {
        world.run_call(&[]).env("PINBOOT_STATE_DIR", world.here("elsewhere")).exits(0);
    }
}

#[test]
fn what_the_host_has_forgotten_the_journal_has_not() {
    let Some(world) = World::new() else { return };
    world.steps(WRONG);
    world.run(&[]).exits(1);
    let run = world.runs().pop().expect("a run");
    twenty_runs(&world);
    until("the record is removed", || !world.there(".pinboot/runs").join(&run).exists());
    // Twice: the first rerun fails, and its journal only says that the step was done in the run before it.
    world.steps(WRONG);
    world.pinboot(&["rerun"]).exits(1).says(&[&format!("done in run {run}")]);
    twenty_runs(&world);
    world.steps(RIGHT);
    world.pinboot(&["rerun"]).exits(0).says(&[&format!("done in run {run}")]);
    assert_eq!(world.journal(), ["1 unchanged", "2 changed", "exit 0", "exit 0"]);
    assert_eq!(world.read("count"), "x\n");
}

#[test]
fn what_the_host_has_forgotten_and_was_unknown_stays_unknown() {
    let Some(world) = World::new() else { return };
    world.steps("  - { name: Blind, script: 'echo x >>count; until [ -e go ]; do sleep .02; done' }\n");
    let going = world.start(&[]);
    until("the step is started", || world.there("count").exists());
    // Everything of it dies, and the runner that takes it up finds a step that began and left no result.
    let (runner, below) = world.runner();
    for pid in below.into_iter().chain([runner]) {
        crate::support::sshd::signal(pid, super::world::Signal::KILL);
    }
    going.finish().exits(8);
    let run = world.runs().pop().expect("a run");
    let playbook = fs::read_to_string(world.here("p.yaml")).expect("a playbook");
    twenty_runs(&world);
    until("the record is removed", || !world.there(".pinboot/runs").join(&run).exists());
    fs::write(world.here("p.yaml"), playbook).expect("a playbook");
    release(&world);
    world.pinboot(&["rerun"]).exits(8).says(&[&format!("started in run {run}, no result recorded there")]);
    assert_eq!(world.read("count"), "x\n");
    world.pinboot(&["rerun", "--assume", "done"]).exits(0);
    assert_eq!(world.read("count"), "x\n");
}

#[test]
fn a_record_that_is_gone_before_its_time_is_another_host() {
    let Some(world) = World::new() else { return };
    world.steps(WRONG);
    world.run(&[]).exits(1);
    fs::remove_dir_all(world.there(".pinboot/runs").join(world.runs().pop().expect("a run"))).expect("removed");
    world.steps(RIGHT);
    let printed = world.pinboot(&["rerun"]).exits(10);
    seen!(world, "rerun_record_lost", printed);
    assert_eq!((records(&world), world.read("count").as_str()), (0, "x\n"), "nothing was started");
    fs::remove_dir_all(world.there(".pinboot")).expect("removed");
    world.pinboot(&["rerun", "--same-host"]).exits(10).says(&["the host has no record of run"]);
    assert_eq!(world.read("count"), "x\n");
}

#[test]
fn an_older_copy_of_a_busy_hosts_disk_is_not_taken_for_a_forgetful_one() {
    let Some(world) = World::new() else { return };
    twenty_runs(&world);
    copy(&world.there(".pinboot"), &world.there("copy"));
    world.steps(WRONG);
    world.run(&[]).exits(1);
    fs::remove_dir_all(world.there(".pinboot")).expect("removed");
    fs::rename(world.there("copy"), world.there(".pinboot")).expect("put back");
    assert_eq!(records(&world), 20);
    world.steps(RIGHT);
    world.pinboot(&["rerun"]).exits(10).says(&["the host has no record of run"]);
    assert_eq!(world.read("count"), "x\n");
}
