//! A playbook with everything that the command line adds: files of variables, `-e`, the environment.

use std::collections::HashMap;

use super::document::{Playbook, Unresolved};
use super::inputs::Inputs;
use super::parse;
use super::uses::used_names;
use crate::kinds::{KINDS, Kind};
use crate::node::{self, Entry, Node, Style, Value};
use crate::render::syntax::is_name;
use crate::render::templates::Templates;
use crate::source::{Diagnostic, SourceId, Sources, Span, merged};

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
    pub(crate) templates: Templates,
    /// Errors that did not stop the loading; [`crate::compile::compile_all`] reports them with its own.
    pub(crate) diagnostics: Vec<Diagnostic>,
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
    let mut diagnostics = Vec::new();
    let mut playbook = document(sources, name, bytes, &mut diagnostics).map(|(source, root)| {
        let (playbook, found) = parse::parse(source, root, kinds);
        diagnostics.extend(found);
        playbook
    });
    let mut unresolved = Unresolved::default();
    let mut given_vars = Vec::new();
    for (name, bytes) in &inputs.vars_files {
        given_vars.extend(variables(sources, name, bytes.clone(), &mut unresolved, &mut diagnostics));
    }
    let mut file_vars = Vec::new();
    for file in playbook.iter().flat_map(|playbook| &playbook.vars_files) {
        match (inputs.loader)(&file.value) {
            Ok(bytes) => file_vars.extend(variables(sources, &file.value, bytes, &mut unresolved, &mut diagnostics)),
            Err(why) => {
                unresolved.any_name = true;
                diagnostics.push(
                    Diagnostic::error(file.span, format!("`{}` cannot be read: {why}", file.value))
                        .hint("paths are looked up in the playbook's folder, then in the working directory"),
                );
            }
        }
    }
    if let Some(playbook) = &mut playbook {
        playbook.unresolved.names.extend(unresolved.names);
        playbook.unresolved.any_name |= unresolved.any_name;
        playbook.unresolved.values.extend(unresolved.values);
    }
    let templates = Templates::new();
    let words = given_on_command_line(
        sources,
        &inputs.flags.vars,
        playbook.as_ref(),
        [&file_vars, &given_vars],
        &templates,
        &mut diagnostics,
    );
    given_vars.extend(words);
    match playbook {
        Some(playbook) => Ok(Loaded { playbook, inputs, file_vars, given_vars, templates, diagnostics }),
        None => Err(merged(diagnostics)),
    }
}

