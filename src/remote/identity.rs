//! Whose a program is, and which host it is for.

use crate::ids::{RunId, StepId, is_hex};

/// What makes one run's programs and frames its own.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The run.
    pub run: RunId,
    /// 32 hexadecimal digits that every frame of the run carries.
    pub nonce: String,
    /// Who starts the run and when, as `user@machine 2026-11-24T06:00:00Z`, shown to a user who finds the host busy.
    pub started_by: String,
    /// The host's POSIX shell, `/bin/sh`.
    pub shell: String,
}

/// What earlier runs saw of a host. Another host, or an older copy of this one, is refused before anything is claimed there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedHost {
    /// The run that saw it last.
    pub run: RunId,
    /// The machine's `/etc/machine-id`; `None` if unknown or vouched for by the user.
    pub machine_id: Option<String>,
    /// Results that the host said it had stored: of each run the last one.
    pub stored: Vec<Stored>,
}

/// A result that a host said it had stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The run.
    pub run: RunId,
    /// When the host still had it, RFC 3339: it forgets a run only for the sake of later ones.
    pub since: String,
    /// The step.
    pub step: StepId,
}

impl Stored {
    /// `RUN/STEP:YYYYMMDD:hhmmssmmm`, without anything that a shell could misread.
    pub(super) fn word(&self) -> String {
        let digits: String = self.since.chars().filter(char::is_ascii_digit).take(17).collect();
        let (day, time) = digits.split_at(digits.len().min(8));
        format!("{}/{}:{day:0<8}:{time:0<9}", self.run, self.step)
    }
}

/// Whether a text can be a machine's name in `/etc/machine-id`.
pub(super) fn is_machine_id(text: &str) -> bool {
    text.len() == 32 && is_hex(text)
}
