//! The options of a step: what can be said of their values before any variable has one.

use super::Parser;
use crate::kinds::Shape;
use crate::node::{Entry, Node, Value};
use crate::plan::options::{Form, StepOption};
use crate::playbook::step::Given;
use crate::render::convert;
use crate::render::syntax::is_template;
use crate::source::{Diagnostic, Span, Spanned};

/// What a loop can go over.
const LOOPS: &str = "a list, an expression that gives one, or named lists such as `{ user: [a, b], folder: [c, d] }`";

/// What stands under a name of a loop.
const NAMED: &str =
    "the map below `loop:` names the items of lists; for the entries of a map of values write `loop: \"{{ MAP }}\"`";

impl Parser<'_> {
    pub(super) fn option(&mut self, row: &'static StepOption, entry: Entry) -> Given<StepOption> {
        let before = self.diagnostics.len();
        self.check_option(row, &entry);
        let broken = self.diagnostics.len() != before || !entry.value.is_complete();
        if broken && matches!(row.form, Form::Name) {
            self.may_register(&entry.value);
        }
        Given { row, key_span: entry.key_span, value: entry.value, broken, group: None }
    }

    fn check_option(&mut self, row: &StepOption, entry: &Entry) {
        let node = &entry.value;
        match row.form {
            Form::Field(shape) => convert::check_node(node, shape, row.name, &mut self.diagnostics),
            Form::User => convert::check_node(node, Shape::Text, row.name, &mut self.diagnostics),
            Form::UpTo(most) => {
                self.check_literal(row, node, "a number", |written| convert::count(written, most).map(drop));
            }
            Form::Duration { zero } => {
                self.check_literal(row, node, "a duration", |written| convert::duration(written, zero).map(drop));
            }
            Form::Variables => self.check_environment(row, node),
            Form::Condition => convert::check_expression(node, row.name, &mut self.diagnostics),
            Form::Items => self.check_items(row.name, node),
            Form::Name => {
                if let Some(Spanned { value, span }) = self.text(entry) {
                    self.variable_name(&value, span, "name for a registered value");
                }
            }
            Form::Id => {
                if let Some(Spanned { value, span }) = self.text(entry) {
                    self.check_id(&value, span);
                }
            }
            Form::Switch => self.check_switch(row, node),
            Form::Steps | Form::Words => drop(self.texts(entry)),
        }
    }

    /// Checks the items of a loop: a list, an expression, or a map of lists under names.
    fn check_items(&mut self, name: &str, node: &Node) {
        match &node.value {
            Value::List(_) => {}
            Value::Scalar { text, .. } if is_template(text) => {}
            Value::Map(axes) if name == "loop" => {
                for axis in axes.iter().filter(|axis| !axis.broken) {
                    self.variable_name(&axis.key, axis.key_span, "name for the items of a loop");
                    self.check_items(&axis.key, &axis.value);
                }
            }
            _ if name == "loop" => self.expected(name, node, "a list", Some(LOOPS)),
            _ => self.expected(name, node, "a list", Some(NAMED)),
        }
    }

    /// Checks a value that is one text, where it contains no template.
    fn check_literal(
        &mut self,
        row: &StepOption,
        node: &Node,
        what: &str,
        check: impl Fn(convert::Written<'_>) -> Result<(), Box<Diagnostic>>,
    ) {
        if node.as_text().is_none() {
            self.expected(row.name, node, what, None);
        } else if let Some(Err(mut error)) = convert::literal(node).map(check) {
            error.message = format!("`{}`: {}", row.name, error.message);
            self.report(*error);
        }
    }

    /// Checks a boolean that cannot be a template.
    fn check_switch(&mut self, row: &StepOption, node: &Node) {
        match node.as_text() {
            Some(text) if is_template(text) => self.report(
                Diagnostic::error(node.span, format!("`{}` cannot contain a template", row.name))
                    .hint("write `true` or `false`: it is read before any variable has a value"),
            ),
            _ => convert::check_node(node, Shape::Bool, row.name, &mut self.diagnostics),
        }
    }

    /// Checks the word for a step: no number, because a number means the place of a step.
    fn check_id(&mut self, id: &str, span: Span) {
        let starts = id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts || !id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) {
            self.report(
                Diagnostic::error(span, format!("invalid id `{id}`"))
                    .label("expected letters, digits, `_`, `-` and `.`, starting with a letter"),
            );
        }
    }

    fn check_environment(&mut self, row: &StepOption, node: &Node) {
        convert::check_node(node, Shape::TextMap, row.name, &mut self.diagnostics);
        if let Value::Map(entries) = &node.value {
            for variable in entries.iter().filter(|variable| !variable.broken) {
                if let Err(error) = convert::environment_name(&variable.key, variable.key_span) {
                    self.report(error);
                }
            }
            for variable in entries.iter().filter(|variable| !variable.broken) {
                convert::no_variable_in_env(&variable.key, &variable.value, &mut self.diagnostics);
            }
        }
    }
}
