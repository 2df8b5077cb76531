//! What a run was asked to do: `run.json`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::checksum;
use super::error::{JournalError, JournalErrorKind};
use crate::event::{Mode, json_text};
use crate::flags::Flags;
use crate::ids::{Digest, HostId, RunId};
use crate::plan::{Plan, StepSummary};

/// The version of `run.json` and of the folder's layout.
const VERSION: u32 = 1;

/// What a run was asked to do, everything that a rerun needs to ask for it again. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The run.
    pub run: RunId,
    /// The 128-bit word, in hexadecimal, that marks the frames of this run on the wire.
    pub nonce: String,
    /// When it started, RFC 3339.
    pub started: String,
    /// The version of pinboot that started it.
    pub pinboot: String,
    /// The folder in which it was started.
    pub cwd: PathBuf,
    /// The playbook's file as it was given.
    pub playbook: String,
    /// The playbook's file from the root.
    pub playbook_path: PathBuf,
    /// The digest of the playbook's text.
    pub playbook_digest: Digest,
    /// Run or check.
    pub mode: Mode,
    /// The flags that it was given.
    #[serde(default)]
    pub flags: Flags,
    /// What was to be done, host by host.
    pub hosts: Vec<HostSummary>,
    /// The run that this one finishes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun_of: Option<RunId>,
}

/// The plan of one host in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSummary {
    /// The host.
    pub host: HostId,
    /// `user@address:port`: a step counts as done for this target only.
    pub target: String,
    /// Its steps.
    pub steps: Vec<StepSummary>,
}

impl HostSummary {
    /// A plan in short; `target` is `user@address:port`.
    pub fn new(plan: &Plan, target: impl Into<String>) -> Self {
        Self { host: plan.host.clone(), target: target.into(), steps: plan.summary() }
    }
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    #[serde(flatten)]
    header: &'a Header,
}

impl Header {
    /// Writes the header as its file holds it.
    pub(super) fn to_line(&self) -> String {
        checksum::seal(&json_text(&Written { version: VERSION, header: self }))
    }

    /// Reads what [`Header::to_line`] wrote; `name` is the file's name for messages.
    pub(super) fn from_line(bytes: &[u8], name: &str) -> Result<Self, JournalError> {
        let corrupt = |what: &str| JournalError::new(JournalErrorKind::Corrupt, format!("{name}: {what}"));
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        if !checksum::is_sealed(line) {
            return Err(corrupt("it is damaged: its checksum does not fit").hint(
                "follow the run by the host's own record: `pinboot attach [USER@]HOST`; or run the playbook anew",
            ));
        }
        let mut value: serde_json::Value =
            serde_json::from_slice(line).map_err(|error| corrupt(&format!("not JSON: {error}")))?;
        let version = value.get_mut("version").map(serde_json::Value::take).and_then(|version| version.as_u64());
        match version {
            Some(version) if version <= u64::from(VERSION) => {}
            Some(version) => {
                return Err(corrupt(&format!("it was written by a newer pinboot (version {version} of the format)"))
                    .hint("use that pinboot"));
            }
            None => return Err(corrupt("it says no version")),
        }
        Self::deserialize(value).map_err(|error| corrupt(&error.to_string()))
    }
}
