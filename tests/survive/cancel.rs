//! `pinboot cancel`.

use std::fs;

use super::{Elsewhere, UNTIL_GO, address, lives, runs_there, written};
use crate::faults::world::{Signal, Started, World, until};

fn world() -> Option<World> {
    let world = World::new()?;
    world.steps(&format!(
        "  - name: Work\n    command: echo $$ >~/pid; {UNTIL_GO}\n    always: true\n  - name: After\n    command: touch \
         ~/after\n    creates: ~/after\n"
    ));
    Some(world)
}

#[test]
fn a_run_that_is_followed_is_asked_to_stop() {
    let Some(world) = world() else { return };
    let run = world.start(&[]);
    let pid = written(&world, "pid");
    let name = world.runs().pop().expect("the run");
    world
        .pinboot(&["cancel"])
        .exits(0)
        .says(&[&format!("run {name} is stopping its current step"), "will report the result"]);
    run.finish().exits(130).says(&["Work", "it was stopped"]);
    assert!(!lives(&fs::read_to_string(pid).expect("a pid")));
    assert!(!world.there("after").exists());
    world.pinboot(&["cancel"]).exits(0).says(&["stopped at your request"]);
    fs::write(world.there("go"), "").expect("go");
    world.pinboot(&["rerun"]).exits(0);
    world.pinboot(&["cancel"]).exits(0).says(&["has ended; nothing to stop"]);
}

#[test]
fn a_run_without_a_follower_is_stopped_and_its_end_recorded() {
    let Some(world) = world() else { return };
    let run = world.start(&[]);
    written(&world, "pid");
    run.kill();
    assert!(lives(&world.read("pid")), "it goes on without pinboot");
    world.pinboot(&["cancel"]).exits(0).says(&["it was stopped", "no further steps were started"]);
    assert!(!lives(&world.read("pid")));
    assert_eq!(world.journal(), ["1 \"failed\"".replace('"', ""), "exit 130".into(), "exit 130".into()]);
    fs::write(world.there("go"), "").expect("go");
    world.pinboot(&["rerun"]).exits(0).says(&["2 changed"]);
}

#[test]
fn the_step_in_hand_may_be_let_end() {
    let Some(world) = world() else { return };
    let run = world.start(&[]);
    written(&world, "pid");
    world.pinboot(&["cancel", "--after-step"]).exits(0).says(&["will stop after its current step"]);
    assert!(lives(&world.read("pid")));
    fs::write(world.there("go"), "").expect("go");
    run.finish().exits(130).says(&["1 changed", "1 not started"]);
    assert!(!world.there("after").exists());
}

#[test]
fn another_machine_stops_it_too() {
    let Some(world) = world() else { return };
    let run = world.start(&[]);
    written(&world, "pid");
    let elsewhere = Elsewhere::new(&world);
    let name = world.runs().pop().expect("the run");
    elsewhere.reach(&world, &["cancel", "--host", &address(&world), "00000000"]).exits(2).says(&["no run `00000000`"]);
    elsewhere.reach(&world, &["cancel", "--host", &address(&world)]).exits(0).says(&[
        &name,
        "started by me@",
        "step 1",
        "it was stopped",
    ]);
    run.finish().exits(130);
    assert!(!lives(&world.read("pid")));
    elsewhere
        .reach(&world, &["cancel", "--host", &address(&world), &name[..4]])
        .exits(0)
        .says(&["has ended (stopped)"]);
}

#[test]
fn a_check_that_does_not_end_is_ended_too() {
    let Some(world) = World::new() else { return };
    world.steps("  - name: Work\n    command: touch ~/after\n    unless: echo $$ >~/pid; sleep 618; true\n");
    let run = world.start(&[]);
    written(&world, "pid");
    let name = runs_there(&world).pop().expect("the run");
    until("the check has started", || has_sleeper("618"));
    world.pinboot(&["cancel"]).exits(0).says(&[&format!("run {name} is stopping its current step")]);
    run.finish().exits(130).says(&["Work", "it was stopped"]);
    assert!(!has_sleeper("618"));
    assert!(!world.there("after").exists());
}

