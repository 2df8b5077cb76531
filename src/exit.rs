//! The exit codes of pinboot: each one's number, meaning and rank in one table, which the documents quote.

use std::process::ExitCode;

use serde::{Deserialize, Serialize};

/// How a command, or one host's part of a run, ended. JSON and journal write its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub enum Exit {
    /// Everything was done, or there was nothing to do.
    #[default]
    Success,
    /// A step failed, and the playbook does not allow that.
    StepFailed,
    /// The command line, the playbook or a variable is wrong. Nothing was sent.
    BadInput,
    /// No connection to the host.
    Unreachable,
    /// The host refused the login.
    LoginRefused,
    /// The host's key is not trusted.
    HostKeyRefused,
    /// The host cannot carry out the run.
    HostUnfit,
    /// The connection was lost for good, and the run may continue on the host.
    ConnectionLost,
    /// Whether a step took effect is not known.
    OutcomeUnknown,
    /// Another run, or another pinboot, has what this one needs.
    Busy,
    /// Journal, plan and host contradict each other.
    Mismatch,
    /// A download is not what the playbook expects.
    IntegrityFailed,
    /// This machine cannot read or write what pinboot needs.
    LocalError,
    /// SIGHUP ended pinboot: the terminal was closed.
    Hangup,
    /// SIGINT ended pinboot: the user pressed Ctrl-C.
    Interrupted,
    /// SIGQUIT ended pinboot.
    Quit,
    /// Nothing reads standard output any more.
    OutputClosed,
    /// SIGTERM ended pinboot.
    Terminated,
    /// A number that this version does not know, such as one from the journal of a newer pinboot.
    Other(u8),
}

/// Everything that is known of one exit code.
struct Row {
    exit: Exit,
    code: u8,
    /// How a run that ended so is listed, by `pinboot runs` and in JSON.
    outcome: &'static str,
    /// What the documents say of it.
    meaning: &'static str,
}

const fn row(exit: Exit, code: u8, outcome: &'static str, meaning: &'static str) -> Row {
    Row { exit, code, outcome, meaning }
}

const FAILED_LOCALLY: &str = "this machine: the journal, known_hosts, what was fetched or the output cannot be written";
const UNKNOWN: &str = "outcome unknown: a step was started, no result was recorded, and it has no check";

/// All exit codes, ordered by what the user must know first. Where hosts end with different codes, the first row wins.
const TABLE: &[Row] = &[
    // This machine is in trouble: what is on record cannot be trusted.
    row(Exit::LocalError, 12, "not written here", FAILED_LOCALLY),
    // The user, or the system, ended pinboot.
    row(Exit::Terminated, 143, "interrupted", "ended by SIGTERM; the message says what continues on the hosts"),
    row(Exit::OutputClosed, 141, "interrupted", "the reader of standard output went away"),
    row(Exit::Quit, 131, "interrupted", "ended by SIGQUIT; the message says what continues on the hosts"),
    row(
        Exit::Interrupted,
        130,
        "interrupted",
        "ended by SIGINT (Ctrl-C); the message says what continues on the hosts",
    ),
    row(Exit::Hangup, 129, "interrupted", "ended by SIGHUP; the message says what continues on the hosts"),
    // The state of a host is not known.
    row(Exit::Mismatch, 10, "did not match", "journal, plan and host do not match"),
    row(Exit::OutcomeUnknown, 8, "outcome unknown", UNKNOWN),
    row(
        Exit::ConnectionLost,
        7,
        "connection lost",
        "connection lost and not restored in time; the run may continue on the host",
    ),
    // A step failed.
    row(Exit::IntegrityFailed, 11, "verification failed", "a download is not what was asked for: checksum, size, type"),
    row(
        Exit::StepFailed,
        1,
        "failed",
        "a step failed; its own exit status is in the message, the journal and the JSON",
    ),
    // Nothing was started.
    row(Exit::HostUnfit, 6, "host unfit", "host unfit: shell, home, disk, sudo, tools; no step was started"),
    row(Exit::HostKeyRefused, 5, "host key refused", "host key unknown (strict), changed or revoked"),
    row(
        Exit::LoginRefused,
        4,
        "authentication refused",
        "login refused (key, account, or logins are disabled), or the key cannot be used; never retried by itself",
    ),
    row(Exit::Unreachable, 3, "host not reached", "host unreachable: name, TCP, banner, key exchange"),
    row(Exit::Busy, 9, "host was locked", "another run holds this host, or another pinboot holds this run"),
    row(
        Exit::BadInput,
        2,
        "ended with an error",
        "bad input: flags, playbook, variables, no such run; nothing was sent",
    ),
    row(Exit::Success, 0, "done", "all steps are done, or there was nothing to do"),
];

