//! Finishing a run: what is asked again, what is not done again, and what a rerun refuses to guess.

use std::fs;

use super::world::{World, seen, until};

cases! {
    what_failed_and_what_was_not_started_is_done_and_nothing_else ["E9"] "the failed step is fixed" => Shown("rerun_mended", "changed");
    an_edited_playbook_is_taken_as_it_stands_now ["E9"]
        "steps in another order, with another name, another policy, another text" => Text("0", "only the step with the other text is repeated");
    a_fault_in_the_edited_playbook_costs_nothing ["E9"] "the edited playbook has an error" => Shown("rerun_fault", "error:");
    a_new_value_is_the_only_thing_that_changes ["E9"] "a variable gets another value" => Text("0", "the other values are kept");
    another_machine_with_another_playbook_pays_what_this_one_owes ["T4"]
        "a run fails between two steps; another machine runs a newer playbook with the same names" => Text("0", "the step that waits acts once");
    a_rerun_starts_a_run_whose_host_was_unreachable ["A7"] "the host's key is in known_hosts by the time of the rerun"
        => Text("0", "the run is started, once");
    another_host_behind_the_address_is_not_taken_for_the_one_that_was ["E10"] "the host has no record of the run"
        => Shown("record_gone", "no record");
    a_host_with_another_key_is_not_rerun_on ["E10"] "the host shows another key at the time of the rerun" => Shown("rerun_other_key", "127.0.0.1:");
    a_damaged_journal_is_not_guessed_at ["E6"] "a bit in the middle is flipped; the journal is left unchanged" => Shown("journal_damaged", "pinboot:");
    a_damaged_journal_is_repaired_and_the_rest_heard_from_the_host ["E6"] "a bit in the middle is flipped, and the journal is repaired"
        => Shown("journal_repaired", "run RUN1");
    a_journal_that_is_damaged_from_its_first_line_is_rewritten ["E6"] "a bit in its first line is flipped, and the journal is repaired"
        => Text("1", "the run is read from the host again, from its first step");
    a_run_with_a_damaged_journal_is_followed_without_it ["E6"] "a bit in the middle is flipped; `pinboot attach`"
        => Text("0", "the run is followed from the host's own record");
    a_damaged_journal_is_not_guessed_at ["E6"] "its end is torn off" => Text("0", "it is only shorter; nothing is done twice");
    an_allowed_failure_that_the_old_controller_saw_stays_allowed ["E3"] "the controller is killed after a failure that is allowed"
        => Shown("followed_allowed", "changed");
    a_process_with_few_descriptors_ends_with_a_sentence_or_works ["E12"] "64 file descriptors, and fewer, down to 5"
        => Text("0 or 12", "it works, or `this process may not open 32 files at once`; nothing is sent then");
    a_state_folder_that_cannot_be_written_to ["E12"] "a file where the state folder should be" => Shown("state_file", "pinboot:");
}

/// A step that counts how often it ran, without a check.
fn counted(name: &str) -> String {
    format!("  - {{ name: {name}, command: 'echo x >>{name}' }}\n")
}

fn times(world: &World, name: &str) -> usize {
    world.read(name).lines().count()
}

#[test]
fn what_failed_and_what_was_not_started_is_done_and_nothing_else() {
    let Some(world) = World::new() else { return };
    let asked = "  - { name: Asked, command: 'touch made; echo x >>asked', creates: ~/made }\n";
    world.steps(&format!(
        "{}{asked}  - {{ name: Wrong, command: ls /no/such/place }}\n{}",
        counted("one"),
        counted("two")
    ));
    let first = world.run(&[]).exits(1);
    seen!(world, "rerun_first", first);
    assert_eq!(world.journal(), ["1 changed", "2 changed", "3 failed", "exit 1", "exit 1"]);
    // Unmended it fails again, the checks are asked again, and nothing is done twice.
    world.pinboot(&["rerun"]).exits(1);
    assert_eq!(world.journal(), ["1 unchanged", "2 unchanged", "3 failed", "exit 1", "exit 1"]);
    // In between, the second step's effect was undone: its check finds that out.
    fs::remove_file(world.there("made")).expect("removed");
    world.steps(&format!("{}{asked}  - {{ name: Right, command: ls / }}\n{}", counted("one"), counted("two")));
    let last = world.pinboot(&["rerun"]).exits(0);
    seen!(world, "rerun_mended", last);
    assert_eq!(world.journal(), ["1 unchanged", "2 changed", "3 changed", "4 changed", "exit 0", "exit 0"]);
    assert_eq!(["one", "asked", "two"].map(|name| times(&world, name)), [1, 2, 1]);
    assert_eq!(world.runs().len(), 3);
}

