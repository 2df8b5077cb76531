//! Random deaths: one case from its first delivery to its right end.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pinboot::event::Outcome;
use pinboot::exit::Exit;
use pinboot::ids::{RunId, StepId};
use pinboot::plan::OnUnknown;
use pinboot::remote::Identity;
use pinboot::view::{HostView, StepView};
use rustix::process::Signal;

use crate::chance::Chance;
use crate::controller::{Ended, Seen, control, job};
use crate::lab::{Kit, Lab, Role, signal};
use crate::local::{Local, Network};
use crate::place::{Place, runner_hook};
use crate::recording::{Controller, Death, Kill, Loss, Recording, Suite, Victim, is_traced};
use crate::replay::{Fell, Next, Player, pause};
use crate::wait::wait_until;
use crate::workload::{self, BLIND, Workload};

/// What came of a case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) kills: u32,
    pub(crate) cuts: u32,
    pub(crate) deaths: u32,
    pub(crate) unknown: u32,
    pub(crate) shown_whole: u32,
}

/// What the killer has done, and whether it may go on.
#[derive(Debug, Default)]
struct State {
    calm: AtomicBool,
    kills: Mutex<Vec<Kill>>,
    /// A process of a step (or of the runner's checks) was killed alone: the step may have failed.
    maimed: AtomicBool,
    /// Something was killed that may leave a step's outcome unknown.
    lethal: AtomicBool,
    /// Bytes of the log that a controller may have seen are gone.
    truncated: AtomicBool,
}

impl State {
    fn is_calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst)
    }

    fn is_lethal(&self) -> bool {
        self.lethal.load(Ordering::SeqCst)
    }

    fn note(&self, lab: &Lab, victim: Victim, place: Place) {
        self.kills.lock().expect("nothing panics with it").push(Kill { victim, place });
        lab.kills.fetch_add(1, Ordering::SeqCst);
    }

    /// Kills one process.
    fn kill(&self, lab: &Lab, role: Role, pid: i32) {
        let (place, descent) = lab.place_of(pid);
        // What the runner has started and is not yet `sh plan` counts as the delivery's: it may be the runner.
        if matches!(role, Role::Runner | Role::Delivery) {
            self.lethal.store(true, Ordering::SeqCst);
        }
        if matches!(role, Role::Step | Role::Delivery) {
            self.maimed.store(true, Ordering::SeqCst);
        }
        signal(pid, Signal::KILL);
        self.note(lab, Victim::Process { role, descent }, place);
    }

    /// Ends everything at once. What had not been synced is lost as this says.
    fn cut_power(&self, lab: &Lab, lose: impl FnOnce() -> Vec<Loss>) {
        let _power = lab.power.lock().expect("nothing panics with it");
        let place = lab.place_of_all();
        self.lethal.store(true, Ordering::SeqCst);
        lab.power_cut();
        let lost = lose();
        for loss in &lost {
            if apply(lab, loss) {
                self.truncated.store(true, Ordering::SeqCst);
            }
        }
        self.note(lab, Victim::Power(lost), place);
    }
}

/// Kills at random moments, up to so many times.
fn kill_at_random(lab: &Lab, state: &State, mut chance: Chance, kills: u32) {
    let pace = chance.of(&[60, 110, 300]);
    for _ in 0..kills {
        std::thread::sleep(chance.pause(pace));
        if state.is_calm() {
            return;
        }
        let living = lab.processes();
        if living.is_empty() {
            continue;
        }
        let role = match chance.below(20) {
            0..4 => {
                state.cut_power(lab, || {
                    if chance.one_in(2) { what_was_not_on_disk(lab, &mut chance) } else { Vec::new() }
                });
                continue;
            }
            4..=8 => Role::Delivery,
            9..=11 => Role::Follower,
            12..=18 => Role::Runner,
            _ => Role::Step,
        };
        let those: Vec<i32> = match role {
            Role::Runner => runners(lab),
            _ => living.iter().filter(|process| process.role == role).map(|process| process.pid).collect(),
        };
        if !those.is_empty() {
            state.kill(lab, role, chance.of(&those));
        }
    }
}

/// Kills where a recording says.
fn kill_as_recorded(lab: &Lab, state: &State, kills: &[Kill]) -> Fell {
    let mut player = Player::new(lab, kills);
    while !state.is_calm() {
        match player.next() {
            Next::Wait => pause(),
            Next::Over => break,
            Next::Kill(kill, pid) => {
                match &kill.victim {
                    Victim::Process { role, .. } => state.kill(lab, *role, pid),
                    Victim::Power(lost) => state.cut_power(lab, || lost.clone()),
                    Victim::Stop { .. } => {}
                }
                player.open(&kill);
            }
        }
    }
    player.finish()
}

