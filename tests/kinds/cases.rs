//! Every case under `tests/kinds/NAME/`, on hosts of every shell.
//!
//! `PINBOOT_CASES=file/new` runs those whose path begins like this; `PINBOOT_ACCEPT=1` writes the diffs anew that a case
//! expects, and nothing else.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use pinboot::event::Mode;
use pinboot::kinds::KINDS;
use pinboot::plan::{Action, Plan, RunAs, StepSpec};
use pinboot::source::Diagnostic;

use super::case::{self, After, Case, Content, Expect, HostSpec, Programs, Refusal, Runs};
use super::equivalent;
use super::world::{Heard, Shell, Step, Thing, Tree, World, bytes, compile, has, is_root, shells};

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
            match case::read(&root(), file) {
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
    let failures = in_parallel(&trials);
    let accepted = if std::env::var_os("PINBOOT_ACCEPT").is_some() { accept(&failures) } else { 0 };
    let told: String = failures.iter().fold(String::new(), |mut out, failure| {
        let _ =
            writeln!(out, "\ntests/kinds/{} under {}: {}\n{}", failure.place, failure.on, failure.title, failure.why);
        out
    });
    assert!(
        failures.is_empty(),
        "{told}\n{} of {} trials failed, {accepted} diffs accepted",
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
struct Failure {
    place: String,
    title: String,
    on: String,
    why: String,
    /// Where only the diff differs: the file, which of its cases, and the diff that came.
    diff: Option<(PathBuf, usize, String)>,
}

/// The hosts of a case under every shell; where it has several hosts, the first one under three and the others under one each.
fn trials(case: &Case) -> Vec<Trial<'_>> {
    let shells = shells();
    if matches!(case.expect, Expect::Refused(_)) {
        return vec![Trial { case, host: &case.hosts[0], shell: shells[0], equivalent: false }];
    }
    let left_out = (case.root && !is_root()) || case.needs.iter().any(|program| !has(program));
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

fn in_parallel(trials: &[Trial<'_>]) -> Vec<Failure> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from) * 2;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((at, trial)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    trials.get(at).map(|trial| (at, trial))
                } {
                    if let Err(failure) = trial.run() {
                        failures.lock().expect("no thread panics with it").insert(at, failure);
                    }
                }
            });
        }
    });
    failures.into_inner().expect("no thread panics with it").into_values().collect()
}

