//! Whether a name that a template uses is defined, and what to do where it is not.

use std::ops::Range;

use super::iteration::Iteration;
use super::renderer::Renderer;
use super::scope::{Origin, for_each_found};
use super::syntax::{self, Use};
use super::templates::FUNCTIONS;
use crate::host_value::{FACTS, fact, of_ansible};
use crate::node::{Node, ScalarStyle, Value};
use crate::source::{Diagnostic, Span, near};

/// Names of variables that Ansible defines by itself, besides those that begin with `ansible_`.
const ANSIBLES_OWN: &[&str] = &[
    "hostvars",
    "groups",
    "group_names",
    "inventory_hostname",
    "inventory_hostname_short",
    "play_hosts",
    "playbook_dir",
    "role_path",
    "lookup",
    "query",
];

/// What is known of a name.
pub(super) enum NameStatus {
    /// It has a value.
    Defined,
    /// It has none, because of an error that has been reported.
    Unreadable,
    /// It has none.
    Undefined(Diagnostic),
}

impl Renderer<'_> {
    /// What is known of a name where it is used.
    pub(super) fn name_status(&self, found: &Use<'_>, origin: Origin<'_>) -> NameStatus {
        let name = found.name;
        let place = |range: &Range<usize>| origin.place(self.sources, range.start, range.end);
        let used = self.host.context.scope.as_ref();
        if name == "env" && used.is_some() && !found.guarded {
            let error = Diagnostic::error(place(&found.at), "a used file does not see the environment of this machine");
            return NameStatus::Undefined(error.hint("declare a parameter under `params:`, and give it with `with:`"));
        }
        if name == "env" && !self.host.failed.contains(name) {
            return self.environment_status(found, &place);
        }
        if name == "host"
            && self.host_is_fact()
            && !self.host.failed.contains(name)
            && let Some(status) = fact_status(found, self.host.context.get(name).is_some(), &place)
        {
            return status;
        }

        let global = self.host.context.global(name);
        if let Some(steps) = global.and_then(|name| self.registered.names.get(name)) {
            if let Some((attribute, _)) = &found.attribute {
                return NameStatus::Undefined(not_a_map(name, attribute, place(&found.at)));
            }
            return self.registered_status(name, steps, place(&found.at));
        }
        if self.host.context.get(name).is_some() || FUNCTIONS.contains(&name) {
            return NameStatus::Defined;
        }
        if global.is_some_and(|name| self.host.failed.contains(name)) {
            return NameStatus::Unreadable;
        }
        let of_loop = self.is_of_loop(name);
        if found.guarded || (self.in_loop && of_loop) {
            return NameStatus::Defined;
        }
        if used.map_or(self.host.any_name, |scope| scope.any_name) || (self.may_loop && of_loop) {
            return NameStatus::Unreadable;
        }
        let undefined = Diagnostic::error(place(&found.at), format!("`{name}` is not defined")).label("not defined");
        if of_loop {
            return NameStatus::Undefined(undefined.hint("only a step with `loop:` defines it"));
        }
        if name.starts_with("ansible_") || ANSIBLES_OWN.contains(&name) {
            let asked =
                if name == "ansible_facts" { found.attribute.as_ref().map_or("", |(name, _)| name) } else { name };
            return NameStatus::Undefined(undefined.hint(match of_ansible(asked) {
                Some(ours) => format!("write `{ours}`"),
                None => format!(
                    "the facts of a host are {}; for others ask it with `command:`, `register:` and `changes: false`. What \
                     differs between hosts stands under `vars:` of the host",
                    fact_names()
                ),
            }));
        }
        if let Some(names) = used.and_then(|scope| scope.names.as_ref()) {
            let mut known: Vec<&str> = names.keys().map(String::as_str).collect();
            known.sort_unstable();
            let mut undefined = undefined.did_you_mean(name, known);
            undefined.hint.get_or_insert_with(|| {
                "a used file sees its own `params`, `vars` and registered values: declare it there, and give it with `with:`"
                    .to_owned()
            });
            return NameStatus::Undefined(undefined);
        }
        let undefined = undefined.did_you_mean(name, self.declared_names());
        NameStatus::Undefined(match undefined.hint {
            Some(_) => undefined,
            None => undefined.hint(format!("declare it under `vars:`, or give it with `-e {name}=VALUE`")),
        })
    }

    /// What is known of a name that `steps` register.
    fn registered_status(&self, name: &str, steps: &[usize], place: Span) -> NameStatus {
        let undefined =
            |message: String, hint: String| NameStatus::Undefined(Diagnostic::error(place, message).hint(hint));
        let step_name = |at: usize| &self.registered.steps[at];
        let Some(step) = self.step else {
            let message = format!("`{name}` has a value only after a step has registered it");
            return undefined(message, "use it in the fields of a later step".to_owned());
        };
        let Some(at) = steps.iter().copied().rev().find(|at| *at < step) else {
            let which = if steps.contains(&step) { "this step itself" } else { "a later step" };
            let hint = format!("move the step `{}` above this one", step_name(steps[0]));
            return undefined(format!("`{name}` is registered by {which}"), hint);
        };
        if self.registered.left_out.contains(&at) && !self.left_out {
            let message = format!("`{name}` is registered by the step `{}`, which is left out", step_name(at));
            return undefined(message, "include that step: see --tags, --skip-tags, --from and --only".to_owned());
        }
        NameStatus::Defined
    }

    /// What is known of a variable of this machine's environment.
    fn environment_status(&self, found: &Use<'_>, place: &dyn Fn(&Range<usize>) -> Span) -> NameStatus {
        let undefined = |at: &Range<usize>, message: String, hint: String| {
            NameStatus::Undefined(Diagnostic::error(place(at), message).hint(hint))
        };
        let Some((variable, at)) = &found.attribute else {
            let hint = "name the variable, such as `env.AWS_PROFILE`, and list it under `from_env:`";
            return undefined(&found.at, "`env` alone is not a value".to_owned(), hint.to_owned());
        };
        if !self.host.allowed_env.contains(*variable) {
            if self.host.any_env {
                return NameStatus::Unreadable;
            }
            let hint = match near(variable, self.host.allowed_env.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    format!("list it, so that it is taken from this machine's environment: `from_env: [{variable}]`")
                }
            };
            return undefined(at, format!("`{variable}` is not listed under `from_env`"), hint);
        }
        let value = self.host.context.get("env").and_then(|env| env.get_attr(variable).ok());
        if value.is_some_and(|value| !value.is_undefined()) || found.guarded || self.left_out {
            return NameStatus::Defined;
        }
        let hint = format!("set it, or give a default: `env.{variable} | default('')`");
        undefined(at, format!("the environment variable `{variable}` is not set here"), hint)
    }

    fn declared_names(&self) -> impl Iterator<Item = &str> {
        let of_loop: &[&str] = if self.in_loop { Iteration::NAMES } else { &[] };
        let named = self.loop_names.iter().map(String::as_str);
        self.host.declared.iter().map(String::as_str).chain(of_loop.iter().copied()).chain(named)
    }

    /// Checks the names that a value's templates use and nothing else, where the purpose of the value is not known.
    pub(crate) fn check_names(&mut self, node: &Node) {
        match &node.value {
            Value::Null => {}
            Value::List(items) => items.iter().for_each(|item| self.check_names(item)),
            Value::Map(entries) => entries.iter().for_each(|entry| self.check_names(&entry.value)),
            Value::Scalar { text, style } | Value::Broken { text, style } => {
                if *style != ScalarStyle::Literal && syntax::is_template(text) {
                    self.check_names_in(text, Origin::Node(node));
                }
            }
        }
    }

    /// Checks the names that a text's templates use.
    pub(super) fn check_names_in(&mut self, text: &str, origin: Origin<'_>) {
        let mut found = Vec::new();
        for_each_found(text, self.templates, &mut |name| found.push(name));
        for name in found {
            if let NameStatus::Undefined(diagnostic) = self.name_status(&name, origin) {
                self.diagnostics.push(diagnostic);
            }
        }
    }
}

