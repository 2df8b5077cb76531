//! Which byte of the host's log is wanted next.
//!
//! The log starts behind the delivery's first word on a connection. Neither what the delivery says once the log has ended nor
//! anything that a login script printed before the first word belongs to it.

use super::frame::Frame;
use super::splitter::Piece;

/// The place in the host's log up to which everything has come.
#[derive(Debug)]
pub(super) struct LogPosition {
    /// The first byte that has not come yet, counted from 1.
    next: u64,
    /// What comes on this connection is behind the end of the log.
    past_end: bool,
}

impl LogPosition {
    /// The beginning of a log.
    pub(super) fn start() -> Self {
        Self { next: 1, past_end: false }
    }

    /// The byte that is wanted next, counted from 1.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// A new connection was made.
    pub(super) fn connected(&mut self) {
        self.past_end = false;
    }

    /// Counts what came. `greeted`: the first word came before. `held`: how many bytes the splitter holds back because they
    /// may be the beginning of a frame, before these pieces and after them.
    pub(super) fn advance(&mut self, pieces: &[Piece], greeted: bool, held: (usize, usize)) {
        let (held_before, held_after) = (held.0 as u64, held.1 as u64);
        let is_hello = |piece: &Piece| matches!(piece, Piece::Frame(Frame::Hello { .. }, _));
        let (first, counted) = match pieces.iter().position(is_hello) {
            _ if greeted => (0, held_before),
            Some(hello) => (hello + 1, 0),
            None => return,
        };
        if self.past_end {
            return;
        }
        let is_behind = |piece: &Piece| matches!(piece, Piece::Frame(Frame::Gone | Frame::Size(_), _));
        let of_log = pieces[first..].iter().take_while(|piece| !is_behind(piece));
        self.next += of_log.map(|piece| length(piece) as u64).sum::<u64>();
        self.next -= counted;
        self.past_end = pieces.iter().any(is_behind);
        if !self.past_end {
            self.next += held_after;
        }
    }

    /// The connection ended while the splitter held so many bytes back: they are asked for again.
    pub(super) fn disconnected(&mut self, greeted: bool, held: usize) {
        if greeted && !self.past_end {
            self.next -= held as u64;
        }
    }
}

fn length(piece: &Piece) -> usize {
    match piece {
        Piece::Raw(raw) => raw.len(),
        Piece::Frame(_, length) => *length,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::splitter::Splitter;

    const NONCE: &str = "00112233445566778899aabbccddeeff";

    fn frame(body: &str) -> String {
        format!("\x1epb:{NONCE} {body}\x1e\n")
    }

    /// The position after a connection on which these bytes came, in pieces of this size.
    fn after(stream: &str, size: usize) -> u64 {
        let (mut position, mut splitter) = (LogPosition::start(), Splitter::new(NONCE));
        position.connected();
        let mut greeted = false;
        for bytes in stream.as_bytes().chunks(size) {
            let before = splitter.held();
            let pieces = splitter.push(bytes);
            position.advance(&pieces, greeted, (before, splitter.held()));
            greeted |= pieces.iter().any(|piece| matches!(piece, Piece::Frame(Frame::Hello { .. }, _)));
        }
        position.disconnected(greeted, splitter.held());
        position.next()
    }

    #[test]
    fn only_the_log_counts_whatever_the_pieces() {
        let (noise, hello) = ("Welcome \x1e to the host\n", frame("hello new"));
        let log = format!("{}some output \x1e\n{}", frame("start 1 1.00"), frame("done 1 changed 0 2.00"));
        let torn = frame("start 2 3.00");
        let torn = &torn[..20];
        let end = |log: &str| log.len() as u64 + 1;
        for (stream, right) in [
            (noise.to_owned(), 1),
            (format!("{noise}{}", frame("none")), 1),
            (format!("{noise}{hello}"), 1),
            (format!("{noise}{hello}{log}"), end(&log)),
            (format!("{hello}{log}{torn}"), end(&log)),
            (format!("{hello}{log}{}", frame("gone")), end(&log)),
            (format!("{hello}{log}{}{}", frame("size 99"), frame("end ok")), end(&log)),
        ] {
            for size in 1..=stream.len() {
                assert_eq!(after(&stream, size), right, "{stream:?} in pieces of {size}");
            }
        }
    }
}