#[test]
fn an_edited_playbook_is_taken_as_it_stands_now() {
    let Some(world) = World::new() else { return };
    let wrong = "  - { name: Wrong, command: 'false' }\n";
    let text = |steps: &[&str]| steps.concat();
    world.steps(&text(&[&counted("a"), &counted("b"), wrong]));
    world.run(&[]).exits(1);
    // Another order, another name, a policy, and one text that really is another.
    let renamed = counted("b").replace("name: b", "name: Other name").replace("' }", "', timeout: 5m }");
    world.steps(&text(&[&renamed, &counted("a").replace("echo x", "echo  x"), &counted("c")]));
    world.pinboot(&["rerun"]).exits(0);
    assert_eq!(world.journal(), ["1 unchanged", "2 changed", "3 changed", "exit 0", "exit 0"]);
    assert_eq!(["a", "b", "c"].map(|name| times(&world, name)), [2, 1, 1]);
}

#[test]
fn a_fault_in_the_edited_playbook_costs_nothing() {
    let Some(world) = World::new() else { return };
    world.steps(&format!("{}  - {{ name: Wrong, command: 'false' }}\n", counted("a")));
    world.run(&[]).exits(1);
    let logins = || world.server.log().matches("Accepted publickey").count();
    let before = logins();
    world.steps(&format!("{}  - {{ name: Wrong, comand: 'true' }}\n", counted("a")));
    seen!(world, "rerun_fault", world.pinboot(&["rerun"]).exits(2));
    assert_eq!((logins(), world.runs().len()), (before, 1));
}

#[test]
fn a_new_value_is_the_only_thing_that_changes() {
    let Some(world) = World::new() else { return };
    world.playbook(&format!(
        "name: A test\nvars: {{ place: /no/such/place, word: 'x y' }}\nsteps:\n{}  - {{ name: List, command: 'ls {{{{ place }}}} && echo {{{{ word }}}} >word' }}\n",
        counted("a")
    ));
    world.run(&["-e", "word=it's"]).exits(1);
    world.pinboot(&["rerun", "-e", "place=/"]).exits(0);
    assert_eq!((times(&world, "a"), world.read("word").as_str()), (1, "it's\n"));
}

#[test]
fn a_rerun_starts_a_run_whose_host_was_unreachable() {
    let Some(mut world) = World::new() else { return };
    world.steps(&counted("a"));
    let known = fs::read_to_string(world.server.known_hosts()).expect("known_hosts");
    fs::write(world.server.known_hosts(), "").expect("known_hosts");
    world.run(&[]).exits(5);
    fs::write(world.server.known_hosts(), known).expect("known_hosts");
    world.server = world.server.restart();
    world.pinboot(&["rerun"]).exits(0);
    assert_eq!(times(&world, "a"), 1);
}

#[test]
fn another_host_behind_the_address_is_not_taken_for_the_one_that_was() {
    let Some(world) = World::new() else { return };
    world.steps("  - { name: Held, script: 'echo x >>count; until [ -e go ]; do sleep .02; done' }\n");
    let going = world.start(&[]);
    until("the step is started", || world.there("count").exists());
    going.kill();
    fs::write(world.there("go"), "").expect("a file");
    until("the run ends", || {
        fs::read_dir(world.there(".pinboot/runs")).expect("runs").flatten().any(|run| run.path().join("end").exists())
    });
    fs::remove_dir_all(world.there(".pinboot")).expect("the record is gone");
    let printed = world.pinboot(&["rerun"]).exits(10);
    seen!(world, "record_gone", printed);
    assert_eq!(times(&world, "count"), 1);
}

#[test]
fn a_damaged_journal_is_not_guessed_at() {
    let Some(world) = World::new() else { return };
    world.steps(&format!("{}  - {{ name: Wrong, command: 'false' }}\n", counted("a")));
    world.run(&[]).exits(1);
    let run = world.runs().pop().expect("a run");
    let file = world.here("state/runs").join(&run).join("events.jsonl");
    let whole = fs::read(&file).expect("a journal");
    let mut flipped = whole.clone();
    flipped[whole.len() / 3] ^= 4;
    fs::write(&file, &flipped).expect("a journal");
    seen!(world, "journal_damaged", world.pinboot(&["rerun"]).exits(10));
    assert_eq!(fs::read(&file).expect("a journal"), flipped, "it is left as it is");
    // Torn at its end, as by a power cut, it is only shorter.
    fs::write(&file, &whole[..whole.len() - 20]).expect("a journal");
    world.steps(&format!("{}  - {{ name: Right, command: 'true' }}\n", counted("a")));
    world.pinboot(&["rerun"]).says(&["a crash tore the last"]);
    world.pinboot(&["rerun"]).exits(0);
    assert_eq!(times(&world, "a"), 1);
}

