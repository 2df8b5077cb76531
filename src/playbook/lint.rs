//! What is allowed but most likely not meant.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::document::Playbook;
use super::load::Loaded;
use super::secretive::{secretive, secretive_in};
use super::snippets::stand_in;
use super::step::{Given, Step, WHOLE};
use super::uses::{template_files, used_in_steps, used_in_text};
use crate::kinds::Shape;
use crate::node::{Entry, Node, ScalarStyle, Value};
use crate::plan::options::{Form, Inherits, OPTIONS, StepOption};
use crate::render::shell_arguments::Arguments;
use crate::render::syntax::{self, Segment};
use crate::render::templates::Templates;
use crate::render::vars::for_each_use;
use crate::source::{Diagnostic, Sources};

/// Every warning about a playbook.
pub fn lint(loaded: &Loaded, sources: &Sources) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    let secretive = secretive(loaded);
    let playbook = &loaded.playbook;
    for step in &playbook.steps {
        // Where a group is left out, so are its steps.
        if playbook.groups_from(step.group).all(|(_, group)| group.question.is_none()) {
            without_check(step, &mut warnings);
        }
    }
    not_taken(playbook, &mut warnings);
    for step in playbook.steps.iter().chain(playbook.groups.iter().flat_map(|group| &group.question)) {
        let of_step = secretive_in(playbook, step, &secretive, &loaded.templates);
        let of_env = secretive_env(step, &of_step, &loaded.templates);
        for node in shell_nodes(step) {
            raw_uses(node, sources, &mut warnings);
            exposed(node, &of_step, &of_env, sources, &mut warnings);
        }
    }
    variables(loaded, &mut warnings);
    loaded.used_from(&mut warnings);
    warnings
}

/// The warnings about placeholders that were not replaced; they are shown before a run too.
pub fn leftovers(loaded: &Loaded) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    let used = used(loaded);
    let secret = |name: &str| loaded.playbook.secrets.iter().any(|secret| secret.value == name);
    for entry in effective(loaded).into_values().filter(|entry| used.contains(&entry.key) && !secret(&entry.key)) {
        leftover(&entry.key, &entry.value, &mut warnings);
    }
    warnings
}

/// Warns about a step that nothing can say to be done already.
fn without_check(step: &Step, warnings: &mut Vec<Diagnostic>) {
    if step.limits_runs() || !step.kind.is_some_and(|kind| matches!(kind.name, "command" | "script" | "reboot")) {
        return;
    }
    let message = match step.name.value.as_str() {
        "" => "the step runs every time".to_owned(),
        name => format!("the step `{name}` runs every time"),
    };
    let limits: Vec<String> = OPTIONS
        .iter()
        .filter(|option| option.limits_runs && !matches!(option.name, "always" | "changes"))
        .map(|option| format!("`{}:`", option.name))
        .collect();
    warnings.push(Diagnostic::warning(step.kind_span, message).label("nothing says when it is done").hint(format!(
        "add one of {}, `changes: false` if it only asks, or `always: true` if that is intended",
        limits.join(", ")
    )));
}

/// Warns about an option of a group that has no effect, because every step has one of its own.
fn not_taken(playbook: &Playbook, warnings: &mut Vec<Diagnostic>) {
    for (at, group) in playbook.groups.iter().enumerate() {
        let steps = &playbook.steps[group.steps.clone()];
        let whose = if at == WHOLE { "the playbook" } else { "this group" };
        for given in group.options.iter().filter(|given| !given.broken && !steps.is_empty()) {
            if given.row.inherits == Inherits::Merges {
                not_taken_variables(given, at, steps, whose, warnings);
            } else if !steps.iter().any(|step| step.takes(at, given.row)) {
                let message = format!("no step takes `{}` from {whose}", given.row.name);
                let hint = "remove it: every step has one further inside, or a kind that does not take it";
                warnings.push(Diagnostic::warning(given.key_span, message).label("without effect").hint(hint));
            }
        }
    }
}

fn not_taken_variables(
    given: &Given<StepOption>,
    group: usize,
    steps: &[Step],
    whose: &str,
    warnings: &mut Vec<Diagnostic>,
) {
    for entry in entries_of(&given.value).into_iter().flatten() {
        let is_own = |step: &Step| {
            let inner = step.all_given(given.row.name).take_while(|other| other.group != Some(group));
            inner.filter_map(|other| entries_of(&other.value)).flatten().any(|other| other.key == entry.key)
        };
        if steps.iter().all(is_own) {
            let message = format!("no step takes the variable `{}` from {whose}", entry.key);
            warnings.push(
                Diagnostic::warning(entry.key_span, message)
                    .label("without effect")
                    .hint("remove it: every step gets this variable from further inside"),
            );
        }
    }
}

