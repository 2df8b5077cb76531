//! Bytes from a host, taken apart into frames and what stands between them.
//!
//! A frame is `RS pb:NONCE verb fields… RS newline`. The nonce tells frames from what a login script prints. What steps print comes
//! on another stream ([`super::streams`]), except for a run that an older pinboot started.

use super::identity::is_machine_id;
use super::output_word::RS;
use super::runner_words::{RunnerEnd, RunnerOutcome, RunnerReason};
use crate::ids::{RunId, StepId};

/// A frame longer than this is not one: the bytes are passed on as they are.
const LONGEST: usize = 1024 * 1024;

/// What the host's side says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The delivery has arrived and the log follows; `new` where this delivery claimed the run.
    Hello {
        /// Whether this delivery started the run.
        new: bool,
        /// Whether the run has ended already.
        over: bool,
        /// What the machine calls itself, where it does.
        machine_id: Option<String>,
    },
    /// This is not the host that is meant: it calls itself so (or nothing).
    Stranger(Option<String>),
    /// The host has no record of that run, which it cannot have forgotten yet.
    Lost(RunId),
    /// The host has that run's record, without the result of that step, which it said it had stored.
    Stale {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
    },
    /// The host cannot carry out the run; no step was started.
    Unfit(Unfit),
    /// Another run holds the host.
    Busy {
        /// Its owner's line: run, who, since when.
        owner: String,
    },
    /// The host knows this run with another plan.
    Mismatch,
    /// The run that this one finishes is still running; its frames carry this nonce.
    Other {
        /// Its name.
        run: RunId,
        /// Its nonce.
        nonce: String,
    },
    /// The host does not know the run that was to be followed.
    None,
    /// The host has stored this piece of the plan; nothing of the run was started.
    PieceStored(usize),
    /// The log has ended without the run's end: the runner is gone.
    Gone,
    /// Length of the log; later bytes are not part of it.
    Size(u64),
    /// What steps print comes on standard error from here on, from this byte of it.
    Aside(u64),
    /// The log holds what steps print as well: the run was started by an older pinboot.
    Mixed,
    /// How much steps had printed when the next frame was written.
    Out {
        /// The bytes.
        bytes: u64,
        /// A step has emptied the file since the last mark.
        is_cut: bool,
    },
    /// A runner started to work.
    Run,
    /// The place of bytes that the host lost, and that had been seen before.
    Pad,
    /// Something about the host that may harm the run.
    Note(Note),
    /// A step is looked at.
    Start {
        /// Which.
        step: StepId,
        /// The host's clock, centiseconds since its boot.
        clock: Option<u64>,
    },
    /// A step was looked at, and there is nothing to do.
    So {
        /// Which.
        step: StepId,
    },
    /// What a check said would change.
    Diff {
        /// Which step.
        step: StepId,
        /// Raw.
        text: Vec<u8>,
    },
    /// A step is carried out from here on.
    Apply {
        /// Which.
        step: StepId,
    },
    /// A step is carried out once more.
    Try {
        /// Which.
        step: StepId,
        /// How many times before.
        number: u32,
        /// What the last try ended with.
        status: i32,
    },
    /// A step waits for a person.
    Hold {
        /// Which.
        step: StepId,
    },
    /// The host reboots as a step says, and is to be back within so many seconds.
    Reboot {
        /// Which step.
        step: StepId,
        /// How long it may take.
        seconds: u32,
    },
    /// What a step has left running behind it.
    Left {
        /// Which step.
        step: StepId,
        /// Pids and commands.
        what: String,
    },
    /// How far a download is.
    Progress {
        /// Which step.
        step: StepId,
        /// Bytes so far.
        bytes: u64,
        /// Bytes in all; 0 where not known.
        total: u64,
    },
    /// A step is over.
    Done {
        /// Which.
        step: StepId,
        /// How it ended.
        outcome: RunnerOutcome,
        /// The command's status.
        status: i32,
        /// The host's clock, centiseconds since its boot.
        clock: Option<u64>,
        /// Why it ended so.
        reason: RunnerReason,
    },
    /// The run is over.
    End(RunnerEnd),
}

/// What about the host may harm the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// `session`: everything of a login ends with it.
    Session,
    /// What a newer runner says.
    Other(String),
}

/// Why a host is unfit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The user's home directory cannot be used.
    Home(HomeFault),
    /// The record's folder cannot be used.
    Record(RecordFault),
    /// No file system in memory for secrets, or this error there.
    Memory(String),
    /// `sudo` cannot be used, and this step needs it.
    Sudo(StepId, SudoFault),
    /// None of these programs is there, and this step needs one; they stand between `|`.
    Tools(StepId, String),
}

/// What is wrong with a home directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HomeFault {
    /// `HOME` is not set.
    Unset,
    /// This directory cannot be entered.
    NotEntered(String),
}

/// What is wrong with `~/.pinboot`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordFault {
    /// It is a symbolic link.
    Link,
    /// It belongs to another user.
    Owner,
    /// Others can read or write it.
    Mode,
    /// The plan did not arrive complete.
    CutOff,
    /// Nothing on the host can hold a lock.
    NoLock,
    /// A program said this.
    Error(String),
}

/// What is wrong with `sudo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SudoFault {
    /// There is none.
    Missing,
    /// It did not end in this time.
    NoAnswer(String),
    /// It said this.
    Error(String),
}

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
        let end = loop {
            let end = find(&self.held[from..window], &[RS, b'\n']).map(|found| from + found);
            // A frame that was cut by a runner's death is followed by the next runner's first frame.
            match find(&self.held[from..end.unwrap_or(window)], &self.opening) {
                Some(again) => (start, from) = (from + again, from + again + body),
                None => break end,
            }
        };
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

