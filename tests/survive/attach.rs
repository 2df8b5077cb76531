//! `pinboot attach`: a run is found by its host's record, on a machine that knows nothing of it.

use std::fs;
use std::process::Command;

use super::{Elsewhere, UNTIL_GO, address, cut_power, written};
use crate::faults::world::{Started, World, parse, until};
use crate::support::traces::{holding, showing};

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
    written(&world, "count");
    let name = world.runs().pop().expect("the run");
    run.kill();
    fs::write(world.there("go"), "").expect("go");
    let elsewhere = Elsewhere::new(&world);
    let address = address(&world);
    let printed = elsewhere.reach(&world, &["attach", &address]).exits(0);
    printed.says(&[&format!("run {name}: started by me@"), "step 1", "step 2", "2 changed", "following"]);
    assert_eq!(elsewhere.pinboot(&["runs"]).exits(0).stdout.matches(&name).count(), 0, "it is recorded nowhere");
    // Over, it is shown again; by name with the playbook, and recorded then.
    elsewhere
        .reach(&world, &["attach", &address, &name[..5], "--playbook", "p.yaml"])
        .exits(0)
        .says(&["Work", "After"]);
    assert_eq!(elsewhere.pinboot(&["runs"]).exits(0).stdout.matches(&name).count(), 1);
    elsewhere.pinboot(&["rerun"]).exits(0).says(&["completed successfully"]);
    assert_eq!(world.read("count"), "x\n");
    // The first machine learns of the end as well.
    world.pinboot(&["rerun"]).exits(0).says(&["2 changed"]);
}

#[test]
fn a_run_whose_runner_died_is_resumed() {
    let Some(world) = world() else { return };
    let run = world.start(&[]);
    written(&world, "count");
    run.kill();
    cut_power(&world);
    fs::write(world.there("go"), "").expect("go");
    let elsewhere = Elsewhere::new(&world);
    let printed = elsewhere.reach(&world, &["attach", &address(&world), "--playbook", "p.yaml"]).exits(0);
    printed.says(&["Work", "2 changed"]);
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
    let printed = elsewhere.reach(&world, &["attach", &address(&world), "--playbook", "p.yaml"]).exits(0);
    let printed = printed.says(&["this playbook does not compile to the plan of run", "step 1"]);
    assert!(!printed.stdout.contains("Other"), "{}", printed.stdout);
    assert!(elsewhere.pinboot(&["runs"]).exits(0).stdout.lines().count() <= 1);
}

/// A playbook with a secret of the environment's, in a run that both host and controller are taken away from.
fn interrupted(secret: &str) -> Option<World> {
    let world = World::new()?;
    world.playbook(&format!(
        "
name: A test
secrets: [token]
from_env: [TOKEN]
vars: {{ token: '{{{{ env.TOKEN }}}}' }}
steps:
  - name: Work
    script: |
      echo x >>~/count
      echo 'it says' {{{{ token }}}}
      {UNTIL_GO}
      printf %s {{{{ token }}}} | wc -c >~/length
    creates: ~/length
  - name: After
    command: printf %s {{{{ token }}}} | cksum >~/sum
    creates: ~/sum
"
    ));
    let run = Started::start(world.run_call(&[]).env("TOKEN", secret));
    written(&world, "count");
    run.kill();
    cut_power(&world);
    Some(world)
}

