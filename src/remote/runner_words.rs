//! The runner's words for how a step ended, as types. Written back they are the words again.

use std::fmt;

use crate::event::GuardFault;
use crate::ids::RunId;
use crate::script::own_name;
use crate::secret::HostText;

/// How a step ended, as the runner says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunnerOutcome {
    /// `unchanged`
    Unchanged,
    /// `changed`
    Changed,
    /// `would`: it would change something.
    WouldChange,
    /// `skipped`
    Skipped,
    /// `byhand`: a person has to do it.
    Manual,
    /// `failed`
    Failed,
    /// `unknown`
    Unknown,
    /// The word of a newer runner.
    Other(String),
}

const OUTCOMES: [(&str, RunnerOutcome); 7] = [
    ("unchanged", RunnerOutcome::Unchanged),
    ("changed", RunnerOutcome::Changed),
    ("would", RunnerOutcome::WouldChange),
    ("skipped", RunnerOutcome::Skipped),
    ("byhand", RunnerOutcome::Manual),
    ("failed", RunnerOutcome::Failed),
    ("unknown", RunnerOutcome::Unknown),
];

impl RunnerOutcome {
    /// Reads the runner's word.
    pub fn parse(word: &str) -> Self {
        let known = OUTCOMES.iter().find(|(known, _)| *known == word);
        known.map_or_else(|| Self::Other(word.to_owned()), |(_, outcome)| outcome.clone())
    }
}

impl fmt::Display for RunnerOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = OUTCOMES.iter().find(|(_, outcome)| outcome == self).map(|(word, _)| *word);
        f.write_str(match (known, self) {
            (Some(word), _) => word,
            (None, Self::Other(word)) => word,
            (None, _) => unreachable!("every outcome but the unknown one is in the table"),
        })
    }
}

/// Why a step ended so, as the runner says it: a word, and behind some words one thing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunnerReason {
    /// No reason is given.
    None,
    /// `stored`: an earlier runner of this run stored the result.
    Stored,
    /// `before RUN`: an earlier run did it.
    Before(RunId),
    /// `found`: the result was lost, and the check passes.
    Found,
    /// `assumed`: the result was lost, and the step says `on_unknown: done`.
    Assumed,
    /// `rebooted`
    Rebooted,
    /// `owed`: a step that it waits for changed in an earlier run, and nothing acted on that.
    Owed,
    /// `always`: there is no check.
    Always,
    /// `when`
    When,
    /// `only_if`
    OnlyIf,
    /// `group NAME`: the question of a group around it was answered with no.
    GroupOnlyIf(String),
    /// `when_changed`
    WhenChanged,
    /// `status`
    Status,
    /// `check`: the check reported an error.
    Check,
    /// `guard NAME STATUS`, `guard NAME syntax`: a guard of the author could not find out.
    Guard(String, GuardFault),
    /// `group_guard STATUS NAME`, `group_guard syntax NAME`: the question of a group could not find out.
    GroupGuard(String, GuardFault),
    /// `verify`: the check still reports a difference.
    Verify,
    /// `integrity`
    Integrity,
    /// `timeout [ALIVE]`, with what is alive all the same.
    Timeout(Option<HostText>),
    /// `slow [ALIVE]`: the check took longer than the step's timeout.
    Slow(Option<HostText>),
    /// `stopped [ALIVE]`
    Stopped(Option<HostText>),
    /// `reboot`: the host did not reboot in time.
    NotRebooted,
    /// `secret NAME`: the host does not have it any more.
    Secret(String),
    /// `register NAME`: nothing was registered under it.
    Register(String),
    /// `fact NAME`: a fact that could not be found out.
    Fact(String),
    /// `value SENTENCE`: an expression that has no value.
    Value(HostText),
    /// `full`: no space for the result.
    Full,
    /// `readonly`: no result can be written.
    ReadOnly,
    /// `lost [RUN]`: the step was started, in this run or in an earlier one, and left no result.
    Lost(Option<RunId>),
    /// `unstored RESULT`: this result could not be stored.
    Unstored(String),
    /// `cut`: the run was stopped before the check of a lost result.
    Cut,
    /// What a newer runner says.
    Other(String),
}

