//! Bytes from a host, taken apart into frames and what stands between them.

use super::frame::{Frame, parse};
use super::output_word::RS;

/// A frame longer than this is not one: the bytes are passed on as they are.
const LONGEST: usize = 1024 * 1024;

/// A piece of what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes between frames.
    Raw(Vec<u8>),
    /// A frame and its length in bytes, with that of a torn one which it follows.
    Frame(Frame, usize),
}

/// Takes a stream apart, whatever its chunks.
#[derive(Debug)]
pub struct Splitter {
    opening: Vec<u8>,
    held: Vec<u8>,
    /// How much of `held` is known to hold no whole frame's end.
    searched: usize,
    /// Bytes of a torn frame that were dropped since the last piece.
    torn: usize,
}

impl Splitter {
    /// A splitter for frames with this nonce.
    pub fn new(nonce: &str) -> Self {
        let mut opening = vec![RS];
        opening.extend(format!("pb:{nonce} ").into_bytes());
        Self { opening, held: Vec::new(), searched: 0, torn: 0 }
    }

    /// Takes bytes in and gives what is complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.held.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        while let Some(piece) = self.next() {
            match (pieces.last_mut(), piece) {
                (Some(Piece::Raw(before)), Piece::Raw(more)) => before.extend(more),
                (_, piece) => pieces.push(piece),
            }
        }
        pieces
    }

    /// How many bytes are held back because they may be the beginning of a frame.
    pub fn held(&self) -> usize {
        self.held.len() + self.torn
    }

    /// Gives what is still held at the end of the stream: the torn beginning of a frame is not shown.
    pub fn finish(mut self) -> Vec<u8> {
        if self.held.starts_with(&self.opening) { Vec::new() } else { std::mem::take(&mut self.held) }
    }

    fn next(&mut self) -> Option<Piece> {
        if self.held.is_empty() {
            return None;
        }
        let Some(at) = find(&self.held, &self.opening) else {
            // Everything that cannot be the beginning of a frame is let go.
            let keep = (1..self.opening.len()).rev().find(|&n| self.held.ends_with(&self.opening[..n])).unwrap_or(0);
            let free = self.held.len() - keep;
            return (free > 0).then(|| Piece::Raw(self.held.drain(..free).collect()));
        };
        if at > 0 {
            self.searched = 0;
            return Some(Piece::Raw(self.held.drain(..at).collect()));
        }
        let body = self.opening.len();
        // Whatever the chunks, no more than this is searched for a frame's end.
        let window = self.held.len().min(LONGEST + 1);
        let (mut start, mut from) = (0, self.searched.max(body));
        let end = find(&self.held[from..window], &[RS, b'\n']).map(|found| from + found);
        // A frame that was cut by a runner's death is followed by the next runner's first frame.
        while let Some(again) = find(&self.held[from..end.unwrap_or(window)], &self.opening) {
            start = from + again;
            from = start + body;
        }
        if start > 0 {
            self.held.drain(..start);
            self.torn += start;
            self.searched = 0;
            return self.next();
        }
        let Some(end) = end else {
            self.searched = window.saturating_sub(body).max(body);
            return (self.held.len() > LONGEST).then(|| self.raw(body));
        };
        let Some(frame) = parse(&self.held[body..end]) else { return Some(self.raw(end + 2)) };
        self.searched = 0;
        self.held.drain(..end + 2);
        Some(Piece::Frame(frame, end + 2 + std::mem::take(&mut self.torn)))
    }

    /// Lets the first bytes go as they are. What was dropped before them keeps its place.
    fn raw(&mut self, length: usize) -> Piece {
        if self.torn > 0 {
            return Piece::Frame(Frame::Pad, std::mem::take(&mut self.torn));
        }
        self.searched = 0;
        Piece::Raw(self.held.drain(..length).collect())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(found) = haystack[from..].iter().position(|&b| b == first) {
        let at = from + found;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::StepId;
    use crate::remote::runner_words::{RunnerEnd, RunnerOutcome, RunnerReason};
    use crate::secret::HostText;

    const NONCE: &str = "00112233445566778899aabbccddeeff";

    fn framed(body: &str) -> Vec<u8> {
        format!("\x1epb:{NONCE} {body}\x1e\n").into_bytes()
    }

    fn all(bytes: &[u8], chunk: usize) -> Vec<Piece> {
        let mut splitter = Splitter::new(NONCE);
        let mut pieces: Vec<Piece> = Vec::new();
        for part in bytes.chunks(chunk) {
            for piece in splitter.push(part) {
                match (pieces.last_mut(), piece) {
                    (Some(Piece::Raw(before)), Piece::Raw(more)) => before.extend(more),
                    (_, piece) => pieces.push(piece),
                }
            }
        }
        let rest = splitter.finish();
        if !rest.is_empty() {
            pieces.push(Piece::Raw(rest));
        }
        pieces
    }

    #[test]
    fn frames_and_bytes_are_told_apart_whatever_the_chunks() {
        let mut stream = b"motd \x1e noise\x1epb:wrong start 1\x1e\n".to_vec();
        let noise = stream.len();
        stream.extend(framed(&format!("hello new {}", "ab".repeat(16))));
        stream.extend(framed("start 1 12.34"));
        stream.extend(b"no newline at the end \x1e\n \xff");
        stream.extend(framed("diff 1 -a\n+b"));
        stream.extend(framed("done 1 failed 7 13.00 status"));
        stream.extend(framed("end failed"));
        let whole = all(&stream, stream.len());
        assert_eq!(whole[0], Piece::Raw(stream[..noise].to_vec()));
        let frames: Vec<_> = whole
            .iter()
            .filter_map(|piece| match piece {
                Piece::Frame(frame, _) => Some(frame.clone()),
                Piece::Raw(_) => None,
            })
            .collect();
        assert_eq!(
            frames,
            [
                Frame::Hello { new: true, over: false, machine_id: Some("ab".repeat(16)) },
                Frame::Start { step: StepId(1), clock: Some(1234) },
                Frame::Diff { step: StepId(1), text: HostText::new("-a\n+b") },
                Frame::Done {
                    step: StepId(1),
                    outcome: RunnerOutcome::Failed,
                    status: 7,
                    clock: Some(1300),
                    reason: RunnerReason::Status
                },
                Frame::End(RunnerEnd::Failed),
            ]
        );
        for chunk in 1..40 {
            assert_eq!(all(&stream, chunk), whole, "in chunks of {chunk}");
        }
        let bytes: usize = whole
            .iter()
            .map(|piece| match piece {
                Piece::Raw(raw) => raw.len(),
                Piece::Frame(_, length) => *length,
            })
            .sum();
        assert_eq!(bytes, stream.len(), "every byte is accounted for");
    }

    #[test]
    fn a_frame_cut_by_a_runners_death_is_dropped() {
        let mut stream = format!("\x1epb:{NONCE} done 1 chan").into_bytes();
        stream.extend(framed("run"));
        assert_eq!(all(&stream, 5), [Piece::Frame(Frame::Run, stream.len())], "every byte is accounted for");
        let torn = format!("out\x1epb:{NONCE} start").into_bytes();
        assert_eq!(all(&torn, 4), [Piece::Raw(b"out".to_vec())]);
    }

    #[test]
    fn beginnings_without_an_end_are_searched_once() {
        let mut splitter = Splitter::new(NONCE);
        let torn = format!("\x1epb:{NONCE} end ok\x1e\r\n").repeat(200_000);
        let pieces = splitter.push(torn.as_bytes());
        assert_eq!(pieces, []);
        assert_eq!(splitter.held(), torn.len());
    }

    #[test]
    fn a_torn_frame_keeps_its_place_whatever_comes_behind_it() {
        let torn = format!("\x1epb:{NONCE} done 1 chan");
        let unknown = framed("sing loudly");
        let whole = [torn.as_bytes(), &unknown].concat();
        let right = [Piece::Frame(Frame::Pad, torn.len()), Piece::Raw(unknown)];
        for chunk in [1, 7, whole.len()] {
            assert_eq!(all(&whole, chunk), right, "in chunks of {chunk}");
        }
    }

    #[test]
    fn a_frame_is_too_long_whatever_the_chunks() {
        for (length, fits) in [(LONGEST - 100, true), (LONGEST, false), (LONGEST + 5000, false)] {
            let mut stream = framed(&format!("busy {}", "x".repeat(length)));
            stream.extend(framed("run"));
            let whole = all(&stream, stream.len());
            assert_eq!(whole.len(), 2, "{length}");
            assert_eq!(matches!(whole[0], Piece::Frame(Frame::Busy { .. }, _)), fits, "{length}");
            assert_eq!(all(&stream, 4096), whole, "{length}");
        }
    }

    #[test]
    fn a_machine_has_a_name_or_none() {
        let read = |body: &str| all(&framed(body), 64);
        let hello = |id: Option<&str>| Frame::Hello { new: false, over: false, machine_id: id.map(str::to_owned) };
        let id = "00112233445566778899aabbccddeeff";
        for (body, frame) in [
            (format!("hello again {id}"), hello(Some(id))),
            ("hello again".to_owned(), hello(None)),
            ("hello again ".to_owned(), hello(None)),
            ("hello again 0011".to_owned(), hello(None)),
            (format!("hello again {}", id.to_uppercase()), hello(None)),
            (format!("stranger {id}"), Frame::Stranger(Some(id.to_owned()))),
            ("stranger ".to_owned(), Frame::Stranger(None)),
        ] {
            let length = framed(&body).len();
            assert_eq!(read(&body), [Piece::Frame(frame, length)], "{body}");
        }
    }

    #[test]
    fn a_verb_of_a_newer_runner_does_no_harm() {
        let pieces = all(&[framed("sing loudly"), framed("gone")].concat(), 64);
        assert!(matches!(pieces.last(), Some(Piece::Frame(Frame::Gone, _))), "{pieces:?}");
    }
}
