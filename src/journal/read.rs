//! Reading a run back, whatever became of its file.

use std::path::{Path, PathBuf};

use super::checksum;
use super::error::{JournalError, JournalErrorKind};
use super::header::Header;
use crate::event::{CodecError, Event, from_json_line};
use crate::view::RunView;

/// A run as its folder has it.
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

/// The end of a file that is not a whole line.
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

/// What of a journal can be read, and what is wrong behind it.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The whole events from the beginning.
    pub(super) events: Vec<Event>,
    /// How many bytes they take.
    pub(super) whole: usize,
    /// The line behind them, counted from 1, and what is wrong with it, where it is more than a torn end.
    pub(super) damage: Option<(usize, String)>,
}

/// Takes a journal's bytes apart.
///
/// The last line may be torn, and the file may end in zeros: both are what a crash leaves. Any other line that is not
/// whole, and a gap in the numbers, mean that the file was damaged.
///
/// # Errors
/// A line that a newer pinboot wrote.
pub(super) fn scan(bytes: &[u8], path: &Path) -> Result<Scan, JournalError> {
    let written = bytes.len() - bytes.iter().rev().take_while(|byte| **byte == 0).count();
    let mut scan = Scan::default();
    for (place, piece) in bytes[..written].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let Some(line) = whole(piece) else {
            if scan.whole + piece.len() < written {
                scan.damage = Some((place + 1, "the line is damaged: its checksum does not fit".to_owned()));
            }
            break;
        };
        let expected = scan.events.len() as u64 + 1;
        match from_json_line(line) {
            Ok(event) if event.seq == expected => scan.events.push(event),
            Ok(event) => {
                let what = format!("event {expected} is missing: this is event {}", event.seq);
                scan.damage = Some((place + 1, what));
                break;
            }
            Err(error @ CodecError::Newer(_)) => {
                let message = format!("{}:{}: {error}", path.display(), place + 1);
                return Err(JournalError::new(JournalErrorKind::Corrupt, message).hint("use that pinboot"));
            }
            Err(error) => {
                scan.damage = Some((place + 1, error.to_string()));
                break;
            }
        }
        scan.whole += piece.len();
    }
    Ok(scan)
}

/// A line whose checksum fits, without its end.
fn whole(piece: &[u8]) -> Option<&str> {
    let sealed = piece.strip_suffix(b"\n").filter(|line| checksum::is_sealed(line));
    sealed.and_then(|line| std::str::from_utf8(line).ok())
}

/// The events of a journal and its torn end. Of a damaged one nothing is used.
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<(Vec<Event>, Option<Torn>), JournalError> {
    let Scan { events, whole, damage } = scan(bytes, path)?;
    if let Some((line, what)) = damage {
        let run = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let hint = format!(
            "the file is left as it is; `pinboot runs repair {run}` shows what can be saved of it, and `pinboot attach \
             [USER@]HOST {run}` follows the run by the host's own record"
        );
        let message = format!("{}:{line}: {what}", path.display());
        return Err(JournalError::new(JournalErrorKind::Corrupt, message).hint(hint));
    }
    let torn = (whole < bytes.len()).then(|| Torn { whole: whole as u64, bytes: (bytes.len() - whole) as u64 });
    Ok((events, torn))
}

/// What would be lost of a damaged journal that is cut where its damage begins.
#[derive(Clone, Debug)]
pub struct Damage {
    /// The line where it begins, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
    /// How many events stand before it.
    pub kept: usize,
    /// How many bytes they take.
    pub whole: u64,
    /// How many bytes come from there on.
    pub bytes: u64,
    /// Those events behind it that are whole.
    pub events: Vec<Event>,
}

/// Finds the damage in a journal's bytes; `None` where there is none, or only a torn end.
pub(super) fn damage(bytes: &[u8], path: &Path) -> Result<Option<Damage>, JournalError> {
    let Scan { events, whole: at, damage } = scan(bytes, path)?;
    Ok(damage.map(|(line, what)| {
        let behind = bytes[at..].split_inclusive(|byte| *byte == b'\n');
        Damage {
            line,
            what,
            kept: events.len(),
            whole: at as u64,
            bytes: (bytes.len() - at) as u64,
            events: behind.filter_map(|piece| from_json_line(whole(piece)?).ok()).collect(),
        }
    }))
}