const PLAIN: [(&str, RunnerReason); 18] = [
    ("", RunnerReason::None),
    ("stored", RunnerReason::Stored),
    ("found", RunnerReason::Found),
    ("assumed", RunnerReason::Assumed),
    ("rebooted", RunnerReason::Rebooted),
    ("always", RunnerReason::Always),
    ("owed", RunnerReason::Owed),
    ("when", RunnerReason::When),
    ("only_if", RunnerReason::OnlyIf),
    ("when_changed", RunnerReason::WhenChanged),
    ("status", RunnerReason::Status),
    ("check", RunnerReason::Check),
    ("verify", RunnerReason::Verify),
    ("integrity", RunnerReason::Integrity),
    ("reboot", RunnerReason::NotRebooted),
    ("full", RunnerReason::Full),
    ("readonly", RunnerReason::ReadOnly),
    ("cut", RunnerReason::Cut),
];

impl RunnerReason {
    /// Reads the runner's words.
    pub fn parse(text: impl AsRef<[u8]>) -> Self {
        let bytes = text.as_ref();
        let (word, alive) = match bytes.iter().position(|byte| *byte == b' ') {
            Some(at) => (&bytes[..at], &bytes[at + 1..]),
            None => (bytes, &[][..]),
        };
        let rest = alive;
        let alive = || (!alive.is_empty()).then(|| HostText::new(alive));
        match word {
            b"timeout" => Self::Timeout(alive()),
            b"slow" => Self::Slow(alive()),
            b"stopped" => Self::Stopped(alive()),
            b"value" => Self::Value(HostText::new(rest)),
            _ => Self::of_words(String::from_utf8_lossy(bytes).trim_ascii_end()),
        }
    }

    /// Reads a reason that names no command.
    fn of_words(text: &str) -> Self {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let other = || Self::Other(text.to_owned());
        match word {
            "before" => RunId::parse(rest).map_or_else(other, Self::Before),
            "secret" => Self::Secret(own_name(rest).to_owned()),
            "register" => Self::Register(own_name(rest).to_owned()),
            "fact" => Self::Fact(rest.to_owned()),
            "lost" => Self::Lost(RunId::parse(rest)),
            "unstored" => Self::Unstored(rest.to_owned()),
            "group" => Self::GroupOnlyIf(rest.to_owned()),
            "group_guard" => {
                let (fault, group) = rest.split_once(' ').unwrap_or((rest, ""));
                guard_fault(fault).map_or_else(other, |fault| Self::GroupGuard(group.to_owned(), fault))
            }
            "guard" => match rest.split_once(' ') {
                Some((name, fault)) => {
                    guard_fault(fault).map_or_else(other, |fault| Self::Guard(name.to_owned(), fault))
                }
                None => other(),
            },
            _ => PLAIN.iter().find(|(known, _)| *known == text).map_or_else(other, |(_, reason)| reason.clone()),
        }
    }
}

/// Reads the runner's word for what kept a guard from answering: the status that its shell ended with, or `syntax`.
fn guard_fault(word: &str) -> Option<GuardFault> {
    let signal = |number: u32| GuardFault::Signal { number };
    match word {
        "syntax" => Some(GuardFault::Syntax),
        "126" => Some(GuardFault::NotExecutable),
        "127" => Some(GuardFault::NotFound),
        _ => match word.parse().ok()? {
            status @ 129..=192 => Some(signal(status - 128)),
            // yash.
            status @ 385..=448 => Some(signal(status - 384)),
            _ => None,
        },
    }
}

/// The runner's word for what kept a guard from answering.
fn guard_word(fault: GuardFault) -> String {
    match fault {
        GuardFault::Syntax => "syntax".to_owned(),
        GuardFault::NotExecutable => "126".to_owned(),
        GuardFault::NotFound => "127".to_owned(),
        GuardFault::Signal { number } => (128 + number).to_string(),
    }
}

