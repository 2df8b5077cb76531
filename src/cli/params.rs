//! `pinboot params`: what a playbook, or a file that others use, asks for.

use std::path::Path;

use serde_json::json;

use super::args::{Cli, VarArgs, flags};
use super::console::print;
use super::error::CommandError;
use super::files::{load_playbook, read_named};
use crate::event::{VERSION, json_text};
use crate::exit::Exit;
use crate::lock::Lock;
use crate::node::{Node, Value};
use crate::render::param::Param;
use crate::source::{Diagnostic, Severity, Sources};
use crate::wrap::wrap;

/// The width of the text, whatever the terminal's is.
const COLUMNS: usize = 80;

/// Prints the parameters of a file: as text, or one JSON object a line.
pub(super) fn params(cli: &Cli, path: &Path, vars: &VarArgs) -> Result<Exit, CommandError> {
    let bytes = read_named(path)?;
    let mut sources = Sources::default();
    let loaded = load_playbook(path, bytes, &flags(&[vars]), Lock::default(), &mut sources)?;
    let is_error = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Error;
    let errors: Vec<Diagnostic> = loaded.diagnostics.iter().filter(is_error).cloned().collect();
    if !errors.is_empty() {
        return Err(CommandError::diagnostics(&errors, &sources));
    }
    let params = &loaded.playbook.params;
    if cli.wants_json() {
        return print(&params.iter().map(json_line).collect::<String>());
    }
    if params.is_empty() {
        return print(&format!("{}: no parameters\n", path.display()));
    }
    print(&params.iter().map(text).collect::<String>())
}

/// A parameter: its name and what it must be, and below it what it is for.
fn text(param: &Param) -> String {
    let mut what = vec![param.wanted.word().to_owned()];
    what.extend(param.required.then(|| "required".to_owned()));
    what.extend(param.secret.then(|| "secret".to_owned()));
    what.extend(shown_default(param).map(|default| format!("default: {default}")));
    let mut lines = vec![wrap(&format!("{}  {}", param.name, what.join(", ")), 4, Some(COLUMNS))];
    let mut below = |text: String| {
        lines.push(wrap(&format!("    {text}"), 4, Some(COLUMNS)));
    };
    if !param.description.is_empty() {
        below(param.description.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    if !param.choices.is_empty() {
        below(format!("one of: {}", param.choices.join(", ")));
    }
    lines.join("\n") + "\n"
}

fn json_line(param: &Param) -> String {
    let line = json!({
        "v": VERSION, "kind": "param", "name": param.name, "type": param.wanted.word(), "required": param.required,
        "default": shown_default(param), "description": param.description, "choices": param.choices,
        "secret": param.secret,
    });
    json_text(&line) + "\n"
}

/// The default as it would be written on one line; a secret one is not shown.
fn shown_default(param: &Param) -> Option<String> {
    let default = param.default.as_ref()?;
    Some(if param.secret { "***".to_owned() } else { flow(default) })
}

fn flow(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Scalar { text, .. } if text.is_empty() => "\"\"".to_owned(),
        Value::Scalar { text, .. } | Value::Broken { text, .. } => text.trim_end().replace('\n', " "),
        Value::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let entry = |entry: &crate::node::Entry| format!("{}: {}", entry.key, flow(&entry.value));
            format!("{{ {} }}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}
