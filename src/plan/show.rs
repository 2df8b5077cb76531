//! A plan as a person reads it: the exact shell that would be asked and run, with the values in place.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Action, Plan, PlannedStep, RunAs, StepSpec};
use crate::event::VERSION;
use crate::ids::Digest;
use crate::inventory::Host;
use crate::kinds::{self, Content};
use crate::script::Text;

/// A content longer than this is shown by its size and digest.
const LONGEST_CONTENT: usize = 16 * 1024;

/// The shell that carries a step out, for showing it when it failed.
pub fn command(step: &PlannedStep) -> Option<String> {
    match &step.action {
        Action::Apply(work) if work.recipe.manual().is_none() => Some(work.recipe.apply.as_str().to_owned()),
        _ => None,
    }
}

/// Every host's plan as text; `whole` shows the bodies of the helper functions as well.
pub fn text(plans: &[(Host, Plan)], whole: bool) -> String {
    let mut out = String::new();
    let mut shells: Vec<&str> = Vec::new();
    for (host, plan) in plans {
        let key = host.key.as_ref().map_or_else(|| "ssh-agent".to_owned(), |key| format!("key {}", key.display()));
        let _ = writeln!(out, "{}  {}@{} port {}  {key}", host.id, host.user, host.address, host.port);
        for step in &plan.steps {
            out.push('\n');
            one_step(step, &mut out);
            if let Action::Apply(work) = &step.action {
                shells.extend(work.recipe.check.iter().chain([&work.recipe.apply]).map(crate::script::Script::as_str));
            }
        }
        out.push('\n');
    }
    let helpers = kinds::helpers(&shells);
    if !helpers.is_empty() && whole {
        out.push_str("Helper functions, sent along with the steps that use them:\n");
        for (_, body) in helpers {
            block(body, "    ", &mut out);
        }
    } else if !helpers.is_empty() {
        let names: Vec<&str> = helpers.iter().map(|(name, _)| *name).collect();
        let _ =
            writeln!(out, "The pb_ words are shell functions that are sent along; -v shows them: {}", names.join(", "));
    }
    out.push_str(
        "`not_so` ends a check with \"not so\"; $pb_home is the home directory of the step's user on the host.\n",
    );
    out.push_str("Nothing was sent: this is a dry run.\n");
    out
}

fn one_step(step: &PlannedStep, out: &mut String) {
    let _ = writeln!(out, "{:>3} {}  [{}, {}]", step.label, step.name, step.kind, step.origin);
    match &step.action {
        Action::Skip { why } => {
            let _ = writeln!(out, "      skipped: {why}");
        }
        Action::Apply(work) => one_work(work, out),
    }
}

fn one_work(work: &StepSpec, out: &mut String) {
    let check_as = match &work.run_as {
        RunAs::Root => " (as root, sudo -n)".to_owned(),
        RunAs::User(user) => format!(" (as {}, sudo -n -u)", user.display()),
        RunAs::Login | RunAs::RootToApply => String::new(),
    };
    let apply_as = if work.run_as == RunAs::RootToApply { " (as root, sudo -n)" } else { check_as.as_str() };
    for (what, value) in settings(work) {
        let _ = writeln!(out, "      {what}: {value}");
    }
    if let Some(script) = &work.only_if {
        titled(&format!("only if this succeeds{check_as}"), script.as_str(), out);
    }
    if let Some(path) = &work.creates {
        titled(&format!("already so if this path exists{check_as}"), &path.quote(), out);
    }
    if let Some(script) = &work.unless {
        titled(&format!("already so if this succeeds{check_as}"), script.as_str(), out);
    }
    if let Some(script) = &work.recipe.check {
        titled(&format!("ask{check_as}"), script.as_str(), out);
    }
    if let Some(manual) = work.recipe.manual() {
        titled("by hand", &manual.text.display(), out);
        return;
    }
    let with = work.recipe.interpreter().map_or_else(String::new, |shell| format!(" with {shell}"));
    titled(&format!("run{with}{apply_as}"), work.recipe.apply.as_str(), out);
    if let Some(equivalent_commands) = &work.recipe.equivalent_commands {
        titled("which is in short", &equivalent_commands.as_str().replace("\"$pb_home\"", "~"), out);
    }
    if let Some(content) = work.recipe.content() {
        match shown_content(content) {
            Ok(text) => titled("with this content (pb_content)", &text, out),
            Err(summary) => {
                let _ = writeln!(out, "      with this content (pb_content): {summary}");
            }
        }
    }
    for (name, value) in work.recipe.exports() {
        let _ = writeln!(out, "      for every later step: {name}={}", value.quote());
    }
}

