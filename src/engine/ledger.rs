//! Counts the results of a run against its plan. Exit 0 means that every planned step has a good result, and nothing that the
//! host says at the end stands in for one.
//!
//! A runner reports each step once, in the order of the plan. The next runner of the run starts anew and reports every step again:
//! what an earlier one has changed as changed, and what it only asked may have another answer by now.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Mode, Outcome, Reason};
use crate::exit::Exit;
use crate::ids::StepId;
use crate::remote::runner_words::RunnerEnd;

/// After so many contradictions nothing more is read of the host.
const MAX_CONTRADICTIONS: usize = 100;

/// What a host reported and could not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Contradiction {
    /// A step that the plan does not have.
    NotPlanned(StepId),
    /// A second result of a step by the same runner, or a second start.
    Twice(StepId),
    /// A step behind a later one.
    OutOfOrder(StepId),
    /// A stored result that became another one.
    Changed(StepId, Outcome),
    /// A result that this mode does not have.
    OfOtherMode(StepId, Outcome),
    /// The run ended as failed or unknown, and no step did.
    EndWithoutCause(&'static str),
}

/// What is wrong at the end of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// Steps without a result.
    pub(super) missing: Vec<StepId>,
    /// The one of them that was running.
    pub(super) running: Option<StepId>,
    /// Steps whose result says nothing.
    pub(super) unknown: Vec<StepId>,
    pub(super) contradictions: Vec<Contradiction>,
}

impl Findings {
    /// Whether all is right.
    pub(super) fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unknown.is_empty() && self.contradictions.is_empty()
    }
}

/// What a report about a step is to the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LedgerEntry {
    /// It counts.
    New,
    /// It is known from an earlier runner.
    Known,
    /// It cannot be, and does not count.
    Refused,
}

#[derive(Clone, Debug)]
struct StepResult {
    outcome: Outcome,
    /// What it gives the run.
    exit: Exit,
    /// It is unknown, and no reason says why it may be.
    says_nothing: bool,
}

/// The planned steps and their results.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// `None` where the plan is not known here: nothing is counted.
    planned: Option<BTreeSet<StepId>>,
    mode: Option<Mode>,
    /// What the log of the host has, from its beginning.
    results: BTreeMap<StepId, StepResult>,
    /// What an earlier controller saw and reported.
    earlier: BTreeMap<StepId, Outcome>,
    /// The last step that the current runner has started, and the last that it has finished.
    started: Option<StepId>,
    finished: Option<StepId>,
    contradictions: Vec<Contradiction>,
    /// The exit code of what an earlier controller saw; without a plan, that of the last step that has one.
    exit: Exit,
}

impl Ledger {
    pub(super) fn new(planned: Option<BTreeSet<StepId>>, mode: Mode) -> Self {
        Self { planned, mode: Some(mode), ..Self::default() }
    }

    /// What an earlier controller saw.
    pub(super) fn already_finished(&mut self, steps: impl IntoIterator<Item = (StepId, Outcome)>, exit: Exit) {
        self.earlier.extend(steps);
        self.exit = exit;
    }

    /// The outcome of a step, if it has one.
    pub(super) fn outcome(&self, step: StepId) -> Option<Outcome> {
        self.reported(step).or_else(|| self.earlier.get(&step).copied())
    }

    /// The outcome of a step, as the log of the host has it.
    fn reported(&self, step: StepId) -> Option<Outcome> {
        self.results.get(&step).map(|result| result.outcome)
    }

    /// Whether a result is stored on the host, so that a later runner must have the same.
    fn is_stored(&self, step: StepId) -> bool {
        self.reported(step) == Some(Outcome::Changed)
    }

    /// Whether the current runner looks at a step that has a result which is not stored.
    pub(super) fn is_asked_again(&self, step: StepId) -> bool {
        self.planned.is_some()
            && self.started == Some(step)
            && !self.earlier.contains_key(&step)
            && matches!(self.reported(step), Some(Outcome::Unchanged | Outcome::Skipped))
    }

    pub(super) fn outcomes(&self) -> impl Iterator<Item = Outcome> {
        self.results.values().map(|result| result.outcome).chain(self.earlier.values().copied())
    }

    /// The exit code of the results so far.
    pub(super) fn exit(&self) -> Exit {
        match self.planned {
            Some(_) => Exit::worst(self.results.values().map(|result| result.exit).chain([self.exit])),
            None => self.exit,
        }
    }

