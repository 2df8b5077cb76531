//! What a run's output goes through on its way: black holes, flipped bits, floods, stops of any process, slow readers.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use sha2::Digest as _;

use super::link::Link;
use super::running::{HELD, held, output, release, whole};
use super::world::{Signal, Started, World, on_each, on_each_with, parse, seen, until};
use crate::support::sshd::{Options, Software, signal};

cases! {
    a_reset_at_any_place_of_the_stream_loses_nothing ["B1"]
        "RST at each twentieth of everything that the host sends, including key exchange and login"
        => Text("0", "noticed within a second; no output lost or repeated, each step started once (during the login: exit 3, nothing started, and 0 by the rerun)");
    a_black_hole_is_noticed_and_left_behind ["B2" "B9"]
        "from the middle of a step on, every byte of the connection is lost, as after a change of address; new connections work"
        => Text("0", "`the connection was lost: the host does not answer any more; the run continues on the host; reconnecting`");
    a_flipped_bit_is_a_lost_connection ["A24"] "one bit is flipped on the way, in the middle of a step"
        => Text("0", "the connection was lost; reconnected; no output lost or repeated, nothing done twice");
    a_controller_that_sleeps_wakes_up_to_the_end ["B8"]
        "the controller is suspended; meanwhile its connection is cut and the run ends on the host"
        => Text("0", "the connection was lost; reconnected; all output of the meantime, once");
    a_host_that_stalls_is_not_taken_for_dead ["B21"]
        "the runner and sshd's session are suspended for longer than a connection may be silent"
        => Text("0", "the connection was lost; reconnected; the step has one attempt");
    a_hundred_megabytes_in_one_line_and_in_many ["B10" "B11"]
        "100 MB of output, half of it one line; OpenSSH with RekeyLimit 4M" => Text("0", "at most 64 MB of memory; the journal has the beginning, the end and the SHA-256, in less than 4 MB; the log on the host is complete");
    a_long_output_that_is_followed_again_is_not_kept_twice ["B11" "E3"]
        "7 MB of output; the controller is killed in the middle of it, and the run is resumed"
        => Text("0", "all of it is shown; the journal has its beginning and its end once");
    bytes_that_are_no_text_are_kept_and_shown_escaped ["B12"]
        "binary, a NUL, characters cut between packets of one byte, no newline at the end" => Shown("bytes", "      café");
    a_reader_that_does_not_read_holds_the_host_up_for_nothing ["B22"]
        "nothing reads pinboot's output during the run, as after Ctrl-S" => Text("0", "the run ends on the host meanwhile; then all output is shown, once");
}

const QUICK: (&str, &str) = ("PINBOOT_KEEPALIVE", "0.7");

#[track_caller]
fn once_and_whole(world: &World) {
    assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", "y\n"));
    // On a busy machine a connection may be silent for such a short time once more.
    let mut journal = world.journal();
    while journal.starts_with(&["host_lost", "host_regained", "host_lost"].map(str::to_owned)) {
        journal.drain(..2);
    }
    assert_eq!(journal, ["host_lost", "host_regained", "1 changed", "2 changed", "exit 0", "exit 0"]);
}

/// Steps that count how often they ran, and say what is printed apart line by line.
fn talkers(many: usize) -> (String, String) {
    let (mut steps, mut said) = (String::new(), String::new());
    for step in 1..=many {
        steps += &format!(
            "  - name: Talker {step}
    script: |
      echo x >>count-{step}
      i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo \"step {step} says its line $i\"; done
    always: true
"
        );
        (1..=300).for_each(|line| said += &format!("step {step} says its line {line}\n"));
    }
    (steps, said)
}

/// The time of an event.
fn time(event: &serde_json::Value) -> SystemTime {
    let text = event["at"].as_str().expect("a time");
    let at = since_1970(text).unwrap_or_else(|| panic!("no time: {text}"));
    SystemTime::UNIX_EPOCH + Duration::from_millis(at)
}