/// The shells that wrote `runner`.
fn runners(lab: &Lab) -> Vec<i32> {
    let runs = fs::read_dir(lab.path(".pinboot/runs")).into_iter().flatten().flatten();
    let first = |text: String| text.split(' ').next().and_then(|pid| pid.parse().ok());
    runs.filter_map(|run| fs::read_to_string(run.path().join("runner")).ok().and_then(first))
        .filter(|pid| lab.processes().iter().any(|process| process.pid == *pid && process.role == Role::Runner))
        .collect()
}

/// What a loss of power takes. The log has what was synced (up to the last `apply`, before which it is), and perhaps more; what
/// was never synced may be gone.
fn what_was_not_on_disk(lab: &Lab, chance: &mut Chance) -> Vec<Loss> {
    let mut lost = Vec::new();
    for folder in fs::read_dir(lab.path(".pinboot/runs")).into_iter().flatten().flatten() {
        let path = |name: &str| folder.path().join(name);
        let run = || folder.file_name().to_string_lossy().into_owned();
        if !path("end").exists() {
            for file in ["log", "out"] {
                let (synced, size) = synced(&folder.path(), file);
                let left = synced + chance.below(size - synced + 1);
                if left < size {
                    lost.push(Loss::Cut { run: run(), file: file.to_owned(), left });
                }
            }
        }
        if !has_step_started(&folder.path()) {
            if chance.one_in(2) && path("plan").exists() {
                lost.push(Loss::Cut { run: run(), file: "plan".to_owned(), left: chance.below(20_000) });
            }
            for name in ["runner", "spare", "nonce", "lock"] {
                if chance.one_in(3) {
                    lost.push(Loss::Removed { run: run(), file: name.to_owned() });
                }
            }
        }
    }
    lost
}

/// Whether a step of the run has started: everything that the run needs was synced before.
fn has_step_started(folder: &Path) -> bool {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.file_name().to_string_lossy().ends_with(".began"))
}

/// How many bytes of the run's log or of its output are on disk, and how many there are.
fn synced(folder: &Path, file: &str) -> (u64, u64) {
    let log = fs::read(folder.join("log")).unwrap_or_default();
    let mark = b" apply ";
    let synced = log.windows(mark.len()).rposition(|part| part == mark).map_or(0, |at| at.saturating_sub(36));
    if file == "log" {
        return (synced as u64, log.len() as u64);
    }
    // What the last mark of the synced log counts was printed before it.
    let text = String::from_utf8_lossy(&log[..synced]);
    let mut marks = text.split('\x1e').filter_map(|frame| frame.split_once(" out ")?.1.parse().ok());
    let size = fs::metadata(folder.join(file)).map_or(0, |file| file.len());
    (marks.next_back().unwrap_or(0).min(size), size)
}

/// Takes from the disk what is lost. Returns whether it was of a log.
///
/// A replay may come here later than the recording did, so what has been synced by then is not taken.
fn apply(lab: &Lab, loss: &Loss) -> bool {
    let folder = |run: &str| lab.path(&format!(".pinboot/runs/{run}"));
    match loss {
        Loss::Removed { run, file } => {
            if !has_step_started(&folder(run)) {
                let _ = fs::remove_file(folder(run).join(file));
            }
            false
        }
        Loss::Cut { run, file, left } if file == "log" || file == "out" => {
            let (synced, size) = synced(&folder(run), file);
            let is_cut = !folder(run).join("end").exists() && synced <= *left && *left < size;
            if is_cut {
                set_len(&folder(run).join(file), *left);
            }
            is_cut
        }
        Loss::Cut { run, file, left } => {
            // A plan may be filled up with zeros, as some file systems do; a log only ever loses its end.
            if !has_step_started(&folder(run)) {
                set_len(&folder(run).join(file), *left);
            }
            false
        }
    }
}

fn set_len(path: &Path, length: u64) {
    if let Ok(opened) = fs::OpenOptions::new().write(true).open(path) {
        opened.set_len(length).expect("cut");
    }
}

/// A case that was played: its result, and how it went.
pub(crate) struct Played {
    pub(crate) result: Result<Tally, String>,
    pub(crate) recording: Recording,
    /// Where the kills of a replay fell.
    pub(crate) fell: Fell,
}

/// One random case. The error names what was violated.
pub(crate) fn case(kit: &Kit, seed: u64) -> Played {
    play(Recording::new(Suite::Chaos, seed, kit, is_traced(seed)), None)
}

/// The same case once more, with every cut, death and kill where it was.
pub(crate) fn again(recording: &Recording) -> Played {
    let fresh = Recording::new(Suite::Chaos, recording.seed, &recording.kit(), recording.is_traced);
    play(fresh, Some(recording))
}