/// The short table of the README: codes with one thing in common.
const IN_SHORT: &[(&[Exit], &str)] = &[
    (&[Exit::Success], "all done, or nothing to do"),
    (&[Exit::StepFailed, Exit::IntegrityFailed], "a step failed; a download was not what was asked for"),
    (&[Exit::BadInput], "bad input; nothing was sent"),
    (
        &[Exit::Unreachable, Exit::LoginRefused, Exit::HostKeyRefused, Exit::HostUnfit],
        "host unreachable; login refused; host key refused; host unfit: nothing was started",
    ),
    (
        &[Exit::ConnectionLost, Exit::OutcomeUnknown],
        "connection lost and the run continues on the host; a step's outcome is unknown",
    ),
    (
        &[Exit::Busy, Exit::Mismatch, Exit::LocalError],
        "held by another run; record does not match; this machine cannot write",
    ),
    (
        &[Exit::Hangup, Exit::Interrupted, Exit::Quit, Exit::OutputClosed, Exit::Terminated],
        "ended by a signal, or because the reader of the output left",
    ),
];

/// Codes in the order in which they are chosen, and why: the groups of [`TABLE`].
const RANKS: &[(&[Exit], &str)] = &[
    (&[Exit::LocalError], "this machine is in trouble"),
    (
        &[Exit::Terminated, Exit::OutputClosed, Exit::Quit, Exit::Interrupted, Exit::Hangup],
        "pinboot was ended before the run was",
    ),
    (&[Exit::Mismatch, Exit::OutcomeUnknown, Exit::ConnectionLost], "the state of a host is not known"),
    (&[Exit::IntegrityFailed, Exit::StepFailed], "a step failed"),
    (
        &[Exit::HostUnfit, Exit::HostKeyRefused, Exit::LoginRefused, Exit::Unreachable, Exit::Busy, Exit::BadInput],
        "nothing was started on a host",
    ),
];

impl Exit {
    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Other(code) => code,
            known => known.row().map_or(0, |row| row.code),
        }
    }

    /// The exit of this number.
    pub fn from_code(code: u8) -> Self {
        TABLE.iter().find(|row| row.code == code).map_or(Self::Other(code), |row| row.exit)
    }

    /// How a run that ended so is listed, in a few words; the same ones in JSON.
    pub fn outcome(self) -> &'static str {
        self.row().map_or("ended with an error", |row| row.outcome)
    }

    /// Whether everything was done, or there was nothing to do.
    pub fn is_success(self) -> bool {
        self == Self::Success
    }

    /// The one of several exits that the user must know first; success only where all are.
    ///
    /// First comes this machine's own trouble, then an end by a signal, then hosts whose state is not known, then failed
    /// steps, then hosts on which nothing was started. An unknown number is worse than success and nothing else.
    #[must_use]
    pub fn worst(exits: impl IntoIterator<Item = Self>) -> Self {
        exits.into_iter().min_by_key(|exit| exit.rank()).unwrap_or_default()
    }

    /// The place in the order of what the user must know first; 0 is the most urgent.
    fn rank(self) -> usize {
        let place = TABLE.iter().position(|row| row.exit == self);
        // An unknown number goes between the last known failure and success.
        place.map_or(2 * TABLE.len() - 3, |place| 2 * place)
    }

    fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.exit == self)
    }

    /// The rows of the table in `docs/cli.md`: every code, in the order of the numbers.
    pub fn table() -> String {
        let mut rows: Vec<&Row> = TABLE.iter().collect();
        rows.sort_by_key(|row| row.code);
        rows.iter().map(|row| format!("| {} | {} |\n", row.code, row.meaning)).collect()
    }

    /// The rows of the short table in `README.md`.
    pub fn short_table() -> String {
        IN_SHORT.iter().map(|(exits, meaning)| format!("| {} | {meaning} |\n", numbers(exits))).collect()
    }

    /// The rows of the table in `docs/cli.md` that says which code wins where hosts differ, the most urgent first.
    pub fn rank_table() -> String {
        RANKS.iter().map(|(exits, reason)| format!("| {} | {reason} |\n", numbers(exits))).collect()
    }
}