#[test]
fn another_machine_with_another_playbook_pays_what_this_one_owes() {
    let Some(world) = World::new() else { return };
    let write = "  - { name: Write, file: { path: '~/{{ item }}', content: v }, loop: [a, b], id: files }\n";
    let act = |name: &str| {
        format!("  - {{ name: {name}, command: 'echo x >>{name}', when_changed: [files, Code], always: true }}\n")
    };
    let code = |text: &str| format!("  - {{ name: Code, file: {{ path: '~/code', content: {text} }} }}\n");
    world.steps(&format!(
        "{write}  - {{ name: Wrong, command: 'false' }}\n{}{}{}",
        code("1"),
        act("first"),
        act("second")
    ));
    world.run(&[]).exits(1);
    // The other machine's playbook has its steps in another order, one is gone, one is new.
    fs::remove_dir_all(world.here("state")).expect("another machine");
    world.steps(&format!("  - {{ name: New, command: 'true' }}\n{}{write}{}", code("1"), act("second")));
    world.run(&["--check"]).exits(0);
    assert_eq!(world.read("second"), "");
    world.run(&[]).exits(0);
    world.run(&[]).exits(0);
    assert_eq!((times(&world, "first"), times(&world, "second")), (0, 1));
    // What was owed to the step that was gone is still owed when it is back, by whichever change it was.
    world.steps(&format!("{write}{}{}{}", code("2"), act("first"), act("second")));
    world.run(&[]).exits(0);
    assert_eq!((times(&world, "first"), times(&world, "second")), (1, 2));
    world.run(&[]).exits(0).says(&["2 skipped"]);
    assert_eq!((times(&world, "first"), times(&world, "second")), (1, 2));
}

/// Flips a bit in the second line of the last run's journal.
fn flip(world: &World) {
    let file = world.here("state/runs").join(world.runs().pop().expect("a run")).join("events.jsonl");
    let mut bytes = fs::read(&file).expect("a journal");
    let second = bytes.split_inclusive(|byte| *byte == b'\n').take(1).map(<[u8]>::len).sum::<usize>();
    bytes[second + 20] ^= 4;
    fs::write(&file, bytes).expect("a journal");
}

#[test]
fn a_damaged_journal_is_repaired_and_the_rest_heard_from_the_host() {
    let Some(world) = World::new() else { return };
    world.steps(&format!("{}{}  - {{ name: Wrong, command: 'false' }}\n", counted("a"), counted("b")));
    world.run(&[]).exits(1);
    flip(&world);
    world.pinboot(&["rerun"]).exits(10).says(&["pinboot runs repair"]);
    let run = world.runs().pop().expect("a run");
    seen!(world, "journal_repaired", world.pinboot(&["runs", "repair", &run]).exits(0));
    world.pinboot(&["rerun"]).exits(10);
    seen!(world, "journal_cut", world.pinboot(&["runs", "repair", &run, "--cut"]).exits(0));
    world.pinboot(&["runs", "repair", &run]).exits(0).says(&["nothing to repair"]);
    // The host says what is missing here; that is the run's own end.
    world.pinboot(&["rerun"]).exits(1);
    assert_eq!(world.runs().len(), 1, "it was followed");
    assert_eq!(world.journal(), ["1 changed", "2 changed", "3 failed", "exit 1", "exit 1"]);
    world.steps(&format!("{}{}  - {{ name: Right, command: 'true' }}\n", counted("a"), counted("b")));
    world.pinboot(&["rerun"]).exits(0);
    assert_eq!(["a", "b"].map(|name| times(&world, name)), [1, 1]);
}

#[test]
fn a_journal_that_is_damaged_from_its_first_line_is_rewritten() {
    let Some(world) = World::new() else { return };
    world.steps(&format!("{}  - {{ name: Wrong, command: 'false' }}\n", counted("a")));
    world.run(&[]).exits(1);
    let run = world.runs().pop().expect("a run");
    let file = world.here("state/runs").join(&run).join("events.jsonl");
    let mut bytes = fs::read(&file).expect("a journal");
    bytes[10] ^= 4;
    fs::write(&file, bytes).expect("a journal");
    world.pinboot(&["runs", "repair", &run, "--cut"]).exits(0);
    world.pinboot(&["rerun"]).exits(1);
    assert_eq!(world.journal(), ["1 changed", "2 failed", "exit 1", "exit 1"]);
    world.pinboot(&["show"]).exits(0).says(&["A test"]);
    assert_eq!(times(&world, "a"), 1);
}

