//! The verdict of a rehearsal on two runs of a playbook.
//!
//! It is computed from the outcomes of the steps and the stand-ins that were used.

use std::fmt::Write as _;

use serde::Serialize;

use super::changes::{ChangedPath, PathKind, Used};
use super::world::World;
use crate::event::Outcome;

/// The outcome of one step in one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepResult {
    /// Its number in the playbook, such as `7` or `7[2]`.
    pub label: String,
    /// Its name.
    pub name: String,
    /// Its outcome.
    pub outcome: Outcome,
    /// Whether it is meant to run every time (`always: true`).
    pub always: bool,
    /// Whether a person has to do it.
    pub manual: bool,
}

/// What a rehearsal showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// How many steps changed something in the first run.
    pub changed: usize,
    /// How many steps found nothing to change in the second run.
    pub unchanged: usize,
    /// Steps that failed or whose outcome is unknown, with the number of the run (1 or 2).
    pub failed: Vec<(u8, StepResult)>,
    /// Steps that changed something in the second run as well.
    pub not_idempotent: Vec<StepResult>,
    /// Steps that were skipped in the first run.
    pub skipped: Vec<StepResult>,
    /// Stand-ins that were used: commands by name, then URLs.
    pub stand_ins: Vec<String>,
    /// Stand-ins that the playbook never used.
    pub unused: Vec<String>,
    /// URLs that were requested but are not in the rehearsal file.
    pub missing: Vec<String>,
    /// What a step needed that this host cannot have.
    pub limits: Vec<String>,
    /// The rehearsal file's name.
    pub file: Option<String>,
    /// What both runs together wrote and removed on the host, pinboot's own records left out.
    pub written: Vec<ChangedPath>,
}

