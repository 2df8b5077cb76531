//! A recorded run, as far as a later one depends on it.

use super::header::Header;
use super::read::JournalRead;
use crate::view::RunView;

/// How many runs a host keeps: the length of the longest chain of reruns that counts.
pub const HOST_KEEPS: usize = 20;

/// What a rerun needs to know about a recorded run. Its view is folded once, for all hosts.
#[derive(Clone, Debug)]
pub struct RecordedRun {
    /// What it was asked to do.
    pub header: Header,
    /// How it ended.
    pub view: RunView,
}

impl From<JournalRead> for RecordedRun {
    fn from(read: JournalRead) -> Self {
        Self { view: read.view(), header: read.header }
    }
}
