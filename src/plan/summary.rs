//! A step of a plan in short: what the journal keeps, and all that the engine knows of it.

use serde::{Deserialize, Serialize};

use super::{Action, Plan, PlannedStep};
use crate::ids::{Digest, RunId, StepId, StepLabel};
use crate::kinds::Takes;

/// One step of a plan in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSummary {
    /// Its place in the plan.
    pub id: StepId,
    /// Its number for people.
    pub label: StepLabel,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The digest over everything that the host would do for it.
    pub digest: Digest,
    /// Whether it can be found out that there is nothing to do.
    pub has_check: bool,
    /// `file:line`.
    pub origin: String,
    /// Its failure does not end the run.
    #[serde(default)]
    pub allowed: bool,
    /// Why the plan skips it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// What of its `when` the host decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The earlier runs and steps in which the host looks for what became of it, the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<(RunId, StepId)>,
    /// Programs of which it needs one, between `|`, each with advice for a host that has none of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<(String, String)>,
    /// Where on this machine what it gives is taken to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes: Option<Takes>,
}

impl StepSummary {
    /// A step of which only the number is known.
    pub fn unnamed(id: StepId, label: StepLabel) -> Self {
        Self {
            id,
            label,
            name: format!("step {label}"),
            kind: String::new(),
            digest: Digest::of(b""),
            has_check: false,
            origin: String::new(),
            allowed: false,
            skipped: None,
            when: None,
            earlier: Vec::new(),
            needs: Vec::new(),
            takes: None,
        }
    }
}

impl Plan {
    /// Its steps in short.
    pub fn summary(&self) -> Vec<StepSummary> {
        self.steps.iter().map(PlannedStep::summary).collect()
    }
}

impl PlannedStep {
    fn summary(&self) -> StepSummary {
        let summary = StepSummary {
            name: self.name.clone(),
            kind: self.kind.to_owned(),
            digest: self.digest.clone(),
            origin: self.origin.clone(),
            ..StepSummary::unnamed(self.id, self.label)
        };
        match &self.action {
            Action::Skip { why } => StepSummary { skipped: Some(why.clone()), ..summary },
            Action::Apply(step) => StepSummary {
                has_check: step.has_check(),
                allowed: step.allow_failure,
                when: step.when.as_ref().map(|when| format!("when: {}", when.written)),
                earlier: step.earlier.clone(),
                needs: step.recipe.needs.iter().map(|need| (need.any_of.join("|"), need.hint.to_owned())).collect(),
                takes: step.recipe.takes().map(|takes| Takes { here: String::new(), ..takes.clone() }),
                ..summary
            },
        }
    }
}
