//! Every case under `tests/kinds/NAME/`, on hosts of every shell.
//!
//! `PINBOOT_CASES=file/new` runs those whose path begins like this; `PINBOOT_ACCEPT=1` writes the diffs anew that a case
//! expects, and nothing else.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use pinboot::event::Mode;
use pinboot::kinds::KINDS;
use pinboot::plan::{Action, Plan, RunAs, StepSpec};
use pinboot::source::Diagnostic;

use super::accept::accept;
use super::case::{Case, Expect, HostSpec, Programs, Refusal, Runs};
use super::compare::{Held, after_is, compared, contains, same, shells_see};
use super::equivalent;
use super::heard::{Heard, Step};
use super::read::{read, read_text};
use super::tree::Tree;
use super::world::{Shell, World, compile, has, is_root, shells};
use crate::parallel::in_parallel;

/// Where the cases are.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kinds")
}

/// The folders of the kinds.
fn folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(root()).expect("tests/kinds");
    let mut folders: Vec<_> =
        entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// Every case, in the order of the files' names; what cannot be read is the error.
fn cases() -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    let mut errors = String::new();
    for folder in folders() {
        let mut files: Vec<_> =
            fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "yaml")) {
            match read(&root(), file) {
                Ok(found) => cases.extend(found),
                Err(why) => writeln!(errors, "{why}").expect("a string takes all"),
            }
        }
    }
    if errors.is_empty() { Ok(cases) } else { Err(errors) }
}

#[test]
fn every_kind_has_a_folder_of_cases_and_every_folder_a_kind() {
    let cases = cases().unwrap_or_else(|why| panic!("{why}"));
    for folder in folders() {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(KINDS.iter().any(|kind| kind.name == name), "tests/kinds/{name}: there is no kind of this name");
        for case in cases.iter().filter(|case| case.file.starts_with(&folder)) {
            assert!(case.playbook.contains(&format!("{name}:")), "{}: no step of it is a `{name}`", case.place);
        }
    }
    for kind in KINDS {
        let folder = root().join(kind.name);
        let count = cases.iter().filter(|case| case.file.starts_with(&folder)).count();
        assert!(count > 0, "tests/kinds/{}: no case of this kind", kind.name);
    }
}

#[test]
fn every_case_holds() {
    let cases = cases().unwrap_or_else(|why| panic!("{why}"));
    let wanted = std::env::var("PINBOOT_CASES").unwrap_or_default();
    let trials: Vec<Trial<'_>> = cases.iter().filter(|case| case.place.starts_with(&wanted)).flat_map(trials).collect();
    assert!(!trials.is_empty(), "no case begins like `{wanted}`");
    let threads = std::thread::available_parallelism().map_or(2, usize::from) * 2;
    let failures = in_parallel(trials.len(), threads, |at| trials[at].run());
    let accepted = if crate::support::accepts() { accept(&failures) } else { 0 };
    let reported: String = failures.iter().fold(String::new(), |mut out, failure| {
        let _ =
            writeln!(out, "\ntests/kinds/{} under {}: {}\n{}", failure.place, failure.on, failure.title, failure.why);
        out
    });
    assert!(
        failures.is_empty(),
        "{reported}\n{} of {} trials failed, {accepted} diffs accepted",
        failures.len(),
        trials.len()
    );
}

/// A case on one host.
struct Trial<'a> {
    case: &'a Case,
    host: &'a HostSpec,
    shell: Shell,
    /// Whether the commands of the dry run are tried as well.
    equivalent: bool,
}

/// A trial that failed.
pub(crate) struct Failure {
    place: String,
    title: String,
    on: String,
    why: String,
    /// Where only the diff differs: the file, which of its cases, and the diff that came.
    pub(crate) diff: Option<(PathBuf, usize, String)>,
}

/// The three most common shells, and every one where no test may be left out: each of them costs as much as the others.
fn tried_shells() -> Vec<Shell> {
    let all = std::env::var_os("PINBOOT_TEST_ALL").is_some();
    shells().into_iter().take(if all { 5 } else { 3 }).collect()
}

