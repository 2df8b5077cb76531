//! What a run was asked to do: `run.json`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::checksum;
use super::error::{JournalError, JournalErrorKind};
use crate::event::Mode;
use crate::flags::Flags;
use crate::ids::{Digest, HostId, RunId, StepId};
use crate::plan::{Action, Plan};

/// The version of `run.json` and of the folder's layout.
const VERSION: u32 = 1;

/// What a run was asked to do, everything that a rerun needs to ask for it again. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The run.
    pub run: RunId,
    /// The 128-bit word, in hexadecimal, that marks the frames of this run on the wire.
    pub nonce: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// The version of pinboot that began it.
    pub pinboot: String,
    /// The folder in which it was begun.
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

/// One step of a plan in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSummary {
    /// Its place in the plan.
    pub id: StepId,
    /// Its place in the playbook as a person counts.
    pub label: String,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The digest over everything that the host would do for it.
    pub digest: Digest,
    /// Whether anything can say that it is so already.
    pub has_check: bool,
    /// `file:line`.
    pub origin: String,
    /// Its failure does not end the run.
    #[serde(default)]
    pub allowed: bool,
    /// Why it was passed over when the plan was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// The runs and steps of before in which the host was to look for what became of it, the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<(RunId, StepId)>,
}

impl HostSummary {
    /// A plan in short; `target` is `user@address:port`.
    pub fn new(plan: &Plan, target: impl Into<String>) -> Self {
        let steps = plan.steps.iter().map(|step| {
            let (has_check, allowed, skipped, earlier) = match &step.action {
                Action::Skip { why } => (false, false, Some(why.clone()), Vec::new()),
                Action::Apply(work) => (work.has_check(), work.allow_failure, None, work.earlier.clone()),
            };
            StepSummary {
                id: step.id,
                label: step.label.clone(),
                name: step.name.clone(),
                kind: step.kind.to_owned(),
                digest: step.digest.clone(),
                has_check,
                origin: step.origin.clone(),
                allowed,
                skipped,
                earlier,
            }
        });
        Self { host: plan.host.clone(), target: target.into(), steps: steps.collect() }
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
        let object = serde_json::to_string(&Written { version: VERSION, header: self });
        checksum::seal(&object.expect("a header has only text keys"))
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
            serde_json::from_slice(line).map_err(|error| corrupt(&format!("it is no JSON: {error}")))?;
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
