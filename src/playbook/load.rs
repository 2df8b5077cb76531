//! A playbook with everything that the command line adds: files of variables, `-e`, the environment.

use std::collections::HashMap;

use super::assignments;
use super::document::{Playbook, Unresolved};
use super::inputs::Inputs;
use super::known::KnownNames;
use super::parse;
use super::used_file::{Files, UsedFile};
use crate::kinds::{KINDS, Kind};
use crate::node::{self, Entry, Node};
use crate::render::Loader;
use crate::render::param::ScopedVar;
use crate::render::syntax::is_template;
use crate::render::templates::Templates;
use crate::source::{Diagnostic, SourceId, Sources, Span, merged, near, search_anew};

/// A playbook that was read, with the variables given from outside.
#[derive(Debug)]
pub struct Loaded {
    /// What the playbook says.
    pub playbook: Playbook,
    /// What the command line says.
    pub inputs: Inputs,
    /// Variables of the playbook's own `vars_files`.
    pub(crate) file_vars: Vec<Entry>,
    /// Variables of `--vars-file` and, above them, of `-e`.
    pub(crate) given_vars: Vec<Entry>,
    /// The bytes of the files that it uses, in the order of their first use.
    pub used_bytes: Vec<u8>,
    pub(crate) templates: Templates,
    /// Errors that did not stop the loading; [`crate::compile::compile_all`] reports them with its own.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// The secret variables by the names that plans have for them, and where each is declared.
    pub fn secret_places(&self) -> impl Iterator<Item = (&str, Span)> {
        let own = self.playbook.secrets.iter().map(|secret| (secret.value.as_str(), secret.span));
        let is_secret = |var: &&ScopedVar| var.param.as_ref().is_some_and(|param| param.secret);
        let scoped = self.playbook.scoped.iter().filter(is_secret);
        own.chain(scoped.map(|var| (var.entry.key.as_str(), var.entry.key_span)))
    }

    /// Lets what is said about a used file say where that is used, too.
    pub(crate) fn used_from(&self, diagnostics: &mut [Diagnostic]) {
        for diagnostic in diagnostics {
            let mut source = diagnostic.span.map(|span| span.source);
            // A file is used by the playbook, or by another file that was used before.
            while let Some((_, place)) = self.playbook.used_from.iter().find(|(file, _)| Some(*file) == source) {
                if diagnostic.related.iter().any(|(known, _)| known == place) {
                    break;
                }
                diagnostic.related.push((*place, "used from here".to_owned()));
                source = Some(place.source);
            }
        }
    }
}

/// Reads a playbook as far as possible.
///
/// It fails only if the playbook cannot be read at all. All other errors are kept, and
/// [`compile_all`](crate::compile::compile_all) reports them together with those that it finds.
pub fn load(sources: &mut Sources, name: &str, bytes: Vec<u8>, inputs: Inputs) -> Result<Loaded, Vec<Diagnostic>> {
    load_with(KINDS, sources, name, bytes, inputs)
}

