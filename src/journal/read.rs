//! Reading a run back, whatever became of its file.

use std::path::{Path, PathBuf};

use super::checksum;
use super::error::{JournalError, JournalErrorKind};
use super::header::Header;
use crate::event::{Event, from_json_line};
use crate::view::RunView;

/// A run as its folder tells it.
#[derive(Clone, Debug)]
pub struct JournalRead {
    /// What it was asked to do.
    pub header: Header,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What a crash left at the end of the file and does not count.
    pub torn: Option<Torn>,
    /// Its folder.
    pub folder: PathBuf,
}

/// The end of a file that is no whole line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// How many bytes of the file are whole lines.
    pub whole: u64,
    /// How many bytes come behind them.
    pub bytes: u64,
}

impl JournalRead {
    /// The view after all its events.
    pub fn view(&self) -> RunView {
        RunView::of(&self.events)
    }
}

/// Takes a journal's bytes apart.
///
/// The last line may be torn, and the file may end in zeros: both are what a crash leaves, and both are cut off. Any
/// other line that is not whole, and a gap in the numbers, mean that the file was damaged, and nothing of it is used.
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<(Vec<Event>, Option<Torn>), JournalError> {
    let written = bytes.len() - bytes.iter().rev().take_while(|byte| **byte == 0).count();
    let mut events: Vec<Event> = Vec::new();
    let mut whole = 0;
    for (place, piece) in bytes[..written].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let damaged = |what: &str| {
            let message = format!("{}:{}: {what}", path.display(), place + 1);
            JournalError::new(JournalErrorKind::Corrupt, message)
                .hint("the file is left as it is; run the playbook anew: its checks find out what is so already")
        };
        let sealed = piece.strip_suffix(b"\n").filter(|line| checksum::is_sealed(line));
        let Some(line) = sealed.and_then(|line| std::str::from_utf8(line).ok()) else {
            if whole + piece.len() == written {
                break;
            }
            return Err(damaged("the line is damaged: its checksum does not fit"));
        };
        let event = from_json_line(line).map_err(|error| damaged(&error.to_string()))?;
        let expected = events.len() as u64 + 1;
        if event.seq != expected {
            return Err(damaged(&format!("event {expected} is missing: this is event {}", event.seq)));
        }
        events.push(event);
        whole += piece.len();
    }
    let torn = (whole < bytes.len()).then(|| Torn { whole: whole as u64, bytes: (bytes.len() - whole) as u64 });
    Ok((events, torn))
}
