//! The rows at the bottom of a terminal that are drawn anew in their place.
//!
//! What stands above them is ordinary text: each line ends with a line feed and has no more columns than it needs. It can be
//! selected, and stays readable when the terminal changes its width. The rows end with a line feed as well. Whatever ends the
//! program, the next prompt stands on a line of its own.

use std::fmt::Write as _;
use std::io;

use unicode_width::UnicodeWidthStr as _;

use super::{Sink, Size};

/// Rows below the text of a terminal.
pub(super) struct LiveRows {
    sink: Sink,
    size: Size,
    /// The columns of each row that is drawn.
    drawn: Vec<usize>,
    /// Lines that came while a question used the terminal; `None` at all other times.
    held: Option<Vec<String>>,
}

impl LiveRows {
    pub(super) fn new(sink: Sink, size: Size) -> Self {
        Self { sink, size, drawn: Vec::new(), held: None }
    }

    /// The terminal's columns.
    pub(super) fn width(&self) -> usize {
        usize::from((self.size)().1).max(1)
    }

    /// Whether a question uses the terminal.
    pub(super) fn is_paused(&self) -> bool {
        self.held.is_some()
    }

    /// Writes lines above the rows, which are gone until they are drawn again.
    pub(super) fn print(&mut self, lines: impl IntoIterator<Item = String>) -> io::Result<()> {
        if let Some(held) = &mut self.held {
            held.extend(lines);
            return Ok(());
        }
        let mut out = self.erased();
        for line in lines {
            out.push_str(&line);
            out.push('\n');
        }
        self.write(&out)
    }

    /// Draws these rows in the place of those that are drawn; no row may have more columns than the terminal.
    pub(super) fn draw(&mut self, rows: &[String]) -> io::Result<()> {
        if self.is_paused() || (rows.is_empty() && self.drawn.is_empty()) {
            return Ok(());
        }
        let mut out = self.erased();
        for row in rows {
            out.push_str(row);
            out.push('\n');
        }
        self.drawn = rows.iter().map(|row| row.width()).collect();
        self.write(&out)
    }

    /// Leaves the terminal to a question, or takes it back and writes what came meanwhile.
    pub(super) fn pause(&mut self, is_paused: bool) -> io::Result<()> {
        if is_paused {
            if self.held.is_none() {
                self.draw(&[])?;
                self.held = Some(Vec::new());
            }
            return Ok(());
        }
        match self.held.take() {
            Some(held) => self.print(held),
            None => Ok(()),
        }
    }

    /// What takes the rows away. A terminal that has become narrower shows some of them in several lines.
    fn erased(&mut self) -> String {
        if self.drawn.is_empty() {
            return String::new();
        }
        let width = self.width();
        let lines: usize = self.drawn.drain(..).map(|columns| columns.div_ceil(width).max(1)).sum();
        // The cursor's own line may hold what the user typed.
        let mut out = "\r\x1b[2K".to_owned();
        for _ in 0..lines {
            write!(out, "\x1b[1A\x1b[2K").expect("a string takes all");
        }
        out
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.sink.write_all(text.as_bytes())?;
        self.sink.flush()
    }
}
