//! Two at once, and twenty.

use std::fs;
use std::process::{Child, Stdio};

use super::{UNTIL_GO, runs_there, started};
use crate::faults::world::{Printed, World, parse, until};

fn world() -> Option<World> {
    let world = World::new()?;
    world.steps(&format!("  - name: Wait\n    command: echo x >>~/began; {UNTIL_GO}\n    always: true\n"));
    Some(world)
}

#[test]
fn a_host_that_another_run_has_is_refused_or_waited_for() {
    let Some(world) = world() else { return };
    let first = world.start(&[]);
    started(&world, "began");
    let name = world.runs().pop().expect("the first run");
    let machine = fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    let holder = format!("another run holds the host: run {name}, started by me@{} at 20", machine.trim());
    world.run(&[]).exits(9).says(&[&holder, "--wait"]);
    let short = world.run(&["--wait=1"]).exits(9).says(&[&holder, "gave up after 1 s"]);
    assert_eq!(short.stderr.matches("waiting for it to end").count(), 1, "{}", short.stderr);
    assert_eq!(runs_there(&world), [name], "a run that was refused leaves nothing there");
    let mut second = world.start(&["--wait"]);
    second.wait_for("waiting for it to end");
    assert_eq!(world.read("began"), "x\n", "nothing was started meanwhile");
    fs::write(world.there("go"), "").expect("go");
    first.finish().exits(0);
    second.finish().exits(0).says(&["1 changed"]);
    assert_eq!(world.read("began"), "x\nx\n");
    // Nobody has it any more.
    world.run(&[]).exits(0);
}

#[test]
fn who_waits_can_be_stopped() {
    let Some(world) = world() else { return };
    let first = world.start(&[]);
    started(&world, "began");
    let mut second = world.start(&["--wait"]);
    second.wait_for("waiting for it to end");
    second.signal(super::Signal::INT);
    second.finish().exits(130).says(&["nothing was started"]);
    fs::write(world.there("go"), "").expect("go");
    first.finish().exits(0);
    // It never came there, so it is started now.
    world.pinboot(&["rerun"]).exits(0).says(&["1 changed"]);
}

#[test]
fn of_twenty_at_once_one_runs_and_the_others_name_it() {
    let Some(world) = world() else { return };
    let mut going: Vec<Child> = (0..20)
        .map(|_| {
            let mut command = world.run_call(&["--json"]).into_command();
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("pinboot starts")
        })
        .collect();
    let mut over = Vec::new();
    until("nineteen are over", || {
        for mut child in std::mem::take(&mut going) {
            let list = if child.try_wait().expect("a child").is_some() { &mut over } else { &mut going };
            list.push(child);
        }
        over.len() == 19
    });
    fs::write(world.there("go"), "").expect("go");
    let run = Printed::of(&going.pop().expect("one goes on").wait_with_output().expect("its output")).exits(0);
    let name = parse(run.stdout.lines().next().expect("a line"))["run"].as_str().expect("a name").to_owned();
    for child in over {
        let printed = Printed::of(&child.wait_with_output().expect("its output")).exits(9);
        assert!(
            printed.stdout.contains(&format!("another run holds the host: run {name}, ")),
            "{name}: {}",
            printed.stdout
        );
    }
    assert_eq!(world.read("began"), "x\n");
}
