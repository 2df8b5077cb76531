//! Events for programs: `--output json`.

use std::io;

use super::{Reporter, Sink};
use crate::event::{Event, EventKind, to_json_line};
use crate::view::RunView;

/// Writes one JSON object per line and flushes each, so that a reader sees it at once.
pub struct Jsonl {
    out: Sink,
}

impl Jsonl {
    /// Writes to standard output, or to where a test reads.
    pub fn new(out: Sink) -> Self {
        Self { out }
    }
}

impl Reporter for Jsonl {
    fn event(&mut self, event: &Event, _run: &RunView) -> io::Result<()> {
        let mut line = match &event.kind {
            EventKind::StepProgress { .. } => return Ok(()),
            // Its text has already been written, piece by piece.
            EventKind::StepAbridged { .. } => {
                let mut measure = event.clone();
                if let EventKind::StepAbridged { text, .. } = &mut measure.kind {
                    text.clear();
                }
                to_json_line(&measure)
            }
            _ => to_json_line(event),
        };
        line.push('\n');
        self.out.write_all(line.as_bytes())?;
        self.out.flush()
    }

    /// Messages to a person are not events, so a program does not get them.
    fn note(&mut self, _text: &str) -> io::Result<()> {
        Ok(())
    }

    /// Standard output is not the terminal on which a question is asked.
    fn pause(&mut self, _is_paused: bool) -> io::Result<()> {
        Ok(())
    }
}