#[test]
fn a_run_with_secrets_is_resumed_where_they_are_given() {
    const SECRET: &str = "hunter22-Attach/+hunter";
    let Some(world) = interrupted(SECRET) else { return };
    let elsewhere = Elsewhere::new(&world);
    let address = address(&world);
    let words = ["attach", &address, "--playbook", "p.yaml", "-vv", "--json"];
    let attached = Started::start(elsewhere.call(&world, &words).env("TOKEN", SECRET));
    until("its step begins again", || world.read("count") == "x\nx\n");
    // The program itself has it in its environment, from the user who started it.
    assert_eq!(showing(SECRET, attached.pid()), Vec::<String>::new());
    let record = world.there(".pinboot/runs").join(world.runs().pop().expect("the run"));
    // What a step says stands in the host's own log alone, which only its user can read.
    assert_eq!(holding(world.home.path(), SECRET), [record.join("out").display().to_string()]);
    assert_eq!(holding(elsewhere.path(), SECRET), Vec::<String>::new());
    fs::write(world.there("go"), "").expect("go");
    let printed = attached.finish().exits(0);
    assert!(printed.stdout.contains("it says ***") && printed.stdout.contains("\"changed\":2"), "{printed:?}");
    assert!(!format!("{}{}", printed.stdout, printed.stderr).contains(SECRET), "{printed:?}");
    // It ended as an undisturbed one would have.
    let sum = Command::new("sh").args(["-c", &format!("printf %s '{SECRET}' | cksum")]).output().expect("sh starts");
    assert_eq!(world.read("length").trim(), SECRET.len().to_string());
    assert_eq!(world.read("sum").as_bytes(), sum.stdout);
    assert_eq!(holding(elsewhere.path(), SECRET), Vec::<String>::new());
    let left = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    let prefix = format!("pinboot-{}-", world.runs()[0]);
    assert!(!left.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)), "they are gone");
    // Where it was started its end is known, and there is nothing more to do.
    world.call(&["rerun"]).env("TOKEN", SECRET).exits(0).says(&["2 changed"]);
    assert_eq!(world.read("count"), "x\nx\n");
}

#[test]
fn a_run_with_secrets_is_not_resumed_where_they_are_missing() {
    const SECRET: &str = "hunter33-Attach/+hunter";
    let Some(world) = interrupted(SECRET) else { return };
    let elsewhere = Elsewhere::new(&world);
    let address = address(&world);
    elsewhere
        .reach(&world, &["attach", &address])
        .exits(8)
        .says(&["needs secrets, which are not kept there", "with --playbook FILE"]);
    elsewhere.reach(&world, &["attach", &address, "--playbook", "p.yaml"]).exits(2).says(&["TOKEN"]);
    // With another playbook they would be another's.
    let text = fs::read_to_string(elsewhere.path().join("p.yaml")).expect("the playbook");
    fs::write(elsewhere.path().join("other.yaml"), text.replace("wc -c", "wc -m")).expect("another one");
    let other = ["attach", &address, "--playbook", "other.yaml"];
    let printed = elsewhere.call(&world, &other).env("TOKEN", SECRET).exits(8);
    printed.says(&["this playbook does not compile to the plan of run", "with --playbook FILE"]);
    assert_eq!(world.read("count"), "x\n", "nothing was started");
    // A pinboot that was following without them reports the same in the end.
    fs::write(world.there("go"), "").expect("go");
    world.call(&["rerun"]).env("TOKEN", SECRET).exits(0);
    let printed = elsewhere.reach(&world, &["attach", &address, "-v"]).exits(0);
    assert!(!format!("{}{}", printed.stdout, printed.stderr).contains("hunter33"), "{printed:?}");
}

#[test]
fn a_runner_that_dies_under_a_follower_without_secrets_leaves_a_hint() {
    const SECRET: &str = "hunter44-Attach/+hunter";
    let Some(world) = World::new() else { return };
    world.playbook(&format!(
        "name: A test\nsecrets: [token]\nvars: {{ token: {SECRET} }}\nsteps:\n  - name: Work\n    command: echo x >>~/count; \
         true {{{{ token }}}}; {UNTIL_GO}; touch ~/done\n    creates: ~/done\n"
    ));
    let run = world.start(&[]);
    written(&world, "count");
    run.kill();
    let elsewhere = Elsewhere::new(&world);
    let mut attached = Started::start(elsewhere.call(&world, &["attach", &address(&world)]));
    attached.wait_for("following");
    cut_power(&world);
    attached.finish().exits(8).says(&["the runner died", "with --playbook FILE"]);
    fs::write(world.there("go"), "").expect("go");
    elsewhere.reach(&world, &["attach", &address(&world), "--playbook", "p.yaml"]).exits(0).says(&["1 changed"]);
    assert_eq!(world.read("count"), "x\nx\n");
}

