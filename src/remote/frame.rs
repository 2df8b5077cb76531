//! What the host's side says: frames, and how their bytes are read.
//!
//! A frame is `RS pb:NONCE verb fields… RS newline`. The nonce tells frames from what a login script prints. What steps print comes
//! on another stream ([`super::streams`]), except for a run that an older pinboot started.

use super::identity::is_machine_id;
use super::runner_words::{RunnerEnd, RunnerOutcome, RunnerReason};
use super::taker::Offer;
use crate::ids::{RunId, StepId};
use crate::secret::HostText;

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
        /// What it printed, of which a kind leaves long parts out.
        text: HostText,
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
        /// Pids and commands; the host cuts each command.
        what: HostText,
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
    /// A step waits for files of this machine, whose digests are in its record.
    Want {
        /// Which step.
        step: StepId,
        /// How many bytes the host lacks.
        bytes: u64,
    },
    /// A step has written files down that this machine is to take.
    Have {
        /// Which step.
        step: StepId,
        /// What it offers.
        offer: Offer,
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
    /// It did not take the password.
    WrongPassword,
    /// It said this.
    Error(String),
}

/// Reads what stands inside a frame; `None` for a verb of a newer runner.
pub(super) fn parse(body: &[u8]) -> Option<Frame> {
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
            Frame::Diff { step: step(std::str::from_utf8(number).ok())?, text: HostText::new(text) }
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
            Frame::Left { step: step(std::str::from_utf8(number).ok())?, what: HostText::new(what) }
        }
        b"progress" => Frame::Progress {
            step: step(words.next())?,
            bytes: words.next()?.parse().ok()?,
            total: words.next()?.parse().ok()?,
        },
        b"want" => Frame::Want { step: step(words.next())?, bytes: words.next()?.parse().ok()? },
        b"have" => Frame::Have {
            step: step(words.next())?,
            offer: Offer { files: words.next()?.parse().ok()?, index: words.next()?.parse().ok()? },
        },
        b"done" => done(rest)?,
        b"end" => Frame::End(RunnerEnd::parse(&text())),
        _ => return None,
    })
}

/// The end of a step. Its reason may name commands, in which any byte may stand.
fn done(rest: &[u8]) -> Option<Frame> {
    let mut rest = rest;
    let mut word = || {
        let (word, behind) = split_word(rest);
        rest = behind;
        std::str::from_utf8(word).ok()
    };
    Some(Frame::Done {
        step: StepId(word()?.parse().ok()?),
        outcome: RunnerOutcome::parse(word().filter(|word| !word.is_empty())?),
        status: word()?.parse().ok()?,
        clock: word().and_then(clock),
        reason: RunnerReason::parse(rest),
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
                None if text.contains("incorrect password attempt") => SudoFault::WrongPassword,
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
