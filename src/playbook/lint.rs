//! What is allowed and yet most likely not meant.

use std::collections::{BTreeMap, HashSet};

use super::load::{Loaded, used_in_steps, used_in_text};
use super::{Options, Step};
use crate::kinds::Shape;
use crate::node::{Entry, Node, Style, Value};
use crate::render::syntax::{self, Segment, is_name};
use crate::render::vars::for_each_use;
use crate::source::{Diagnostic, Sources};

/// Every warning about a playbook.
pub fn lint(loaded: &Loaded, sources: &Sources) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    for step in &loaded.playbook.steps {
        without_check(step, &mut warnings);
        for (node, shape) in shell_nodes(step) {
            raw_uses(node, shape, sources, &mut warnings);
        }
    }
    variables(loaded, &mut warnings);
    warnings
}

/// The warnings about values that somebody forgot to replace; shown before a run too.
pub fn leftovers(loaded: &Loaded) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    let used = used(loaded);
    let secret = |name: &str| loaded.playbook.secrets.iter().any(|secret| secret.value == name);
    for entry in effective(loaded).into_values().filter(|entry| used.contains(&entry.key) && !secret(&entry.key)) {
        leftover(&entry.key, &entry.value, &mut warnings);
    }
    warnings
}

fn without_check(step: &Step, warnings: &mut Vec<Diagnostic>) {
    let Options { unless, only_if, creates, when_changed, always, .. } = &step.options;
    let asks = unless.is_some() || only_if.is_some() || creates.is_some() || when_changed.is_some() || *always;
    let may_ask = ["unless", "only_if", "creates", "when_changed", "always"].iter().any(|option| step.may_have(option));
    if step.kind.is_some_and(|kind| matches!(kind.name, "command" | "script" | "reboot")) && !asks && !may_ask {
        let message = match step.name.value.as_str() {
            "" => "the step runs every time".to_owned(),
            name => format!("the step `{name}` runs every time"),
        };
        warnings.push(Diagnostic::warning(step.kind_span, message).label("nothing says when it is done already").hint(
            "add `creates:`, `unless:`, `only_if:` or `when_changed:`, or say `always: true` where that is meant",
        ));
    }
}

/// The nodes of a step that hold shell.
fn shell_nodes(step: &Step) -> Vec<(&Node, Shape)> {
    let options = [&step.options.unless, &step.options.only_if].into_iter().flatten().map(|node| (node, Shape::Shell));
    let params = step.params.iter().map(|param| (&param.value, param.field.shape));
    options.chain(params).filter(|(_, shape)| *shape == Shape::Shell).collect()
}

fn raw_uses(node: &Node, shape: Shape, sources: &Sources, warnings: &mut Vec<Diagnostic>) {
    let Some(text) = node.as_text().filter(|text| shape == Shape::Shell && syntax::is_template(text)) else { return };
    let Ok(template) = syntax::split(text) else { return };
    for segment in &template.segments {
        let (Segment::Expression { inner, .. } | Segment::Statement { inner, .. }) = segment else { continue };
        let tokens = syntax::tokens(text, inner.clone());
        for pair in tokens.windows(2).filter(|pair| pair[0].text == "|" && pair[1].text == "raw") {
            warnings.push(
                Diagnostic::warning(node.place(sources, pair[1].at.start, pair[1].at.end), "`raw` puts a value into the shell as it is")
                    .label("not quoted")
                    .hint("without it the value is one word whatever it holds; keep it only where the value is meant as shell"),
            );
        }
    }
}

/// The definition of each variable that counts, whatever the host.
fn effective<'l>(loaded: &'l Loaded) -> BTreeMap<&'l str, &'l Entry> {
    let playbook = &loaded.playbook;
    let hosts = playbook.hosts.iter().flat_map(|host| &host.vars);
    let all = playbook.vars.iter().chain(&loaded.file_vars).chain(hosts).chain(&loaded.given_vars);
    all.map(|entry| (entry.key.as_str(), entry)).collect()
}

/// The names that hosts and steps ask for, directly or through other variables.
fn used(loaded: &Loaded) -> HashSet<String> {
    let playbook = &loaded.playbook;
    let mut used: HashSet<String> = used_in_steps(playbook, &loaded.templates).into_iter().map(str::to_owned).collect();
    for step in &playbook.steps {
        for param in step.params.iter().filter(|param| param.field.shape == Shape::LocalTemplate) {
            // A path that is itself a template is read when the plan is made; its names count as unused until then.
            let read = param.value.as_text().and_then(|path| (loaded.inputs.loader)(path).ok());
            if let Some(text) = read.and_then(|bytes| String::from_utf8(bytes).ok()) {
                used.extend(used_in_text(&text, &loaded.templates));
            }
        }
    }
    let hosts = playbook.hosts.iter().flat_map(|host| &host.vars);
    let all: Vec<&Entry> =
        playbook.vars.iter().chain(&loaded.file_vars).chain(hosts).chain(&loaded.given_vars).collect();
    let mut by_name: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in all {
        by_name.entry(&entry.key).or_default().push(entry);
    }
    let mut open: Vec<String> = used.iter().cloned().collect();
    while let Some(name) = open.pop() {
        for entry in by_name.get(name.as_str()).into_iter().flatten() {
            for_each_use(&entry.value, &loaded.templates, &mut |_, other, _| {
                if used.insert(other.to_owned()) {
                    open.push(other.to_owned());
                }
            });
        }
    }
    used
}

