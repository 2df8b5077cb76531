//! `when`: an expression that is evaluated before anything is sent.

use std::ops::Range;

use minijinja::value::ValueKind;

use super::names::NameStatus;
use super::renderer::Renderer;
use super::scope::Origin;
use super::syntax::{self, Use};
use super::templates::brief;
use crate::node::Node;
use crate::source::Diagnostic;

impl Renderer<'_> {
    /// Checks the names of a condition; `false` where it cannot be evaluated.
    pub(crate) fn check_condition(&mut self, node: &Node) -> bool {
        let Some(text) = node.as_text() else { return false };
        let before = self.diagnostics.len();
        let mut complete = true;
        for found in syntax::uses(&syntax::tokens(text, 0..text.len())) {
            if self.registered.names.contains_key(found.name) {
                // Whichever step registers it, its value is not known in time.
                self.report_late(&found, node, true);
                continue;
            }
            match self.name_status(&found, Origin::Node(node)) {
                NameStatus::Unreadable => complete = false,
                NameStatus::Undefined(diagnostic) => self.diagnostics.push(diagnostic),
                NameStatus::Defined if self.holds_hole(found.name) => self.report_late(&found, node, false),
                NameStatus::Defined => {}
            }
        }
        complete && self.diagnostics.len() == before
    }

    /// Reports a name whose value a condition cannot have.
    fn report_late(&mut self, found: &Use<'_>, node: &Node, registered: bool) {
        let name = found.name;
        let span = Origin::Node(node).place(self.sources, found.at.start, found.at.end);
        let changed = found.attribute.as_ref().is_some_and(|(attribute, _)| *attribute == "changed");
        let hint = if registered && changed {
            "write `when_changed: [NAME]` with the name or `id` of that step".to_owned()
        } else {
            format!("use `only_if`, which is evaluated on the host, such as `only_if: test -n {{{{ {name} }}}}`")
        };
        let message = if registered {
            format!("`when` is evaluated before connecting, but `{name}` is only known on the host")
        } else {
            format!("`when` cannot use `{name}`, which contains a secret or a registered value")
        };
        self.diagnostics.push(Diagnostic::error(span, message).hint(hint));
    }

    /// Evaluates a condition.
    pub(crate) fn decide(&mut self, node: &Node) -> Option<bool> {
        if !self.check_condition(node) {
            return None;
        }
        let text = node.as_text()?;
        let whole: Range<usize> = 0..text.len();
        let value = match self.templates.evaluate(text, &whole, &self.host.context.value()) {
            Ok(value) => value,
            Err(mut error) => {
                if error.syntax {
                    error.hint = Some("such as `version == \"2.8.1\"` or `not flag`".to_owned());
                }
                let before = self.diagnostics.len();
                self.report_at(Origin::Node(node), error);
                self.blame_condition(before, node);
                return None;
            }
        };
        match (value.kind(), value.as_str()) {
            (ValueKind::Bool, _) => Some(value.is_true()),
            (_, Some("true")) => Some(true),
            (_, Some("false")) => Some(false),
            _ => {
                let message = format!("`when` must be true or false, but this is {}", brief(&value));
                let hint = format!("compare it, such as `{} != \"\"`", text.trim());
                let before = self.diagnostics.len();
                self.diagnostics.push(Diagnostic::error(node.span, message).hint(hint));
                self.blame_condition(before, node);
                None
            }
        }
    }
}
