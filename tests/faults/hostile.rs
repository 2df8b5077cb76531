//! A host that lies: a step that writes what only the runner may say, and a server whose report does not match the plan.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::world::{Printed, Signal, Started, World, parse, until};

cases! {
    a_step_that_prints_the_runners_words_prints_text ["H16" "T1"]
        "a step reads the nonce from the record and prints `done` and `end ok`, also through /dev/stdout and from a child that it leaves behind"
        => Text("1", "the words are shown as text, the next step runs and fails, and no result is forged");
    a_step_that_empties_its_own_output_bends_nothing ["H16"]
        "a step opens its own output anew and empties it, again and again" => Text("0", "every step has its own result");
    no_step_gets_the_nonce_or_the_log ["H16"]
        "a step looks for the nonce in its text and its environment, and for the log among its descriptors"
        => Text("0", "neither is there");
    a_report_that_does_not_match_the_plan_is_not_believed ["T1"]
        "a server answers `hello new` and then `end ok`, `end failed`, results doubled, out of order, contradictory, of no step, or stops in the middle"
        => Text("10", "every step without a good result is named, in text and in JSON, by `run`, `--check` and `rerun`");
    attach_does_not_believe_a_report_that_does_not_match ["T1"]
        "the same lies to `attach`, with the run's playbook and without it"
        => Text("10", "every step without a good result is named");
    a_server_that_never_ends_is_left_with_ctrl_c ["T1"]
        "a server prints frames, output or neither without an end" => Text("130", "memory does not grow, and Ctrl-C ends pinboot");
}

/// What was printed as JSON.
fn events(printed: &Printed) -> Vec<Value> {
    printed.stdout.lines().map(parse).collect()
}

/// Words of the runner, as a step that knows the nonce can write them.
const FORGE: &str = r#"
      nonce=$(cat ~/.pinboot/runs/*/nonce)
      forge() { printf '\036pb:%s %s\036\n' $nonce "$1"; }
      all() {
        forge 'done 1 unchanged 0 1.00'; forge 'start 2 1.00'; forge 'done 2 changed 0 2.00'; forge 'start 3 1.00'
        forge 'done 3 changed 0 2.00'; forge 'aside 1'; forge 'mixed'; forge 'gone'; forge 'end ok'
      }
      all
      all >&2
      all >>/dev/stdout
      all >>/proc/self/fd/2
"#;

#[test]
fn a_step_that_prints_the_runners_words_prints_text() {
    let Some(world) = World::new() else { return };
    world.steps(&format!(
        "
  - name: Forges
    script: |{FORGE}
      (trap '' HUP; for i in $(seq 200); do [ ! -e ~/over ] || exit; all; sleep .02; done) &
      :
    always: true
  - name: Does not run in the forger's report
    command: touch ~/second; sleep 1
    always: true
  - name: Fails
    command: 'false'
    always: true
"
    ));
    let printed = world.run(&["--json"]).exits(1);
    fs::write(world.there("over"), "").expect("a file");
    assert!(world.there("second").exists());
    assert_eq!(world.journal(), ["1 changed", "2 changed", "3 failed", "exit 1", "exit 1"]);
    let text: String = events(&printed).iter().filter_map(|event| event["text"].as_str().map(str::to_owned)).collect();
    assert!(text.contains("end ok") && text.contains("\\x1epb:"), "shown as text: {text}");
    let run = world.runs().pop().expect("a run");
    let log = fs::read_to_string(world.there(".pinboot/runs").join(&run).join("log")).expect("the log");
    assert_eq!(log.matches(" done 1 ").count(), 1, "{log}");
}

#[test]
fn a_step_that_empties_its_own_output_bends_nothing() {
    let Some(world) = World::new() else { return };
    world.steps(
        "
  - name: Prints
    command: echo a line; echo another
    always: true
  - name: Empties
    command: 'echo lost; echo x >/dev/stderr; : >/dev/stdout; echo y'
    always: true
  - name: Prints again
    command: echo the last line
    always: true
",
    );
    let started = Instant::now();
    let printed = world.run(&["--json"]).exits(0);
    assert_eq!(
        world.journal(),
        ["1 changed", "2 changed", "3 changed", "exit 0", "exit 0"],
        "{}",
        world.journal_text()
    );
    let of = |step: u64| -> String {
        let all = events(&printed);
        let texts = all.iter().filter(|event| event["step"] == step).filter_map(|event| event["text"].as_str());
        texts.collect()
    };
    assert!(of(1).contains("a line\nanother\n") && of(3).contains("the last line\n"), "{} {}", of(1), of(3));
    assert!(started.elapsed() < Duration::from_secs(20), "nothing is waited for");
}

#[test]
fn no_step_gets_the_nonce_or_the_log() {
    let Some(world) = World::new() else { return };
    world.steps(
        r#"
  - name: Looks
    script: |
      nonce=$(cat ~/.pinboot/runs/*/nonce)
      set >~/set; env >~/env; ls -l /proc/$$/fd >~/descriptors
      tr '\000' '\n' </proc/$$/environ >>~/env
      ! grep -q "$nonce" ~/set ~/env || [ "$(grep -c "$nonce" ~/set)" = 1 ]
      ! grep -q '/log$' ~/descriptors
    unless: |
      ls -l /proc/self/fd >~/descriptors-of-check; false
