//! The state of a run after its events: the one fold that terminal, JSON, exit code and rerun all read.
//!
//! [`RunView::fold`] is pure: the same events give the same view, whether they come live or out of a journal. A journal
//! may hold a run that was left and taken up again; what comes later stands.

#[cfg(test)]
pub(crate) mod samples;
mod tail;

use std::collections::HashMap;

use crate::event::{Event, EventKind, Failure, HostReady, Mode, Outcome, Reason, parse_timestamp};
use crate::exit::Exit;
use crate::ids::{Digest, HostId, RunId, StepId, StepLabel};

pub use tail::{Tail, TailLine};

/// The state of a run after some of its events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunView {
    /// Its name; `None` before its first event.
    pub run: Option<RunId>,
    /// The playbook's file as it was given.
    pub playbook: String,
    /// The playbook's own name.
    pub name: String,
    /// Run or check.
    pub mode: Option<Mode>,
    /// How many steps the longest plan has.
    pub steps: u32,
    /// The run that this one finishes.
    pub rerun_of: Option<RunId>,
    /// The hosts, in the playbook's order.
    pub hosts: Vec<HostView>,
    /// The `at` of the first event.
    pub started: String,
    /// The `at` of the last event so far.
    pub latest: String,
    /// The exit code that the last event gave; `None` while the run continues, or where its end was not seen.
    pub exit: Option<Exit>,
    /// The number of the last event.
    pub seq: u64,
    places: HashMap<HostId, usize>,
}

/// How a host stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostState {
    /// Nothing has been heard of it yet, or another run has it.
    #[default]
    Waiting,
    /// Connected; its steps are running.
    Ready,
    /// The connection is lost; the run continues there.
    Lost,
    /// It could not be used.
    Unreachable,
    /// Nothing more will happen on it.
    Finished,
}

/// One host of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct HostView {
    /// Its name.
    pub id: HostId,
    /// How it stands.
    pub state: HostState,
    /// Who it is; `None` before it answered.
    pub ready: Option<HostReady>,
    /// Whether the run was already there and is only followed.
    pub followed: bool,
    /// How many steps its plan has, if that is known.
    pub planned: Option<u32>,
    /// The steps that were looked at, in order.
    pub steps: Vec<StepView>,
    /// Its part of the exit code, once it is known.
    pub exit: Option<Exit>,
    /// What is wrong with it, or what the user should know.
    pub message: Option<String>,
    /// What to do about `message`.
    pub hint: Option<String>,
}

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// It is being looked at or carried out.
    Running,
    /// It is over.
    Finished(Outcome),
}

/// The measure of an output of which only the beginning and the end are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abridged {
    /// How many bytes of what was shown are missing between the two.
    pub left_out: u64,
    /// How many bytes the host sent in all.
    pub bytes: u64,
    /// The SHA-256 of those.
    pub sha256: Digest,
}

/// One step on one host.
#[derive(Clone, Debug, PartialEq)]
pub struct StepView {
    /// Its place in the plan.
    pub id: StepId,
    /// Its number for people, where it is known.
    pub label: Option<StepLabel>,
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: StepState,
    /// The number of the event with which it started.
    pub started_seq: u64,
    /// The `at` of the event with which it started.
    pub started: String,
    /// From *looked at* to *over*; 0 while it runs.
    pub elapsed_ms: u64,
    /// Its last lines.
    pub tail: Tail,
    /// How many bytes it said.
    pub output_bytes: u64,
    /// How many of them the journal does not have as they came.
    pub unkept: u64,
    /// What the journal has of a long output besides its beginning.
    pub abridged: Option<Abridged>,
    /// Exit status of its command, for a failure.
    pub status: Option<i32>,
    /// In what way it failed.
    pub failure: Option<Failure>,
    /// Why it ended so, a sentence.
    pub why: Option<String>,
    /// Why it ended so, for decisions.
    pub reason: Option<Reason>,
    /// What changed or would change.
    pub diff: Option<String>,
    /// The likely cause of a failure.
    pub cause: Option<String>,
    /// Its failure is allowed.
    pub allowed: bool,
    /// What it has left running on the host: pids and commands.
    pub left: Option<String>,
    /// Bytes of its download that are there, and of how many.
    pub progress: Option<(u64, Option<u64>)>,
}

impl StepView {
    fn new(id: StepId, name: &str, event: &Event) -> Self {
        Self {
            id,
            label: None,
            name: name.to_owned(),
            state: StepState::Running,
            started_seq: event.seq,
            started: event.at.clone(),
            elapsed_ms: 0,
            tail: Tail::default(),
            output_bytes: 0,
            unkept: 0,
            abridged: None,
            status: None,
            failure: None,
            why: None,
            reason: None,
            diff: None,
            cause: None,
            allowed: false,
            left: None,
            progress: None,
        }
    }

    /// Its number for people; its place in the plan where no other number is known.
    pub fn number(&self) -> StepLabel {
        self.label.unwrap_or_else(|| StepLabel::plain(self.id.0))
    }

