//! The wire under torture: random deaths and cuts, and every named point at which something can die.
//!
//! `cargo test --test torture` makes fifty kills and fifty cuts; `PINBOOT_TORTURE=300`, as in `.ci/run`, as many as it says.
//!
//! A case that fails is written to a file, with every kill and cut as it fell, and the failure names the command that plays it:
//! `PINBOOT_REPLAY=FILE cargo test --test torture whatever_dies`. `PINBOOT_TIMES=20` plays it that often. Processes are not
//! ours to schedule, so a replay also says how many kills fell at the same place. `PINBOOT_SEED=…` makes a new case with the
//! same plan and other moments.

#![expect(clippy::disallowed_methods, reason = "it works on real files, programs and clocks")]
#![expect(clippy::print_stdout, reason = "a measured process prints what it found")]
#![expect(clippy::print_stderr, reason = "seeds and totals are for a person to read")]

#[path = "torture/chance.rs"]
mod chance;
#[path = "torture/chaos.rs"]
mod chaos;
#[path = "torture/controller.rs"]
mod controller;
#[path = "torture/flood.rs"]
mod flood;
#[path = "torture/lab.rs"]
mod lab;
#[path = "torture/local.rs"]
mod local;
#[path = "torture/named_points.rs"]
mod named_points;
#[path = "torture/place.rs"]
mod place;
#[path = "support/plans.rs"]
mod plans;
#[path = "torture/recording.rs"]
mod recording;
#[path = "torture/replay.rs"]
mod replay;
#[path = "torture/stops.rs"]
mod stops;
#[path = "support/wait.rs"]
mod wait;
#[path = "torture/workload.rs"]
mod workload;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use chance::Chance;
use chaos::Tally;
use lab::{Kit, Role};
use place::Place;
use recording::{Fate, Kill, Recording, Suite, Victim};
use replay::Fell;

/// How many cases at once: most of their time is waiting.
const AT_ONCE: usize = 10;

/// How many kills and cuts there are at least, if `PINBOOT_TORTURE` does not say.
const FEW: u64 = 50;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// The first seed of this call.
fn new_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    now.as_secs() * 1_000_000
}

fn kit(shells: &[&'static str], seed: u64) -> Kit {
    let mut chance = Chance::new(seed ^ 0x6b69_7400);
    Kit { shell: chance.of(shells), flock: !chance.one_in(3), setsid: !chance.one_in(3), gnu_tail: !chance.one_in(3) }
}

/// Plays a recording as often as `PINBOOT_TIMES` says, reports each time where its kills fell, and fails if the violation is
/// still there.
fn replay(recording: &Recording, play: impl Fn(&Recording) -> (Result<(), String>, Fell)) {
    let times = number("PINBOOT_TIMES").unwrap_or(1);
    eprintln!("recorded: {}", recording.violation);
    let mut found = 0;
    for time in 1..=times {
        let (result, fell) = play(recording);
        let what = result.err();
        eprintln!("{time} of {times}: {fell:?}: {}", what.as_deref().unwrap_or("nothing was violated"));
        found += u64::from(what.is_some());
    }
    assert_eq!(found, 0, "violated in {found} of {times} replays");
}

#[test]
fn whatever_dies_the_run_ends_as_an_undisturbed_one() {
    if std::env::var_os("PINBOOT_REPLAY").is_some() {
        if let Some(recording) = Recording::wanted(Suite::Chaos) {
            replay(&recording, |recording| {
                let played = chaos::again(recording);
                (played.result.map(drop), played.fell)
            });
        }
        return;
    }
    let shells = lab::shells();
    let wanted = number("PINBOOT_TORTURE").unwrap_or(FEW);
    let one = number("PINBOOT_SEED");
    let first = one.unwrap_or_else(new_seed);
    eprintln!("seeds from {first}");
    let started = Instant::now();
    let next = AtomicU64::new(first);
    let total = Mutex::new((Tally::default(), 0u64));
    let failures = Mutex::new(Vec::new());
    let is_wanted = |next: u64| {
        if let Some(seed) = one {
            return next == seed;
        }
        let (tally, _) = &*total.lock().expect("nothing panics with it");
        u64::from(tally.kills.min(tally.cuts)) < wanted && failures.lock().expect("nothing panics with it").len() < 5
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if !is_wanted(seed) {
                        return;
                    }
                    let played = chaos::case(&kit(&shells, seed), seed);
                    match played.result {
                        Ok(tally) => {
                            let (all, cases) = &mut *total.lock().expect("nothing panics with it");
                            *cases += 1;
                            all.kills += tally.kills;
                            all.cuts += tally.cuts;
                            all.deaths += tally.deaths;
                            all.unknown += tally.unknown;
                            all.shown_whole += tally.shown_whole;
                        }
                        Err(what) => {
                            let replay = played.recording.keep();
                            eprintln!("seed {seed}: {what}\n{replay}");
                            failures.lock().expect("nothing panics with it").push(replay);
                        }
                    }
                }
            });
        }
    });
    let (tally, cases) = total.into_inner().expect("nothing panics with it");
    eprintln!("{cases} cases in {:?} under {shells:?}: {tally:?}", started.elapsed());
    let failures = failures.into_inner().expect("nothing panics with it");
    assert!(failures.is_empty(), "violations, which these commands play again:\n{}", failures.join("\n"));
    if one.is_none() {
        assert!(u64::from(tally.shown_whole) > wanted / 10, "too few cases were seen whole: {tally:?}");
    }
}

