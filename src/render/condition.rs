//! `when`: an expression that is evaluated before anything is sent, as far as everything in it is known here; the host decides the rest.

use minijinja::value::ValueKind;

use super::host::Lowered;
use super::names::NameStatus;
use super::renderer::Renderer;
use super::scope::Origin;
use super::syntax::{self, TemplateError, Use};
use super::templates::brief;
use crate::host_value::Condition;
use crate::node::Node;
use crate::source::Diagnostic;

/// What a condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is known.
    Known(bool),
    /// The host decides it.
    OnHost(Condition),
}

impl Renderer<'_> {
    /// Checks the names of a condition; `None` where it cannot be evaluated, and otherwise whether only the host can.
    fn check_condition_names(&mut self, node: &Node, what: &str) -> Option<bool> {
        let text = node.as_text()?;
        let before = self.diagnostics.len();
        let (mut complete, mut on_host) = (true, false);
        for found in syntax::uses(&syntax::tokens(text, 0..text.len())) {
            match self.name_status(&found, Origin::Node(node)) {
                NameStatus::Unreadable => complete = false,
                NameStatus::Undefined(diagnostic) => self.diagnostics.push(diagnostic),
                NameStatus::Defined if self.is_use_on_host(&found) => on_host = true,
                NameStatus::Defined if self.holds_hole(found.name) => self.report_secret(&found, node, what),
                NameStatus::Defined => {}
            }
        }
        (complete && self.diagnostics.len() == before).then_some(on_host)
    }

    /// Checks a condition without deciding it, which errors call this; `false` where it cannot be evaluated.
    pub(crate) fn check_condition(&mut self, node: &Node, what: &str) -> bool {
        match self.check_condition_names(node, what) {
            Some(true) => self.decide(node, what).is_some(),
            checked => checked.is_some(),
        }
    }

    /// Reports a secret, whose value a condition cannot have.
    fn report_secret(&mut self, found: &Use<'_>, node: &Node, what: &str) {
        let name = found.name;
        let span = Origin::Node(node).place(self.sources, found.at.start, found.at.end);
        let hint = format!("shell can use it on the host: `test -n {{{{ {name} }}}}`, in `only_if` for instance");
        let message = format!("{what} cannot use `{name}`, which contains a secret");
        self.diagnostics.push(Diagnostic::error(span, message).hint(hint));
    }

    /// Decides a condition as far as that is possible here; errors call it this.
    pub(crate) fn decide(&mut self, node: &Node, what: &str) -> Option<Decision> {
        let on_host = self.check_condition_names(node, what)?;
        let text = node.as_text()?;
        let whole = 0..text.len();
        let lowered = self.check_comparisons(text, &whole).and_then(|()| {
            if on_host {
                self.condition_on_host(text, &whole)
            } else {
                self.templates.evaluate(text, &whole, &self.host.context.value()).map(Lowered::Known)
            }
        });
        let value = match lowered {
            Ok(Lowered::Known(value)) => value,
            Ok(Lowered::Condition(condition)) => return Some(Decision::OnHost(condition)),
            Ok(Lowered::Expr(_)) => return None,
            Err(error) => {
                self.report_condition(node, error);
                return None;
            }
        };
        match (value.kind(), value.as_str()) {
            (ValueKind::Bool, _) => Some(Decision::Known(value.is_true())),
            (_, Some("true")) => Some(Decision::Known(true)),
            (_, Some("false")) => Some(Decision::Known(false)),
            _ => {
                let message = format!("{what} must be true or false, but this is {}", brief(&value));
                let hint = format!("compare it, such as `{} != \"\"`", text.trim());
                let before = self.diagnostics.len();
                self.diagnostics.push(Diagnostic::error(node.span, message).hint(hint));
                self.blame_condition(before, node);
                None
            }
        }
    }

    fn report_condition(&mut self, node: &Node, mut error: TemplateError) {
        if error.syntax {
            error.hint = Some("such as `version == \"2.8.1\"` or `not flag`".to_owned());
        }
        let before = self.diagnostics.len();
        self.report_at(Origin::Node(node), error);
        self.blame_condition(before, node);
    }
}
