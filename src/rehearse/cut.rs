//! What a cut connection did to a run, compared with the run without a cut.

use std::fmt::Write as _;

use serde::Serialize;

use super::changes::{ChangedPath, PathKind, Used};
use super::verdict::StepResult;

/// One run in whose middle the connection was cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CutRun {
    /// The step during which it was cut, as a person counts.
    pub label: String,
    /// That step's name.
    pub name: String,
    /// How every step ended.
    pub steps: Vec<StepResult>,
    /// What stands on the host afterwards.
    pub written: Vec<ChangedPath>,
    /// What was used of the world.
    pub used: Used,
}

/// What one cut did to a run; empty lists: nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CutVerdict {
    /// The step during which the connection was cut, as a person counts.
    pub label: String,
    /// That step's name.
    pub name: String,
    /// Steps that ended otherwise than without the cut.
    pub outcomes: Vec<String>,
    /// Paths that differ from those of the run without a cut.
    pub paths: Vec<String>,
    /// Stand-ins that were used more or less often than without the cut.
    pub effects: Vec<String>,
}

impl CutVerdict {
    /// Whether the run ended as the one without a cut, each effect as often as there.
    pub fn passed(&self) -> bool {
        self.outcomes.is_empty() && self.paths.is_empty() && self.effects.is_empty()
    }

    /// The verdict in one line, and one more for each thing that was otherwise.
    pub fn text(&self) -> String {
        let verdict = if self.passed() { "same end, each effect once" } else { "not the same end" };
        let mut out = format!("cut in step {} {}: {verdict}\n", self.label, self.name);
        for line in self.outcomes.iter().chain(&self.paths).chain(&self.effects) {
            let _ = writeln!(out, "    {line}");
        }
        out
    }
}

/// Compares a run that was cut with the one that was not; `ignored` says which paths belong to the runs themselves.
pub fn judge_cut(whole: &CutRun, cut: &CutRun, ignored: &dyn Fn(&str) -> bool) -> CutVerdict {
    let outcomes = (0..whole.steps.len().max(cut.steps.len()))
        .filter_map(|at| match (whole.steps.get(at), cut.steps.get(at)) {
            (Some(a), Some(b)) if a.outcome == b.outcome => None,
            (Some(a), Some(b)) => Some(format!("step {} {}: {:?} and not {:?}", a.label, a.name, b.outcome, a.outcome)),
            (Some(a), None) => Some(format!("step {} {}: not reached", a.label, a.name)),
            (None, Some(b)) => Some(format!("step {} {}: only after the cut", b.label, b.name)),
            (None, None) => None,
        })
        .collect();
    let mut effects = Vec::new();
    for (before, after) in [(&whole.used.commands, &cut.used.commands), (&whole.used.urls, &cut.used.urls)] {
        for ((name, a), (_, b)) in before.iter().zip(after).filter(|(a, b)| a.1 != b.1) {
            effects.push(format!("{name}: {b} times and not {a}"));
        }
    }
    CutVerdict {
        label: cut.label.clone(),
        name: cut.name.clone(),
        outcomes,
        paths: differences(&whole.written, &cut.written, ignored),
        effects,
    }
}

/// The paths at which two hosts differ, each with how; what one of them never had and the other lost is no difference.
pub fn differences(a: &[ChangedPath], b: &[ChangedPath], ignored: &dyn Fn(&str) -> bool) -> Vec<String> {
    let there = |written: &[ChangedPath]| -> std::collections::BTreeMap<String, ChangedPath> {
        let kept = written.iter().filter(|one| !ignored(&one.path) && one.kind != PathKind::Gone);
        kept.map(|one| (one.path.clone(), one.clone())).collect()
    };
    let (a, b) = (there(a), there(b));
    let mut out = Vec::new();
    for (path, one) in &a {
        match b.get(path) {
            None => out.push(format!("{path}: missing")),
            Some(other) if other.sha256 != one.sha256 || other.kind != one.kind => {
                out.push(format!("{path}: holds something else"));
            }
            Some(other) if other.mode != one.mode => {
                out.push(format!("{path}: mode {:04o} and not {:04o}", other.mode, one.mode));
            }
            Some(_) => {}
        }
    }
    out.extend(b.keys().filter(|path| !a.contains_key(*path)).map(|path| format!("{path}: too much")));
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
        }
    }

    fn written(path: &str, content: &str, mode: u32) -> ChangedPath {
        let sha256 = Some(Digest::of(content.as_bytes()));
        ChangedPath { path: path.to_owned(), kind: PathKind::File, mode, size: content.len() as u64, sha256 }
    }

    #[test]
    fn a_cut_that_changes_anything_is_seen() {
        let whole = CutRun {
            label: String::new(),
            name: String::new(),
            steps: vec![step("1", Outcome::Changed)],
            written: vec![written("/a", "x", 0o644), written("/home/u/.pinboot/log", "1", 0o600)],
            used: used(&[("yum", 1)]),
        };
        let ignored = |path: &str| path.contains("/.pinboot/");
        let mut cut = CutRun { label: "1".to_owned(), name: "Step 1".to_owned(), ..whole.clone() };
        cut.written[1] = written("/home/u/.pinboot/log", "2", 0o600);
        cut.written.push(ChangedPath {
            path: "/tmp/x".to_owned(),
            kind: PathKind::Gone,
            mode: 0,
            size: 0,
            sha256: None,
        });
        assert_eq!(judge_cut(&whole, &cut, &ignored).text(), "cut in step 1 Step 1: same end, each effect once\n");
        cut.used.commands[0].1 = 2;
        cut.written[0] = written("/a", "y", 0o644);
        cut.written.push(written("/b", "", 0o644));
        cut.steps[0].outcome = Outcome::Unknown;
        assert_eq!(
            judge_cut(&whole, &cut, &ignored).text(),
            "cut in step 1 Step 1: not the same end\n    step 1 Step 1: Unknown and not Changed\n    \
             /a: holds something else\n    /b: too much\n    yum: 2 times and not 1\n"
        );
    }
}
