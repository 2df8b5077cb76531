//! Whatever is read is answered: playbooks, files of variables, journals and the streams of a host, made by chance.
//!
//! `cargo test --test fuzz` takes two seconds; `PINBOOT_FUZZ=120`, as in `.ci/run`, as many as it says. The seed is printed. It is
//! always the same, so that a change is judged by its own faults; `PINBOOT_SEED=now` looks for new ones, as `just fuzz` does,
//! `PINBOOT_SEED=SEED` makes the inputs of a seed again, and `PINBOOT_SEED=SEED:NUMBER` only one of them.
//!
//! An input that fails is cut down as far as it still fails in the same way, and written to a file; the failure names the
//! command that reads it again: `PINBOOT_REPLAY=FILE cargo test --test fuzz`.
//!
//! Inputs are read in processes of their own with a limit of memory and of time. One that aborts, takes too much or never ends
//! is thereby found like one that panics. [`check`] says what must hold besides.

#![expect(clippy::disallowed_methods, reason = "it works on real files, programs and clocks")]

#[path = "torture/chance.rs"]
#[expect(dead_code, reason = "pauses are for the torture")]
mod chance;
#[path = "fuzz/check.rs"]
mod check;
#[path = "fuzz/corpus.rs"]
mod corpus;
#[path = "fuzz/frames.rs"]
mod frames;
#[path = "fuzz/grammar.rs"]
mod grammar;
#[path = "fuzz/input.rs"]
mod input;
#[path = "fuzz/journals.rs"]
mod journals;
#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "fuzz/program.rs"]
mod program;
#[path = "fuzz/smaller.rs"]
mod smaller;
#[path = "fuzz/tree.rs"]
mod tree;
#[path = "fuzz/worker.rs"]
mod worker;

use std::io::Write as _;
use std::time::Duration;

use input::Input;
use worker::{Job, Verdict, Wanted};

/// How long it takes, if `PINBOOT_FUZZ` does not say.
const SHORT: Duration = Duration::from_secs(2);

/// The seed, if `PINBOOT_SEED` does not say.
const SEED: u64 = 1;

/// The inputs of one call: those that follow from a seed, or one of them.
fn wanted() -> (u64, Option<u64>) {
    let number = |text: &str| text.parse().expect("PINBOOT_SEED is now, SEED or SEED:NUMBER");
    let Ok(given) = std::env::var("PINBOOT_SEED") else {
        return (SEED, None);
    };
    if given == "now" {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        return (now.as_secs(), None);
    }
    match given.split_once(':') {
        Some((seed, only)) => (number(seed), Some(number(only))),
        None => (number(&given), None),
    }
}

/// Where an input is kept.
fn kept(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"))
}

/// Prints a line past libtest's capturing: a seed matters most where a machine ends without a word.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "fuzz: {line}");
}

#[test]
fn whatever_comes_in_is_answered() {
    if let Some(file) = std::env::var_os("PINBOOT_REPLAY") {
        let input = Input::from_file(&std::fs::read(&file).expect("the file of an input"));
        let verdict = worker::once(&input);
        assert_eq!(verdict, Verdict::Right, "{}", file.display());
        return;
    }
    let seconds = std::env::var("PINBOOT_FUZZ").ok().map(|text| text.parse().expect("PINBOOT_FUZZ is seconds"));
    let time = seconds.map_or(SHORT, Duration::from_secs);
    let (seed, only) = wanted();
    say(&format!("PINBOOT_SEED={seed}, {} s", time.as_secs()));
    let job = Job { seed, wanted: only.map_or(Wanted::AllFor(time), Wanted::One) };
    let (found, tally) = worker::side_by_side(&job);
    say(&tally.to_string());
    std::fs::write(kept("slowest"), input::of(seed, tally.slowest_number).to_file()).expect("the input is written");
    let Some((number, verdict)) = found else {
        assert!(tally.inputs > 0, "nothing was tried");
        return;
    };
    let input = input::of(seed, number);
    let small = smaller::smallest(&input, &verdict);
    let file = kept(&format!("{seed}-{number}"));
    std::fs::write(&file, small.to_file()).expect("the input is written");
    panic!(
        "{verdict:?}\nPINBOOT_SEED={seed}:{number} brings the input back; {} bytes of it are enough:\n\
         PINBOOT_REPLAY={} cargo test --test fuzz\n{}",
        small.bytes.len(),
        file.display(),
        String::from_utf8_lossy(&small.bytes).chars().take(600).collect::<String>().escape_debug()
    );
}

/// The process that reads inputs; nothing where it is not started as one.
#[test]
fn the_process_that_reads() {
    worker::work();
}

/// The inputs are worth something: many are accepted, many are refused, and every kind, option and verb is among them.
#[test]
fn inputs_are_as_different_as_they_should_be() {
    let (mut accepted, mut refused) = (0, 0);
    let mut text = String::new();
    for number in 0..1000 {
        let input = input::of(1, number);
        text.push_str(&String::from_utf8_lossy(&input.bytes[..input.bytes.len().min(20_000)]));
        if input.kind == input::Kind::Playbook {
            *(if check::is_accepted(&input) { &mut accepted } else { &mut refused }) += 1;
        }
    }
    assert!(accepted > 20 && refused > 20, "{accepted} are accepted, {refused} refused");
    let words = pinboot::kinds::KINDS.iter().map(|kind| kind.name).chain(pinboot::plan::options::names());
    let verbs = ["hello", "start", "done", "diff", "end", "step_finished", "host_ready"];
    let missing: Vec<&str> = words.chain(verbs).filter(|word| !text.contains(word)).collect();
    assert!(missing.is_empty(), "no input has {missing:?}");
}