/// The hosts of a case under every shell that is tried; where it has several hosts, the first one under three and the others under one each.
fn trials(case: &Case) -> Vec<Trial<'_>> {
    let mut shells = tried_shells();
    // The rarer shells take turns: each of them costs as much as the three that are everywhere.
    let rare = shells.len().min(3)..shells.len();
    let turn = case.place.len() + case.number;
    shells = shells
        .iter()
        .enumerate()
        .filter(|(at, _)| !rare.contains(at) || at - rare.start == turn % 4)
        .map(|(_, shell)| *shell)
        .collect();
    if matches!(case.expect, Expect::Refused(_)) {
        return vec![Trial { case, host: &case.hosts[0], shell: shells[0], equivalent: false }];
    }
    let mounts = || !case.hosts.iter().any(HostSpec::mounts) || crate::support::mounts().is_some();
    let left_out = (case.root && !is_root()) || !mounts() || case.needs.iter().any(|program| !has(program));
    let there = |host: &&HostSpec| match &host.programs {
        Programs::Only(programs) => programs.iter().all(|program| has(program)),
        Programs::Busybox => has("busybox"),
        Programs::All | Programs::Without(_) => true,
    };
    let hosts: Vec<_> = case.hosts.iter().filter(|_| !left_out).filter(there).collect();
    hosts
        .into_iter()
        .enumerate()
        .flat_map(|(at, host)| {
            let several = match (at, case.hosts.len()) {
                (0, 1) => shells.clone(),
                (0, _) => shells.iter().take(3).copied().collect(),
                _ => vec![shells[at % shells.len()]],
            };
            let tried = several.into_iter().filter(|shell| case.except.iter().all(|(name, _)| name != shell.0));
            tried.enumerate().map(move |(turn, shell)| Trial { case, host, shell, equivalent: at + turn == 0 })
        })
        .collect()
}

impl Trial<'_> {
    fn run(&self) -> Result<(), Failure> {
        let mut diff = None;
        let held = match &self.case.expect {
            Expect::Refused(refusals) => self.is_refused(refusals),
            Expect::Unfit { what, says } => self.is_unfit(what, says),
            Expect::Runs(runs) => self.holds(runs, &mut diff),
        };
        held.map_err(|why| Failure {
            place: self.case.place.clone(),
            title: self.case.title.clone(),
            on: if self.host.name.is_empty() {
                self.shell.0.to_owned()
            } else {
                format!("{}, host {}", self.shell.0, self.host.name)
            },
            why,
            diff: diff.map(|diff| (self.case.file.clone(), self.case.number, diff)),
        })
    }

    fn is_refused(&self, expected: &[Refusal]) -> Held {
        let Err(refused) = compile(&self.case.playbook, &self.case.local, None, Mode::Run) else {
            return Err("it was not refused".to_owned());
        };
        let at = |error: &Diagnostic| {
            let expected = expected.iter().find(|expected| expected.error == error.message)?;
            expected.at.as_ref().map(|_| error.span.map_or("", |span| refused.sources.slice(span)).to_owned())
        };
        let reported =
            |error: &Diagnostic| Refusal { error: error.message.clone(), hint: error.hint.clone(), at: at(error) };
        let mut found: Vec<Refusal> = refused.errors.iter().map(reported).collect();
        let mut expected = expected.to_vec();
        found.sort();
        expected.sort();
        if found == expected {
            Ok(())
        } else {
            Err(format!("expected {expected:#?}\ngot {found:#?}\n{}", refused.rendered))
        }
    }

    fn is_unfit(&self, what: &str, says: &[String]) -> Held {
        let world = World::of(self.host, self.shell);
        let before = world.tree();
        for mode in [Mode::Check, Mode::Run] {
            let heard = world.deliver(&self.plan(&world, mode)?);
            same("how the run ended", "unfit", &heard.end)?;
            same("what is missing", what, heard.unfit.as_deref().unwrap_or_default())?;
            for piece in says {
                contains("what was printed", &format!("{}{}", heard.noise, heard.output()), piece)?;
            }
            untouched(&before, &world.tree(), "a run on an unfit host")?;
        }
        Ok(())
    }

    fn plan(&self, world: &World, mode: Mode) -> Result<Plan, String> {
        world
            .plan(&self.case.playbook, &self.case.local, mode)
            .map_err(|refused| format!("the playbook is refused:\n{}", refused.rendered))
    }

    fn holds(&self, expected: &Runs, new_diff: &mut Option<String>) -> Held {
        let world = World::of(self.host, self.shell);
        let before = world.tree();
        let plan = self.plan(&world, Mode::Run)?;
        about_the_plan(&plan, expected)?;
        let check_plan = self.plan(&world, Mode::Check)?;
        let asked = world.deliver(&check_plan);
        untouched(&before, &world.tree(), "--check")?;
        whole(&asked, "--check")?;
        let single = plan.steps.len() == 1;
        match &expected.check {
            Some(check) => same_outcomes("--check", check, &asked)?,
            None if single => {
                same_outcomes("--check", &expected.outcomes.iter().map(|o| checked(o)).collect::<Vec<_>>(), &asked)?;
            }
            None => {}
        }
        world.forget_calls();
        let first = world.deliver(&plan);
        let after = world.tree();
        whole(&first, "the first run")?;
        same_outcomes("the first run", &expected.outcomes, &first)?;
        if single {
            same_diff(expected, &asked, "--check", new_diff)?;
        }
        same_diff(expected, &first, "the first run", new_diff)?;
        about_the_output(&plan, expected, &asked, &first)?;
        if let Some(commands) = &expected.commands {
            same("the calls of the stand-ins", &commands.join("\n"), &world.calls().join("\n"))?;
        }
        for (path, times) in &expected.requests {
            same(&format!("requests of {path}"), times, &world.asked(path))?;
        }
        for (path, wanted) in &expected.after {
            after_is(&world, &before, &after, path, wanted).map_err(|why| format!("{path}: {why}"))?;
        }
        shells_see(&world, expected)?;
        let leftovers = after.leftovers();
        if !leftovers.is_empty() {
            return Err(format!("left behind: {leftovers:?}"));
        }
        if expected.outcomes.iter().all(|outcome| outcome != "changed" && !outcome.starts_with("failed")) {
            untouched(&before, &after, "a run that changed nothing")?;
        }
        if self.equivalent && expected.outcomes.iter().all(|outcome| is_done(outcome) || !outcome.starts_with("failed"))
        {
            let calls = world.calls();
            equivalent::holds(self.case, self.host, self.shell, expected, &before, &after, &calls)?;
        }
        // The shells that were tried may have left files of their own.
        let (tree, output) = (world.tree(), first.output());
        if self.host.trouble.is_some() {
            let during = before.differences(&after, false);
            // Where the case says what is there, that has been compared.
            if expected.after.is_empty() && !during.is_empty() {
                return Err(format!("something is left of what failed:\n{during}"));
            }
            world.end_trouble();
            let expected = Runs {
                outcomes: expected.repaired.clone().unwrap_or_else(|| vec!["changed".to_owned(); plan.steps.len()]),
                again: expected.again.clone(),
                ..Runs::default()
            };
            let repaired = world.deliver(&plan);
            whole(&repaired, "the run after the repair")?;
            same_outcomes("the run after the repair", &expected.outcomes, &repaired)?;
            return holds_again(&world, &plan, &check_plan, &expected, (&world.tree(), &repaired.output()));
        }
        if first.end != "ok" {
            return Ok(());
        }
        holds_again(&world, &plan, &check_plan, expected, (&tree, &output))?;
        let Some(undo) = &expected.undone else { return Ok(()) };
        let undone = world.command(&["sh", "-euc", undo]).output().expect("a shell");
        if !undone.status.success() {
            return Err(format!("`undone` failed: {}", String::from_utf8_lossy(&undone.stderr)));
        }
        is_repaired(&world, (&plan, &check_plan), expected, &before)
    }
}

