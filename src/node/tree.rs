//! The tree that a document becomes.

use crate::source::Span;

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
        style: ScalarStyle,
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
        style: ScalarStyle,
    },
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarStyle {
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
}
