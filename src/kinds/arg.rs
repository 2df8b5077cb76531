//! Rendered fields: what a playbook gave a kind, each value with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Shape, Tree};
use crate::host_value::{self, Expr};
use crate::script::{Part, Script, Text};
use crate::source::Span;

/// A rendered value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arg {
    /// Where it was written.
    pub span: Span,
    /// What it is.
    pub value: ArgValue,
}

/// A rendered value: it has the shape of its field (see [`Shape`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgValue {
    /// Text (`Text`, `Path`, `Mode`, `OneOf`, `LocalTemplate`, `LocalTarget`; inside an unread `List`, every scalar).
    Text(Text),
    /// Shell, values already quoted.
    Shell(Script),
    /// `Bool`.
    Bool(bool),
    /// `Integer`.
    Integer(u64),
    /// `Texts` (a single text becomes a list of one) and `List`.
    List(Vec<Arg>),
    /// `TextMap`, and the entries of a `List`: key, place of the key, value.
    Map(Vec<(String, Span, Arg)>),
    /// `LocalPath`: the file's bytes, read by the edge; the path as written.
    File {
        /// As written.
        path: String,
        /// What is in it.
        bytes: Vec<u8>,
    },
    /// `LocalTree`: what the path leads to, read by the edge.
    Tree(Arc<Tree>),
}

impl ArgValue {
    /// Whether a secret is part of it, so that no message may show it.
    pub fn holds_secret(&self) -> bool {
        let in_text = |text: &Text| text.parts().any(|part| matches!(part, Part::Secret(_)));
        match self {
            Self::Text(text) => in_text(text),
            Self::Shell(script) => script.as_str().contains("$pb_s_"),
            Self::List(list) => list.iter().any(|arg| arg.value.holds_secret()),
            Self::Map(map) => map.iter().any(|(_, _, arg)| arg.value.holds_secret()),
            Self::Bool(_) | Self::Integer(_) | Self::File { .. } | Self::Tree(_) => false,
        }
    }

    /// As a user reads it: a list as its entries, an entry as its first field, a map as its names.
    pub fn display(&self) -> String {
        match self {
            Self::Text(text) => text.display(),
            Self::Shell(script) => script.as_str().to_owned(),
            Self::Bool(flag) => flag.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::List(list) => {
                let entry = |arg: &Arg| match &arg.value {
                    Self::Map(fields) => fields.first().map_or_else(String::new, |(_, _, arg)| arg.value.display()),
                    other => other.display(),
                };
                list.iter().map(entry).collect::<Vec<_>>().join(" ")
            }
            Self::Map(map) => map.iter().map(|(name, _, _)| name.as_str()).collect::<Vec<_>>().join(" "),
            Self::File { path, .. } => path.clone(),
            Self::Tree(tree) => tree.path.clone(),
        }
    }
}

/// The rendered fields of one step.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    /// The kind's key in the playbook.
    pub span: Span,
    /// Name, place of the name, value; only fields that were given, all of them known.
    pub fields: &'a [(&'static str, Span, Arg)],
    /// The names of registered values that may hold a secret: a step that has one has registered them.
    pub secretive: &'a BTreeSet<String>,
    /// The expressions that the host evaluates, by the names of their values.
    pub values: &'a BTreeMap<String, Arc<Expr>>,
}

/// Says that the table of a kind and its code disagree, which no playbook can cause.
fn mismatch(name: &str, value: &ArgValue) -> ! {
    panic!("the field `{name}` is declared with another shape than {value:?}")
}

