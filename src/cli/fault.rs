//! An end that is not the run's own: the exit code and what is shown for it.

use std::fmt;

use crate::exit::Exit;
use crate::journal::JournalError;
use crate::transport::Error;

/// Why a command could not do its work.
#[derive(Debug)]
pub(super) struct Fault {
    /// The exit code.
    pub(super) exit: Exit,
    /// What is shown, whole: one or more lines.
    pub(super) text: String,
}

impl Fault {
    /// One sentence and what to do.
    pub(super) fn new(exit: Exit, message: impl fmt::Display, hint: Option<&str>) -> Self {
        let hint = hint.map_or_else(String::new, |hint| format!("\n  {hint}"));
        Self { exit, text: format!("pinboot: {message}{hint}") }
    }

    /// Bad input: nothing was sent.
    pub(super) fn input(message: impl fmt::Display) -> Self {
        Self::new(Exit::BadInput, message, None)
    }

    /// Diagnostics that are rendered already.
    pub(super) fn rendered(text: String) -> Self {
        Self { exit: Exit::BadInput, text }
    }
}

impl From<JournalError> for Fault {
    fn from(error: JournalError) -> Self {
        Self::new(error.kind.exit(), &error.message, error.hint.as_deref())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::new(error.kind.exit(), &error.message, error.hint.as_deref())
    }
}
