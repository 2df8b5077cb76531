//! What this machine remembers of its runs.
//!
//! A run is a folder `runs/<run>/` of the state folder: `run.json` says what was asked for, `events.jsonl` what
//! happened, and `lock` is held while a process writes. Each line of the first two ends with a checksum. Fields are only ever
//! added; a reader stops at a line that a crash tore and refuses a file that was changed.
//!
//! [`store::StateDir`] is the folder; [`Journal`] writes one run; [`JournalRead`] is what was read of one; [`RecordedRun`] is
//! what a later run needs to know of it.

#![expect(clippy::disallowed_methods, reason = "edge: it keeps files")]

mod checksum;
mod error;
mod header;
mod layout;
mod past;
mod read;
pub mod store;
mod write;

pub use error::{JournalError, JournalErrorKind};
pub use header::{Header, HostSummary};
pub use past::{HOST_KEEPS, RecordedRun};
pub use read::{Damage, JournalRead, Torn};
pub use store::{StateDir, state_dir};
pub use write::Journal;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