/// The nodes of a step that contain shell.
fn shell_nodes(step: &Step) -> impl Iterator<Item = &Node> {
    let fields = step.fields.iter().map(|given| (&given.value, Form::Field(given.row.shape)));
    let options = step.options.iter().map(|given| (&given.value, given.row.form));
    fields.chain(options).filter(|(_, form)| matches!(form, Form::Field(Shape::Shell))).map(|(node, _)| node)
}

/// Warns about each `raw`.
fn raw_uses(node: &Node, sources: &Sources, warnings: &mut Vec<Diagnostic>) {
    let Some(text) = node.as_text().filter(|text| syntax::is_template(text)) else { return };
    let Ok(template) = syntax::split(text) else { return };
    for segment in &template.segments {
        let (Segment::Expression { inner, .. } | Segment::Statement { inner, .. }) = segment else { continue };
        let tokens = syntax::tokens(text, inner.clone());
        for pair in tokens.windows(2).filter(|pair| pair[0].text == "|" && pair[1].text == "raw") {
            warnings.push(
                Diagnostic::warning(node.place(sources, pair[1].at.start, pair[1].at.end), "`raw` inserts a value into shell unquoted")
                    .label("not quoted")
                    .hint("without `raw` the value is one word whatever it contains; keep it only if the value is meant as shell"),
            );
        }
    }
}

fn entries_of(node: &Node) -> Option<&[Entry]> {
    if let Value::Map(entries) = &node.value { Some(entries) } else { None }
}

/// The variables of a step's `env` that hold a secret, each with the name of that.
fn secretive_env<'p>(step: &'p Step, secretive: &HashSet<&str>, templates: &Templates) -> Vec<(&'p str, &'p str)> {
    let mut found = Vec::new();
    for entry in step.all_given("env").filter_map(|given| entries_of(&given.value)).flatten() {
        for_each_use(&entry.value, templates, &mut |_, name, _| {
            if secretive.contains(name) {
                found.push((entry.key.as_str(), name));
            }
        });
    }
    found
}

/// The first of these names that an expression uses.
fn used_secret<'t>(text: &'t str, inner: Range<usize>, names: &HashSet<&str>) -> Option<&'t str> {
    let used = syntax::uses(&syntax::tokens(text, inner));
    used.into_iter().map(|found| found.name).find(|name| names.contains(name))
}

/// The most places of one text that are named.
const MOST_EXPOSED: usize = 50;

/// Warns where a secret would stand in the argument list of a program.
fn exposed(
    node: &Node,
    secretive: &HashSet<&str>,
    of_env: &[(&str, &str)],
    sources: &Sources,
    warnings: &mut Vec<Diagnostic>,
) {
    let Some(text) = node.as_text().filter(|_| !secretive.is_empty()) else { return };
    let Ok(template) = syntax::split(text) else { return };
    let shell = stand_in(&template, true);
    let mut found = Vec::new();
    for segment in &template.segments {
        let Segment::Expression { outer, inner } = segment else { continue };
        if let Some(name) = used_secret(text, inner.clone(), secretive) {
            found.push((outer.clone(), name));
        }
    }
    found.extend(shell_variables(&shell, &found, of_env));
    found.sort_by_key(|(at, _)| at.start);
    let mut arguments = Arguments::of(&shell);
    let most = warnings.len() + MOST_EXPOSED;
    for (at, name) in found {
        if warnings.len() == most {
            return;
        }
        let Some(program) = arguments.program(at.start) else { continue };
        let message = format!(
            "the secret in `{name}` would stand in the argument list of `{program}`, which every user of the host can read"
        );
        let place = node.place(sources, at.start, at.end);
        let value = if text[at.clone()].starts_with('$') { format!("\"{}\"", &text[at]) } else { text[at].to_owned() };
        let hint = format!(
            "let the program read it: from standard input, as in `printf '%s\\n' {value} | …`, from its environment (`env:` of \
             the step), or from a file of mode 0600"
        );
        warnings.push(Diagnostic::warning(place, message).hint(hint));
    }
}

