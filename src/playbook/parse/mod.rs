//! A YAML node to a [`Playbook`]: what is written, not yet what it means. Every error is reported at once.

mod across;
mod fields;
mod foreign;
mod groups;
mod hosts;
mod options;
mod params;
mod steps;
mod used;
mod values;

use std::collections::HashMap;
use std::sync::Arc;

use super::document::{Playbook, Unresolved};
use super::group::Group;
use super::step::{Step, WHOLE};
use super::used_file::{Files, OpenFile};
use crate::kinds::Kind;
use crate::node::{Entry, Node, Value};
use crate::plan::options as table;
use crate::render::file_scope::Scope;
use crate::render::param::ScopedVar;
use crate::source::{Diagnostic, SourceId, Span, Spanned, near};

/// The keys of a playbook besides the options that its steps get from it.
const TOP: &[&str] = &["name", "params", "vars", "vars_files", "hosts", "steps", "from_env", "secrets"];

/// Every key of a playbook.
fn top_keys() -> impl Iterator<Item = &'static str> + Clone {
    TOP.iter().copied().chain(table::names_at_groups())
}

/// Reads a playbook from its document. What has errors is reported and left open; the rest is there.
pub(crate) fn parse(
    source: SourceId,
    root: Node,
    kinds: &[&'static Kind],
    files: &mut dyn Files,
) -> (Playbook, Vec<Diagnostic>) {
    let mut parser = Parser { files: Some(files), ..Parser::new(kinds) };
    let mut playbook = Playbook::empty(source);
    parser.playbook(root, &mut playbook);
    playbook.unresolved = parser.unresolved;
    playbook.used_from = parser.used_from;
    (playbook, parser.diagnostics)
}

/// The entries of a file of variables, what its errors leave open, and the errors.
pub(crate) fn parse_vars(root: Node) -> (Vec<Entry>, Unresolved, Vec<Diagnostic>) {
    let mut parser = Parser::new(&[]);
    let entries = parser.vars(root);
    (entries, parser.unresolved, parser.diagnostics)
}

struct Parser<'a> {
    kinds: &'a [&'static Kind],
    diagnostics: Vec<Diagnostic>,
    unresolved: Unresolved,
    /// The steps that have been read, those of groups among them.
    steps: Vec<Step>,
    /// The groups of these steps, the playbook first.
    groups: Vec<Group>,
    /// How used files are read.
    files: Option<&'a mut dyn Files>,
    /// The scope of what is being read, and all scopes, the playbook's first.
    scope: usize,
    scopes: Vec<Scope>,
    /// The variables of used files.
    scoped: Vec<ScopedVar>,
    /// The used files that are being read, the outermost first.
    open: Vec<OpenFile>,
    /// How many files are used.
    uses: usize,
    /// How many uses have been called the same.
    use_names: HashMap<String, usize>,
    /// Where each used file is used first.
    used_from: Vec<(SourceId, Span)>,
    /// How many steps are written.
    written: usize,
    /// Whether there are more steps than a playbook can have.
    is_full: bool,
}