/// What someone has undone is found by `--check`, and a run brings it about again.
fn is_repaired(world: &World, (plan, check_plan): (&Plan, &Plan), expected: &Runs, before: &Tree) -> Held {
    let drifted = world.tree();
    let asked = world.deliver(check_plan);
    untouched(&drifted, &world.tree(), "--check of what was undone")?;
    let wanted: Vec<String> = expected.outcomes.iter().map(|outcome| checked(outcome)).collect();
    same_outcomes("--check of what was undone", &wanted, &asked)?;
    let repaired = world.deliver(plan);
    whole(&repaired, "the run after it was undone")?;
    same_outcomes("the run after it was undone", &expected.outcomes, &repaired)?;
    let after = world.tree();
    for (path, wanted) in &expected.after {
        after_is(world, before, &after, path, wanted).map_err(|why| format!("after it was undone: {path}: {why}"))?;
    }
    same_outcomes("the run after the repair", &vec!["unchanged".to_owned(); plan.steps.len()], &world.deliver(plan))
}

/// Kinds without a check of their own, and those that only ask: there is nothing to undo.
const WITHOUT_DRIFT: &[&str] = &["command", "script", "reboot", "manual", "expect", "assert"];

#[test]
fn what_is_undone_on_the_host_is_repaired_whatever_the_kind() {
    let cases = cases().unwrap_or_else(|why| panic!("{why}"));
    let undoes = |case: &&Case| matches!(&case.expect, Expect::Runs(runs) if runs.undone.is_some());
    let missing: Vec<&str> = KINDS
        .iter()
        .map(|kind| kind.name)
        .filter(|name| !WITHOUT_DRIFT.contains(name))
        .filter(|name| !cases.iter().filter(undoes).any(|case| case.file.starts_with(root().join(name))))
        .collect();
    assert!(missing.is_empty(), "no case of these kinds has `undone`: {missing:?}");
}

