//! A plan as a person reads it: the exact shell that would run, with all values.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::options::{OptionValue, ReadBy};
use super::{Action, Plan, PlannedStep, RunAs, StepSpec};
use crate::event::{VERSION, escape, json_text};
use crate::host_value;
use crate::ids::Digest;
use crate::inventory::Host;
use crate::kinds::{self, Content, Fetch, LocalEntry, LocalSort, Recipe, Tree};
use crate::script::{Script, Text};

/// What else lets a step run that waits for others: only the host knows.
const OR_OWED: &str = "or a change of an earlier run that the host still owes to this step";

/// Content longer than this, in bytes, is shown by its size and digest.
const LONGEST_CONTENT: usize = 16 * 1024;

/// A text without what ends a line or what a terminal obeys.
pub fn one_line(text: &str) -> String {
    escape(text.as_bytes()).replace('\n', "\\n").replace('\t', " ")
}

/// The lines of a text, without what a terminal obeys.
pub fn safe_lines(text: &str) -> Vec<String> {
    escape(text.as_bytes()).lines().map(str::to_owned).collect()
}

/// The command of a step, to be shown when it failed: the author's own shell, or what a user would type instead of the
/// functions of a kind.
pub fn command(step: &PlannedStep) -> Option<String> {
    let Action::Apply(spec) = &step.action else { return None };
    let recipe = &spec.recipe;
    if recipe.manual().is_some() {
        return None;
    }
    if recipe.args.is_empty() {
        let apply = recipe.apply.as_str();
        return Some(apply.strip_prefix("set -eu\n").unwrap_or(apply).to_owned());
    }
    let commands = recipe.equivalent_commands.as_ref()?.as_str().replace("\"$pb_home\"", "~");
    // Only the dry run shows the content.
    Some(commands.replace("    # the content below", "    # the content of the step"))
}

/// The author's shell that a step asks before its own command, by the name of the option, and of the group that asks.
pub fn guards(step: &PlannedStep) -> impl Iterator<Item = (String, String)> {
    let spec = match &step.action {
        Action::Apply(spec) => Some(spec),
        Action::Skip { .. } => None,
    };
    let of_groups = spec.into_iter().flat_map(|spec| &spec.questions).filter_map(|question| {
        let name = format!("only_if {}", question.whose());
        Some((name, question.spec.only_if.as_ref()?.as_str().trim_end().to_owned()))
    });
    let own = spec.into_iter().flat_map(|spec| spec.options()).filter_map(|(option, value)| match value {
        OptionValue::Shell(script) => Some((option.name.to_owned(), script.as_str().trim_end().to_owned())),
        _ => None,
    });
    own.chain(of_groups)
}

/// The fields that the functions of a recipe read, without those that are empty.
fn given_fields(recipe: &Recipe) -> Vec<(String, &str)> {
    let given = recipe.args.iter().filter(|(_, value)| !value.as_str().is_empty());
    given.map(|(name, value)| (format!("arg_{name}"), value.as_str())).collect()
}

/// Every host's plan as text; `bodies` shows the helper functions in full.
pub fn text(plans: &[(Host, Plan)], bodies: bool) -> String {
    let mut out = String::new();
    let mut shells: Vec<&str> = Vec::new();
    for (host, plan) in plans {
        let key = host.key.as_ref().map_or_else(|| "ssh-agent".to_owned(), |key| format!("key {}", key.display()));
        let _ = writeln!(out, "{}  {}@{} port {}  {key}", host.id, host.user, host.address, host.port);
        for step in &plan.steps {
            out.push('\n');
            one_step(plan, step, &mut out);
            if let Action::Apply(spec) = &step.action {
                shells.extend(spec.recipe.calls());
            }
        }
        out.push('\n');
    }
    let helpers = kinds::helpers(&shells);
    if !helpers.is_empty() && bodies {
        out.push_str("Helper functions, sent along with the steps that use them:\n");
        for (_, body) in helpers {
            block(body, "    ", &mut out);
        }
    } else if !helpers.is_empty() {
        let names: Vec<&str> = helpers.iter().map(|(name, _)| *name).collect();
        let _ = writeln!(out, "Shell functions that are sent with the steps (-v shows them): {}", names.join(", "));
    }
    out.push_str(
        "In a check, `needs_change` means that the step needs a change. $pb_home is the home directory of the step's user.\n",
    );
    if plans.iter().flat_map(|(_, plan)| &plan.steps).any(uses_host_values) {
        out.push_str(
            "$pb_r_0NAME is the fact host.NAME, and $pb_r_1… the value of an expression that the host evaluates.\n",
        );
    }
    out.push_str("Nothing was sent: this is a dry run.\n");
    out
}

