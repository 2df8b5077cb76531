//! What of a step's output is kept: its beginning as it comes, its end when it is over, and the measure of the whole.
//! Everything is shown while it comes; the whole of it is in the run's `out` on the host.

use std::collections::VecDeque;

use sha2::{Digest as _, Sha256};

use crate::event::EventKind;
use crate::ids::{Digest, StepId};

/// How much of an output's beginning is kept, and how much of its end.
const LIMIT: usize = 1 << 20;
/// What an event takes up besides its text: an output of a million small pieces is not kept whole either.
const EVENT: usize = 160;

/// Decides, piece by piece, what of one step's output is kept.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    /// What the beginning has taken up so far.
    head: usize,
    /// The last text that is not in the beginning.
    tail: VecDeque<u8>,
    /// Bytes of text between the beginning and `tail`.
    left_out: u64,
    /// Line feeds behind the beginning.
    lines: u64,
    /// Bytes as the host sent them.
    bytes: u64,
    hash: Sha256,
}

impl Keeper {
    /// Takes note of bytes as the host sent them.
    pub(super) fn count(&mut self, raw: &[u8]) {
        self.bytes += raw.len() as u64;
        self.hash.update(raw);
    }

    /// Splits the text that they became: what belongs to the beginning, and what is only shown (and may be of the end).
    pub(super) fn divide(&mut self, mut text: String) -> (String, String) {
        let room = LIMIT.saturating_sub(self.head).saturating_sub(EVENT);
        let rest = if self.tail.is_empty() && room > 0 {
            let rest = text.split_off(text.floor_char_boundary(room));
            self.head += text.len() + EVENT;
            rest
        } else {
            std::mem::take(&mut text)
        };
        self.lines += rest.matches('\n').count() as u64;
        self.tail.extend(rest.as_bytes());
        let excess = self.tail.len().saturating_sub(LIMIT);
        self.left_out += excess as u64;
        self.tail.drain(..excess);
        (text, rest)
    }

    /// The end of an output that was longer than its beginning.
    pub(super) fn end(mut self, step: StepId) -> Option<EventKind> {
        if self.tail.is_empty() {
            return None;
        }
        // A character that was cut in the middle belongs to what is left out.
        while self.tail.front().is_some_and(|byte| byte & 0xc0 == 0x80) {
            self.tail.pop_front();
            self.left_out += 1;
        }
        let text = String::from_utf8_lossy(self.tail.make_contiguous()).into_owned();
        Some(EventKind::StepAbridged {
            step,
            left_out: self.left_out,
            left_out_lines: self.lines - text.matches('\n').count() as u64,
            text,
            bytes: self.bytes,
            sha256: Digest::from_hash(self.hash.finalize().into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds pieces; gives the beginning, the end, how much is between them, and what was shown.
    fn kept(pieces: &[&str]) -> (String, Option<(String, u64, u64)>, String) {
        let mut keeper = Keeper::default();
        let (mut head, mut shown) = (String::new(), String::new());
        for piece in pieces {
            keeper.count(piece.as_bytes());
            let (first, rest) = keeper.divide((*piece).to_owned());
            head.push_str(&first);
            shown.push_str(&first);
            shown.push_str(&rest);
        }
        let all = pieces.concat();
        let end = keeper.end(StepId(1)).map(|end| {
            let EventKind::StepAbridged { text, left_out, left_out_lines, bytes, sha256, .. } = end else { panic!() };
            assert_eq!((bytes, sha256), (all.len() as u64, Digest::of(all.as_bytes())));
            (text, left_out, left_out_lines)
        });
        (head, end, shown)
    }

    #[test]
    fn a_short_output_is_kept_whole_and_without_a_further_event() {
        assert_eq!(kept(&["a\n", "b"]), ("a\nb".to_owned(), None, "a\nb".to_owned()));
    }

    #[test]
    fn what_fits_into_beginning_and_end_is_whole_in_them() {
        let all = "x\n".repeat(LIMIT * 3 / 4);
        let (head, end, shown) = kept(&[&all]);
        let (tail, left_out, lines) = end.expect("it is longer than its beginning");
        assert_eq!((left_out, lines), (0, 0));
        assert!(head + &tail == all && shown == all);
    }

    #[test]
    fn the_middle_of_a_long_output_is_counted_whatever_the_pieces() {
        let all: String = (0..400_000).map(|number| format!("línea {number}\n")).collect();
        for size in [7_000, 999_983, all.len()] {
            let mut pieces = Vec::new();
            let mut rest = all.as_str();
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(rest.floor_char_boundary(size));
                pieces.push(piece);
                rest = behind;
            }
            let (head, end, shown) = kept(&pieces);
            let (tail, left_out, lines) = end.expect("it is long");
            assert!(shown == all && all.starts_with(&head) && all.ends_with(&tail), "pieces of {size}");
            assert!(head.len() <= LIMIT && tail.len() <= LIMIT && tail.len() > LIMIT - 4, "pieces of {size}");
            assert_eq!((head.len() + tail.len()) as u64 + left_out, all.len() as u64, "pieces of {size}");
            let middle = &all[head.len()..all.len() - tail.len()];
            assert_eq!(lines, middle.matches('\n').count() as u64, "pieces of {size}");
        }
    }

    #[test]
    fn many_small_pieces_are_not_all_kept() {
        let pieces = vec!["."; 20_000];
        let (head, end, shown) = kept(&pieces);
        assert_eq!((head.len(), shown.len()), (LIMIT / (EVENT + 1), 20_000));
        assert_eq!(end.map(|(tail, left_out, _)| (tail.len(), left_out)), Some((20_000 - head.len(), 0)));
    }

    #[test]
    fn a_character_is_never_cut() {
        let all = "é".repeat(3 * LIMIT / 2);
        for pad in ["", "x"] {
            let (head, end, _) = kept(&[pad, &all]);
            let (tail, left_out, _) = end.expect("it is long");
            assert!(head.trim_start_matches('x').chars().chain(tail.chars()).all(|c| c == 'é'));
            assert_eq!((head.len() + tail.len()) as u64 + left_out, (pad.len() + all.len()) as u64);
        }
    }
}
