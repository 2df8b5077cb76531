//! Clocks that jump: the host's in the middle of a step, the controller's between and within runs.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::world::{Call, Printed, Started, World, parse, until};
use crate::support::clock::Clock;

cases! {
    the_hosts_clock_jumps_in_a_step ["C7"]
        "a year ahead, and a year back, in the middle of a step; the connection is cut, a second run starts, and a rerun follows"
        => Text("0", "the second run: exit 9; no output lost or repeated, nothing done twice, and no step took a year");
    the_newest_runs_are_kept_whatever_the_clock_says ["C7"]
        "24 old runs with times a year ahead" => Text("0", "the 20 newest are kept, including this one");
    the_controllers_clock_jumps_in_a_run ["E11"]
        "a year ahead, and a year back, in the middle of a step" => Text("0", "the reported durations are right");
    the_last_run_is_the_one_that_was_started_last ["E11"]
        "between two runs and their rerun the clock is set back by a year, in another time zone"
        => Text("0", "`runs` lists them in the order in which they were started; `rerun` takes the last one");
}

const YEAR: u64 = 365 * 24 * 60 * 60;

/// No run of these tests takes so long.
const LONGEST_MS: u64 = 60_000;

/// A world whose host goes by this clock.
fn world(clock: &Clock) -> Option<World> {
    World::with(|options, _| {
        clock.environment().into_iter().fold(options, |options, (name, value)| options.env(name, value))
    })
}

/// The seconds since 1970 that a step wrote down.
fn seconds(world: &World, name: &str) -> u64 {
    world.read(name).trim().parse().expect("a number")
}

/// Every `elapsed_ms` of what was printed.
fn elapsed(stdout: &str) -> Vec<u64> {
    stdout.lines().map(parse).filter_map(|event| event["elapsed_ms"].as_u64()).collect()
}

#[test]
fn the_hosts_clock_jumps_in_a_step() {
    for jump in ["+1y", "-1y"] {
        let Some(clock) = Clock::new() else { return };
        let Some(world) = world(&clock) else { return };
        world.steps(
            "
  - name: Held
    script: |
      date +%s >before
      echo started
      : >held
      until [ -e go ]; do sleep .02; done
      date +%s >after
      echo ended; echo x >>count
  - { name: Wrong, command: test -e ~/fixed }
",
        );
        let going = world.start(&["--json"]);
        until("the step is started", || world.there("held").exists());
        clock.set(jump);
        world.server.kill_sessions();
        let logins = world.logins();
        until("it connects again", || world.logins() > logins);
        let name = world.runs().remove(0);
        fs::write(world.here("other.yaml"), "steps:\n  - { name: Other, command: touch ~/other }\n")
            .expect("a playbook");
        let second = world.reach(&["run", "other.yaml"]).arg("--key").arg(world.server.key());
        second.exits(9).says(&["another run holds the host"]);
        assert!(!world.there("other").exists());
        fs::write(world.there("go"), "").expect("a file");
        let printed = going.finish().exits(1);
        let (before, after) = (seconds(&world, "before"), seconds(&world, "after"));
        assert!(before.abs_diff(after) > YEAR / 2, "the clock has jumped: from {before} to {after}");
        assert_eq!(super::running::output(&printed), "started\nended\n", "{jump}");
        assert!(elapsed(&printed.stdout).iter().all(|ms| *ms < LONGEST_MS), "{}", printed.stdout);
        fs::write(world.there("fixed"), "").expect("a file");
        let printed = world.pinboot(&["rerun", &name, "--json"]).exits(0);
        assert!(elapsed(&printed.stdout).iter().all(|ms| *ms < LONGEST_MS), "{}", printed.stdout);
        assert_eq!(world.read("count"), "x\n", "{jump}");
    }
}

