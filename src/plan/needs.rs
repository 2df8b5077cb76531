//! What a step needs and an earlier step may bring: it is asked for when its turn has come, and not before the run.

use std::collections::HashMap;

use super::{Action, PlannedStep, StepSpec};
use crate::kinds::{self, Kind, Need};
use crate::script::{Script, Text};

/// Takes from each step what an earlier one may bring: its check finds that a change is needed until it is there, and its command says
/// what is missing.
pub fn defer_needs(steps: &mut [PlannedStep]) {
    let mut brought: HashMap<Need, Option<usize>> = HashMap::new();
    for at in 0..steps.len() {
        let Action::Apply(work) = &steps[at].action else { continue };
        let needs = work.recipe.needs.clone();
        let (late, before): (Vec<Need>, Vec<Need>) = needs.into_iter().partition(|need| {
            // Looked for once: steps of one kind need the same.
            let first = brought.entry(*need).or_insert_with(|| steps.iter().position(|step| may_bring(step, need)));
            first.is_some_and(|first| first < at)
        });
        let Action::Apply(work) = &mut steps[at].action else { continue };
        work.recipe.needs = before;
        for need in late {
            ask_late(work, &need);
        }
    }
}

/// Whether a step may bring one of these programs: it names the program or its package, or its author's shell installs something. A step
/// that needs the program itself does not bring it.
fn may_bring(step: &PlannedStep, need: &Need) -> bool {
    let Action::Apply(work) = &step.action else { return false };
    if work.only_asks || work.recipe.needs.contains(need) {
        return false;
    }
    let is_authors = kinds::find(step.kind).is_some_and(Kind::is_authors_shell);
    let shell = is_authors.then_some(work.recipe.apply.as_str());
    let values = || work.recipe.args.iter().map(|(_, value)| value.as_str()).chain(shell);
    // A group of packages may hold any.
    let is_group = step.kind == "package" && values().any(|value| value.contains('@'));
    if is_group || shell.is_some_and(|shell| INSTALLERS.iter().any(|word| mentions(shell, word))) {
        return true;
    }
    let packages = need.hint.split_once("package:").map_or("", |(_, packages)| packages);
    let packages = packages.split(|c: char| !is_of_name(c)).filter(|word| word.len() > 2 && !KEYS.contains(word));
    let names: Vec<&str> = need.any_of.iter().copied().chain(packages).collect();
    values().any(|value| names.iter().any(|name| mentions(value, name)))
}

/// What installs programs whose names do not stand in its call.
const INSTALLERS: &[&str] =
    &["install", "setup", "apt", "apt-get", "yum", "dnf", "apk", "zypper", "pacman", "pip", "make", "sh", "bash"];

/// Words of the advice that name no package.
const KEYS: &[&str] = &["apt", "yum"];

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

/// Whether a name stands in a text as a word or at the beginning of one: `docker` in `docker-ce`.
fn mentions(text: &str, name: &str) -> bool {
    let begins = |at: usize| !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
    let ends = |at: usize| !text[at..].starts_with(|c: char| c.is_ascii_alphabetic());
    text.match_indices(name).any(|(at, _)| begins(at) && ends(at + name.len()))
}

fn ask_late(work: &mut StepSpec, need: &Need) {
    // The shell that is missing cannot say that it is.
    if work.recipe.interpreter().is_some() {
        return;
    }
    let asked: Vec<String> = need.any_of.iter().map(|name| format!("command -v {name} >/dev/null 2>&1")).collect();
    let (asked, names) = (asked.join("||"), need.any_of.join(" or "));
    let lack =
        if need.any_of.len() > 1 { format!("neither {}", need.any_of.join(" nor ")) } else { format!("no {names}") };
    if let Some(check) = &mut work.recipe.check {
        let mut first = Script::author(format!("{asked}||{{ echo '{names} is not there yet';needs_change; }}"));
        first.line(check);
        *check = first;
    }
    let quoted = Text::new(format!("this host has {lack}: {}", need.hint)).quote();
    let mut first = Script::author(format!("{asked}||{{ printf '%s\\n' {quoted} >&2;exit 1; }}"));
    first.line(&work.recipe.apply);
    work.recipe.apply = first;
}
