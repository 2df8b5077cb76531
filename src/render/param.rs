//! Parameters: values that a playbook or a used file asks for, and what they may be.

use std::ops::Range;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::characters::characters;
use super::templates::brief;
use crate::node::{Entry, Node};
use crate::script::HOLE_OPEN;
use crate::source::{Diagnostic, Span, near};

/// What a value of a parameter must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParamType {
    /// Anything.
    Any,
    /// One text, or a number as it is written.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A list.
    List,
    /// A map.
    Map,
}

impl ParamType {
    /// The words of `type`, in the order of help.
    pub(crate) const WORDS: &[(&str, Self)] = &[
        ("text", Self::Text),
        ("integer", Self::Integer),
        ("boolean", Self::Boolean),
        ("list", Self::List),
        ("map", Self::Map),
        ("any", Self::Any),
    ];

    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, known)| *known == self).map_or("any", |(word, _)| word)
    }

    /// What an error asks for.
    fn wanted(self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Text => "text",
            Self::Integer => "a whole number",
            Self::Boolean => "`true` or `false`",
            Self::List => "a list",
            Self::Map => "a map",
        }
    }

    fn fits(self, value: &Value) -> bool {
        let text = characters(value).ok();
        match self {
            Self::Any => true,
            Self::Text => text.is_some() && value.kind() != ValueKind::Bool,
            Self::Integer => text.is_some_and(|text| text.parse::<i64>().is_ok()),
            Self::Boolean => text.is_some_and(|text| matches!(&*text, "true" | "false")),
            Self::List => matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable),
            Self::Map => value.kind() == ValueKind::Map,
        }
    }
}

/// One parameter as it is declared.
#[derive(Clone, Debug)]
pub(crate) struct Param {
    /// Its name.
    pub(crate) name: String,
    /// Where it is declared.
    pub(crate) span: Span,
    /// `type`.
    pub(crate) wanted: ParamType,
    /// `default`.
    pub(crate) default: Option<Node>,
    /// `description`.
    pub(crate) description: String,
    /// Whether a value has to be given.
    pub(crate) required: bool,
    /// `choices`: the only values that are right.
    pub(crate) choices: Vec<String>,
    /// `secret`.
    pub(crate) secret: bool,
}

impl Param {
    /// The error of a parameter of the playbook that has no value.
    pub(crate) fn missing(&self) -> Diagnostic {
        let name = &self.name;
        let error = Diagnostic::error(self.span, format!("the parameter `{name}` has no value"));
        let what = if self.description.is_empty() { String::new() } else { format!(" ({})", self.description) };
        error.label(format!("it needs {}", self.wanted.wanted())).hint(format!(
            "give it with `-e {name}=VALUE`, in a file with `--vars-file`, or under `vars` of the host{what}"
        ))
    }

    /// What is wrong with a value that stands at this place.
    pub(crate) fn check(&self, value: &Value, place: Span) -> Option<Diagnostic> {
        let name = &self.name;
        let is_hole = value.as_str().is_some_and(|text| text.contains(HOLE_OPEN));
        if value.kind() == ValueKind::None {
            let error =
                Diagnostic::error(place, format!("`{name}` needs {}, but this is nothing", self.wanted.wanted()));
            return self.required.then(|| error.related(self.span, "the parameter"));
        }
        if is_hole && (self.wanted != ParamType::Text && self.wanted != ParamType::Any || !self.choices.is_empty()) {
            let message = format!(
                "`{name}` has to be known before anything is sent, and this value is a secret or known only on the host"
            );
            return Some(Diagnostic::error(place, message).related(self.span, "the parameter"));
        }
        if !self.wanted.fits(value) {
            let shown = if self.secret { "something else".to_owned() } else { brief(value) };
            let error =
                Diagnostic::error(place, format!("`{name}` needs {}, but this is {shown}", self.wanted.wanted()));
            return Some(error.label(format!("expected {}", self.wanted.wanted())).related(self.span, "the parameter"));
        }
        let text = characters(value).unwrap_or_default();
        if self.choices.is_empty() || self.choices.iter().any(|choice| *choice == text) {
            return None;
        }
        let message = if self.secret {
            format!("the value of `{name}` is not one of its choices")
        } else {
            format!("`{name}` cannot be `{}`", text.chars().take(60).collect::<String>())
        };
        let hint = match near(&text, self.choices.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("choices: {}", self.choices.join(", ")),
        };
        Some(Diagnostic::error(place, message).hint(hint).related(self.span, "the parameter"))
    }
}

/// A variable of a used file, or a parameter of the playbook.
#[derive(Clone, Debug)]
pub(crate) struct ScopedVar {
    /// Its name among all variables, and its value.
    pub(crate) entry: Entry,
    /// The scope in which the value is written.
    pub(crate) scope: usize,
    /// The parameter that it is the value of.
    pub(crate) param: Option<Param>,
    /// The steps of the use that it belongs to; `None` for the playbook.
    pub(crate) steps: Option<Range<usize>>,
}
