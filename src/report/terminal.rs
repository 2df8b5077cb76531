//! Lines for a person at a terminal: results above, and below them the current steps.
//!
//! Every busy host has one line (at most ten have), with its current step, the time, and the last line of output or the
//! progress of a download; several hosts have a line of totals below. Indicatif redraws the lines, at most ten times a
//! second. The cursor is never hidden and the terminal's modes are never changed, so whatever ends the run, clearing these
//! lines restores the terminal.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use unicode_width::UnicodeWidthStr as _;

use super::format::{clean, pad, truncate};
use super::lines::{lines, step_label};
use super::{Reporter, Sink, Style};
use crate::event::{Event, EventKind};
use crate::ids::{HostId, StepId};
use crate::view::{HostState, HostView, RunView, StepView};

/// How many hosts have a line of their own.
const MAX_LINES: usize = 10;
/// How often the lines are redrawn while nothing happens, so that the time advances.
const TICK: Duration = Duration::from_millis(200);
/// On a terminal with fewer columns, a download has a shorter bar.
const NARROW: usize = 80;

/// Returns the current rows and columns of the terminal.
pub type Size = Box<dyn Fn() -> (u16, u16) + Send + Sync>;

/// Writes results and messages to one terminal, and below them the current steps.
pub struct Terminal {
    multi: MultiProgress,
    lines: HashMap<HostId, HostLine>,
    totals: Option<ProgressBar>,
    screen: Arc<Screen>,
    style: Style,
    ticking: bool,
}

struct HostLine {
    bar: ProgressBar,
    step: StepId,
    look: Look,
}

/// What a host's line shows after the name of its step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Time,
    TimeAndTail,
    Bar,
    ShortBar,
    Bytes,
}

impl Look {
    fn style(self) -> ProgressStyle {
        let template = match self {
            Self::Time => "{prefix} {spinner} {elapsed:>6}",
            Self::TimeAndTail => "{prefix} {spinner} {elapsed:>6}\n      {wide_msg}",
            Self::Bar => "{prefix} {bar:14} {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta}",
            Self::ShortBar => "{prefix} {bar:10} {percent:>3}%",
            Self::Bytes => "{prefix} {spinner} {binary_bytes}  {binary_bytes_per_sec}",
        };
        let style = ProgressStyle::with_template(template).expect("the templates are constants");
        style.progress_chars("━╸─").tick_chars("|/-\\ ")
    }

    /// The columns that it needs after the name.
    fn columns(self) -> usize {
        match self {
            Self::Time | Self::TimeAndTail => 12,
            Self::ShortBar => 16,
            Self::Bytes => 32,
            Self::Bar => 56,
        }
    }
}

impl Terminal {
    /// Writes to a terminal of that size. `ticking`: redraws on its own while nothing happens.
    pub fn new(sink: Sink, size: Size, ticking: bool, style: Style) -> Self {
        let screen = Arc::new(Screen { sink: Mutex::new(sink), size });
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(Handle(Arc::clone(&screen))), 10);
        Self {
            multi: MultiProgress::with_draw_target(target),
            lines: HashMap::new(),
            totals: None,
            screen,
            style,
            ticking,
        }
    }

    /// Writes to standard error, which is a terminal.
    pub fn stderr(style: Style) -> Self {
        Self::new(Box::new(io::stderr()), Box::new(stderr_size), true, style)
    }

    /// The lines as indicatif holds them.
    #[cfg(test)]
    pub(super) fn lines_for_test(&self) -> Vec<ProgressBar> {
        self.lines.values().map(|line| line.bar.clone()).chain(self.totals.clone()).collect()
    }

    fn line(&self) -> ProgressBar {
        let bar = match &self.totals {
            Some(totals) => self.multi.insert_before(totals, ProgressBar::no_length()),
            None => self.multi.add(ProgressBar::no_length()),
        };
        if self.ticking {
            bar.enable_steady_tick(TICK);
        }
        bar
    }

    fn redraw(&mut self, host: &HostView, many: bool) {
        let running = host.running().filter(|_| matches!(host.state, HostState::Ready | HostState::Lost));
        let Some(step) = running else {
            if let Some(line) = self.lines.remove(&host.id) {
                line.bar.finish_and_clear();
                self.multi.remove(&line.bar);
            }
            return;
        };
        if !self.lines.contains_key(&host.id) {
            if self.lines.len() >= MAX_LINES {
                return;
            }
            let bar = self.line();
            bar.set_style(Look::Time.style());
            self.lines.insert(host.id.clone(), HostLine { bar, step: StepId(0), look: Look::Time });
        }
        let width = usize::from((self.screen.size)().1);
        if let Some(line) = self.lines.get_mut(&host.id) {
            line.show(host, step, many, width);
        }
    }

    fn redraw_totals(&mut self, run: &RunView) {
        if run.hosts.len() < 2 || run.exit.is_some() {
            if let Some(bar) = self.totals.take() {
                bar.finish_and_clear();
            }
            return;
        }
        if self.totals.is_none() {
            let bar = self.line();
            bar.set_style(ProgressStyle::with_template("{wide_msg}").expect("the template is a constant"));
            self.totals = Some(bar);
        }
        let totals = run.totals();
        let is_done = |host: &&HostView| matches!(host.state, HostState::Finished | HostState::Unreachable);
        let done = run.hosts.iter().filter(is_done).count();
        let text = format!(
            "{done} of {} hosts done, {} busy · {} steps changed, {} failed",
            run.hosts.len(),
            run.hosts.iter().filter(|host| host.running().is_some() && !is_done(host)).count(),
            totals.changed,
            totals.failed + totals.unknown
        );
        if let Some(bar) = &self.totals {
            bar.set_message(text);
        }
    }
}

