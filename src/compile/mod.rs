//! A playbook and what the command line says, to one plan for each host.

mod choice;
mod digest;
mod hosts;
mod locks;
mod options;
mod recipe;
mod steps;
mod targets;
mod trees;

pub use self::locks::{fetches, lock_warnings, missing, stale, stale_warnings};

use std::collections::{BTreeMap, HashSet};

use self::choice::Choice;
use self::hosts::Chosen;
use self::steps::Steps;
use crate::event::Mode;
use crate::ids::HostId;
use crate::inventory::Host;
use crate::plan::{Plan, SUDO_PASSWORD, defer_needs};
use crate::playbook::{Loaded, Playbook, Step, secretive};
use crate::render::renderer::Renderer;
use crate::render::scope::Registered;
use crate::render::vars::{Declarations, resolve};
use crate::source::{Diagnostic, Severity, SourceId, Sources, merged};

/// The most steps of the plans of all hosts together: they are all in memory at once.
const MAX_PLANNED_IN_ALL: usize = 100_000;

/// The most steps that lint looks at.
const MAX_PLANNED_IN_LINT: usize = 20_000;

/// Makes the plan of every host.
///
/// Errors are reported for all hosts at once, together with those from loading the playbook; an error that several hosts
/// share is reported once.
pub fn compile_all(loaded: &Loaded, sources: &mut Sources, mode: Mode) -> Result<Vec<(Host, Plan)>, Vec<Diagnostic>> {
    let (plans, mut diagnostics) = compile_up_to(loaded, sources, mode, MAX_PLANNED_IN_ALL);
    // What is only doubtful is lint's affair.
    diagnostics.retain(|diagnostic| diagnostic.severity == Severity::Error);
    if diagnostics.is_empty() { Ok(plans) } else { Err(diagnostics) }
}

/// The plans of as many hosts as lint looks at, and everything that is wrong. Hosts have the same steps, and what is wrong for
/// one host only is wrong in its own variables: with very many hosts not all of them are looked at.
pub fn compile_some(loaded: &Loaded, sources: &mut Sources) -> (Vec<(Host, Plan)>, Vec<Diagnostic>) {
    compile_up_to(loaded, sources, Mode::Run, MAX_PLANNED_IN_LINT)
}

fn compile_up_to(
    loaded: &Loaded,
    sources: &mut Sources,
    mode: Mode,
    most: usize,
) -> (Vec<(Host, Plan)>, Vec<Diagnostic>) {
    let playbook = &loaded.playbook;
    loaded.templates.count_anew();
    let mut diagnostics = loaded.diagnostics.clone();
    // A file with `params` may be one that others use: it has no hosts, and gets its values there.
    let is_used = most == MAX_PLANNED_IN_LINT && playbook.has_params;
    let chosen = hosts::choose(loaded).unwrap_or_else(|found| {
        let needs_host = !is_used || !playbook.hosts.is_empty() || loaded.inputs.flags.host.is_some();
        diagnostics.extend(found.into_iter().filter(|_| needs_host));
        // Errors of steps are reported whichever hosts were meant.
        playbook.hosts.iter().map(|entry| Chosen { entry: Some(entry), target: None }).collect()
    });
    let without_host = [Chosen { entry: None, target: None }];
    let chosen = if chosen.is_empty() { without_host.as_slice() } else { chosen.as_slice() };
    let choice = choice::choice(loaded).unwrap_or_else(|found| {
        diagnostics.extend(found);
        Choice::default()
    });
    let registered = registered(loaded, choice.left_out.clone());
    let lines = lines(playbook, sources);
    let reads_targets = most != MAX_PLANNED_IN_LINT;
    let common =
        Common { loaded, registered: &registered, choice: &choice, lines: &lines, mode, is_used, reads_targets };
    let mut plans = Vec::new();
    let mut planned = 0;
    for chosen in chosen {
        if planned > most {
            let message = format!("the plans of all hosts together have more than {most} steps");
            let error = Diagnostic::without_place(message);
            diagnostics.push(if most == MAX_PLANNED_IN_ALL {
                error.hint("choose some of the hosts with `--limit`, or write several playbooks")
            } else {
                let hint = format!("the first {} hosts were looked at", plans.len());
                Diagnostic { severity: Severity::Warning, ..error }.hint(hint)
            });
            break;
        }
        let (host, plan, found) = one_host(&common, sources, chosen);
        diagnostics.extend(found);
        planned += plan.steps.len();
        plans.extend(host.map(|host| (host, plan)));
    }
    diagnostics.extend(targets::apart(&plans));
    loaded.used_from(&mut diagnostics);
    (plans, merged(diagnostics))
}

