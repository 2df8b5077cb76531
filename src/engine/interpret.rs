//! What a host's frames mean: pieces of the stream become events. Pure; this is the one place where secrets are masked and
//! bytes made safe.

mod current;
mod keep;
mod progress;
mod step_end;

use std::collections::HashMap;
use std::time::Duration;

use self::current::Current;
use self::progress::OutputPart;
use self::step_end::StepEnd;
use super::job::FindCause;
use super::ledger::{Ledger, LedgerEntry};
use super::messages::{self, Refusal};
use crate::event::{EventKind, Mode, Outcome, Phase};
use crate::exit::Exit;
use crate::ids::{RunId, StepId, StepLabel};
use crate::plan::StepSummary;
use crate::remote::frame::{Frame, Note, RecordFault, Unfit};
use crate::remote::runner_words::{RunnerEnd, RunnerOutcome, RunnerReason};
use crate::remote::splitter::Piece;
use crate::secret::{HostText, Masker};

/// How the host's part of a run ended, as the host reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RunEnd {
    /// The run ended on the host, with this exit code.
    Over(Exit),
    /// The run ended on the host, and what it reported does not match the plan.
    DoesNotMatch(String),
    /// The run was stopped by a user.
    Stopped,
    /// The host refuses the run.
    Refused(Refusal),
    /// Another run has the host; nothing was started. The sentence names that run.
    Busy(String),
    /// The run that this one finishes is still running.
    Other(RunId),
    /// The runner is gone, and the run did not end.
    Gone,
    /// The run ended, and more of its log is there than was received.
    Behind,
    /// The host sends both streams of the command as one. The next connection leaves out what steps print.
    Merged,
    /// The host does not know the run that was to be followed.
    NotThere,
    /// It is another machine than the expected one, with this machine id.
    Stranger(Option<String>),
    /// What was sent over standard input did not arrive.
    CutOff,
    /// The host has stored this piece of the plan.
    PieceStored(usize),
}

/// Reads one host's stream.
#[derive(Debug)]
pub(super) struct Interpreter {
    steps: HashMap<StepId, StepSummary>,
    masker: Masker,
    /// The output of steps is dropped.
    muted: bool,
    cause: FindCause,
    /// The current step.
    current: Option<Current>,
    /// The results, counted against the plan.
    ledger: Ledger,
    /// The step for which the host reboots at this moment, and how long that may take.
    rebooting: Option<(StepId, Duration)>,
    /// What was printed before the runner's first word, for a message where that word never came.
    noise: Vec<u8>,
    greeted: bool,
}

/// How the runner says that a step ended.
struct Done {
    step: StepId,
    outcome: RunnerOutcome,
    status: i32,
    clock: Option<u64>,
    reason: RunnerReason,
}

impl Interpreter {
    /// An interpreter for one host's run. `cause` recognises known errors in a step's output.
    pub(super) fn new(steps: &[StepSummary], masker: Masker, cause: FindCause) -> Self {
        Self {
            steps: steps.iter().map(|step| (step.id, step.clone())).collect(),
            masker,
            muted: false,
            cause,
            current: None,
            ledger: Ledger::default(),
            rebooting: None,
            noise: Vec::new(),
            greeted: false,
        }
    }

    /// Drops the output of steps from here on.
    pub(super) fn mute(&mut self) {
        self.muted = true;
    }

    /// Forgets what a lost connection left unfinished; finished steps stay finished.
    pub(super) fn connect_again(&mut self) {
        self.greeted = false;
        self.noise.clear();
    }

    /// Steps that an earlier controller saw finish, and the exit code so far.
    pub(super) fn already_finished(&mut self, steps: impl IntoIterator<Item = (StepId, Outcome)>, exit: Exit) {
        self.ledger.already_finished(steps, exit);
    }

    /// Counts the results against these steps.
    pub(super) fn expect_steps(&mut self, steps: impl IntoIterator<Item = StepId>, mode: Mode) {
        self.ledger = Ledger::new(Some(steps.into_iter().collect()), mode);
    }

    /// Whether a step is finished for this machine.
    pub(super) fn is_finished(&self, step: StepId) -> bool {
        self.ledger.outcome(step).is_some()
    }

    /// The current step.
    pub(super) fn running(&self) -> Option<StepId> {
        self.current.as_ref().map(|current| current.step)
    }

    /// Whether a step was started: then a refusal of the host does not mean that nothing was.
    pub(super) fn has_started(&self) -> bool {
        self.ledger.outcomes().any(|outcome| matches!(outcome, Outcome::Changed | Outcome::Failed))
            || self.current_step().is_some()
    }

