//! What of an old run need not be done again.
//!
//! A step with a check is asked again: that is cheap and true. Of a step that nothing can be asked about, the host's own
//! record decides, not the journal: an old run may have carried it out, or begun it, without anybody seeing it. So every
//! such step that the old run had as well, byte for byte and for the same target, refers to its place in that run, and
//! the runner looks there before it begins anything.

use std::collections::{BTreeMap, HashMap};

use super::header::{Header, HostSummary};
use super::read::JournalRead;
use super::store::HOST_KEEPS;
use crate::event::{Mode, Outcome, Reason};
use crate::ids::{Digest, HostId, RunId, StepId};
use crate::plan::{Action, Plan, Remembered, StepSummary};
use crate::view::{RunView, StepView};

/// A run of before, as far as a later one goes by it. (What each of its hosts saw is put together once, for all hosts.)
#[derive(Clone, Debug)]
pub struct Past {
    /// What it was asked to do.
    pub header: Header,
    /// How it stood in the end.
    pub view: RunView,
}

impl From<JournalRead> for Past {
    fn from(read: JournalRead) -> Self {
        Self { view: read.view(), header: read.header }
    }
}

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
    /// that it was done, or that it was begun and left no result. What the journals remember counts where the host has
    /// forgotten the run.
    Runs(Vec<(RunId, StepId)>, Option<Remembered>),
    /// It runs because it says `always`.
    Always,
}

/// What earlier runs saw of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The run that saw it last.
    pub run: RunId,
    /// Algorithm of the key that it showed.
    pub key_type: String,
    /// `SHA256:…`.
    pub fingerprint: String,
    /// What the machine called itself.
    pub machine_id: Option<String>,
    /// Results that it said it had stored: the run, when it had it at the latest (RFC 3339), and the last such step.
    pub stored: Vec<(RunId, String, StepId)>,
}

/// What these runs (the last one first) saw of a host; `None` where none of them came there.
pub fn seen(past: &[Past], host: &HostId, target: &str) -> Option<Seen> {
    let mut seen: Option<Seen> = None;
    let mut stored: BTreeMap<RunId, (String, StepId)> = BTreeMap::new();
    for old in past {
        let summary = old.header.hosts.iter().find(|there| there.host == *host && there.target == target);
        let Some((summary, host)) = summary.zip(old.view.host(host)) else { continue };
        let Some(ready) = &host.ready else { continue };
        seen.get_or_insert_with(|| Seen {
            run: old.header.run.clone(),
            key_type: ready.key_type.clone(),
            fingerprint: ready.fingerprint.clone(),
            machine_id: ready.machine_id.clone(),
            stored: Vec::new(),
        });
        if old.header.mode != Mode::Run {
            continue;
        }
        for step in &host.steps {
            let there = if is_stored(step) { Some((&old.header.run, step.id)) } else { done_in(step, summary) };
            if let Some((run, step)) = there {
                // (Where a run is only heard of, it began before the one that heard of it: the host still had it then.)
                let (since, last) = stored.entry(run.clone()).or_insert_with(|| (String::new(), step));
                *since = old.header.started.clone().max(std::mem::take(since));
                *last = step.max(*last);
            }
        }
    }
    let stored = stored.into_iter().map(|(run, (since, step))| (run, since, step)).collect();
    seen.map(|seen| Seen { stored, ..seen })
}

/// The earlier run, and its step, in which the host says that this step was done.
fn done_in<'a>(step: &StepView, plan: &'a HostSummary) -> Option<(&'a RunId, StepId)> {
    let Some(Reason::DoneEarlier { earlier_run }) = &step.reason else { return None };
    let summary = plan.steps.iter().find(|summary| summary.id == step.id)?;
    summary.earlier.iter().find(|(earlier, _)| earlier == earlier_run).map(|(run, step)| (run, *step))
}

/// What these runs remember of a step that has these places in them, the latest first.
fn remembered(past: &[Past], host: &HostId, places: &[(RunId, StepId)]) -> Option<Remembered> {
    for (run, id) in places {
        let old = past.iter().find(|old| old.header.run == *run);
        let Some(step) = old.and_then(|old| old.view.host(host)?.step(*id)) else { continue };
        match step.outcome() {
            Some(Outcome::Changed) => return Some(Remembered::Done(run.clone())),
            Some(Outcome::Unchanged) => {
                return match &step.reason {
                    Some(Reason::DoneEarlier { earlier_run }) => Some(Remembered::Done(earlier_run.clone())),
                    _ => None,
                };
            }
            // It was started, and its end was not seen.
            None | Some(Outcome::Unknown) => {
                let started_in = match &step.reason {
                    Some(Reason::ResultLost { earlier_run: Some(earlier_run) }) => earlier_run,
                    _ => run,
                };
                return Some(Remembered::Started(started_in.clone()));
            }
            Some(Outcome::Failed | Outcome::WouldChange) => return None,
            Some(Outcome::Skipped) => {}
        }
    }
    None
}

/// Whether a step ended in a way that the host stores before it says so. (A failure that has no status may have come of a
/// full disk.)
fn is_stored(step: &StepView) -> bool {
    match step.outcome() {
        Some(Outcome::Changed) => true,
        Some(Outcome::Failed) => step.status.is_some(),
        _ => false,
    }
}

/// Decides, for every step of the new plan, what is to be done about it after the runs of before.
///
/// `past` is the old run, and those that it was to finish, the latest first; `target` is the new host's
/// `user@address:port`: nothing of another target is taken over. Where the same step stands in
/// a plan more than once, the first stands for the first, the second for the second.
pub fn outstanding(past: &[Past], new: &Plan, target: &str) -> Vec<Decision> {
    let before = past.first().map_or_else(HashMap::new, |old| before(old, new, target));
    let mut turn: HashMap<&Digest, usize> = HashMap::new();
    let decide = |step: &crate::plan::PlannedStep, turn: usize| match &step.action {
        Action::Skip { .. } => What::Skipped,
        Action::Apply(work) if work.has_check() => What::Asked,
        Action::Apply(work) if work.always => What::Always,
        Action::Apply(_) => {
            let same = before.get(&step.digest).and_then(|turns| turns.get(turn));
            let places = same.map_or_else(Vec::new, |step| places(&past[0].header.run, step));
            let remembered = remembered(past, &new.host, &places);
            What::Runs(places, remembered)
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
        if let Action::Apply(work) = &mut step.action {
            (work.earlier, work.remembered) = match &decision.what {
                What::Runs(earlier, remembered) => (earlier.clone(), remembered.clone()),
                _ => (Vec::new(), None),
            };
        }
    }
}

/// Where a host may have a record of a step: in the old run, and where that run was to look itself.
fn places(run: &RunId, step: &StepSummary) -> Vec<(RunId, StepId)> {
    std::iter::once((run.clone(), step.id)).chain(step.earlier.iter().cloned()).take(HOST_KEEPS).collect()
}

/// The old run's steps on this host, by digest, turn by turn.
fn before<'a>(old: &'a Past, new: &Plan, target: &str) -> HashMap<&'a Digest, Vec<&'a StepSummary>> {
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
