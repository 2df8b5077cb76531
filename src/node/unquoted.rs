//! Templates that lack their quotes: YAML reads `{{ x }}` as a map in a map. They are found, reported, and read as what they
//! would be with quotes. Syntax errors are reported here too, because such a template may cause one.

use std::ops::Range;

use granit_parser::ScanError;

use super::builder::{Builder, OpenValue};
use super::explain::explain;
use crate::source::Diagnostic;

impl<'a> Builder<'a> {
    /// The value that starts with a template at byte `at`, as far as quotes would have to go.
    pub(super) fn unquoted_range(&self, at: usize) -> Range<usize> {
        let line = self.text[at..].lines().next().unwrap_or("").trim_end();
        let value = line.split_once(" #").map_or(line, |(value, _)| value.trim_end());
        let closed = value.find("}}").map_or(value.len(), |end| end + 2);
        let is_key = self.stack.last().is_some_and(|open| matches!(&open.value, OpenValue::Map { key: None, .. }));
        let inside_flow = self.stack.iter().any(|open| self.from(open.span).starts_with(['[', '{']));
        let len = if is_key {
            closed
        } else if inside_flow {
            closed + value[closed..].find([',', ']', '}']).unwrap_or(value.len() - closed)
        } else {
            value.len()
        };
        at..at + value[..len].trim_end().len()
    }

    /// Reports a template at the start of a value that needs quotes.
    pub(super) fn report_unquoted(&mut self, range: &Range<usize>) {
        let value = &self.text[range.clone()];
        let hint = if value.contains('"') {
            format!("put quotes around it: '{}'", value.replace('\'', "''"))
        } else {
            format!("put quotes around it: \"{value}\"")
        };
        let error = Diagnostic::error(self.place(range.start, range.end), "a value that starts with `{{` needs quotes")
            .label("YAML reads `{` as the start of a map")
            .hint(hint);
        self.report(error);
    }

    /// Where an error is: the start of its line, the line, and the column.
    fn line_of(&self, error: &ScanError) -> (usize, &'a str, usize) {
        let mut at = error.marker().byte_offset().unwrap_or(self.text.len()).min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let start = self.text[..at].rfind('\n').map_or(0, |found| found + 1);
        (start, self.text[start..].lines().next().unwrap_or(""), at - start)
    }

    /// Templates without quotes that may cause a syntax error, except for those that have been replaced already.
    pub(super) fn unquoted_at(&self, error: &ScanError) -> Vec<Range<usize>> {
        if !self.unquoted.is_empty() {
            return self.unquoted.clone();
        }
        let (start, line, _) = self.line_of(error);
        let found = [": {{", "- {{", "[{{", ", {{", "[ {{"].iter().filter_map(|opener| {
            let at = line.find(opener)? + opener.len() - 2;
            let quoted = ['"', '\''].iter().any(|quote| line[..at].matches(*quote).count() % 2 == 1);
            let known = self.replaced.iter().any(|known| known.contains(&(start + at)));
            (!quoted && !known).then_some(start + at)
        });
        found.min().map(|at| self.unquoted_range(at)).into_iter().collect()
    }

    /// Reports a syntax error, unless it only follows from an error that has been reported.
    pub(super) fn report_syntax(&mut self, error: &ScanError) {
        let (start, line, column) = self.line_of(error);
        let on_line = start..=start + line.len();
        let reported = self.unquoted.iter().chain(self.replaced).any(|template| on_line.contains(&template.start));
        if reported || self.forbidden > 0 {
            return;
        }
        let at = start + column;
        let (message, label, hint) = explain(error, line, column);
        let len = self.text[at..].chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
        let mut error = Diagnostic::error(self.place(at, at + len), message);
        error.label = label;
        error.hint = hint;
        self.within_unquoted = 0;
        self.report(error);
    }
}