impl<'a> Parser<'a> {
    fn new(kinds: &'a [&'static Kind]) -> Self {
        Self {
            kinds,
            diagnostics: Vec::new(),
            unresolved: Unresolved::default(),
            steps: Vec::new(),
            groups: Vec::new(),
            files: None,
            scope: 0,
            scopes: vec![Scope::default()],
            scoped: Vec::new(),
            open: Vec::new(),
            uses: 0,
            use_names: HashMap::new(),
            used_from: Vec::new(),
            written: 0,
            is_full: false,
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn playbook(&mut self, root: Node, playbook: &mut Playbook) {
        let start = Span { end: root.span.start, ..root.span };
        self.groups.push(Self::whole(start));
        let Some(entries) = self.top(root) else {
            playbook.groups = std::mem::take(&mut self.groups);
            return;
        };
        let mut has_steps = false;
        for entry in entries {
            match self.top_key(&entry) {
                Some(key) => {
                    has_steps |= key == "steps";
                    self.top_entry(key, entry, playbook);
                }
                None => self.unresolved.values.push(entry.value),
            }
        }
        if !has_steps {
            self.unresolved.steps = true;
            self.report(
                Diagnostic::error(start, "`steps` is missing").hint("write `steps:` and under it a list of steps"),
            );
        }
        self.groups[WHOLE].steps.end = self.steps.len();
        let options = std::mem::take(&mut self.groups[WHOLE].options);
        self.check_user(&options);
        self.groups[WHOLE].options = options;
        (playbook.steps, playbook.groups) = (std::mem::take(&mut self.steps), std::mem::take(&mut self.groups));
        playbook.scopes = std::mem::take(&mut self.scopes).into_iter().map(Arc::new).collect();
        playbook.scoped.extend(std::mem::take(&mut self.scoped));
        self.check_across(playbook);
        playbook.inherit_all();
    }

    /// The keys of a playbook, if it is a map.
    fn top(&mut self, root: Node) -> Option<Vec<Entry>> {
        let error = match &root.value {
            Value::Map(_) | Value::Broken { .. } => None,
            Value::Null => {
                Some(Diagnostic::error(root.span, "the playbook is empty").hint("it needs at least `steps:`"))
            }
            _ => {
                let start = Span { end: root.span.start, ..root.span };
                let message = format!("a playbook must be a map, but this is {}", root.shape_name());
                let hint = match &root.value {
                    Value::List(plays) if plays.iter().any(is_play) => {
                        "Ansible's list of plays is one file for each play here: a map with `hosts:` and `steps:`"
                    }
                    _ => "its keys are name, vars, hosts and steps",
                };
                Some(Diagnostic::error(start, message).hint(hint))
            }
        };
        self.diagnostics.extend(error);
        if let Value::Map(entries) = root.value {
            return Some(entries);
        }
        self.unresolved.hosts = true;
        None
    }

    fn top_entry(&mut self, key: &str, entry: Entry, playbook: &mut Playbook) {
        match key {
            "name" => playbook.name = self.text(&entry),
            "vars" => playbook.vars.extend(self.vars(entry.value)),
            "vars_files" => {
                playbook.vars_files.extend(self.texts(&entry));
                self.unresolved.any_name |= playbook.vars_files.is_empty();
            }
            "params" => {
                playbook.params = self.params(entry);
                playbook.has_params = true;
                for param in &playbook.params {
                    if let Some(value) = param.default.clone() {
                        let entry = Entry { key: param.name.clone(), key_span: param.span, value, broken: false };
                        playbook.scoped.push(ScopedVar { entry, scope: 0, param: Some(param.clone()), steps: None });
                    }
                    if param.secret {
                        playbook.secrets.push(Spanned { value: param.name.clone(), span: param.span });
                    }
                }
            }
            "hosts" => playbook.hosts.extend(self.hosts(entry)),
            "steps" => {
                self.written = Self::count(&entry.value);
                self.steps(entry, WHOLE);
            }
            key if !TOP.contains(&key) => {
                let Some(row) = table::find(key) else { return };
                let given = self.option(row, entry);
                self.groups[WHOLE].options.push(given);
            }
            _ => {
                let before = self.diagnostics.len();
                let words = self.texts(&entry);
                let broken = self.diagnostics.len() != before || !entry.value.is_complete();
                let (list, open) = match key {
                    "from_env" => (&mut playbook.from_env, &mut self.unresolved.from_env),
                    _ => (&mut playbook.secrets, &mut self.unresolved.secrets),
                };
                list.extend(words);
                *open |= broken;
            }
        }
    }

    /// The key of a playbook that an entry's key is. A misspelt one is read as what it most likely means, so that what
    /// stands under it is checked and known.
    fn top_key(&mut self, entry: &Entry) -> Option<&'static str> {
        let exact = top_keys().find(|known| *known == entry.key);
        if exact.is_some() && !(entry.broken && exact == Some("name")) {
            return exact;
        }
        if !entry.broken {
            self.report_unknown(entry, "unknown playbook key", &top_keys().collect::<Vec<_>>());
        }
        (self.unresolved.hosts, self.unresolved.tags, self.unresolved.secrets) = (true, true, true);
        self.unresolved.any_name |= is_merge(entry);
        self.may_declare(&entry.value);
        if matches!(entry.key.as_str(), "tasks" | "pre_tasks" | "post_tasks") {
            return Some("steps");
        }
        near(&entry.key, top_keys()).filter(|known| !entry.broken && *known != "name")
    }

    fn report_unknown(&mut self, entry: &Entry, what: &str, known: &[&str]) {
        let error = Diagnostic::error(entry.key_span, format!("{what} `{}`", entry.key));
        if let Some(instead) = foreign_key(&entry.key, known) {
            return self.report(error.label(ANSIBLE).hint(instead));
        }
        let mut error = error.label("unknown key").did_you_mean(&entry.key, known.iter().copied());
        if error.hint.is_none() {
            error = error.hint(format!("known keys: {}", known.join(", ")));
        }
        self.report(error);
    }
}

/// What to write instead of a key of Ansible's: at the top of a playbook, or else in a host.
fn foreign_key(key: &str, known: &[&str]) -> Option<&'static str> {
    if known.starts_with(TOP) { foreign::top_key(key) } else { foreign::host_key(key) }
}

/// The label of a word of Ansible.
const ANSIBLE: &str = "a word of Ansible";

/// Whether an item of a list is one of Ansible's plays.
fn is_play(node: &Node) -> bool {
    let Value::Map(entries) = &node.value else { return false };
    entries.iter().any(|entry| entry.key == "hosts" || foreign::top_key(&entry.key).is_some())
}

/// Whether an entry would have brought in any number of others.
fn is_merge(entry: &Entry) -> bool {
    entry.broken && entry.key == "<<"
}
