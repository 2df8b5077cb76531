//! What the runner's words about a step's end mean.

use crate::event::{Failure, Outcome, Reason};
use crate::exit::Exit;
use crate::remote::runner_words::{RunnerOutcome, RunnerReason};
use crate::secret::HostText;

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StepEnd {
    pub(super) outcome: Outcome,
    pub(super) failure: Option<Failure>,
    pub(super) reason: Option<Reason>,
}

impl StepEnd {
    /// Reads the runner's two words; `alive` makes the names of processes safe, or leaves them out.
    pub(super) fn of(
        outcome: &RunnerOutcome,
        reason: &RunnerReason,
        alive: impl Fn(&HostText) -> Option<String> + Copy,
    ) -> Self {
        let ended = |outcome| Self { outcome, failure: None, reason: typed(reason, alive) };
        match outcome {
            RunnerOutcome::Unchanged => ended(Outcome::Unchanged),
            RunnerOutcome::Changed => ended(Outcome::Changed),
            // Which check would say so makes no difference to the user.
            RunnerOutcome::WouldChange => {
                let reason = typed(reason, alive).filter(|reason| matches!(reason, Reason::Always | Reason::Owed));
                Self { reason, ..ended(Outcome::WouldChange) }
            }
            RunnerOutcome::Skipped => ended(Outcome::Skipped),
            RunnerOutcome::Manual => Self { reason: Some(Reason::Manual), ..ended(Outcome::Skipped) },
            RunnerOutcome::Failed => Self { failure: Some(failure(reason)), ..ended(Outcome::Failed) },
            RunnerOutcome::Unknown => ended(Outcome::Unknown),
            RunnerOutcome::Other(word) => {
                Self { reason: Some(Reason::Other { word: word.clone() }), ..ended(Outcome::Unknown) }
            }
        }
    }

    /// Whether the exit status that the runner gave is that of a command which the author wrote or the kind ran.
    pub(super) fn has_status(&self) -> bool {
        self.outcome == Outcome::Failed
            && !matches!(
                self.reason,
                Some(
                    Reason::Verify
                        | Reason::GuardError { .. }
                        | Reason::Integrity
                        | Reason::NotRebooted
                        | Reason::SecretMissing { .. }
                        | Reason::NotRegistered { .. }
                        | Reason::FactUnknown { .. }
                        | Reason::NoValue { .. }
                        | Reason::DiskFull
                        | Reason::ReadOnly
                )
            )
    }

    /// The exit code that the step alone gives the run; `None` where it leaves it as it is.
    pub(super) fn exit(&self) -> Option<Exit> {
        match (self.outcome, self.failure, &self.reason) {
            (Outcome::Failed, Some(Failure::Integrity), _) => Some(Exit::IntegrityFailed),
            (Outcome::Failed, ..) => Some(Exit::StepFailed),
            // In check mode, not to know is an answer.
            (Outcome::Unknown, _, Some(Reason::ResultLost { .. } | Reason::NotStored { .. })) => {
                Some(Exit::OutcomeUnknown)
            }
            _ => None,
        }
    }

    /// Changes the texts that came from the host.
    pub(super) fn map_text(self, change: impl Fn(&str) -> String) -> Self {
        Self { reason: self.reason.map(|reason| reason.map_text(change)), ..self }
    }
}

fn failure(reason: &RunnerReason) -> Failure {
    match reason {
        RunnerReason::Check
        | RunnerReason::Guard(..)
        | RunnerReason::GroupGuard(..)
        | RunnerReason::Secret(_)
        | RunnerReason::Register(_)
        | RunnerReason::Fact(_)
        | RunnerReason::Value(_) => Failure::Check,
        RunnerReason::Verify => Failure::Verify,
        RunnerReason::Integrity => Failure::Integrity,
        RunnerReason::Timeout(_) | RunnerReason::Slow(_) | RunnerReason::NotRebooted => Failure::Timeout,
        RunnerReason::Stopped(_) => Failure::Stopped,
        _ => Failure::Status,
    }
}