impl HostLine {
    fn show(&mut self, host: &HostView, step: &StepView, many: bool, width: usize) {
        if self.step != step.id {
            self.step = step.id;
            self.bar.reset();
        }
        let mut name = step_label(host, step, many);
        if host.state == HostState::Lost {
            name = format!("{} (connection lost)", name.trim_end());
        }
        let look = match (step.progress, step.tail.last()) {
            (Some((_, Some(_))), _) if width < NARROW => Look::ShortBar,
            (Some((_, Some(_))), _) => Look::Bar,
            (Some((_, None)), _) => Look::Bytes,
            (None, Some(_)) => Look::TimeAndTail,
            (None, None) => Look::Time,
        };
        let room = width.saturating_sub(look.columns());
        self.bar.set_prefix(pad(&truncate(name.trim_end(), room), room.min(name.width())));
        if self.look != look {
            self.look = look;
            self.bar.set_style(look.style());
        }
        if let Some((bytes, total)) = step.progress {
            match total {
                Some(total) => self.bar.set_length(total),
                None => self.bar.unset_length(),
            }
            self.bar.set_position(bytes);
        }
        self.bar.set_message(step.tail.last().map(clean).unwrap_or_default());
        self.bar.tick();
    }
}

impl Reporter for Terminal {
    fn event(&mut self, event: &Event, run: &RunView) -> io::Result<()> {
        let many = run.hosts.len() > 1;
        if let Some(host) = event.host.as_ref().and_then(|id| run.host(id)) {
            // The line of a finished step is removed before its result is written, so that it is not drawn twice.
            self.redraw(host, many);
        }
        for line in lines(event, run, &self.style) {
            for row in line.text.split('\n') {
                self.multi.println(row)?;
            }
        }
        if !matches!(event.kind, EventKind::StepOutput { .. } | EventKind::StepProgress { .. }) {
            self.redraw_totals(run);
        }
        Ok(())
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        self.multi.println(text)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        for line in self.lines.values() {
            line.bar.finish_and_clear();
        }
        if let Some(bar) = &self.totals {
            bar.finish_and_clear();
        }
        // If the terminal is gone, there is nothing left to clear.
        let _ = self.multi.clear();
    }
}

/// The size of the terminal behind standard error; 24 by 80 if it has none.
fn stderr_size() -> (u16, u16) {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row, size.ws_col),
        _ => (24, 80),
    }
}

struct Screen {
    sink: Mutex<Sink>,
    size: Size,
}

/// The terminal in the form that indicatif draws on.
struct Handle(Arc<Screen>);

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handle")
    }
}

impl Handle {
    fn write(&self, text: &str) -> io::Result<()> {
        self.0.sink.lock().unwrap_or_else(PoisonError::into_inner).write_all(text.as_bytes())
    }

    /// Moves the cursor; 0 would mean 1 to a terminal.
    fn moved(&self, n: usize, direction: char) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.write(&format!("\x1b[{n}{direction}")) }
    }
}

impl TermLike for Handle {
    fn width(&self) -> u16 {
        (self.0.size)().1
    }

    fn height(&self) -> u16 {
        (self.0.size)().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.write(s)?;
        self.write("\n")
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.write(s)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.write("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        self.0.sink.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}
