//! YAML text to nodes. Whatever would make a playbook mean something else than it says is refused here.

use std::borrow::Cow;
use std::ops::Range;

use super::builder::{Builder, Stop};
use super::characters::{MAX_DIAGNOSTICS, forbidden_characters, without_forbidden};
use super::decode::{MAX_BYTES, too_large};
use super::tree::Node;
use crate::source::{Diagnostic, SourceId, Span};

/// What was read from a YAML text.
#[derive(Clone, Debug)]
pub struct Document {
    /// The tree; `None` where a syntax error makes it unreliable.
    pub root: Option<Node>,
    /// Every error that did not stop the reading, in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads one document that must be free of errors.
pub fn parse(id: SourceId, text: &str) -> Result<Node, Vec<Diagnostic>> {
    match read(id, text) {
        Document { root: Some(root), diagnostics } if diagnostics.is_empty() => Ok(root),
        Document { diagnostics, .. } => Err(diagnostics),
    }
}

/// Reads one document. Errors are reported, and as far as the syntax is valid a placeholder takes the place of each.
pub fn read(id: SourceId, text: &str) -> Document {
    read_value(id, text, 0)
}

/// Reads the YAML from byte `base` of a source to its end; `text` is that part.
pub(crate) fn read_value(id: SourceId, text: &str, base: usize) -> Document {
    let whole = Span { source: id, start: base, end: base + text.len() };
    if text.len() > MAX_BYTES {
        let found = Diagnostic::error(whole.part(0, 0), format!("the file has {} bytes", text.len()));
        return Document { root: None, diagnostics: vec![too_large(found)] };
    }
    let forbidden = forbidden_characters(text, |at, len| whole.part(at, at + len));
    let mut readable = if forbidden.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(without_forbidden(text)) };
    let mut unquoted: Vec<Range<usize>> = Vec::new();
    loop {
        let mut builder = Builder::new(whole, text, forbidden.clone(), &unquoted);
        let error = builder.run(&readable);
        let next = match &error {
            Some(Stop::Syntax(error)) => builder.unquoted_at(error),
            _ => Vec::new(),
        };
        if next.is_empty() || unquoted.len() + next.len() > MAX_DIAGNOSTICS {
            let root = builder.finish(error);
            let mut diagnostics = builder.diagnostics;
            diagnostics.sort_by_key(|diagnostic| diagnostic.span);
            return Document { root, diagnostics };
        }
        // With plain characters in the place of the template the syntax is valid, and what follows it is read as well.
        for range in &next {
            readable.to_mut().replace_range(range.clone(), &"x".repeat(range.len()));
        }
        unquoted.extend(next);
    }
}
