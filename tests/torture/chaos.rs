//! Random deaths: of one case from its first delivery to its right end.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use pinboot::event::Outcome;
use pinboot::ids::{RunId, StepId};
use pinboot::plan::OnUnknown;
use pinboot::view::{HostView, StepView};
use rustix::process::Signal;

use crate::chance::Chance;
use crate::controller::{Death, Ended, HostTask, job, live};
use crate::deed::{self, BLIND, Deed};
use crate::lab::{Kit, Lab, Role, signal, wait_until};
use crate::local::{Local, Weather};

/// What came of a case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) kills: u32,
    pub(crate) cuts: u32,
    pub(crate) deaths: u32,
    pub(crate) unknown: u32,
    pub(crate) shown_whole: u32,
}

/// What the killer did, and whether it may go on.
#[derive(Debug, Default)]
struct Doings {
    calm: AtomicBool,
    kills: AtomicU32,
    /// A process of a step (or of the runner's checks) was killed alone: the step may have failed.
    maimed: AtomicBool,
    /// Something was killed that may leave a step's outcome unknown.
    lethal: AtomicBool,
    /// Bytes of the log that a controller may have seen are gone.
    truncated: AtomicBool,
}

/// Kills at random moments, up to so many times.
fn killer(lab: &Lab, doings: &Doings, mut chance: Chance, kills: u32) {
    let pace = chance.of(&[60, 110, 300]);
    for _ in 0..kills {
        std::thread::sleep(chance.pause(pace));
        if doings.calm.load(Ordering::SeqCst) {
            return;
        }
        let living = lab.processes();
        if living.is_empty() {
            continue;
        }
        let what = chance.below(20);
        if what < 4 {
            let _power = lab.power.lock().expect("nobody panics with it");
            doings.lethal.store(true, Ordering::SeqCst);
            lab.power_cut();
            if chance.one_in(2) {
                lose_what_was_not_on_disk(lab, doings, &mut chance);
            }
        } else {
            let role = match what {
                4..=8 => Role::Delivery,
                9..=11 => Role::Follower,
                12..=18 => Role::Runner,
                _ => Role::Step,
            };
            let those: Vec<i32> = match role {
                Role::Runner => runners(lab),
                _ => living.iter().filter(|process| process.role == role).map(|process| process.pid).collect(),
            };
            if those.is_empty() {
                continue;
            }
            match role {
                Role::Runner => doings.lethal.store(true, Ordering::SeqCst),
                Role::Step => doings.maimed.store(true, Ordering::SeqCst),
                Role::Delivery | Role::Follower => {}
            }
            // (What the runner has started and is no `sh plan` yet counts as the delivery's: it may be the runner.)
            if role == Role::Delivery {
                doings.lethal.store(true, Ordering::SeqCst);
                doings.maimed.store(true, Ordering::SeqCst);
            }
            signal(chance.of(&those), Signal::KILL);
        }
        doings.kills.fetch_add(1, Ordering::SeqCst);
    }
}

/// The shells that wrote `runner`.
fn runners(lab: &Lab) -> Vec<i32> {
    let runs = fs::read_dir(lab.path(".pinboot/runs")).into_iter().flatten().flatten();
    let first = |text: String| text.split(' ').next().and_then(|pid| pid.parse().ok());
    runs.filter_map(|run| fs::read_to_string(run.path().join("runner")).ok().and_then(first))
        .filter(|pid| lab.processes().iter().any(|process| process.pid == *pid && process.role == Role::Runner))
        .collect()
}

