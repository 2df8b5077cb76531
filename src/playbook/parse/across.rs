//! What can only be said of a playbook as a whole: names of steps and variables that refer to one another.

use std::collections::{HashMap, HashSet};

use super::Parser;
use crate::node::Value;
use crate::playbook::document::Playbook;
use crate::playbook::step_names::step_meant;
use crate::source::{Diagnostic, Span, Spanned};

/// The most names of steps that are looked for in vain.
const MAX_UNKNOWN: usize = 100;

impl Parser<'_> {
    pub(super) fn check_across(&mut self, playbook: &mut Playbook) {
        self.check_ids(playbook);
        let called = Called::of(playbook);
        let mut unknown = 0;
        for (at, step) in playbook.steps.iter().enumerate() {
            let named = step.words("when_changed").map(|wanted| ("when_changed", wanted));
            for (field, wanted) in named.chain(step.steps_in_fields()) {
                let found = called.find(playbook, step.scope, wanted.value);
                unknown += usize::from(found.is_empty());
                // More than these are not shown, and each takes a look at all names.
                if found.is_empty() && unknown > MAX_UNKNOWN {
                    continue;
                }
                let error = watched(field, &wanted, at, found, playbook);
                // A step whose name could not be read may be the one, unless another name is near.
                let may_exist = self.unresolved.steps && found.is_empty();
                self.diagnostics.extend(error.filter(|error| !may_exist || error.hint.is_some()));
            }
        }
        self.check_registered(playbook);
        self.check_loop_names(playbook);
        let mut seen = HashSet::new();
        for secret in &playbook.secrets {
            if !seen.insert(secret.value.as_str()) {
                self.report(Diagnostic::error(secret.span, format!("`{}` is listed twice", secret.value)));
            }
            self.variable_name(&secret.value, secret.span, "secret name");
        }
    }

    /// Checks that an id means one step or group.
    fn check_ids(&mut self, playbook: &Playbook) {
        let called = Called::of(playbook);
        let mut seen: HashMap<&str, Span> = HashMap::new();
        let of_steps = playbook.steps.iter().filter_map(|step| Some((step.id()?, step.name.span, step.scope)));
        let of_groups = playbook.groups.iter().filter_map(|group| Some((group.id()?, group.name.span, group.scope)));
        let all: Vec<_> = of_steps.chain(of_groups).collect();
        let full: Vec<String> =
            all.iter().map(|(id, _, scope)| format!("{}{}", playbook.scopes[*scope].id_prefix, id.value)).collect();
        for ((id, own_name, _), full) in all.iter().zip(&full) {
            if let Some(first) = seen.insert(full.as_str(), id.span) {
                self.report(
                    Diagnostic::error(id.span, format!("two steps have the id `{}`", id.value))
                        .related(first, "one")
                        .hint("give them different ids"),
                );
            }
            let others = called.names.get(full).into_iter().flatten();
            if let Some((_, other)) = others.into_iter().find(|(_, other)| other != own_name) {
                self.report(
                    Diagnostic::error(id.span, format!("`{}` is the name of another step", id.value))
                        .related(*other, "this one")
                        .hint("give the step another id"),
                );
            }
        }
    }

    /// Checks what steps register. Where the name is already that of a variable, it stays the variable's.
    fn check_registered(&mut self, playbook: &mut Playbook) {
        let hosts = playbook.hosts.iter().flat_map(|host| &host.vars);
        let vars: HashMap<&str, Span> =
            playbook.vars.iter().chain(hosts).map(|entry| (entry.key.as_str(), entry.key_span)).collect();
        for step in &mut playbook.steps {
            let written = step.given("register").filter(|given| given.value.as_text().is_some());
            let Some(register) = written.and_then(|_| step.words("register").next()) else { continue };
            let declared = vars.get(register.value).filter(|_| step.scope == 0);
            if let Some(declared) = declared {
                self.diagnostics.push(
                    Diagnostic::error(register.span, format!("`{}` is already a variable", register.value))
                        .related(*declared, "declared here")
                        .hint("register under another name"),
                );
            }
            let leftover = step.leftover.iter().find(|(key, _)| key == "loop").map(|(_, node)| node);
            if let Some(items) = step.given("loop").map(|given| &given.value).or(leftover) {
                self.diagnostics.push(
                    Diagnostic::error(register.span, "a step with `loop` cannot register a value")
                        .related(items.span, "each iteration would overwrite the one before")
                        .hint("do it in one step: a list becomes several words of one command"),
                );
            }
            if declared.is_some() {
                step.options
                    .iter_mut()
                    .filter(|given| given.row.name == "register")
                    .for_each(|given| given.broken = true);
            }
        }
    }

    /// A name of a loop that is another name as well would mean one of the two where it is used.
    fn check_loop_names(&mut self, playbook: &Playbook) {
        let hosts = playbook.hosts.iter().flat_map(|host| &host.vars);
        let vars = playbook.vars.iter().chain(hosts).map(|entry| (entry.key.as_str(), entry.key_span));
        let registered = playbook.steps.iter().filter_map(|step| step.register().map(|name| (name.value, name.span)));
        let known: HashMap<&str, Span> = registered.chain(vars).collect();
        for step in &playbook.steps {
            let Some(Value::Map(axes)) = step.option("loop").map(|node| &node.value) else { continue };
            for axis in axes {
                let Some(declared) = known.get(axis.key.as_str()) else { continue };
                self.diagnostics.push(
                    Diagnostic::error(axis.key_span, format!("`{}` is already a variable", axis.key))
                        .related(*declared, "declared here")
                        .hint("give the items of the loop another name"),
                );
            }
        }
    }
}

