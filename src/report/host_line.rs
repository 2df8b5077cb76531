//! One host's line: a label, and behind it a spinner with the time, or the progress of a download.
//!
//! indicatif keeps the time, the rate and the bar. It draws a row up to the edge of the terminal and moves the cursor itself, so
//! it draws into a [`Frame`] here, which keeps the row alone.

use std::fmt::Write;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};
use unicode_width::UnicodeWidthStr as _;

use super::format::{cut, duration, pad, truncate};
use crate::ids::{HostId, StepId};

/// A shorter wait has no line, which would only flash.
const MIN_WAIT: Duration = Duration::from_millis(600);
/// On a terminal with fewer columns, a download has a shorter bar.
const NARROW: usize = 80;
/// More columns than the part behind the label ever takes.
const WIDE: u16 = 200;

/// What a host's line is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// This step is running.
    Step(StepId),
    /// Nothing is running: a connection or another run is waited for.
    Wait,
}

/// One host's line.
pub(super) struct HostLine {
    pub(super) host: HostId,
    pub(super) subject: Subject,
    /// What stands in front: the step, or what is waited for.
    pub(super) label: String,
    /// The last line of output.
    pub(super) tail: Option<String>,
    bar: ProgressBar,
    frame: Frame,
    /// The bar is that of a download; it has a length if the download's is known.
    is_download: bool,
}

impl HostLine {
    pub(super) fn new(host: HostId, subject: Subject) -> Self {
        let frame = Frame::default();
        let target = ProgressDrawTarget::term_like(Box::new(frame.clone()));
        let bar = ProgressBar::with_draw_target(None, target);
        Self { host, subject, label: String::new(), tail: None, bar, frame, is_download: false }
    }

    /// Whether it is worth a line.
    pub(super) fn is_due(&self) -> bool {
        self.subject != Subject::Wait || self.bar.elapsed() >= MIN_WAIT
    }

    /// How far a download is: bytes, and of how many.
    pub(super) fn set_progress(&mut self, progress: Option<(u64, Option<u64>)>) {
        self.is_download = progress.is_some();
        let Some((bytes, total)) = progress else { return };
        match total.filter(|total| *total > 0) {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
        self.bar.set_position(bytes);
    }

    /// Its rows on a terminal with so many columns.
    pub(super) fn rows(&self, width: usize) -> Vec<String> {
        let look = match (self.is_download, self.bar.length()) {
            (false, _) => "{spinner} {time:>6}",
            (true, None) => "{binary_bytes}  {binary_bytes_per_sec}",
            (true, Some(_)) if width < NARROW => "{bar:10} {percent:>3}%",
            (true, Some(_)) => "{bar:14} {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}{left}",
        };
        self.bar.set_style(style(look));
        self.bar.tick();
        let behind = self.frame.row();
        let room = width.saturating_sub(behind.width() + 1);
        let label = pad(&truncate(&self.label, room), room.min(self.label.width()));
        let mut rows = vec![cut(&format!("{label} {behind}"), width)];
        let tail = self.tail.as_deref().filter(|_| !self.is_download);
        rows.extend(tail.map(|tail| cut(&format!("      {tail}"), width)));
        rows
    }
}

fn style(look: &'static str) -> ProgressStyle {
    ProgressStyle::with_template(look)
        .expect("the templates are constants")
        .progress_chars("━ ")
        .tick_chars("|/-\\ ")
        .with_key("time", |state: &ProgressState, out: &mut dyn Write| {
            out.write_str(&whole_seconds(state.elapsed())).expect("a string takes all");
        })
        .with_key("left", |state: &ProgressState, out: &mut dyn Write| {
            if state.per_sec() > 0.0 {
                let millis = u64::try_from(state.eta().as_millis()).unwrap_or(u64::MAX);
                write!(out, "  {} left", duration(millis)).expect("a string takes all");
            }
        })
}

/// A time that is still growing, without tenths.
fn whole_seconds(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => duration(seconds * 1000),
    }
}

/// What indicatif draws on: it keeps the last row, and leaves out the blanks that fill a terminal's line.
#[derive(Clone, Debug, Default)]
struct Frame(Arc<Mutex<String>>);

impl Frame {
    fn row(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl TermLike for Frame {
    fn width(&self) -> u16 {
        WIDE
    }

    fn height(&self) -> u16 {
        1
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        if !text.trim().is_empty() {
            text.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
        }
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}
