//! `pinboot lint`: everything that can be checked in playbooks without a host.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::args::{Cli, VarArgs, flags};
use super::color::has_color;
use super::console::{print, print_diagnostics, print_failure};
use super::error::CommandError;
use super::files::{load_playbook, read_lock, read_named};
use super::lint_shell;
use crate::compile::{compile_some, lock_warnings};
use crate::event::{VERSION, json_text};
use crate::exit::Exit;
use crate::flags::Flags;
use crate::playbook::{leftovers, lint as warnings_of, snippets};
use crate::source::{Diagnostic, Severity, Sources, merged, render};

/// Checks playbooks: bad input if one of them has an error, success if there are only warnings.
pub(super) fn lint(cli: &Cli, playbooks: &[PathBuf], vars: &VarArgs) -> Result<Exit, CommandError> {
    let flags = flags(&[vars]);
    let mut exit = Exit::Success;
    let mut results = String::new();
    for path in playbooks {
        let bytes = read_named(path)?;
        let mut sources = Sources::default();
        let found = match diagnostics(path, bytes, &flags, &mut sources) {
            Ok(found) => found,
            Err(error) => {
                exit = Exit::BadInput;
                print_failure(&error);
                continue;
            }
        };
        if found.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
            exit = Exit::BadInput;
        }
        if cli.wants_json() {
            results.push_str(&json_lines(&found, &sources));
        } else if found.is_empty() {
            results.push_str(&format!("{}: no problems found\n", path.display()));
        } else {
            print_diagnostics(&render(&found, &sources, has_color(&io::stderr())));
        }
    }
    print(&results).map(|printed| Exit::worst([exit, printed]))
}

/// Everything that is wrong or looks wrong in a playbook.
fn diagnostics(
    path: &Path,
    bytes: Vec<u8>,
    flags: &Flags,
    sources: &mut Sources,
) -> Result<Vec<Diagnostic>, CommandError> {
    let lock = read_lock(path, sources)?;
    let loaded = load_playbook(path, bytes, flags, lock, sources)?;
    let mut found = warnings_of(&loaded, sources);
    found.extend(leftovers(&loaded));
    found.extend(lint_shell::check(&snippets(&loaded), sources));
    let (plans, wrong) = compile_some(&loaded, sources);
    // Of a playbook with errors not all is planned.
    if wrong.iter().all(|diagnostic| diagnostic.severity == Severity::Warning) {
        found.extend(lock_warnings(&loaded, &plans, &loaded.inputs.lock));
    }
    found.extend(wrong);
    Ok(merged(found))
}

/// One JSON object for each diagnostic.
fn json_lines(found: &[Diagnostic], sources: &Sources) -> String {
    let line = |diagnostic: &Diagnostic| {
        let severity = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let place = diagnostic.span.map(|span| {
            let (line, column) = sources.line_column(span);
            json!({"file": sources.get(span.source).name, "line": line, "column": column})
        });
        let line = json!({
            "v": VERSION, "kind": "diagnostic", "severity": severity, "message": diagnostic.message,
            "hint": diagnostic.hint, "place": place,
        });
        json_text(&line) + "\n"
    };
    found.iter().map(line).collect()
}
