//! Steps of unknown outcome, and what their user knows of them.

use std::fs;

use super::{cut_power, written};
use crate::faults::world::World;

/// A run whose only step began and left no result.
fn unknown() -> Option<World> {
    let world = World::new()?;
    world.steps(
        "  - name: Count\n    command: echo x >>~/count; [ -e ~/go ] || sleep 600\n    always: false\n  - name: After\n    \
         command: touch ~/after\n    creates: ~/after\n",
    );
    let run = world.start(&[]);
    written(&world, "count");
    cut_power(&world);
    run.finish().exits(8).says(&["has an unknown outcome", "--assume done", "--assume not-done"]);
    fs::write(world.there("go"), "").expect("go");
    assert!(!world.there("after").exists());
    Some(world)
}

#[test]
fn what_is_assumed_done_is_not_done_again() {
    let Some(world) = unknown() else { return };
    world.pinboot(&["rerun"]).exits(8);
    world.pinboot(&["rerun", "--assume", "done"]).exits(0).says(&["assumed to be done", "2 changed"]);
    assert_eq!(world.read("count"), "x\n");
    assert!(world.there("after").exists());
}

#[test]
fn what_is_assumed_not_done_runs_again() {
    let Some(world) = unknown() else { return };
    world.pinboot(&["rerun", "--assume", "not-done"]).exits(0).says(&["2 changed"]);
    assert_eq!(world.read("count"), "x\nx\n");
    world.pinboot(&["rerun", "--assume", "perhaps"]).exits(2).says(&["done, not-done"]);
}