    /// A runner starts to work.
    pub(super) fn runner(&mut self) {
        (self.started, self.finished) = (None, None);
    }

    /// A step is looked at.
    pub(super) fn start(&mut self, step: StepId) -> LedgerEntry {
        let last = self.started;
        self.enter(step, last, self.started == Some(step) || self.finished == Some(step), |ledger| {
            ledger.started = Some(step);
        })
    }

    /// A step has ended. `exit`: what its result alone gives the run; `reason`: why it ended so.
    pub(super) fn finish(
        &mut self,
        step: StepId,
        outcome: Outcome,
        exit: Option<Exit>,
        reason: Option<&Reason>,
    ) -> LedgerEntry {
        let last = self.finished;
        let entry = self.enter(step, last, last == Some(step), |ledger| ledger.finished = Some(step));
        if entry == LedgerEntry::Refused {
            return entry;
        }
        let known = self.reported(step);
        if known == Some(outcome) {
            return LedgerEntry::Known;
        }
        if self.planned.is_some() && self.mode == Some(Mode::Run) && outcome == Outcome::WouldChange {
            self.contradict(Contradiction::OfOtherMode(step, outcome));
            return LedgerEntry::Refused;
        }
        if known.is_some() && self.planned.is_some() && self.is_stored(step) {
            self.contradict(Contradiction::Changed(step, outcome));
            return LedgerEntry::Refused;
        }
        if self.planned.is_none() && self.outcome(step).is_some() {
            return LedgerEntry::Known;
        }
        if let (None, Some(exit)) = (&self.planned, exit) {
            self.exit = exit;
        }
        let says_nothing = outcome == Outcome::Unknown && exit.is_none() && !self.may_be_unknown(reason);
        self.results.insert(step, StepResult { outcome, exit: exit.unwrap_or_default(), says_nothing });
        match self.earlier.get(&step) {
            // A stored result stands, whatever an earlier runner of the run had found.
            Some(earlier) if *earlier == outcome || matches!(earlier, Outcome::Changed | Outcome::Failed) => {
                LedgerEntry::Known
            }
            _ => LedgerEntry::New,
        }
    }

    /// In check mode, not to know is an answer. A step that a stop kept from being asked belongs to a run that was stopped.
    fn may_be_unknown(&self, reason: Option<&Reason>) -> bool {
        let is_named = !matches!(reason, None | Some(Reason::Other { .. }));
        is_named && (self.mode == Some(Mode::Check) || matches!(reason, Some(Reason::NotAsked)))
    }

    /// Whether so much is wrong that nothing more should be read.
    pub(super) fn is_hopeless(&self) -> bool {
        self.contradictions.len() >= MAX_CONTRADICTIONS
    }

    /// What is wrong where the run has ended so; `running` is the step that was being carried out.
    pub(super) fn findings(&self, end: &RunnerEnd, running: Option<StepId>) -> Findings {
        let Some(planned) = &self.planned else { return Findings::default() };
        let last = self.results.keys().next_back().copied();
        let is_cut_short = |step: &StepId| match end {
            RunnerEnd::Ok | RunnerEnd::Other(_) => false,
            // What stands behind the step that ended the run was not reached.
            RunnerEnd::Failed | RunnerEnd::Unknown => last.is_none_or(|last| *step > last) && running != Some(*step),
            RunnerEnd::Stopped | RunnerEnd::Unfit | RunnerEnd::Busy => true,
        };
        let missing: Vec<StepId> =
            planned.iter().filter(|step| self.outcome(**step).is_none() && !is_cut_short(step)).copied().collect();
        let mut contradictions = self.contradictions.clone();
        let has_cause = |cause: Outcome| self.results.values().any(|result| result.outcome == cause);
        match end {
            RunnerEnd::Failed if !has_cause(Outcome::Failed) => {
                contradictions.push(Contradiction::EndWithoutCause("failed"));
            }
            RunnerEnd::Unknown if !has_cause(Outcome::Unknown) => {
                contradictions.push(Contradiction::EndWithoutCause("unknown"));
            }
            _ => {}
        }
        Findings {
            running: running.filter(|step| missing.contains(step)),
            unknown: self.results.iter().filter(|(_, result)| result.says_nothing).map(|(step, _)| *step).collect(),
            missing,
            contradictions,
        }
    }

