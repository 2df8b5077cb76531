//! The two streams of a connection, put in one order.
//!
//! The log comes on standard output: only the delivery and the runner write there. What steps print comes on standard error,
//! behind a line of the delivery, and is never read as a frame, whatever it holds. The runner says with `out BYTES` how much
//! had been printed when it wrote its next frame. From these marks follows which output belongs before which frame. The runner
//! also notes in the output where that of a step begins: what stands behind such a note waits for the frame that starts the step.
//! Other output behind the last mark waits for a moment, and then belongs to the current step.
//!
//! Nothing here trusts the host: what waits has a limit, and so has the time.

mod markers;

use std::collections::VecDeque;
use std::mem::take;

use self::markers::Markers;

use super::frame::Frame;
use super::log_position::LogPosition;
use super::splitter::{Piece, Splitter};

/// How much output may wait for a frame that belongs before it.
const MAX_WAITING: usize = 1024 * 1024;
/// How many bytes of frames may wait for output that belongs before them.
const MAX_HELD: usize = 4 * 1024 * 1024;
/// What a frame takes up besides its bytes.
const FRAME: usize = 64;
/// How many moments a mark waits for output to pause, where a step has emptied the file that is counted.
const MAX_PAUSE_TICKS: u8 = 8;
/// After how many connections in a row that bring none of the output that is due there is none. One is not enough: what sends it may
/// have been killed.
const MAX_BARREN: u8 = 4;
/// No host has printed more than this.
const MAX_FIRST: u64 = 1 << 62;
/// How much of standard error is searched for the delivery's line.
const MAX_SEARCHED: usize = 64 * 1024;

/// Where a connection continues: the first bytes that have not come, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPosition {
    /// Of the log.
    pub log: u64,
    /// Of what steps printed; 0 where none of it is wanted.
    pub out: u64,
}

impl StreamPosition {
    /// The beginning of both.
    pub const START: Self = Self { log: 1, out: 1 };
}

/// What came of standard error.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Errors {
    /// What something else than a step printed.
    pub noise: Vec<u8>,
    /// What is in its place now.
    pub pieces: Vec<Piece>,
}

/// Both streams of a run, over all its connections.
#[derive(Debug)]
pub struct Streams {
    nonce: String,
    splitter: Splitter,
    log: LogPosition,
    /// The delivery has said its first word on this connection.
    greeted: bool,
    /// The log of this run holds the output of steps as well.
    mixed: bool,
    /// The host sends standard error on standard output: what steps print is left there.
    merged: bool,
    /// What came of standard error on this connection before the delivery's line; `None` behind it.
    before_aside: Option<Vec<u8>>,
    order: Order,
}

impl Streams {
    /// The streams of a run whose frames carry this nonce.
    pub fn new(nonce: &str) -> Self {
        Self {
            nonce: nonce.to_owned(),
            splitter: Splitter::new(nonce),
            log: LogPosition::start(),
            greeted: false,
            mixed: false,
            merged: false,
            before_aside: Some(Vec::new()),
            order: Order::default(),
        }
    }

    /// Where the next connection continues.
    pub fn position(&self) -> StreamPosition {
        StreamPosition { log: self.log.next(), out: if self.merged { 0 } else { self.order.came + 1 } }
    }

    /// A new connection was made.
    pub fn connected(&mut self) {
        self.splitter = Splitter::new(&self.nonce);
        self.log.connected();
        self.before_aside = Some(Vec::new());
        (self.greeted, self.mixed) = (false, false);
        self.order.connected();
    }

    /// The connection has ended, in whatever way.
    pub fn disconnected(&mut self) {
        self.log.disconnected(self.greeted, self.splitter.held());
        self.order.held.retain(|held| !matches!(held, Held::Last(_)));
    }

