//! Lines for a person at a terminal: results above, and below them the current steps.
//!
//! Every busy host has one line (at most ten have), with its current step, the time, and the last line of output or the
//! progress of a download. A host that is not reached yet has one as well, which says what is waited for. Several hosts have a
//! line of totals below. These lines are drawn anew at most ten times a second. The cursor is never hidden and the terminal's
//! modes are never changed, so whatever ends the run leaves the terminal usable.

#![expect(clippy::disallowed_methods, reason = "edge: the clock of the lines that move")]

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use unicode_width::UnicodeWidthStr as _;

use super::format::{binary, clean, cut, duration, pad, truncate};
use super::lines::{lines, step_label};
use super::live::LiveRows;
use super::{Reporter, Sink, Size, Style};
use crate::event::{Event, EventKind};
use crate::ids::{HostId, StepId};
use crate::view::{HostState, HostView, RunView};

/// How many hosts have a line of their own.
const MAX_LINES: usize = 10;
/// How often the lines are redrawn while nothing happens, so that the time advances.
const TICK: Duration = Duration::from_millis(200);
/// The shortest time between two drawings.
const MIN_PAUSE: Duration = Duration::from_millis(100);
/// A shorter wait has no line, which would only flash.
const MIN_WAIT: Duration = Duration::from_millis(600);
/// On a terminal with fewer columns, a download has a shorter bar.
const NARROW: usize = 80;

/// Writes results and messages to one terminal, and below them the current steps.
pub struct Terminal {
    screen: Arc<Mutex<Screen>>,
    style: Style,
}

/// What is on the terminal.
struct Screen {
    rows: LiveRows,
    lines: Vec<HostLine>,
    totals: Option<String>,
    drawn_at: Option<Instant>,
}

/// One host's line.
struct HostLine {
    host: HostId,
    /// What it is about: a step, or a wait.
    subject: Subject,
    label: String,
    since: Instant,
    progress: Option<Progress>,
    tail: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Step(StepId),
    Wait,
}

/// How far a download is.
#[derive(Clone, Copy)]
struct Progress {
    bytes: u64,
    total: Option<u64>,
    /// When it was first heard of, and how many bytes were there.
    first: (Instant, u64),
}

impl Terminal {
    /// Writes to a terminal of that size. `ticking`: redraws on its own while nothing happens.
    pub fn new(sink: Sink, size: Size, ticking: bool, style: Style) -> Self {
        let rows = LiveRows::new(sink, size);
        let screen = Arc::new(Mutex::new(Screen { rows, lines: Vec::new(), totals: None, drawn_at: None }));
        if ticking {
            let screen = Arc::downgrade(&screen);
            std::thread::spawn(move || tick(&screen));
        }
        Self { screen, style }
    }

    /// Writes to standard error, which is a terminal.
    pub fn stderr(style: Style) -> Self {
        Self::new(Box::new(io::stderr()), Box::new(stderr_size), true, style)
    }

    /// Draws the lines at once, whenever they were drawn before.
    #[cfg(test)]
    pub(super) fn draw_for_test(&self) {
        self.screen().draw().unwrap();
    }

    fn screen(&self) -> MutexGuard<'_, Screen> {
        lock(&self.screen)
    }
}

fn lock(screen: &Mutex<Screen>) -> MutexGuard<'_, Screen> {
    screen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Redraws the lines as long as the reporter exists.
fn tick(screen: &Weak<Mutex<Screen>>) {
    loop {
        std::thread::sleep(TICK);
        let Some(screen) = screen.upgrade() else { return };
        // A terminal that is gone is noticed by the next event.
        let _ = lock(&screen).draw();
    }
}

impl Screen {
    /// Writes texts above the lines.
    fn print<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        let rows: Vec<String> = texts.into_iter().flat_map(|text| text.split('\n')).map(ToOwned::to_owned).collect();
        if !rows.is_empty() {
            self.rows.print(rows)?;
        }
        self.draw_in_time()
    }

    /// Draws the lines, unless they were drawn just now: what is left out is drawn at the next tick.
    fn draw_in_time(&mut self) -> io::Result<()> {
        if self.drawn_at.is_some_and(|at| at.elapsed() < MIN_PAUSE) {
            return Ok(());
        }
        self.draw()
    }

    fn draw(&mut self) -> io::Result<()> {
        let width = self.rows.width();
        let lines = self.lines.iter().filter(|line| line.is_due()).take(MAX_LINES);
        let mut rows: Vec<String> = lines.flat_map(|line| line.rows(width)).collect();
        rows.extend(self.totals.as_deref().map(|totals| truncate(totals, width)));
        self.drawn_at = Some(Instant::now());
        self.rows.draw(&rows)
    }

    /// What a host's line shows from now on; none where it is neither busy nor waited for.
    fn update(&mut self, host: &HostView, many: bool) {
        let place = self.lines.iter().position(|line| line.host == host.id);
        let running = host.running().filter(|_| matches!(host.state, HostState::Ready | HostState::Lost));
        let (subject, label) = match (running, host.state) {
            (Some(step), state) => {
                let mut label = step_label(host, step, many).trim_end().to_owned();
                if state == HostState::Lost {
                    label.push_str(" (connection lost)");
                }
                (Subject::Step(step.id), label)
            }
            (None, HostState::Waiting) if host.message.is_some() => {
                (Subject::Wait, format!("{}  waiting for another run", clean(&host.id.0)))
            }
            (None, HostState::Waiting) => (Subject::Wait, format!("{}  connecting", clean(&host.id.0))),
            (None, HostState::Lost) => (Subject::Wait, format!("{}  reconnecting", clean(&host.id.0))),
            (None, HostState::Ready | HostState::Unreachable | HostState::Finished) => {
                if let Some(place) = place {
                    self.lines.remove(place);
                }
                return;
            }
        };
        let place = place.unwrap_or_else(|| {
            self.lines.push(HostLine::new(host.id.clone(), subject));
            self.lines.len() - 1
        });
        let line = &mut self.lines[place];
        if line.subject != subject {
            *line = HostLine::new(host.id.clone(), subject);
        }
        line.label = label;
        line.tail = running.and_then(|step| step.tail.last()).map(clean);
        line.progress = running.and_then(|step| step.progress).map(|(bytes, total)| {
            let first = line.progress.map_or((Instant::now(), bytes), |progress| progress.first);
            Progress { bytes, total, first }
        });
    }

    fn update_totals(&mut self, run: &RunView) {
        if run.hosts.len() < 2 || run.exit.is_some() {
            self.totals = None;
            return;
        }
        let totals = run.totals();
        let is_done = |host: &&HostView| matches!(host.state, HostState::Finished | HostState::Unreachable);
        self.totals = Some(format!(
            "{} of {} hosts done, {} busy · {} steps changed, {} failed",
            run.hosts.iter().filter(is_done).count(),
            run.hosts.len(),
            run.hosts.iter().filter(|host| host.running().is_some() && !is_done(host)).count(),
            totals.changed,
            totals.failed + totals.unknown
        ));
    }
}