type Held = Result<(), String>;

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
        let refused = match compile(&self.case.playbook, &self.case.local, None, Mode::Run) {
            Ok(_) => return Err("it was not refused".to_owned()),
            Err(refused) => refused,
        };
        let at = |error: &Diagnostic| {
            let expected = expected.iter().find(|expected| expected.error == error.message)?;
            expected.at.as_ref().map(|_| error.span.map_or("", |span| refused.sources.slice(span)).to_owned())
        };
        let told =
            |error: &Diagnostic| Refusal { error: error.message.clone(), hint: error.hint.clone(), at: at(error) };
        let mut found: Vec<Refusal> = refused.errors.iter().map(told).collect();
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
                same_outcomes("--check", &expected.outcomes.iter().map(|o| checked(o)).collect::<Vec<_>>(), &asked)?
            }
            None => {}
        }
        world.forget_calls();
        let first = world.deliver(&plan);
        let after = world.tree();
        whole(&first, "the first run")?;
        same_outcomes("the first run", &expected.outcomes, &first)?;
        if single {
            self.same_diff(expected, &asked, "--check", new_diff)?;
        }
        self.same_diff(expected, &first, "the first run", new_diff)?;
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
        if first.end == "ok" {
            self.holds_again(&world, &plan, &check_plan, expected, (&tree, &output))
        } else {
            Ok(())
        }
    }

    /// The second run, and `--check` behind it.
    fn holds_again(
        &self,
        world: &World,
        plan: &Plan,
        check_plan: &Plan,
        expected: &Runs,
        first: (&Tree, &str),
    ) -> Held {
        let (after, output) = first;
        let again = expected.again.clone().unwrap_or_else(|| {
            let converged =
                |outcome: &String| if outcome == "changed" { "unchanged".to_owned() } else { outcome.clone() };
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

    fn same_diff(&self, expected: &Runs, heard: &Heard, when: &str, new: &mut Option<String>) -> Held {
        let Some(diff) = &expected.diff else { return Ok(()) };
        let found: Vec<String> = heard.steps.iter().map(|step| step.diff.clone()).collect();
        if let ([wanted], [found]) = (diff.as_slice(), found.as_slice()) {
            if wanted.trim_end() != found.trim_end() {
                *new = Some(found.clone());
            }
        }
        let trimmed =
            |diffs: &[String]| diffs.iter().map(|diff| diff.trim_end().to_owned()).collect::<Vec<_>>().join("\n---\n");
        same(&format!("the diff of {when}"), &trimmed(diff), &trimmed(&found))
    }
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

fn same<E: std::fmt::Display + ?Sized, G: std::fmt::Display + ?Sized>(what: &str, expected: &E, got: &G) -> Held {
    let (expected, got) = (expected.to_string(), got.to_string());
    if expected == got { Ok(()) } else { Err(format!("{what}:\n{}", compared(&expected, &got))) }
}

/// Two texts line by line: `-` before what is expected, `+` before what came.
pub(crate) fn compared(expected: &str, got: &str) -> String {
    let (expected, got): (Vec<_>, Vec<_>) = (expected.lines().collect(), got.lines().collect());
    let same_start = expected.iter().zip(&got).take_while(|(one, other)| one == other).count();
    let same_end =
        expected[same_start..].iter().rev().zip(got[same_start..].iter().rev()).take_while(|(a, b)| a == b).count();
    let mut out = String::new();
    let mut add = |mark: char, lines: &[&str]| {
        lines.iter().for_each(|line| writeln!(out, "    {mark} {line}").expect("a string"))
    };
    add(' ', &expected[..same_start]);
    add('-', &expected[same_start..expected.len() - same_end]);
    add('+', &got[same_start..got.len() - same_end]);
    add(' ', &expected[expected.len() - same_end..]);
    out
}

fn contains(what: &str, text: &str, piece: &str) -> Held {
    if text.contains(piece) { Ok(()) } else { Err(format!("{what} lacks `{piece}`:\n{text}")) }
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
    let told = |step: &Step| {
        format!("  {} (status {})\n  diff: {}\n  printed: {}\n", step.outcome, step.status, step.diff, step.output)
    };
    let steps: String = heard.steps.iter().map(told).collect();
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

/// Whether a path is as it shall be. A `*` at the end of a path stands for anything, and one path must fit.
fn after_is(world: &World, before: &Tree, after: &Tree, path: &str, wanted: &After) -> Held {
    let path = match path.strip_suffix('*') {
        None => path.to_owned(),
        Some(start) => match after.0.keys().filter(|known| known.starts_with(start)).collect::<Vec<_>>().as_slice() {
            [one] => (*one).clone(),
            found => return Err(format!("one path begins like this, and not {found:?}")),
        },
    };
    let found = after.0.get(path.trim_end_matches('/'));
    if wanted.absent {
        return if found.is_none() { Ok(()) } else { Err("it is there".to_owned()) };
    }
    let thing = found.ok_or("it is not there")?;
    let read = || fs::read(world.path(&path)).map_err(|error| error.to_string());
    if let Some(content) = &wanted.content {
        let wanted = match content {
            Content::Text(text) => world.filled(text).into_bytes(),
            Content::OutputOf(_) => bytes(content),
        };
        let got = read()?;
        if wanted != got {
            return Err(match (String::from_utf8(wanted), String::from_utf8(got)) {
                (Ok(wanted), Ok(got)) => compared(&wanted, &world.shown(&got)),
                _ => "it has other bytes".to_owned(),
            });
        }
    }
    let text = || read().map(|bytes| world.shown(&String::from_utf8_lossy(&bytes)));
    for (piece, times) in &wanted.contains {
        let text = text()?;
        match times {
            None => contains("it", &text, piece)?,
            Some(times) => {
                same(&format!("how often it holds `{piece}`"), times, &text.matches(piece.as_str()).count())?
            }
        }
    }
    for piece in &wanted.lacks {
        if text()?.contains(piece.as_str()) {
            return Err(format!("it holds `{piece}`"));
        }
    }
    about_the_thing(world, before, &path, thing, wanted)
}

fn about_the_thing(world: &World, before: &Tree, path: &str, thing: &Thing, wanted: &After) -> Held {
    if let Some(mode) = wanted.mode {
        same("its mode", &format!("{mode:04o}"), &format!("{:04o}", thing.mode))?;
    }
    if wanted.executable && thing.mode & 0o100 == 0 {
        return Err("it is not executable".to_owned());
    }
    if let Some(owner) = wanted.owner {
        same("its owner", &owner, &thing.owner.0)?;
    }
    if let Some(group) = wanted.group {
        same("its group", &group, &thing.owner.1)?;
    }
    if let Some(link) = &wanted.link {
        same("what it leads to", link.as_str(), if thing.kind == 'l' { thing.content.as_str() } else { "no link" })?;
    }
    if let Some(size) = wanted.size {
        same("its size", &size, &fs::metadata(world.path(path)).map_err(|error| error.to_string())?.len())?;
    }
    if wanted.kept && before.0.get(path).is_none_or(|old| old.inode != thing.inode) {
        return Err("it is another file than before".to_owned());
    }
    if let Some(entries) = &wanted.entries {
        let mut names: Vec<_> = fs::read_dir(world.path(path))
            .map_err(|error| error.to_string())?
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .filter(|name| name != ".pinboot")
            .collect();
        names.sort();
        same("its entries", &entries.join("\n"), &names.join("\n"))?;
    }
    Ok(())
}

/// What shells see that start after the run, each started as its user would.
fn shells_see(world: &World, expected: &Runs) -> Held {
    for (name, value) in &expected.new_shells_see {
        let value =
            value.strip_prefix("~/").map_or_else(|| value.clone(), |rest| world.path(rest).display().to_string());
        let print = format!("printf '<%s>\\n' \"${{{name}-unset}}\"");
        for words in [
            &["bash", "-lc"][..],
            &["bash", "-ic"],
            &["dash", "-lc"],
            &["mksh", "-lc"],
            &["busybox", "sh", "-lc"],
            // As sshd starts it for `ssh host command`: bash reads .bashrc although it is not interactive.
            &["env", "SSH_CLIENT=127.0.0.1 1 22", "SHLVL=0", "bash", "-c"],
        ] {
            let program = if words[0] == "env" { "bash" } else { words[0] };
            if has(program) {
                let output = world.output(&[words, &[print.as_str()]].concat());
                let what = format!("{name} in a new shell ({})", words.join(" "));
                same(&what, &world.shown(&format!("<{value}>")), output.lines().last().unwrap_or_default())?;
            }
        }
    }
    for probe in &expected.shells_print {
        let words: Vec<&str> = probe.command.iter().map(String::as_str).collect();
        if has(words[0]) {
            same(
                &format!("what `{}` prints", words.join(" ")),
                probe.prints.trim_end(),
                world.output(&words).trim_end(),
            )?;
        }
    }
    Ok(())
}

/// Writes the diffs that came into the cases that expected others; gives how many.
fn accept(failures: &[Failure]) -> usize {
    let mut accepted: Vec<(&Path, usize)> = Vec::new();
    for failure in failures {
        let Some((file, number, diff)) = &failure.diff else { continue };
        if accepted.contains(&(file.as_path(), *number)) {
            continue;
        }
        let text = fs::read_to_string(file).expect("a case");
        if let Some(text) = with_diff(&text, *number, diff) {
            fs::write(file, text).expect("written");
            accepted.push((file, *number));
        }
    }
    accepted.len()
}

/// The text of a file with another `diff` in one of its cases.
fn with_diff(text: &str, number: usize, diff: &str) -> Option<String> {
    let documents = case::documents(text);
    let first = documents.get(number)?.0;
    let last = documents.get(number + 1).map_or(usize::MAX, |(line, _)| line - 1);
    let lines: Vec<&str> = text.lines().collect();
    let start = (first - 1..lines.len().min(last)).find(|at| lines[*at].starts_with("diff:"))?;
    let end = (start + 1..lines.len())
        .find(|at| !lines[*at].starts_with(' ') && !lines[*at].is_empty())
        .unwrap_or(lines.len());
    let mut out: Vec<String> = lines[..start].iter().map(ToString::to_string).collect();
    out.push("diff: |".to_owned());
    out.extend(diff.trim_end().lines().map(|line| format!("  {line}").trim_end().to_owned()));
    out.extend(lines[end..].iter().map(ToString::to_string));
    Some(out.join("\n") + "\n")
}

#[test]
fn an_accepted_diff_replaces_the_old_one_alone() {
    let text = "case: a\ndiff: |\n  old\n\n  older\nafter:\n  ~/f: x\n---\ncase: b\ndiff: \"\"\n";
    let first = with_diff(text, 0, "new\n").expect("a diff");
    assert_eq!(first, "case: a\ndiff: |\n  new\nafter:\n  ~/f: x\n---\ncase: b\ndiff: \"\"\n");
    assert_eq!(with_diff(text, 1, "-x\n+y\n").expect("a diff"), text.replace("diff: \"\"", "diff: |\n  -x\n  +y"));
}
