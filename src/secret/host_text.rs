//! What a host sent, on its way to a person.

use std::fmt;

use super::Masker;
use crate::event::escape;

/// Bytes that a host sent and that may hold secrets.
///
/// The only ways out mask them first: what cuts a text, joins its lines or escapes its characters would leave pieces of a secret
/// that no mask finds.
#[derive(Clone, PartialEq, Eq)]
pub struct HostText(Vec<u8>);

impl HostText {
    /// Takes what a host sent.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The text of which the host sent everything.
    pub fn complete(&self, masker: &Masker) -> String {
        escape(&masker.mask_bytes(&self.0))
    }

    /// The text of which parts are missing, or may be: the beginning of a secret at a cut is hidden as well.
    pub fn cut(&self, masker: &Masker) -> String {
        escape(&masker.mask_cut(&self.0))
    }

    /// The text where no secrets are known, or where a mask is laid over the whole of what quotes it.
    pub fn without_secrets(&self) -> String {
        escape(&self.0)
    }
}

impl fmt::Debug for HostText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostText({} bytes)", self.0.len())
    }
}
