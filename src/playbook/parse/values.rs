//! Values that are read before any variable has one: texts, lists of texts, and the names of variables.

use super::{Parser, is_merge};
use crate::kinds::Shape;
use crate::node::{Entry, Node, Value};
use crate::playbook::document::MAX_VARS;
use crate::render::convert;
use crate::render::syntax::{is_name, is_template};
use crate::script::own_name;
use crate::source::{Diagnostic, Span, Spanned};

/// Names that already have a meaning in templates.
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

impl Parser<'_> {
    /// Reports that a value has the wrong shape, unless an error of it has been reported.
    pub(super) fn expected(&mut self, key: &str, node: &Node, what: &str, hint: Option<&str>) {
        if node.is_broken() {
            return;
        }
        let mut error = Diagnostic::error(node.span, format!("`{key}`: expected {what}, found {}", node.shape_name()))
            .label(format!("expected {what}"));
        error.hint = hint.map(str::to_owned);
        self.report(error);
    }

    /// A text without templates.
    pub(super) fn text(&mut self, entry: &Entry) -> Option<Spanned<String>> {
        self.plain(&entry.key, &entry.value)
    }

    fn plain(&mut self, key: &str, node: &Node) -> Option<Spanned<String>> {
        let Some(text) = node.as_text() else {
            self.expected(key, node, "text", None);
            return None;
        };
        if is_template(text) {
            self.report(Diagnostic::error(node.span, format!("`{key}` cannot contain a template")).hint(match key {
                "when_changed" => "give that step an `id:`, and write the id here",
                _ => "it is read before any variable has a value",
            }));
            return None;
        }
        if text.is_empty() {
            self.report(Diagnostic::error(node.span, format!("`{key}` is empty")).label("expected text"));
            return None;
        }
        Some(Spanned { value: text.to_owned(), span: node.span })
    }

    /// A text or a list of texts.
    pub(super) fn texts(&mut self, entry: &Entry) -> Vec<Spanned<String>> {
        let nodes = match &entry.value.value {
            Value::List(items) => items.as_slice(),
            Value::Scalar { .. } => std::slice::from_ref(&entry.value),
            _ => {
                self.expected(&entry.key, &entry.value, "a list of texts", None);
                self.unresolved.values.push(entry.value.clone());
                return Vec::new();
            }
        };
        nodes.iter().filter_map(|node| self.plain(&entry.key, node)).collect()
    }

    /// The variables of a map.
    pub(super) fn vars(&mut self, node: Node) -> Vec<Entry> {
        match node.value {
            Value::Map(mut entries) => {
                if entries.len() > MAX_VARS {
                    let error =
                        Diagnostic::error(entries[MAX_VARS].key_span, format!("too many variables: {}", entries.len()));
                    self.report(
                        error
                            .hint(format!("there can be {MAX_VARS}; a list or a map holds many values under one name")),
                    );
                    self.unresolved.any_name = true;
                    entries.truncate(MAX_VARS);
                }
                entries.into_iter().filter_map(|entry| self.variable(entry)).collect()
            }
            Value::Null => Vec::new(),
            _ => {
                self.expected("vars", &node, "a map of names and values", None);
                self.unresolved.any_name = true;
                self.unresolved.values.push(node);
                Vec::new()
            }
        }
    }

    fn variable(&mut self, entry: Entry) -> Option<Entry> {
        let before = self.diagnostics.len();
        if entry.broken {
            self.unresolved.any_name |= !is_name(&entry.key);
        } else {
            self.variable_name(&entry.key, entry.key_span, "variable name");
            if self.diagnostics.len() == before {
                return Some(entry);
            }
        }
        self.unresolved.values.push(entry.value);
        None
    }

    /// Checks the name of a variable; `what` says what it is the name of.
    pub(super) fn variable_name(&mut self, name: &str, span: Span, what: &str) {
        let error = if own_name(name) != name {
            Diagnostic::error(span, format!("reserved {what} `{name}`")).label("used files have such names")
        } else if RESERVED.contains(&name) {
            Diagnostic::error(span, format!("reserved {what} `{name}`")).label("it already has a meaning in templates")
        } else if is_name(name) {
            return;
        } else {
            let better: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            let error = Diagnostic::error(span, format!("invalid {what} `{name}`"))
                .label("expected letters, digits and `_`, not starting with a digit");
            if is_name(&better) {
                let error = error.hint(format!("rename it to `{better}`"));
                self.unresolved.names.insert(better);
                error
            } else {
                error
            }
        };
        self.report(error);
        // An expression that uses it uses its words.
        let words = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| is_name(word));
        self.unresolved.names.extend(words.map(str::to_owned));
    }

    /// A value, if it is what its field needs; otherwise it has been reported and is put aside.
    pub(super) fn checked(&mut self, key: &str, value: Node, shape: Shape) -> Option<Node> {
        let before = self.diagnostics.len();
        convert::check_node(&value, shape, key, &mut self.diagnostics);
        if self.diagnostics.len() == before && value.is_complete() {
            return Some(value);
        }
        self.unresolved.values.push(value);
        None
    }

    /// Notes the names that a value may declare: the keys of its maps.
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

    /// Notes the names that a value may register.
    pub(super) fn may_register(&mut self, node: &Node) {
        match &node.value {
            Value::Scalar { text, .. } if is_name(text) => drop(self.unresolved.names.insert(text.clone())),
            Value::List(items) => items.iter().for_each(|item| self.may_register(item)),
            _ => self.may_declare(node),
        }
    }

    /// Notes what an entry that could not be used may declare, and puts its value aside.
    pub(super) fn put_aside(&mut self, entry: Entry) {
        self.unresolved.any_name |= is_merge(&entry);
        self.may_declare(&entry.value);
        self.unresolved.values.push(entry.value);
    }
}
