//! What can only be said of a playbook as a whole: names of steps and variables that refer to one another.

use std::collections::{HashMap, HashSet};

use super::Parser;
use crate::playbook::document::Playbook;
use crate::playbook::step::Step;
use crate::source::{Diagnostic, Span, Spanned};

impl Parser<'_> {
    pub(super) fn check_across(&mut self, playbook: &mut Playbook) {
        let mut named: HashMap<&str, Vec<(usize, Span)>> = HashMap::new();
        for (at, step) in playbook.steps.iter().enumerate() {
            named.entry(step.name.value.as_str()).or_default().push((at, step.name.span));
        }
        for (at, step) in playbook.steps.iter().enumerate() {
            for wanted in step.words("when_changed") {
                let error = watched(&wanted, at, named.get(wanted.value).map_or(&[], Vec::as_slice), &playbook.steps);
                // A step whose name could not be read may be the one, unless another name is near.
                let may_exist = self.unresolved.steps && !named.contains_key(wanted.value);
                self.diagnostics.extend(error.filter(|error| !may_exist || error.hint.is_some()));
            }
        }
        self.check_registered(playbook);
        let mut seen = HashSet::new();
        for secret in &playbook.secrets {
            if !seen.insert(secret.value.as_str()) {
                self.report(Diagnostic::error(secret.span, format!("`{}` is listed twice", secret.value)));
            }
            self.variable_name(&secret.value, secret.span, "secret name");
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
            let declared = vars.get(register.value);
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
}

/// What is wrong with a step that `when_changed` names.
fn watched(wanted: &Spanned<&str>, at: usize, found: &[(usize, Span)], steps: &[Step]) -> Option<Diagnostic> {
    let name = wanted.value;
    let error = |message: String| Diagnostic::error(wanted.span, message);
    match found {
        [] => {
            let names = steps.iter().map(|step| step.name.value.as_str());
            Some(error(format!("no step is called `{name}`")).did_you_mean(name, names))
        }
        [(found, span)] if *found >= at => {
            let which = if *found == at { "this step itself" } else { "a later step" };
            let error = error(format!("`{name}` is {which}")).related(*span, "it is this one");
            Some(error.hint("`when_changed` refers to earlier steps"))
        }
        [_] => None,
        [first, second, ..] => Some(
            error(format!("two steps are called `{name}`"))
                .related(first.1, "one")
                .related(second.1, "another")
                .hint("give them different names"),
        ),
    }
}
