//! A connection that is lost and not restored in time.

use std::fs;
use std::time::{Duration, Instant};

use super::{UNTIL_GO, cut_power, signal, started, written};
use crate::faults::world::{Signal, World};

#[test]
fn what_is_not_regained_in_time_is_left_to_itself_and_taken_up_later() {
    let Some(world) = World::new() else { return };
    world
        .steps(&format!("  - name: Work\n    command: echo x >>~/count; {UNTIL_GO}; echo the end\n    always: true\n"));
    let run = world.start(&["--reconnect-for", "2"]);
    written(&world, "count");
    // The host takes every call from here on and answers none.
    signal(world.server.pid(), Signal::STOP);
    let lost = Instant::now();
    world.server.kill_sessions();
    let name = world.runs().pop().expect("the run");
    let printed = run.finish().exits(7);
    printed.says(&["the connection was lost and not restored in time", &format!("resume with `pinboot rerun {name}`")]);
    assert!(lost.elapsed() < Duration::from_secs(15), "{:?}", lost.elapsed());
    signal(world.server.pid(), Signal::CONT);
    fs::write(world.there("go"), "").expect("go");
    world.pinboot(&["rerun", &name, "-v"]).exits(0).says(&["the end", "1 changed"]);
    assert_eq!(world.read("count"), "x\n", "it went on, and nothing was done twice");
}

/// A record that cannot be used any more in the middle of a run, as on a disk that has become read-only.
#[test]
fn a_host_that_cannot_continue_does_not_claim_that_nothing_was_started() {
    let Some(world) = World::new() else { return };
    world.steps(&format!("  - name: Work\n    command: chmod 755 ~/.pinboot; touch ~/started; {UNTIL_GO}\n"));
    let run = world.start(&[]);
    started(&world, "started");
    cut_power(&world);
    run.finish().exits(8).says(&[
        "~/.pinboot on the host can be read or written by others; the run cannot continue there, and the outcome of \
         step 1 (Work) is not known",
        "hint: type `chmod 700 ~/.pinboot` there",
        "once fixed, resume with",
    ]);
    fs::set_permissions(world.there(".pinboot"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("ours");
    world.pinboot(&["rerun"]).exits(8).says(&["no result recorded there, and there is no check"]);
    fs::write(world.there("go"), "").expect("go");
    world.pinboot(&["rerun", "--assume", "not-done"]).exits(0).says(&["1 changed"]);
}