/// The tree of a file, as far as it can be trusted.
fn document(
    sources: &mut Sources,
    name: &str,
    bytes: Vec<u8>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(SourceId, Node)> {
    let text = match node::decode(name, bytes) {
        Ok(text) => text,
        Err(error) => {
            diagnostics.push(*error);
            return None;
        }
    };
    let id = sources.add(name, text);
    let document = node::read(id, &sources.get(id).text);
    diagnostics.extend(document.diagnostics);
    document.root.map(|root| (id, root))
}

/// The variables of a file, as far as they can be read.
fn variables(
    sources: &mut Sources,
    name: &str,
    bytes: Vec<u8>,
    unresolved: &mut Unresolved,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Entry> {
    let Some((_, root)) = document(sources, name, bytes, diagnostics) else {
        unresolved.any_name = true;
        return Vec::new();
    };
    let (entries, left, found) = parse::parse_vars(root);
    diagnostics.extend(found);
    unresolved.names.extend(left.names);
    unresolved.any_name |= left.any_name;
    unresolved.values.extend(left.values);
    entries
}

/// What a variable is, as far as `-e` needs to know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Declared {
    /// A list or a map.
    structured: bool,
    /// What it is could not be read.
    broken: bool,
}

/// The `-e` of the command line, each a source of its own.
fn given_on_command_line(
    sources: &mut Sources,
    vars: &[String],
    playbook: Option<&Playbook>,
    files: [&Vec<Entry>; 2],
    templates: &Templates,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Entry> {
    let mut declared: HashMap<String, Declared> = HashMap::new();
    if let Some(playbook) = playbook {
        let hosts = playbook.hosts.iter().flat_map(|host| &host.vars);
        for entry in playbook.vars.iter().chain(hosts).chain(files.into_iter().flatten()) {
            let known = declared.entry(entry.key.clone()).or_default();
            known.structured |= matches!(entry.value.value, Value::List(_) | Value::Map(_));
            known.broken |= entry.value.is_broken();
        }
        for name in &playbook.unresolved.names {
            declared.entry(name.clone()).or_insert(Declared { structured: false, broken: true });
        }
        for secret in &playbook.secrets {
            declared.entry(secret.value.clone()).or_default();
        }
        for used in used_names(playbook, templates) {
            declared.entry(used.to_owned()).or_default();
        }
    }
    let mut entries = Vec::new();
    for given in vars {
        // What a secret is set to must not show up in the line that a diagnostic quotes.
        let secrecy = match (given.split_once('='), playbook) {
            (None, _) => Secrecy::None,
            (Some((name, _)), Some(playbook)) if playbook.secrets.iter().any(|secret| secret.value == name) => {
                Secrecy::Secret
            }
            (_, Some(playbook)) if !playbook.unresolved.secrets => Secrecy::None,
            _ => Secrecy::Possible,
        };
        let shown = match given.split_once('=') {
            Some((name, _)) if secrecy != Secrecy::None => format!("{name}=***"),
            _ => given.clone(),
        };
        let id = sources.add("--var", shown.as_str());
        let whole = Span { source: id, start: 0, end: shown.len() };
        let Some((name, value)) = given.split_once('=') else {
            diagnostics.push(Diagnostic::error(whole, "expected NAME=VALUE").label("there is no `=`"));
            continue;
        };
        let key_span = whole.part(0, name.len());
        if !is_name(name) {
            diagnostics.push(
                Diagnostic::error(key_span, format!("invalid variable name `{name}`"))
                    .label("expected letters, digits and `_`, not starting with a digit"),
            );
            continue;
        }
        let known = match (declared.get(name), playbook) {
            (Some(known), _) => *known,
            (None, None) => Declared { structured: false, broken: true },
            (None, Some(playbook)) if playbook.unresolved.any_name => Declared { structured: false, broken: true },
            (None, Some(_)) => {
                let mut names: Vec<&str> = declared.keys().map(String::as_str).collect();
                names.sort_unstable();
                let error = Diagnostic::error(key_span, format!("the playbook has no variable `{name}`"))
                    .label("unknown variable");
                let error = error.did_you_mean(name, names);
                diagnostics.push(if error.hint.is_some() {
                    error
                } else {
                    error.hint("declare it under `vars:` in the playbook")
                });
                continue;
            }
        };
        let at = name.len() + 1;
        let value = given_value(name, value, whole.part(at, shown.len()), known, secrecy, diagnostics);
        entries.push(Entry { key: name.to_owned(), key_span, value, broken: false });
    }
    entries
}

/// Whether the value of an `-e` may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrecy {
    None,
    /// The list of the secrets could not be read.
    Possible,
    Secret,
}

/// The value of an `-e`; where it has an error, a placeholder about which nothing more is reported.
fn given_value(
    name: &str,
    value: &str,
    span: Span,
    known: Declared,
    secrecy: Secrecy,
    diagnostics: &mut Vec<Diagnostic>,
) -> Node {
    let broken = Node { value: Value::Broken { text: String::new(), style: Style::Literal }, span };
    if value.chars().any(|c| matches!(c, '\0' | '\u{fdd0}'..='\u{fdef}')) {
        diagnostics.push(Diagnostic::error(
            span,
            format!("the value of `{name}` contains a character that is not allowed in text"),
        ));
        return broken;
    }
    if known.broken {
        return broken;
    }
    if !known.structured || secrecy == Secrecy::Secret {
        return Node { value: Value::Scalar { text: value.to_owned(), style: Style::Literal }, span };
    }
    let read = node::read_value(span.source, value, span.start);
    let fits = matches!(read.root, Some(Node { value: Value::List(_) | Value::Map(_), .. }));
    if secrecy == Secrecy::Possible && fits {
        // No place in it can be pointed at.
        return broken;
    }
    if secrecy == Secrecy::None && !read.diagnostics.is_empty() {
        diagnostics.extend(read.diagnostics);
        return broken;
    }
    match read.root {
        Some(node) if fits => literal(node),
        _ => {
            let error =
                Diagnostic::error(span, format!("`{name}` is a list or a map in the playbook, but this is text"));
            diagnostics.push(error.hint(format!("write it as YAML, such as -e {name}='[a, b]'")));
            broken
        }
    }
}

/// A node in which no template is looked for.
fn literal(node: Node) -> Node {
    let value = match node.value {
        Value::Scalar { text, .. } => Value::Scalar { text, style: Style::Literal },
        Value::List(items) => Value::List(items.into_iter().map(literal).collect()),
        Value::Map(entries) => {
            Value::Map(entries.into_iter().map(|entry| Entry { value: literal(entry.value), ..entry }).collect())
        }
        other @ (Value::Null | Value::Broken { .. }) => other,
    };
    Node { value, span: node.span }
}
