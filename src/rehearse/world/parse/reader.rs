//! Reads values of the right form out of YAML nodes, and collects what is wrong.

use std::path::Path;

use crate::node::{Entry, Node, Value};
use crate::source::{Diagnostic, Span};

/// Reads nodes; every error is collected, and reading goes on.
pub(super) struct Reader<'a> {
    /// The rehearsal file's directory.
    pub(super) folder: &'a Path,
    pub(super) is_file: &'a dyn Fn(&Path) -> bool,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Reader<'_> {
    /// The entries of a map; none if the node is empty or not a map.
    pub(super) fn map<'n>(&mut self, node: &'n Node, expected: &str) -> &'n [Entry] {
        match &node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            _ => {
                self.error(node.span, "not a map", &format!("expected {expected}"));
                &[]
            }
        }
    }

    /// The items of a list; none if the node is empty or not a list.
    pub(super) fn list<'n>(&mut self, node: &'n Node, expected: &str) -> &'n [Node] {
        match &node.value {
            Value::List(items) => items,
            Value::Null => &[],
            _ => {
                self.error(node.span, "not a list", &format!("expected {expected}"));
                &[]
            }
        }
    }

    /// The text of a scalar.
    pub(super) fn text(&mut self, node: &Node) -> Option<String> {
        let found = match &node.value {
            Value::Scalar { text, .. } => return Some(text.clone()),
            Value::Null => "no value",
            Value::List(_) => "a list instead of a text",
            _ => "a map instead of a text",
        };
        self.error(node.span, found, "expected a text");
        None
    }

    /// The value of an HTTP header.
    pub(super) fn header(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node)?;
        if text.is_empty() || text.bytes().any(|b| !(b' '..0x7f).contains(&b)) {
            self.error(node.span, "invalid header value", "expected one line of printable ASCII");
            return None;
        }
        Some(text)
    }

    /// An absolute path, without slashes at its end.
    pub(super) fn absolute(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node)?;
        let text = if text.len() > 1 { text.trim_end_matches('/').to_owned() } else { text };
        if !text.starts_with('/') || text.len() < 2 || has_dots(&text) || text.contains([':', '\n']) {
            let expected = "expected an absolute path without `..`, `:` and line breaks";
            self.error(node.span, "invalid path on the host", expected);
            return None;
        }
        Some(text)
    }

    /// A whole number in this range.
    pub(super) fn number(&mut self, node: &Node, least: u64, most: u64) -> Option<u64> {
        let text = self.text(node)?;
        if let Ok(number) = text.parse::<u64>()
            && (least..=most).contains(&number)
        {
            return Some(number);
        }
        let expected = match most {
            u64::MAX => "expected a whole number of bytes".to_owned(),
            _ => format!("expected a number from {least} to {most}"),
        };
        self.error(node.span, &format!("invalid number `{text}`"), &expected);
        None
    }

    /// Permission bits in octal digits.
    pub(super) fn mode(&mut self, node: &Node) -> Option<u32> {
        let text = self.text(node)?;
        let digits = text.trim_start_matches('0');
        match u32::from_str_radix(if digits.is_empty() { "0" } else { digits }, 8) {
            Ok(mode) if mode <= 0o7777 && text.len() <= 5 => Some(mode),
            _ => {
                self.error(node.span, &format!("invalid file mode `{text}`"), "expected octal digits, such as 0755");
                None
            }
        }
    }

    /// Whether a text can be the name of a command.
    pub(super) fn command_name(&mut self, span: Span, name: &str) -> bool {
        let fits = |b: u8| b.is_ascii_graphic() && !b"/'\"\\$`*?[]".contains(&b);
        if !name.is_empty() && name.bytes().all(fits) && name != "." && name != ".." && !name.starts_with('-') {
            return true;
        }
        self.error(span, "invalid command name", "expected a name without slashes, spaces and shell characters");
        false
    }

    /// Reports a key that does not exist at this place (`of a file`, for example).
    pub(super) fn unknown_key(&mut self, entry: &Entry, place: &str, known: &[&str]) {
        let written = entry.key.as_str();
        let message = if place.is_empty() {
            format!("unknown key `{written}`")
        } else {
            format!("unknown key `{written}` {place}")
        };
        let known_keys = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let diagnostic = Diagnostic::error(entry.key_span, message)
            .hint(format!("the known keys are {known_keys}"))
            .did_you_mean(written, known.iter().copied());
        self.diagnostics.push(diagnostic);
    }

    /// Reports an error at this place.
    pub(super) fn error(&mut self, span: Span, message: &str, expected: &str) {
        self.diagnostics.push(Diagnostic::error(span, message).label(expected));
    }
}

/// Whether a path has a part `.` or `..`, or a NUL.
pub(super) fn has_dots(path: &str) -> bool {
    path.split('/').any(|part| part == ".." || part == ".") || path.contains('\0')
}