/// Whether a step uses facts, or expressions that the host evaluates.
fn uses_host_values(step: &PlannedStep) -> bool {
    let Action::Apply(spec) = &step.action else { return false };
    !spec.values.is_empty() || spec.uses().values.iter().any(|name| host_value::is_fact(name))
}

fn one_step(plan: &Plan, step: &PlannedStep, out: &mut String) {
    let origin = escape(step.origin.as_bytes());
    let _ = writeln!(out, "{:>3} {}  [{}, {origin}]", step.label, step.name, step.kind);
    match &step.action {
        Action::Skip { why } => line("skipped", why, out),
        Action::Apply(spec) => {
            let check_as = check_as(spec);
            let apply_as = if spec.run_as == RunAs::RootToApply { " (as root, sudo -n)" } else { check_as.as_str() };
            questions(plan, step, spec, out);
            options(plan, spec, &check_as, out);
            recipe(spec, &check_as, apply_as, out);
        }
    }
}

/// The questions of the groups around a step: in full at the first step that asks them.
fn questions(plan: &Plan, step: &PlannedStep, spec: &StepSpec, out: &mut String) {
    for question in &spec.questions {
        let asks = |step: &&PlannedStep| match &step.action {
            Action::Apply(spec) => spec.questions.iter().any(|other| other.number == question.number),
            Action::Skip { .. } => false,
        };
        let title = format!("only_if {}", question.whose());
        if let Some(first) = plan.steps.iter().find(asks).filter(|first| first.id != step.id) {
            line(&title, &format!("asked once, see step {}", first.label), out);
        } else {
            let script = question.spec.only_if.as_ref().map_or("", Script::as_str);
            titled(&format!("{title}, asked once{}", check_as(&question.spec)), script, out);
        }
    }
}

/// Whose shell a check has where it is not that of the login user.
fn check_as(spec: &StepSpec) -> String {
    match &spec.run_as {
        RunAs::Root => " (as root, sudo -n)".to_owned(),
        RunAs::User(user) => format!(" (as {}, sudo -n -u)", user.display()),
        RunAs::Login | RunAs::RootToApply => String::new(),
    }
}

/// The options of a step by their names: those that are one line, then those that are shell.
fn options(plan: &Plan, spec: &StepSpec, check_as: &str, out: &mut String) {
    let (shell, lines): (Vec<_>, Vec<_>) =
        spec.options().partition(|(_, value)| matches!(value, OptionValue::Shell(_)));
    for (option, value) in lines.into_iter().chain(shell) {
        let as_whom = if option.read_by == ReadBy::Check { check_as } else { "" };
        let title = format!("{}{as_whom}", option.name);
        match value {
            OptionValue::Shell(script) => titled(&title, script.as_str(), out),
            OptionValue::Text(text) => line(&title, &text.quote(), out),
            OptionValue::Flag(flag) => line(&title, &flag.to_string(), out),
            OptionValue::Number(number) => line(&title, &number.to_string(), out),
            OptionValue::Duration(duration) => line(&title, &format!("{} s", duration.as_secs()), out),
            OptionValue::Variables(variables) => {
                for (name, value) in variables {
                    line(&title, &format!("{name}={}", value.quote()), out);
                }
            }
            OptionValue::Condition(condition) => line(&title, &condition.written, out),
            OptionValue::Steps(steps) if steps.is_empty() => {
                line(&title, &format!("no step of this plan, {OR_OWED}"), out);
            }
            OptionValue::Steps(steps) => {
                let watched = plan.steps.iter().filter(|step| steps.contains(&step.id));
                let labels: Vec<String> = watched.map(|step| step.label.to_string()).collect();
                line(&title, &format!("steps {}, {OR_OWED}", labels.join(", ")), out);
            }
        }
    }
}