/// The second run, and `--check` behind it.
fn holds_again(world: &World, plan: &Plan, check_plan: &Plan, expected: &Runs, first: (&Tree, &str)) -> Held {
    let (after, output) = first;
    let again = expected.again.clone().unwrap_or_else(|| {
        let converged = |outcome: &String| if outcome == "changed" { "unchanged".to_owned() } else { outcome.clone() };
        expected.outcomes.iter().map(converged).collect()
    });
    let second = world.deliver(plan);
    whole(&second, "the second run")?;
    same_outcomes("the second run", &again, &second)?;
    if again.iter().all(|outcome| outcome == "unchanged") {
        untouched(after, &world.tree(), "the second run")?;
        let unchanged = expected.outcomes.iter().all(|outcome| outcome == "unchanged");
        same("what the second run printed", if unchanged { output } else { "" }, &second.output())?;
    }
    let before = world.tree();
    let third = world.deliver(check_plan);
    whole(&third, "--check after the second run")?;
    same_outcomes(
        "--check after the second run",
        &again.iter().map(|outcome| checked(outcome)).collect::<Vec<_>>(),
        &third,
    )?;
    untouched(&before, &world.tree(), "--check after the second run")
}

fn same_diff(expected: &Runs, heard: &Heard, when: &str, new: &mut Option<String>) -> Held {
    let Some(diff) = &expected.diff else { return Ok(()) };
    let found: Vec<String> = heard.steps.iter().map(|step| step.diff.clone()).collect();
    if let ([wanted], [found]) = (diff.as_slice(), found.as_slice())
        && wanted.trim_end() != found.trim_end()
    {
        *new = Some(found.clone());
    }
    let trimmed =
        |diffs: &[String]| diffs.iter().map(|diff| diff.trim_end().to_owned()).collect::<Vec<_>>().join("\n---\n");
    same(&format!("the diff of {when}"), &trimmed(diff), &trimmed(&found))
}

/// Whether a step was carried out to its end. No reboot comes about here, so that every one of them is late.
pub(crate) fn is_done(outcome: &str) -> bool {
    matches!(outcome, "changed" | "failed: reboot")
}

/// What `--check` says where the step's run ends like this.
fn checked(outcome: &str) -> String {
    match outcome.strip_prefix("failed: ") {
        Some(why @ ("check" | "slow")) => format!("unknown: {why}"),
        Some(_) => "would change".to_owned(),
        None if outcome == "changed" => "would change".to_owned(),
        None => outcome.to_owned(),
    }
}

fn untouched(before: &Tree, after: &Tree, by: &str) -> Held {
    let differences = before.differences(after, true);
    if differences.is_empty() { Ok(()) } else { Err(format!("{by} changed something:\n{differences}")) }
}

/// Whether the run was one at all.
fn whole(heard: &Heard, when: &str) -> Held {
    let ended = matches!(heard.end.as_str(), "ok" | "failed");
    if ended && heard.complaints.is_empty() { Ok(()) } else { Err(format!("{when} broke: {heard:#?}")) }
}

fn same_outcomes(when: &str, expected: &[String], heard: &Heard) -> Held {
    let got = heard.outcomes();
    let reached = got.iter().take(expected.len()).copied().collect::<Vec<_>>().join("\n");
    let expected_text = expected.join("\n");
    if expected_text == reached && got.iter().skip(expected.len()).all(|outcome| outcome.is_empty()) {
        return Ok(());
    }
    let reported = |step: &Step| {
        format!("  {} (status {})\n  diff: {}\n  printed: {}\n", step.outcome, step.status, step.diff, step.output)
    };
    let steps: String = heard.steps.iter().map(reported).collect();
    Err(format!("{when}:\n{}{steps}", compared(&expected_text, &got.join("\n"))))
}

fn specs(plan: &Plan) -> impl Iterator<Item = &StepSpec> {
    plan.steps.iter().filter_map(|step| match &step.action {
        Action::Apply(spec) => Some(spec.as_ref()),
        Action::Skip { .. } => None,
    })
}