/// A step or a group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Step(usize),
    Group(usize),
}

/// The steps and groups by what they are called, each with the place of the id or name.
struct Called {
    ids: HashMap<String, Vec<(Target, Span)>>,
    names: HashMap<String, Vec<(Target, Span)>>,
}

impl Called {
    fn of(playbook: &Playbook) -> Self {
        let (mut ids, mut names): (HashMap<_, Vec<_>>, HashMap<_, Vec<_>>) = (HashMap::new(), HashMap::new());
        let steps = playbook.steps.iter().enumerate();
        let steps = steps.map(|(at, step)| (Target::Step(at), step.scope, &step.name, step.id()));
        // The playbook itself has no name by which a step could mean it.
        let groups = playbook.groups.iter().enumerate().skip(1);
        let groups = groups.map(|(at, group)| (Target::Group(at), group.scope, &group.name, group.id()));
        for (target, scope, name, id) in steps.chain(groups).filter(|(.., name, _)| !name.value.is_empty()) {
            let scope = &playbook.scopes[scope];
            names.entry(format!("{}{}", scope.name_prefix, name.value)).or_default().push((target, name.span));
            if let Some(id) = id {
                ids.entry(format!("{}{}", scope.id_prefix, id.value)).or_default().push((target, id.span));
            }
        }
        Self { ids, names }
    }

    /// The steps and groups that a word of `when_changed` may mean in a file.
    fn find(&self, playbook: &Playbook, scope: usize, wanted: &str) -> &[(Target, Span)] {
        let scope = &playbook.scopes[scope];
        let by_id = self.ids.get(&format!("{}{wanted}", scope.id_prefix));
        by_id.or_else(|| self.names.get(&format!("{}{wanted}", scope.name_prefix))).map_or(&[], Vec::as_slice)
    }
}

/// What is wrong with a step or a group that `when_changed` or a field names.
fn watched(
    field: &str,
    wanted: &Spanned<&str>,
    at: usize,
    found: &[(Target, Span)],
    playbook: &Playbook,
) -> Option<Diagnostic> {
    let name = wanted.value;
    let error = |message: String| Diagnostic::error(wanted.span, message);
    match found {
        [] => {
            let error = error(format!("no step is called `{name}`"));
            Some(match step_meant(playbook, name) {
                Some(hint) => error.hint(hint),
                None => error,
            })
        }
        [(Target::Group(group), span)] => {
            let steps = &playbook.groups[*group].steps;
            let which = if steps.end <= at {
                return None;
            } else if steps.contains(&at) {
                "the group of this step"
            } else {
                "a later group"
            };
            let error = error(format!("`{name}` is {which}")).related(*span, "it is this one");
            Some(error.hint(format!("`{field}` refers to earlier steps")))
        }
        [(Target::Step(found), span)] if *found >= at => {
            let which = if *found == at { "this step itself" } else { "a later step" };
            let error = error(format!("`{name}` is {which}")).related(*span, "it is this one");
            Some(error.hint(format!("`{field}` refers to earlier steps")))
        }
        [(Target::Step(found), _)] => {
            let step = &playbook.steps[*found];
            let says = step.given("changes").map_or(step.kind_span, |given| given.key_span);
            let says = step.only_asks().then_some(says)?;
            let error = error(format!("`{name}` only asks, and never counts as changed"));
            Some(error.related(says, "it says that the step only asks").hint("name a step that changes something"))
        }
        [first, second, ..] => Some(
            error(format!("two steps are called `{name}`"))
                .related(first.1, "one")
                .related(second.1, "another")
                .hint("give them different names, or one of them an `id:`"),
        ),
    }
}
