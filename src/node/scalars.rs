//! Scalars: their style, their text, and the tags and anchors that they must not have.

use std::ops::Range;

use granit_parser::ScalarStyle as ParsedStyle;

use super::builder::Builder;
use super::characters::{STAND_INS, forbidden, forbidden_characters};
use super::places;
use super::tree::{Node, ScalarStyle, Value};
use crate::source::{Diagnostic, Span};

impl Builder<'_> {
    /// A scalar as it is written.
    pub(super) fn scalar(&mut self, text: &str, style: ParsedStyle, here: Span, range: Range<usize>) -> Node {
        let written = &self.text[range.clone()];
        let style = match style {
            ParsedStyle::Plain => ScalarStyle::Plain,
            ParsedStyle::SingleQuoted => ScalarStyle::Single,
            ParsedStyle::DoubleQuoted => ScalarStyle::Double,
            ParsedStyle::Literal | ParsedStyle::Folded => ScalarStyle::Block,
        };
        if style == ScalarStyle::Plain && (written.is_empty() || matches!(written, "~" | "null" | "Null" | "NULL")) {
            return Node { value: Value::Null, span: here };
        }
        let span = if style == ScalarStyle::Block {
            Span { end: here.start + written.trim_end().len(), ..here }
        } else {
            here
        };
        if self.replaced.iter().any(|unquoted| unquoted.start < range.end && range.start < unquoted.end) {
            if style == ScalarStyle::Plain {
                return self.as_if_quoted(range);
            }
            return Node { value: Value::Broken { text: String::new(), style }, span };
        }
        let raw = self.forbidden > 0 && written.chars().any(|c| forbidden(c).is_some());
        let found = forbidden_characters(text, |at, len| places::place(written, span, text, style, at, at + len));
        if raw || !found.is_empty() {
            for diagnostic in found {
                self.report(diagnostic);
            }
            let unreadable = |c: char| forbidden(c).is_some() || (raw && STAND_INS.contains(&c));
            let text = text.chars().map(|c| if unreadable(c) { char::REPLACEMENT_CHARACTER } else { c }).collect();
            return Node { value: Value::Broken { text, style }, span };
        }
        // A lone carriage return ends a line in YAML; in a block the parser has already made it a line feed.
        Node { value: Value::Scalar { text: text.to_owned(), style }, span }
    }

    /// Reports tags and anchors; whether there are none.
    pub(super) fn properties(&mut self, at: usize, anchor: usize, tagged: bool, tag_start: Option<usize>) -> bool {
        if tagged {
            let start = tag_start.unwrap_or(at);
            let len = self.text[start..].find(|c: char| c.is_whitespace()).unwrap_or(self.text.len() - start);
            let span = self.place(start, start + len);
            self.report(
                Diagnostic::error(span, "YAML tags are not allowed in playbooks")
                    .hint("remove the tag; a text that starts with `!` needs quotes"),
            );
        }
        if anchor != 0 {
            let line_start = self.text[..at].rfind('&').unwrap_or(at);
            let len = self.text[line_start..].find(|c: char| c.is_whitespace()).unwrap_or(1);
            let span = self.place(line_start, line_start + len);
            self.report(
                Diagnostic::error(span, "YAML anchors are not allowed in playbooks")
                    .hint("put the value into `vars:` and use `{{ name }}`; a text that starts with `&` needs quotes"),
            );
        }
        !tagged && anchor == 0
    }
}
