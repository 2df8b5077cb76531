//! One error or warning, and how several are put together.

use std::cell::Cell;
use std::collections::HashSet;

use super::text::Span;

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

/// How many pairs of characters may be compared in the search for names that are near to others. It is enough for all the
/// mistakes that a person makes in one playbook, and keeps one with thousands of mistakes from taking minutes.
const COMPARISONS: u64 = 20_000_000;

thread_local! {
    static COMPARED: Cell<u64> = const { Cell::new(0) };
}

/// Lets suggestions be searched for as long as for any other playbook.
pub fn search_anew() {
    COMPARED.set(0);
}

/// The known name that a misspelt one most likely means, if one is similar enough.
pub fn near<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let count = written.chars().count();
    let limit = (count / 3).max(1);
    let mut compared = COMPARED.get();
    if compared > COMPARISONS {
        return None;
    }
    let near = known
        .into_iter()
        .filter(|name| {
            compared += 8;
            // A name of another length is not near, whatever its characters are.
            let similar = name.len() <= 4 * (count + limit) && name.chars().count().abs_diff(count) <= limit;
            compared += if similar { (count * count) as u64 } else { 0 };
            similar && compared <= COMPARISONS
        })
        .map(|name| (strsim::osa_distance(written, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name);
    COMPARED.set(compared);
    near
}