fn play(mut recording: Recording, script: Option<&Recording>) -> Played {
    let seed = recording.seed;
    let mut chance = Chance::new(seed);
    let lab = Arc::new(Lab::traced(recording.kit(), recording.is_traced));
    let workload = Workload::of(&mut chance);
    let kills = u32::try_from(4 + chance.below(20)).expect("small");
    let cuts = u32::try_from(chance.below(11)).expect("small");
    let deaths = chance.below(3);
    let reach = chance.of(&[300, 2000, 20_000]);
    let network = Network::with(chance.split(), cuts, reach);
    let network = script.map_or(network, |script| Network::scripted(&script.connections));
    let line = Local::new(&lab, network);
    let state = State::default();
    let deadline = Instant::now() + Duration::from_mins(2);
    let mut course = Course {
        lab: &lab,
        workload: &workload,
        line: &line,
        state: &state,
        deadline,
        deaths,
        script: script.map(|script| script.controllers.as_slice()),
        controllers: Vec::new(),
        tally: Tally::default(),
    };
    let (outcome, fell) = std::thread::scope(|scope| {
        let killer_chance = chance.split();
        let (lab, state) = (&*lab, &state);
        let killer = scope.spawn(move || {
            if let Some(script) = script {
                kill_as_recorded(lab, state, &script.kills)
            } else {
                kill_at_random(lab, state, killer_chance, kills);
                Fell::default()
            }
        });
        let outcome = course.run(seed, &mut chance);
        state.calm.store(true, Ordering::SeqCst);
        (outcome, killer.join().expect("the killer does not panic"))
    });
    let (mut tally, controllers) = (course.tally, course.controllers);
    recording.controllers = controllers;
    recording.kills = std::mem::take(&mut *state.kills.lock().expect("nothing panics with it"));
    tally.kills = u32::try_from(recording.kills.len()).expect("few");
    {
        let network = line.network.lock().expect("nothing panics with it");
        tally.cuts = network.cut;
        recording.connections.clone_from(&network.connections);
    }
    // What was left behind must not wake up later and do anything again.
    wait_until(deadline, || {
        line.network.lock().expect("nothing panics with it").unnoticed.clear();
        lab.is_quiet()
    });
    let late = workload::violations(&lab, &workload);
    let result = outcome.and(if late.is_empty() { Ok(()) } else { Err(late.join("; ")) });
    recording.violation = result.as_ref().err().cloned().unwrap_or_default();
    let result = result
        .map(|()| tally)
        .map_err(|what| format!("{what}\n  {:?}, {kills} kills, {cuts} cuts, {workload:?}\n{}", lab.kit, record(&lab)));
    Played { result, recording, fell }
}

/// One controller after another, until the run has ended.
struct Course<'a> {
    lab: &'a Arc<Lab>,
    workload: &'a Workload,
    line: &'a Local,
    state: &'a State,
    deadline: Instant,
    /// How many controllers still die.
    deaths: u64,
    /// The controllers of a replay.
    script: Option<&'a [Controller]>,
    controllers: Vec<Controller>,
    tally: Tally,
}

/// What follows after a controller.
enum Then {
    /// Another controller of the same run.
    Again,
    /// The next run, which finishes what this one left.
    Rerun,
    /// Nothing: all is as it must be.
    Done,
}

