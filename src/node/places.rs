//! From a place in a scalar's text back to the place in the file.
//!
//! YAML folds lines, strips indentation and resolves escapes, but it changes nothing else: the n-th character that is not
//! white space is the n-th such character of the source. Counting them finds the place.

use super::tree::{Node, ScalarStyle, Value};
use crate::source::{Sources, Span};

impl Node {
    /// The place of the bytes `start..end` of a scalar's text, with regard to escapes, folding and indentation.
    pub fn place(&self, sources: &Sources, start: usize, end: usize) -> Span {
        match &self.value {
            Value::Scalar { text, style } | Value::Broken { text, style } => {
                place(sources.slice(self.span), self.span, text, *style, start, end)
            }
            _ => self.span,
        }
    }
}

/// The place in the source of the bytes `start..end` of `text`, which was read from `slice` at `span`.
pub(super) fn place(slice: &str, span: Span, text: &str, style: ScalarStyle, start: usize, end: usize) -> Span {
    if style == ScalarStyle::Literal {
        return span.part(start, end.max(start));
    }
    let count = |upto: usize| text.char_indices().take_while(|(at, _)| *at < upto).filter(|(_, c)| !white(*c)).count();
    let skipped = count(start);
    let covered = count(end).saturating_sub(skipped);
    let mut characters = Characters { rest: slice, at: 0, style };
    characters.open();
    let Some(first) = characters.nth(skipped) else { return span.part(slice.len(), slice.len()) };
    let last = if covered > 1 { characters.nth(covered - 2).unwrap_or(first) } else { first };
    span.part(first.0, last.1)
}

fn white(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// The characters of a written scalar that are not white space, each with the bytes that stand for it.
struct Characters<'a> {
    rest: &'a str,
    at: usize,
    style: ScalarStyle,
}

impl Characters<'_> {
    fn open(&mut self) {
        if matches!(self.style, ScalarStyle::Single | ScalarStyle::Double) {
            self.take(1);
        }
    }

    fn take(&mut self, len: usize) -> (usize, usize) {
        let len = len.min(self.rest.len());
        let from = self.at;
        self.at += len;
        self.rest = self.rest.get(len..).unwrap_or("");
        (from, self.at)
    }
}

impl Iterator for Characters<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        loop {
            let c = self.rest.chars().next()?;
            let range = match (self.style, c) {
                (ScalarStyle::Single, '\'') => self.take(2),
                (ScalarStyle::Double, '\\') => {
                    let escape = self.rest[1..].chars().next()?;
                    let digits = match escape {
                        'x' => 2,
                        'u' => 4,
                        'U' => 8,
                        _ => 0,
                    };
                    let range = self.take(1 + escape.len_utf8() + digits);
                    if matches!(escape, 'n' | 't' | 'r' | ' ' | '\t' | '\n' | '\r') {
                        continue;
                    }
                    range
                }
                _ => self.take(c.len_utf8()),
            };
            if !white(c) {
                return Some(range);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::node::{Node, Value, parse};
    use crate::source::Sources;

    #[test]
    fn a_place_in_the_text_is_found_in_the_file() {
        let cases = [
            "v: run {{ name }} now",
            "v: 'it''s {{ name }}'",
            "v: \"tab\\t\\\"q\\\" \\u263A {{ name }}\"",
            "v: \"é folded\n   over {{ name }}\"",
            "v: |\n  one\n    two {{ name }}\n",
            "v: >-\n  one\n\n  two\n  {{ name }}\n",
            "v: |\r\n  one\r\n  {{ name }}\r\n",
            "v: one\n  two {{ name }}\n",
        ];
        for text in cases {
            let mut sources = Sources::default();
            let id = sources.add("p.yml", text);
            let Node { value: Value::Map(entries), .. } = parse(id, text).expect(text) else { panic!("{text}") };
            let node = &entries[0].value;
            let characters = node.as_text().expect("a scalar");
            let at = characters.find("name").expect("it is there");
            let place = node.place(&sources, at, at + 4);
            assert_eq!(sources.slice(place), "name", "{text:?}");
            assert_eq!(place.start, text.find("name").expect("it is there"), "{text:?}");
        }
    }
}