/// [`load`] with another table of kinds.
pub fn load_with(
    kinds: &[&'static Kind],
    sources: &mut Sources,
    name: &str,
    bytes: Vec<u8>,
    inputs: Inputs,
) -> Result<Loaded, Vec<Diagnostic>> {
    search_anew();
    let mut reading = Reading { sources, unresolved: Unresolved::default(), diagnostics: Vec::new() };
    let mut used_bytes = Vec::new();
    let mut playbook = reading.document(name, bytes).map(|(source, root)| {
        let mut files =
            UsedFiles { reading: &mut reading, loader: &*inputs.loader, read: HashMap::new(), bytes: Vec::new() };
        let (playbook, found) = parse::parse(source, root, kinds, &mut files);
        used_bytes = files.bytes;
        reading.diagnostics.extend(found);
        playbook
    });
    let mut given_vars = Vec::new();
    for (name, bytes) in &inputs.vars_files {
        given_vars.extend(reading.variables(name, bytes.clone()));
    }
    let mut file_vars = Vec::new();
    for file in playbook.iter().flat_map(|playbook| &playbook.vars_files) {
        match (inputs.loader)(&file.value) {
            Ok(bytes) => file_vars.extend(reading.variables(&file.value, bytes)),
            Err(why) => {
                reading.unresolved.any_name = true;
                reading.diagnostics.push(
                    Diagnostic::error(file.span, format!("`{}` cannot be read: {why}", file.value))
                        .hint("paths are looked up in the playbook's folder, then in the working directory"),
                );
            }
        }
    }
    let Reading { sources, unresolved, mut diagnostics } = reading;
    if let Some(playbook) = &mut playbook {
        playbook.unresolved.names.extend(unresolved.names);
        playbook.unresolved.any_name |= unresolved.any_name;
        playbook.unresolved.values.extend(unresolved.values);
    }
    let hosts = playbook.as_ref().map_or(0, |playbook| playbook.hosts.len());
    let templates = Templates::new().for_hosts(hosts);
    let mut known = KnownNames::new(playbook.as_ref(), [&file_vars, &given_vars], &templates, &*inputs.loader);
    for file in [&file_vars, &given_vars] {
        let unknown = file.iter().filter_map(|entry| known.find(&entry.key, entry.key_span).err());
        diagnostics.extend(unknown.map(|error| *error));
        known.declare(file);
    }
    hide_secrets(sources, playbook.as_ref(), [&file_vars, &given_vars]);
    let (given, found) = assignments::read(sources, &inputs.flags.vars, playbook.as_ref(), &known);
    drop(known);
    given_vars.extend(given);
    diagnostics.extend(found);
    match playbook {
        Some(playbook) => Ok(Loaded { playbook, inputs, file_vars, given_vars, used_bytes, templates, diagnostics }),
        None => Err(merged(diagnostics)),
    }
}

/// Hides the written values of secrets, and of what may be a misspelt secret, from the lines that diagnostics quote.
fn hide_secrets(sources: &mut Sources, playbook: Option<&Playbook>, files: [&Vec<Entry>; 2]) {
    let Some(playbook) = playbook else { return };
    for var in playbook.scoped.iter().filter(|var| var.param.as_ref().is_some_and(|param| param.secret)) {
        if var.entry.value.as_text().is_some_and(|text| !is_template(text)) {
            sources.hide(var.entry.value.span);
        }
    }
    let secrets = || playbook.secrets.iter().map(|secret| secret.value.as_str());
    let of_playbook = playbook.vars.iter().chain(playbook.hosts.iter().flat_map(|host| &host.vars));
    for entry in of_playbook.chain(files.into_iter().flatten()) {
        let may_be_secret = near(&entry.key, secrets()).is_some();
        if may_be_secret && entry.value.as_text().is_some_and(|text| !is_template(text)) {
            sources.hide(entry.value.span);
        }
    }
}

/// The files that a playbook uses, each read once.
struct UsedFiles<'r, 's> {
    reading: &'r mut Reading<'s>,
    loader: &'r Loader,
    read: HashMap<String, Result<UsedFile, String>>,
    /// What all of them hold, in the order of their first use.
    bytes: Vec<u8>,
}

impl Files for UsedFiles<'_, '_> {
    fn open(&mut self, path: &str) -> Result<UsedFile, String> {
        if let Some(known) = self.read.get(path) {
            return known.clone();
        }
        let in_folder = format!("{}/main.yaml", path.trim_end_matches('/'));
        let found = match (self.loader)(path) {
            Ok(bytes) => Ok((path.to_owned(), bytes)),
            Err(why) => (self.loader)(&in_folder).map(|bytes| (in_folder, bytes)).map_err(|_| why),
        };
        let file = found.map(|(path, bytes)| {
            self.bytes.extend_from_slice(&bytes);
            match self.reading.document(&path, bytes) {
                Some((source, root)) => UsedFile { source, root: Some(root), path },
                None => UsedFile { source: self.reading.sources.add(path.as_str(), ""), root: None, path },
            }
        });
        self.read.insert(path.to_owned(), file.clone());
        file
    }
}

/// Reads files, and keeps what is wrong with them.
struct Reading<'s> {
    sources: &'s mut Sources,
    unresolved: Unresolved,
    diagnostics: Vec<Diagnostic>,
}

impl Reading<'_> {
    /// The tree of a file, as far as it is reliable.
    fn document(&mut self, name: &str, bytes: Vec<u8>) -> Option<(SourceId, Node)> {
        let text = match node::decode(name, bytes) {
            Ok(text) => text,
            Err(error) => {
                self.diagnostics.push(*error);
                return None;
            }
        };
        let id = self.sources.add(name, text);
        let document = node::read(id, &self.sources.get(id).text);
        self.diagnostics.extend(document.diagnostics);
        document.root.map(|root| (id, root))
    }

    /// The variables of a file, as far as they can be read.
    fn variables(&mut self, name: &str, bytes: Vec<u8>) -> Vec<Entry> {
        let Some((_, root)) = self.document(name, bytes) else {
            self.unresolved.any_name = true;
            return Vec::new();
        };
        let (entries, unresolved, found) = parse::parse_vars(root);
        self.diagnostics.extend(found);
        self.unresolved.names.extend(unresolved.names);
        self.unresolved.any_name |= unresolved.any_name;
        self.unresolved.values.extend(unresolved.values);
        entries
    }
}
