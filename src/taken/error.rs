//! Why files were not taken.

use std::io;
use std::path::Path;

/// Why something was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TakeError {
    /// It could not be written here. The sentence names the path.
    #[error("{0}")]
    Here(String),
    /// What the host says cannot be, or is not what it has announced.
    #[error("the host offers {0}")]
    Host(String),
    /// What an earlier attempt has left here does not go with what came now: all of it is to come once more.
    #[error("a part of {0} was damaged here")]
    Again(String),
}

impl TakeError {
    /// An error of this machine.
    pub(super) fn here(what: &str, path: &Path, error: &io::Error) -> Self {
        Self::Here(format!("cannot {what} {}: {error}", path.display()))
    }
}
