//! What happens in a run: the one type that journal, terminal, JSON and reports all read.
//!
//! An [`Event`] is one JSON object a line, in the journal as with `--output json`. Fields are only ever added; a reader
//! ignores fields and kinds that it does not know ([`EventKind::Unknown`]).

mod codec;
mod escape;
mod reason;
mod time;

pub use codec::{CodecError, from_json_line, json_text, to_json_line};
pub use escape::{Escaper, escape, is_safe};
pub use reason::{GuardFault, Reason, group_words};
pub use time::{parse_timestamp, timestamp};

use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::ids::{Digest, HostId, RunId, StepId, StepLabel};

/// The version of the event format.
pub const VERSION: u32 = 1;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// 1-based, without gaps within one run's journal.
    pub seq: u64,
    /// UTC, RFC 3339 with milliseconds; for people, never for decisions.
    pub at: String,
    /// The host that it happened on; `None` for the run as a whole.
    pub host: Option<HostId>,
    /// What happened.
    pub kind: EventKind,
}

/// What a run was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Bring the hosts to the state.
    Run,
    /// Ask every check, change nothing.
    Check,
}

/// Which part of a step said something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its check.
    Check,
    /// The step itself.
    #[default]
    Apply,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its check passed, or the host's record says that it was done before.
    Unchanged,
    /// It ran, and its check, if it has one, passes now.
    Changed,
    /// It would run (`--check` only).
    WouldChange,
    /// It was skipped; `reason` says why.
    Skipped,
    /// It failed; `failure` says in what way.
    Failed,
    /// Whether it took effect is not known; `reason` says why.
    Unknown,
}

/// In what way a step failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Its command ended with a status other than 0.
    Status,
    /// Its check reported an error.
    Check,
    /// The command succeeded, but the check still reports a difference.
    Verify,
    /// What was downloaded is not what was asked for: checksum, size, kind (exit 11).
    Integrity,
    /// It took longer than its `timeout`.
    Timeout,
    /// It was stopped by the user.
    Stopped,
}

/// Whether a host key was known before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// It was.
    Known,
    /// It was added to known_hosts.
    Added,
    /// A newer pinboot says something else.
    #[serde(other)]
    Other,
}

impl KeyStatus {
    /// The word for a person.
    pub fn word(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Added => "added",
            Self::Other => "other",
        }
    }
}

/// Who a host is, as its connection and its runner's first word say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReady {
    /// The login user.
    pub user: String,
    /// Address, with the port where it is not 22.
    pub address: String,
    /// Algorithm of the host key, such as `ssh-ed25519`.
    pub key_type: String,
    /// `SHA256:…`.
    pub fingerprint: String,
    /// Whether the key was known before.
    pub key_status: KeyStatus,
    /// From the start of connecting to the runner's first word.
    pub elapsed_ms: u64,
    /// Whether the run was already on the host, and is only followed.
    #[serde(default)]
    pub followed: bool,
    /// Whether the run had already ended when we connected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub over: bool,
    /// What the machine calls itself in `/etc/machine-id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_id: Option<String>,
}