    /// Takes bytes of standard output, and gives what is in its place now.
    pub fn stdout(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let held = self.splitter.held();
        let pieces = self.splitter.push(bytes);
        self.log.advance(&pieces, self.greeted, (held, self.splitter.held()));
        let mut out = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Frame(Frame::Mixed, _) if !self.greeted => self.mixed = true,
                Piece::Frame(Frame::Aside(_), _) if !self.greeted => {
                    self.merged = true;
                    out.push(piece);
                }
                Piece::Frame(Frame::Hello { .. }, _) if !self.greeted => {
                    self.greeted = true;
                    out.push(piece);
                }
                piece if self.mixed || !self.greeted => out.push(piece),
                Piece::Frame(Frame::Out { .. }, _) if self.merged => {}
                // Nothing but frames is in such a log, and blanks in the place of what a power cut took.
                Piece::Raw(_) => {}
                Piece::Frame(frame, length) => self.order.frame(frame, length),
            }
        }
        self.settle(&mut out);
        out
    }

    /// Takes bytes of standard error.
    pub fn stderr(&mut self, bytes: &[u8]) -> Errors {
        let mut errors = Errors::default();
        match &mut self.before_aside {
            None => self.order.output(bytes),
            Some(before) => {
                before.extend_from_slice(bytes);
                let line = format!("\x1epb:{} aside ", self.nonce);
                match find_line(before, line.as_bytes()) {
                    Some((from, to)) => {
                        // A reader may start in the middle.
                        self.order.starts_behind(&before[from + line.len()..to - 2]);
                        let behind = before.split_off(to);
                        before.truncate(from);
                        errors.noise = take(before);
                        self.before_aside = None;
                        self.order.output(&behind);
                    }
                    None if before.len() > MAX_SEARCHED => {
                        errors.noise = before.drain(..before.len() - line.len()).collect();
                    }
                    None => {}
                }
            }
        }
        self.settle(&mut errors.pieces);
        errors
    }

    /// What standard error had on this connection instead of the delivery's line.
    pub fn unannounced(&self) -> &[u8] {
        self.before_aside.as_deref().unwrap_or_default()
    }

    /// Whether something waits for its place.
    pub fn is_waiting(&self) -> bool {
        !self.order.waiting.is_empty() || !self.order.held.is_empty()
    }

    /// Whether frames wait for output.
    pub fn is_blocked(&self) -> bool {
        !self.order.held.is_empty()
    }

    /// A moment has passed: output that waited all through it goes on, since no frame came that belongs before it.
    pub fn tick(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if self.greeted {
            self.order.tick(&mut pieces);
        }
        pieces
    }

    /// Gives up waiting for output that does not come, for the rest of the connection.
    pub fn give_up(&mut self) -> Vec<Piece> {
        self.order.given_up = true;
        let mut pieces = Vec::new();
        self.order.settle(&mut pieces);
        self.order.finish(&mut pieces);
        pieces
    }

    /// The host has closed both streams. Where frames wait for output that did not come, another connection brings it. Where a few
    /// in a row bring none, there is none.
    pub fn closed(&mut self) -> Vec<Piece> {
        let has_ended =
            if self.order.lacks_output() { self.order.is_barren_again() } else { self.order.has_last_words() };
        if has_ended { self.give_up() } else { Vec::new() }
    }

    /// The connection was lost. What came before that counts, and the rest waits for another connection.
    pub fn lost(&mut self) -> Vec<Piece> {
        let has_ended = !self.order.lacks_output() && self.order.has_last_words();
        if has_ended { self.give_up() } else { Vec::new() }
    }

    /// Puts in order what is there, once the delivery has said its first word: what comes before it waits.
    fn settle(&mut self, pieces: &mut Vec<Piece>) {
        if self.greeted {
            self.order.settle(pieces);
        } else {
            self.order.limit(&mut Vec::new());
        }
    }
}

/// A frame that has come, in its order.
#[derive(Debug)]
enum Held {
    /// What follows comes behind so many bytes of output.
    Mark {
        bytes: u64,
        is_cut: bool,
    },
    Frame(Frame, usize),
    /// The delivery's last words, behind the end of both streams.
    Last(Frame),
}