#[test]
fn a_run_with_a_damaged_journal_is_followed_without_it() {
    let Some(world) = World::new() else { return };
    world.steps("  - { name: Held, script: 'echo x >>count; until [ -e go ]; do sleep .02; done' }\n");
    let going = world.start(&[]);
    until("the step is started", || world.there("count").exists());
    going.kill();
    flip(&world);
    world.pinboot(&["rerun"]).exits(10).says(&["pinboot attach"]);
    fs::write(world.there("go"), "").expect("a file");
    let host = format!("{}@127.0.0.1:{}", world.user, world.server.port);
    let run = world.runs().pop().expect("a run");
    let attach = world.call(&["attach", &host, &run, "--host-key", "strict", "--known-hosts"]);
    let attach = attach.arg(world.server.known_hosts()).arg("--key").arg(world.server.key());
    attach.exits(0).says(&["step 1"]);
    assert_eq!(times(&world, "count"), 1);
}

#[test]
fn an_allowed_failure_that_the_old_controller_saw_stays_allowed() {
    let Some(world) = World::new() else { return };
    world.steps(
        "
  - { name: May fail, command: 'exit 4', allow_failure: true }
  - { name: Held, script: 'echo x >>count; until [ -e go ]; do sleep .02; done' }
  - { name: May fail too, command: 'exit 5', allow_failure: true }
  - { name: File, file: { path: ~/file, content: text } }
",
    );
    let going = world.start(&[]);
    until("the step is started", || world.there("count").exists());
    going.kill();
    fs::write(world.there("go"), "").expect("a file");
    let printed = world.pinboot(&["rerun"]).exits(0);
    seen!(world, "followed_allowed", printed);
}

#[test]
fn a_host_with_another_key_is_not_rerun_on() {
    let Some(mut world) = World::new() else { return };
    world.steps(&format!("{}  - {{ name: Wrong, command: 'false' }}\n{}", counted("a"), counted("b")));
    world.run(&[]).exits(1);
    // Another machine has the address by now: it shows another key, and known_hosts has the old one.
    for name in ["host_ed25519", "host_ed25519.pub"] {
        fs::remove_file(world.server.file(name)).expect("removed");
    }
    crate::support::sshd::keygen(&world.server.file("host_ed25519"), "ed25519");
    let known = fs::read(world.server.known_hosts()).expect("known_hosts");
    world.server = world.server.restart();
    fs::write(world.server.known_hosts(), known).expect("known_hosts");
    world.steps(&format!("{}  - {{ name: Right, command: 'true' }}\n{}", counted("a"), counted("b")));
    let printed = world.pinboot(&["rerun"]).exits(5);
    seen!(world, "rerun_other_key", printed);
    assert_eq!((times(&world, "a"), times(&world, "b")), (1, 0));
}

#[test]
fn a_process_with_few_descriptors_ends_with_a_sentence_or_works() {
    let Some(world) = World::new() else { return };
    world.steps(&counted("a"));
    let mut worked = 0;
    for limit in [64, 48, 34, 26, 22, 16, 8, 5] {
        let limited = format!("ulimit -n {limit}; exec \"$@\"");
        let printed = world.run_call(&[]).under("sh", &["-c", &limited, "sh"]).run();
        assert!(!printed.stderr.contains("panicked"), "{limit}: {printed:?}");
        assert!([0, 12].contains(&printed.code.expect("a code")), "{limit}: {printed:?}");
        if printed.code == Some(0) {
            worked += 1;
        } else {
            assert!(printed.stderr.contains("nothing was sent"), "{limit}: {printed:?}");
        }
        assert_eq!(times(&world, "a"), worked, "{limit}: {printed:?}");
    }
    assert!(worked > 0);
}

#[test]
fn a_state_folder_that_cannot_be_written_to() {
    let Some(world) = World::new() else { return };
    world.steps(&counted("a"));
    fs::write(world.here("state"), "a file").expect("a file");
    let printed = world.run(&[]);
    fs::remove_file(world.here("state")).expect("removed");
    seen!(world, "state_file", printed.exits(12));
    assert!(!world.server.log().contains("Connection from"), "{}", world.server.log());
}