    /// The step that is being carried out, by its name.
    pub(super) fn current_step(&self) -> Option<String> {
        let current = self.current.as_ref().filter(|current| current.phase == Phase::Apply)?;
        Some(self.title(current.step))
    }

    /// The step for which the host reboots at this moment, and how long that may take.
    pub(super) fn rebooting(&self) -> Option<(StepId, Duration)> {
        self.rebooting
    }

    /// The step's number for people.
    fn label(&self, step: StepId) -> Option<StepLabel> {
        self.steps.get(&step).map(|known| known.label)
    }

    /// Whether the host's side has answered on this connection.
    pub(super) fn greeted(&self) -> bool {
        self.greeted
    }

    /// What the host printed instead of answering, made safe.
    pub(super) fn noise(&self) -> String {
        self.noise_and(&[])
    }

    /// The same with bytes that are not counted to it yet.
    pub(super) fn noise_and(&self, more: &[u8]) -> String {
        HostText::new([&self.noise, more].concat()).cut(&self.masker).trim().to_owned()
    }

    /// Takes the next piece; `now_ms` is this machine's clock since the connection was made.
    pub(super) fn take(&mut self, piece: Piece, now_ms: u64) -> (Vec<EventKind>, Option<RunEnd>) {
        let mut events = Vec::new();
        let ending = match piece {
            Piece::Raw(raw) => {
                self.raw(&raw, &mut events);
                None
            }
            Piece::Frame(frame, _) => self.frame(frame, now_ms, &mut events),
        };
        (events, ending)
    }

    /// Flushes a partial line after a pause in output.
    pub(super) fn pause(&mut self) -> Vec<EventKind> {
        let mut events = Vec::new();
        if let Some(current) = &mut self.current {
            let held = current.progress.finish();
            current.printed(&held, &mut events);
            let text = current.escaper.flush();
            current.said(text, &mut events);
        }
        events
    }

    /// Flushes the retained tail of the current step's output.
    pub(super) fn leave(&mut self) -> Option<EventKind> {
        let current = self.current.take()?;
        current.keeper.end(current.step)
    }

    /// Takes note of what something else than the run printed.
    pub(super) fn hear_noise(&mut self, raw: &[u8]) {
        let keep = 4096usize.saturating_sub(self.noise.len()).min(raw.len());
        self.noise.extend(&raw[..keep]);
    }

    fn raw(&mut self, raw: &[u8], events: &mut Vec<EventKind>) {
        if !self.greeted {
            self.hear_noise(raw);
            return;
        }
        let Some(current) = self.current.as_mut().filter(|_| !self.muted) else { return };
        for part in current.progress.push(raw) {
            match part {
                OutputPart::Text(text) => current.printed(&text, events),
                OutputPart::Progress(bytes, total) => {
                    let total = (total > 0).then_some(total);
                    events.push(EventKind::StepProgress { step: current.step, bytes, total });
                }
            }
        }
    }

    /// Ends a stretch of output.
    fn settle(&mut self, events: &mut Vec<EventKind>) {
        if let Some(current) = &mut self.current {
            let held = current.progress.finish();
            current.printed(&held, events);
            let masked = std::mem::replace(&mut current.mask, self.masker.stream()).break_off();
            let mut text = current.escaper.push(&masked);
            text.push_str(&current.escaper.finish());
            current.said(text, events);
        }
    }

    /// Inserts a message from pinboot into the step's output.
    fn remark(&mut self, step: StepId, text: String, events: &mut Vec<EventKind>) {
        self.settle(events);
        if let Some(current) = self.current.as_mut().filter(|current| current.step == step) {
            current.said(text, events);
        }
    }

    fn name(&self, step: StepId) -> String {
        self.steps.get(&step).map_or_else(|| format!("step {step}"), |step| step.name.clone())
    }

