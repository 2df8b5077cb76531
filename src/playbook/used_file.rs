//! The files that a playbook uses, as they are read.

use crate::node::Node;
use crate::source::{SourceId, Span};

/// A used file as it was read.
#[derive(Clone, Debug)]
pub(crate) struct UsedFile {
    /// Its text.
    pub(crate) source: SourceId,
    /// Its document; `None` where errors of it have been reported.
    pub(crate) root: Option<Node>,
    /// Its path as the playbook would write it.
    pub(crate) path: String,
}

/// Reads the files that a playbook uses.
pub(crate) trait Files {
    /// The file of this path, or `main.yaml` in a folder of this path.
    fn open(&mut self, path: &str) -> Result<UsedFile, String>;
}

/// A file that is being read, and where it is used.
pub(crate) struct OpenFile {
    /// Its path.
    pub(crate) path: String,
    /// Where it is used.
    pub(crate) used: Span,
}