#[test]
fn the_steps_are_chosen_as_they_were_then() {
    let Some(world) = World::new() else { return };
    world.steps(
        "  - { name: One, command: 'echo x >>~/one', tags: [a] }\n  - { name: Two, command: 'echo x >>~/two; test -e ~/go', tags: [b] }\n",
    );
    world.run(&["--tags", "b"]).exits(1);
    let elsewhere = Elsewhere::new(&world);
    let address = address(&world);
    let attach = |more: &[&str]| elsewhere.reach(&world, &[&["attach", &address], more].concat());
    attach(&["--playbook", "p.yaml"]).exits(1).says(&["this playbook does not compile to the plan of run"]);
    attach(&["--playbook", "p.yaml", "--only", "Two"]).exits(1).says(&["Two"]);
    attach(&["--playbook", "p.yaml", "--tags", "b"]).exits(1).says(&["Two", "pinboot rerun"]);
    // A rerun has them from the record of it.
    fs::write(world.there("go"), "").expect("go");
    elsewhere.pinboot(&["rerun"]).exits(0);
    assert_eq!((world.read("one").as_str(), world.read("two").as_str()), ("", "x\nx\n"));
    for flag in [["--tags", "b"], ["--skip-tags", "b"], ["--from", "Two"], ["--only", "Two"], ["-e", "a=b"]] {
        attach(&flag).exits(2).says(&["requires --playbook", "--playbook FILE"]);
    }
}

#[test]
fn steps_have_the_numbers_of_the_run_without_its_playbook() {
    let Some(world) = World::new() else { return };
    world.steps(
        "  - { name: One, command: 'true', always: true }\n  - { name: 'Two {{ item }}', loop: [a, b], command: 'true', always: true }\n  \
         - { name: Three, command: 'true', always: true }\n  - { name: Four, command: exit 3, always: true }\n",
    );
    let elsewhere = Elsewhere::new(&world);
    let address = address(&world);
    for (part, numbers) in
        [(&[][..], &["1", "2.1", "2.2", "3", "4"][..]), (&["--only", "2.2", "--only", "4"], &["2.2", "4"])]
    {
        world.run(part).exits(1);
        let printed = elsewhere.reach(&world, &["attach", &address]).exits(1);
        let shown: Vec<&str> = printed.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(shown[..numbers.len()], *numbers, "{}", printed.stdout);
        assert!(printed.stderr.contains(": step 4 failed after "), "{}", printed.stderr);
        assert!(!printed.stderr.contains("does not have the numbers"), "{}", printed.stderr);
        let json = elsewhere.reach(&world, &["attach", &address, "--json"]).exits(1);
        let ends = json.stdout.lines().map(parse).filter(|event| event["kind"] == "step_finished");
        assert_eq!(ends.map(|end| end["label"].as_str().expect("a label").to_owned()).collect::<Vec<_>>(), numbers);
    }
    // The machine that has the journal knows the names as well.
    let here =
        world.call(&["attach", &address, "--host-key", "strict", "--known-hosts"]).arg(world.server.known_hosts());
    here.arg("--key").arg(world.server.key()).exits(1).says(&["2.2 Two b", "  4 Four", "step 4 (Four) failed"]);
    // The record of an older pinboot has no numbers.
    let run = world.runs().pop().expect("a run");
    let plan = world.there(&format!(".pinboot/runs/{run}/plan"));
    let text = fs::read_to_string(&plan).expect("the plan");
    let (first, rest) = text.split_once('\n').expect("a first line");
    let (older, _) = first.split_once(" pb_labels=").expect("the numbers");
    fs::write(&plan, format!("{older}\n{rest}")).expect("the plan");
    elsewhere
        .reach(&world, &["attach", &address])
        .exits(1)
        .says(&["does not have the numbers of its steps: they are counted from 1 here", "step 2 failed"]);
}

#[test]
fn a_host_without_runs_says_so() {
    let Some(world) = world() else { return };
    let elsewhere = Elsewhere::new(&world);
    elsewhere.reach(&world, &["attach", &address(&world)]).exits(2).says(&["no run is recorded there"]);
    elsewhere.reach(&world, &["attach", &address(&world), "xyz"]).exits(2).says(&["invalid run id `xyz`"]);
    until("nothing is left", || !world.there(".pinboot").exists());
}
