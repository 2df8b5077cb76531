//! The names that a value from outside can have: in a file of variables or on the command line.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use super::document::Playbook;
use super::uses::{template_files, used_in_text, used_names};
use crate::node::{Entry, Value};
use crate::render::Loader;
use crate::render::param::ParamType;
use crate::render::templates::Templates;
use crate::render::vars::for_each_use;
use crate::source::{Diagnostic, Span};

/// What is known of a variable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Declared {
    /// Whether it is a list or a map.
    pub(super) structured: bool,
    /// Whether it could not be read.
    pub(super) broken: bool,
}

/// The variables that the playbook declares or uses.
pub(super) struct KnownNames<'p> {
    /// The playbook, as far as it could be read.
    playbook: Option<&'p Playbook>,
    templates: &'p Templates,
    loader: &'p Loader,
    declared: HashMap<String, Declared>,
    /// What local template files use, read once it matters; `None` where one of them cannot be known.
    in_files: OnceCell<Option<HashSet<String>>>,
}

impl<'p> KnownNames<'p> {
    /// The names that the playbook declares or uses itself, and those that values of these files use.
    pub(super) fn new(
        playbook: Option<&'p Playbook>,
        files: [&[Entry]; 2],
        templates: &'p Templates,
        loader: &'p Loader,
    ) -> Self {
        let mut known = Self { playbook, templates, loader, declared: HashMap::new(), in_files: OnceCell::new() };
        let Some(playbook) = playbook else { return known };
        known.declare(&playbook.vars);
        for param in &playbook.params {
            let known = known.declared.entry(param.name.clone()).or_default();
            known.structured |= matches!(param.wanted, ParamType::List | ParamType::Map);
            known.structured |=
                param.default.as_ref().is_some_and(|node| matches!(node.value, Value::List(_) | Value::Map(_)));
        }
        for host in &playbook.hosts {
            known.declare(&host.vars);
        }
        for name in &playbook.unresolved.names {
            known.declared.entry(name.clone()).or_insert(Declared { structured: false, broken: true });
        }
        let secrets = playbook.secrets.iter().map(|secret| secret.value.as_str());
        for name in secrets.chain(used_names(playbook, templates)) {
            known.declared.entry(name.to_owned()).or_default();
        }
        for entry in files.into_iter().flatten() {
            for_each_use(&entry.value, templates, &mut |_, name, _| {
                known.declared.entry(name.to_owned()).or_default();
            });
        }
        known
    }

    /// Adds the variables of a file.
    pub(super) fn declare(&mut self, entries: &[Entry]) {
        for entry in entries {
            let known = self.declared.entry(entry.key.clone()).or_default();
            known.structured |= matches!(entry.value.value, Value::List(_) | Value::Map(_));
            known.broken |= entry.value.is_broken();
        }
    }

    /// What is known of a name; an error at this place where the playbook has no such variable.
    pub(super) fn find(&self, name: &str, span: Span) -> Result<Declared, Box<Diagnostic>> {
        if let Some(known) = self.declared.get(name) {
            return Ok(*known);
        }
        if self.playbook.is_none_or(|playbook| playbook.unresolved.any_name) {
            return Ok(Declared { structured: false, broken: true });
        }
        let Some(in_files) = self.in_files.get_or_init(|| self.read_template_files()) else {
            return Ok(Declared::default());
        };
        if in_files.contains(name) {
            return Ok(Declared::default());
        }
        let mut names: Vec<&str> = self.declared.keys().chain(in_files).map(String::as_str).collect();
        names.sort_unstable();
        let mut error = Diagnostic::error(span, format!("the playbook has no variable `{name}`"))
            .label("unknown variable")
            .did_you_mean(name, names);
        error.hint.get_or_insert_with(|| "declare it under `vars:` in the playbook, or use it".to_owned());
        Err(Box::new(error))
    }

    /// The names that local template files use; `None` where the path of one is a template itself, or it cannot be read.
    fn read_template_files(&self) -> Option<HashSet<String>> {
        let mut names = HashSet::new();
        for path in self.playbook.iter().flat_map(|playbook| template_files(playbook)) {
            let text = String::from_utf8((self.loader)(path?).ok()?).ok()?;
            names.extend(used_in_text(&text, self.templates));
        }
        Some(names)
    }
}