/// Frames and output on the way to their places.
#[derive(Debug, Default)]
struct Order {
    /// How many bytes of output have come.
    came: u64,
    /// How many of them are in their place: all but those that wait.
    passed: u64,
    waiting: VecDeque<u8>,
    /// How many of those waited at the last tick.
    old: usize,
    held: VecDeque<Held>,
    held_size: usize,
    /// The log has ended on this connection.
    past_end: bool,
    /// Frames do not wait for output any more.
    given_up: bool,
    /// Output came on this connection.
    has_progress: bool,
    /// How many connections in a row have brought none that was due.
    barren: u8,
    /// How many bytes have come more than the host counts: steps have emptied the file meanwhile.
    drift: u64,
    /// How many moments more the mark in front waits, which says that.
    pause_ticks: Option<u8>,
    /// Output came since the last tick.
    is_busy: bool,
    /// A step is running, as far as the frames go that were passed on.
    is_step_running: bool,
    markers: Markers,
}

impl Order {
    fn connected(&mut self) {
        (self.past_end, self.given_up, self.has_progress) = (false, false, false);
    }

    /// What comes starts at the byte of this number, where nothing has come before.
    fn starts_behind(&mut self, number: &[u8]) {
        let number = std::str::from_utf8(number).ok().and_then(|number| number.parse::<u64>().ok());
        if let Some(first) = number.filter(|first| (1..=MAX_FIRST).contains(first) && self.came == 0) {
            (self.came, self.passed) = (first - 1, first - 1);
        }
    }

    fn frame(&mut self, frame: Frame, length: usize) {
        // The delivery's last words are few, and whatever else comes behind the end of the log cannot go on before them.
        if self.past_end && self.held_size > MAX_HELD {
            return;
        }
        self.past_end |= matches!(frame, Frame::Gone | Frame::Size(_));
        self.held_size += length + FRAME;
        self.given_up |= self.held_size > MAX_HELD;
        self.held.push_back(match frame {
            Frame::Out { bytes, is_cut } => Held::Mark { bytes, is_cut },
            frame if self.past_end && !matches!(frame, Frame::Size(_)) => Held::Last(frame),
            frame => Held::Frame(frame, length),
        });
    }

    fn output(&mut self, bytes: &[u8]) {
        self.has_progress |= !bytes.is_empty();
        self.is_busy |= !bytes.is_empty();
        self.markers.came(self.came, bytes);
        self.came += bytes.len() as u64;
        self.waiting.extend(bytes);
    }

    /// Passes on everything that is known to be in its place.
    fn settle(&mut self, pieces: &mut Vec<Piece>) {
        loop {
            match self.held.front() {
                Some(&Held::Mark { bytes, is_cut }) => {
                    if is_cut && !self.given_up {
                        self.pause_ticks.get_or_insert(MAX_PAUSE_TICKS);
                        break;
                    }
                    if is_cut {
                        self.count_anew(bytes, pieces);
                        continue;
                    }
                    let wanted = bytes.saturating_add(self.drift);
                    // The beginning of a note waits for its end.
                    let known = if self.came < wanted { self.markers.whole(self.came) } else { wanted };
                    self.pass(known.saturating_sub(self.passed), pieces);
                    if self.passed < wanted && !self.given_up {
                        break;
                    }
                    self.held.pop_front();
                }
                Some(Held::Frame(..)) => {
                    if let Some(Held::Frame(frame, length)) = self.held.pop_front() {
                        match frame {
                            Frame::Start { step, .. } => {
                                self.is_step_running = true;
                                self.markers.started(step);
                            }
                            Frame::So { .. } | Frame::Done { .. } => self.is_step_running = false,
                            _ => {}
                        }
                        pieces.push(Piece::Frame(frame, length));
                    }
                }
                Some(Held::Last(_)) | None => break,
            }
        }
        if self.held.is_empty() {
            self.held_size = 0;
        }
        self.limit(pieces);
    }

