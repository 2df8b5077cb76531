//! Why a command could not do its work: what the user reads, and the exit code.

use std::fmt;

use super::color::has_color;
use crate::exit::Exit;
use crate::journal::JournalError;
use crate::rehearse::Refused;
use crate::source::{Diagnostic, Sources, render};
use crate::transport;
use crate::wrap::{wrap_diagnostics, wrap_message};

/// Why a command could not do its work.
#[derive(Debug)]
pub(super) struct CommandError {
    /// The exit code.
    pub(super) exit: Exit,
    message: Message,
    /// What to do about it, each on a line of its own.
    hints: Vec<String>,
}

#[derive(Debug)]
enum Message {
    /// One sentence.
    Sentence(String),
    /// Diagnostics with their excerpts, already rendered.
    Diagnostics(String),
}

impl CommandError {
    /// An error of one sentence.
    pub(super) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: Message::Sentence(message.to_string()), hints: Vec::new() }
    }

    /// Wrong input; nothing was sent.
    pub(super) fn input(message: impl fmt::Display) -> Self {
        Self::new(Exit::BadInput, message)
    }

    /// Something that this machine refuses.
    pub(super) fn local(message: impl fmt::Display) -> Self {
        Self::new(Exit::LocalError, message)
    }

    /// What is wrong in the user's files.
    pub(super) fn diagnostics(diagnostics: &[Diagnostic], sources: &Sources) -> Self {
        let text = render(diagnostics, sources, has_color(&std::io::stderr()));
        Self { exit: Exit::BadInput, message: Message::Diagnostics(text), hints: Vec::new() }
    }

    /// Adds what to do about it, after any earlier hint.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds a hint if there is one.
    pub(super) fn hints(mut self, hint: Option<String>) -> Self {
        self.hints.extend(hint);
        self
    }
}

impl CommandError {
    /// What the user reads at a terminal with so many columns; without one each sentence is a line.
    pub(super) fn text(&self, columns: Option<usize>) -> String {
        let Message::Diagnostics(text) = &self.message else { return wrap_message(&self.to_string(), columns) };
        let hints = self.hints.iter().map(|hint| wrap_message(&format!("\n  {hint}"), columns));
        wrap_diagnostics(text.trim_end(), columns) + &hints.collect::<String>()
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Message::Sentence(sentence) => write!(f, "pinboot: {sentence}")?,
            Message::Diagnostics(text) => f.write_str(text.trim_end())?,
        }
        self.hints.iter().try_for_each(|hint| write!(f, "\n  {hint}"))
    }
}

impl From<JournalError> for CommandError {
    fn from(error: JournalError) -> Self {
        Self::new(error.kind.exit(), &error.message).hints(error.hint)
    }
}

impl From<transport::Error> for CommandError {
    fn from(error: transport::Error) -> Self {
        Self::new(error.kind.exit(), &error.message).hints(error.hint)
    }
}

impl From<Refused> for CommandError {
    fn from(refused: Refused) -> Self {
        let message = format!("cannot make a throw-away host on this machine: {}", refused.message);
        Self::new(Exit::HostUnfit, message).hints(refused.hint)
    }
}

impl From<Box<Diagnostic>> for CommandError {
    /// A diagnostic without a place, such as an unknown name on the command line.
    fn from(diagnostic: Box<Diagnostic>) -> Self {
        Self::input(&diagnostic.message).hints(diagnostic.hint)
    }
}