    fn frame(&mut self, frame: Frame, now_ms: u64, events: &mut Vec<EventKind>) -> Option<RunEnd> {
        match frame {
            Frame::Hello { .. } => self.greeted = true,
            Frame::Note(Note::Session) => {
                let (message, hint) = messages::SESSION_NOTE;
                events.push(EventKind::HostNote { message: message.to_owned(), hint: Some(hint.to_owned()) });
            }
            Frame::Run => self.ledger.runner(),
            Frame::Pad | Frame::Note(Note::Other(_)) | Frame::Size(_) | Frame::Mixed | Frame::Out { .. } => {}
            Frame::Aside(_) => return Some(RunEnd::Merged),
            Frame::End(end) => {
                self.settle(events);
                return Some(self.run_end(&end));
            }
            Frame::Gone => {
                self.settle(events);
                return Some(RunEnd::Gone);
            }
            Frame::Unfit(Unfit::Record(RecordFault::CutOff)) => return Some(RunEnd::CutOff),
            Frame::PieceStored(number) => return Some(RunEnd::PieceStored(number)),
            Frame::Unfit(unfit) => return Some(RunEnd::Refused(self.unfit(&unfit))),
            Frame::Busy { owner } => return Some(RunEnd::Busy(messages::busy(&owner))),
            Frame::Mismatch => return Some(RunEnd::Refused(messages::other_plan())),
            Frame::Other { run, .. } => return Some(RunEnd::Other(run)),
            Frame::None => return Some(RunEnd::NotThere),
            Frame::Stranger(machine_id) => return Some(RunEnd::Stranger(machine_id)),
            Frame::Lost(run) => return Some(RunEnd::Refused(messages::record_lost(&run))),
            Frame::Stale { run, step } => return Some(RunEnd::Refused(messages::record_stale(&run, step))),
            of_a_step => {
                self.step_frame(of_a_step, now_ms, events);
                if self.ledger.is_hopeless() {
                    return Some(self.run_end(&RunnerEnd::Ok));
                }
            }
        }
        None
    }

    fn run_end(&self, end: &RunnerEnd) -> RunEnd {
        match end {
            RunnerEnd::Stopped => RunEnd::Stopped,
            // The frame before it said why, and nothing behind that one is read. Here it was lost with its runner.
            RunnerEnd::Unfit => RunEnd::Refused(messages::unfit_for_an_unknown_reason()),
            RunnerEnd::Busy => RunEnd::Busy("another run holds the host".to_owned()),
            RunnerEnd::Ok | RunnerEnd::Failed | RunnerEnd::Unknown | RunnerEnd::Other(_) => {
                let findings = self.ledger.findings(end, self.running());
                if findings.is_empty() {
                    return RunEnd::Over(self.ledger.exit());
                }
                RunEnd::DoesNotMatch(self.masker.mask(&messages::does_not_match(&findings, |step| self.title(step))))
            }
        }
    }

    /// A step for a sentence: its number and its name.
    pub(super) fn title(&self, step: StepId) -> String {
        let number = self.label(step).map_or_else(|| format!("step {step}"), |label| format!("step {label}"));
        let name = self.name(step);
        // Without the playbook a step's name is only its number.
        if name == number { number } else { format!("{number} ({name})") }
    }

    /// Takes a frame about a step.
    fn step_frame(&mut self, frame: Frame, now_ms: u64, events: &mut Vec<EventKind>) {
        match frame {
            Frame::Start { step, clock } => self.start(step, clock, now_ms, events),
            Frame::So { step } => {
                self.start(step, None, now_ms, events);
                let (outcome, reason) = (RunnerOutcome::Unchanged, RunnerReason::None);
                self.done(Done { step, outcome, status: 0, clock: None, reason }, now_ms, events);
            }
            Frame::Diff { step, text } => {
                let diff = text.cut(&self.masker);
                if let Some(current) = self.current_of(step, events) {
                    current.diff = Some(diff);
                }
            }
            Frame::Left { step, what } => {
                let left = what.cut(&self.masker);
                if let Some(current) = self.current_of(step, events) {
                    current.left = Some(left);
                }
            }
            Frame::Apply { step } => {
                self.settle(events);
                self.apply_again(step, now_ms, events);
                if let Some(current) = &mut self.current {
                    current.phase = Phase::Apply;
                }
            }
            Frame::Try { step, number, status } => {
                self.remark(step, messages::next_attempt(status, number + 1), events);
            }
            Frame::Hold { step } => self.remark(step, messages::WAITING_FOR_A_PERSON.to_owned(), events),
            Frame::Reboot { step, seconds } if self.ledger.outcome(step).is_none() => {
                self.rebooting = Some((step, Duration::from_secs(u64::from(seconds))));
            }
            Frame::Progress { step, bytes, total } if self.running() == Some(step) => {
                events.push(EventKind::StepProgress { step, bytes, total: (total > 0).then_some(total) });
            }
            Frame::Done { step, outcome, status, clock, reason } => {
                self.settle(events);
                self.done(Done { step, outcome, status, clock, reason }, now_ms, events);
            }
            _ => {}
        }
    }