fn about_the_plan(plan: &Plan, expected: &Runs) -> Held {
    if let Some(subject) = &expected.subject {
        let found: Vec<_> = specs(plan).map(|spec| spec.recipe.subject.as_str()).collect();
        same("what the steps are about", &subject.join("\n"), &found.join("\n"))?;
    }
    if let Some(as_root) = expected.as_root {
        let found = specs(plan).any(|spec| spec.run_as == RunAs::RootToApply);
        same("whether a step asks for root by itself", &as_root, &found)?;
    }
    Ok(())
}

fn about_the_output(plan: &Plan, expected: &Runs, asked: &Heard, first: &Heard) -> Held {
    let output = first.output();
    if let Some(prints) = &expected.prints {
        same("what was printed", prints.trim_end(), output.trim_end())?;
    }
    for piece in &expected.says {
        contains("what was printed", &output, piece)?;
    }
    let everything: String = [asked, first]
        .iter()
        .flat_map(|heard| &heard.steps)
        .map(|step| format!("{}{}", step.diff, step.output))
        .collect();
    for piece in &expected.hides {
        if everything.contains(piece.as_str()) {
            return Err(format!("`{piece}` is shown:\n{everything}"));
        }
    }
    if let Some(status) = expected.status {
        let failed = first.steps.iter().find(|step| step.outcome.starts_with("failed")).ok_or("no step failed")?;
        same("the status", &status, &failed.status)?;
    }
    if let Some(cause) = &expected.cause {
        let kind = plan.steps.iter().zip(&first.steps).find(|(_, heard)| heard.outcome.starts_with("failed"));
        let kind = kind.map_or("", |(planned, _)| planned.kind);
        let found = pinboot::kinds::cause(kind, &output).unwrap_or_default();
        contains("the sentence that explains the failure", found, cause)?;
    }
    Ok(())
}

#[test]
fn a_case_that_does_not_hold_says_why() {
    let step = "steps:\n  - name: s\n    file: { path: ~/f, content: x }\n";
    let asks = |check: &str| format!("steps:\n  - name: s\n    command: echo >> ~/f\n    unless: {check}\n");
    for (text, why) in [
        (format!("{}outcome: changed\n", asks("touch ~/touched; test -e ~/f")), "--check changed something:\n  ~"),
        (format!("{}outcome: changed\n", asks("test -e ~/f && { echo seen; touch ~/f; }")), "the second run"),
        (format!("{}outcome: changed\nagain: unchanged\n", asks("test -e ~/never")), "+ failed: verify"),
        (
            format!("host: {{ root: private }}\n{}outcome: changed\n", asks("rm /etc/hostname; test -e ~/f")),
            "--check changed something:\n  /etc: nothing -> d0755 0:0 \n  /etc/hostname: nothing -> -0000 0:0 removed",
        ),
        (
            format!("host: {{ root: private }}\n{step}after: {{ /etc/hostname: absent }}\n"),
            "/etc/hostname: it is there",
        ),
        (format!("{step}outcome: unchanged\n"), "- unchanged\n    + would change"),
        (format!("{step}diff: nothing\n"), "the diff of --check:\n    - nothing\n    + +++ ~/f (new)"),
        (format!("{step}after: {{ ~/f: y }}\n"), "~/f: "),
        (format!("{step}after: {{ ~/f: {{ mode: 0600 }} }}\n"), "- 0600\n    + 0644"),
        (format!("{step}after: {{ ~/g: x }}\n"), "~/g: it is not there"),
        (format!("{step}says: something\n"), "lacks `something`"),
        (format!("{step}commands: curl x\n"), "- curl x"),
        (format!("{step}equivalent: because\noutcome: changed\n"), "do the same as the step"),
        (format!("{step}error: no such step\n"), "it was not refused"),
        ("steps:\n  - name: s\n    file: { path: ~/f }\nerror: another\n".to_owned(), "another"),
    ] {
        let text = format!("case: It does not hold\n{text}");
        let cases = read_text(&root(), &root().join("file/wrong.yaml"), &text).unwrap_or_else(|why| panic!("{why}"));
        let trials: Vec<Trial<'_>> = cases.iter().flat_map(trials).take(1).collect();
        if trials.is_empty() {
            continue;
        }
        let threads = std::thread::available_parallelism().map_or(2, usize::from) * 2;
        let failures = in_parallel(trials.len(), threads, |at| trials[at].run());
        let reported: Vec<&str> = failures.iter().map(|failure| failure.why.as_str()).collect();
        assert!(reported.iter().any(|reported| reported.contains(why)), "{text}\n{reported:#?}");
    }
}