    /// Passes on what exceeds the limit.
    fn limit(&mut self, pieces: &mut Vec<Piece>) {
        self.pass(self.waiting.len().saturating_sub(MAX_WAITING) as u64, pieces);
    }

    /// Passes on so many bytes of output, as far as they are there.
    fn pass(&mut self, bytes: u64, pieces: &mut Vec<Piece>) {
        let count = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.waiting.len());
        if count == 0 {
            return;
        }
        let mut raw: Vec<u8> = self.waiting.drain(..count).collect();
        self.markers.cut(self.passed, &mut raw);
        (self.passed, self.old) = (self.passed + count as u64, self.old.saturating_sub(count));
        match pieces.last_mut() {
            _ if raw.is_empty() => {}
            Some(Piece::Raw(before)) => before.extend(raw),
            _ => pieces.push(Piece::Raw(raw)),
        }
    }

    /// Between two steps, output waits for the step that it belongs to.
    fn tick(&mut self, pieces: &mut Vec<Piece>) {
        let is_busy = std::mem::take(&mut self.is_busy);
        if let Some(ticks) = self.pause_ticks {
            // The first tick may come at once.
            if ticks == MAX_PAUSE_TICKS || (is_busy && ticks > 0) {
                self.pause_ticks = Some(ticks - 1);
                return;
            }
            if let Some(&Held::Mark { bytes, .. }) = self.held.front() {
                self.count_anew(bytes, pieces);
            }
            self.settle(pieces);
            return;
        }
        self.markers.tick();
        if !self.is_step_running {
            return;
        }
        let known = self.markers.limit(self.came).saturating_sub(self.passed);
        self.pass(known.min(self.old as u64), pieces);
        self.old = self.waiting.len();
    }

    /// The mark in front says that a step has emptied the file. What has come belongs before it, but for what later marks count.
    fn count_anew(&mut self, bytes: u64, pieces: &mut Vec<Piece>) {
        let last = self
            .held
            .iter()
            .rev()
            .find_map(|held| if let Held::Mark { bytes, .. } = held { Some(*bytes) } else { None });
        let behind = last.unwrap_or(bytes).saturating_sub(bytes);
        self.pass((self.waiting.len() as u64).saturating_sub(behind), pieces);
        self.drift = self.passed.saturating_sub(bytes);
        self.pause_ticks = None;
        self.held.pop_front();
    }

    /// Counts a connection that has ended before the output that is due; whether there have been too many.
    fn is_barren_again(&mut self) -> bool {
        self.barren = if self.has_progress { 0 } else { self.barren + 1 };
        let is_enough = self.barren >= MAX_BARREN;
        if is_enough {
            self.barren = 0;
        }
        is_enough
    }

    /// Whether a frame waits for output that has not come.
    fn lacks_output(&self) -> bool {
        matches!(self.held.front(), Some(Held::Mark { is_cut: false, .. }))
    }

    fn has_last_words(&self) -> bool {
        matches!(self.held.back(), Some(Held::Last(_)))
    }

    /// Nothing more comes on this connection. The beginning of a note waits for the next one.
    fn finish(&mut self, pieces: &mut Vec<Piece>) {
        self.pass(self.markers.whole(self.came).saturating_sub(self.passed), pieces);
        for held in self.held.drain(..) {
            if let Held::Frame(frame, _) | Held::Last(frame) = held {
                pieces.push(Piece::Frame(frame, 0));
            }
        }
        self.held_size = 0;
    }
}

/// The first and the last byte but one of a line that starts with these bytes and ends as a frame does.
fn find_line(bytes: &[u8], start: &[u8]) -> Option<(usize, usize)> {
    let from = bytes.windows(start.len()).position(|window| window == start)?;
    let behind = from + start.len();
    let end = bytes[behind..].windows(2).position(|window| window == b"\x1e\n")?;
    Some((from, behind + end + 2))
}

#[cfg(test)]
mod tests;
