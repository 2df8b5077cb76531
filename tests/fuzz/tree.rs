//! YAML by chance: a tree, and the many ways to write it down.

use std::fmt::Write as _;

use crate::chance::Chance;

/// A value of a document.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Text(String),
    /// Written as it is.
    Bare(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// Writes the tree; its lines are indented so far.
    pub(crate) fn write(&self, out: &mut String, indent: usize, chance: &mut Chance) {
        match self {
            Self::Text(text) => scalar(text, out, indent, chance),
            Self::Bare(text) => out.push_str(text),
            Self::List(items) if items.is_empty() || chance.one_in(4) => self.flow(out),
            Self::List(items) => {
                for item in items {
                    write!(out, "\n{:indent$}- ", "").expect("a string takes all");
                    item.write(out, indent + 2, chance);
                }
            }
            Self::Map(entries) if entries.is_empty() || chance.one_in(6) => self.flow(out),
            Self::Map(entries) => {
                for (key, value) in entries {
                    write!(out, "\n{:indent$}{key}: ", "").expect("a string takes all");
                    value.write(out, indent + 2, chance);
                }
            }
        }
    }

    /// The tree in one line.
    fn flow(&self, out: &mut String) {
        match self {
            Self::Text(text) => quoted(text, out),
            Self::Bare(text) => out.push_str(text),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { ", " } else { "" });
                    item.flow(out);
                }
                out.push(']');
            }
            Self::Map(entries) => {
                out.push_str("{ ");
                for (at, (key, value)) in entries.iter().enumerate() {
                    write!(out, "{}{key}: ", if at > 0 { ", " } else { "" }).expect("a string takes all");
                    value.flow(out);
                }
                out.push_str(" }");
            }
        }
    }
}

/// A text in one of the styles of YAML.
fn scalar(text: &str, out: &mut String, indent: usize, chance: &mut Chance) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._~-=".contains(c);
    match chance.below(4) {
        0 if !text.is_empty() && text.chars().all(plain) => out.push_str(text),
        1 if !text.contains(['\n', '\'']) => write!(out, "'{text}'").expect("a string takes all"),
        2 if !text.is_empty() && !text.starts_with([' ', '\n']) => {
            out.push('|');
            for line in text.split('\n') {
                write!(out, "\n{:indent$}{line}", "").expect("a string takes all");
            }
        }
        _ => quoted(text, out),
    }
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            _ => out.push(c),
        }
    }
    out.push('"');
}
