//! What of an old run need not be done again.
//!
//! A step with a check is asked again: that is cheap and true. Of a step that nothing can be asked about, the host's own
//! record decides, not the journal: an old run may have carried it out, or begun it, without anybody seeing it. So every
//! such step that the old run had as well, byte for byte and for the same target, refers to its place in that run, and
//! the runner looks there before it begins anything.

use std::collections::HashMap;

use super::header::StepSummary;
use super::read::JournalRead;
use crate::event::Mode;
use crate::ids::{Digest, RunId, StepId};
use crate::plan::{Action, Plan};

/// How many runs back a step refers: as many as a host keeps.
const LONGEST_CHAIN: usize = 20;

/// What a rerun does about one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The step of the new plan.
    pub step: StepId,
    /// What is done.
    pub what: What,
}

/// See [`Decision`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It was passed over when the plan was made.
    Skipped,
    /// Its check is asked, and it runs if need be.
    Asked,
    /// It has no check: it runs, unless the host has a record of it from one of these runs, the latest first, that says
    /// that it was done, or that it was begun and left no result.
    Runs(Vec<(RunId, StepId)>),
    /// It runs because it says `always`.
    Always,
}

/// Decides, for every step of the new plan, what is to be done about it after the old run.
///
/// `target` is the new host's `user@address:port`: nothing of another target is taken over. Where the same step stands in
/// a plan more than once, the first stands for the first, the second for the second.
pub fn outstanding(old: &JournalRead, new: &Plan, target: &str) -> Vec<Decision> {
    let before = before(old, new, target);
    let mut turn: HashMap<&Digest, usize> = HashMap::new();
    let decide = |step: &crate::plan::PlannedStep, turn: usize| match &step.action {
        Action::Skip { .. } => What::Skipped,
        Action::Work(work) if work.has_check() => What::Asked,
        Action::Work(work) if work.always => What::Always,
        Action::Work(_) => {
            let same = before.get(&step.digest).and_then(|turns| turns.get(turn));
            What::Runs(same.map_or_else(Vec::new, |step| places(&old.header.run, step)))
        }
    };
    let steps = new.steps.iter();
    steps
        .map(|step| {
            let turn = turn.entry(&step.digest).or_default();
            *turn += 1;
            Decision { step: step.id, what: decide(step, *turn - 1) }
        })
        .collect()
}

/// Writes the decisions into the plan.
pub fn apply(plan: &mut Plan, decisions: &[Decision]) {
    for (step, decision) in plan.steps.iter_mut().zip(decisions) {
        if let Action::Work(work) = &mut step.action {
            work.earlier = match &decision.what {
                What::Runs(earlier) => earlier.clone(),
                _ => Vec::new(),
            };
        }
    }
}

/// Where a host may have a record of a step: in the old run, and where that run was to look itself.
fn places(run: &RunId, step: &StepSummary) -> Vec<(RunId, StepId)> {
    std::iter::once((run.clone(), step.id)).chain(step.earlier.iter().cloned()).take(LONGEST_CHAIN).collect()
}

/// The old run's steps on this host, by digest, turn by turn.
fn before<'a>(old: &'a JournalRead, new: &Plan, target: &str) -> HashMap<&'a Digest, Vec<&'a StepSummary>> {
    let mut before: HashMap<&Digest, Vec<&StepSummary>> = HashMap::new();
    if old.header.mode != Mode::Run || new.mode != Mode::Run {
        return before;
    }
    let summary = old.header.hosts.iter().find(|host| host.host == new.host && host.target == target);
    for step in summary.iter().flat_map(|summary| &summary.steps) {
        before.entry(&step.digest).or_default().push(step);
    }
    before
}