impl HostLine {
    fn new(host: HostId, subject: Subject) -> Self {
        Self { host, subject, label: String::new(), since: Instant::now(), progress: None, tail: None }
    }

    /// Whether it is worth a line.
    fn is_due(&self) -> bool {
        self.subject != Subject::Wait || self.since.elapsed() >= MIN_WAIT
    }

    /// Its rows on a terminal with so many columns.
    fn rows(&self, width: usize) -> Vec<String> {
        let elapsed = self.since.elapsed();
        let (behind, tail) = match self.progress {
            Some(progress) => (progress.text(width), None),
            None => (format!("{} {:>6}", spinner(elapsed), whole_seconds(elapsed)), self.tail.as_deref()),
        };
        let room = width.saturating_sub(behind.width() + 1);
        let label = pad(&truncate(&self.label, room), room.min(self.label.width()));
        let mut rows = vec![cut(&format!("{label} {behind}"), width)];
        rows.extend(tail.map(|tail| cut(&format!("      {tail}"), width)));
        rows
    }
}

impl Progress {
    fn text(&self, width: usize) -> String {
        let rate = self.rate();
        let Some(total) = self.total.filter(|total| *total > 0) else {
            return format!("{}  {}/s", binary(self.bytes), binary(rate));
        };
        let tenths = |cells: u64| usize::try_from(self.bytes.min(total) * cells / total).unwrap_or(0);
        let bar = |cells: u64| pad(&"━".repeat(tenths(cells)), usize::try_from(cells).unwrap_or(0));
        if width < NARROW {
            return format!("{} {:>3}%", bar(10), tenths(100));
        }
        let left = (total.saturating_sub(self.bytes) * 1000).checked_div(rate);
        let left = left.map_or_else(String::new, |left| format!("  {} left", duration(left)));
        format!("{} {} of {}  {}/s{left}", bar(14), binary(self.bytes), binary(total), binary(rate))
    }

    /// Bytes a second.
    fn rate(&self) -> u64 {
        let (since, there) = self.first;
        let millis = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        self.bytes.saturating_sub(there).saturating_mul(1000) / millis
    }
}

fn spinner(elapsed: Duration) -> char {
    ['|', '/', '-', '\\'][usize::try_from(elapsed.as_millis() / TICK.as_millis() % 4).unwrap_or(0)]
}

/// A time that is still growing, without tenths.
fn whole_seconds(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => duration(seconds * 1000),
    }
}

impl Reporter for Terminal {
    fn event(&mut self, event: &Event, run: &RunView) -> io::Result<()> {
        let many = run.hosts.len() > 1;
        let mut screen = lock(&self.screen);
        if matches!(event.kind, EventKind::RunStarted { .. }) {
            for host in &run.hosts {
                screen.update(host, many);
            }
        }
        if let Some(host) = event.host.as_ref().and_then(|id| run.host(id)) {
            screen.update(host, many);
        }
        screen.update_totals(run);
        // The line of a finished step goes with its result, so that it is not shown twice.
        screen.print(lines(event, run, &self.style).iter().map(|line| line.text.as_str()))
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        let mut screen = self.screen();
        screen.print([text])
    }

    fn pause(&mut self, is_paused: bool) -> io::Result<()> {
        let mut screen = self.screen();
        screen.rows.pause(is_paused)?;
        screen.draw()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut screen = self.screen();
        screen.lines.clear();
        screen.totals = None;
        // If the terminal is gone, there is nothing left to clear.
        let _ = screen.rows.pause(false).and_then(|()| screen.draw());
    }
}

/// The size of the terminal behind standard error; 24 by 80 if it has none.
fn stderr_size() -> (u16, u16) {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row, size.ws_col),
        _ => (24, 80),
    }
}