#[test]
fn what_outlived_its_runner_is_ended() {
    let Some(world) = world() else { return };
    let run = world.start(&[]);
    written(&world, "pid");
    super::signal(super::runner(&world), Signal::KILL);
    let name = world.runs().pop().expect("the run");
    world
        .pinboot(&["cancel"])
        .exits(0)
        .says(&[&format!("the runner of run {name} was dead; its remaining processes were ended")]);
    assert!(!lives(&world.read("pid")));
    run.finish().exits(130).says(&["started, no result recorded, and the run was stopped", "1 not started"]);
    assert!(!world.there("after").exists());
    world.pinboot(&["cancel"]).exits(0);
}

/// Whether a process sleeps for so long.
fn has_sleeper(seconds: &str) -> bool {
    let sleeper = format!("sleep\0{seconds}\0");
    let processes = fs::read_dir("/proc").expect("/proc").filter_map(|entry| Some(entry.ok()?.path().join("cmdline")));
    processes.filter_map(|path| fs::read_to_string(path).ok()).any(|words| words == sleeper)
}

#[test]
fn a_run_that_a_rerun_follows_is_not_started_again_when_it_is_stopped() {
    let Some(world) = world() else { return };
    let run = world.start(&[]);
    written(&world, "pid");
    run.kill();
    let mut following = Started::start(world.call(&["rerun"]));
    following.wait_for("following");
    world.pinboot(&["cancel"]).exits(0);
    following.finish().exits(130).says(&["the run was stopped from elsewhere", "`pinboot rerun"]);
    assert!(!lives(&world.read("pid")));
    assert_eq!(world.runs().len(), 1, "nothing was started anew");
    fs::write(world.there("go"), "").expect("go");
    world.pinboot(&["rerun"]).exits(0).says(&["2 changed"]);
}

#[test]
fn a_host_that_is_away_for_a_while_does_not_end_a_run() {
    let Some(world) = World::new() else { return };
    world.steps(&format!("  - {{ name: Work, command: 'echo x >>~/count; {UNTIL_GO}' }}\n"));
    let run = world.start(&[]);
    written(&world, "count");
    run.kill();
    let known = fs::read(world.server.known_hosts()).expect("known_hosts");
    fs::write(world.server.known_hosts(), "").expect("known_hosts");
    let name = world.runs().pop().expect("the run");
    let printed = format!("the run may continue on the host; resume with `pinboot rerun {name}`");
    world.pinboot(&["rerun"]).exits(5).says(&[&printed, "1 running"]);
    world.pinboot(&["cancel"]).exits(5).says(&[&printed]);
    fs::write(world.server.known_hosts(), known).expect("known_hosts");
    let elsewhere = Elsewhere::new(&world);
    let mut attached = Started::start(elsewhere.call(&world, &["attach", &address(&world)]));
    attached.wait_for("following");
    attached.signal(Signal::TERM);
    let again = format!("resume with `pinboot attach {} {name}`", address(&world));
    attached.finish().exits(143).says(&[&again]);
    fs::write(world.there("go"), "").expect("go");
    world.pinboot(&["rerun"]).exits(0).says(&["Work", "1 changed"]);
    assert_eq!(world.read("count"), "x\n", "the one run was followed to its end");
    assert_eq!(world.runs().len(), 1);
}

#[test]
fn what_lives_all_the_same_is_named() {
    let Some(world) = World::new() else { return };
    world.steps(&format!(
        "  - name: Work\n    command: setsid sleep 617 & echo $! >~/left; {UNTIL_GO}\n    always: true\n"
    ));
    let run = world.start(&[]);
    written(&world, "left");
    world.pinboot(&["cancel"]).exits(0);
    let printed = run.finish().exits(130);
    let left = world.read("left").trim().to_owned();
    assert!(lives(&left));
    let named = format!("it was stopped; still alive on the host: {left} sleep 617");
    assert!(printed.stdout.contains(&named), "{named}: {}", printed.stdout);
    super::signal(left.parse().expect("a pid"), super::Signal::KILL);
}