    /// How it ended; `None` while it runs.
    pub fn outcome(&self) -> Option<Outcome> {
        match self.state {
            StepState::Running => None,
            StepState::Finished(outcome) => Some(outcome),
        }
    }

    /// Whether a person has to do it.
    pub fn is_manual(&self) -> bool {
        self.outcome() == Some(Outcome::Skipped) && self.reason == Some(Reason::Manual)
    }
}

impl HostView {
    fn new(id: HostId) -> Self {
        Self {
            id,
            state: HostState::Waiting,
            ready: None,
            followed: false,
            planned: None,
            steps: Vec::new(),
            exit: None,
            message: None,
            hint: None,
        }
    }

    /// The step with this id, if it was looked at.
    pub fn step(&self, id: StepId) -> Option<&StepView> {
        self.steps.iter().rev().find(|step| step.id == id)
    }

    /// The step that is running.
    pub fn running(&self) -> Option<&StepView> {
        self.steps.iter().rev().find(|step| step.state == StepState::Running)
    }

    fn step_mut(&mut self, id: StepId, name: &str, event: &Event) -> &mut StepView {
        let place = self.steps.iter().rposition(|step| step.id == id).unwrap_or_else(|| {
            let place = self.steps.partition_point(|step| step.id < id);
            self.steps.insert(place, StepView::new(id, name, event));
            place
        });
        &mut self.steps[place]
    }
}

/// How many steps ended how, over all hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Steps that changed something.
    pub changed: u32,
    /// Steps with nothing to do.
    pub unchanged: u32,
    /// Steps that would change something.
    pub would_change: u32,
    /// Skipped steps, the manual ones among them.
    pub skipped: u32,
    /// Steps that a person has to do.
    pub manual: u32,
    /// Steps that failed, allowed or not.
    pub failed: u32,
    /// Steps whose failure is allowed.
    pub allowed: u32,
    /// Steps of unknown outcome.
    pub unknown: u32,
    /// Hosts that could not be used.
    pub unreachable: u32,
}

impl Totals {
    /// How many steps ended.
    pub fn steps(&self) -> u32 {
        self.changed + self.unchanged + self.would_change + self.skipped + self.failed + self.unknown
    }
}

/// The exit of a host whose end was not seen: the run may continue there.
const END_NOT_SEEN: Exit = Exit::ConnectionLost;

impl RunView {
    /// The view after these events.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut view = Self::default();
        events.into_iter().for_each(|event| view.fold(event));
        view
    }

    /// Takes the next event in.
    pub fn fold(&mut self, event: &Event) {
        self.seq = self.seq.max(event.seq);
        if self.started.is_empty() {
            self.started.clone_from(&event.at);
        }
        self.latest.clone_from(&event.at);
        match &event.kind {
            EventKind::RunStarted { run, playbook, name, mode, hosts, steps, host_steps, rerun_of } => {
                self.run = Some(run.clone());
                self.playbook.clone_from(playbook);
                self.name.clone_from(name);
                self.mode = Some(*mode);
                self.steps = *steps;
                self.rerun_of.clone_from(rerun_of);
                self.exit = None;
                let mut counts = host_steps.iter();
                for id in hosts {
                    let place = self.host_place(id);
                    self.hosts[place].planned = counts.next().copied();
                }
            }
            EventKind::RunFinished { exit, .. } => self.exit = Some(*exit),
            EventKind::Unknown => {}
            kind => {
                if let Some(id) = &event.host {
                    // Whatever a host says after the run's end: the run was taken up again.
                    self.exit = None;
                    let place = self.host_place(id);
                    fold_host(&mut self.hosts[place], kind, event);
                }
            }
        }
    }

    fn host_place(&mut self, id: &HostId) -> usize {
        *self.places.entry(id.clone()).or_insert_with(|| {
            self.hosts.push(HostView::new(id.clone()));
            self.hosts.len() - 1
        })
    }

    /// The host of this name.
    pub fn host(&self, id: &HostId) -> Option<&HostView> {
        self.places.get(id).map(|place| &self.hosts[*place])
    }

    /// How many steps ended how, over all hosts.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for host in &self.hosts {
            totals.unreachable += u32::from(host.state == HostState::Unreachable);
            for step in &host.steps {
                totals.manual += u32::from(step.is_manual());
                let count = match step.outcome() {
                    None => continue,
                    Some(Outcome::Changed) => &mut totals.changed,
                    Some(Outcome::Unchanged) => &mut totals.unchanged,
                    Some(Outcome::WouldChange) => &mut totals.would_change,
                    Some(Outcome::Skipped) => &mut totals.skipped,
                    Some(Outcome::Unknown) => &mut totals.unknown,
                    Some(Outcome::Failed) => {
                        totals.allowed += u32::from(step.allowed);
                        &mut totals.failed
                    }
                };
                *count += 1;
            }
        }
        totals
    }

    /// The last event of the run, as its view stands now.
    pub fn run_finished(&self) -> EventKind {
        let Totals { changed, unchanged, would_change, skipped, failed, unknown, unreachable, .. } = self.totals();
        let (not_started, exit) = (self.not_reached(), self.exit_code());
        EventKind::RunFinished {
            changed,
            unchanged,
            would_change,
            skipped,
            failed,
            unknown,
            not_started,
            unreachable,
            exit,
        }
    }

    /// The exit code: what the last event said, or else the worst of the hosts' (see [`Exit::worst`]). A host whose end was
    /// not seen counts as one whose connection was lost.
    pub fn exit_code(&self) -> Exit {
        self.exit.unwrap_or_else(|| Exit::worst(self.hosts.iter().map(|host| host.exit.unwrap_or(END_NOT_SEEN))))
    }

    /// Milliseconds from the first event to the last, by this machine's clock.
    pub fn elapsed_ms(&self) -> u64 {
        let at = |text: &str| parse_timestamp(text);
        at(&self.started)
            .zip(at(&self.latest))
            .and_then(|(from, to)| u64::try_from(to.saturating_sub(from)).ok())
            .unwrap_or(0)
    }

    /// How many steps were not looked at, over all hosts; `None` where an older pinboot did not write how many there are.
    pub fn not_reached(&self) -> Option<u32> {
        let only = (self.hosts.len() == 1).then_some(self.steps);
        let left = |host: &HostView| {
            let looked_at = u32::try_from(host.steps.len()).unwrap_or(u32::MAX);
            host.planned.or(only).map(|planned| planned.saturating_sub(looked_at))
        };
        self.hosts.iter().map(left).sum()
    }
}