fn typed(reason: &RunnerReason, alive: impl Fn(&HostText) -> Option<String>) -> Option<Reason> {
    let alive = |left: &Option<HostText>| left.as_ref().and_then(&alive);
    Some(match reason {
        // A result that was stored earlier was reported then, or the reason was lost with its runner.
        RunnerReason::None | RunnerReason::Stored => return None,
        RunnerReason::Before(run) => Reason::DoneEarlier { earlier_run: run.clone() },
        RunnerReason::Found => Reason::FoundDone,
        RunnerReason::Assumed => Reason::AssumedDone,
        RunnerReason::Rebooted => Reason::Rebooted,
        RunnerReason::Always => Reason::Always,
        RunnerReason::Owed => Reason::Owed,
        RunnerReason::When => Reason::When,
        RunnerReason::OnlyIf => Reason::OnlyIf,
        RunnerReason::GroupOnlyIf(group) => Reason::GroupOnlyIf { group: group.clone() },
        RunnerReason::WhenChanged => Reason::WhenChanged,
        RunnerReason::Status => Reason::Status,
        RunnerReason::Check => Reason::CheckError,
        RunnerReason::Guard(guard, fault) => Reason::GuardError { guard: guard.clone(), group: None, fault: *fault },
        RunnerReason::GroupGuard(group, fault) => {
            Reason::GuardError { guard: "only_if".to_owned(), group: Some(group.clone()), fault: *fault }
        }
        RunnerReason::Verify => Reason::Verify,
        RunnerReason::Integrity => Reason::Integrity,
        RunnerReason::Timeout(left) => Reason::Timeout { alive: alive(left) },
        RunnerReason::Slow(left) => Reason::CheckTimeout { alive: alive(left) },
        RunnerReason::Stopped(left) => Reason::Stopped { alive: alive(left) },
        RunnerReason::NotRebooted => Reason::NotRebooted,
        RunnerReason::Secret(name) => Reason::SecretMissing { secret: name.clone() },
        RunnerReason::Register(name) => Reason::NotRegistered { variable: name.clone() },
        RunnerReason::Fact(name) => Reason::FactUnknown { fact: name.clone() },
        RunnerReason::Value(sentence) => Reason::NoValue {
            message: alive(&Some(sentence.clone())).unwrap_or_else(|| "a value is missing".to_owned()),
        },
        RunnerReason::Full => Reason::DiskFull,
        RunnerReason::ReadOnly => Reason::ReadOnly,
        RunnerReason::Lost(run) => Reason::ResultLost { earlier_run: run.clone() },
        RunnerReason::Unstored(result) => Reason::NotStored { result: result.clone() },
        RunnerReason::Cut => Reason::NotAsked,
        RunnerReason::Other(word) => Reason::Other { word: word.clone() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(outcome: &str, reason: &str) -> StepEnd {
        StepEnd::of(&RunnerOutcome::parse(outcome), &RunnerReason::parse(reason), |alive| Some(alive.without_secrets()))
    }

    #[test]
    fn a_failure_has_a_kind_and_perhaps_the_status_of_a_command() {
        for (reason, failure, has_status) in [
            ("status", Failure::Status, true),
            ("check", Failure::Check, true),
            ("guard unless 127", Failure::Check, false),
            ("group_guard 127 G", Failure::Check, false),
            ("verify", Failure::Verify, false),
            ("integrity", Failure::Integrity, false),
            ("timeout", Failure::Timeout, true),
            ("slow 12 sleep 600", Failure::Timeout, true),
            ("stopped", Failure::Stopped, true),
            ("reboot", Failure::Timeout, false),
            ("secret token", Failure::Check, false),
            ("register made", Failure::Check, false),
            ("fact codename", Failure::Check, false),
            ("value no entry", Failure::Check, false),
            ("full", Failure::Status, false),
            ("readonly", Failure::Status, false),
            ("stored", Failure::Status, true),
            ("danced", Failure::Status, true),
        ] {
            let end = end("failed", reason);
            let exit = if failure == Failure::Integrity { Exit::IntegrityFailed } else { Exit::StepFailed };
            assert_eq!((end.outcome, end.failure), (Outcome::Failed, Some(failure)), "{reason}");
            assert_eq!((end.has_status(), end.exit()), (has_status, Some(exit)), "{reason}");
        }
    }

    #[test]
    fn only_a_lost_result_makes_the_run_unknown() {
        for (reason, exit) in [
            ("lost", Some(Exit::OutcomeUnknown)),
            ("lost 0badcafe", Some(Exit::OutcomeUnknown)),
            ("unstored changed", Some(Exit::OutcomeUnknown)),
            ("check", None),
            ("guard only_if syntax", None),
            ("slow", None),
            ("stopped", None),
            ("register made", None),
            ("cut", None),
            ("danced", None),
        ] {
            assert_eq!((end("unknown", reason).exit(), end("unknown", reason).failure), (exit, None), "{reason}");
        }
        let sung = end("sung", "");
        assert_eq!((sung.outcome, sung.exit()), (Outcome::Unknown, None));
        assert_eq!(sung.reason, Some(Reason::Other { word: "sung".to_owned() }));
    }

    #[test]
    fn other_ends_have_a_reason_where_it_says_something() {
        for (outcome, reason, right) in [
            ("unchanged", "", (Outcome::Unchanged, None)),
            ("changed", "stored", (Outcome::Changed, None)),
            ("changed", "found", (Outcome::Changed, Some(Reason::FoundDone))),
            ("would", "check", (Outcome::WouldChange, None)),
            ("would", "owed", (Outcome::WouldChange, Some(Reason::Owed))),
            ("changed", "owed", (Outcome::Changed, Some(Reason::Owed))),
            ("would", "always", (Outcome::WouldChange, Some(Reason::Always))),
            ("skipped", "when_changed", (Outcome::Skipped, Some(Reason::WhenChanged))),
            ("byhand", "", (Outcome::Skipped, Some(Reason::Manual))),
        ] {
            let end = end(outcome, reason);
            assert_eq!((end.outcome, end.reason.clone(), end.exit()), (right.0, right.1, None), "{outcome} {reason}");
        }
    }

    #[test]
    fn muted_ends_name_no_process() {
        let reason = RunnerReason::parse("stopped 12 psql --password=x");
        let shown = |muted: bool| move |alive: &HostText| (!muted).then(|| alive.without_secrets());
        let alive = |muted| StepEnd::of(&RunnerOutcome::Failed, &reason, shown(muted)).reason;
        assert_eq!(alive(true), Some(Reason::Stopped { alive: None }));
        assert_eq!(alive(false), Some(Reason::Stopped { alive: Some("12 psql --password=x".to_owned()) }));
    }
}