    /// Enters a report in the order of the current runner.
    fn enter(
        &mut self,
        step: StepId,
        last: Option<StepId>,
        is_same: bool,
        note: impl FnOnce(&mut Self),
    ) -> LedgerEntry {
        let Some(planned) = &self.planned else { return LedgerEntry::New };
        let wrong = if !planned.contains(&step) {
            Some(Contradiction::NotPlanned(step))
        } else if is_same {
            Some(Contradiction::Twice(step))
        } else if last.is_some_and(|last| step < last) {
            Some(Contradiction::OutOfOrder(step))
        } else {
            None
        };
        if let Some(wrong) = wrong {
            self.contradict(wrong);
            return LedgerEntry::Refused;
        }
        note(self);
        LedgerEntry::New
    }

    fn contradict(&mut self, contradiction: Contradiction) {
        if !self.is_hopeless() {
            self.contradictions.push(contradiction);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(steps: u32, mode: Mode) -> Ledger {
        let mut ledger = Ledger::new(Some((1..=steps).map(StepId).collect()), mode);
        ledger.runner();
        ledger
    }

    fn report(ledger: &mut Ledger, step: u32, outcome: Outcome) -> LedgerEntry {
        let exit = (outcome == Outcome::Failed).then_some(Exit::StepFailed);
        if ledger.start(StepId(step)) == LedgerEntry::Refused {
            return LedgerEntry::Refused;
        }
        ledger.finish(StepId(step), outcome, exit, None)
    }

    fn missing(ledger: &Ledger, end: &RunnerEnd) -> Vec<u32> {
        ledger.findings(end, None).missing.iter().map(|step| step.0).collect()
    }

    #[test]
    fn every_planned_step_needs_a_result() {
        let mut ledger = ledger(3, Mode::Run);
        assert_eq!(missing(&ledger, &RunnerEnd::Ok), [1, 2, 3]);
        report(&mut ledger, 1, Outcome::Unchanged);
        report(&mut ledger, 3, Outcome::Skipped);
        assert_eq!(missing(&ledger, &RunnerEnd::Ok), [2]);
        assert_eq!(missing(&ledger, &RunnerEnd::Other("fine".to_owned())), [2]);
        assert_eq!(missing(&ledger, &RunnerEnd::Stopped), [0; 0]);
        // A step that comes late is out of order, and counts for nothing.
        assert_eq!(report(&mut ledger, 2, Outcome::Changed), LedgerEntry::Refused);
        let findings = ledger.findings(&RunnerEnd::Ok, Some(StepId(2)));
        assert_eq!(findings.contradictions, [Contradiction::OutOfOrder(StepId(2))]);
        assert_eq!((findings.missing, findings.running), (vec![StepId(2)], Some(StepId(2))));
    }

    #[test]
    fn what_stands_behind_the_step_that_ended_the_run_was_not_reached() {
        let mut ledger = ledger(4, Mode::Run);
        report(&mut ledger, 1, Outcome::Changed);
        report(&mut ledger, 3, Outcome::Failed);
        assert_eq!(missing(&ledger, &RunnerEnd::Failed), [2]);
        assert_eq!((missing(&ledger, &RunnerEnd::Ok), ledger.exit()), (vec![2, 4], Exit::StepFailed));
    }

    #[test]
    fn an_end_needs_a_cause() {
        for (end, cause) in [(RunnerEnd::Failed, Outcome::Failed), (RunnerEnd::Unknown, Outcome::Unknown)] {
            let mut ledger = ledger(2, Mode::Run);
            report(&mut ledger, 1, Outcome::Changed);
            let findings = ledger.findings(&end, None);
            assert!(matches!(findings.contradictions[..], [Contradiction::EndWithoutCause(_)]), "{findings:?}");
            ledger.start(StepId(2));
            ledger.finish(StepId(2), cause, Some(Exit::OutcomeUnknown), None);
            assert!(ledger.findings(&end, None).is_empty());
        }
    }

    #[test]
    fn a_runner_reports_each_step_once_and_in_order() {
        let mut ledger = ledger(3, Mode::Run);
        assert_eq!(report(&mut ledger, 2, Outcome::Changed), LedgerEntry::New);
        assert_eq!(ledger.finish(StepId(2), Outcome::Changed, None, None), LedgerEntry::Refused);
        assert_eq!(report(&mut ledger, 1, Outcome::Changed), LedgerEntry::Refused);
        assert_eq!(report(&mut ledger, 9, Outcome::Changed), LedgerEntry::Refused);
        assert_eq!(report(&mut ledger, 3, Outcome::WouldChange), LedgerEntry::Refused);
        let found = ledger.findings(&RunnerEnd::Stopped, None).contradictions;
        assert_eq!(
            found,
            [
                Contradiction::Twice(StepId(2)),
                Contradiction::OutOfOrder(StepId(1)),
                Contradiction::NotPlanned(StepId(9)),
                Contradiction::OfOtherMode(StepId(3), Outcome::WouldChange),
            ]
        );
    }

    #[test]
    fn the_next_runner_may_find_another_answer_where_nothing_was_stored() {
        let mut ledger = ledger(3, Mode::Run);
        report(&mut ledger, 1, Outcome::Changed);
        report(&mut ledger, 2, Outcome::Unchanged);
        ledger.runner();
        assert_eq!(report(&mut ledger, 1, Outcome::Changed), LedgerEntry::Known);
        assert_eq!(report(&mut ledger, 2, Outcome::Failed), LedgerEntry::New);
        assert!(ledger.findings(&RunnerEnd::Failed, None).is_empty());
        assert_eq!(ledger.exit(), Exit::StepFailed);
        ledger.runner();
        assert_eq!(report(&mut ledger, 1, Outcome::Unchanged), LedgerEntry::Refused);
        let found = ledger.findings(&RunnerEnd::Failed, None).contradictions;
        assert_eq!(found, [Contradiction::Changed(StepId(1), Outcome::Unchanged)]);
    }

    #[test]
    fn what_an_earlier_controller_saw_is_not_reported_again() {
        let mut ledger = Ledger::new(Some((1..=3).map(StepId).collect()), Mode::Run);
        let seen = [(StepId(1), Outcome::Changed), (StepId(2), Outcome::Failed)];
        ledger.already_finished(seen, Exit::StepFailed);
        // The log starts at its beginning, where an earlier runner had found another answer.
        ledger.runner();
        assert_eq!(report(&mut ledger, 1, Outcome::Unchanged), LedgerEntry::Known);
        ledger.runner();
        assert_eq!(report(&mut ledger, 1, Outcome::Changed), LedgerEntry::Known);
        assert_eq!(report(&mut ledger, 2, Outcome::Failed), LedgerEntry::Known);
        assert!(!ledger.is_asked_again(StepId(2)));
        assert!(ledger.findings(&RunnerEnd::Failed, None).is_empty());
        assert_eq!(missing(&ledger, &RunnerEnd::Ok), [3]);
    }

    #[test]
    fn an_unknown_step_is_good_in_a_check_that_says_why() {
        for (mode, reason, is_good) in [
            (Mode::Check, Some(Reason::CheckError), true),
            (Mode::Check, None, false),
            (Mode::Check, Some(Reason::Other { word: "sung".to_owned() }), false),
            (Mode::Run, Some(Reason::CheckError), false),
            (Mode::Run, Some(Reason::NotAsked), true),
        ] {
            let mut ledger = ledger(1, mode);
            ledger.start(StepId(1));
            ledger.finish(StepId(1), Outcome::Unknown, None, reason.as_ref());
            assert_eq!(ledger.findings(&RunnerEnd::Ok, None).is_empty(), is_good, "{mode:?} {reason:?}");
        }
    }

    #[test]
    fn contradictions_do_not_pile_up() {
        let mut ledger = ledger(1, Mode::Run);
        for _ in 0..1_000 {
            report(&mut ledger, 2, Outcome::Changed);
        }
        assert!(ledger.is_hopeless() && ledger.contradictions.len() == MAX_CONTRADICTIONS);
    }

    #[test]
    fn nothing_is_counted_without_a_plan() {
        let mut ledger = Ledger::new(None, Mode::Run);
        report(&mut ledger, 2, Outcome::Changed);
        assert_eq!(report(&mut ledger, 2, Outcome::Failed), LedgerEntry::Known);
        assert!(ledger.findings(&RunnerEnd::Ok, None).is_empty());
    }
}