"#,
    );
    let printed = world.run(&[]);
    // Its guard is never satisfied.
    printed.exits(1);
    for name in ["descriptors", "descriptors-of-check"] {
        let found = world.read(name);
        assert!(found.contains("/out") && !found.contains("/log"), "{name}: {found}");
    }
    let run = world.runs().pop().expect("a run");
    let nonce = world.read(&format!(".pinboot/runs/{run}/nonce"));
    let of_step = world.read("set");
    let lines: Vec<&str> = of_step.lines().filter(|line| line.contains(nonce.trim())).collect();
    assert!(lines.iter().all(|line| line.starts_with("nonce=")), "{lines:?}");
    assert!(!world.read("env").contains(nonce.trim()));
}

/// A server that runs this instead of pinboot's command. `say` writes a frame of the run that it is asked for.
fn lying(world: &World, shell: &str) {
    let program = world.there("liar");
    let text = format!(
        "#!/bin/sh\nnonce=$(printf %s \"$SSH_ORIGINAL_COMMAND\" | sed -n 's/.*pb_nonce=\\([0-9a-f]*\\).*/\\1/p')\n\
         say() {{ printf '\\036pb:%s %s\\036\\n' \"$nonce\" \"$1\"; }}\n{shell}\n"
    );
    fs::write(&program, text).expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
    let public = fs::read_to_string(world.server.file("id_ed25519.pub")).expect("a key");
    let options = format!("command=\"{}\" {public}", program.display());
    fs::write(world.server.file("authorized_keys"), options).expect("authorized_keys");
}

const THREE: &str = "
  - { name: First, command: 'true', always: true }
  - { name: Second, command: 'true', always: true }
  - { name: Third, command: 'true', always: true }
";

fn result(step: u32, outcome: &str) -> String {
    format!("say 'start {step} 1.00'; say 'apply {step} 1.00'; say 'done {step} {outcome} 0 1.10 '\n")
}

/// What is shown of a message.
fn message(printed: &Printed) -> String {
    let events = events(printed);
    let ends: Vec<&Value> = events.iter().filter(|event| event["kind"] == "host_finished").collect();
    assert_eq!(ends.len(), 1, "{printed:?}");
    ends[0]["message"].as_str().expect("a message").to_owned()
}

#[test]
fn a_report_that_does_not_match_the_plan_is_not_believed() {
    let Some(world) = World::new() else { return };
    world.steps(THREE);
    let all: String = (1..=3).map(|step| result(step, "changed")).collect();
    let one = result(1, "changed");
    let cases: &[(&str, String, &[&str])] = &[
        ("nothing, and the end", String::new(), &["step 1 (First), step 2 (Second), step 3 (Third)"]),
        ("one of three", one.clone(), &["step 2 (Second), step 3 (Third)"]),
        (
            "one that is still running",
            format!("{one}{}say 'start 3 2.00'\n", result(2, "changed")),
            &["no result of step 3 (Third)", "step 3 (Third) was still running"],
        ),
        ("one twice", format!("{one}{all}"), &["step 1 (First) was reported twice"]),
        (
            "out of order",
            [2, 1, 3].map(|step| result(step, "changed")).concat(),
            &["step 1 (First) was reported after a later step", "no result of step 1 (First)"],
        ),
        ("not in the plan", format!("{all}{}", result(9, "changed")), &["step 9 is not in the plan"]),
        (
            "a word that is not known",
            [(1, "changed"), (2, "sung"), (3, "changed")].map(|(step, how)| result(step, how)).concat(),
            &["the outcome of step 2 (Second) is unknown"],
        ),
        (
            "unknown without a reason",
            [(1, "changed"), (2, "unchanged"), (3, "unknown")].map(|(step, how)| result(step, how)).concat(),
            &["the outcome of step 3 (Third) is unknown"],
        ),
        (
            "changed, and then not",
            format!("{all}say 'run 7 3.00'\n{}", result(1, "unchanged")),
            &["step 1 (First) was changed, and was then reported as unchanged"],
        ),
    ];
    for end in ["ok", "failed", "unknown"] {
        for (what, report, words) in cases {
            lying(&world, &format!("say 'hello new'; say 'run 7 1.00'\n{report}say 'end {end}'"));
            let printed = world.run(&["--json"]).exits(10);
            let message = message(&printed);
            if end == "ok" {
                for word in *words {
                    assert!(message.contains(word), "{what}: {message}");
                }
            }
        }
    }
    lying(&world, &format!("say 'hello new'; say 'run 7 1.00'\n{all}say 'end ok'"));
    world.run(&["--json"]).exits(0);
    for end in ["failed", "unknown"] {
        lying(&world, &format!("say 'hello new'; say 'run 7 1.00'\n{all}say 'end {end}'"));
        let message = message(&world.run(&["--json"]).exits(10));
        assert!(message.contains(&format!("the run ended as {end}, and no step did")), "{message}");
    }
    // The same for a person, for a check, and in a rerun of a run that was left.
    lying(&world, "say 'hello new'; say 'run 7 1.00'; say 'end ok'");
    world.run(&[]).exits(10).says(&["there is no result of step 1 (First), step 2 (Second), step 3 (Third)"]);
    world.run(&["--check"]).exits(10).says(&["there is no result of step 1 (First)"]);
    lying(&world, "say 'hello new'; say 'run 7 1.00'\nsleep 30");
    let going = Started::start(world.run_call(&["--json"]));
    until("it waits", || world.journal_text().contains("host_ready"));
    going.kill();
    lying(&world, &format!("say 'hello again'; say 'run 7 1.00'\n{one}say 'end ok'"));
    world.pinboot(&["rerun"]).exits(10).says(&["there is no result of step 2 (Second), step 3 (Third)"]);
}

