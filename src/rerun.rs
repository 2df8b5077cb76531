//! What a later run does about each step, and which host it expects. Pure.
//!
//! A step with a check is checked again: that is cheap and true. Of a step without one, the host's own record decides, not
//! the journal: an old run may have carried it out, or started it, and nothing here saw it. So every such step that the old
//! run had as well, byte for byte and for the same target, refers to its place in that run, and the runner looks there before
//! it starts anything.

use std::collections::{BTreeMap, HashMap};

use crate::event::{Mode, Outcome, Reason};
use crate::ids::{Digest, HostId, RunId, StepId};
use crate::journal::{HOST_KEEPS, HostSummary, RecordedRun};
use crate::plan::{Action, Plan, PlannedStep, Remembered, StepSummary};
use crate::remote::{ExpectedHost, Stored};
use crate::view::StepView;

/// What a rerun does about one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The plan skips it.
    Skip,
    /// Its check decides.
    Check,
    /// It has no check: it runs, unless the host's record of one of these runs, the latest first, says that it was done, or
    /// that it was started and left no result. What the journals remember counts where the host has forgotten the run.
    RunUnlessRecorded {
        /// The runs, and the step's place in each.
        places: Vec<(RunId, StepId)>,
        /// What the journals remember.
        remembered: Option<Remembered>,
    },
    /// It runs because it says `always`, or only asks.
    RunAlways,
}

/// What earlier runs saw of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostIdentity {
    /// Algorithm of the key that it showed last.
    pub key_type: String,
    /// `SHA256:…` of that key.
    pub fingerprint: String,
    /// What its record must have.
    pub expected: ExpectedHost,
}

/// What these runs, the last one first, saw of a host; `None` where none of them reached it.
pub fn host_identity(runs: &[RecordedRun], host: &HostId, target: &str) -> Option<HostIdentity> {
    let mut identity: Option<HostIdentity> = None;
    let mut stored: BTreeMap<RunId, Stored> = BTreeMap::new();
    for run in runs {
        let summary = run.header.hosts.iter().find(|summary| summary.host == *host && summary.target == target);
        let Some((summary, view)) = summary.zip(run.view.host(host)) else { continue };
        let Some(ready) = &view.ready else { continue };
        identity.get_or_insert_with(|| HostIdentity {
            key_type: ready.key_type.clone(),
            fingerprint: ready.fingerprint.clone(),
            expected: ExpectedHost {
                run: run.header.run.clone(),
                machine_id: ready.machine_id.clone(),
                stored: Vec::new(),
            },
        });
        if run.header.mode != Mode::Run {
            continue;
        }
        for step in &view.steps {
            let place = if is_stored(step) { Some((&run.header.run, step.id)) } else { done_earlier(step, summary) };
            if let Some((in_run, step)) = place {
                let last = Stored { run: in_run.clone(), since: String::new(), step };
                let last = stored.entry(in_run.clone()).or_insert(last);
                // An earlier run that is only mentioned started before the one that mentions it: the host still had it then.
                last.since = run.header.started.clone().max(std::mem::take(&mut last.since));
                last.step = step.max(last.step);
            }
        }
    }
    let identity = identity?;
    let expected = ExpectedHost { stored: stored.into_values().collect(), ..identity.expected };
    Some(HostIdentity { expected, ..identity })
}

/// The earlier run, and its step, in which the host says that this step was done.
fn done_earlier<'a>(step: &StepView, plan: &'a HostSummary) -> Option<(&'a RunId, StepId)> {
    let Some(Reason::DoneEarlier { earlier_run }) = &step.reason else { return None };
    let summary = plan.steps.iter().find(|summary| summary.id == step.id)?;
    summary.earlier.iter().find(|(run, _)| run == earlier_run).map(|(run, step)| (run, *step))
}

/// Whether a step ended in a way that the host stores before it reports it. A failure without a status may have come of a
/// full disk.
fn is_stored(step: &StepView) -> bool {
    match step.outcome() {
        Some(Outcome::Changed) => true,
        Some(Outcome::Failed) => step.status.is_some(),
        _ => false,
    }
}

/// What these runs remember of a step that has these places in them, the latest first.
fn remembered(runs: &[RecordedRun], host: &HostId, places: &[(RunId, StepId)]) -> Option<Remembered> {
    for (run, id) in places {
        let recorded = runs.iter().find(|recorded| recorded.header.run == *run);
        let Some(step) = recorded.and_then(|recorded| recorded.view.host(host)?.step(*id)) else { continue };
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

/// Decides about every step of the new plan, in its order.
///
/// `runs` is the run that is rerun and those that it was to finish itself, the latest first; `target` is the new host's
/// `user@address:port`: nothing counts that was done on another target. Where the same step stands in a plan more than once,
/// the first counts for the first and the second for the second.
pub fn dispositions(runs: &[RecordedRun], new: &Plan, target: &str) -> Vec<Disposition> {
    let same_steps = runs.first().map_or_else(HashMap::new, |last| steps_by_digest(last, new, target));
    let mut seen: HashMap<&Digest, usize> = HashMap::new();
    let decide = |step: &PlannedStep, occurrence: usize| match &step.action {
        Action::Skip { .. } => Disposition::Skip,
        Action::Apply(spec) if spec.has_check() => Disposition::Check,
        Action::Apply(spec) if spec.always || spec.only_asks => Disposition::RunAlways,
        Action::Apply(_) => {
            let same = same_steps.get(&step.digest).and_then(|steps| steps.get(occurrence));
            let places = same.map_or_else(Vec::new, |step| places(&runs[0].header.run, step));
            let remembered = remembered(runs, &new.host, &places);
            Disposition::RunUnlessRecorded { places, remembered }
        }
    };
    let occurrences = new.steps.iter().map(|step| {
        let next = seen.entry(&step.digest).or_default();
        *next += 1;
        (step, *next - 1)
    });
    occurrences.map(|(step, occurrence)| decide(step, occurrence)).collect()
}

/// Writes the decisions into the plan.
pub fn apply(plan: &mut Plan, dispositions: Vec<Disposition>) {
    for (step, disposition) in plan.steps.iter_mut().zip(dispositions) {
        if let Action::Apply(spec) = &mut step.action {
            (spec.earlier, spec.remembered) = match disposition {
                Disposition::RunUnlessRecorded { places, remembered } => (places, remembered),
                _ => (Vec::new(), None),
            };
        }
    }
}

/// Where a host may have a record of a step: in the last run, and where that run was to look itself.
fn places(run: &RunId, step: &StepSummary) -> Vec<(RunId, StepId)> {
    std::iter::once((run.clone(), step.id)).chain(step.earlier.iter().cloned()).take(HOST_KEEPS).collect()
}

/// The last run's steps on this host by their digest, each with all its occurrences in order.
fn steps_by_digest<'a>(last: &'a RecordedRun, new: &Plan, target: &str) -> HashMap<&'a Digest, Vec<&'a StepSummary>> {
    let mut steps: HashMap<&Digest, Vec<&StepSummary>> = HashMap::new();
    if last.header.mode != Mode::Run || new.mode != Mode::Run {
        return steps;
    }
    let summary = last.header.hosts.iter().find(|host| host.host == new.host && host.target == target);
    for step in summary.iter().flat_map(|summary| &summary.steps) {
        steps.entry(&step.digest).or_default().push(step);
    }
    steps
}

#[cfg(test)]
mod tests;
