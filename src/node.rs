//! A YAML document in which every scalar keeps its letters and its place.
//!
//! [`read()`] and what it calls are the only code that names the YAML crate. Scalars are never typed here: `2.10` is the
//! three letters and the dot that a person wrote; a number or a boolean is made of them only where a field wants one.

mod explain;
mod letters;
mod parse;

pub(crate) use parse::read_value;
pub use parse::{Document, decode, parse, read};

use crate::source::{Sources, Span};

/// One YAML value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it was written.
    pub span: Span,
}

/// The three shapes of YAML, and nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing was written (`key:` alone, `~`, `null`).
    Null,
    /// Letters, escapes and folding undone.
    Scalar {
        /// The letters.
        text: String,
        /// How they were written; only what is plain can be a boolean.
        style: Style,
    },
    /// A list.
    List(Vec<Node>),
    /// A map in the order in which it was written; the keys of its entries are unique, broken ones left aside.
    Map(Vec<Entry>),
    /// A scalar of which a fault has been reported already: nothing is asked of it but the names in its templates.
    Broken {
        /// The letters as far as they could be read; [`char::REPLACEMENT_CHARACTER`] stands for what could not.
        text: String,
        /// How they were written.
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
    /// As a block, behind `|` or `>`.
    Block,
    /// Exactly as it stands in its source (a value of the command line): no template is looked for in it.
    Literal,
}

/// One line of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key's letters.
    pub key: String,
    /// Where the key was written.
    pub key_span: Span,
    /// The value.
    pub value: Node,
    /// Whether a fault of the key has been reported already: given twice, a merge key, no text at all.
    pub broken: bool,
}

impl Node {
    /// Whether a fault of the scalar has been reported already.
    pub fn is_broken(&self) -> bool {
        matches!(self.value, Value::Broken { .. })
    }

    /// Whether no fault has been reported of anything in it.
    pub fn is_whole(&self) -> bool {
        match &self.value {
            Value::Null | Value::Scalar { .. } => true,
            Value::Broken { .. } => false,
            Value::List(items) => items.iter().all(Node::is_whole),
            Value::Map(entries) => entries.iter().all(|entry| !entry.broken && entry.value.is_whole()),
        }
    }

    /// The letters of a scalar.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The words by which messages call the value's shape.
    pub fn shape_name(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar { .. } | Value::Broken { .. } => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// The place of the bytes `start..end` of a scalar's letters, escapes, folding and indentation reckoned in.
    pub fn place(&self, sources: &Sources, start: usize, end: usize) -> Span {
        match &self.value {
            Value::Scalar { text, style } | Value::Broken { text, style } => {
                letters::place(sources.slice(self.span), self.span, text, *style, start, end)
            }
            _ => self.span,
        }
    }
}
