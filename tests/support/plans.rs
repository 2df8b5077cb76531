//! Plans made of shell, for tests of what lies below the language.

use pinboot::event::Mode;
use pinboot::ids::{Digest, HostId, StepId, StepKey, StepLabel};
use pinboot::kinds::Recipe;
use pinboot::plan::{Action, Plan, PlannedStep, StepSpec};
use pinboot::script::Script;

/// A step that runs this shell, with no check and no options.
pub(crate) fn spec(apply: &str) -> StepSpec {
    StepSpec::plain(Recipe { apply: Script::author(apply), ..Recipe::default() })
}

/// The plan of these steps, numbered from 1. A step's digest follows from all that it is made of.
pub(crate) fn plan(specs: Vec<StepSpec>) -> Plan {
    let steps = specs.into_iter().zip(1..).map(|(spec, number)| PlannedStep {
        id: StepId(number),
        label: StepLabel::plain(number),
        name: format!("step {number}"),
        kind: "command",
        key: StepKey::new(&format!("step {number}"), None),
        watched_by: Vec::new(),
        digest: Digest::of(format!("{spec:?}").as_bytes()),
        origin: String::new(),
        action: Action::Apply(Box::new(spec)),
    });
    let mut steps: Vec<PlannedStep> = steps.collect();
    for at in 0..steps.len() {
        let key = steps[at].key.clone();
        let Action::Apply(spec) = &steps[at].action else { continue };
        for watched in spec.when_changed.clone().into_iter().flatten() {
            if let Some(step) = steps.iter_mut().find(|step| step.id == watched) {
                step.watched_by.push(key.clone());
            }
        }
    }
    Plan { host: HostId("h".into()), mode: Mode::Run, steps, secrets: Vec::new() }
}
