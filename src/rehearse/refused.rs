//! The error of a machine that cannot make a throw-away host.

use std::fmt;

/// No host could be made, and nothing of the playbook was run (exit 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong, without a full stop.
    pub message: String,
    /// What to do, without a full stop.
    pub hint: Option<String>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refused {}

impl Refused {
    /// A refusal with a hint.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }

    /// A refusal that the user can do nothing about.
    pub fn without_hint(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }
}