/// The numbers of some exits as a list, with three or more in a row as a range.
fn numbers(exits: &[Exit]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = exits;
    while let [first, ..] = rest {
        let first = first.code();
        let run = rest.iter().zip(first..).take_while(|(exit, code)| exit.code() == *code).count();
        let (part, taken) = match run {
            3.. => (format!("{first}–{}", rest[run - 1].code()), run),
            _ => (first.to_string(), 1),
        };
        parts.push(part);
        rest = &rest[taken..];
    }
    parts.join(", ")
}

impl From<u8> for Exit {
    fn from(code: u8) -> Self {
        Self::from_code(code)
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        exit.code()
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.code().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_exit_is_what_the_user_must_know_first() {
        for (codes, exit) in [
            (&[][..], 0),
            (&[0, 0], 0),
            (&[0, 1], 1),
            (&[3, 1], 1),
            (&[1, 11], 11),
            (&[1, 7, 11], 7),
            (&[7, 8], 8),
            (&[8, 130, 1], 130),
            (&[130, 12], 12),
            (&[9, 6, 5, 4, 3], 6),
            (&[42, 0], 42),
            (&[42, 2], 2),
        ] {
            let exits: Vec<Exit> = codes.iter().map(|code| Exit::from_code(*code)).collect();
            assert_eq!(Exit::worst(exits.iter().copied()).code(), exit, "{codes:?}");
            assert_eq!(Exit::worst(exits.iter().rev().copied()).code(), exit, "{codes:?} backwards");
        }
    }

    #[test]
    fn every_number_is_read_back_and_no_two_exits_share_one() {
        for code in 0..=u8::MAX {
            let exit = Exit::from_code(code);
            assert_eq!((exit.code(), u8::from(exit)), (code, code));
            assert_eq!(matches!(exit, Exit::Other(_)), !TABLE.iter().any(|row| row.code == code));
        }
        let mut codes: Vec<u8> = TABLE.iter().map(|row| row.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), TABLE.len());
        assert_eq!(serde_json::json!([Exit::Hangup, Exit::Other(42)]).to_string(), "[129,42]");
        assert_eq!(serde_json::from_str::<[Exit; 2]>("[7,43]").unwrap(), [Exit::ConnectionLost, Exit::Other(43)]);
    }

    #[test]
    fn the_documents_name_every_exit_once_and_rank_them_as_the_table_does() {
        let in_short: Vec<Exit> = IN_SHORT.iter().flat_map(|(exits, _)| *exits).copied().collect();
        assert_eq!(in_short.len(), TABLE.len());
        assert!(TABLE.iter().all(|row| in_short.contains(&row.exit)));
        let ranked: Vec<Exit> = RANKS.iter().flat_map(|(exits, _)| *exits).copied().collect();
        let all: Vec<Exit> = TABLE.iter().map(|row| row.exit).filter(|exit| !exit.is_success()).collect();
        assert_eq!(ranked, all);
    }

    #[test]
    fn three_numbers_in_a_row_are_a_range() {
        let of = |codes: &[u8]| numbers(&codes.iter().map(|code| Exit::from_code(*code)).collect::<Vec<_>>());
        assert_eq!(of(&[0]), "0");
        assert_eq!(of(&[7, 8]), "7, 8");
        assert_eq!(of(&[3, 4, 5, 6]), "3–6");
        assert_eq!(of(&[129, 130, 131, 141, 143]), "129–131, 141, 143");
        assert_eq!(of(&[143, 141, 131, 130, 129]), "143, 141, 131, 130, 129");
    }
}