    /// A step is looked at; one that is finished is not reported again.
    fn start(&mut self, step: StepId, clock: Option<u64>, now_ms: u64, events: &mut Vec<EventKind>) {
        self.settle(events);
        if self.ledger.start(step) == LedgerEntry::Refused {
            return;
        }
        self.current = None;
        if self.ledger.outcome(step).is_none() {
            self.current = Some(Current::new(step, clock, now_ms, self.masker.stream()));
            events.push(EventKind::StepStarted { step, label: self.label(step), name: self.name(step) });
        }
    }

    /// An earlier runner found that a step had nothing to do, and this one carries it out.
    fn apply_again(&mut self, step: StepId, now_ms: u64, events: &mut Vec<EventKind>) {
        if self.current.is_none() && self.ledger.is_asked_again(step) {
            self.current = Some(Current::new(step, None, now_ms, self.masker.stream()));
            events.push(EventKind::StepStarted { step, label: self.label(step), name: self.name(step) });
        }
    }

    /// Ends a stretch of output, and gives the current step where it is this one and what it says may be shown.
    fn current_of(&mut self, step: StepId, events: &mut Vec<EventKind>) -> Option<&mut Current> {
        self.settle(events);
        self.current.as_mut().filter(|current| current.step == step && !self.muted)
    }

    fn done(&mut self, done: Done, now_ms: u64, events: &mut Vec<EventKind>) {
        let Done { step, outcome, status, clock, reason } = done;
        let known = self.steps.get(&step);
        let safe = |text: &str| HostText::new(text).complete(&self.masker);
        let alive = |alive: &HostText| (!self.muted).then(|| alive.cut(&self.masker));
        let end = StepEnd::of(&outcome, &reason, alive).map_text(safe);
        let failed = end.outcome == Outcome::Failed;
        let allowed = failed && known.is_some_and(|step| step.allowed);
        match self.ledger.finish(step, end.outcome, end.exit().filter(|_| !allowed), end.reason.as_ref()) {
            LedgerEntry::New => {}
            LedgerEntry::Known => {
                self.current = None;
                return;
            }
            LedgerEntry::Refused => return,
        }
        let current = self.current.take().filter(|current| current.step == step);
        let by_clock =
            current.as_ref().and_then(|current| Some(clock?.saturating_sub(current.clock?).saturating_mul(10)));
        let elapsed_ms =
            by_clock.unwrap_or_else(|| current.as_ref().map_or(0, |current| now_ms.saturating_sub(current.started_ms)));
        self.rebooting = self.rebooting.filter(|(rebooting, _)| *rebooting != step);
        let (tail, diff, left) = current.map_or((String::new(), None, None), |current| {
            events.extend(current.keeper.end(step));
            (current.tail, current.diff, current.left)
        });
        let skipped = known.and_then(|step| step.skipped.as_deref().or(step.when.as_deref()));
        let why = end.reason.as_ref().and_then(|reason| messages::why(end.outcome, reason, skipped));
        let kind = known.map_or("", |step| &step.kind);
        events.push(EventKind::StepFinished {
            step,
            label: self.label(step),
            name: self.name(step),
            outcome: end.outcome,
            elapsed_ms,
            status: end.has_status().then_some(status),
            failure: end.failure,
            why: why.map(|why| self.masker.mask(&why)),
            diff: diff.filter(|_| !matches!(end.outcome, Outcome::Unchanged | Outcome::Skipped)),
            cause: if failed { (self.cause)(kind, &tail) } else { None },
            allowed,
            left,
            reason: end.reason,
        });
    }

    fn unfit(&self, unfit: &Unfit) -> Refusal {
        let clean = |text: &str| HostText::new(text).complete(&self.masker).trim().replace('\n', " ");
        match unfit {
            Unfit::Home(fault) => messages::home(fault, clean),
            Unfit::Record(fault) => messages::record(fault, clean),
            Unfit::Memory(text) => messages::memory(&clean(text)),
            Unfit::Sudo(step, fault) => messages::sudo(&self.name(*step), fault, clean),
            Unfit::Tools(step, any_of) => {
                let needs = self.steps.get(step).into_iter().flat_map(|step| &step.needs);
                let hint = needs.filter(|(tools, _)| tools == any_of).map(|(_, hint)| hint.as_str()).next();
                messages::tools(&self.name(*step), any_of, hint)
            }
        }
    }
}

#[cfg(test)]
mod cut_tests;
#[cfg(test)]
mod tests;
