//! The variables of `-e NAME=VALUE`, each a source of its own.

use super::document::Playbook;
use super::known::{Declared, KnownNames};
use crate::node::{self, Entry, Node, ScalarStyle, Value};
use crate::render::syntax::is_name;
use crate::source::{Diagnostic, Sources, Span};

/// Whether the value of an `-e` may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrecy {
    None,
    /// The list of the secrets could not be read.
    Possible,
    Secret,
}

/// Reads what is given by `-e`.
struct Reader<'p> {
    /// The playbook, as far as it could be read.
    playbook: Option<&'p Playbook>,
    known: &'p KnownNames<'p>,
    diagnostics: Vec<Diagnostic>,
}

/// The variables that `-e` gives, and what is wrong with them.
pub(super) fn read(
    sources: &mut Sources,
    vars: &[String],
    playbook: Option<&Playbook>,
    known: &KnownNames<'_>,
) -> (Vec<Entry>, Vec<Diagnostic>) {
    let mut reader = Reader { playbook, known, diagnostics: Vec::new() };
    let entries = vars.iter().filter_map(|given| reader.one(sources, given)).collect();
    (entries, reader.diagnostics)
}

impl Reader<'_> {
    fn one(&mut self, sources: &mut Sources, given: &str) -> Option<Entry> {
        let assignment = given.split_once('=');
        let secrecy = assignment.map_or(Secrecy::None, |(name, _)| self.secrecy(name));
        // The value of a secret must not show up in the line that a diagnostic quotes.
        let shown = match assignment {
            Some((name, _)) if secrecy != Secrecy::None => format!("{name}=***"),
            _ => given.to_owned(),
        };
        let source = sources.add("--var", shown.as_str());
        let whole = Span { source, start: 0, end: shown.len() };
        let Some((name, value)) = assignment else {
            self.diagnostics.push(Diagnostic::error(whole, "expected NAME=VALUE").label("there is no `=`"));
            return None;
        };
        let key_span = whole.part(0, name.len());
        if !is_name(name) {
            self.diagnostics.push(
                Diagnostic::error(key_span, format!("invalid variable name `{name}`"))
                    .label("expected letters, digits and `_`, not starting with a digit"),
            );
            return None;
        }
        let known = self.known(name, key_span)?;
        let value = self.value(name, value, whole.part(name.len() + 1, shown.len()), known, secrecy);
        Some(Entry { key: name.to_owned(), key_span, value, broken: false })
    }

    fn secrecy(&self, name: &str) -> Secrecy {
        match self.playbook {
            Some(playbook) if playbook.secrets.iter().any(|secret| secret.value == name) => Secrecy::Secret,
            Some(playbook) if !playbook.unresolved.secrets => Secrecy::None,
            _ => Secrecy::Possible,
        }
    }

    /// What is known of a variable; an error where the playbook has no such variable.
    fn known(&mut self, name: &str, span: Span) -> Option<Declared> {
        self.known.find(name, span).map_err(|error| self.diagnostics.push(*error)).ok()
    }

    /// The value; where it has an error, a placeholder about which nothing more is reported.
    fn value(&mut self, name: &str, value: &str, span: Span, known: Declared, secrecy: Secrecy) -> Node {
        let broken = Node { value: Value::Broken { text: String::new(), style: ScalarStyle::Literal }, span };
        if value.chars().any(|c| matches!(c, '\0' | '\u{fdd0}'..='\u{fdef}')) {
            let message = format!("the value of `{name}` contains a character that is not allowed in text");
            self.diagnostics.push(Diagnostic::error(span, message));
            return broken;
        }
        if known.broken {
            return broken;
        }
        // As in the playbook, where it leaves out what the variable is for.
        if value == "null" {
            return Node { value: Value::Null, span };
        }
        if !known.structured {
            return Node { value: Value::Scalar { text: value.to_owned(), style: ScalarStyle::Literal }, span };
        }
        let read = node::read_value(span.source, value, span.start);
        let fits = matches!(read.root, Some(Node { value: Value::List(_) | Value::Map(_), .. }));
        if secrecy == Secrecy::Possible && fits {
            // No place in it can be shown.
            return broken;
        }
        if secrecy == Secrecy::None && !read.diagnostics.is_empty() {
            self.diagnostics.extend(read.diagnostics);
            return broken;
        }
        match read.root {
            // What a secret's value says has no place that could be shown.
            Some(node) if fits && read.diagnostics.is_empty() => {
                literal(node, (secrecy == Secrecy::Secret).then_some(span))
            }
            _ => {
                let message = format!("`{name}` is a list or a map in the playbook, but this is text");
                let hint = format!("write it as YAML, such as -e {name}='[a, b]'");
                self.diagnostics.push(Diagnostic::error(span, message).hint(hint));
                broken
            }
        }
    }
}

/// A node that is not searched for templates; all of it `at` one place where that is given.
fn literal(node: Node, at: Option<Span>) -> Node {
    let value = match node.value {
        Value::Scalar { text, .. } => Value::Scalar { text, style: ScalarStyle::Literal },
        Value::List(items) => Value::List(items.into_iter().map(|item| literal(item, at)).collect()),
        Value::Map(entries) => {
            let entry = |entry: Entry| Entry {
                key_span: at.unwrap_or(entry.key_span),
                value: literal(entry.value, at),
                ..entry
            };
            Value::Map(entries.into_iter().map(entry).collect())
        }
        other @ (Value::Null | Value::Broken { .. }) => other,
    };
    Node { value, span: at.unwrap_or(node.span) }
}
