//! What a filter says of a value that it cannot use.

use minijinja::{Error, ErrorKind};

/// The error for an argument that a filter cannot use.
pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}