/// Which step registers which name.
fn registered(loaded: &Loaded, left_out: HashSet<usize>) -> Registered {
    let playbook = &loaded.playbook;
    let mut names: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, step) in playbook.steps.iter().enumerate() {
        if let Some(register) = step.register() {
            let global = playbook.scopes[step.scope].global(register.value).unwrap_or(register.value);
            names.entry(global.to_owned()).or_default().push(at);
        }
    }
    let secretive = secretive(loaded).into_iter().filter(|name| names.contains_key(name)).collect();
    Registered {
        names,
        secretive,
        groups: playbook.groups.iter().map(|group| (group.steps.start, group.scope)).collect(),
        scopes: playbook.scopes.clone(),
        left_out,
        steps: playbook.steps.iter().map(|step| step.name.value.clone()).collect(),
    }
}

/// `file:line` of every step, found in one pass over the text where steps stand in their order.
fn lines(playbook: &Playbook, sources: &Sources) -> Vec<String> {
    let mut reached: BTreeMap<SourceId, (usize, usize)> = BTreeMap::new();
    let line_of = |step: &Step| {
        let source = sources.get(step.span.source);
        let (line, at) = reached.entry(step.span.source).or_insert((1, 0));
        if step.span.start < *at {
            (*line, *at) = (1, 0);
        }
        let to = step.span.start.clamp(*at, source.text.len());
        *line += source.text[*at..to].matches('\n').count();
        *at = to;
        format!("{}:{line}", source.name)
    };
    playbook.steps.iter().map(line_of).collect()
}

/// What the plans of all hosts have in common.
struct Common<'l> {
    loaded: &'l Loaded,
    registered: &'l Registered,
    choice: &'l Choice,
    /// `file:line` of every step.
    lines: &'l [String],
    mode: Mode,
    /// Whether the values of parameters may be missing.
    is_used: bool,
    /// Whether it is read what is here already where steps write to.
    reads_targets: bool,
}

/// Resolves the variables of one host and compiles every step for it.
fn one_host(common: &Common<'_>, sources: &mut Sources, chosen: &Chosen<'_>) -> (Option<Host>, Plan, Vec<Diagnostic>) {
    let Common { loaded, registered, choice, lines, mode, is_used, reads_targets } = *common;
    let (playbook, inputs) = (&loaded.playbook, &loaded.inputs);
    let own: &[_] = chosen.entry.map_or(&[], |entry| &entry.vars);
    let declared = Declarations {
        scopes: [&playbook.vars, &loaded.file_vars, own, &loaded.given_vars],
        scoped: &playbook.scoped,
        params: &playbook.params,
        may_lack: is_used,
        secrets: &playbook.secrets,
        from_env: &playbook.from_env,
        env: &inputs.env,
        unreadable: &playbook.unresolved.names,
        any_name: playbook.unresolved.any_name,
        any_env: playbook.unresolved.from_env,
    };
    let (vars, mut diagnostics) = resolve(&declared, registered, &loaded.templates, sources, &*inputs.loader);
    let mut renderer = Renderer::new(&loaded.templates, sources, vars, registered, &*inputs.loader);
    let host = hosts::host(&mut renderer, inputs, chosen);
    let sudo_password = hosts::sudo_password(&mut renderer, chosen);
    let mut steps = Steps::new(playbook, renderer, choice, inputs);
    steps.check_groups();
    for (at, line) in lines.iter().enumerate() {
        steps.compile(at, line);
    }
    let (mut planned, renderer) = steps.finish();
    defer_needs(&mut planned);
    let secret = |name: &String| Some((name.clone(), renderer.host.secrets.get(name)?.clone()));
    let secrets = renderer.secrets_used.iter().filter_map(secret).collect();
    let id = host.as_ref().map_or_else(|| HostId(String::new()), |host| host.id.clone());
    diagnostics.extend(renderer.diagnostics);
    let mut plan = Plan { host: id, mode, steps: planned, secrets };
    let id = plan.host.clone();
    diagnostics.extend(targets::complete(&mut plan, &id, inputs, reads_targets));
    if let Some(password) = sudo_password.filter(|_| plan.uses_sudo()) {
        plan.secrets.push((SUDO_PASSWORD.to_owned(), password));
    }
    (host, plan, diagnostics)
}
