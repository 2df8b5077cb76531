//! `pinboot lint`: everything that can be said about playbooks without a host.

use std::path::PathBuf;

use serde_json::json;

use super::args::{Cli, Values, flags};
use super::fault::Fault;
use super::{color, complain, files, print};
use crate::compile::compile_all;
use crate::event::{Mode, VERSION};
use crate::exit::Exit;
use crate::playbook::{leftovers, lint as warnings_of};
use crate::source::{Diagnostic, Severity, Sources, merged, render};

/// Checks playbooks; 2 where one of them has an error, 0 where there are only warnings or none.
pub(super) fn lint(cli: &Cli, playbooks: &[PathBuf], values: &Values) -> Result<Exit, Fault> {
    let flags = flags(&[values]);
    let color = color(&std::io::stderr());
    let mut exit = Exit::Success;
    let mut lines = String::new();
    for path in playbooks {
        let bytes =
            std::fs::read(path).map_err(|why| Fault::input(format!("{} cannot be read: {why}", path.display())))?;
        let mut sources = Sources::default();
        let found = files::load_playbook(path, bytes, &flags, &mut sources, color).map(|loaded| {
            let mut found = warnings_of(&loaded, &sources);
            found.extend(leftovers(&loaded));
            if let Err(faults) = compile_all(&loaded, &mut sources, Mode::Run) {
                found.extend(faults);
            }
            let found = merged(found);
            let errors = found.iter().any(|fault| fault.severity == Severity::Error);
            let text = if cli.wants_json() { json_lines(&found, &sources) } else { render(&found, &sources, color) };
            (errors, found.is_empty(), text)
        });
        match found {
            Ok((errors, clean, text)) => {
                exit = if errors { Exit::BadInput } else { exit };
                if cli.wants_json() {
                    lines.push_str(&text);
                } else if clean {
                    lines.push_str(&format!("{}: nothing to complain about\n", path.display()));
                } else {
                    complain(&text);
                }
            }
            Err(fault) => {
                exit = Exit::BadInput;
                complain(&fault.text);
            }
        }
    }
    print(&lines).map(|printed| Exit::worst([exit, printed]))
}

/// One JSON object for each diagnostic.
fn json_lines(found: &[Diagnostic], sources: &Sources) -> String {
    found
        .iter()
        .map(|fault| {
            let severity = match fault.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let place = fault.span.map(|span| {
                let (line, column) = sources.line_column(span);
                json!({"file": sources.get(span.source).name, "line": line, "column": column})
            });
            let line = json!({
                "v": VERSION, "kind": "diagnostic", "severity": severity, "message": fault.message, "hint": fault.hint, "place": place,
            });
            format!("{line}\n")
        })
        .collect()
}
