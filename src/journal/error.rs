//! What can go wrong with a journal.

use std::io;
use std::path::Path;

use crate::exit::Exit;

/// Why a journal cannot be used. The text names the file; the hint says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct JournalError {
    /// Which family.
    pub kind: JournalErrorKind,
    /// What is wrong, a sentence's text.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// The families of [`JournalError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalErrorKind {
    /// This machine cannot read or write its journal.
    Local,
    /// What was written is damaged or from a newer pinboot.
    Corrupt,
    /// Another process writes this run.
    Locked,
    /// There is no such run.
    UnknownRun,
}

impl JournalErrorKind {
    /// The exit code that says so.
    pub fn exit(self) -> Exit {
        match self {
            Self::Local => Exit::LocalError,
            Self::Corrupt => Exit::Mismatch,
            Self::Locked => Exit::Busy,
            Self::UnknownRun => Exit::BadInput,
        }
    }
}

impl JournalError {
    pub(super) fn new(kind: JournalErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A call of the system that failed: `what` is like `cannot write`.
    pub(super) fn io(what: &str, path: &Path, error: &io::Error) -> Self {
        let hint = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some("make room on that disk"),
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Some("set PINBOOT_STATE_DIR to a folder of yours that can be written")
            }
            _ => None,
        };
        let this = Self::new(JournalErrorKind::Local, format!("{what} {}: {error}", path.display()));
        Self { hint: hint.map(str::to_owned), ..this }
    }
}
