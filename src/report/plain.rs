//! Lines for a file, a pipe or a CI log: no colour, nothing that moves.

use std::io::{self, Write as _};

use super::lines::{Columns, Stream, lines};
use super::{Reporter, Sink, Style};
use crate::event::Event;
use crate::view::RunView;
use crate::wrap::wrap_message;

/// Writes the result of each step and the summary to `out`, everything else to `err`.
pub struct Plain {
    out: Sink,
    err: Sink,
    style: Style,
    columns: Columns,
    /// Messages that came while a question was asked on the terminal; `None` while none is.
    held: Option<String>,
}

impl Plain {
    /// Writes to standard output and standard error, or to where a test reads.
    pub fn new(out: Sink, err: Sink, style: Style) -> Self {
        Self { out, err, style, columns: Box::new(|_| None), held: None }
    }

    /// Breaks messages at the width of a terminal that is there for either stream.
    #[must_use]
    pub fn on_terminal(self, columns: Columns) -> Self {
        Self { columns, ..self }
    }

    fn message(&mut self, text: &str) -> io::Result<()> {
        if let Some(held) = &mut self.held {
            held.push_str(text);
            held.push('\n');
            return Ok(());
        }
        writeln!(self.err, "{text}")?;
        self.err.flush()
    }
}

impl Reporter for Plain {
    fn event(&mut self, event: &Event, run: &RunView) -> io::Result<()> {
        for line in lines(event, run, &self.style, &*self.columns) {
            match line.stream {
                Stream::Results => {
                    writeln!(self.out, "{}", line.text)?;
                    self.out.flush()?;
                }
                Stream::Messages => self.message(&line.text)?,
            }
        }
        Ok(())
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        let text = wrap_message(text, (self.columns)(Stream::Messages));
        self.message(&text)
    }

    fn pause(&mut self, is_paused: bool) -> io::Result<()> {
        if is_paused {
            self.held.get_or_insert_default();
            return Ok(());
        }
        self.err.write_all(self.held.take().unwrap_or_default().as_bytes())?;
        self.err.flush()
    }
}