#[test]
fn the_newest_runs_are_kept_whatever_the_clock_says() {
    let Some(world) = World::new() else { return };
    world.steps("  - { name: Count, command: echo x >>~/count, always: true }\n");
    world.run(&[]).exits(0);
    let runs = world.there(".pinboot/runs");
    let ahead = SystemTime::now() + Duration::from_secs(YEAR);
    let names: Vec<String> = (0..24).map(|number| format!("{number:08x}")).collect();
    let mut order = fs::read_to_string(world.there(".pinboot/order")).expect("the order of runs");
    for (age, name) in names.iter().enumerate() {
        let folder = runs.join(name);
        fs::create_dir(&folder).expect("a folder");
        fs::write(folder.join("end"), "ok\n").expect("an end");
        let time = ahead + Duration::from_secs(u64::try_from(age).expect("small"));
        fs::File::open(&folder).and_then(|folder| folder.set_modified(time)).expect("a time");
        order += &format!("{name}\n");
    }
    fs::write(world.there(".pinboot/order"), order).expect("the order of runs");
    world.run(&[]).exits(0);
    let last = world.runs().pop().expect("the run");
    let kept = || -> Vec<String> {
        let mut kept: Vec<String> = fs::read_dir(&runs)
            .expect("runs")
            .flatten()
            .map(|run| run.file_name().into_string().expect("a name"))
            .collect();
        kept.sort();
        kept
    };
    let mut wanted = [&names[5..], std::slice::from_ref(&last)].concat();
    wanted.sort();
    until("old runs are removed", || kept().len() <= 20);
    assert_eq!(kept(), wanted);
    // If the order is lost, every later run counts as newer than all that are there.
    fs::remove_file(world.there(".pinboot/order")).expect("removed");
    world.run(&[]).exits(0);
    let next = world.runs().pop().expect("the run");
    until("an old run is removed", || kept().len() <= 20);
    assert!(kept().contains(&next), "{:?}", kept());
    assert_eq!(world.read("count"), "x\nx\nx\n");
}

/// The program with this clock.
fn by(clock: &Clock, call: Call) -> Call {
    clock.environment().into_iter().fold(call, |call, (name, value)| call.env(name, value))
}

#[test]
fn the_controllers_clock_jumps_in_a_run() {
    for jump in ["+1y", "-1y"] {
        let Some(clock) = Clock::new() else { return };
        let Some(world) = World::new() else { return };
        world.steps("  - { name: Held, script: ': >held; until [ -e go ]; do sleep .02; done; echo x >>count', always: true }\n");
        clock.set("+2y");
        let going = Started::start(by(&clock, world.run_call(&["--json"])));
        until("the step is started", || world.there("held").exists());
        clock.set(jump);
        fs::write(world.there("go"), "").expect("a file");
        let printed = going.finish().exits(0);
        let stamps: Vec<String> =
            printed.stdout.lines().map(|line| parse(line)["at"].as_str().expect("a time").to_owned()).collect();
        let ahead = SystemTime::now() + Duration::from_secs(YEAR);
        assert!(stamps[0] > pinboot::event::timestamp(ahead), "it goes by the clock: {stamps:?}");
        assert!(stamps.is_sorted(), "{stamps:?}");
        assert!(elapsed(&printed.stdout).iter().all(|ms| *ms < LONGEST_MS), "{}", printed.stdout);
        let listed = parse(&world.pinboot(&["runs", "--json"]).exits(0).stdout);
        assert!(listed["elapsed_ms"].as_u64().is_some_and(|ms| ms < LONGEST_MS), "{listed}");
        assert_eq!(world.read("count"), "x\n");
    }
}

/// A run of this playbook with the clock set so.
fn run_at(time: &str, world: &World, clock: &Clock, playbook: &Path) -> Printed {
    clock.set(time);
    let call = by(clock, world.reach(&["run"]).arg(playbook).arg("--key").arg(world.server.key()));
    call.env("TZ", "Asia/Tokyo").run()
}

#[test]
fn the_last_run_is_the_one_that_was_started_last() {
    let Some(clock) = Clock::new() else { return };
    let Some(world) = World::new() else { return };
    let playbook = |name: &str| {
        let path = world.here(&format!("{name}.yaml"));
        let step = format!("  - {{ name: Step, command: 'echo x >>~/{name}; test -e ~/go' }}\n");
        fs::write(&path, format!("name: {name}\nsteps:\n{step}")).expect("a playbook");
        path
    };
    let (first, second) = (playbook("first"), playbook("second"));
    run_at("+1y", &world, &clock, &first).exits(1);
    run_at("-1y", &world, &clock, &second).exits(1);
    let listed = world.pinboot(&["runs", "--json"]).exits(0).stdout;
    let started: Vec<String> =
        listed.lines().map(|line| parse(line)["started"].as_str().expect("a time").to_owned()).collect();
    assert!(started[0] < started[1], "the clock was set back in between: {started:?}");
    assert!(listed.lines().next().is_some_and(|line| line.contains("second.yaml")), "{listed}");
    fs::write(world.there("go"), "").expect("a file");
    clock.set("-2y");
    let printed = by(&clock, world.call(&["rerun"])).env("TZ", "America/Lima").exits(0);
    assert!(printed.stderr.contains("second, resuming run"), "{printed:?}");
    assert_eq!((world.read("first").as_str(), world.read("second").as_str()), ("x\n", "x\nx\n"));
    world.pinboot(&["rerun"]).exits(0).says(&["completed successfully"]);
}