/// After a power cut: the log has what was synced (up to the last `apply`, before which it is), and perhaps more; what nobody
/// has synced may be gone.
fn lose_what_was_not_on_disk(lab: &Lab, doings: &Doings, chance: &mut Chance) {
    for run in fs::read_dir(lab.path(".pinboot/runs")).into_iter().flatten().flatten() {
        let path = |name: &str| run.path().join(name);
        let log = fs::read(path("log")).unwrap_or_default();
        let begun = fs::read_dir(run.path())
            .into_iter()
            .flatten()
            .flatten()
            .any(|file| file.file_name().to_string_lossy().ends_with(".began"));
        if !path("end").exists() {
            let mark = b" apply ";
            let synced = log.windows(mark.len()).rposition(|part| part == mark).map_or(0, |at| at.saturating_sub(36));
            let keep = synced as u64 + chance.below((log.len() - synced) as u64 + 1);
            if keep < log.len() as u64 {
                fs::OpenOptions::new().write(true).open(path("log")).expect("there").set_len(keep).expect("cut");
                doings.truncated.store(true, Ordering::SeqCst);
            }
        }
        if !begun {
            if chance.one_in(2)
                && let Ok(plan) = fs::OpenOptions::new().write(true).open(path("plan"))
            {
                plan.set_len(chance.below(20_000)).expect("cut");
            }
            for name in ["runner", "spare", "nonce", "lock"] {
                if chance.one_in(3) {
                    let _ = fs::remove_file(path(name));
                }
            }
        }
    }
}

/// One case. The error names what was violated.
pub(crate) fn case(kit: Kit, seed: u64) -> Result<Tally, String> {
    let mut chance = Chance::new(seed);
    let lab = Arc::new(Lab::new(kit));
    let deed = Deed::of(&mut chance);
    let kills = u32::try_from(4 + chance.below(20)).expect("small");
    let cuts = u32::try_from(chance.below(11)).expect("small");
    let mut deaths = chance.below(3);
    let reach = chance.of(&[300, 2000, 20_000]);
    let weather = Weather::with(chance.split(), cuts, reach);
    let line = Local::new(&lab, weather);
    let doings = Doings::default();
    let mut tally = Tally::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let deadline = Instant::now() + Duration::from_mins(2);
    let mut earlier: Vec<RunId> = Vec::new();
    let outcome = std::thread::scope(|scope| {
        let chances = chance.split();
        let (lab_, doings_) = (&*lab, &doings);
        scope.spawn(move || killer(lab_, doings_, chances, kills));
        let result = (|| loop {
            if Instant::now() > deadline {
                return Err("no end in two minutes".to_owned());
            }
            let number = u8::try_from(earlier.len()).expect("few");
            let (identity, plan) = (deed::identity(&lab, seed, number), deed.plan(&earlier));
            let death = match deaths {
                0 => Death::Never,
                _ if chance.one_in(2) => Death::After(chance.pause(600)),
                _ => Death::AtEvent(1 + chance.below(14)),
            };
            let follow = chance.one_in(4);
            let local = Local { lab: Arc::clone(&lab), weather: Arc::clone(&line.weather) };
            let life = runtime.block_on(live(local, job(&identity, &plan, None, follow), death));
            let found = deed::violations(&lab, &deed);
            if !found.is_empty() {
                return Err(found.join("; "));
            }
            let (exit, host) = match life.ended {
                Ended::Died => {
                    deaths -= 1;
                    tally.deaths += 1;
                    continue;
                }
                Ended::Stuck => return Err(format!("the controller saw no end: {:?}", lab.processes())),
                Ended::Exit(exit, ref host) => (exit, host.clone()),
            };
            let (lethal, maimed) = (doings.lethal.load(Ordering::SeqCst), doings.maimed.load(Ordering::SeqCst));
            match exit {
                0 => {
                    let found = ended_well(&lab, &deed, &host, &earlier, lethal);
                    if !found.is_empty() {
                        return Err(found.join("; "));
                    }
                    if !doings.truncated.load(Ordering::SeqCst) {
                        shown_whole(&lab, &identity.run, &identity.nonce, &life)?;
                        tally.shown_whole += 1;
                    }
                    return Ok(());
                }
                8 => {
                    let unknown: BTreeSet<StepId> =
                        host.steps.iter().filter(|s| s.outcome() == Some(Outcome::Unknown)).map(|s| s.id).collect();
                    if unknown.is_empty() && follow {
                        continue;
                    }
                    if !lethal || !unknown.is_subset(&deed::may_be_unknown(&deed)) {
                        return Err(format!("unknown without a cause: {unknown:?}, lethal: {lethal}"));
                    }
                    if !unknown.is_empty() {
                        tally.unknown += 1;
                        return Ok(());
                    }
                    // (The runner was killed too often: the user takes the run up again.)
                }
                1 if maimed => {
                    // (A step without a check that failed has perhaps taken effect: that a rerun does it again is the user's will.)
                    let blind = host.step(BLIND).and_then(StepView::outcome) == Some(Outcome::Failed);
                    if blind || earlier.len() > 20 {
                        return Ok(());
                    }
                    earlier.push(identity.run.clone());
                }
                // (Something of the run before still lives.)
                9 if !earlier.is_empty() => {
                    earlier.push(identity.run.clone());
                    std::thread::sleep(Duration::from_millis(50));
                }
                10 if follow => {}
                // (It was not reached in time, or not often enough: the user tries again.)
                7 => {}
                other => return Err(format!("exit {other}: {:?} {:?} {:?}", host.message, host.hint, host.steps)),
            }
        })();
        doings.calm.store(true, Ordering::SeqCst);
        result
    });
    tally.kills = doings.kills.load(Ordering::SeqCst);
    tally.cuts = line.weather.lock().expect("nobody panics with it").cut;
    // What was left behind must not wake up later and do anything again.
    wait_until(deadline, || {
        line.weather.lock().expect("nobody panics with it").holes.clear();
        lab.is_quiet()
    });
    let late = deed::violations(&lab, &deed);
    let result = outcome.and(if late.is_empty() { Ok(()) } else { Err(late.join("; ")) });
    result
        .map(|()| tally)
        .map_err(|what| format!("{what}\n  {:?}, {kills} kills, {cuts} cuts, {deed:?}\n{}", lab.kit, record(&lab)))
}

