//! `pinboot import`: a draft of a playbook from a script of shell, or from a playbook of Ansible.

use std::path::Path;

use serde_json::json;

use super::args::Cli;
use super::console::print;
use super::error::CommandError;
use crate::event::{VERSION, json_text};
use crate::exit::Exit;
use crate::source::Sources;

/// Prints the draft.
pub(super) fn import(cli: &Cli, file: &Path) -> Result<Exit, CommandError> {
    let bytes =
        std::fs::read(file).map_err(|error| CommandError::input(format!("cannot read {}: {error}", file.display())))?;
    let shown = file.display().to_string();
    let name = file.file_stem().map_or_else(|| shown.clone(), |stem| stem.to_string_lossy().into_owned());
    let mut sources = Sources::default();
    let text = crate::node::decode(&shown, bytes).map_err(|error| CommandError::diagnostics(&[*error], &sources))?;
    let is_yaml = file.extension().is_some_and(|end| end == "yml" || end == "yaml");
    let draft = if is_yaml {
        let id = sources.add(shown.clone(), text);
        let document = crate::node::parse(id, &sources.get(id).text)
            .map_err(|errors| CommandError::diagnostics(&errors, &sources))?;
        crate::import::from_ansible(&name, &document)
            .map_err(|why| CommandError::input(format!("{shown}: {why}")).hint("a script of shell ends in .sh"))?
    } else {
        crate::import::from_script(&name, &text)
    };
    if cli.wants_json() {
        let line = json!({ "v": VERSION, "kind": "draft", "playbook": draft });
        return print(&(json_text(&line) + "\n")).map(|_| Exit::Success);
    }
    print(&draft).map(|_| Exit::Success)
}