fn variables(loaded: &Loaded, warnings: &mut Vec<Diagnostic>) {
    let playbook = &loaded.playbook;
    let used = used(loaded);
    let effective = effective(loaded);
    let asked: Vec<&str> = used.iter().map(String::as_str).filter(|name| !effective.contains_key(name)).collect();
    let hosts = playbook.hosts.iter().flat_map(|host| &host.vars);
    for entry in playbook.vars.iter().chain(hosts).filter(|entry| !used.contains(&entry.key)) {
        warnings.push(
            Diagnostic::warning(entry.key_span, format!("the variable `{}` is never used", entry.key))
                .did_you_mean(&entry.key, asked.iter().copied()),
        );
    }
    for register in playbook.steps.iter().filter_map(|step| step.options.register.as_ref()) {
        if !used.contains(&register.value) && is_name(&register.value) {
            warnings.push(Diagnostic::warning(
                register.span,
                format!("the registered value `{}` is never used", register.value),
            ));
        }
    }
    for name in playbook.from_env.iter().filter(|_| !used.contains("env")) {
        warnings.push(
            Diagnostic::warning(name.span, format!("`{}` is never asked for", name.value))
                .hint(format!("use it as `{{{{ env.{} }}}}`, or take it out", name.value)),
        );
    }
    let mut told = HashSet::new();
    for secret in playbook.secrets.iter().filter(|secret| !used.contains(&secret.value)) {
        if told.insert(&secret.value) && !effective.contains_key(secret.value.as_str()) {
            warnings.push(Diagnostic::warning(secret.span, format!("the secret `{}` is never used", secret.value)));
        }
    }
    for entry in effective.into_values() {
        let secret = playbook.secrets.iter().any(|secret| secret.value == entry.key);
        if secret
            && entry.value.as_text().is_some_and(|text| (4..8).contains(&text.len()) && !syntax::is_template(text))
        {
            warnings.push(
                Diagnostic::warning(entry.key_span, format!("the secret `{}` is short", entry.key))
                    .label("its letters will be masked wherever they stand"),
            );
        }
        if used.contains(&entry.key) && !secret {
            leftover(&entry.key, &entry.value, warnings);
        }
    }
}

/// Warns where a value is still the one of a form: `<…>`, `YOUR_…`, or what nano leaves at the edge of its window.
fn leftover(name: &str, node: &Node, warnings: &mut Vec<Diagnostic>) {
    match &node.value {
        Value::Null | Value::Broken { .. } => {}
        Value::List(items) => items.iter().for_each(|item| leftover(name, item, warnings)),
        Value::Map(entries) => entries.iter().for_each(|entry| leftover(name, &entry.value, warnings)),
        Value::Scalar { text, style } => {
            if *style == Style::Block {
                return;
            }
            let (why, hint) = match placeholder(text) {
                None => return,
                Some(Placeholder::Cut) => {
                    ("ends with `$`", "an editor that cuts long lines shows `$` at the edge; copy the whole value")
                }
                Some(Placeholder::Form) => ("looks like a placeholder", "put the real value in"),
            };
            warnings.push(
                Diagnostic::warning(node.span, format!("the value of `{name}` {why}")).label("left over?").hint(hint),
            );
        }
    }
}

enum Placeholder {
    Form,
    Cut,
}

fn placeholder(text: &str) -> Option<Placeholder> {
    let words = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '\'');
    let bracketed = text.split('<').skip(1).any(|behind| {
        behind
            .split_once('>')
            .is_some_and(|(inside, _)| !inside.is_empty() && inside.trim() == inside && inside.chars().all(words))
    });
    let upper = text.to_ascii_uppercase();
    let yours = text.starts_with("Your ")
        || text.starts_with("your ")
        || ["YOUR_", "YOUR-", "CHANGE_ME", "CHANGEME", "REPLACE_ME"].iter().any(|mark| {
            upper.match_indices(mark).any(|(at, _)| at == 0 || !text.as_bytes()[at - 1].is_ascii_alphanumeric())
        });
    if bracketed || yours {
        return Some(Placeholder::Form);
    }
    (text.len() > 1 && text.ends_with('$')).then_some(Placeholder::Cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_form_leaves_behind_is_seen() {
        for text in [
            "<BootstrapServerString>",
            "arn:<your role>",
            "YOUR_UUID",
            "b-1.YOUR-cluster",
            "Your Access Role",
            "b-1.c12.kaf$",
        ] {
            assert!(placeholder(text).is_some(), "{text}");
        }
        for text in ["a < b > c = d", "x<y", "$", "", "yourself", "HARBOUR_1", "cat <(x; y)", "us-east-1"] {
            assert!(placeholder(text).is_none(), "{text}");
        }
    }
}
