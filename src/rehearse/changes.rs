//! What a throw-away host reports: the paths that were written, and the stand-ins that were used.

use serde::{Deserialize, Serialize};

use crate::ids::Digest;

/// One path of the host that was written or removed since the last mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedPath {
    /// The absolute path on the host.
    pub path: String,
    /// What is there now.
    pub kind: PathKind,
    /// Permission bits; 0 if it was removed.
    pub mode: u32,
    /// Size in bytes; 0 unless it is a regular file.
    pub size: u64,
    /// Digest of a file's content, or of a link's target.
    pub sha256: Option<Digest>,
}

/// What is at a path that was written or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathKind {
    /// A regular file.
    File,
    /// A directory that is new or has new permission bits.
    Directory,
    /// A symbolic link.
    Link,
    /// Nothing: it was removed.
    Gone,
    /// A socket, a pipe or a device.
    Other,
}

/// Which stand-ins were used, and which URLs had none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Number of requests for each URL of the rehearsal file, in the file's order.
    pub urls: Vec<(String, u64)>,
    /// Number of calls of each stand-in command, in the file's order.
    pub commands: Vec<(String, u64)>,
    /// URLs that were requested but are not in the rehearsal file; each is listed once.
    pub missing: Vec<String>,
}
