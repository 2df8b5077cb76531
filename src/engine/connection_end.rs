//! What the end of a connection means for the run. Pure: facts go in, a judgement comes out.
//!
//! The hard question is a command that ended before pinboot's side on the host said its first word. Two causes look alike.
//! Either the delivery was killed, and is worth another attempt: it may even have started the run. Or the host does not run
//! pinboot's command at all (a forced command, a login shell that is none), and each attempt ends in the same way. A kill is
//! sure where a signal is reported, or a status that a shell makes of one. A host that prints something else and exits by
//! itself is sure to be unfit. An exit by itself without any output is neither: a shell may continue after one of its helpers
//! was killed. It is tried a few times, since an unfit host gives the same answer each time and a kill does not.

use std::time::Duration;

use crate::transport::ErrorKind;

/// How often a first connection is tried where the server itself said that it is only busy.
pub(super) const MAX_CONNECT_ATTEMPTS: u32 = 5;
/// How often a delivery is sent again after attempts that may have started the run.
pub(super) const MAX_AMBIGUOUS_STARTS: u32 = 5;
/// How often it is sent again after the command exited by itself and printed nothing.
pub(super) const MAX_QUIET_EXITS: u32 = 2;
/// How many connections in a row may end soon and bring nothing new of the run.
pub(super) const MAX_FRUITLESS: u32 = 10;
/// A connection that lasted so long was worth having, even where it brought nothing: the step may have been silent.
const WORTH_HAVING: Duration = Duration::from_secs(30);

/// Whether a connection was worth having: it brought something new of the run, or lasted a while after the host's first word.
pub(super) fn was_fruitful(brought_news: bool, greeted: bool, lasted: Duration) -> bool {
    brought_news || (greeted && lasted >= WORTH_HAVING)
}

/// What is known about the run on its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing of it was sent.
    NotSent,
    /// It was sent, and the host has not said a word about it.
    Unanswered,
    /// The host has reported it, to this pinboot or to an earlier one.
    Reported,
}

/// How the remote command ended, as far as the host reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CommandEnd {
    /// It exited with this status.
    Status(u32),
    /// It died of this signal.
    Signal(String),
    /// The channel was closed without either.
    Unreported,
}

impl CommandEnd {
    /// The signal that killed the command. A shell in between reports 128 and the signal's number, of which there are 64;
    /// the statuses 254 and 255 are sshd's own. 142 would be SIGALRM, which kills nothing of pinboot's: EC2's images end
    /// with it when they refuse root.
    pub(super) fn signal(&self) -> Option<String> {
        match self {
            Self::Status(142) => None,
            Self::Status(status @ 129..=192) => Some((status - 128).to_string()),
            Self::Signal(signal) => Some(signal.clone()),
            Self::Status(_) | Self::Unreported => None,
        }
    }
}

/// What is known when a command ended before the first word of pinboot's side.
#[derive(Clone, Copy, Debug)]
pub(super) struct SilentEnd<'a> {
    /// How the command ended.
    pub(super) end: &'a CommandEnd,
    /// The host has run pinboot's side before in this run, on an earlier connection.
    pub(super) ready: bool,
    /// Something else was printed.
    pub(super) printed: bool,
    /// Attempts since the host's last word that may have started the run.
    pub(super) ambiguous_starts: u32,
    /// Attempts since the host's last word that exited by themselves and printed nothing.
    pub(super) quiet_exits: u32,
}

/// What a silent end means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndJudgement {
    /// The delivery was killed: it may have started the run and is sent again.
    Killed,
    /// The delivery may have been killed, which another attempt shows. Nothing else says that it has started anything.
    TryAgain,
    /// It was killed each time.
    KilledTooOften,
    /// The host ran pinboot's side before, and does not any more.
    NoLongerReports,
    /// The host runs something else.
    Unfit,
}

/// Judges the end of a command that said nothing of pinboot's.
pub(super) fn judge(facts: SilentEnd<'_>) -> EndJudgement {
    let killed = match facts.end {
        // SIGHUP, SIGKILL and SIGTERM are what is sent to kill something. Whatever else prints and exits did so by itself.
        CommandEnd::Signal(_) | CommandEnd::Status(129 | 137 | 143) => true,
        end => end.signal().is_some() && !facts.printed,
    };
    let more = facts.ambiguous_starts < MAX_AMBIGUOUS_STARTS;
    match (killed || facts.ready, facts.ready) {
        (true, _) if more => EndJudgement::Killed,
        (true, true) => EndJudgement::NoLongerReports,
        (true, false) => EndJudgement::KilledTooOften,
        (false, _) if !facts.printed && facts.quiet_exits < MAX_QUIET_EXITS => EndJudgement::TryAgain,
        (false, _) => EndJudgement::Unfit,
    }
}