/// The options of a step that are no shell, as name and value.
fn settings(work: &StepSpec) -> Vec<(&'static str, String)> {
    let mut list = Vec::new();
    if work.only_when_changed {
        let ids: Vec<String> = work.when_changed.iter().map(ToString::to_string).collect();
        let steps = if ids.is_empty() { "none of this plan".to_owned() } else { ids.join(", ") };
        list.push(("only if one of these steps changed", steps));
    }
    if let Some(cwd) = &work.cwd {
        list.push(("in", cwd.quote()));
    }
    for (name, value) in &work.env {
        list.push(("with", format!("{name}={}", value.quote())));
    }
    if let Some(timeout) = work.timeout {
        list.push(("at the longest", format!("{} s", timeout.as_secs())));
    }
    if work.retries > 0 {
        list.push(("tried again", format!("{} times, after {} s each", work.retries, work.delay.as_secs())));
    }
    if let Some(name) = &work.register {
        list.push(("its output is kept as", name.clone()));
    }
    if work.allow_failure {
        list.push(("failure", "allowed".to_owned()));
    }
    list
}

/// The content as text, or a summary of what is no text or too long.
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

fn titled(title: &str, body: &str, out: &mut String) {
    let _ = writeln!(out, "      {title}:");
    block(body, "        ", out);
}

fn block(body: &str, indent: &str, out: &mut String) {
    for line in crate::event::escape(body.as_bytes()).lines() {
        let _ = writeln!(out, "{}", format!("{indent}{line}").trim_end());
    }
}

/// Every host's plan as one JSON object a line.
pub fn json(plans: &[(Host, Plan)]) -> String {
    plans
        .iter()
        .map(|(host, plan)| {
            let steps: Vec<Value> = plan.steps.iter().map(json_step).collect();
            let line = json!({
                "v": VERSION, "kind": "plan", "host": host.id, "user": host.user, "address": host.address, "port": host.port,
                "mode": plan.mode, "steps": steps,
            });
            format!("{line}\n")
        })
        .collect()
}

fn json_step(step: &PlannedStep) -> Value {
    let mut line = json!({
        "step": step.id, "label": step.label, "name": step.name, "step_kind": step.kind, "origin": step.origin, "digest": step.digest,
    });
    let mut set = |name: &str, value: Option<String>| {
        if let (Some(value), Some(map)) = (value, line.as_object_mut()) {
            map.insert(name.to_owned(), value.into());
        }
    };
    match &step.action {
        Action::Skip { why } => set("skipped", Some(why.clone())),
        Action::Apply(work) => {
            let script =
                |script: &Option<crate::script::Script>| script.as_ref().map(|script| script.as_str().to_owned());
            set("only_if", script(&work.only_if));
            set("creates", work.creates.as_ref().map(Text::quote));
            set("unless", script(&work.unless));
            set("check", script(&work.recipe.check));
            set("apply", command(step));
            set("gist", script(&work.recipe.equivalent_commands));
            set("by_hand", work.recipe.manual().map(|manual| manual.text.display()));
            let content = work.recipe.content();
            set("content", content.map(|content| shown_content(content).unwrap_or_else(|summary| summary)));
            set(
                "run_as",
                match &work.run_as {
                    RunAs::Login => None,
                    RunAs::Root | RunAs::RootToApply => Some("root".to_owned()),
                    RunAs::User(user) => Some(user.display()),
                },
            );
        }
    }
    line
}
