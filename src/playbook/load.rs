//! A playbook with everything that the command line adds: files of variables, `-e`, the environment.

use std::collections::{HashMap, HashSet};

use super::{Inputs, Playbook, Unresolved, parse};
use crate::kinds::{KINDS, Kind};
use crate::node::{self, Entry, Node, Style, Value};
use crate::render::syntax::{is_name, tokens, uses};
use crate::render::templates::Templates;
use crate::render::vars::{for_each_name, for_each_use};
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
    /// What is at fault and yet let the rest be judged; [`crate::compile::compile_all`] hands it out with its own.
    pub(crate) faults: Vec<Diagnostic>,
}

/// Reads a playbook as far as it can be judged.
///
/// An error is the answer only where the playbook cannot be read at all. What else is at fault is kept, for
/// [`compile_all`](crate::compile::compile_all) to report together with what it finds itself.
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
    let mut faults = Vec::new();
    let mut playbook = document(sources, name, bytes, &mut faults).map(|(source, root)| {
        let (playbook, found) = parse::parse(source, root, kinds);
        faults.extend(found);
        playbook
    });
    let mut unresolved = Unresolved::default();
    let mut given_vars = Vec::new();
    for (name, bytes) in &inputs.vars_files {
        given_vars.extend(variables(sources, name, bytes.clone(), &mut unresolved, &mut faults));
    }
    let mut file_vars = Vec::new();
    for file in playbook.iter().flat_map(|playbook| &playbook.vars_files) {
        match (inputs.loader)(&file.value) {
            Ok(bytes) => file_vars.extend(variables(sources, &file.value, bytes, &mut unresolved, &mut faults)),
            Err(why) => {
                unresolved.any_name = true;
                faults.push(
                    Diagnostic::error(file.span, format!("`{}` cannot be read: {why}", file.value))
                        .hint("a path is looked for in the playbook's folder, then in the working directory"),
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
        &mut faults,
    );
    given_vars.extend(words);
    match playbook {
        Some(playbook) => Ok(Loaded { playbook, inputs, file_vars, given_vars, templates, faults }),
        None => Err(merged(faults)),
    }
}

/// The tree of a file, as far as it can be trusted.
fn document(
    sources: &mut Sources,
    name: &str,
    bytes: Vec<u8>,
    faults: &mut Vec<Diagnostic>,
) -> Option<(SourceId, Node)> {
    let text = match node::decode(name, bytes) {
        Ok(text) => text,
        Err(fault) => {
            faults.push(*fault);
            return None;
        }
    };
    let id = sources.add(name, text);
    let document = node::read(id, &sources.get(id).text);
    faults.extend(document.faults);
    document.root.map(|root| (id, root))
}

/// The variables of a file, as far as they can be read.
fn variables(
    sources: &mut Sources,
    name: &str,
    bytes: Vec<u8>,
    unresolved: &mut Unresolved,
    faults: &mut Vec<Diagnostic>,
) -> Vec<Entry> {
    let Some((_, root)) = document(sources, name, bytes, faults) else {
        unresolved.any_name = true;
        return Vec::new();
    };
    let (entries, left, found) = parse::parse_vars(root);
    faults.extend(found);
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
    faults: &mut Vec<Diagnostic>,
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
            faults.push(Diagnostic::error(whole, "a variable is given as NAME=VALUE").label("there is no `=`"));
            continue;
        };
        let key_span = whole.part(0, name.len());
        if !is_name(name) {
            faults.push(
                Diagnostic::error(key_span, format!("`{name}` cannot be the name of a variable"))
                    .label("expected letters, digits and `_`, no digit first"),
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
                let fault = Diagnostic::error(key_span, format!("the playbook has no variable `{name}`"))
                    .label("unknown variable");
                let fault = fault.did_you_mean(name, names);
                faults.push(if fault.hint.is_some() {
                    fault
                } else {
                    fault.hint("declare it under `vars:` in the playbook")
                });
                continue;
            }
        };
        let at = name.len() + 1;
        let value = given_value(name, value, whole.part(at, shown.len()), known, secrecy, faults);
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

/// The value of an `-e`; where it is at fault, something that nothing more is said of.
fn given_value(
    name: &str,
    value: &str,
    span: Span,
    known: Declared,
    secrecy: Secrecy,
    faults: &mut Vec<Diagnostic>,
) -> Node {
    let broken = Node { value: Value::Broken { text: String::new(), style: Style::Literal }, span };
    if value.chars().any(|c| matches!(c, '\0' | '\u{fdd0}'..='\u{fdef}')) {
        faults.push(Diagnostic::error(span, format!("the value of `{name}` holds a character that no text can hold")));
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
    if secrecy == Secrecy::None && !read.faults.is_empty() {
        faults.extend(read.faults);
        return broken;
    }
    match read.root {
        Some(node) if fits => literal(node),
        _ => {
            let fault =
                Diagnostic::error(span, format!("`{name}` is a list or a map in the playbook, and this is text"));
            faults.push(fault.hint(format!("write it as YAML, such as -e {name}='[a, b]'")));
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

/// Every name that the playbook's hosts and steps ask for, `vars` themselves left out.
pub(crate) fn used_in_steps<'p>(playbook: &'p Playbook, templates: &Templates) -> HashSet<&'p str> {
    let mut used = HashSet::new();
    for host in &playbook.hosts {
        let fields = [host.address.as_ref(), host.user.as_ref(), host.port.as_ref(), host.key.as_ref()];
        for node in fields.into_iter().flatten() {
            for_each_use(node, templates, &mut |_, name, _| {
                used.insert(name);
            });
        }
    }
    for node in playbook
        .unresolved
        .values
        .iter()
        .chain(playbook.steps.iter().flat_map(|step| step.leftover.iter().map(|(_, node)| node)))
    {
        for_each_use(node, templates, &mut |_, name, _| {
            used.insert(name);
        });
    }
    for step in &playbook.steps {
        let options = &step.options;
        let nodes = [
            Some(&step.name_node),
            options.sudo.as_ref(),
            options.run_as.as_ref(),
            options.cwd.as_ref(),
            options.unless.as_ref(),
            options.only_if.as_ref(),
            options.creates.as_ref(),
            options.looped.as_ref(),
            options.timeout.as_ref(),
            options.retries.as_ref(),
            options.delay.as_ref(),
            options.allow_failure.as_ref(),
            options.on_unknown.as_ref(),
        ];
        let params = step.params.iter().map(|param| &param.value);
        let env = options.env.iter().map(|entry| &entry.value);
        for node in nodes.into_iter().flatten().chain(params).chain(env) {
            for_each_use(node, templates, &mut |_, name, _| {
                used.insert(name);
            });
        }
        if let Some(when) = options.when.as_ref().and_then(Node::as_text) {
            let tokens = tokens(when, 0..when.len());
            used.extend(uses(&tokens).iter().map(|found| found.name));
        }
    }
    used
}

/// Every name that is asked for anywhere.
fn used_names<'p>(playbook: &'p Playbook, templates: &Templates) -> HashSet<&'p str> {
    let mut used = used_in_steps(playbook, templates);
    for entry in playbook.vars.iter().chain(playbook.hosts.iter().flat_map(|host| &host.vars)) {
        for_each_use(&entry.value, templates, &mut |_, name, _| {
            used.insert(name);
        });
    }
    used
}

/// Adds the names that a local template file asks for.
pub(crate) fn used_in_text(text: &str, templates: &Templates) -> HashSet<String> {
    let mut used = HashSet::new();
    for_each_name(text, templates, &mut |name, _| {
        used.insert(name.to_owned());
    });
    used
}