/// The final view is that of an undisturbed run.
fn ended_well(lab: &Lab, deed: &Deed, host: &HostView, earlier: &[RunId], lethal: bool) -> Vec<String> {
    let mut found = deed::left_undone(lab, deed);
    let steps = deed.plan(&[]).steps.len();
    if host.steps.len() != steps {
        found.push(format!("{} steps of {steps} were told: {:?}", host.steps.len(), host.steps));
    }
    for step in &host.steps {
        let right = match step.outcome() {
            Some(Outcome::Changed) => true,
            Some(Outcome::Unchanged) => !earlier.is_empty() || (lethal && step.id != BLIND),
            _ => false,
        };
        if !right {
            found.push(format!("step {} ended as {:?} ({:?})", step.id, step.outcome(), step.why));
        }
    }
    if deed.unknown == OnUnknown::Fail
        && host.step(BLIND).is_some_and(|step| step.why.as_deref().is_some_and(|why| why.contains("assumed")))
    {
        found.push("assumed done without being told to".to_owned());
    }
    found
}

/// Every byte that the host's log has was shown once, and in order.
fn shown_whole(lab: &Lab, run: &RunId, nonce: &str, life: &HostTask) -> Result<(), String> {
    let log = fs::read(lab.path(&format!(".pinboot/runs/{run}/log"))).unwrap_or_default();
    let right = deed::said(&log, nonce);
    if right == life.said {
        return Ok(());
    }
    let differing = right.keys().chain(life.said.keys()).find(|step| right.get(step) != life.said.get(step));
    let step = differing.expect("they differ");
    Err(format!("step {step} was shown as {:?}\n  and the log has {:?}", life.said.get(step), right.get(step)))
}

/// The record on the host, for a person who looks for what went wrong.
fn record(lab: &Lab) -> String {
    let mut out = format!("count2 {:?} count3 {:?}\n", lab.lines("count2"), lab.lines("count3"));
    for run in fs::read_dir(lab.path(".pinboot/runs")).into_iter().flatten().flatten() {
        let mut names: Vec<String> = fs::read_dir(run.path())
            .into_iter()
            .flatten()
            .flatten()
            .map(|file| file.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        let log = fs::read(run.path().join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).replace('\u{1e}', "^");
        let frames: Vec<&str> =
            log.lines().filter(|line| line.contains("^pb:") || !line.starts_with("line ")).collect();
        writeln!(out, "run {}: {names:?}\n{}", run.file_name().display(), frames.join("\n"))
            .expect("a string takes all");
    }
    out
}