/// Reads what stands inside a frame; `None` for a verb of a newer runner.
fn parse(body: &[u8]) -> Option<Frame> {
    let (verb, rest) = split_word(body);
    let text = || String::from_utf8_lossy(rest).into_owned();
    let mut words = std::str::from_utf8(rest).unwrap_or("").split_ascii_whitespace();
    let step = |word: Option<&str>| word.and_then(|w| w.parse().ok()).map(StepId);
    Some(match verb {
        b"hello" => {
            let how = words.next();
            Frame::Hello { new: how == Some("new"), over: how == Some("over"), machine_id: machine_id(words.next()) }
        }
        b"stranger" => Frame::Stranger(machine_id(words.next())),
        b"lost" => Frame::Lost(RunId::parse(words.next()?)?),
        b"stale" => Frame::Stale { run: RunId::parse(words.next()?)?, step: step(words.next())? },
        b"unfit" => Frame::Unfit(unfit(rest)?),
        b"busy" => Frame::Busy { owner: text() },
        b"mismatch" => Frame::Mismatch,
        b"other" => Frame::Other { run: RunId::parse(words.next()?)?, nonce: words.next()?.to_owned() },
        b"none" => Frame::None,
        b"piece" => Frame::PieceStored(words.next()?.parse().ok()?),
        b"gone" => Frame::Gone,
        b"size" => Frame::Size(words.next()?.parse().ok()?),
        b"aside" => Frame::Aside(words.next()?.parse().ok()?),
        b"mixed" => Frame::Mixed,
        b"out" => Frame::Out { bytes: words.next()?.parse().ok()?, is_cut: words.next() == Some("cut") },
        b"run" => Frame::Run,
        b"pad" => Frame::Pad,
        b"note" => Frame::Note(match text().as_str() {
            "session" => Note::Session,
            other => Note::Other(other.to_owned()),
        }),
        b"start" => Frame::Start { step: step(words.next())?, clock: words.next().and_then(clock) },
        b"so" => Frame::So { step: step(words.next())? },
        b"diff" => {
            let (number, text) = split_word(rest);
            Frame::Diff { step: step(std::str::from_utf8(number).ok())?, text: text.to_vec() }
        }
        b"apply" => Frame::Apply { step: step(words.next())? },
        b"try" => Frame::Try {
            step: step(words.next())?,
            number: words.next()?.parse().ok()?,
            status: words.next()?.parse().ok()?,
        },
        b"hold" => Frame::Hold { step: step(words.next())? },
        b"reboot" => Frame::Reboot { step: step(words.next())?, seconds: words.next()?.parse().ok()? },
        b"left" => {
            let (number, what) = split_word(rest);
            let what = String::from_utf8_lossy(what).into_owned();
            Frame::Left { step: step(std::str::from_utf8(number).ok())?, what }
        }
        b"progress" => Frame::Progress {
            step: step(words.next())?,
            bytes: words.next()?.parse().ok()?,
            total: words.next()?.parse().ok()?,
        },
        b"done" => Frame::Done {
            step: step(words.next())?,
            outcome: RunnerOutcome::parse(words.next()?),
            status: words.next()?.parse().ok()?,
            clock: words.next().and_then(clock),
            reason: RunnerReason::parse(&words.collect::<Vec<_>>().join(" ")),
        },
        b"end" => Frame::End(RunnerEnd::parse(&text())),
        _ => return None,
    })
}

/// A machine's name; whatever else stands there is none.
fn machine_id(word: Option<&str>) -> Option<String> {
    word.filter(|word| is_machine_id(word)).map(str::to_owned)
}

fn unfit(rest: &[u8]) -> Option<Unfit> {
    let (what, rest) = split_word(rest);
    let numbered = || {
        let (number, rest) = split_word(rest);
        let step = StepId(std::str::from_utf8(number).ok()?.parse().ok()?);
        Some((step, String::from_utf8_lossy(rest).into_owned()))
    };
    let text = String::from_utf8_lossy(rest).into_owned();
    Some(match what {
        b"home" => Unfit::Home(if text == "unset" { HomeFault::Unset } else { HomeFault::NotEntered(text) }),
        b"record" => Unfit::Record(match text.as_str() {
            "link" => RecordFault::Link,
            "owner" => RecordFault::Owner,
            "mode" => RecordFault::Mode,
            "cut off" => RecordFault::CutOff,
            "nolock" => RecordFault::NoLock,
            _ => RecordFault::Error(text),
        }),
        b"memory" => Unfit::Memory(text),
        b"sudo" => numbered().map(|(step, text)| {
            let fault = match text.strip_prefix("no answer in ") {
                Some(limit) => SudoFault::NoAnswer(limit.to_owned()),
                None if text == "no sudo" => SudoFault::Missing,
                None => SudoFault::Error(text),
            };
            Unfit::Sudo(step, fault)
        })?,
        b"tools" => numbered().map(|(step, text)| Unfit::Tools(step, text))?,
        _ => return None,
    })
}

/// The first word and what is behind the one blank that follows it.
fn split_word(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|&b| b == b' ') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

/// `12345.67` seconds as centiseconds.
fn clock(word: &str) -> Option<u64> {
    let (seconds, part) = word.split_once('.')?;
    seconds.parse::<u64>().ok()?.checked_mul(100)?.checked_add(part.get(..2)?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

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
                Frame::Diff { step: StepId(1), text: b"-a\n+b".to_vec() },
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
