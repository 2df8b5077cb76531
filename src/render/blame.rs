//! An error about a value that was given from outside the playbook points at the place that gave it.

use super::renderer::Renderer;
use super::scope::{GivenBy, for_each_found};
use super::syntax;
use super::vars::given_by;
use crate::node::{Node, ScalarStyle, Value};
use crate::source::{Diagnostic, Severity};

impl Renderer<'_> {
    /// Lets the errors found since `from` that are about the value of this node point at what gave the value.
    pub(crate) fn blame(&mut self, from: usize, node: &Node) {
        // What a used file calls its own is not what was given under that name.
        if self.host.context.scope.is_some()
            || from == self.diagnostics.len()
            || self.host.given.is_empty() && self.host.allowed_env.is_empty()
        {
            return;
        }
        for at in from..self.diagnostics.len() {
            let blamed = self.blamed(&self.diagnostics[at].clone(), node);
            self.diagnostics[at] = blamed;
        }
    }

    /// The same for a condition, which is an expression without braces.
    pub(super) fn blame_condition(&mut self, from: usize, node: &Node) {
        let Some(text) = node.as_text().filter(|_| self.host.context.scope.is_none()) else { return };
        let tokens = syntax::tokens(text, 0..text.len());
        let given: Vec<GivenBy> =
            syntax::uses(&tokens).iter().flat_map(|found| given_by(found, &self.host.given)).collect();
        for at in from..self.diagnostics.len() {
            let error = self.diagnostics[at].clone();
            self.diagnostics[at] = self.pointing_at(error, &given);
        }
    }

    /// The error with the places that gave the value; the place where it is used stands beside them.
    fn blamed(&mut self, error: &Diagnostic, node: &Node) -> Diagnostic {
        let error = error.clone();
        let Some(span) = error.span else { return error };
        let Some((leaf, text)) = leaf_at(node, span.start) else { return error };
        let mut given = Vec::new();
        let whole = span == leaf.span;
        for_each_found(text, self.templates, &mut |found| {
            let place = leaf.place(self.sources, found.at.start, found.at.end);
            if whole || (place.start < span.end && span.start < place.end) {
                given.extend(given_by(&found, &self.host.given));
            }
        });
        self.pointing_at(error, &given)
    }

    /// The error with these places that gave a value: the first takes the place of the use, which stands beside it.
    fn pointing_at(&mut self, mut error: Diagnostic, given: &[GivenBy]) -> Diagnostic {
        let Some(span) = error.span.filter(|_| error.severity == Severity::Error) else { return error };
        let mut places: Vec<_> = Vec::new();
        for given in given {
            let place = given.place(self.sources);
            if !places.contains(&place) && place != span && !error.related.iter().any(|(known, _)| *known == place) {
                places.push(place);
            }
        }
        let mut places = places.into_iter();
        if let Some(first) = places.next() {
            error.span = Some(first);
            error.related.push((span, "used here".to_owned()));
        }
        error.related.extend(places.map(|place| (place, "this is part of it".to_owned())));
        error
    }
}

/// The scalar with templates at this byte of a node's source, and its text.
fn leaf_at(node: &Node, at: usize) -> Option<(&Node, &str)> {
    if !(node.span.start..=node.span.end).contains(&at) {
        return None;
    }
    match &node.value {
        Value::List(items) => items.iter().find_map(|item| leaf_at(item, at)),
        Value::Map(entries) => entries.iter().find_map(|entry| leaf_at(&entry.value, at)),
        Value::Scalar { text, style } if *style != ScalarStyle::Literal => Some((node, text.as_str())),
        Value::Null | Value::Scalar { .. } | Value::Broken { .. } => None,
    }
}
