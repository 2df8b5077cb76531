//! Lines for a file, a pipe or a CI log: no colour, nothing that moves.

use std::io::{self, Write as _};

use super::lines::{Stream, lines};
use super::{Reporter, Sink, Style};
use crate::event::Event;
use crate::view::RunView;

/// Writes the result of each step and the summary to `out`, everything else to `err`.
pub struct Plain {
    out: Sink,
    err: Sink,
    style: Style,
}

impl Plain {
    /// Writes to standard output and standard error, or to where a test reads.
    pub fn new(out: Sink, err: Sink, style: Style) -> Self {
        Self { out, err, style }
    }
}

impl Reporter for Plain {
    fn event(&mut self, event: &Event, run: &RunView) -> io::Result<()> {
        for line in lines(event, run, &self.style) {
            let sink = match line.stream {
                Stream::Results => &mut self.out,
                Stream::Messages => &mut self.err,
            };
            writeln!(sink, "{}", line.text)?;
            sink.flush()?;
        }
        Ok(())
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.err, "{text}")?;
        self.err.flush()
    }
}