/// Judges a first and a second run; `second` is empty if there was no second run.
pub fn judge(
    first: &[StepResult],
    second: &[StepResult],
    world: &World,
    used: &Used,
    written: Vec<ChangedPath>,
) -> Verdict {
    let bad = |outcome: Outcome| matches!(outcome, Outcome::Failed | Outcome::Unknown);
    let of = |run: u8, steps: &[StepResult]| -> Vec<(u8, StepResult)> {
        steps.iter().filter(|step| bad(step.outcome)).map(|step| (run, step.clone())).collect()
    };
    let all = used.commands.iter().chain(&used.urls);
    let names = |wanted: fn(&u64) -> bool| {
        all.clone().filter(|(_, times)| wanted(times)).map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    Verdict {
        changed: first.iter().filter(|step| step.outcome == Outcome::Changed).count(),
        unchanged: second.iter().filter(|step| step.outcome == Outcome::Unchanged).count(),
        failed: [of(1, first), of(2, second)].concat(),
        not_idempotent: second
            .iter()
            .filter(|step| step.outcome == Outcome::Changed && !step.always)
            .cloned()
            .collect(),
        skipped: first.iter().filter(|step| step.outcome == Outcome::Skipped).cloned().collect(),
        stand_ins: names(|times| *times > 0),
        unused: names(|times| *times == 0).into_iter().filter(|name| !world.shared.contains(name)).collect(),
        missing: used.missing.clone(),
        limits: used.limits.clone(),
        file: world.file.clone(),
        written,
    }
}

impl Verdict {
    /// Whether the playbook passed: nothing failed, and the second run changed nothing.
    pub fn passed(&self) -> bool {
        self.failed.is_empty() && self.not_idempotent.is_empty()
    }

    /// What was written, a line each.
    pub fn listing(&self) -> String {
        let line = |written: &ChangedPath| {
            let owner = written.ownership().map_or_else(String::new, |owner| format!(" {owner}"));
            let ChangedPath { path, mode, size, .. } = written;
            match written.kind {
                PathKind::Gone => format!("  {path} (removed)\n"),
                PathKind::Directory => format!("  {path}/ {mode:04o}{owner}\n"),
                PathKind::File => format!("  {path} {mode:04o}{owner} {size} bytes\n"),
                PathKind::Link => format!("  {path} (link{owner})\n"),
                PathKind::Other => format!("  {path} (special file{owner})\n"),
            }
        };
        self.written.iter().map(line).collect()
    }

    /// The verdict for a person, one line per finding.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let file = self.file.as_deref().unwrap_or("the rehearsal file");
        if self.passed() {
            let _ = write!(out, "rehearsed: changed {}, then unchanged {}", self.changed, self.unchanged);
            let manual = self.skipped.iter().filter(|step| step.manual).count();
            let counts = [(manual, "manual"), (self.skipped.len() - manual, "skipped")];
            let parts: Vec<String> =
                counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
            if !parts.is_empty() {
                let _ = write!(out, " ({})", parts.join(", "));
            }
            out.push('\n');
        }
        for (run, step) in &self.failed {
            let how = if step.outcome == Outcome::Failed { "failed" } else { "has an unknown outcome" };
            let which = if *run == 1 { "first" } else { "second" };
            let _ = writeln!(out, "not passed: step {} {} {how} in the {which} run", step.label, step.name);
        }
        for step in &self.not_idempotent {
            let _ = writeln!(
                out,
                "not idempotent: step {} {} changed something again; give it a check (`unless`, `creates`), or `always: true` if it is meant to run every time",
                step.label, step.name
            );
        }
        for url in &self.missing {
            let _ = writeln!(out, "no stand-in: {url} was requested; add it to {file} under `urls`");
        }
        for limit in &self.limits {
            let _ = writeln!(out, "limit of this host: {limit}");
        }
        if !self.stand_ins.is_empty() {
            let _ = writeln!(out, "stand-ins, not the real thing: {}", self.stand_ins.join(", "));
        }
        for name in &self.unused {
            let _ = writeln!(out, "never used: the stand-in {name} of {file}");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(label: &str, outcome: Outcome) -> StepResult {
        StepResult { label: label.to_owned(), name: format!("Step {label}"), outcome, always: false, manual: false }
    }

    fn used(commands: &[(&str, u64)], missing: &[&str]) -> Used {
        Used {
            urls: vec![("https://example.org/a".to_owned(), 1)],
            commands: commands.iter().map(|(name, times)| ((*name).to_owned(), *times)).collect(),
            missing: missing.iter().map(|url| (*url).to_owned()).collect(),
            limits: Vec::new(),
        }
    }

    fn world() -> World {
        World { file: Some("play.rehearsal.yaml".to_owned()), ..World::default() }
    }

    #[test]
    fn changed_then_unchanged_passes() {
        let first = [step("1", Outcome::Changed), step("2", Outcome::Skipped), step("3", Outcome::Changed)];
        let second = [step("1", Outcome::Unchanged), step("2", Outcome::Skipped), step("3", Outcome::Unchanged)];
        let verdict = judge(&first, &second, &world(), &used(&[("yum", 2), ("dnf", 0)], &[]), Vec::new());
        assert!(verdict.passed());
        assert_eq!(
            verdict.text(),
            "rehearsed: changed 2, then unchanged 2 (1 skipped)\n\
             stand-ins, not the real thing: yum, https://example.org/a\n\
             never used: the stand-in dnf of play.rehearsal.yaml\n"
        );
    }

    #[test]
    fn a_step_that_changes_again_is_named() {
        let first = [step("1", Outcome::Changed), step("2", Outcome::Changed)];
        let manual = StepResult { manual: true, ..step("3", Outcome::Skipped) };
        let both = [step("1", Outcome::Changed), step("2", Outcome::Skipped), manual];
        let text = judge(&both, &both[1..], &world(), &used(&[], &[]), Vec::new()).text();
        assert!(text.starts_with("rehearsed: changed 1, then unchanged 0 (1 manual, 1 skipped)\n"), "{text}");
        let mut always = step("2", Outcome::Changed);
        always.always = true;
        let verdict = judge(&first, &[step("1", Outcome::Changed), always], &world(), &used(&[], &[]), Vec::new());
        assert!(!verdict.passed());
        assert_eq!(verdict.not_idempotent, [step("1", Outcome::Changed)]);
        assert!(
            verdict.text().starts_with("not idempotent: step 1 Step 1 changed something again"),
            "{}",
            verdict.text()
        );
    }

    #[test]
    fn owners_are_listed_and_a_limit_of_the_host_is_named() {
        let written = |kind, owner: Option<&str>| ChangedPath {
            kind,
            mode: 0o750,
            owner: owner.map(str::to_owned),
            group: owner.map(str::to_owned),
            ..ChangedPath::gone("/srv/a")
        };
        let paths = vec![
            written(PathKind::Directory, Some("kafka")),
            written(PathKind::File, Some("kafka")),
            written(PathKind::Link, Some("kafka")),
            written(PathKind::File, None),
            ChangedPath::gone("/srv/b"),
        ];
        let limits = vec!["one id".to_owned()];
        let verdict = judge(&[], &[], &world(), &Used { limits, ..used(&[], &[]) }, paths);
        assert_eq!(
            verdict.listing(),
            "  /srv/a/ 0750 kafka:kafka\n  /srv/a 0750 kafka:kafka 0 bytes\n  /srv/a (link kafka:kafka)\n  \
             /srv/a 0750 0 bytes\n  /srv/b (removed)\n"
        );
        assert!(verdict.text().contains("limit of this host: one id\n"), "{}", verdict.text());
    }

    #[test]
    fn a_failure_shows_its_run_and_the_url_to_add() {
        let first = [step("1", Outcome::Failed)];
        let verdict = judge(&first, &[], &world(), &used(&[], &["https://example.org/b"]), Vec::new());
        assert!(!verdict.passed());
        let text = verdict.text();
        assert!(text.contains("not passed: step 1 Step 1 failed in the first run\n"), "{text}");
        assert!(
            text.contains("https://example.org/b was requested; add it to play.rehearsal.yaml under `urls`"),
            "{text}"
        );
    }
}
