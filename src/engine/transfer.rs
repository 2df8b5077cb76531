//! Bytes of files that go beside the log: in a command of its own on the connection that follows the run.
//!
//! What the host asks for waits here until it is done, over as many connections as that takes. One transfer runs at a time. It is dropped
//! with its connection, and the next connection starts it again: the host says at which byte to continue.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use crate::exit::Exit;
use crate::ids::StepId;
use crate::remote::Offer;
use crate::transport::{Beside, Exec};

/// What the host wants to be done with files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileWork {
    /// A step waits for files of this machine.
    Send(StepId),
    /// A step has files for this machine.
    Take(StepId, Offer),
}

/// The work of a transfer, once its command runs.
pub(super) type Working = Pin<Box<dyn Future<Output = TransferEnd> + Send>>;

/// A transfer that can be started.
pub(super) struct Transfer {
    /// What the host runs for it.
    pub(super) exec: Exec,
    /// What is done here with the streams of that command.
    pub(super) work: Box<dyn FnOnce(Beside) -> Working + Send>,
}

/// How a transfer ended.
#[derive(Debug)]
pub(super) enum TransferEnd {
    /// Nothing is left to do.
    Done,
    /// Something is left, and is tried again after so long.
    Later(Duration),
    /// It failed, and the run is not finished for this machine: with this exit code.
    Failed {
        /// The code.
        exit: Exit,
        /// Why.
        message: String,
    },
    /// It cannot be done from here.
    Impossible {
        /// Why.
        message: String,
        /// What to do.
        hint: String,
    },
}

/// What the host has asked for and is not done.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    pending: VecDeque<(FileWork, Instant)>,
}

impl Transfers {
    /// The host asks for something; to ask for the same again changes nothing.
    pub(super) fn ask(&mut self, work: FileWork) {
        if !self.pending.iter().any(|(known, _)| *known == work) {
            self.pending.push_back((work, Instant::now()));
        }
    }

    /// Something is done, or not wanted any more.
    pub(super) fn forget(&mut self, is_over: impl Fn(&FileWork) -> bool) {
        self.pending.retain(|(work, _)| !is_over(work));
    }

    /// Something is tried again, but not before so long.
    pub(super) fn postpone(&mut self, work: &FileWork, pause: Duration) {
        for (known, at) in &mut self.pending {
            if known == work {
                *at = Instant::now() + pause;
            }
        }
    }

    /// Whether something like this waits.
    pub(super) fn has(&self, is_meant: impl Fn(&FileWork) -> bool) -> bool {
        self.pending.iter().any(|(work, _)| is_meant(work))
    }

    /// What is next, and from when on it may be started.
    pub(super) fn next(&self) -> Option<(FileWork, Instant)> {
        self.pending.iter().min_by_key(|(_, at)| *at).cloned()
    }
}
