//! `pinboot attach`: a run is found by its host's record, on a machine that knows nothing of it.

use std::fs;

use crate::world::{World, until};
use crate::{Elsewhere, UNTIL_GO, address, begun, cut_power};

fn world() -> Option<World> {
    let world = World::new()?;
    world.steps(&format!(
        "  - name: Work\n    command: echo x >>~/count; echo half; {UNTIL_GO}; touch ~/done\n    creates: ~/done\n  - name: \
         After\n    command: touch ~/after\n    creates: ~/after\n"
    ));
    Some(world)
}

#[test]
fn a_run_is_followed_without_its_journal() {
    let Some(world) = world() else { return };
    let run = world.start(&[]);
    begun(&world, "count");
    let name = world.runs().pop().expect("the run");
    run.kill();
    fs::write(world.there("go"), "").expect("go");
    let elsewhere = Elsewhere::new(&world);
    let address = address(&world);
    let told = elsewhere.reach(&world, &["attach", &address]).exits(0);
    told.says(&[&format!("run {name}: begun by me@"), "step 1", "step 2", "2 changed", "followed"]);
    assert_eq!(elsewhere.pinboot(&["runs"]).exits(0).stdout.matches(&name).count(), 0, "it is recorded nowhere");
    // Over, it is shown again; by name with the playbook, and recorded then.
    elsewhere
        .reach(&world, &["attach", &address, &name[..5], "--playbook", "p.yaml"])
        .exits(0)
        .says(&["Work", "After"]);
    assert_eq!(elsewhere.pinboot(&["runs"]).exits(0).stdout.matches(&name).count(), 1);
    elsewhere.pinboot(&["rerun"]).exits(0).says(&["is finished"]);
    assert_eq!(world.read("count"), "x\n");
    // The first machine learns of the end as well.
    world.pinboot(&["rerun"]).exits(0).says(&["2 changed"]);
}

#[test]
fn a_run_whose_runner_is_gone_is_gone_on_with() {
    let Some(world) = world() else { return };
    let run = world.start(&[]);
    begun(&world, "count");
    run.kill();
    cut_power(&world);
    fs::write(world.there("go"), "").expect("go");
    let elsewhere = Elsewhere::new(&world);
    let told = elsewhere.reach(&world, &["attach", &address(&world), "--playbook", "p.yaml"]).exits(0);
    told.says(&["Work", "2 changed"]);
    assert_eq!(world.read("count"), "x\nx\n", "its check said that it had not been done");
}

#[test]
fn what_failed_there_is_run_again_from_here() {
    let Some(world) = World::new() else { return };
    world.steps("  - name: Work\n    command: touch ~/tried; test -e ~/go\n    unless: test -e ~/go\n");
    let run = world.run(&[]).exits(1);
    run.says(&["Work"]);
    let elsewhere = Elsewhere::new(&world);
    elsewhere
        .reach(&world, &["attach", &address(&world), "--playbook", "p.yaml"])
        .exits(1)
        .says(&["failed", "pinboot rerun"]);
    fs::write(world.there("go"), "").expect("go");
    elsewhere.pinboot(&["rerun"]).exits(0).says(&["1 unchanged"]);
}

#[test]
fn a_playbook_that_is_not_the_runs_gives_no_names() {
    let Some(world) = world() else { return };
    fs::write(world.there("go"), "").expect("go");
    world.run(&[]).exits(0);
    let elsewhere = Elsewhere::new(&world);
    fs::write(
        elsewhere.path().join("p.yaml"),
        "name: x\nsteps:\n  - name: Other\n    command: 'true'\n    always: true\n",
    )
    .expect("written");
    let told = elsewhere.reach(&world, &["attach", &address(&world), "--playbook", "p.yaml"]).exits(0);
    let told = told.says(&["the playbook is not the one of run", "step 1"]);
    assert!(!told.stdout.contains("Other"), "{}", told.stdout);
    assert!(elsewhere.pinboot(&["runs"]).exits(0).stdout.lines().count() <= 1);
}

#[test]
fn secrets_stay_where_they_are() {
    let Some(world) = World::new() else { return };
    world.playbook(&format!(
        "name: A test\nsecrets: [token]\nvars:\n  token: hunter22hunter\nsteps:\n  - name: Work\n    command: echo x >>~/count; \
         echo {{{{ token }}}}; {UNTIL_GO}\n    on_unknown: rerun\n"
    ));
    let run = world.start(&[]);
    begun(&world, "count");
    run.kill();
    let elsewhere = Elsewhere::new(&world);
    cut_power(&world);
    let address = address(&world);
    elsewhere.reach(&world, &["attach", &address]).exits(8).says(&["the secrets that it needs are not there"]);
    assert_eq!(world.read("count"), "x\n");
    // Where it was begun they are known.
    fs::write(world.there("go"), "").expect("go");
    world.pinboot(&["rerun"]).exits(0);
    let told = elsewhere.reach(&world, &["attach", &address, "-v"]).exits(0);
    assert!(!format!("{}{}", told.stdout, told.stderr).contains("hunter22"), "{told:?}");
    let told = elsewhere.reach(&world, &["attach", &address, "-v", "--playbook", "p.yaml"]).exits(0);
    assert!(!format!("{}{}", told.stdout, told.stderr).contains("hunter22"), "{told:?}");
}

#[test]
fn a_host_without_runs_says_so() {
    let Some(world) = world() else { return };
    let elsewhere = Elsewhere::new(&world);
    elsewhere.reach(&world, &["attach", &address(&world)]).exits(2).says(&["no run is recorded there"]);
    elsewhere.reach(&world, &["attach", &address(&world), "xyz"]).exits(2).says(&["`xyz` is no run's name"]);
    until("nothing is left", || !world.there(".pinboot").exists());
}
