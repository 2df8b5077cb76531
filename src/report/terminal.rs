//! Lines for a person at a terminal: results above, and below them the current steps.
//!
//! Every busy host has one line (at most ten have), with its current step, the time, and the last line of output or the
//! progress of a download. A host that is not reached yet has one as well, which says what is waited for. Several hosts have a
//! line of totals below. These lines are drawn anew at most ten times a second. The cursor is never hidden and the terminal's
//! modes are never changed, so whatever ends the run leaves the terminal usable.

#![expect(clippy::disallowed_methods, reason = "edge: the clock of the lines that move")]

use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::format::{clean, said, truncate};
use super::host_line::{HostLine, Subject};
use super::lines::{lines, step_label};
use super::live::LiveRows;
use super::{Reporter, Sink, Size, Style};
use crate::event::{Event, EventKind};
use crate::view::{HostState, HostView, RunView};
use crate::wrap::wrap_message;

/// How many hosts have a line of their own.
const MAX_LINES: usize = 10;
/// The rows and columns of a terminal that does not say how many it has.
const UNKNOWN_SIZE: (u16, u16) = (24, 80);
/// How often the lines are redrawn while nothing happens, so that the time advances.
const TICK: Duration = Duration::from_millis(200);
/// The shortest time between two drawings.
const MIN_PAUSE: Duration = Duration::from_millis(100);

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
        line.tail = running.and_then(|step| step.tail.last()).map(said);
        line.set_progress(running.and_then(|step| step.progress));
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
        let width = screen.rows.width();
        screen.print(lines(event, run, &self.style, &|_| Some(width)).iter().map(|line| line.text.as_str()))
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        let mut screen = self.screen();
        let text = wrap_message(text, Some(screen.rows.width()));
        screen.print([text.as_str()])
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

/// The columns of the terminal behind a stream; `None` if there is none.
pub fn terminal_columns(stream: impl AsFd) -> Option<usize> {
    size_of(stream).map(|(_, columns)| usize::from(columns))
}

/// The size of the terminal behind standard error; 24 by 80 if it has none.
fn stderr_size() -> (u16, u16) {
    size_of(io::stderr()).unwrap_or(UNKNOWN_SIZE)
}

/// The size of the terminal behind a stream.
fn size_of(stream: impl AsFd) -> Option<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(if size.ws_row > 0 && size.ws_col > 0 { (size.ws_row, size.ws_col) } else { UNKNOWN_SIZE })
}