/// Where a text of shell uses its own variables that hold a secret: those of the step's `env`, and those that it gives one of these
/// values.
fn shell_variables<'t>(
    shell: &str,
    found: &[(Range<usize>, &'t str)],
    of_env: &[(&str, &'t str)],
) -> Vec<(Range<usize>, &'t str)> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let assigned = found.iter().filter_map(|(at, name)| {
        let before = shell[..at.start].trim_end_matches(['"', '\'']).strip_suffix('=')?;
        let start = before.rfind(|c| !is_letter(c)).map_or(0, |at| at + 1);
        Some((&before[start..], *name))
    });
    let mut uses = Vec::new();
    for (variable, name) in assigned.chain(of_env.iter().copied()).filter(|(variable, _)| !variable.is_empty()) {
        for (start, _) in shell.match_indices('$') {
            let word = shell[start + 1..].trim_start_matches('{');
            if word.strip_prefix(variable).is_some_and(|rest| !rest.starts_with(is_letter)) {
                let braced = shell[start + 1..].starts_with('{');
                let end = start + 1 + variable.len() + 2 * usize::from(braced);
                uses.push((start..end.min(shell.len()), name));
            }
        }
    }
    uses.dedup();
    uses
}

/// The definition of each variable that counts, whichever host it is for.
fn effective(loaded: &Loaded) -> BTreeMap<&str, &Entry> {
    let playbook = &loaded.playbook;
    let hosts = playbook.hosts.iter().flat_map(|host| &host.vars);
    let all = playbook.vars.iter().chain(&loaded.file_vars).chain(hosts).chain(&loaded.given_vars);
    all.map(|entry| (entry.key.as_str(), entry)).collect()
}

/// The names that hosts and steps use, directly or through other variables.
fn used(loaded: &Loaded) -> HashSet<String> {
    let playbook = &loaded.playbook;
    let mut used: HashSet<String> = used_in_steps(playbook, &loaded.templates).into_iter().map(str::to_owned).collect();
    // A path that is itself a template is only read when the plan is made; until then its names count as unused.
    for path in template_files(playbook).flatten() {
        let read = (loaded.inputs.loader)(path).ok();
        if let Some(text) = read.and_then(|bytes| String::from_utf8(bytes).ok()) {
            used.extend(used_in_text(&text, &loaded.templates));
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

/// Warns about variables, registered values, environment variables and secrets that are not used or not safe.
fn variables(loaded: &Loaded, warnings: &mut Vec<Diagnostic>) {
    let playbook = &loaded.playbook;
    let used = used(loaded);
    let effective = effective(loaded);
    let undeclared: Vec<&str> = used.iter().map(String::as_str).filter(|name| !effective.contains_key(name)).collect();
    let hosts = playbook.hosts.iter().flat_map(|host| &host.vars);
    for entry in playbook.vars.iter().chain(hosts).filter(|entry| !used.contains(&entry.key)) {
        warnings.push(
            Diagnostic::warning(entry.key_span, format!("the variable `{}` is never used", entry.key))
                .did_you_mean(&entry.key, undeclared.iter().copied()),
        );
    }
    for param in playbook.params.iter().filter(|param| !used.contains(&param.name)) {
        warnings.push(Diagnostic::warning(param.span, format!("the parameter `{}` is never used", param.name)));
    }
    for register in playbook.steps.iter().filter(|step| step.scope == 0).filter_map(Step::register) {
        if !used.contains(register.value) {
            warnings.push(Diagnostic::warning(
                register.span,
                format!("the registered value `{}` is never used", register.value),
            ));
        }
    }
    for name in playbook.from_env.iter().filter(|_| !used.contains("env")) {
        warnings.push(
            Diagnostic::warning(name.span, format!("`{}` is never used", name.value))
                .hint(format!("use it as `{{{{ env.{} }}}}`, or remove it", name.value)),
        );
    }
    // The secrets are those of the parameters as well, which were warned about above.
    let mut seen: HashSet<&String> = playbook.params.iter().map(|param| &param.name).collect();
    for secret in playbook.secrets.iter().filter(|secret| !used.contains(&secret.value)) {
        if seen.insert(&secret.value) && !effective.contains_key(secret.value.as_str()) {
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
                    .label("its characters are masked wherever they appear"),
            );
        }
        if used.contains(&entry.key) && !secret {
            leftover(&entry.key, &entry.value, warnings);
        }
    }
}

/// Warns where a value is still a placeholder: `<…>`, `YOUR_…`, or what nano shows at the edge of its window.
fn leftover(name: &str, node: &Node, warnings: &mut Vec<Diagnostic>) {
    match &node.value {
        Value::Null | Value::Broken { .. } => {}
        Value::List(items) => items.iter().for_each(|item| leftover(name, item, warnings)),
        Value::Map(entries) => entries.iter().for_each(|entry| leftover(name, &entry.value, warnings)),
        Value::Scalar { text, style } => {
            if *style == ScalarStyle::Block {
                return;
            }
            let (why, hint) = match placeholder(text) {
                None => return,
                Some(Placeholder::Cut) => {
                    ("ends with `$`", "an editor that cuts long lines shows `$` at the edge; copy the whole value")
                }
                Some(Placeholder::Form) => ("looks like a placeholder", "replace it with the real value"),
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
    fn placeholders_are_found() {
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
