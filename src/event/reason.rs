//! Why a step ended as it did: the typed form, for programs and for decisions.

use serde::{Deserialize, Serialize};

use crate::ids::RunId;

/// Why a step ended as it did. [`EventKind::StepFinished`](super::EventKind) carries it beside a sentence for people.
///
/// In JSON it is the field `reason`, a word, and beside it the field that a variant has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// Skipped: a person has to do it.
    Manual,
    /// Skipped: its `when` is false.
    When,
    /// Skipped: its `only_if` failed on the host.
    OnlyIf,
    /// Skipped: the `only_if` of a group around it failed on the host.
    GroupOnlyIf {
        /// The group's name; empty for the playbook.
        group: String,
    },
    /// Skipped: none of the steps in its `when_changed` changed anything.
    WhenChanged,
    /// Unchanged: it has no check, and the host's record says that an earlier run did it.
    DoneEarlier {
        /// That run.
        earlier_run: RunId,
    },
    /// Changed: its result was lost, and its check passes.
    FoundDone,
    /// Changed: its result was lost, and it says `on_unknown: done`.
    AssumedDone,
    /// Changed: the host rebooted, which was the step.
    Rebooted,
    /// Changed, or would change: a step in its `when_changed` changed something, or tried to, and this step has not acted on
    /// that.
    Owed,
    /// Would change: it has no check and runs each time.
    Always,
    /// Failed: its command exited with another status than 0.
    Status,
    /// Failed, or unknown in check mode: its check reported an error.
    CheckError,
    /// Failed, or unknown in check mode: a guard of the author could not find out. The step was neither run nor skipped.
    GuardError {
        /// `unless`, `only_if`, or `check` of a step for a person.
        guard: String,
        /// The name of the group whose guard it is, empty for the playbook; `None` for the step's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<String>,
        /// What kept it from answering.
        #[serde(flatten)]
        fault: GuardFault,
    },
    /// Failed: the command succeeded, and the check still reports a difference.
    Verify,
    /// Failed: a download is not what the step asks for.
    Integrity,
    /// Failed: it took longer than its `timeout`.
    Timeout {
        /// What of it is still alive: process ids and commands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alive: Option<String>,
    },
    /// Failed, or unknown in check mode: its check took longer than the step's `timeout`.
    CheckTimeout {
        /// What of it is still alive: process ids and commands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alive: Option<String>,
    },
    /// Failed, or unknown in check mode: the user stopped it.
    Stopped {
        /// What of it is still alive: process ids and commands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alive: Option<String>,
    },
    /// Failed: the host did not reboot in time.
    NotRebooted,
    /// Failed: the host no longer has a secret that the step uses.
    SecretMissing {
        /// The secret's name.
        secret: String,
    },
    /// Failed, or unknown in check mode: nothing was registered under a name that the step uses.
    NotRegistered {
        /// The name.
        variable: String,
    },
    /// Failed, or unknown in check mode: a fact of the host that the step uses could not be found out.
    FactUnknown {
        /// The fact, such as `codename`.
        fact: String,
    },
    /// Failed, or unknown in check mode: an expression that the host evaluates for the step has no value.
    NoValue {
        /// Why, in a sentence.
        message: String,
    },
    /// Failed, and was not started: the host's disk has no space for its result.
    DiskFull,
    /// Failed, and was not started: the host's file system is read-only.
    ReadOnly,
    /// Unknown: it was started, no result was recorded, and it has no check.
    ResultLost {
        /// The earlier run that started it; `None` for this run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        earlier_run: Option<RunId>,
    },
    /// Unknown: it ended, and the host could not store how.
    NotStored {
        /// How it ended, in the runner's words.
        result: String,
    },
    /// Unknown: it was started, no result was recorded, and the run was stopped before its check could say more.
    NotAsked,
    /// A reason that this version does not know.
    Other {
        /// The runner's word.
        word: String,
    },
}

/// A group of steps by its name; without one it is the playbook.
pub fn group_words(name: &str) -> String {
    if name.is_empty() { "the playbook".to_owned() } else { format!("the group `{name}`") }
}

/// What kept a guard from answering: in JSON the field `fault`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum GuardFault {
    /// A command of it was not found (status 127).
    NotFound,
    /// A command of it could not be executed (status 126).
    NotExecutable,
    /// A signal ended it, or its last command.
    Signal {
        /// The signal's number.
        number: u32,
    },
    /// The host's shell does not understand it.
    Syntax,
}

impl Reason {
    /// Changes every text that came from the host.
    #[must_use]
    pub fn map_text(self, change: impl Fn(&str) -> String) -> Self {
        let maybe = |text: Option<String>| text.map(|text| change(&text));
        match self {
            Self::Timeout { alive } => Self::Timeout { alive: maybe(alive) },
            Self::CheckTimeout { alive } => Self::CheckTimeout { alive: maybe(alive) },
            Self::Stopped { alive } => Self::Stopped { alive: maybe(alive) },
            Self::SecretMissing { secret } => Self::SecretMissing { secret: change(&secret) },
            Self::NotRegistered { variable } => Self::NotRegistered { variable: change(&variable) },
            Self::GroupOnlyIf { group } => Self::GroupOnlyIf { group: change(&group) },
            Self::GuardError { guard, group, fault } => {
                Self::GuardError { guard: change(&guard), group: maybe(group), fault }
            }
            Self::FactUnknown { fact } => Self::FactUnknown { fact: change(&fact) },
            Self::NoValue { message } => Self::NoValue { message: change(&message) },
            Self::NotStored { result } => Self::NotStored { result: change(&result) },
            Self::Other { word } => Self::Other { word: change(&word) },
            without_text => without_text,
        }
    }
}
