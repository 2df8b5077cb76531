//! A YAML node to a [`Playbook`]: what was said, not yet what it means. Every fault is reported at once.

mod steps;

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{HostEntry, Playbook, Unresolved};
use crate::kinds::{Kind, Shape};
use crate::node::{Entry, Node, Value};
use crate::render::convert;
use crate::render::syntax::{is_name, is_template};
use crate::source::{Diagnostic, SourceId, Span, Spanned, near};

/// Names that templates already mean something by.
const RESERVED: &[&str] = &[
    "item",
    "index",
    "env",
    "loop",
    "range",
    "dict",
    "namespace",
    "true",
    "false",
    "none",
    "not",
    "and",
    "or",
    "in",
    "is",
    "if",
    "else",
];

const TOP: &[&str] = &["name", "vars", "vars_files", "hosts", "steps", "from_env", "secrets"];
const HOST: &[&str] = &["address", "user", "port", "key", "vars"];
/// Every option of a step, in the order of help.
pub(crate) const OPTIONS: &[&str] = &[
    "sudo",
    "run_as",
    "cwd",
    "env",
    "when",
    "unless",
    "only_if",
    "creates",
    "loop",
    "register",
    "when_changed",
    "tags",
    "timeout",
    "retries",
    "delay",
    "allow_failure",
    "always",
    "on_unknown",
];
pub(crate) const ON_UNKNOWN: &[&str] = &["fail", "rerun", "done"];

/// Reads a playbook out of its document: what is at fault is reported and left open, the rest is there.
pub(crate) fn parse(source: SourceId, root: Node, kinds: &[&'static Kind]) -> (Playbook, Vec<Diagnostic>) {
    let mut parser = Parser { kinds, faults: Vec::new(), unresolved: Unresolved::default() };
    let mut playbook = parser.playbook(source, root);
    playbook.unresolved = parser.unresolved;
    (playbook, parser.faults)
}

/// The entries of a file of variables, what its faults leave open, and the faults.
pub(crate) fn parse_vars(root: Node) -> (Vec<Entry>, Unresolved, Vec<Diagnostic>) {
    let mut parser = Parser { kinds: &[], faults: Vec::new(), unresolved: Unresolved::default() };
    let entries = parser.vars(root);
    (entries, parser.unresolved, parser.faults)
}

/// Whether an entry would have brought in any number of others.
fn is_merge(entry: &Entry) -> bool {
    entry.broken && entry.key == "<<"
}

struct Parser<'a> {
    kinds: &'a [&'static Kind],
    faults: Vec<Diagnostic>,
    unresolved: Unresolved,
}