/// Milliseconds since 1970 of a time like `2026-11-24T10:01:52.227Z`.
fn since_1970(text: &str) -> Option<u64> {
    let numbers: Vec<u64> =
        text.trim_end_matches('Z').split(['-', 'T', ':', '.']).map_while(|word| word.parse().ok()).collect();
    let [year, month, day, hour, minute, second, milli] = *numbers.as_slice() else { return None };
    // Years start in March here, so that the leap day is their last day.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 719_469;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + milli)
}

#[test]
fn a_reset_at_any_place_of_the_stream_loses_nothing() {
    const STEPS: usize = 4;
    on_each(|mut world| {
        let link = Link::to(world.server.port);
        world.go_by(link.port);
        let (steps, said) = talkers(STEPS);
        world.steps(&steps);
        assert_eq!(output(&world.run(&["--json"]).exits(0)), said);
        let mut whole = link.carried();
        for part in 1..=20 {
            // No two runs send the same packets: if the place was never reached, the next attempt uses the shorter run.
            let (place, reset, mut printed) = loop {
                (1..=STEPS).for_each(|step| fs::remove_file(world.there(&format!("count-{step}"))).expect("removed"));
                let place = whole * part / 20;
                link.reset_behind(place);
                let printed = world.run(&["--json"]);
                if let Some(reset) = link.was_reset() {
                    break (place, reset, printed);
                }
                whole = whole.min(link.carried()) - 1;
            };
            if printed.code == Some(3) {
                // What may count as a failed login is not retried: nothing was started, and the rerun starts it.
                assert_eq!(world.journal(), ["unreachable 3", "exit 3", "exit 3"]);
                assert!(!world.there("count-1").exists(), "behind byte {place}");
                printed = world.pinboot(&["rerun", "--json"]);
            }
            let printed = printed.exits(0);
            assert_eq!(output(&printed), said, "reset behind byte {place} of {whole}");
            let counts = (1..=STEPS).map(|step| world.read(&format!("count-{step}")));
            assert!(counts.into_iter().all(|count| count == "x\n"), "behind byte {place}: a step ran twice");
            let journal = world.journal();
            let journal = journal.iter().filter(|line| !line.starts_with("host_")).collect::<Vec<_>>();
            let end = ["1 changed", "2 changed", "3 changed", "4 changed", "exit 0", "exit 0"];
            assert!(journal.ends_with(&end.map(str::to_owned).each_ref()), "behind byte {place}: {journal:?}");
            let events: Vec<_> = printed.stdout.lines().map(parse).collect();
            // Before the login there is nothing to lose: pinboot reconnects without a message.
            if let Some(lost) = events.iter().find(|event| event["kind"] == "host_lost") {
                let after = time(lost).duration_since(reset).unwrap_or_default();
                assert!(after < Duration::from_secs(1), "behind byte {place}: noticed after {after:?}");
            }
            let out = world.there(".pinboot/runs").join(world.runs().pop().expect("a run")).join("out");
            let out = fs::read_to_string(out).expect("the output");
            let of_steps = out.lines().filter(|line| line.starts_with("step ")).map(|line| line.to_owned() + "\n");
            assert_eq!(of_steps.collect::<String>(), said, "the host's log, behind byte {place}");
        }
    });
}

#[test]
fn a_black_hole_is_noticed_and_left_behind() {
    on_each(|mut world| {
        let link = Link::to(world.server.port);
        world.go_by(link.port);
        world.steps(HELD);
        let going = Started::start(world.run_call(&[]).env(QUICK.0, QUICK.1));
        held(&world);
        link.swallow();
        until("it connects again", || world.logins() >= 2);
        release(&world);
        going
            .finish()
            .exits(0)
            .says(&["the connection was lost: the host does not answer any more", "reconnected after"]);
        once_and_whole(&world);
    });
}