/// Plays many cases, some of them at once, and returns what was violated.
fn side_by_side<T: Sync>(cases: &[T], play: impl Fn(&T) -> Result<(), String> + Sync) -> Vec<String> {
    let next = AtomicU64::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(usize::try_from(next.fetch_add(1, Ordering::SeqCst)).expect("few")) {
                    if let Err(what) = play(case) {
                        failures.lock().expect("nothing panics with it").push(what);
                    }
                }
            });
        }
    });
    failures.into_inner().expect("nothing panics with it")
}

fn full(shell: &'static str) -> Kit {
    Kit { shell, flock: true, setsid: true, gnu_tail: true }
}

#[test]
fn at_every_named_point_a_death_changes_nothing() {
    let shells = lab::shells();
    let points = named_points::all();
    assert!(points.len() > 35, "the points are found by their marks: {points:?}");
    let mut cases = Vec::new();
    for (number, point) in points.iter().enumerate() {
        let shell = |turn: usize| shells[(number + turn) % shells.len()];
        cases.extend([0, 2].map(|turn| (*point, full(shell(turn)))));
        cases.push((point, Kit { shell: shell(4), flock: false, setsid: false, gnu_tail: false }));
    }
    let failures = side_by_side(&cases, |(point, kit)| {
        named_points::dies_at(point, kit.clone()).map_err(|what| format!("{point} under {kit:?}: {what}"))
    });
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

#[test]
fn a_controller_that_dies_at_any_of_its_events_is_followed_by_another() {
    let events = named_points::controller_dies_at(u64::MAX, false, full("dash")).expect("undisturbed");
    let cases: Vec<(u64, bool)> = (1..=events).flat_map(|event| [(event, false), (event, true)]).collect();
    let failures = side_by_side(&cases, |(event, follow)| {
        let died = named_points::controller_dies_at(*event, *follow, full("dash"));
        died.map(|_| ()).map_err(|what| format!("at event {event}, followed: {follow}: {what}"))
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_connection_that_ends_before_or_after_anything_was_sent_is_taken_up_again() {
    let mut fates = vec![Fate::Unreachable, Fate::LostOnTheWay(false), Fate::LostOnTheWay(true)];
    fates.extend([0, 1, 100, 40_000, 1_000_000].map(Fate::CutIn));
    fates.extend((0..150).step_by(3).map(Fate::CutOut));
    let failures = side_by_side(&fates, |fate| {
        named_points::connection_ends(*fate, full("dash")).map_err(|what| format!("{fate:?}: {what}"))
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A replay is of no use if its kills fall anywhere else: a delivery and a runner die between two points each.
#[test]
fn a_recorded_kill_falls_between_its_two_points() {
    let mut recording = Recording::new(Suite::Chaos, 1, &full("dash"), true);
    let victim = |role| Victim::Process { role, descent: Vec::new() };
    recording.kills = vec![
        Kill { victim: victim(Role::Delivery), place: Place::behind("delivery-1", 3) },
        Kill { victim: victim(Role::Runner), place: Place::behind("runner-1", 14) },
    ];
    let played = chaos::again(&recording);
    played.result.expect("the run ends as it must");
    assert_eq!(played.fell.missed, 0, "{:?}", played.fell);
    let places: Vec<(&str, u32)> =
        played.recording.kills.iter().map(|kill| (kill.place.shell.as_str(), kill.place.passed)).collect();
    // A shell that waits at its gate has noted that point.
    assert!(matches!(places[..], [("delivery-1", 3 | 4), ("runner-1", 14 | 15)]), "{places:?}");
}

/// mksh has no `printf` of its own, so what writes a word or a secret can be killed without the delivery.
#[test]
fn a_word_that_is_killed_is_asked_for_again() {
    if lab::shells().contains(&"mksh") {
        let kit = Kit { shell: "mksh", flock: true, setsid: false, gnu_tail: true };
        for word in ["hello", "none", "secret"] {
            named_points::word_is_killed(word, kit.clone()).unwrap_or_else(|what| panic!("{word}: {what}"));
        }
    }
}

#[test]
fn a_stop_at_any_moment_ends_what_it_says_and_loses_nothing() {
    if std::env::var_os("PINBOOT_REPLAY").is_some() {
        if let Some(recording) = Recording::wanted(Suite::Stop) {
            replay(&recording, |recording| {
                let played = stops::again(recording);
                (played.result.map(drop), played.fell)
            });
        }
        return;
    }
    let shells = lab::shells();
    let wanted = (number("PINBOOT_TORTURE").unwrap_or(FEW) / 8).max(20);
    let one = number("PINBOOT_SEED");
    let first = one.unwrap_or_else(new_seed);
    let count = if one.is_some() { 1 } else { usize::try_from(wanted).expect("few") };
    let seeds: Vec<u64> = (first..).take(count).collect();
    let seen = Mutex::new((0, 0));
    let failures = side_by_side(&seeds, |seed| {
        let played = stops::case(&kit(&shells, *seed), *seed);
        let stopped = played.result.map_err(|what| format!("seed {seed}: {what}\n{}", played.recording.keep()))?;
        let (in_time, dead) = &mut *seen.lock().expect("nothing panics with it");
        *in_time += usize::from(stopped.in_time);
        *dead += usize::from(stopped.dead);
        Ok(())
    });
    let (in_time, dead) = *seen.lock().expect("nothing panics with it");
    eprintln!("seeds from {first}: {} stops, {in_time} before the end, {dead} with a dead runner", seeds.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(one.is_some() || in_time > seeds.len() / 3, "too few stops came in time: {in_time}");
}

/// Does something only when the next test starts it, in a process of its own.
#[test]
fn the_flood_that_is_measured() {
    flood::child();
}

#[test]
fn a_hundred_megabytes_come_whole_through_a_hundred_cuts() {
    let started = Instant::now();
    let (exit, left, whole, size) = flood::measured();
    eprintln!("100 MB through 100 cuts in {:?}, {size} kB at most", started.elapsed());
    assert_eq!((exit, left), (0, 0), "the exit code, and the cuts that did not come");
    assert!(whole, "every byte was shown once and in order");
    assert!(size <= 64 * 1024, "{size} kB");
}