impl Parser<'_> {
    fn fault(&mut self, fault: Diagnostic) {
        self.faults.push(fault);
    }

    fn playbook(&mut self, source: SourceId, root: Node) -> Playbook {
        let span = root.span;
        let mut playbook = Playbook {
            source,
            name: None,
            vars: Vec::new(),
            vars_files: Vec::new(),
            hosts: Vec::new(),
            steps: Vec::new(),
            from_env: Vec::new(),
            secrets: Vec::new(),
            unresolved: Unresolved::default(),
        };
        let entries = match root.value {
            Value::Map(entries) => entries,
            Value::Broken { .. } => {
                self.unresolved.hosts = true;
                return playbook;
            }
            Value::Null => {
                self.unresolved.hosts = true;
                self.fault(Diagnostic::error(span, "the playbook is empty").hint("it needs at least `steps:`"));
                return playbook;
            }
            _ => {
                self.unresolved.hosts = true;
                let start = Span { end: span.start, ..span };
                self.fault(
                    Diagnostic::error(start, format!("a playbook is a map, and this is {}", root.shape_name()))
                        .hint("its keys are name, vars, hosts and steps"),
                );
                return playbook;
            }
        };
        let mut steps = false;
        for entry in entries {
            let Some(key) = self.top_key(&entry) else {
                self.unresolved.values.push(entry.value);
                continue;
            };
            match key {
                "name" => playbook.name = self.text(&entry),
                "vars" => playbook.vars.extend(self.vars(entry.value)),
                "vars_files" => {
                    playbook.vars_files.extend(self.texts(&entry));
                    self.unresolved.any_name |= playbook.vars_files.is_empty();
                }
                "hosts" => playbook.hosts.extend(self.hosts(entry)),
                "steps" => {
                    steps = true;
                    playbook.steps.extend(self.steps(entry));
                }
                "from_env" => {
                    let before = self.faults.len();
                    playbook.from_env.extend(self.texts(&entry));
                    self.unresolved.from_env |= self.faults.len() != before || !entry.value.is_whole();
                }
                _ => {
                    let before = self.faults.len();
                    playbook.secrets.extend(self.texts(&entry));
                    self.unresolved.secrets |= self.faults.len() != before || !entry.value.is_whole();
                }
            }
        }
        if !steps {
            self.unresolved.steps = true;
            let start = Span { end: span.start, ..span };
            self.fault(
                Diagnostic::error(start, "`steps` is missing").hint("write `steps:` and under it a list of steps"),
            );
        }
        for step in self.check_names(&playbook) {
            // The name stays the variable's.
            playbook.steps[step].options.register = None;
        }
        playbook
    }

    /// The key of a playbook that an entry's key is; one that is misspelt is read as what it most likely means, so that
    /// what stands under it is judged and known.
    fn top_key(&mut self, entry: &Entry) -> Option<&'static str> {
        let exact = TOP.iter().copied().find(|known| *known == entry.key);
        if exact.is_some() && !(entry.broken && exact == Some("name")) {
            return exact;
        }
        if !entry.broken {
            self.unknown(entry, "a playbook has no key", TOP);
        }
        (self.unresolved.hosts, self.unresolved.tags, self.unresolved.secrets) = (true, true, true);
        self.unresolved.any_name |= is_merge(entry);
        self.may_declare(&entry.value);
        near(&entry.key, TOP.iter().copied()).filter(|known| !entry.broken && *known != "name")
    }

    fn unknown(&mut self, entry: &Entry, what: &str, known: &[&str]) {
        let mut fault = Diagnostic::error(entry.key_span, format!("{what} `{}`", entry.key))
            .label("unknown key")
            .did_you_mean(&entry.key, known.iter().copied());
        if fault.hint.is_none() {
            fault = fault.hint(format!("known keys: {}", known.join(", ")));
        }
        self.fault(fault);
    }

    /// Says that a value has the wrong shape, unless a fault of it has been told.
    fn expected(&mut self, key: &str, node: &Node, wanted: &str) {
        if node.is_broken() {
            return;
        }
        let fault = Diagnostic::error(node.span, format!("`{key}`: expected {wanted}, found {}", node.shape_name()))
            .label(format!("expected {wanted}"));
        self.fault(fault);
    }

    /// A text that holds no template.
    fn text(&mut self, entry: &Entry) -> Option<Spanned<String>> {
        self.plain(&entry.key, &entry.value)
    }

    fn plain(&mut self, key: &str, node: &Node) -> Option<Spanned<String>> {
        let Some(text) = node.as_text() else {
            self.expected(key, node, "text");
            return None;
        };
        if is_template(text) {
            self.fault(
                Diagnostic::error(node.span, format!("`{key}` cannot hold a template"))
                    .hint("it is read before any variable is known"),
            );
            return None;
        }
        if text.is_empty() {
            self.fault(Diagnostic::error(node.span, format!("`{key}` is empty")).label("expected text"));
            return None;
        }
        Some(Spanned { value: text.to_owned(), span: node.span })
    }

    /// A text or a list of texts.
    fn texts(&mut self, entry: &Entry) -> Vec<Spanned<String>> {
        let nodes = match &entry.value.value {
            Value::List(items) => items.as_slice(),
            Value::Scalar { .. } => std::slice::from_ref(&entry.value),
            _ => {
                self.expected(&entry.key, &entry.value, "a list of texts");
                self.unresolved.values.push(entry.value.clone());
                return Vec::new();
            }
        };
        nodes.iter().filter_map(|node| self.plain(&entry.key, node)).collect()
    }

    fn vars(&mut self, node: Node) -> Vec<Entry> {
        match node.value {
            Value::Map(entries) => entries.into_iter().filter_map(|entry| self.variable(entry)).collect(),
            Value::Null => Vec::new(),
            _ => {
                self.expected("vars", &node, "a map of names and values");
                self.unresolved.any_name = true;
                self.unresolved.values.push(node);
                Vec::new()
            }
        }
    }

    fn variable(&mut self, entry: Entry) -> Option<Entry> {
        let before = self.faults.len();
        if entry.broken {
            self.unresolved.any_name |= !is_name(&entry.key);
        } else {
            self.variable_name(&entry.key, entry.key_span, "a variable");
            if self.faults.len() == before {
                return Some(entry);
            }
        }
        self.unresolved.values.push(entry.value);
        None
    }

    fn variable_name(&mut self, name: &str, span: Span, what: &str) {
        let before = self.faults.len();
        if RESERVED.contains(&name) {
            self.fault(
                Diagnostic::error(span, format!("{what} cannot be called `{name}`"))
                    .label("templates mean something else by it"),
            );
        } else if !is_name(name) {
            let better: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            let mut fault = Diagnostic::error(span, format!("{what} cannot be called `{name}`"))
                .label("expected letters, digits and `_`, no digit first");
            if is_name(&better) {
                fault = fault.hint(format!("call it `{better}`"));
                self.unresolved.names.insert(better);
            }
            self.fault(fault);
        }
        if self.faults.len() != before {
            // An expression that asks for it asks for its words.
            let words = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| is_name(word));
            self.unresolved.names.extend(words.map(str::to_owned));
        }
    }

    fn hosts(&mut self, entry: Entry) -> Vec<HostEntry> {
        let entries = match entry.value.value {
            Value::Map(entries) => entries,
            Value::Null => return Vec::new(),
            _ => {
                self.unresolved.hosts = true;
                self.may_declare(&entry.value);
                if !entry.value.is_broken() {
                    self.expected("hosts", &entry.value, "a map from names to hosts");
                    if let Some(fault) = self.faults.last_mut() {
                        fault.hint = Some("write `hosts: { NAME: { address: ADDRESS, user: USER } }`".to_owned());
                    }
                }
                self.unresolved.values.push(entry.value);
                return Vec::new();
            }
        };
        entries.into_iter().filter_map(|entry| self.host(entry)).collect()
    }

    fn host(&mut self, entry: Entry) -> Option<HostEntry> {
        if entry.broken {
            self.unresolved.hosts = true;
            self.unresolved.any_name |= is_merge(&entry);
            self.may_declare(&entry.value);
            self.unresolved.values.push(entry.value);
            return None;
        }
        let name = Spanned { value: entry.key.clone(), span: entry.key_span };
        if entry.key.is_empty() || entry.key.contains(|c: char| c.is_control() || c == ',') || is_template(&entry.key) {
            self.fault(
                Diagnostic::error(entry.key_span, "a host cannot be called like this")
                    .hint("the name is a plain text without commas; what differs goes into `address`"),
            );
        }
        let mut host = HostEntry { name, address: None, user: None, port: None, key: None, vars: Vec::new() };
        let Value::Map(fields) = entry.value.value else {
            if !entry.value.is_broken() {
                self.expected(&entry.key, &entry.value, "a map");
                if let Some(fault) = self.faults.last_mut() {
                    fault.hint = Some(format!("write `{}: {{ address: ADDRESS, user: USER }}`", entry.key));
                }
            }
            // Its variables are not known either.
            self.may_declare(&entry.value);
            self.unresolved.values.push(entry.value);
            return Some(host);
        };
        let mut addressed = false;
        for field in fields {
            let shape = if field.key == "port" { Shape::Integer } else { Shape::Text };
            match field.key.as_str() {
                "vars" => host.vars.extend(self.vars(field.value)),
                name if HOST.contains(&name) && !field.broken => {
                    addressed |= name == "address";
                    let value = self.checked(&field.key, field.value, shape);
                    match name {
                        "address" => host.address = value,
                        "user" => host.user = value,
                        "port" => host.port = value,
                        _ => host.key = value,
                    }
                }
                _ => {
                    // A missing address is most likely the key that was misspelt.
                    addressed = true;
                    if !field.broken {
                        self.unknown(&field, "a host has no key", HOST);
                    }
                    self.unresolved.any_name |= is_merge(&field);
                    self.may_declare(&field.value);
                    self.unresolved.values.push(field.value);
                }
            }
        }
        if !addressed {
            self.fault(
                Diagnostic::error(entry.key_span, format!("the host `{}` has no `address`", entry.key))
                    .hint("write its DNS name or IP address behind `address:`"),
            );
        }
        Some(host)
    }

    /// A value, if it is what its field wants; otherwise it has been reported and is put aside.
    fn checked(&mut self, key: &str, value: Node, shape: Shape) -> Option<Node> {
        let before = self.faults.len();
        convert::check_node(&value, shape, key, &mut self.faults);
        if self.faults.len() == before && value.is_whole() {
            return Some(value);
        }
        self.unresolved.values.push(value);
        None
    }

    /// What can only be said of the playbook as a whole; gives the steps that register what is a variable already.
    fn check_names(&mut self, playbook: &Playbook) -> BTreeSet<usize> {
        let mut taken = BTreeSet::new();
        let mut names: HashMap<&str, Vec<(usize, Span)>> = HashMap::new();
        for (at, step) in playbook.steps.iter().enumerate() {
            names.entry(step.name.value.as_str()).or_default().push((at, step.name.span));
        }
        let vars: HashMap<&str, Span> = playbook
            .vars
            .iter()
            .chain(playbook.hosts.iter().flat_map(|host| &host.vars))
            .map(|entry| (entry.key.as_str(), entry.key_span))
            .collect();
        let mut faults = Vec::new();
        for (at, step) in playbook.steps.iter().enumerate() {
            for wanted in step.options.when_changed.iter().flatten() {
                let fault = |message: String| Diagnostic::error(wanted.span, message);
                match names.get(wanted.value.as_str()).map(Vec::as_slice) {
                    None => {
                        let fault = fault(format!("no step is called `{}`", wanted.value))
                            .did_you_mean(&wanted.value, playbook.steps.iter().map(|step| step.name.value.as_str()));
                        // A step whose name could not be read may be the one, unless another name is near.
                        if fault.hint.is_some() || !self.unresolved.steps {
                            faults.push(fault);
                        }
                    }
                    Some([(found, span)]) if *found >= at => {
                        let which = if *found == at { "this step itself" } else { "a later step" };
                        faults.push(
                            fault(format!("`{}` is {which}", wanted.value))
                                .related(*span, "it is this one")
                                .hint("`when_changed` looks at earlier steps"),
                        );
                    }
                    Some([first, second, ..]) => faults.push(
                        fault(format!("two steps are called `{}`", wanted.value))
                            .related(first.1, "one")
                            .related(second.1, "another")
                            .hint("give them different names"),
                    ),
                    Some(_) => {}
                }
            }
            if let Some(register) = &step.options.register {
                if let Some(span) = vars.get(register.value.as_str()) {
                    taken.insert(at);
                    faults.push(
                        Diagnostic::error(register.span, format!("`{}` is a variable already", register.value))
                            .related(*span, "declared here")
                            .hint("register under another name"),
                    );
                }
                let leftover = step.leftover.iter().find(|(key, _)| key == "loop").map(|(_, node)| node);
                if let Some(looped) = step.options.looped.as_ref().or(leftover) {
                    faults.push(
                        Diagnostic::error(register.span, "a step with `loop` cannot register a value")
                            .related(looped.span, "each turn would overwrite the one before")
                            .hint("do it in one step: a list becomes several words of one command"),
                    );
                }
            }
        }
        let mut seen = HashSet::new();
        for secret in &playbook.secrets {
            if !seen.insert(secret.value.as_str()) {
                faults.push(Diagnostic::error(secret.span, format!("`{}` is listed twice", secret.value)));
            }
            self.variable_name(&secret.value, secret.span, "a secret");
        }
        self.faults.extend(faults);
        taken
    }
}