#[test]
fn a_flipped_bit_is_a_lost_connection() {
    on_each(|mut world| {
        let link = Link::to(world.server.port);
        world.go_by(link.port);
        world.steps(HELD);
        let going = Started::start(world.run_call(&["--json"]).env(QUICK.0, QUICK.1));
        held(&world);
        link.flip();
        release(&world);
        let printed = going.finish().exits(0);
        assert_eq!(output(&printed), whole());
        once_and_whole(&world);
    });
}

#[test]
fn a_controller_that_sleeps_wakes_up_to_the_end() {
    on_each(|mut world| {
        let link = Link::to(world.server.port);
        world.go_by(link.port);
        world.steps(
            &HELD.replace("    always: true\n  - name: After", "    always: true\n    timeout: 30m\n  - name: After"),
        );
        let going = world.start(&["--json"]);
        held(&world);
        going.signal(Signal::STOP);
        link.cut();
        release(&world);
        until("the run ends at the host", || world.is_over());
        going.signal(Signal::CONT);
        let printed = going.finish().exits(0);
        assert_eq!(output(&printed), whole());
        once_and_whole(&world);
    });
}

#[test]
fn a_host_that_stalls_is_not_taken_for_dead() {
    on_each(|world| {
        world.steps(HELD);
        let going = Started::start(world.run_call(&["--json"]).env(QUICK.0, QUICK.1));
        held(&world);
        let (runner, _) = world.runner();
        let stalled: Vec<u32> = world.server.sessions().into_iter().chain([runner]).collect();
        for pid in &stalled {
            signal(*pid, Signal::STOP);
        }
        until("it connects again", || world.logins() >= 2);
        for pid in &stalled {
            signal(*pid, Signal::CONT);
        }
        release(&world);
        let printed = going.finish().exits(0);
        assert_eq!(output(&printed), whole());
        once_and_whole(&world);
    });
}

#[test]
fn a_hundred_megabytes_in_one_line_and_in_many() {
    let rekeying = |options: Options, _: &Path| match options.software {
        Software::OpenSsh => options.line("RekeyLimit 4M"),
        _ => options,
    };
    on_each_with(rekeying, |world| {
        world.steps(
            "
  - name: Talks
    script: |
      head -c 50000000 /dev/zero | tr '\\0' x
      echo
      yes 'one of many lines' | head -c 50000000
      : >talked
    always: true
  - name: Held
    script: 'until [ -e go ]; do sleep .02; done'
    always: true
",
        );
        let mut going = world.start(&[]);
        going.wait_for_result("Talks");
        let status = fs::read_to_string(format!("/proc/{}/status", going.pid())).expect("its status");
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
        let most: u64 = most.trim().trim_end_matches(" kB").parse().expect("a number");
        release(&world);
        going.finish().exits(0);
        assert!(most <= 64 * 1024, "{most} kB");
        assert_eq!(world.journal(), ["1 changed", "2 changed", "exit 0", "exit 0"]);
        let run = world.runs().pop().expect("a run");
        let said = fs::read(world.there(".pinboot/runs").join(&run).join("out")).expect("the output");
        // The runner's notes of where the output of each step begins.
        let said = said.strip_prefix(b"\x1estep 1\x1e\n").and_then(|said| said.strip_suffix(b"\x1estep 2\x1e\n"));
        let said = said.expect("both notes are there");
        assert_eq!(said.len(), 100_000_001, "a hundred million bytes and a line feed");
        let journal = fs::read_to_string(world.here("state/runs").join(&run).join("events.jsonl")).expect("a journal");
        assert!(journal.len() < 4_000_000, "{}", journal.len());
        let ends: Vec<Value> = journal.lines().map(parse).filter(|event| event["kind"] == "step_abridged").collect();
        let [end] = ends.as_slice() else { panic!("{} ends", ends.len()) };
        assert_eq!((end["bytes"].as_u64(), end["sha256"].as_str()), (Some(100_000_001), Some(sha256(said).as_str())));
        let kept: usize = journal.lines().map(parse).filter_map(|event| Some(event["text"].as_str()?.len())).sum();
        assert_eq!(kept as u64 + end["left_out"].as_u64().expect("a number"), 100_000_001);
        let shown = world.pinboot(&["show", "-v"]).exits(0);
        assert!((2 << 20..3 << 20).contains(&shown.stdout.len()), "{}", shown.stdout.len());
        shown.says(&[
            "      … (9",
            &format!("see ~/.pinboot/runs/{run}/out on the host)"),
            "      one of many lines\n",
        ]);
    });
}