/// The kinds of event, each with its fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// The first event of a run.
    RunStarted {
        /// Its name.
        run: RunId,
        /// The playbook's file as it was given.
        playbook: String,
        /// The playbook's own name.
        name: String,
        /// What was asked for.
        mode: Mode,
        /// The hosts, in order.
        hosts: Vec<HostId>,
        /// How many steps the longest plan has.
        steps: u32,
        /// How many steps each host's plan has, in the order of `hosts`; empty where an older pinboot wrote it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        host_steps: Vec<u32>,
        /// The run that this one finishes, for a rerun.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rerun_of: Option<RunId>,
    },
    /// A host is connected and its runner has answered.
    HostReady(HostReady),
    /// A host could not be used. Nothing was started on it; where the run was only followed, nothing was started by this.
    HostUnreachable {
        /// The exit code that says why.
        code: Exit,
        /// What is wrong, a sentence.
        message: String,
        /// What to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
        /// The run was started before and was to be followed: it may continue on the host.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        followed: bool,
    },
    /// Another run has the host, and this one waits for its end; nothing of it was started there. Repeated only if the
    /// message changes.
    HostWaiting {
        /// Who has the host, and since when.
        message: String,
    },
    /// Something about a host that may harm the run later, and does not yet.
    HostNote {
        /// What it is, a sentence.
        message: String,
        /// What to do about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// A step is looked at.
    StepStarted {
        /// Its place in the plan.
        step: StepId,
        /// Its number for people; unknown where the run is followed without its playbook.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<StepLabel>,
        /// Its name, with the turn of its loop where there is one.
        name: String,
    },
    /// A step said something.
    StepOutput {
        /// Its place in the plan.
        step: StepId,
        /// What it said, secrets masked, bytes that are not UTF-8 written as `\xff`.
        text: String,
        /// While what.
        #[serde(default)]
        phase: Phase,
        /// Whether the journal has it: of a long output it has the beginning and the end. What is not kept has the `seq` of
        /// the event before it.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        kept: bool,
    },
    /// The end of a step's output that was too long to be kept whole. It was shown when it came: the text is for those who
    /// read the journal.
    StepAbridged {
        /// Its place in the plan.
        step: StepId,
        /// The last MiB of it, as it was shown.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
        /// How many bytes of what was shown are missing before it.
        left_out: u64,
        /// How many lines end among them.
        #[serde(default)]
        left_out_lines: u64,
        /// How many bytes the host sent in all, as they are in its log between the step's frames.
        bytes: u64,
        /// The SHA-256 of those.
        sha256: Digest,
    },
    /// A download has come so far. Only for eyes: it is kept out of the journal and of `--output json`, and its `seq`
    /// is that of the event before it.
    StepProgress {
        /// Its place in the plan.
        step: StepId,
        /// Bytes that are there.
        bytes: u64,
        /// Bytes that there will be, where the server said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total: Option<u64>,
    },
    /// A step is over.
    StepFinished {
        /// Its place in the plan.
        step: StepId,
        /// Its number for people; unknown where the run is followed without its playbook.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<StepLabel>,
        /// Its name.
        name: String,
        /// How it ended.
        outcome: Outcome,
        /// By the host's clock where it has one, from *looked at* to *over*.
        elapsed_ms: u64,
        /// Exit status of the command, for a failure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<i32>,
        /// In what way it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
        /// Why it was skipped, is unknown, or counts as unchanged.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        /// What changed or would change, as its check said it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        diff: Option<String>,
        /// The likely cause, where the output shows a known error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
        /// The step allows failure, and the run continues.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        allowed: bool,
        /// What the step has left running on the host behind it: pids and commands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left: Option<String>,
        /// Why it ended so, for programs; a reason of a newer pinboot is ignored.
        #[serde(default, flatten)]
        reason: Option<Reason>,
    },
    /// The connection is lost; the run continues on the host.
    HostLost {
        /// What was seen.
        message: String,
    },
    /// The connection is back.
    HostRegained {
        /// How long it was gone.
        elapsed_ms: u64,
    },
    /// Nothing more will happen on this host.
    HostFinished {
        /// The host's part of the exit code.
        exit: Exit,
        /// What the user should know, where it did not simply end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// The last event; totals over all hosts.
    RunFinished {
        /// Steps that changed something.
        changed: u32,
        /// Steps with nothing to do.
        unchanged: u32,
        /// Steps that would change something.
        would_change: u32,
        /// Skipped steps.
        skipped: u32,
        /// Steps that failed.
        failed: u32,
        /// Steps of unknown outcome.
        unknown: u32,
        /// Steps that were not looked at; nothing where it is not known how many steps there are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_started: Option<u32>,
        /// Hosts that could not be used.
        unreachable: u32,
        /// The exit code.
        exit: Exit,
    },
    /// Said by a newer pinboot: kept out of everything, and no reason to fail.
    #[serde(other)]
    Unknown,
}

impl EventKind {
    /// Whether the event is for eyes only: neither written into the journal nor counted by `seq`.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::StepProgress { .. } | Self::StepOutput { kept: false, .. })
    }
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_yes(flag: &bool) -> bool {
    *flag
}

impl Outcome {
    /// The word for a person.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::WouldChange => "would change",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}
