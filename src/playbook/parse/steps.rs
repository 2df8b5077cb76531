//! Steps: their name, their kind, their options.

use super::used::is_use;
use super::{ANSIBLE, Parser, foreign, is_merge};
use crate::kinds::Kind;
use crate::node::{Entry, Node, Value};
use crate::plan::options::{self, StepOption};
use crate::playbook::document::MAX_STEPS;
use crate::playbook::step::{Given, Step};
use crate::render::syntax::is_name;
use crate::source::{Diagnostic, Span, Spanned, near};

impl Parser<'_> {
    /// Reads the steps of a playbook or of a group.
    pub(super) fn steps(&mut self, entry: Entry, group: usize) {
        let items = match entry.value.value {
            Value::List(items) => items,
            Value::Null => Vec::new(),
            _ => {
                self.unresolved.steps = true;
                self.expected("steps", &entry.value, "a list", Some("each step starts with `- name:`"));
                self.unresolved.values.push(entry.value);
                return;
            }
        };
        if items.is_empty() {
            self.unresolved.steps = true;
            self.report(
                Diagnostic::error(entry.key_span, "`steps` is empty")
                    .hint("add a step: `- name: …` and a kind such as `command:`"),
            );
        }
        for item in items {
            if is_group(&item) {
                self.group(item, group);
            } else if is_use(&item) {
                self.use_step(item, group);
            } else if self.has_room(&item)
                && let Some(mut step) = self.step(item)
            {
                (step.group, step.scope) = (group, self.scope);
                self.steps.push(step);
            }
        }
    }

    /// How many steps a list of steps has, those of groups counted one by one.
    pub(super) fn count(node: &Node) -> usize {
        let Value::List(items) = &node.value else { return 0 };
        let inside = |item: &Node| match &item.value {
            Value::Map(entries) => {
                entries.iter().find(|entry| entry.key == "steps").map(|entry| Self::count(&entry.value))
            }
            _ => None,
        };
        items.iter().map(|item| inside(item).unwrap_or(1)).sum()
    }

    /// Whether the playbook can have another step; reports the first one that is too much.
    fn has_room(&mut self, item: &Node) -> bool {
        if self.steps.len() < MAX_STEPS {
            return true;
        }
        if !self.is_full {
            self.report(
                Diagnostic::error(item.span, format!("too many steps: {}", self.written))
                    .label(format!("this is step {}", MAX_STEPS + 1))
                    .hint(format!("a playbook can have {MAX_STEPS}; `loop:` does one thing for many values")),
            );
        }
        self.is_full = true;
        self.unresolved.steps = true;
        self.unresolved.values.push(item.clone());
        false
    }

    fn step(&mut self, node: Node) -> Option<Step> {
        let Value::Map(entries) = node.value else {
            if !node.is_broken() {
                let message = format!("a step must be a map, but this is {}", node.shape_name());
                let hint = "write `- name: …` and under it a kind such as `command: …`";
                self.report(Diagnostic::error(node.span, message).hint(hint));
            }
            // What an alias stands for may register a value.
            self.unresolved.any_name |= node.is_broken();
            (self.unresolved.steps, self.unresolved.tags) = (true, true);
            self.unresolved.values.push(node);
            return None;
        };
        let start = entries.first().map_or(node.span, |entry| entry.key_span);
        let start = Span { end: start.end, ..start };
        let mut step = Step::empty(start);
        let mut misread = false;
        for entry in entries {
            misread |= !self.step_entry(entry, &mut step);
        }
        self.check_step(&step, misread);
        self.unresolved.tags |= step.may_have("tags");
        Some(step)
    }

    /// Reads one key of a step; `false` where it may be meant as its name or its kind.
    fn step_entry(&mut self, entry: Entry, step: &mut Step) -> bool {
        if entry.broken {
            // A key that is given twice counts as it was given first; any other may be anything.
            let known = is_name(&entry.key);
            self.unresolved.any_name |= is_merge(&entry);
            self.may_register(&entry.value);
            step.leftover.push((entry.key, entry.value));
            return known;
        }
        if entry.key == "name" {
            return self.step_name(entry, step);
        }
        if let Some(kind) = self.kinds.iter().copied().find(|kind| kind.name == entry.key) {
            return self.kind(kind, entry, step);
        }
        if let Some(option) = options::find(&entry.key) {
            let given = self.option(option, entry);
            step.options.push(given);
            return true;
        }
        self.report_unknown_step_key(&entry, step.kind.is_some());
        if near(&entry.key, options::names()) == Some("register") {
            self.may_register(&entry.value);
        }
        step.leftover.push((entry.key, entry.value));
        false
    }

    /// Reads the kind of a step; `false` where it has one already.
    fn kind(&mut self, kind: &'static Kind, entry: Entry, step: &mut Step) -> bool {
        let Some(first) = step.kind else {
            (step.kind, step.kind_span) = (Some(kind), entry.key_span);
            self.fields(kind, entry, step);
            return true;
        };
        let message = format!("a step has one kind, but this one has `{}` and `{}`", first.name, kind.name);
        self.report(
            Diagnostic::error(entry.key_span, message)
                .label("a second kind")
                .related(step.kind_span, "the first one")
                .hint("split it into two steps"),
        );
        step.leftover.push((entry.key, entry.value));
        false
    }

    /// What a step lacks, and what excludes one another in it.
    fn check_step(&mut self, step: &Step, misread: bool) {
        if step.name.value.is_empty() {
            self.unresolved.steps = true;
            if !misread {
                self.report(
                    Diagnostic::error(step.span, "the step has no `name`")
                        .hint("add one: the run, the log and `--from` refer to the step by it"),
                );
            }
        }
        self.check_user(&step.options);
        if step.only_asks() {
            self.check_asking(step);
        }
        if step.kind.is_none() && !misread {
            let names: Vec<&str> = self.kinds.iter().map(|kind| kind.name).collect();
            self.report(
                Diagnostic::error(step.span, "the step has no kind")
                    .label("this step")
                    .hint(format!("add one of: {}", names.join(", "))),
            );
        }
    }

    /// What excludes one another in the options of a step, or of a group.
    pub(super) fn check_user(&mut self, options: &[Given<StepOption>]) {
        let find = |name: &str| options.iter().find(|given| given.row.name == name && !given.broken);
        if let (Some(sudo), Some(run_as)) = (find("sudo"), find("run_as"))
            && sudo.value.as_text() == Some("true")
        {
            self.report(
                Diagnostic::error(run_as.value.span, "`run_as` and `sudo: true` exclude each other")
                    .related(sudo.value.span, "this asks for root")
                    .hint("remove one of them"),
            );
        }
    }

    /// What a step cannot have that only asks.
    fn check_asking(&mut self, step: &Step) {
        let given = step.given("changes").map(|given| given.key_span);
        let Some(changes) = given.or(step.kind.filter(|kind| kind.asks).map(|_| step.kind_span)) else { return };
        match (step.kind, given) {
            (Some(kind), Some(given)) if kind.asks => self.report(
                Diagnostic::error(given, format!("`{}` only asks, and never changes anything", kind.name))
                    .hint("remove `changes`"),
            ),
            (Some(kind), _) if !kind.asks && !matches!(kind.name, "command" | "script") => self.report(
                Diagnostic::error(
                    changes,
                    format!("`changes: false` is only for `command` and `script`, not for `{}`", kind.name),
                )
                .related(step.kind_span, "this changes the host")
                .hint("remove it; `--check` asks without changing anything"),
            ),
            _ => {}
        }
        for option in ["creates", "unless"] {
            if let Some(given) = step.given(option) {
                self.report(
                    Diagnostic::error(given.key_span, format!("`{option}` has no meaning in a step that only asks"))
                        .related(changes, "it says that the step only asks")
                        .hint(format!("remove one of them: `{option}` says when a change is done, and a step that only asks makes none")),
                );
            }
        }
        if let Some(always) = step.option("always").filter(|node| node.as_text() == Some("false")) {
            self.report(
                Diagnostic::error(always.span, "a step that only asks runs each time")
                    .related(changes, "it says that the step only asks")
                    .hint("remove `always: false`"),
            );
        }
    }

    /// Reads a step's name; `false` where it is not valid.
    fn step_name(&mut self, entry: Entry, step: &mut Step) -> bool {
        match self.name(entry, "step") {
            Ok((name, node)) => {
                (step.name, step.name_node) = (name, node);
                true
            }
            Err(entry) => {
                step.leftover.push((entry.key, entry.value));
                false
            }
        }
    }

    /// Reads the name of a step or a group; gives the entry back where it is not valid.
    pub(super) fn name(&mut self, entry: Entry, what: &str) -> Result<(Spanned<String>, Node), Entry> {
        match entry.value.as_text() {
            Some(text) if text.trim().is_empty() => {
                self.report(
                    Diagnostic::error(entry.value.span, format!("the {what}'s name is empty")).label("expected text"),
                );
            }
            Some(text) if text.contains('\n') => {
                self.report(
                    Diagnostic::error(entry.value.span, format!("the {what}'s name has several lines"))
                        .hint("write it on one line"),
                );
            }
            Some(text) => {
                return Ok((Spanned { value: text.to_owned(), span: entry.value.span }, entry.value));
            }
            None => self.expected("name", &entry.value, "text", None),
        }
        Err(entry)
    }

    fn report_unknown_step_key(&mut self, entry: &Entry, has_kind: bool) {
        let kinds = || self.kinds.iter().map(|kind| kind.name);
        let all = kinds().chain(options::names()).chain(["name"]);
        let error = Diagnostic::error(entry.key_span, format!("unknown kind or option `{}`", entry.key));
        if let Some(instead) = foreign::step_key(&entry.key) {
            return self.report(error.label(ANSIBLE).hint(instead));
        }
        let module = foreign::module(&entry.key);
        if module != entry.key && self.kinds.iter().any(|kind| kind.name == module) {
            return self.report(
                error.label(ANSIBLE).hint(format!("write `{module}:`; `pinboot kinds {module}` lists its fields")),
            );
        }
        let mut error = error.label("unknown key").did_you_mean(&entry.key, all);
        if error.hint.is_none() {
            let of_kind = self.kinds.iter().find(|kind| kind.fields.iter().any(|field| field.name == entry.key));
            error.hint = Some(match of_kind {
                Some(kind) => format!("`{}` is a field of `{}`: indent it below that key", entry.key, kind.name),
                None if has_kind => format!("options: {}", options::names().collect::<Vec<_>>().join(", ")),
                None => format!("kinds: {}", kinds().collect::<Vec<_>>().join(", ")),
            });
        }
        self.report(error);
    }
}

/// Whether an item of a list of steps is a group of them.
fn is_group(node: &Node) -> bool {
    let Value::Map(entries) = &node.value else { return false };
    entries.iter().any(|entry| entry.key == "steps")
}
