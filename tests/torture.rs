//! The wire under torture: random deaths and cuts, and every named point at which something can die.
//!
//! `cargo test --test torture` makes a thousand kills and a thousand cuts; `PINBOOT_TORTURE=10000` as many as it says.
//! Each case follows from its seed, which a failure prints: `PINBOOT_SEED=… cargo test --test torture` runs that one alone.
//! (The moments of processes are not ours to repeat: a failing seed may have to be run a few times.)

#![expect(clippy::disallowed_methods, reason = "it works on real files, programs and clocks")]
#![expect(clippy::print_stdout, reason = "a measured process says what it found")]
#![expect(clippy::print_stderr, reason = "seeds and totals are for a person to read")]

#[path = "torture/chance.rs"]
mod chance;
#[path = "torture/chaos.rs"]
mod chaos;
#[path = "torture/controller.rs"]
mod controller;
#[path = "torture/dead_spots.rs"]
mod dead_spots;
#[path = "torture/deed.rs"]
mod deed;
#[path = "torture/flood.rs"]
mod flood;
#[path = "torture/lab.rs"]
mod lab;
#[path = "torture/local.rs"]
mod local;
#[path = "torture/stops.rs"]
mod stops;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use chance::Chance;
use chaos::Tally;
use lab::Kit;
use local::Fate;

/// How many cases at once: most of their time is waiting.
const AT_ONCE: usize = 10;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// Where the seeds of this call begin.
fn new_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    now.as_secs() * 1_000_000
}

fn kit(shells: &[&'static str], seed: u64) -> Kit {
    let mut chance = Chance::new(seed ^ 0x6b69_7400);
    Kit { shell: chance.of(shells), flock: !chance.one_in(3), setsid: !chance.one_in(3), gnu_tail: !chance.one_in(3) }
}

#[test]
fn whatever_dies_the_run_ends_as_an_undisturbed_one() {
    let shells = lab::shells();
    let wanted = number("PINBOOT_TORTURE").unwrap_or(1000);
    let one = number("PINBOOT_SEED");
    let first = one.unwrap_or_else(new_seed);
    eprintln!("seeds from {first}");
    let begun = Instant::now();
    let next = AtomicU64::new(first);
    let total = Mutex::new((Tally::default(), 0u64));
    let failures = Mutex::new(Vec::new());
    let goes_on = |next: u64| {
        if let Some(seed) = one {
            return next == seed;
        }
        let (tally, _) = &*total.lock().expect("nobody panics with it");
        u64::from(tally.kills.min(tally.cuts)) < wanted && failures.lock().expect("nobody panics with it").len() < 5
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if !goes_on(seed) {
                        return;
                    }
                    match chaos::case(kit(&shells, seed), seed) {
                        Ok(tally) => {
                            let (all, cases) = &mut *total.lock().expect("nobody panics with it");
                            *cases += 1;
                            all.kills += tally.kills;
                            all.cuts += tally.cuts;
                            all.deaths += tally.deaths;
                            all.unknown += tally.unknown;
                            all.shown_whole += tally.shown_whole;
                        }
                        Err(what) => {
                            eprintln!("PINBOOT_SEED={seed}: {what}");
                            failures.lock().expect("nobody panics with it").push(seed);
                        }
                    }
                }
            });
        }
    });
    let (tally, cases) = total.into_inner().expect("nobody panics with it");
    eprintln!("{cases} cases in {:?} under {shells:?}: {tally:?}", begun.elapsed());
    let failures = failures.into_inner().expect("nobody panics with it");
    assert!(failures.is_empty(), "violations with the seeds {failures:?}");
    if one.is_none() {
        assert!(u64::from(tally.shown_whole) > wanted / 10, "too few cases were seen whole: {tally:?}");
    }
}

/// Does the work of many cases, some at once, and gives what was violated.
fn side_by_side<T: Sync>(cases: &[T], work: impl Fn(&T) -> Result<(), String> + Sync) -> Vec<String> {
    let next = AtomicU64::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(usize::try_from(next.fetch_add(1, Ordering::SeqCst)).expect("few")) {
                    if let Err(what) = work(case) {
                        failures.lock().expect("nobody panics with it").push(what);
                    }
                }
            });
        }
    });
    failures.into_inner().expect("nobody panics with it")
}

fn full(shell: &'static str) -> Kit {
    Kit { shell, flock: true, setsid: true, gnu_tail: true }
}

#[test]
fn at_every_named_point_a_death_changes_nothing() {
    let shells = lab::shells();
    let points = dead_spots::all();
    assert!(points.len() > 35, "the points are found by their marks: {points:?}");
    let mut cases = Vec::new();
    for (number, point) in points.iter().enumerate() {
        let shell = |turn: usize| shells[(number + turn) % shells.len()];
        cases.extend([0, 2].map(|turn| (*point, full(shell(turn)))));
        cases.push((point, Kit { shell: shell(4), flock: false, setsid: false, gnu_tail: false }));
    }
    let failures = side_by_side(&cases, |(point, kit)| {
        dead_spots::dies_at(point, kit.clone()).map_err(|what| format!("{point} under {kit:?}: {what}"))
    });
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

#[test]
fn a_controller_that_dies_at_any_of_its_events_is_followed_by_another() {
    let events = dead_spots::controller_dies_at(u64::MAX, false, full("dash")).expect("undisturbed");
    let cases: Vec<(u64, bool)> = (1..=events).flat_map(|event| [(event, false), (event, true)]).collect();
    let failures = side_by_side(&cases, |(event, follow)| {
        let died = dead_spots::controller_dies_at(*event, *follow, full("dash"));
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
        dead_spots::connection_ends(*fate, full("dash")).map_err(|what| format!("{fate:?}: {what}"))
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_stop_at_any_moment_ends_what_it_says_and_loses_nothing() {
    let shells = lab::shells();
    let wanted = number("PINBOOT_TORTURE").unwrap_or(1000) / 8;
    let one = number("PINBOOT_SEED");
    let first = one.unwrap_or_else(new_seed);
    let seeds: Vec<u64> =
        (first..).take(if one.is_some() { 1 } else { usize::try_from(wanted).expect("few") }).collect();
    let seen = Mutex::new((0, 0));
    let failures = side_by_side(&seeds, |seed| {
        let stopped = stops::case(kit(&shells, *seed), *seed).map_err(|what| format!("PINBOOT_SEED={seed}: {what}"))?;
        let (in_time, dead) = &mut *seen.lock().expect("nobody panics with it");
        *in_time += usize::from(stopped.in_time);
        *dead += usize::from(stopped.dead);
        Ok(())
    });
    let (in_time, dead) = *seen.lock().expect("nobody panics with it");
    eprintln!("seeds from {first}: {} stops, {in_time} before the end, {dead} with a dead runner", seeds.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(one.is_some() || in_time > seeds.len() / 3, "too few stops came in time: {in_time}");
}

/// Does something only where the next test starts it, in a process of its own.
#[test]
fn the_flood_that_is_measured() {
    flood::child();
}

#[test]
fn a_hundred_megabytes_come_whole_through_a_hundred_cuts() {
    let begun = Instant::now();
    let (exit, left, whole, size) = flood::measured();
    eprintln!("100 MB through 100 cuts in {:?}, {size} kB at most", begun.elapsed());
    assert_eq!((exit, left), (0, 0), "the run's end, and cuts that did not come");
    assert!(whole, "every byte was shown once and in order");
    assert!(size <= 64 * 1024, "{size} kB");
}
