//! Steps: their name, their kind with its fields, their options.

use super::super::{MAX_STEPS, Options, Param, Step};
use super::{ON_UNKNOWN, OPTIONS, Parser, is_merge};
use crate::kinds::{Field, Kind, Shape};
use crate::node::{Entry, Node, Style, Value};
use crate::render::convert::{self, boolean};
use crate::render::syntax::{is_name, is_template};
use crate::source::{Diagnostic, Span, Spanned, near};

impl Parser<'_> {
    pub(super) fn steps(&mut self, entry: Entry) -> Vec<Step> {
        let mut items = match entry.value.value {
            Value::List(items) => items,
            Value::Null => Vec::new(),
            _ => {
                self.unresolved.steps = true;
                if !entry.value.is_broken() {
                    self.expected("steps", &entry.value, "a list");
                    if let Some(fault) = self.faults.last_mut() {
                        fault.hint = Some("each step begins with `- name:`".to_owned());
                    }
                }
                self.unresolved.values.push(entry.value);
                return Vec::new();
            }
        };
        if items.is_empty() {
            self.unresolved.steps = true;
            self.fault(
                Diagnostic::error(entry.key_span, "`steps` is empty")
                    .hint("add a step: `- name: …` and a kind such as `command:`"),
            );
        }
        if items.len() > MAX_STEPS {
            let fault = Diagnostic::error(items[MAX_STEPS].span, format!("{} steps are too many", items.len()))
                .label(format!("this is step {}", MAX_STEPS + 1))
                .hint(format!("a playbook may have {MAX_STEPS}; `loop:` does one thing for many values"));
            self.fault(fault);
            self.unresolved.steps = true;
            self.unresolved.values.extend(items.drain(MAX_STEPS..));
        }
        items.into_iter().filter_map(|item| self.step(item)).collect()
    }

    fn step(&mut self, node: Node) -> Option<Step> {
        let Value::Map(entries) = node.value else {
            if !node.is_broken() {
                let fault = Diagnostic::error(node.span, format!("a step is a map, and this is {}", node.shape_name()))
                    .hint("write `- name: …` and under it a kind such as `command: …`");
                self.fault(fault);
            }
            // What an alias stands for may have registered a value.
            self.unresolved.any_name |= node.is_broken();
            (self.unresolved.steps, self.unresolved.tags) = (true, true);
            self.unresolved.values.push(node);
            return None;
        };
        let start = entries.first().map_or(node.span, |entry| entry.key_span);
        let start = Span { end: start.end, ..start };
        let mut step = Step {
            name: Spanned { value: String::new(), span: start },
            name_node: Node { value: Value::Broken { text: String::new(), style: Style::Plain }, span: start },
            span: start,
            kind: None,
            kind_span: start,
            params: Vec::new(),
            whole: false,
            options: Options::default(),
            leftover: Vec::new(),
        };
        let mut failed = false;
        for entry in entries {
            if entry.broken {
                // A key that is given twice counts as it was given first; any other may have been anything.
                failed |= !is_name(&entry.key);
                self.unresolved.any_name |= is_merge(&entry);
                self.may_register(&entry.value);
                step.leftover.push((entry.key, entry.value));
            } else if entry.key == "name" {
                failed |= !self.step_name(entry, &mut step);
            } else if let Some(found) = self.kinds.iter().copied().find(|kind| kind.name == entry.key) {
                if let Some(first) = step.kind {
                    self.faults.push(
                        Diagnostic::error(
                            entry.key_span,
                            format!("a step has one kind, and this one has `{}` and `{}`", first.name, found.name),
                        )
                        .label("a second kind")
                        .related(step.kind_span, "the first one")
                        .hint("make two steps of it"),
                    );
                    failed = true;
                    step.leftover.push((entry.key, entry.value));
                } else {
                    (step.kind, step.kind_span) = (Some(found), entry.key_span);
                    self.params(found, entry, &mut step);
                }
            } else if OPTIONS.contains(&entry.key.as_str()) {
                self.option(entry, &mut step);
            } else {
                self.unknown_step_key(&entry, step.kind.is_some());
                failed = true;
                self.unresolved.tags = true;
                if near(&entry.key, OPTIONS.iter().copied()) == Some("register") {
                    self.may_register(&entry.value);
                }
                step.leftover.push((entry.key, entry.value));
            }
        }
        if step.name.value.is_empty() {
            self.unresolved.steps = true;
            if !failed {
                self.fault(
                    Diagnostic::error(start, "the step has no `name`")
                        .hint("give it one: it is what the run, the log and `--from` call it by"),
                );
            }
        }
        if step.options.sudo.as_ref().is_some_and(|sudo| sudo.as_text() == Some("true"))
            && let (Some(sudo), Some(run_as)) = (&step.options.sudo, &step.options.run_as)
        {
            self.faults.push(
                Diagnostic::error(run_as.span, "`run_as` and `sudo: true` exclude each other")
                    .related(sudo.span, "root is asked for here")
                    .hint("keep one of them"),
            );
        }
        if step.kind.is_none() && !failed {
            let names: Vec<&str> = self.kinds.iter().map(|kind| kind.name).collect();
            self.fault(
                Diagnostic::error(start, "the step has no kind")
                    .label("this step")
                    .hint(format!("add one of: {}", names.join(", "))),
            );
        }
        Some(step)
    }

    /// Reads a step's name; whether it is one.
    fn step_name(&mut self, entry: Entry, step: &mut Step) -> bool {
        match entry.value.as_text() {
            Some(text) if text.trim().is_empty() => {
                self.fault(Diagnostic::error(entry.value.span, "the step's name is empty").label("expected text"));
            }
            Some(text) if text.contains('\n') => {
                self.fault(Diagnostic::error(entry.value.span, "a step's name is one line"));
            }
            Some(text) => {
                step.name = Spanned { value: text.to_owned(), span: entry.value.span };
                step.name_node = entry.value;
                return true;
            }
            None => self.expected("name", &entry.value, "text"),
        }
        step.leftover.push((entry.key, entry.value));
        false
    }

    /// Notes names that a value may have been meant to register.
    fn may_register(&mut self, node: &Node) {
        match &node.value {
            Value::Scalar { text, .. } if is_name(text) => drop(self.unresolved.names.insert(text.clone())),
            Value::List(items) => items.iter().for_each(|item| self.may_register(item)),
            _ => self.may_declare(node),
        }
    }

    /// Notes names that a value may have been meant to declare: the keys of its maps.
    pub(super) fn may_declare(&mut self, node: &Node) {
        match &node.value {
            Value::Null | Value::Scalar { .. } => {}
            // What an alias stands for is not known.
            Value::Broken { text, .. } => self.unresolved.any_name |= text.is_empty(),
            Value::List(items) => items.iter().for_each(|item| self.may_declare(item)),
            Value::Map(entries) => {
                for entry in entries {
                    self.unresolved.names.insert(entry.key.clone());
                    self.may_declare(&entry.value);
                }
            }
        }
    }

    fn unknown_step_key(&mut self, entry: &Entry, has_kind: bool) {
        let kinds = || self.kinds.iter().map(|kind| kind.name);
        let all = kinds().chain(OPTIONS.iter().copied()).chain(["name"]);
        let mut fault = Diagnostic::error(entry.key_span, format!("no kind and no option is called `{}`", entry.key))
            .label("unknown key")
            .did_you_mean(&entry.key, all);
        if fault.hint.is_none() {
            let of_kind = self.kinds.iter().find(|kind| kind.fields.iter().any(|field| field.name == entry.key));
            fault.hint = Some(match of_kind {
                Some(kind) => format!("`{}` is a field of `{}`: indent it below that key", entry.key, kind.name),
                None if has_kind => format!("options: {}", OPTIONS.join(", ")),
                None => format!("kinds: {}", kinds().collect::<Vec<_>>().join(", ")),
            });
        }
        self.fault(fault);
    }

    /// Reads a kind's fields into a step, which is whole where the kind can make something of them.
    fn params(&mut self, kind: &'static Kind, entry: Entry, step: &mut Step) {
        let kind_span = entry.key_span;
        let field_named = |name: &str| kind.fields.iter().find(|field| field.name == name);
        match entry.value.value {
            Value::Map(entries) => {
                let rest_field = field_named("*");
                let mut rest = Vec::new();
                let mut failed = false;
                for entry in entries {
                    match field_named(&entry.key).filter(|field| field.name != "*") {
                        _ if entry.broken => {
                            failed = true;
                            step.leftover.push((entry.key, entry.value));
                        }
                        Some(field) => {
                            let param = self.param(field, field.name, entry.key_span, entry.value);
                            step.params.push(param);
                        }
                        None if rest_field.is_some() => rest.push(entry),
                        None => {
                            failed = true;
                            self.unknown_field(kind, &entry);
                            step.leftover.push((entry.key, entry.value));
                        }
                    }
                }
                if let (Some(field), false) = (rest_field, rest.is_empty()) {
                    let value = Node { value: Value::Map(rest), span: entry.value.span };
                    let param = self.param(field, kind.name, kind_span, value);
                    step.params.push(param);
                }
                if failed {
                    // A missing field is most likely the one that was misspelt.
                    return;
                }
            }
            Value::Null if kind.fields.iter().any(|field| field.required) || kind.short.is_some() => {
                let node = Node { value: Value::Null, span: entry.value.span };
                self.expected(kind.name, &node, &form(kind));
                return;
            }
            Value::Null => {}
            value => {
                let node = Node { value, span: entry.value.span };
                let Some(field) = kind.short.and_then(field_named) else {
                    self.expected(kind.name, &node, &form(kind));
                    step.leftover.push((entry.key, node));
                    return;
                };
                let param = self.param(field, kind.name, kind_span, node);
                step.params.push(param);
            }
        }
        step.whole = true;
        for field in kind.fields.iter().filter(|field| field.required) {
            if !step.params.iter().any(|param| param.field.name == field.name) {
                step.whole = false;
                let what =
                    if field.name == "*" { "a name and a value".to_owned() } else { format!("`{}`", field.name) };
                self.fault(
                    Diagnostic::error(kind_span, format!("`{}` needs {what}", kind.name))
                        .hint(field.doc.trim_end_matches('.')),
                );
            }
        }
    }

    /// One field, its value checked as far as it can be before any variable is known.
    fn param(&mut self, field: &'static Field, name: &str, key_span: Span, value: Node) -> Param {
        let before = self.faults.len();
        convert::check_node(&value, field.shape, name, &mut self.faults);
        Param { field, key_span, broken: self.faults.len() != before || !value.is_whole(), value }
    }

    fn unknown_field(&mut self, kind: &Kind, entry: &Entry) {
        let known = kind.fields.iter().map(|field| field.name);
        let mut fault = Diagnostic::error(entry.key_span, format!("`{}` has no field `{}`", kind.name, entry.key))
            .label("unknown field")
            .did_you_mean(&entry.key, known.clone());
        if fault.hint.is_none() {
            fault.hint = Some(if OPTIONS.contains(&entry.key.as_str()) {
                format!("`{}` is an option of the step: put it beside `{}`, not below", entry.key, kind.name)
            } else {
                format!("its fields: {}", known.collect::<Vec<_>>().join(", "))
            });
        }
        self.fault(fault);
    }

    fn option(&mut self, entry: Entry, step: &mut Step) {
        let before = self.faults.len();
        let options = &mut step.options;
        match entry.key.as_str() {
            "register" => {
                options.register = self.text(&entry);
                match &options.register {
                    Some(name) => self.variable_name(&name.value, name.span, "a registered value"),
                    None => self.may_register(&entry.value),
                }
                return;
            }
            "when_changed" => {
                options.when_changed = Some(self.texts(&entry));
                return;
            }
            "tags" => {
                options.tags = self.texts(&entry);
                self.unresolved.tags |= self.faults.len() != before || !entry.value.is_whole();
                return;
            }
            "env" => self.env(&entry.value),
            "loop" => match &entry.value.value {
                Value::List(_) => {}
                Value::Scalar { text, .. } if is_template(text) => {}
                _ => self.expected("loop", &entry.value, "a list"),
            },
            "when" => self.when(&entry),
            "timeout" | "delay" => self.duration(&entry),
            key => {
                let shape = match key {
                    "sudo" | "allow_failure" | "always" => Shape::Bool,
                    "retries" => Shape::Integer,
                    "on_unknown" => Shape::OneOf(ON_UNKNOWN),
                    "unless" | "only_if" => Shape::Shell,
                    "creates" | "cwd" => Shape::Path,
                    _ => Shape::Text,
                };
                convert::check_node(&entry.value, shape, key, &mut self.faults);
            }
        }
        if self.faults.len() != before || !entry.value.is_whole() {
            step.leftover.push((entry.key, entry.value));
            return;
        }
        match entry.key.as_str() {
            "env" => {
                if let Value::Map(entries) = entry.value.value {
                    options.env = entries;
                }
            }
            "loop" => options.looped = Some(entry.value),
            "when" => options.when = Some(entry.value),
            "sudo" => options.sudo = Some(entry.value),
            "run_as" => options.run_as = Some(entry.value),
            "cwd" => options.cwd = Some(entry.value),
            "unless" => options.unless = Some(entry.value),
            "only_if" => options.only_if = Some(entry.value),
            "creates" => options.creates = Some(entry.value),
            "timeout" => options.timeout = Some(entry.value),
            "retries" => options.retries = Some(entry.value),
            "delay" => options.delay = Some(entry.value),
            "allow_failure" => options.allow_failure = Some(entry.value),
            "on_unknown" => options.on_unknown = Some(entry.value),
            _ => options.always = convert::literal(&entry.value).is_some_and(|written| boolean(written) == Ok(true)),
        }
    }

    fn env(&mut self, node: &Node) {
        convert::check_node(node, Shape::TextMap, "env", &mut self.faults);
        match &node.value {
            Value::Map(entries) => {
                for variable in entries.iter().filter(|variable| !variable.broken && !is_name(&variable.key)) {
                    let fault = format!("an environment variable cannot be called `{}`", variable.key);
                    self.fault(
                        Diagnostic::error(variable.key_span, fault)
                            .label("expected letters, digits and `_`, no digit first"),
                    );
                }
            }
            Value::Scalar { text, .. } if is_template(text) => self.expected("env", node, "a map of names and values"),
            _ => {}
        }
    }

    fn duration(&mut self, entry: &Entry) {
        let Some(written) = convert::literal(&entry.value) else {
            if entry.value.as_text().is_none() {
                self.expected(&entry.key, &entry.value, "a duration");
            }
            return;
        };
        match convert::duration(written) {
            Ok(duration) if duration.is_zero() && entry.key == "timeout" => {
                self.fault(Diagnostic::error(entry.value.span, "a timeout of nothing leaves no time at all"));
            }
            Ok(_) => {}
            Err(mut fault) => {
                fault.message = format!("`{}`: {}", entry.key, fault.message);
                self.fault(*fault);
            }
        }
    }

    fn when(&mut self, entry: &Entry) {
        match &entry.value.value {
            Value::Scalar { text, style } if is_template(text) && *style != Style::Literal => {
                let bare = text.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
                let mut fault = Diagnostic::error(entry.value.span, "`when` is an expression already")
                    .label("no braces are wanted here");
                if !is_template(bare) {
                    fault = fault.hint(format!("write `when: {bare}`"));
                }
                self.fault(fault);
            }
            Value::Scalar { text, .. } if !text.trim().is_empty() => {}
            _ => self.expected("when", &entry.value, "an expression"),
        }
    }
}

/// The forms that a kind can be written in.
fn form(kind: &Kind) -> String {
    match kind.short.and_then(|short| kind.fields.iter().find(|field| field.name == short)) {
        Some(field) if matches!(field.shape, Shape::Texts | Shape::Any) => "text, a list or a map".to_owned(),
        Some(_) => "text or a map".to_owned(),
        None => "a map".to_owned(),
    }
}
