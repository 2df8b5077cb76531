//! Where files of hosts are taken to on this machine: the whole path of each target, what is there already, and that no two hosts have one.

use std::path::{Component, Path, PathBuf};

use crate::ids::HostId;
use crate::inventory::Host;
use crate::kinds::{Effect, Takes};
use crate::plan::{Action, Plan};
use crate::playbook::Inputs;
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// Completes the targets of a host's plan; `reads`: what is there already goes into the plan.
pub(super) fn complete(plan: &mut Plan, host: &HostId, inputs: &Inputs, reads: bool) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for step in &mut plan.steps {
        let Action::Apply(spec) = &mut step.action else { continue };
        let registers = spec.register.is_some();
        let Effect::Takes(takes) = &mut spec.recipe.effect else { continue };
        let shown = takes.shown(Some(&host.0));
        let mut refuse = |message: String, hint: &str| {
            let error = Diagnostic { span: takes.place, ..Diagnostic::without_place(message) };
            diagnostics.push(error.hint(hint));
        };
        if registers {
            let message =
                format!("`register` has nothing to keep: a `{}` step brings files here and prints nothing", step.kind);
            refuse(message, "remove `register`, or read the file with `command: cat FILE` and `changes: false`");
        }
        if takes.per_host && !is_name(&host.0) {
            refuse(
                format!("no folder can be called `{}`, as this host is", host.0.escape_debug()),
                "give the host another name",
            );
            continue;
        }
        match (inputs.find_target)(&shown, reads) {
            Ok((to, here)) => (takes.to, takes.here) = (to, here),
            Err(why) => refuse(
                format!("`{shown}` cannot be written to: {why}"),
                "a relative path begins at the playbook's folder",
            ),
        }
        spec.recipe.set("to", Script::author(Text::new(shown).quote_exactly()));
    }
    diagnostics
}

/// Whether a host's name can be that of a folder.
fn is_name(host: &str) -> bool {
    !matches!(host, "" | "." | "..") && host.len() <= 255 && !host.contains('/') && !host.chars().any(char::is_control)
}

/// An error for each target that several hosts would write to, or that lies within another host's.
pub(super) fn apart(plans: &[(Host, Plan)]) -> Vec<Diagnostic> {
    let mut targets: Vec<(PathBuf, &Takes, &HostId)> = Vec::new();
    for (host, plan) in plans {
        let specs =
            plan.steps.iter().filter_map(|step| if let Action::Apply(spec) = &step.action { Some(spec) } else { None });
        targets.extend(specs.filter_map(|spec| spec.recipe.takes()).map(|takes| (plain(&takes.to), takes, &host.id)));
    }
    targets.sort_by(|one, other| (&one.0, one.2).cmp(&(&other.0, other.2)));
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    // Those that the one before lies within, from the outermost.
    let mut around: Vec<&(PathBuf, &Takes, &HostId)> = Vec::new();
    for target in &targets {
        around.retain(|outer| target.0.starts_with(&outer.0));
        if let Some(other) = around.iter().find(|outer| outer.2 != target.2) {
            let message =
                format!("the hosts `{}` and `{}` would both write to {}", other.2, target.2, other.0.display());
            let error = Diagnostic { span: target.1.place, ..Diagnostic::without_place(message) };
            if diagnostics.iter().all(|known| known.span != error.span) {
                diagnostics.push(error.hint(
                    "add `per_host: true`, which puts a folder with the host's name between, or give each host a path of its own by a variable under its `vars:`",
                ));
            }
        }
        around.push(target);
    }
    diagnostics
}

/// A path without `.` and `..`, as far as its text says.
fn plain(path: &str) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}