/// The facts, for a hint.
fn fact_names() -> String {
    FACTS.iter().map(|fact| format!("host.{}", fact.name)).collect::<Vec<_>>().join(", ")
}

/// What is known of `host` where it stands for the facts: `None` where a variable of this name is meant.
fn fact_status(found: &Use<'_>, is_variable: bool, place: &dyn Fn(&Range<usize>) -> Span) -> Option<NameStatus> {
    let Some((name, at)) = &found.attribute else {
        let error =
            || Diagnostic::error(place(&found.at), "`host` alone is not a value").label("name a fact of the host");
        return (!is_variable).then(|| NameStatus::Undefined(error().hint(format!("the facts are {}", fact_names()))));
    };
    if fact(name).is_some() {
        return Some(NameStatus::Defined);
    }
    let error = Diagnostic::error(place(at), format!("`host.{name}` is not a fact of a host")).label("unknown fact");
    let error = match of_ansible(name) {
        Some(ours) => error.hint(format!("write `{ours}`")),
        None => match near(name, FACTS.iter().map(|fact| fact.name)) {
            Some(near) => error.hint(format!("did you mean `host.{near}`?")),
            None => error,
        },
    };
    Some(NameStatus::Undefined(if error.hint.is_some() {
        error
    } else {
        error.hint(format!("the facts are {}", fact_names()))
    }))
}

/// The error for an attribute of a registered value, which is a text.
fn not_a_map(name: &str, attribute: &str, place: Span) -> Diagnostic {
    let error = Diagnostic::error(place, format!("`{name}.{attribute}` is not defined: a registered value is text"));
    error.hint(match attribute {
        "stdout" | "stdout_lines" | "content" => {
            format!("write `{name}`: it is what the command printed on standard output")
        }
        "stderr" => "let the command print it on standard output, with `2>&1`".to_owned(),
        "changed" => "write `when_changed: [NAME]` with the name or `id` of that step".to_owned(),
        "rc" | "failed" | "succeeded" | "skipped" => {
            "a step that fails ends the run; write `allow_failure: true` there, and ask again with `only_if:` here"
                .to_owned()
        }
        _ => format!("write `{name}`, and let the shell of the step take it apart"),
    })
}
