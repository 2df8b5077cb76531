//! Places in what a user wrote, and the one way to point at them.
//!
//! A [`Span`] is a range of bytes in one of the texts that a [`Sources`] holds: the playbook, a variables file, or a
//! `--var` of the command line. A [`Diagnostic`] is one error or warning: what is wrong, where, and what to do.

mod render;

use std::collections::HashSet;

pub use render::render;

/// Which text of a [`Sources`] a span lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(u32);

/// A range of bytes in one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The text that the range lies in.
    pub source: SourceId,
    /// The first byte.
    pub start: usize,
    /// The byte behind the last.
    pub end: usize,
}

impl Span {
    /// The part of this span from `start` to `end`, both counted from the span's own start and cut to fit into it.
    #[must_use]
    pub fn part(self, start: usize, end: usize) -> Self {
        let from = (self.start + start).min(self.end);
        Self { source: self.source, start: from, end: (self.start + end).clamp(from, self.end) }
    }
}

/// A value and the place where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub span: Span,
}

/// One text that was read, with the name that messages show.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file's name as the user gave it, or the flag that the text came from.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// Every text that was read.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// Adds a text, and returns the id that spans into it have.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        let id = SourceId(u32::try_from(self.list.len()).expect("fewer than 2^32 sources"));
        self.list.push(Source { name: name.into(), text: text.into() });
        id
    }

    /// Adds a text, unless it is there already under this name: an error in it is then reported once.
    pub fn add_once(&mut self, name: &str, text: &str) -> SourceId {
        let same = |source: &Source| source.name == name && source.text == text;
        match self.list.iter().position(same) {
            Some(at) => SourceId(u32::try_from(at).expect("fewer than 2^32 sources")),
            None => self.add(name, text),
        }
    }

    /// The text with this id.
    pub fn get(&self, id: SourceId) -> &Source {
        &self.list[id.0 as usize]
    }

    /// The text that a span covers.
    pub fn slice(&self, span: Span) -> &str {
        self.get(span.source).text.get(span.start..span.end).unwrap_or("")
    }

    /// The 1-based line and column (in characters) of a span's first byte.
    pub fn line_column(&self, span: Span) -> (usize, usize) {
        let text = self.get(span.source).text.as_str();
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// How serious a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is sent, and the exit code is 2.
    Error,
    /// It is shown, and the run continues.
    Warning,
}

/// One error or warning about what the user wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, with the name of the thing, in one line without a full stop.
    pub message: String,
    /// Where; `None` where no text can be shown, such as for a missing file.
    pub span: Option<Span>,
    /// A few words under the caret, such as `expected a number`.
    pub label: Option<String>,
    /// What to do, as a sentence's text without a full stop.
    pub hint: Option<String>,
    /// Other places that belong to it, each with its few words (`first given here`).
    pub related: Vec<(Span, String)>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, Some(span), message)
    }

    /// A warning at a place.
    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, Some(span), message)
    }

    /// An error without a place.
    pub fn without_place(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, None, message)
    }

    fn new(severity: Severity, span: Option<Span>, message: impl Into<String>) -> Self {
        Self { severity, message: message.into(), span, label: None, hint: None, related: Vec::new() }
    }

    /// Adds the words under the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds `did you mean` if a known name is similar to the one that was written.
    #[must_use]
    pub fn did_you_mean<'a>(self, written: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match near(written, known) {
            Some(name) => self.hint(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    /// Adds another place that belongs to it.
    #[must_use]
    pub fn related(mut self, span: Span, words: impl Into<String>) -> Self {
        self.related.push((span, words.into()));
        self
    }
}

/// Sorts diagnostics by position and removes duplicates.
pub fn merged(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut seen = HashSet::new();
    diagnostics.retain(|diagnostic| seen.insert((diagnostic.span, diagnostic.message.clone())));
    diagnostics.sort_by_key(|diagnostic| (diagnostic.span.is_some(), diagnostic.span));
    diagnostics
}

/// The known name that a misspelt one most likely means, if one is similar enough.
pub fn near<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (written.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(written, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}
