//! `use: FILE`: the steps of another file, with its parameters.

use std::collections::HashMap;

use super::Parser;
use crate::ids::StepKey;
use crate::node::{Entry, Node, Value};
use crate::plan::options;
use crate::playbook::group::Group;
use crate::playbook::used_file::{OpenFile, UsedFile};
use crate::render::file_scope::Scope;
use crate::render::param::{Param, ScopedVar};
use crate::script::name_in_use;
use crate::source::{Diagnostic, Span, Spanned};

/// The most files that are used, each use counted.
const MAX_USES: usize = 1000;

/// What a use says besides the options of a group.
#[derive(Default)]
struct Use {
    file: Option<Spanned<String>>,
    with: Vec<Entry>,
}

/// The keys of a used file besides the options that its steps get from it.
const KEYS: &[&str] = &["name", "description", "params", "vars", "steps"];

impl Parser<'_> {
    /// Reads a use, and the steps of its file.
    pub(super) fn use_step(&mut self, node: Node, outer: usize) {
        let Value::Map(entries) = node.value else { return };
        let start = entries.first().map_or(node.span, |entry| entry.key_span);
        let mut group = Group { is_use: true, scope: self.scope, ..Self::new_group(start, outer) };
        let mut used = Use::default();
        for entry in entries {
            match entry.key.as_str() {
                "use" if !entry.broken => used.file = self.text(&entry),
                "with" if !entry.broken => used.with = self.with(entry),
                _ => self.group_entry(entry, &mut group),
            }
        }
        if group.name.value.is_empty() && group.leftover.is_empty() {
            self.report(
                Diagnostic::error(group.span, "the step has no `name`")
                    .hint("add one: it stands in front of the names of the file's steps"),
            );
        }
        self.check_user(&group.options);
        group.steps = self.steps.len()..self.steps.len();
        group.with = used.with.iter().map(|entry| entry.value.clone()).collect();
        let at = self.groups.len();
        self.groups.push(group);
        match used.file.and_then(|file| self.open(&file)) {
            Some((file, place)) => self.expand(file, place, used.with, at),
            None => self.unresolved.steps = true,
        }
        self.groups[at].steps.end = self.steps.len();
    }

    /// The values that a use gives.
    fn with(&mut self, entry: Entry) -> Vec<Entry> {
        match entry.value.value {
            Value::Map(entries) => entries,
            Value::Null => Vec::new(),
            _ => {
                self.expected("with", &entry.value, "a map of parameters and values", None);
                self.unresolved.values.push(entry.value);
                Vec::new()
            }
        }
    }

    /// Opens the file of a use, unless it is being read already.
    fn open(&mut self, file: &Spanned<String>) -> Option<(UsedFile, Span)> {
        let error = |message: String| Diagnostic::error(file.span, message);
        let path = self.scopes[self.scope].path(&file.value);
        self.uses += 1;
        if self.uses > MAX_USES {
            if self.uses == MAX_USES + 1 {
                self.report(error(format!("more than {MAX_USES} files are used, each use counted")));
            }
            return None;
        }
        let opened = match self.files.as_mut()?.open(&path) {
            Ok(opened) => opened,
            Err(why) => {
                let hint = match self.open.last() {
                    Some(_) => "paths in a used file are looked up in its own folder",
                    None => "paths are looked up in the playbook's folder, then in the working directory",
                };
                self.report(error(format!("`{path}` cannot be read: {why}")).hint(hint));
                return None;
            }
        };
        if let Some(from) = self.open.iter().position(|open| open.path == opened.path) {
            let mut way: Vec<&str> = self.open[from..].iter().map(|open| open.path.as_str()).collect();
            way.push(&opened.path);
            let mut circle = error(format!("a file uses itself: {}", way.join(" -> ")));
            for open in &self.open[from + 1..] {
                circle = circle.related(open.used, format!("this uses `{}`", open.path));
            }
            self.report(circle.hint("a file cannot use itself, not through others either"));
            return None;
        }
        Some((opened, file.span))
    }

    /// Reads the parameters and the steps of a file into the group of its use.
    fn expand(&mut self, file: UsedFile, place: Span, with: Vec<Entry>, group: usize) {
        if !self.used_from.iter().any(|(source, _)| *source == file.source) {
            self.used_from.push((file.source, place));
        }
        let Some(root) = file.root else {
            self.unresolved.steps = true;
            return;
        };
        let start = Span { end: root.span.start, ..root.span };
        let Value::Map(entries) = root.value else {
            self.unresolved.steps = true;
            let message = format!("a used file must be a map, but this is {}", root.shape_name());
            return self.report(Diagnostic::error(start, message).hint("its keys are params, vars and steps"));
        };
        let (caller, before) = (self.scope, self.unresolved.any_name);
        let key = self.key_of(group);
        self.scope = self.scopes.len();
        let scope = self.new_scope(group, &file.path);
        self.scopes.push(scope);
        self.open.push(OpenFile { path: file.path.clone(), used: place });
        let first = self.steps.len();
        let (mut params, mut vars, mut steps) = (Vec::new(), Vec::new(), None);
        let inner = self.groups.len();
        self.groups.push(Group { scope: self.scope, steps: first..first, ..Self::new_group(start, group) });
        for entry in entries {
            match entry.key.as_str() {
                _ if entry.broken => self.put_aside(entry),
                "name" | "description" => drop(self.text(&entry)),
                "params" => params = self.params(entry),
                "vars" => vars = self.vars(entry.value),
                "steps" => steps = Some(entry),
                _ => self.file_option(entry, inner),
            }
        }
        match steps {
            Some(entry) => self.steps(entry, inner),
            None => self.report(
                Diagnostic::error(start, "`steps` is missing").hint("a used file has `params:` and a list of `steps:`"),
            ),
        }
        self.groups[inner].steps.end = self.steps.len();
        let given = Given { with, place, path: &file.path, caller, first, key: &key };
        self.bind(given, params, vars);
        self.scopes[self.scope].any_name = self.unresolved.any_name != before;
        self.unresolved.any_name = before;
        self.open.pop();
        self.scope = caller;
    }

    /// What the names of a use are made of: what the use is called, and which of its namesakes it is.
    fn key_of(&mut self, group: usize) -> String {
        let group = &self.groups[group];
        let scope = &self.scopes[group.scope];
        let called = match group.id() {
            Some(id) => format!("{}{}", scope.id_prefix, id.value),
            None => format!("{}{}", scope.name_prefix, group.name.value),
        };
        let count = self.use_names.entry(called.clone()).or_insert(0);
        *count += 1;
        StepKey::new(&called, Some(&count.to_string())).as_str().to_owned()
    }

    fn new_scope(&self, group: usize, path: &str) -> Scope {
        let group = &self.groups[group];
        let outer = &self.scopes[group.scope];
        let name_prefix = format!("{}{}: ", outer.name_prefix, group.name.value);
        let id_prefix = match group.id() {
            Some(id) => format!("{}{}.", outer.id_prefix, id.value),
            None => name_prefix.clone(),
        };
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        Scope { names: Some(HashMap::new()), folder, name_prefix, id_prefix, any_name: false }
    }

    /// An option that stands at the top of a used file, or a key that cannot stand there.
    fn file_option(&mut self, entry: Entry, group: usize) {
        if let Some(row) = options::find(&entry.key).filter(|row| row.inherits.at_groups()) {
            let given = self.option(row, entry);
            self.groups[group].options.push(given);
            return;
        }
        let known = || KEYS.iter().copied().chain(options::names_at_groups());
        let error = match entry.key.as_str() {
            "hosts" | "vars_files" | "from_env" | "secrets" => {
                Diagnostic::error(entry.key_span, format!("`{}` belongs to a playbook, not to a used file", entry.key))
                    .hint("a used file gets everything by `params:`; a secret one says `secret: true`")
            }
            key => {
                let mut error = Diagnostic::error(entry.key_span, format!("unknown key `{key}` of a used file"))
                    .label("unknown key")
                    .did_you_mean(key, known());
                error.hint.get_or_insert_with(|| format!("known keys: {}", known().collect::<Vec<_>>().join(", ")));
                error
            }
        };
        self.report(error);
        self.put_aside(entry);
    }

    /// Gives the names of a file their values: parameters by the use or their defaults, its own variables, what its steps register.
    fn bind(&mut self, given: Given<'_>, params: Vec<Param>, vars: Vec<Entry>) {
        let scope = self.scope;
        let steps = given.first..self.steps.len();
        let Given { with, place, path, caller, key, .. } = given;
        let mut names: HashMap<String, String> = HashMap::new();
        self.check_with(&with, &params, path);
        for param in params {
            let global = name_in_use(key, &param.name);
            names.insert(param.name.clone(), global.clone());
            let value = with.iter().find(|entry| entry.key == param.name);
            let (key_span, value, scope) = match (value, &param.default) {
                (Some(entry), _) if !entry.broken && entry.value.is_complete() => {
                    (entry.key_span, entry.value.clone(), caller)
                }
                (None, Some(default)) => (param.span, default.clone(), scope),
                (None, None) if !param.required => (param.span, Node { value: Value::Null, span: param.span }, scope),
                (Some(_), _) => {
                    self.unresolved.names.insert(global);
                    continue;
                }
                (None, None) => {
                    let name = &param.name;
                    let mut error = Diagnostic::error(place, format!("`{path}` needs `{name}`"))
                        .related(param.span, "this parameter has no default")
                        .hint(format!("write `with: {{ {name}: … }}`"));
                    error.label = (!param.description.is_empty()).then(|| param.description.clone());
                    self.report(error);
                    self.unresolved.names.insert(global);
                    continue;
                }
            };
            let entry = Entry { key: global, key_span, value, broken: false };
            self.scoped.push(ScopedVar { entry, scope, param: Some(param), steps: Some(steps.clone()) });
        }
        for entry in vars {
            let global = name_in_use(key, &entry.key);
            if names.insert(entry.key.clone(), global.clone()).is_some() {
                self.report(Diagnostic::error(entry.key_span, format!("`{}` is already a parameter", entry.key)));
                continue;
            }
            let entry = Entry { key: global, ..entry };
            self.scoped.push(ScopedVar { entry, scope, param: None, steps: Some(steps.clone()) });
        }
        self.bind_registered(steps, key, &mut names);
        self.scopes[scope].names = Some(names);
    }

    fn bind_registered(&mut self, steps: std::ops::Range<usize>, key: &str, names: &mut HashMap<String, String>) {
        let declared: Vec<String> = names.keys().cloned().collect();
        let mut errors = Vec::new();
        for step in self.steps[steps].iter().filter(|step| step.scope == self.scope) {
            let Some(register) = step.register() else { continue };
            if declared.iter().any(|name| name == register.value) {
                let message = format!("`{}` is already a variable of this file", register.value);
                errors.push(Diagnostic::error(register.span, message).hint("register under another name"));
            }
            names.entry(register.value.to_owned()).or_insert_with(|| name_in_use(key, register.value));
        }
        self.diagnostics.extend(errors);
    }

    /// Reports what a use gives that the file does not ask for.
    fn check_with(&mut self, with: &[Entry], params: &[Param], path: &str) {
        for entry in with.iter().filter(|entry| !entry.broken) {
            if params.iter().any(|param| param.name == entry.key) {
                continue;
            }
            let known = || params.iter().map(|param| param.name.as_str());
            let mut error = Diagnostic::error(entry.key_span, format!("`{path}` has no parameter `{}`", entry.key))
                .label("unknown parameter")
                .did_you_mean(&entry.key, known());
            error.hint.get_or_insert_with(|| match params {
                [] => "the file has no `params:`".to_owned(),
                _ => format!("its parameters: {}", known().collect::<Vec<_>>().join(", ")),
            });
            self.report(error);
        }
    }
}

/// What a use gives its file.
struct Given<'u> {
    with: Vec<Entry>,
    place: Span,
    path: &'u str,
    caller: usize,
    /// The index of its first step.
    first: usize,
    key: &'u str,
}

/// Whether an item of a list of steps uses a file.
pub(super) fn is_use(node: &Node) -> bool {
    let Value::Map(entries) = &node.value else { return false };
    entries.iter().any(|entry| entry.key == "use")
}