fn fold_host(host: &mut HostView, kind: &EventKind, event: &Event) {
    match kind {
        EventKind::HostReady(ready) => {
            host.state = HostState::Ready;
            host.followed = ready.followed;
            host.ready = Some(ready.clone());
            (host.exit, host.message, host.hint) = (None, None, None);
        }
        EventKind::HostUnreachable { code, message, hint, followed } => {
            host.state = HostState::Unreachable;
            host.followed = *followed;
            host.exit = Some(*code);
            host.message = Some(message.clone());
            host.hint.clone_from(hint);
        }
        EventKind::HostWaiting { message } => {
            host.state = HostState::Waiting;
            host.message = Some(message.clone());
        }
        EventKind::StepStarted { step, label, name } => {
            let view = host.step_mut(*step, name, event);
            *view = StepView { label: *label, ..StepView::new(*step, name, event) };
        }
        EventKind::StepOutput { step, text, kept, .. } => {
            let step = host.step_mut(*step, "", event);
            step.output_bytes = step.output_bytes.saturating_add(text.len() as u64);
            step.unkept += if *kept { 0 } else { text.len() as u64 };
            step.tail.push(text);
        }
        EventKind::StepAbridged { step, text, left_out, left_out_lines, bytes, sha256 } => {
            let step = host.step_mut(*step, "", event);
            // A view that saw the output live has it already.
            if step.unkept == 0 {
                step.output_bytes = step.output_bytes.saturating_add(*left_out).saturating_add(text.len() as u64);
                step.tail.skip(*left_out_lines);
                step.tail.push(text);
            }
            step.abridged = Some(Abridged { left_out: *left_out, bytes: *bytes, sha256: sha256.clone() });
        }
        EventKind::StepProgress { step, bytes, total } => {
            host.step_mut(*step, "", event).progress = Some((*bytes, *total));
        }
        EventKind::StepFinished {
            step,
            label,
            name,
            outcome,
            elapsed_ms,
            status,
            failure,
            why,
            diff,
            cause,
            allowed,
            left,
            reason,
        } => {
            let step = host.step_mut(*step, name, event);
            step.label = label.or(step.label);
            step.name.clone_from(name);
            step.state = StepState::Finished(*outcome);
            step.elapsed_ms = *elapsed_ms;
            step.status = *status;
            step.failure = *failure;
            step.why.clone_from(why);
            step.diff.clone_from(diff);
            step.cause.clone_from(cause);
            step.allowed = *allowed;
            step.left.clone_from(left);
            step.reason.clone_from(reason);
            step.progress = None;
        }
        EventKind::HostLost { message } => {
            host.state = HostState::Lost;
            host.message = Some(message.clone());
        }
        EventKind::HostRegained { .. } => {
            host.state = HostState::Ready;
            host.message = None;
        }
        EventKind::HostFinished { exit, message } => {
            if host.state != HostState::Unreachable {
                host.state = HostState::Finished;
                host.message.clone_from(message);
            }
            host.exit = Some(*exit);
        }
        EventKind::RunStarted { .. }
        | EventKind::HostNote { .. }
        | EventKind::RunFinished { .. }
        | EventKind::Unknown => {}
    }
}

#[cfg(test)]
mod tests;
