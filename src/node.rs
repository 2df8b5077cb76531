//! A YAML document in which every scalar keeps its text and its place.
//!
//! [`read()`] and what it calls are the only code that names the YAML crate. Scalars are never typed here: `2.10` stays the
//! four characters that were written. They become a number or a boolean only where a field needs one.

mod builder;
mod characters;
mod decode;
mod explain;
mod places;
mod read;
mod scalars;
#[cfg(test)]
mod tests;
mod unquoted;

pub use decode::decode;
pub(crate) use read::read_value;
pub use read::{Document, parse, read};

use crate::source::{Sources, Span};

/// One YAML value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it was written.
    pub span: Span,
}

/// A scalar, a list, a map, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// No value: `key:` alone, `~` or `null`.
    Null,
    /// Text, after escapes and folding.
    Scalar {
        /// The text.
        text: String,
        /// How it was written; only plain text can be a boolean.
        style: Style,
    },
    /// A list.
    List(Vec<Node>),
    /// A map in the order in which it was written. The keys of its entries are unique, except for broken ones.
    Map(Vec<Entry>),
    /// A scalar with an error that has been reported: only the names in its templates are still checked.
    Broken {
        /// The text as far as it could be read; [`char::REPLACEMENT_CHARACTER`] stands for what could not.
        text: String,
        /// How it was written.
        style: Style,
    },
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// Between single quotes.
    Single,
    /// Between double quotes.
    Double,
    /// As a block, after `|` or `>`.
    Block,
    /// Exactly as in its source, a value of the command line. It is not a template.
    Literal,
}

/// One line of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// Where the key was written.
    pub key_span: Span,
    /// The value.
    pub value: Node,
    /// Whether an error of the key has been reported: it is given twice, or is a merge key, or is not text.
    pub broken: bool,
}

impl Node {
    /// Whether an error of the scalar has been reported.
    pub fn is_broken(&self) -> bool {
        matches!(self.value, Value::Broken { .. })
    }

    /// Whether no error of anything in it has been reported.
    pub fn is_complete(&self) -> bool {
        match &self.value {
            Value::Null | Value::Scalar { .. } => true,
            Value::Broken { .. } => false,
            Value::List(items) => items.iter().all(Node::is_complete),
            Value::Map(entries) => entries.iter().all(|entry| !entry.broken && entry.value.is_complete()),
        }
    }

    /// The text of a scalar.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// What messages call the value's shape.
    pub fn shape_name(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar { .. } | Value::Broken { .. } => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// The place of the bytes `start..end` of a scalar's text, with regard to escapes, folding and indentation.
    pub fn place(&self, sources: &Sources, start: usize, end: usize) -> Span {
        match &self.value {
            Value::Scalar { text, style } | Value::Broken { text, style } => {
                places::place(sources.slice(self.span), self.span, text, *style, start, end)
            }
            _ => self.span,
        }
    }
}
