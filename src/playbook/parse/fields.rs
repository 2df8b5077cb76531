//! The fields of a step's kind.

use super::{ANSIBLE, Parser, foreign};
use crate::kinds::{Field, Kind, Shape};
use crate::node::{Entry, Node, Value};
use crate::plan::options;
use crate::playbook::step::{Given, Step};
use crate::render::syntax::is_template;
use crate::render::{convert, host};
use crate::source::{Diagnostic, Span};

/// The name of the field that takes every key that no other field names.
const REST: &str = "*";

/// The key under which that field can be given as a whole, such as by a variable.
const WHOLE: &str = "variables";

impl Parser<'_> {
    /// Reads the fields of a kind into a step, which is complete where the kind can compile them.
    pub(super) fn fields(&mut self, kind: &'static Kind, entry: Entry, step: &mut Step) {
        let kind_span = entry.key_span;
        let read = match entry.value.value {
            Value::Map(entries) => self.map_form(kind, kind_span, entries, entry.value.span, step),
            Value::Null if kind.fields.iter().any(|field| field.required) || kind.short.is_some() => {
                let node = Node { value: Value::Null, span: entry.value.span };
                self.expected(kind.name, &node, &form(kind), None);
                false
            }
            Value::Null => true,
            value => {
                let node = Node { value, span: entry.value.span };
                if let Some(words) = node.as_text().and_then(|text| foreign::one_line(kind, text)) {
                    self.report(words.error(kind, node.span).label(ANSIBLE));
                    step.leftover.push((entry.key, node));
                    false
                } else if let Some(field) = short_field(kind, &node) {
                    let given = self.field(meant(kind, field, &node), kind.name, kind_span, node);
                    step.fields.push(given);
                    true
                } else {
                    self.expected(kind.name, &node, &form(kind), None);
                    step.leftover.push((entry.key, node));
                    false
                }
            }
        };
        // A missing field is most likely the one that was misspelt.
        step.complete = read && self.has_required(kind, kind_span, step);
    }

    /// Reads fields that are written as a map; `false` where one of them is unknown.
    fn map_form(
        &mut self,
        kind: &'static Kind,
        kind_span: Span,
        entries: Vec<Entry>,
        span: Span,
        step: &mut Step,
    ) -> bool {
        let rest_field = field_named(kind, REST);
        let (mut rest, mut whole) = (Vec::new(), None);
        let mut known = true;
        for entry in entries {
            match field_named(kind, &entry.key).filter(|field| field.name != REST) {
                _ if entry.broken => {
                    known = false;
                    step.leftover.push((entry.key, entry.value));
                }
                Some(field) => {
                    let row = meant(kind, field, &entry.value);
                    let given = self.field(row, field.name, entry.key_span, entry.value);
                    step.fields.push(given);
                }
                None if rest_field.is_some() && entry.key == WHOLE => whole = Some(entry),
                None if rest_field.is_some() => rest.push(entry),
                None => {
                    known = false;
                    self.report_unknown_field(kind, &entry);
                    step.leftover.push((entry.key, entry.value));
                }
            }
        }
        if let (Some(other), Some(whole)) = (rest.first(), &whole) {
            let both = Diagnostic::error(other.key_span, format!("`{}` stands beside `{WHOLE}`", other.key));
            let both = both.related(whole.key_span, "this is the whole map");
            self.report(both.hint(format!("add it to that map: `{WHOLE}: \"{{{{ MAP | combine(OTHER) }}}}\"`")));
        }
        if let (Some(field), Some(whole)) = (rest_field, whole) {
            let given = self.field(field, WHOLE, whole.key_span, whole.value);
            step.fields.push(given);
        } else if let (Some(field), false) = (rest_field, rest.is_empty()) {
            let given = self.field(field, kind.name, kind_span, Node { value: Value::Map(rest), span });
            step.fields.push(given);
        }
        known
    }

    /// Whether every required field is given; reports those that are not.
    fn has_required(&mut self, kind: &Kind, kind_span: Span, step: &Step) -> bool {
        let given = |field: &&Field| {
            step.fields.iter().any(|given| given.row.name == field.name || Some(given.row.name) == field.expressions)
        };
        let missing: Vec<&Field> = kind.fields.iter().filter(|field| field.required && !given(field)).collect();
        for field in &missing {
            let what = if field.name == REST { "a name and a value".to_owned() } else { format!("`{}`", field.name) };
            self.report(
                Diagnostic::error(kind_span, format!("`{}` needs {what}", kind.name))
                    .hint(field.doc.trim_end_matches('.')),
            );
        }
        missing.is_empty()
    }

    /// One field, its value checked as far as possible before any variable has a value.
    fn field(&mut self, row: &'static Field, name: &str, key_span: Span, value: Node) -> Given<Field> {
        let before = self.diagnostics.len();
        convert::check_node(&value, row.shape, name, &mut self.diagnostics);
        Given { row, key_span, broken: self.diagnostics.len() != before || !value.is_complete(), value, group: None }
    }

    fn report_unknown_field(&mut self, kind: &Kind, entry: &Entry) {
        let known = kind.fields.iter().map(|field| field.name);
        let error = Diagnostic::error(entry.key_span, format!("`{}` has no field `{}`", kind.name, entry.key));
        if let Some(instead) = foreign::field(kind.name, &entry.key) {
            return self.report(error.label(ANSIBLE).hint(instead));
        }
        let mut error = error.label("unknown field").did_you_mean(&entry.key, known.clone());
        if error.hint.is_none() {
            error.hint = Some(if options::find(&entry.key).is_some() {
                format!("`{}` is an option of the step: put it beside `{}`, not below", entry.key, kind.name)
            } else {
                format!("its fields: {}", known.collect::<Vec<_>>().join(", "))
            });
        }
        self.report(error);
    }
}

fn field_named(kind: &'static Kind, name: &str) -> Option<&'static Field> {
    kind.fields.iter().find(|field| field.name == name)
}

/// The field that a value is for that stands at the name of this one.
fn meant(kind: &'static Kind, field: &'static Field, node: &Node) -> &'static Field {
    let is_meant = match &node.value {
        Value::List(_) => true,
        _ => node.as_text().is_some_and(host::is_question),
    };
    field.expressions.filter(|_| is_meant).and_then(|name| field_named(kind, name)).unwrap_or(field)
}

/// The field that a value without fields is for: that of the short form, or of an expression the one for every name.
fn short_field(kind: &'static Kind, node: &Node) -> Option<&'static Field> {
    match kind.short {
        Some(short) => field_named(kind, short),
        None => field_named(kind, REST).filter(|_| node.as_text().is_some_and(is_template)),
    }
}

/// The forms that a kind can be written in.
fn form(kind: &'static Kind) -> String {
    match kind.short.and_then(|short| field_named(kind, short)) {
        Some(field) if matches!(field.shape, Shape::Texts | Shape::List(_)) => "text, a list or a map".to_owned(),
        Some(_) => "text or a map".to_owned(),
        None => "a map".to_owned(),
    }
}