fn recipe(spec: &StepSpec, check_as: &str, apply_as: &str, out: &mut String) {
    let recipe = &spec.recipe;
    for (name, value) in given_fields(recipe) {
        let _ = writeln!(out, "      {name}={value}");
    }
    for (name, digest) in recipe.fetch.iter().flat_map(Fetch::choice) {
        line("locked", &format!("{name} sha256 {digest}"), out);
    }
    if let Some(script) = &recipe.check {
        titled(&format!("check{check_as}"), script.as_str(), out);
    }
    if let Some(manual) = recipe.manual() {
        titled("manual", &manual.text.display(), out);
        return;
    }
    let with = recipe.interpreter().map_or_else(String::new, |shell| format!(" with {shell}"));
    titled(&format!("apply{with}{apply_as}"), recipe.apply.as_str(), out);
    if let Some(commands) = &recipe.equivalent_commands {
        titled("equivalent commands", &commands.as_str().replace("\"$pb_home\"", "~"), out);
    }
    if let Some(upload) = recipe.upload() {
        titled("files of this machine", &listed(&upload.tree), out);
        line("in all", &summed(&upload.tree), out);
    } else if let Some(content) = recipe.content() {
        match shown_content(content) {
            Ok(text) => titled("content (pb_content)", &text, out),
            Err(summary) => line("content (pb_content)", &summary, out),
        }
    }
    if let Some(takes) = recipe.takes() {
        line("taken to", &escape(takes.to.as_bytes()), out);
    }
    for (name, value) in recipe.exports() {
        line("for all later steps", &format!("{name}={}", value.quote()), out);
    }
}

/// The most entries of a folder that are shown.
const MOST_ENTRIES: usize = 40;

/// What a step sends, one line for each entry.
fn listed(tree: &Tree) -> String {
    let mut lines: Vec<String> = tree.entries.iter().take(MOST_ENTRIES).map(entry_line).collect();
    if tree.entries.len() > MOST_ENTRIES {
        lines.push(format!("and {} more", tree.entries.len() - MOST_ENTRIES));
    }
    lines.join("\n")
}

fn entry_line(entry: &LocalEntry) -> String {
    let name = if entry.name.is_empty() { "." } else { &entry.name };
    match &entry.sort {
        LocalSort::Folder => format!("{name}/"),
        LocalSort::File(file) => format!("{name}  {} bytes, sha256 {}", file.size, file.digest),
        LocalSort::Link(held) => format!("{name} -> {held}"),
    }
}

/// How much that is at most.
fn summed(tree: &Tree) -> String {
    let (count, bytes) = tree.files().fold((0_usize, 0_u64), |(count, bytes), file| (count + 1, bytes + file.size));
    let files = if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    format!("{files}, {bytes} bytes: what the host lacks of them is sent")
}

/// The content as text, or a summary of content that is not text or is too long.
fn shown_content(content: &Content) -> Result<String, String> {
    let summary = |what: &str, bytes: &[u8]| format!("{what}, {} bytes, sha256 {}", bytes.len(), Digest::of(bytes));
    match content {
        Content::Text(text) if text.raw().len() <= LONGEST_CONTENT => Ok(text.display()),
        Content::Text(text) => Err(summary("text", text.raw().as_bytes())),
        Content::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if bytes.len() <= LONGEST_CONTENT && !text.contains('\0') => Ok(Text::from(text).display()),
            _ => Err(summary("binary", bytes)),
        },
    }
}

fn line(title: &str, value: &str, out: &mut String) {
    let shown = escape(value.as_bytes());
    if shown.contains('\n') {
        return titled(title, value, out);
    }
    let _ = writeln!(out, "      {title}: {shown}");
}