fn sha256(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_long_output_that_is_followed_again_is_not_kept_twice() {
    let Some(world) = World::new() else { return };
    world.steps(
        "
  - name: Talks
    script: |
      seq 1 500000
      : >talked
      until [ -e go ]; do sleep .02; done
      seq 1 500000
    always: true
",
    );
    let going = world.start(&["--json"]);
    until("it has talked", || world.there("talked").exists());
    going.kill();
    release(&world);
    let printed = world.pinboot(&["rerun", "--json"]).exits(0);
    let lines: String = (1..=500_000).map(|number| format!("{number}\n")).collect();
    assert!(output(&printed) == lines.repeat(2), "all of it is shown, in order and once");
    assert_eq!(world.journal(), ["1 changed", "exit 0", "exit 0"]);
    let run = world.runs().pop().expect("a run");
    let folder = world.here("state/runs").join(&run);
    let journal = fs::read_to_string(folder.join("events.jsonl")).expect("a journal");
    let events: Vec<Value> = journal.lines().map(parse).collect();
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], place + 1);
    }
    assert_eq!(events.iter().filter(|event| event["kind"] == "step_abridged").count(), 1);
    let shown = world.pinboot(&["show", "-v"]).exits(0).stdout;
    // Where the middle is left out, a line may be cut: "1" may be the beginning of a longer number.
    assert_eq!((shown.matches("\n      12345\n").count(), shown.matches("\n      500000\n").count()), (1, 1));
}

#[test]
fn bytes_that_are_no_text_are_kept_and_shown_escaped() {
    on_each(|mut world| {
        let link = Link::to(world.server.port);
        link.slice();
        world.go_by(link.port);
        world.steps(
            "
  - name: Says
    script: |
      printf 'caf\\303\\251 \\377\\376 a\\000b \\342\\202'
      printf '\\254\\n\\033[31mred\\n'
      printf 'no newline at the end'
      exit 4
",
        );
        let printed = world.run(&[]).exits(1);
        seen!(world, "bytes", printed);
        let out = world.there(".pinboot/runs").join(world.runs().pop().expect("a run")).join("out");
        let out = fs::read(out).expect("the output");
        let said = b"caf\xc3\xa9 \xff\xfe a\0b \xe2\x82\xac\n\x1b[31mred\nno newline at the end";
        assert!(out.windows(said.len()).any(|window| window == said), "the host's log has the bytes themselves");
        let printed = world.run(&["--json"]).exits(1);
        let all: String =
            printed.stdout.lines().map(parse).filter_map(|event| Some(event["text"].as_str()?.to_owned())).collect();
        assert_eq!(all, "café \\xff\\xfe a\\x00b €\n\\x1b[31mred\nno newline at the end");
    });
}

#[test]
fn a_reader_that_does_not_read_holds_the_host_up_for_nothing() {
    on_each(|world| {
        world.steps(&HELD.replace("-lt 200", "-lt 100000"));
        let going = world.start(&["--json"]);
        held(&world);
        release(&world);
        until("the run ends at the host", || world.is_over());
        assert_eq!(world.read("after"), "y\n");
        let printed = going.finish().exits(0);
        let lines: Vec<String> = (1..=100_000).map(|number| format!("line {number}")).collect();
        assert_eq!(output(&printed), format!("started\n{}\nended\n", lines.join("\n")));
    });
}