/// What is known when an attempt to connect failed.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct FailedConnect {
    /// Why it failed.
    pub(super) kind: ErrorKind,
    /// The command may have gone out before, and may have been started.
    pub(super) may_have_started: bool,
    /// Nothing was sent and nothing refused: another attempt does no harm.
    pub(super) is_retryable: bool,
    /// The host reboots for a step.
    pub(super) is_rebooting: bool,
    /// A delivery was sent before.
    pub(super) delivered: bool,
    /// Attempts since the host's last word that may have started the run.
    pub(super) ambiguous_starts: u32,
    /// Attempts at the first connection so far that were worth another one.
    pub(super) connect_attempts: u32,
}

/// What a failed attempt to connect means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureJudgement {
    /// The connection is still lost.
    Lost,
    /// The connection was lost while the delivery may have gone out.
    Ambiguous,
    /// The same, too often.
    AmbiguousTooOften,
    /// The connection that was lost cannot be restored.
    CannotReconnect,
    /// The first connection is tried again.
    TryAgain,
    /// The host cannot be reached.
    NotReached,
}

/// Judges a failed attempt to connect.
pub(super) fn judge_failure(facts: FailedConnect) -> FailureJudgement {
    // While the host reboots, anything may happen to a connection, but the host keeps its key.
    if facts.is_rebooting && !matches!(facts.kind, ErrorKind::HostKey | ErrorKind::OtherHost | ErrorKind::Local) {
        FailureJudgement::Lost
    } else if facts.may_have_started && facts.ambiguous_starts < MAX_AMBIGUOUS_STARTS {
        FailureJudgement::Ambiguous
    } else if facts.may_have_started {
        FailureJudgement::AmbiguousTooOften
    } else if facts.delivered && matches!(facts.kind, ErrorKind::Unreachable | ErrorKind::Refused) {
        FailureJudgement::Lost
    } else if facts.delivered {
        FailureJudgement::CannotReconnect
    } else if facts.is_retryable && facts.connect_attempts < MAX_CONNECT_ATTEMPTS {
        FailureJudgement::TryAgain
    } else {
        FailureJudgement::NotReached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(name: &str) -> CommandEnd {
        CommandEnd::Signal(name.to_owned())
    }

    #[test]
    fn a_signal_is_found_in_whatever_way_it_is_reported() {
        assert_eq!(signal("KILL").signal().as_deref(), Some("KILL"));
        for (status, number) in
            [(0, None), (1, None), (6, None), (126, None), (127, None), (128, None), (129, Some("1"))]
        {
            assert_eq!(CommandEnd::Status(status).signal().as_deref(), number, "{status}");
        }
        for (status, number) in [(137, Some("9")), (143, Some("15")), (192, Some("64")), (193, None), (255, None)] {
            assert_eq!(CommandEnd::Status(status).signal().as_deref(), number, "{status}");
        }
        assert_eq!(CommandEnd::Unreported.signal(), None);
    }

    #[test]
    fn the_truth_table_of_silent_ends() {
        use CommandEnd::{Status, Unreported};
        use EndJudgement::{Killed, KilledTooOften, NoLongerReports, TryAgain, Unfit};
        let (max, quiet) = (MAX_AMBIGUOUS_STARTS, MAX_QUIET_EXITS);
        // End, ready before, something printed, ambiguous starts, quiet exits.
        let table = [
            // A kill is a kill, whatever was printed, as long as there is hope.
            ((signal("KILL"), false, false, 0, 0), Killed),
            ((signal("KILL"), false, true, 0, 0), Killed),
            ((signal("HUP"), false, false, max - 1, quiet), Killed),
            ((Status(137), false, false, 0, 0), Killed),
            ((Status(143), false, true, max - 1, 0), Killed),
            ((Status(137), true, false, max - 1, 0), Killed),
            ((signal("KILL"), false, false, max, 0), KilledTooOften),
            ((Status(137), false, true, max, 0), KilledTooOften),
            ((Status(137), true, false, max, 0), NoLongerReports),
            // A forced command that speaks and exits in its own way, as EC2's images do for root, was not killed.
            ((Status(142), false, true, 0, 0), Unfit),
            ((Status(142), false, false, 0, 0), TryAgain),
            ((Status(142), false, false, 0, quiet), Unfit),
            ((Status(134), false, true, 0, 0), Unfit),
            ((Status(134), false, false, 0, 0), Killed),
            // A host that has run pinboot before is not unfit.
            ((Status(0), true, false, 0, 0), Killed),
            ((Status(255), true, true, max - 1, quiet), Killed),
            ((Unreported, true, true, 0, 0), Killed),
            ((Status(0), true, true, max, 0), NoLongerReports),
            ((Unreported, true, false, max, 0), NoLongerReports),
            // Nothing printed: a killed helper leaves a shell that exits by itself, and so does a forced command.
            ((Status(0), false, false, 0, 0), TryAgain),
            ((Status(1), false, false, 0, 1), TryAgain),
            ((Status(6), false, false, max, quiet - 1), TryAgain),
            ((Status(126), false, false, 0, 0), TryAgain),
            ((Status(127), false, false, 0, 0), TryAgain),
            ((Status(255), false, false, 0, 0), TryAgain),
            ((Unreported, false, false, 0, 0), TryAgain),
            ((Status(0), false, false, 0, quiet), Unfit),
            ((Status(127), false, false, 0, quiet), Unfit),
            ((Unreported, false, false, max, quiet), Unfit),
            // Something else printed, and an exit by itself: the same would come again.
            ((Status(0), false, true, 0, 0), Unfit),
            ((Status(1), false, true, 0, 0), Unfit),
            ((Status(127), false, true, 0, 0), Unfit),
            ((Status(255), false, true, max, 0), Unfit),
            ((Unreported, false, true, 0, 0), Unfit),
        ];
        for ((end, ready, printed, ambiguous_starts, quiet_exits), right) in table {
            let facts = SilentEnd { end: &end, ready, printed, ambiguous_starts, quiet_exits };
            assert_eq!(judge(facts), right, "{facts:?}");
        }
    }

    #[test]
    fn a_connection_is_fruitful_if_it_brings_something_or_lasts() {
        let (short, long) = (Duration::from_secs(1), Duration::from_mins(1));
        assert!(was_fruitful(true, true, short) && was_fruitful(false, true, long));
        assert!(!was_fruitful(false, true, short) && !was_fruitful(false, false, long));
    }

    #[test]
    fn no_host_is_asked_for_ever() {
        for end in [signal("KILL"), CommandEnd::Status(0), CommandEnd::Status(137), CommandEnd::Unreported] {
            for (ready, printed) in [(false, false), (false, true), (true, false), (true, true)] {
                let (mut ambiguous_starts, mut quiet_exits) = (0, 0);
                let mut attempts = 0;
                loop {
                    match judge(SilentEnd { end: &end, ready, printed, ambiguous_starts, quiet_exits }) {
                        EndJudgement::Killed => ambiguous_starts += 1,
                        EndJudgement::TryAgain => quiet_exits += 1,
                        _ => break,
                    }
                    attempts += 1;
                    assert!(attempts < 10, "{end:?}");
                }
            }
        }
    }

    #[test]
    fn the_truth_table_of_failed_attempts_to_connect() {
        use ErrorKind::{Auth, HostKey, Local, OtherHost, Refused, Unreachable};
        use FailureJudgement::{Ambiguous, AmbiguousTooOften, CannotReconnect, Lost, NotReached, TryAgain};
        let (starts, attempts) = (MAX_AMBIGUOUS_STARTS, MAX_CONNECT_ATTEMPTS);
        // Kind, may have started, retryable, rebooting, delivered, ambiguous starts, attempts.
        let table = [
            ((Unreachable, false, true, false, false, 0, 0), TryAgain),
            ((Unreachable, false, true, false, false, 0, attempts), NotReached),
            ((Unreachable, false, false, false, false, 0, 0), NotReached),
            ((Auth, false, false, false, false, 0, 0), NotReached),
            ((Local, false, false, false, false, 0, 0), NotReached),
            ((Unreachable, true, false, false, false, 0, 0), Ambiguous),
            ((Unreachable, true, true, false, true, starts - 1, attempts), Ambiguous),
            ((Refused, true, false, false, false, starts, 0), AmbiguousTooOften),
            ((Unreachable, false, true, false, true, 0, 0), Lost),
            ((Refused, false, false, false, true, starts, attempts), Lost),
            ((Auth, false, false, false, true, 0, 0), CannotReconnect),
            ((HostKey, false, false, false, true, 0, 0), CannotReconnect),
            ((Auth, false, false, true, true, 0, 0), Lost),
            ((Unreachable, true, false, true, true, starts, 0), Lost),
            ((HostKey, false, false, true, true, 0, 0), CannotReconnect),
            ((OtherHost, false, false, true, true, 0, 0), CannotReconnect),
            ((Local, false, false, true, true, 0, 0), CannotReconnect),
        ];
        for (row, right) in table {
            let (kind, may_have_started, is_retryable, is_rebooting, delivered, ambiguous_starts, connect_attempts) =
                row;
            let facts = FailedConnect {
                kind,
                may_have_started,
                is_retryable,
                is_rebooting,
                delivered,
                ambiguous_starts,
                connect_attempts,
            };
            assert_eq!(judge_failure(facts), right, "{facts:?}");
        }
    }
}