impl Course<'_> {
    fn run(&mut self, seed: u64, chance: &mut Chance) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut earlier: Vec<RunId> = Vec::new();
        let hook = self.lab.is_traced.then(runner_hook);
        loop {
            if Instant::now() > self.deadline {
                return Err("no end in two minutes".to_owned());
            }
            let number = u8::try_from(earlier.len()).expect("few");
            let identity = workload::identity(self.lab, seed, number);
            let plan = self.workload.plan(&earlier);
            let controller = self.next(chance);
            let local = Local { lab: Arc::clone(self.lab), network: Arc::clone(&self.line.network) };
            let job = job(&identity, &plan, hook.as_deref(), controller.follow);
            let seen = runtime.block_on(control(local, job, controller.death));
            self.note(controller, &seen);
            let found = workload::violations(self.lab, self.workload);
            if !found.is_empty() {
                return Err(found.join("; "));
            }
            match self.judge(&seen, controller.follow, &identity, &earlier)? {
                Then::Again => {}
                Then::Rerun => earlier.push(identity.run.clone()),
                Then::Done => return Ok(()),
            }
        }
    }

    /// The next controller: as chance has it, or as it was.
    fn next(&self, chance: &mut Chance) -> Controller {
        if let Some(script) = self.script {
            let recorded = script.get(self.controllers.len()).copied();
            return recorded.unwrap_or(Controller { follow: false, death: Death::Never });
        }
        let death = match self.deaths {
            0 => Death::Never,
            _ if chance.one_in(2) => Death::AfterTime(chance.pause(600).as_secs_f64() * 1000.0),
            _ => Death::AtEvent(1 + chance.below(14)),
        };
        Controller { follow: chance.one_in(4), death }
    }

    /// Notes how a controller went. A death after a time is placed by the event before it.
    fn note(&mut self, controller: Controller, seen: &Seen) {
        let death = match (controller.death, &seen.ended) {
            (Death::AfterTime(_), Ended::Died) => Death::AfterEvent {
                number: seen.events,
                kills: self.lab.kills.load(Ordering::SeqCst),
                millis: seen.idle.as_secs_f64() * 1000.0,
            },
            (Death::AfterTime(_), _) => Death::Never,
            (death, _) => death,
        };
        self.controllers.push(Controller { death, ..controller });
        self.lab.controllers.store(self.controllers.len(), Ordering::SeqCst);
    }

    /// Whether what a controller saw is right, and what follows.
    fn judge(&mut self, seen: &Seen, follow: bool, identity: &Identity, earlier: &[RunId]) -> Result<Then, String> {
        let (exit, host) = match &seen.ended {
            Ended::Died => {
                self.deaths = self.deaths.saturating_sub(1);
                self.tally.deaths += 1;
                return Ok(Then::Again);
            }
            Ended::Stuck => return Err(format!("the controller saw no end: {:?}", self.lab.processes())),
            Ended::Exit(exit, host) => (*exit, host),
        };
        let lethal = self.state.is_lethal();
        match exit {
            Exit::Success => {
                let found = ended_well(self.lab, self.workload, host, earlier, lethal);
                if !found.is_empty() {
                    return Err(found.join("; "));
                }
                if !self.state.truncated.load(Ordering::SeqCst) {
                    shown_whole(self.lab, &identity.run, &identity.nonce, seen)?;
                    self.tally.shown_whole += 1;
                }
                Ok(Then::Done)
            }
            Exit::OutcomeUnknown => {
                let unknown: BTreeSet<StepId> =
                    host.steps.iter().filter(|s| s.outcome() == Some(Outcome::Unknown)).map(|s| s.id).collect();
                if unknown.is_empty() && follow {
                    return Ok(Then::Again);
                }
                if !lethal || !unknown.is_subset(&workload::may_be_unknown(self.workload)) {
                    return Err(format!("unknown without a cause: {unknown:?}, lethal: {lethal}"));
                }
                if !unknown.is_empty() {
                    self.tally.unknown += 1;
                    return Ok(Then::Done);
                }
                // The runner was killed too often: the user resumes the run.
                Ok(Then::Again)
            }
            Exit::StepFailed if self.state.maimed.load(Ordering::SeqCst) => {
                // A step without a check that failed has perhaps taken effect: only the user can ask for it once more.
                let blind = host.step(BLIND).and_then(StepView::outcome) == Some(Outcome::Failed);
                Ok(if blind || earlier.len() > 20 { Then::Done } else { Then::Rerun })
            }
            // Something of the run before is still alive.
            Exit::Busy if !earlier.is_empty() => {
                std::thread::sleep(Duration::from_millis(50));
                Ok(Then::Rerun)
            }
            Exit::Mismatch if follow => Ok(Then::Again),
            // It was not reached in time, or not often enough: the user tries again.
            Exit::ConnectionLost => Ok(Then::Again),
            other => Err(format!("{other:?}: {:?} {:?} {:?}", host.message, host.hint, host.steps)),
        }
    }
}

/// The final view is that of an undisturbed run.
fn ended_well(lab: &Lab, workload: &Workload, host: &HostView, earlier: &[RunId], lethal: bool) -> Vec<String> {
    let mut found = workload::left_undone(lab, workload);
    let steps = workload.plan(&[]).steps.len();
    if host.steps.len() != steps {
        found.push(format!("{} steps of {steps} were reported: {:?}", host.steps.len(), host.steps));
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
    if workload.unknown == OnUnknown::Fail
        && host.step(BLIND).is_some_and(|step| step.why.as_deref().is_some_and(|why| why.contains("assumed")))
    {
        found.push("assumed done although `on_unknown` does not say so".to_owned());
    }
    found
}

/// Every byte that the host's log has was shown once, and in order.
fn shown_whole(lab: &Lab, run: &RunId, nonce: &str, seen: &Seen) -> Result<(), String> {
    let right = workload::shown(&lab.path(&format!(".pinboot/runs/{run}")), nonce);
    if right == seen.shown {
        return Ok(());
    }
    let differing = right.keys().chain(seen.shown.keys()).find(|step| right.get(step) != seen.shown.get(step));
    let step = differing.expect("they differ");
    Err(format!("step {step} was shown as {:?}\n  and the log has {:?}", seen.shown.get(step), right.get(step)))
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
        let _ = writeln!(out, "run {}: {names:?}\n{}", run.file_name().display(), frames.join("\n"));
    }
    out
}