impl<'a> Args<'a> {
    /// Whether a secret is part of a value, or may be.
    pub fn may_hold_secret(&self, value: &ArgValue) -> bool {
        let is_secretive = |part: Part<'_>| match part {
            Part::Registered(name) => self.secretive.contains(name),
            Part::Host { name, .. } => host_value::may_hold_secret(name),
            _ => false,
        };
        match value {
            ArgValue::Text(text) => value.holds_secret() || text.parts().any(is_secretive),
            ArgValue::List(list) => list.iter().any(|arg| self.may_hold_secret(&arg.value)),
            ArgValue::Map(map) => map.iter().any(|(_, _, arg)| self.may_hold_secret(&arg.value)),
            _ => value.holds_secret(),
        }
    }

    /// The field of this name, where it was given.
    pub fn get(&self, name: &str) -> Option<&'a Arg> {
        self.fields.iter().find(|(known, _, _)| *known == name).map(|(_, _, arg)| arg)
    }

    /// Whether the field was given.
    pub fn is_given(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether the field was given and says something: `false` and blank shell do not.
    pub fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some_and(|arg| match &arg.value {
            ArgValue::Bool(flag) => *flag,
            ArgValue::Shell(script) => !script.as_str().trim().is_empty(),
            _ => true,
        })
    }

    /// The place of the field's key, or of the kind where the field was not given.
    pub fn key_place(&self, name: &str) -> Span {
        self.fields.iter().find(|(known, _, _)| *known == name).map_or(self.span, |(_, span, _)| *span)
    }

    /// The place of the field's value, or of the kind where the field was not given.
    pub fn place(&self, name: &str) -> Span {
        self.get(name).map_or(self.span, |arg| arg.span)
    }

    /// A field of text (`Text`, `Path`, `Mode`, `OneOf`, `LocalTemplate`, `LocalTarget`).
    pub fn text(&self, name: &str) -> Option<&'a Text> {
        self.get(name).map(|arg| match &arg.value {
            ArgValue::Text(text) => text,
            other => mismatch(name, other),
        })
    }

    /// A `Shell` field.
    pub fn shell(&self, name: &str) -> Option<&'a Script> {
        self.get(name).map(|arg| match &arg.value {
            ArgValue::Shell(script) => script,
            other => mismatch(name, other),
        })
    }

    /// A `Bool` field; `false` where it was not given.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|arg| match &arg.value {
            ArgValue::Bool(flag) => *flag,
            other => mismatch(name, other),
        })
    }

    /// A `LocalTree` field.
    pub fn tree(&self, name: &str) -> Option<&'a Arc<Tree>> {
        self.get(name).map(|arg| match &arg.value {
            ArgValue::Tree(tree) => tree,
            other => mismatch(name, other),
        })
    }

    /// A `Texts` field; empty where it was not given.
    pub fn texts(&self, name: &str) -> Vec<Text> {
        let text = |arg: &Arg| match &arg.value {
            ArgValue::Text(text) => text.clone(),
            other => mismatch(name, other),
        };
        match self.get(name).map(|arg| &arg.value) {
            None => Vec::new(),
            Some(ArgValue::List(list)) => list.iter().map(text).collect(),
            Some(other) => mismatch(name, other),
        }
    }

    /// The names and values of a `TextMap` field; empty where it was not given.
    pub fn map(&self, name: &str) -> Vec<(String, Text)> {
        let entry = |(key, _, arg): &(String, Span, Arg)| match &arg.value {
            ArgValue::Text(text) => (key.clone(), text.clone()),
            other => mismatch(key, other),
        };
        match self.get(name).map(|arg| &arg.value) {
            None => Vec::new(),
            Some(ArgValue::Map(map)) => map.iter().map(entry).collect(),
            Some(other) => mismatch(name, other),
        }
    }

    /// The entries of a `List` field: name and value of the fields that each of them gave.
    pub fn entries(&self, name: &str) -> Vec<&'a [(String, Span, Arg)]> {
        let entry = |arg: &'a Arg| match &arg.value {
            ArgValue::Map(map) => map.as_slice(),
            other => mismatch(name, other),
        };
        match self.get(name).map(|arg| &arg.value) {
            None => Vec::new(),
            Some(ArgValue::List(list)) => list.iter().map(entry).collect(),
            Some(other) => mismatch(name, other),
        }
    }
}

/// Whether a shape's value is sent apart from the fields that the shell reads.
pub(super) fn is_local(shape: Shape) -> bool {
    matches!(shape, Shape::LocalPath | Shape::LocalTree | Shape::LocalTemplate | Shape::LocalTarget)
}