impl fmt::Display for RunnerReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with = |word: &str, rest: Option<&str>| rest.map_or(word.to_owned(), |rest| format!("{word} {rest}"));
        let shown = |alive: &Option<HostText>| alive.as_ref().map(HostText::without_secrets);
        let words = match self {
            Self::Before(run) => with("before", Some(run.as_str())),
            Self::Timeout(alive) => with("timeout", shown(alive).as_deref()),
            Self::Slow(alive) => with("slow", shown(alive).as_deref()),
            Self::Stopped(alive) => with("stopped", shown(alive).as_deref()),
            Self::Secret(name) => with("secret", Some(name)),
            Self::Register(name) => with("register", Some(name)),
            Self::Fact(name) => with("fact", Some(name)),
            Self::Value(sentence) => with("value", Some(&sentence.without_secrets())),
            Self::Lost(run) => with("lost", run.as_ref().map(RunId::as_str)),
            Self::Unstored(result) => with("unstored", Some(result)),
            Self::Guard(name, fault) => format!("guard {name} {}", guard_word(*fault)),
            Self::GroupOnlyIf(group) => with("group", Some(group)),
            Self::GroupGuard(group, fault) => format!("group_guard {} {group}", guard_word(*fault)),
            Self::Other(words) => words.clone(),
            plain => PLAIN.iter().find(|(_, reason)| reason == plain).map_or("", |(word, _)| word).to_owned(),
        };
        f.write_str(&words)
    }
}

/// How a run ended, as the runner says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunnerEnd {
    /// `ok`
    Ok,
    /// `failed`
    Failed,
    /// `unknown`
    Unknown,
    /// `stopped`
    Stopped,
    /// `unfit`
    Unfit,
    /// `busy`: another run took the host first.
    Busy,
    /// The word of a newer runner.
    Other(String),
}

impl RunnerEnd {
    /// Reads the runner's word.
    pub fn parse(word: &str) -> Self {
        match word {
            "ok" => Self::Ok,
            "failed" => Self::Failed,
            "unknown" => Self::Unknown,
            "stopped" => Self::Stopped,
            "unfit" => Self::Unfit,
            "busy" => Self::Busy,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The runner's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Stopped => "stopped",
            Self::Unfit => "unfit",
            Self::Busy => "busy",
            Self::Other(word) => word,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_types_and_words_again() {
        for (words, right) in [
            ("before 0badcafe", RunnerReason::Before(RunId::parse("0badcafe").expect("a run"))),
            ("timeout 12 sleep 600", RunnerReason::Timeout(Some(HostText::new("12 sleep 600")))),
            ("slow", RunnerReason::Slow(None)),
            ("stopped", RunnerReason::Stopped(None)),
            ("secret TOKEN", RunnerReason::Secret("TOKEN".to_owned())),
            ("register made", RunnerReason::Register("made".to_owned())),
            ("fact codename", RunnerReason::Fact("codename".to_owned())),
            ("value no `x`", RunnerReason::Value(HostText::new("no `x`"))),
            ("lost", RunnerReason::Lost(None)),
            ("lost 0badcafe", RunnerReason::Lost(RunId::parse("0badcafe"))),
            ("unstored changed", RunnerReason::Unstored("changed".to_owned())),
            ("guard unless 127", RunnerReason::Guard("unless".to_owned(), GuardFault::NotFound)),
            ("guard only_if 126", RunnerReason::Guard("only_if".to_owned(), GuardFault::NotExecutable)),
            ("guard check 137", RunnerReason::Guard("check".to_owned(), GuardFault::Signal { number: 9 })),
            ("guard unless syntax", RunnerReason::Guard("unless".to_owned(), GuardFault::Syntax)),
            ("guard unless 3", RunnerReason::Other("guard unless 3".to_owned())),
            ("group Kafka on this host", RunnerReason::GroupOnlyIf("Kafka on this host".to_owned())),
            ("group_guard 127 A group", RunnerReason::GroupGuard("A group".to_owned(), GuardFault::NotFound)),
            ("group_guard 3 A", RunnerReason::Other("group_guard 3 A".to_owned())),
            ("danced twice", RunnerReason::Other("danced twice".to_owned())),
            ("before yesterday", RunnerReason::Other("before yesterday".to_owned())),
        ] {
            assert_eq!((RunnerReason::parse(words), right.to_string().as_str()), (right.clone(), words));
        }
        for (word, reason) in PLAIN {
            assert_eq!((RunnerReason::parse(word), reason.to_string().as_str()), (reason.clone(), word));
        }
        for (word, outcome) in OUTCOMES {
            assert_eq!((RunnerOutcome::parse(word), outcome.to_string().as_str()), (outcome.clone(), word));
        }
        assert_eq!(RunnerOutcome::parse("sung").to_string(), "sung");
        for word in ["ok", "failed", "unknown", "stopped", "unfit", "busy", "sung"] {
            assert_eq!(RunnerEnd::parse(word).as_str(), word);
        }
    }
}
