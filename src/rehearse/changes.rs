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
    /// The owner's name, or its id if it has no name; `None` if it was removed, or if all users of the host share one id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The group, in the same form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Size in bytes; 0 unless it is a regular file.
    pub size: u64,
    /// Digest of a file's content, or of a link's target.
    pub sha256: Option<Digest>,
}

impl ChangedPath {
    /// A path that was removed.
    pub fn gone(path: impl Into<String>) -> Self {
        let path = path.into();
        Self { path, kind: PathKind::Gone, mode: 0, owner: None, group: None, size: 0, sha256: None }
    }

    /// Its owner and group as `chown` takes them; `None` where they are unknown.
    pub fn ownership(&self) -> Option<String> {
        Some(format!("{}:{}", self.owner.as_ref()?, self.group.as_ref()?))
    }
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
    /// What a step needed that this host cannot have, and what to do about it.
    #[serde(default)]
    pub limits: Vec<String>,
}