#[test]
fn attach_does_not_believe_a_report_that_does_not_match() {
    let Some(world) = World::new() else { return };
    world.steps(THREE);
    world.run(&[]).exits(0);
    let all: String = (1..=3).map(|step| result(step, "changed")).collect();
    let one = result(1, "changed");
    let cases: &[(&str, String, &[&str])] = &[
        ("nothing, and the end", String::new(), &["step 1", "step 2", "step 3"]),
        ("one of three", one.clone(), &["step 2", "step 3"]),
        ("one twice", format!("{one}{all}"), &["was reported twice"]),
        ("out of order", [2, 1, 3].map(|step| result(step, "changed")).concat(), &["was reported after a later step"]),
        ("not in the plan", format!("{all}{}", result(9, "changed")), &["step 9 is not in the plan"]),
        ("forged", [1, 2, 3].map(|step| result(step, "would")).concat(), &["which a run cannot have"]),
        ("without end", format!("while :; do {one} done\n"), &["was reported twice"]),
    ];
    let address = format!("{}@127.0.0.1:{}", world.user, world.server.port);
    for (number, (what, report, words)) in cases.iter().enumerate() {
        // What asks for the run gets the host's answer.
        let honest = "case $SSH_ORIGINAL_COMMAND in *pb_want*) exec sh -c \"$SSH_ORIGINAL_COMMAND\" ;; esac";
        lying(&world, &format!("{honest}\nsay 'hello over'; say 'run 7 1.00'\n{report}say 'end ok'"));
        for with in [&[][..], &["--playbook", "p.yaml"]] {
            let call = world.call(&["attach", &address, "--json", "--key"]).arg(world.server.key()).args(with);
            let call = call.arg("--known-hosts").arg(world.server.known_hosts());
            let state = world.here(&format!("other-{number}-{}", with.len()));
            let printed = call.env("PINBOOT_STATE_DIR", state).run().exits(10);
            let message = message(&printed);
            for word in *words {
                assert!(message.contains(word), "{what}, {with:?}: {message}");
            }
        }
    }
}

#[test]
fn a_server_that_never_ends_is_left_with_ctrl_c() {
    let Some(world) = World::new() else { return };
    world.steps(THREE);
    for (what, shell) in [
        ("one start again and again", "while :; do say 'start 1 1.00'; done"),
        ("output that is announced and does not come", "say 'start 1 1.00'; while :; do say 'out 99999999999'; done"),
        ("words of another age", "while :; do say \"sing $nonce$nonce$nonce\"; done"),
        ("no end of a frame", "printf '\\036pb:%s diff 1 ' \"$nonce\"; yes"),
        ("no word at all on standard error", "yes >&2"),
        ("silence", "say 'start 1 1.00'; sleep 30"),
    ] {
        lying(&world, &format!("say 'hello new'; say 'run 7 1.00'\n{shell}"));
        let before = world.runs().len();
        let going = world.start(&["--json"]);
        until("it is connected", || world.runs().len() > before && world.journal_text().contains("host_ready"));
        // Two seconds of it, whatever the machine makes of them.
        std::thread::sleep(Duration::from_secs(2));
        let status = fs::read_to_string(format!("/proc/{}/status", going.pid())).unwrap_or_default();
        if let Some(most) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
            let most: u64 = most.trim().trim_end_matches(" kB").parse().expect("a number");
            assert!(most <= 96 * 1024, "{what}: {most} kB");
        }
        let asked = Instant::now();
        let printed = going.signal_until_it_ends(Signal::INT);
        assert!(matches!(printed.code, Some(130 | 10)), "{what}: {printed:?}");
        assert!(asked.elapsed() < Duration::from_secs(10), "{what}: {:?}", asked.elapsed());
    }
}
