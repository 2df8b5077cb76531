//! The steps that tags, `--from` and `--only` leave.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use crate::ids::StepLabel;
use crate::playbook::{Loaded, Playbook, Step, step_meant, steps_called};
use crate::source::Diagnostic;

/// The steps, and the iterations of loops, that tags, `--from` and `--only` leave out.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// The indexes of the steps that are left out.
    pub(super) left_out: HashSet<usize>,
    /// The step in whose loop `--from` starts, and the iteration.
    from: Option<(usize, u32)>,
    /// The iterations that `--only` names, for each step of which it names only some.
    only: HashMap<usize, BTreeSet<u32>>,
}

impl Choice {
    /// Whether an iteration of a step that is not left out is left.
    pub(super) fn keeps(&self, at: usize, iteration: u32) -> bool {
        self.from.is_none_or(|(step, first)| step != at || iteration >= first)
            && self.only.get(&at).is_none_or(|only| only.contains(&iteration))
    }

    /// The highest iteration that the command line names for a step.
    pub(super) fn highest(&self, at: usize) -> Option<u32> {
        let from = self.from.filter(|(step, _)| *step == at).map(|(_, iteration)| iteration);
        from.max(self.only.get(&at).and_then(BTreeSet::last).copied())
    }
}

/// What tags, `--from` and `--only` leave out.
pub(super) fn choice(loaded: &Loaded) -> Result<Choice, Vec<Diagnostic>> {
    let (playbook, flags) = (&loaded.playbook, &loaded.inputs.flags);
    let steps = &playbook.steps;
    let mut diagnostics = Vec::new();
    let mut find = |flag: &str, wanted: &str| {
        let found = find_steps(playbook, wanted);
        if found.is_none() {
            diagnostics.extend(unknown_step(loaded, flag, wanted));
        }
        let found = found?;
        if let (range, Some(_)) = &found
            && steps[range.start].given("loop").is_none()
        {
            let number = range.start + 1;
            let message = format!("{flag}: step {number} has no loop, and therefore no `{wanted}`");
            diagnostics.push(Diagnostic::without_place(message).hint(format!("write `{flag} {number}`")));
        }
        Some(found)
    };
    let from = flags.from.as_deref().and_then(|wanted| find("--from", wanted));
    let named = flags.only.iter().filter_map(|wanted| find("--only", wanted));
    let named: Vec<(usize, Option<u32>)> =
        named.flat_map(|(range, iteration)| range.map(move |at| (at, iteration))).collect();
    for (flag, wanted) in [("--tags", &flags.tags), ("--skip-tags", &flags.skip_tags)] {
        diagnostics.extend(wanted.iter().filter_map(|tag| unknown_tag(loaded, flag, tag)));
    }
    let first = from.as_ref().map_or(0, |(range, _)| range.start);
    let left_out: HashSet<usize> = steps
        .iter()
        .enumerate()
        .filter(|(at, step)| {
            *at < first
                || (!flags.only.is_empty() && !named.iter().any(|(named, _)| named == at))
                || (!flags.tags.is_empty() && !has_tag(step, &flags.tags))
                || has_tag(step, &flags.skip_tags)
        })
        .map(|(at, _)| at)
        .collect();
    if diagnostics.is_empty() && loaded.diagnostics.is_empty() && left_out.len() == steps.len() {
        diagnostics.push(
            Diagnostic::without_place("no step is left to run").hint("see --tags, --skip-tags, --from and --only"),
        );
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let mut only: HashMap<usize, BTreeSet<u32>> = HashMap::new();
    for (at, iteration) in &named {
        // A step that is named as a whole keeps all its iterations.
        if named.contains(&(*at, None)) {
            continue;
        }
        only.entry(*at).or_default().extend(iteration);
    }
    Ok(Choice { left_out, from: from.and_then(|(range, iteration)| Some((range.start, iteration?))), only })
}

fn has_tag(step: &Step, wanted: &[String]) -> bool {
    step.words("tags").any(|tag| wanted.iter().any(|wanted| wanted == tag.value))
}

/// The steps with this id or name, or else the one with this number, which may name an iteration of its loop.
fn find_steps(playbook: &Playbook, wanted: &str) -> Option<(Range<usize>, Option<u32>)> {
    let numbered = || {
        let label = StepLabel::parse(wanted)?;
        let at = usize::try_from(label.step).ok()? - 1;
        (at < playbook.steps.len()).then_some((at..at + 1, label.iteration))
    };
    steps_called(playbook, wanted).map(|range| (range, None)).or_else(numbered)
}

/// The error for a step that is not there, unless errors of the playbook may hide it.
fn unknown_step(loaded: &Loaded, flag: &str, wanted: &str) -> Option<Diagnostic> {
    let steps = &loaded.playbook.steps;
    let error = Diagnostic::without_place(format!("{flag}: no step is called `{wanted}`"));
    if let Some(hint) = step_meant(&loaded.playbook, wanted) {
        return Some(error.hint(hint));
    }
    let hint = match steps.as_slice() {
        [only] => format!("there is one step, `{}`", only.name.value),
        _ => format!("there are {} steps: give a number from 1 to {}, or a name", steps.len(), steps.len()),
    };
    (!loaded.playbook.unresolved.steps).then(|| error.hint(hint))
}

/// The error for a tag that no step has, unless errors of the playbook may hide it.
fn unknown_tag(loaded: &Loaded, flag: &str, tag: &str) -> Option<Diagnostic> {
    let tags = || loaded.playbook.steps.iter().flat_map(|step| step.words("tags")).map(|known| known.value);
    if tags().any(|known| known == tag) {
        return None;
    }
    let error = Diagnostic::without_place(format!("{flag}: no step has the tag `{tag}`")).did_you_mean(tag, tags());
    (error.hint.is_some() || !loaded.playbook.unresolved.tags).then_some(error)
}
