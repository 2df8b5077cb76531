//! Writing a run down, so that what was reported is still known after a crash.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use super::checksum;
use super::error::{JournalError, JournalErrorKind};
use super::layout::EVENTS;
use crate::event::{Event, EventKind, Outcome, to_json_line};
use crate::ids::RunId;

/// One run's journal, open for writing; its lock is held as long as this lives.
#[derive(Debug)]
pub struct Journal {
    run: RunId,
    folder: PathBuf,
    events: File,
    next: u64,
    /// A write or sync has failed: what is in the file is not known any more, and nothing more may be promised.
    failed: bool,
    _lock: File,
}

impl Journal {
    pub(super) fn new(run: RunId, folder: PathBuf, events: File, next: u64, lock: File) -> Self {
        Self { run, folder, events, next, failed: false, _lock: lock }
    }

    /// The run.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Its folder.
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// The number that the next event must have.
    pub fn next_seq(&self) -> u64 {
        self.next
    }

    /// Writes an event down, and waits for the disk where the event ends something.
    ///
    /// Events for the terminal only are not written. After an error every further call fails: a sync that failed once
    /// may have lost pages, and a second one would only hide that.
    pub fn append(&mut self, event: &Event) -> Result<(), JournalError> {
        if event.kind.is_transient() {
            return Ok(());
        }
        let path = self.folder.join(EVENTS);
        if self.failed {
            let message = format!("{} is not written any more after an error", path.display());
            return Err(JournalError::new(JournalErrorKind::Local, message));
        }
        assert_eq!(event.seq, self.next, "events are written in order and without gaps");
        self.failed = true;
        let line = checksum::seal(&to_json_line(event));
        self.events.write_all(line.as_bytes()).map_err(|error| JournalError::io("cannot write", &path, &error))?;
        if must_be_safe(&event.kind) {
            self.events.sync_data().map_err(|error| JournalError::io("cannot sync", &path, &error))?;
        }
        self.failed = false;
        self.next += 1;
        Ok(())
    }
}

/// Whether an event has to be on the disk before anything else happens. Output and the start of a step need not: the
/// host has its own record of both. Nor needs a step that changed nothing: it can be asked again.
fn must_be_safe(kind: &EventKind) -> bool {
    match kind {
        EventKind::StepOutput { .. } | EventKind::StepAbridged { .. } | EventKind::StepStarted { .. } => false,
        EventKind::StepFinished { outcome, .. } => {
            !matches!(outcome, Outcome::Unchanged | Outcome::Skipped | Outcome::WouldChange)
        }
        _ => true,
    }
}