fn titled(title: &str, body: &str, out: &mut String) {
    let _ = writeln!(out, "      {title}:");
    block(body, "        ", out);
}

fn block(body: &str, indent: &str, out: &mut String) {
    for line in escape(body.as_bytes()).lines() {
        let _ = writeln!(out, "{}", format!("{indent}{line}").trim_end());
    }
}

/// Every host's plan as one JSON object per line.
pub fn json(plans: &[(Host, Plan)]) -> String {
    plans
        .iter()
        .map(|(host, plan)| {
            let steps: Vec<Value> = plan.steps.iter().map(json_step).collect();
            let line = json!({
                "v": VERSION, "kind": "plan", "host": host.id, "user": host.user, "address": host.address, "port": host.port,
                "mode": plan.mode, "steps": steps,
            });
            json_text(&line) + "\n"
        })
        .collect()
}

fn json_step(step: &PlannedStep) -> Value {
    let mut line = json!({
        "step": step.id, "label": step.label, "name": step.name, "step_kind": step.kind, "origin": step.origin, "digest": step.digest,
    });
    let mut set = |name: &str, value: Option<Value>| {
        if let (Some(value), Some(map)) = (value, line.as_object_mut()) {
            map.insert(name.to_owned(), value);
        }
    };
    match &step.action {
        Action::Skip { why } => set("skipped", Some(why.as_str().into())),
        Action::Apply(spec) => {
            for (option, value) in spec.options() {
                set(option.name, Some(json_value(value)));
            }
            let asked = spec.questions.iter().map(|question| {
                let script = question.spec.only_if.as_ref().map_or("", Script::as_str);
                json!({"group": question.group, "only_if": script})
            });
            set("groups", (!spec.questions.is_empty()).then(|| asked.collect()));
            let recipe = &spec.recipe;
            set("check", recipe.check.as_ref().map(|script| script.as_str().into()));
            let fields = recipe.assignments();
            set("fields", (!recipe.args.is_empty()).then(|| fields.as_str().into()));
            set("apply", recipe.manual().is_none().then(|| recipe.apply.as_str().into()));
            set("gist", recipe.equivalent_commands.as_ref().map(|script| script.as_str().into()));
            set("by_hand", recipe.manual().map(|manual| manual.text.display().into()));
            let locked: Vec<Value> = recipe
                .fetch
                .iter()
                .flat_map(Fetch::choice)
                .map(|(url, sha256)| json!({"url": url, "sha256": sha256}))
                .collect();
            set("locked", (!locked.is_empty()).then(|| locked.into()));
            let sent = recipe.upload().map(|upload| {
                let entries: Vec<Value> = upload.tree.entries.iter().map(|entry| entry_line(entry).into()).collect();
                let bytes: u64 = upload.tree.files().map(|file| file.size).sum();
                json!({"src": upload.tree.path, "files": upload.tree.files().count(), "bytes": bytes, "entries": entries})
            });
            let content = recipe.content().filter(|_| sent.is_none());
            set("sends", sent);
            set("content", content.map(|content| shown_content(content).unwrap_or_else(|summary| summary).into()));
            let user = match &spec.run_as {
                RunAs::Login => None,
                RunAs::Root | RunAs::RootToApply => Some("root".to_owned()),
                RunAs::User(user) => Some(user.display()),
            };
            set("run_as", user.map(Value::from));
        }
    }
    line
}

/// An option's value: texts as shell words, durations in seconds.
fn json_value(value: OptionValue) -> Value {
    match value {
        OptionValue::Shell(script) => script.as_str().into(),
        OptionValue::Text(text) => text.quote().into(),
        OptionValue::Flag(flag) => flag.into(),
        OptionValue::Number(number) => number.into(),
        OptionValue::Duration(duration) => duration.as_secs().into(),
        OptionValue::Variables(variables) => {
            Value::Object(variables.into_iter().map(|(name, value)| (name, value.quote().into())).collect())
        }
        OptionValue::Steps(steps) => json!(steps),
        OptionValue::Condition(condition) => condition.written.into(),
    }
}
