//! The verdict on a run whose connection was cut, compared with the run without a cut.

use std::fmt::Write as _;

use serde::Serialize;

use super::changes::{ChangedPath, PathKind, Used};
use super::verdict::StepResult;

/// A run during which the connection was cut, or the run without a cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CutRun {
    /// The number of the step during which it was cut.
    pub label: String,
    /// That step's name.
    pub name: String,
    /// The outcome of every step.
    pub steps: Vec<StepResult>,
    /// The paths that changed on the host.
    pub changes: Vec<ChangedPath>,
    /// The stand-ins that were used.
    pub used: Used,
}

/// How a run with a cut differs from the run without one; three empty lists if it does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CutVerdict {
    /// The number of the step during which the connection was cut.
    pub label: String,
    /// That step's name.
    pub name: String,
    /// Steps with another outcome than without the cut.
    pub outcomes: Vec<String>,
    /// Paths that differ from those of the run without a cut.
    pub paths: Vec<String>,
    /// Stand-ins that were used more or less often than without the cut.
    pub effects: Vec<String>,
}

impl CutVerdict {
    /// Whether the run ended as without a cut, and had each effect as often.
    pub fn passed(&self) -> bool {
        self.outcomes.is_empty() && self.paths.is_empty() && self.effects.is_empty()
    }

    /// The verdict in one line, followed by one line for each difference.
    pub fn text(&self) -> String {
        let verdict = if self.passed() { "same end, each effect once" } else { "not the same end" };
        let mut out = format!("cut in step {} {}: {verdict}\n", self.label, self.name);
        for line in self.outcomes.iter().chain(&self.paths).chain(&self.effects) {
            let _ = writeln!(out, "    {line}");
        }
        out
    }
}

/// Compares a run with a cut with the one without; `ignored` says which paths belong to the runs themselves.
pub fn judge_cut(whole: &CutRun, cut: &CutRun, ignored: &dyn Fn(&str) -> bool) -> CutVerdict {
    let outcomes = (0..whole.steps.len().max(cut.steps.len()))
        .filter_map(|at| match (whole.steps.get(at), cut.steps.get(at)) {
            (Some(a), Some(b)) if a.outcome == b.outcome => None,
            (Some(a), Some(b)) => {
                Some(format!("step {} {}: {} instead of {}", a.label, a.name, b.outcome.word(), a.outcome.word()))
            }
            (Some(a), None) => Some(format!("step {} {}: did not run", a.label, a.name)),
            (None, Some(b)) => Some(format!("step {} {}: ran only with the cut", b.label, b.name)),
            (None, None) => None,
        })
        .collect();
    let mut effects = Vec::new();
    for (before, after) in [(&whole.used.commands, &cut.used.commands), (&whole.used.urls, &cut.used.urls)] {
        for ((name, a), (_, b)) in before.iter().zip(after).filter(|(a, b)| a.1 != b.1) {
            effects.push(format!("{name}: used {b} times instead of {a}"));
        }
    }
    CutVerdict {
        label: cut.label.clone(),
        name: cut.name.clone(),
        outcomes,
        paths: differences(&whole.changes, &cut.changes, ignored),
        effects,
    }
}

/// The paths at which two hosts differ. A path that one host never had and the other removed is not a difference.
fn differences(a: &[ChangedPath], b: &[ChangedPath], ignored: &dyn Fn(&str) -> bool) -> Vec<String> {
    let present = |changes: &[ChangedPath]| -> std::collections::BTreeMap<String, ChangedPath> {
        let kept = changes.iter().filter(|one| !ignored(&one.path) && one.kind != PathKind::Gone);
        kept.map(|one| (one.path.clone(), one.clone())).collect()
    };
    let (a, b) = (present(a), present(b));
    let mut out = Vec::new();
    for (path, one) in &a {
        match b.get(path) {
            None => out.push(format!("{path}: missing")),
            Some(other) if other.sha256 != one.sha256 || other.kind != one.kind => {
                out.push(format!("{path}: different content"));
            }
            Some(other) if other.mode != one.mode => {
                out.push(format!("{path}: mode {:04o} instead of {:04o}", other.mode, one.mode));
            }
            Some(other) if other.ownership() != one.ownership() => {
                let owner = |one: &ChangedPath| one.ownership().unwrap_or_default();
                out.push(format!("{path}: owner {} instead of {}", owner(other), owner(one)));
            }
            Some(_) => {}
        }
    }
    out.extend(b.keys().filter(|path| !a.contains_key(*path)).map(|path| format!("{path}: unexpected")));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Outcome;
    use crate::ids::Digest;

    fn step(label: &str, outcome: Outcome) -> StepResult {
        StepResult { label: label.to_owned(), name: format!("Step {label}"), outcome, always: false, manual: false }
    }

    fn used(commands: &[(&str, u64)]) -> Used {
        Used {
            urls: vec![("https://example.org/a".to_owned(), 1)],
            commands: commands.iter().map(|(name, times)| ((*name).to_owned(), *times)).collect(),
            missing: Vec::new(),
            limits: Vec::new(),
        }
    }

    fn changed(path: &str, content: &str, mode: u32) -> ChangedPath {
        let sha256 = Some(Digest::of(content.as_bytes()));
        let (owner, group) = (Some("kafka".to_owned()), Some("kafka".to_owned()));
        let size = content.len() as u64;
        ChangedPath { path: path.to_owned(), kind: PathKind::File, mode, owner, group, size, sha256 }
    }

    #[test]
    fn every_difference_after_a_cut_is_listed() {
        let mut whole = CutRun {
            label: String::new(),
            name: String::new(),
            steps: vec![step("1", Outcome::Changed)],
            changes: vec![changed("/a", "x", 0o644), changed("/home/u/.pinboot/log", "1", 0o600)],
            used: used(&[("yum", 1)]),
        };
        let ignored = |path: &str| path.contains("/.pinboot/");
        let mut cut = CutRun { label: "1".to_owned(), name: "Step 1".to_owned(), ..whole.clone() };
        cut.changes[1] = changed("/home/u/.pinboot/log", "2", 0o600);
        cut.changes.push(ChangedPath::gone("/tmp/x"));
        assert_eq!(judge_cut(&whole, &cut, &ignored).text(), "cut in step 1 Step 1: same end, each effect once\n");
        cut.used.commands[0].1 = 2;
        cut.changes[0] = changed("/a", "y", 0o644);
        cut.changes.push(changed("/c", "", 0o644));
        whole.changes.push(ChangedPath { group: Some("root".to_owned()), ..changed("/c", "", 0o644) });
        cut.changes.push(changed("/b", "", 0o644));
        cut.steps[0].outcome = Outcome::Unknown;
        assert_eq!(
            judge_cut(&whole, &cut, &ignored).text(),
            "cut in step 1 Step 1: not the same end\n    step 1 Step 1: unknown instead of changed\n    \
             /a: different content\n    /c: owner kafka:kafka instead of kafka:root\n    /b: unexpected\n    yum: used 2 times instead of 1\n"
        );
    }
}
