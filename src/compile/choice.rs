//! The steps that tags, `--from` and `--only` leave.

use std::collections::HashSet;

use crate::playbook::{Loaded, Step};
use crate::source::Diagnostic;

/// The indexes of the steps that tags, `--from` and `--only` leave out.
pub(super) fn left_out(loaded: &Loaded) -> Result<HashSet<usize>, Vec<Diagnostic>> {
    let (steps, flags) = (&loaded.playbook.steps, &loaded.inputs.flags);
    let mut diagnostics = Vec::new();
    let mut find = |flag: &str, wanted: &str| {
        let found = find_step(steps, wanted);
        if found.is_none() {
            diagnostics.extend(unknown_step(loaded, flag, wanted));
        }
        found
    };
    let from = flags.from.as_deref().and_then(|wanted| find("--from", wanted)).unwrap_or(0);
    let only: Vec<usize> = flags.only.iter().filter_map(|wanted| find("--only", wanted)).collect();
    for (flag, wanted) in [("--tags", &flags.tags), ("--skip-tags", &flags.skip_tags)] {
        diagnostics.extend(wanted.iter().filter_map(|tag| unknown_tag(loaded, flag, tag)));
    }
    let out: HashSet<usize> = steps
        .iter()
        .enumerate()
        .filter(|(at, step)| {
            *at < from
                || (!flags.only.is_empty() && !only.contains(at))
                || (!flags.tags.is_empty() && !has_tag(step, &flags.tags))
                || has_tag(step, &flags.skip_tags)
        })
        .map(|(at, _)| at)
        .collect();
    if diagnostics.is_empty() && loaded.diagnostics.is_empty() && out.len() == steps.len() {
        diagnostics.push(
            Diagnostic::without_place("no step is left to run").hint("see --tags, --skip-tags, --from and --only"),
        );
    }
    if diagnostics.is_empty() { Ok(out) } else { Err(diagnostics) }
}

fn has_tag(step: &Step, wanted: &[String]) -> bool {
    step.words("tags").any(|tag| wanted.iter().any(|wanted| wanted == tag.value))
}

/// The step with this name, or else with this number.
fn find_step(steps: &[Step], wanted: &str) -> Option<usize> {
    let numbered = || wanted.parse::<usize>().ok()?.checked_sub(1).filter(|at| *at < steps.len());
    steps.iter().position(|step| step.name.value == wanted).or_else(numbered)
}

/// The error for a step that is not there, unless errors of the playbook may hide it.
fn unknown_step(loaded: &Loaded, flag: &str, wanted: &str) -> Option<Diagnostic> {
    let steps = &loaded.playbook.steps;
    let error = Diagnostic::without_place(format!("{flag}: no step is called `{wanted}`"))
        .did_you_mean(wanted, steps.iter().map(|step| step.name.value.as_str()));
    if error.hint.is_some() {
        return Some(error);
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
