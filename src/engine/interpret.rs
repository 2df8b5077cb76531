//! What a host's frames mean: pieces of the stream become events. Pure; secrets are masked and bytes made safe here,
//! in one place.

mod keep;

use std::collections::HashMap;
use std::time::Duration;

use self::keep::Keeper;
use crate::event::{Escaper, EventKind, Failure, Outcome, Phase, escape};
use crate::exit::Exit;
use crate::ids::{RunId, StepId};
use crate::plan::{Action, Plan};
use crate::remote::frame::{Frame, Piece, Unfit};
use crate::secret::{MaskStream, Masker};
use crate::view::{BEGUN_IN, BY_HAND, DONE_IN};

/// How much of a step's last output is kept for recognising a known error.
const TAIL: usize = 64 * 1024;

/// Recognises known errors: from the name of a step's kind and what the step printed to the likely cause.
pub type Cause = fn(kind: &str, output: &str) -> Option<String>;

/// What the controller knows of a step beyond its number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepFacts {
    /// Its name.
    pub name: String,
    /// The name of its kind; empty where it is not known.
    pub kind: String,
    /// It was passed over when the plan was made, for this reason.
    pub skipped: Option<String>,
    /// It may fail.
    pub allowed: bool,
    /// What to do where none of these programs is there.
    pub needs: Vec<(String, &'static str)>,
}

/// What is known of each step of a plan.
pub fn facts(plan: &Plan) -> HashMap<StepId, StepFacts> {
    let fact = |step: &crate::plan::PlannedStep| match &step.action {
        Action::Skip { why } => StepFacts {
            name: step.name.clone(),
            kind: step.kind.to_owned(),
            skipped: Some(why.clone()),
            ..StepFacts::default()
        },
        Action::Apply(work) => StepFacts {
            name: step.name.clone(),
            kind: step.kind.to_owned(),
            skipped: None,
            allowed: work.allow_failure,
            needs: work.recipe.needs.iter().map(|need| (need.any_of.join("|"), need.hint)).collect(),
        },
    };
    plan.steps.iter().map(|step| (step.id, fact(step))).collect()
}

/// How the host's part of a run ended, as the host says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RunEnd {
    /// All steps are done, or one failed, or one is unknown: the exit code.
    Over(Exit),
    /// The run was stopped by its user.
    Stopped,
    /// Nothing was begun: exit code, sentence, advice.
    Refused(Exit, String, Option<String>),
    /// Another run has the host; nothing was begun. The sentence that says which one.
    Busy(String),
    /// The run that was to be finished still goes on.
    Other(RunId, String),
    /// The runner is gone without an end.
    Gone,
    /// The run is over, and more of its log is there than has come.
    Behind,
    /// The host does not know the run that was to be followed.
    NotThere,
    /// It is another host than the one that is meant, and calls itself so.
    Stranger(Option<String>),
}

/// Reads one host's stream.
#[derive(Debug)]
pub(super) struct Interpreter {
    facts: HashMap<StepId, StepFacts>,
    masker: Masker,
    /// What steps say is dropped.
    muted: bool,
    cause: Cause,
    /// The step in hand.
    current: Option<Current>,
    /// Steps that are over: what is told of them again is passed over.
    over: HashMap<StepId, Outcome>,
    exit: Exit,
    /// The step for which the host reboots at this moment, and how long that may take.
    rebooting: Option<(StepId, Duration)>,
    /// What came before the runner's first word, for a message where it never came.
    noise: Vec<u8>,
    greeted: bool,
}

#[derive(Debug)]
struct Current {
    step: StepId,
    phase: Phase,
    mask: MaskStream,
    escaper: Escaper,
    clock: Option<u64>,
    started_ms: u64,
    diff: Option<String>,
    left: Option<String>,
    tail: String,
    keeper: Keeper,
}

impl Interpreter {
    /// An interpreter for one host's run. `cause` recognises known errors in a step's output.
    pub(super) fn new(facts: HashMap<StepId, StepFacts>, masker: Masker, cause: Cause) -> Self {
        let (over, noise) = (HashMap::new(), Vec::new());
        Self {
            facts,
            masker,
            muted: false,
            cause,
            current: None,
            over,
            exit: Exit::Success,
            rebooting: None,
            noise,
            greeted: false,
        }
    }

    /// Drops what steps say from here on.
    pub(super) fn mute(&mut self) {
        self.muted = true;
    }

    /// Forgets what a lost connection left unfinished; what is over stays over.
    pub(super) fn connect_again(&mut self) {
        self.greeted = false;
        self.noise.clear();
    }

    /// Steps that an earlier controller was already told of, and what they make of the exit code.
    pub(super) fn already_over(&mut self, steps: impl IntoIterator<Item = (StepId, Outcome)>, exit: Exit) {
        self.over.extend(steps);
        self.exit = exit;
    }

    /// The step in hand.
    pub(super) fn running(&self) -> Option<StepId> {
        self.current.as_ref().map(|current| current.step)
    }

    /// Whether a step was begun or is over: then the host cannot say any more that nothing was.
    pub(super) fn has_begun(&self) -> bool {
        self.over.values().any(|outcome| matches!(outcome, Outcome::Changed | Outcome::Failed))
            || self.in_hand().is_some()
    }

    /// The step that is being carried out, by its name.
    pub(super) fn in_hand(&self) -> Option<String> {
        let current = self.current.as_ref().filter(|current| current.phase == Phase::Apply)?;
        Some(format!("step {} ({})", current.step, self.name(current.step)))
    }

    /// The step for which the host reboots at this moment, and how long that may take.
    pub(super) fn rebooting(&self) -> Option<(StepId, Duration)> {
        self.rebooting
    }

    /// Whether the host's side has answered on this connection.
    pub(super) fn greeted(&self) -> bool {
        self.greeted
    }

    /// What the host said instead of answering, made safe, its last lines.
    pub(super) fn noise(&self) -> String {
        let text = self.masker.mask(&escape(&self.noise));
        text.trim().to_owned()
    }

    /// Takes the next piece; `now_ms` is this machine's clock since the connection began.
    pub(super) fn take(&mut self, piece: Piece, now_ms: u64) -> (Vec<EventKind>, Option<RunEnd>) {
        let mut events = Vec::new();
        let ending = match piece {
            Piece::Raw(raw) => {
                self.raw(&raw, &mut events);
                None
            }
            Piece::Frame(frame, _) => self.frame(frame, now_ms, &mut events),
        };
        (events, ending)
    }

    /// Gives out what is held of a line that has not ended: nothing more has come for a while.
    pub(super) fn pause(&mut self) -> Vec<EventKind> {
        let mut events = Vec::new();
        if let Some(current) = &mut self.current {
            let text = current.escaper.flush();
            said(current, text, &mut events);
        }
        events
    }

    /// Gives the end of what the step in hand has said so far, where it is kept apart: nothing more will be heard of it.
    pub(super) fn leave(&mut self) -> Option<EventKind> {
        let current = self.current.take()?;
        current.keeper.end(current.step)
    }

    fn raw(&mut self, raw: &[u8], events: &mut Vec<EventKind>) {
        if !self.greeted {
            let keep = 4096usize.saturating_sub(self.noise.len()).min(raw.len());
            self.noise.extend(&raw[..keep]);
            return;
        }
        let Some(current) = self.current.as_mut().filter(|_| !self.muted) else { return };
        current.keeper.count(raw);
        let masked = current.mask.push(raw);
        let text = current.escaper.push(&masked);
        said(current, text, events);
    }

    /// Ends a stretch of output.
    fn settle(&mut self, events: &mut Vec<EventKind>) {
        if let Some(current) = &mut self.current {
            let masked = std::mem::replace(&mut current.mask, self.masker.stream()).finish();
            let mut text = current.escaper.push(&masked);
            text.push_str(&current.escaper.finish());
            said(current, text, events);
        }
    }

    /// A sentence of ours among what a step says.
    fn remark(&mut self, step: StepId, text: String, events: &mut Vec<EventKind>) {
        self.settle(events);
        if let Some(current) = self.current.as_mut().filter(|current| current.step == step) {
            said(current, text, events);
        }
    }

    fn name(&self, step: StepId) -> String {
        self.facts.get(&step).map_or_else(|| format!("step {step}"), |facts| facts.name.clone())
    }

    fn frame(&mut self, frame: Frame, now_ms: u64, events: &mut Vec<EventKind>) -> Option<RunEnd> {
        match frame {
            Frame::Hello { .. } => self.greeted = true,
            Frame::Note(word) if word == "session" => {
                let message =
                    "the host ends everything of a login with its connection (KillUserProcesses=yes), the run as well";
                let hint = "let the user use sudo, or type `sudo loginctl enable-linger` for the user there";
                events.push(EventKind::HostNote { message: message.to_owned(), hint: Some(hint.to_owned()) });
            }
            Frame::Run | Frame::Pad | Frame::Note(_) | Frame::Size(_) => {}
            Frame::Start { step, clock } => {
                self.settle(events);
                self.current = None;
                if !self.over.contains_key(&step) {
                    let (mask, escaper) = (self.masker.stream(), Escaper::default());
                    let (diff, left, tail) = (None, None, String::new());
                    let (phase, started_ms, keeper) = (Phase::Check, now_ms, Keeper::default());
                    self.current =
                        Some(Current { step, phase, mask, escaper, clock, started_ms, diff, left, tail, keeper });
                    events.push(EventKind::StepStarted { step, name: self.name(step) });
                }
            }
            Frame::So { step } => {
                self.frame(Frame::Start { step, clock: None }, now_ms, events);
                self.done(step, "unchanged", 0, None, "", now_ms, events);
            }
            Frame::Diff { step, text } => {
                self.settle(events);
                if let Some(current) = self.current.as_mut().filter(|current| current.step == step && !self.muted) {
                    current.diff = Some(self.masker.mask(&escape(&text)));
                }
            }
            Frame::Left { step, what } => {
                self.settle(events);
                if let Some(current) = self.current.as_mut().filter(|current| current.step == step && !self.muted) {
                    current.left = Some(self.masker.mask(&escape(what.as_bytes())));
                }
            }
            Frame::Apply { .. } => {
                self.settle(events);
                if let Some(current) = &mut self.current {
                    current.phase = Phase::Apply;
                }
            }
            Frame::Try { step, number, status } => {
                let text = format!("(ended with status {status}; try {} follows)\n", number + 1);
                self.remark(step, text, events);
            }
            Frame::Hold { step } => self.remark(step, "(waiting until it is done)\n".to_owned(), events),
            Frame::Reboot { step, seconds } => {
                if !self.over.contains_key(&step) {
                    self.rebooting = Some((step, Duration::from_secs(u64::from(seconds))));
                }
            }
            Frame::Progress { step, bytes, total } => {
                if self.running() == Some(step) {
                    events.push(EventKind::StepProgress { step, bytes, total: (total > 0).then_some(total) });
                }
            }
            Frame::Done { step, outcome, status, clock, reason } => {
                self.settle(events);
                self.done(step, &outcome, status, clock, &reason, now_ms, events);
            }
            Frame::End(how) => {
                self.settle(events);
                return match how.as_str() {
                    "stopped" => Some(RunEnd::Stopped),
                    // (The frame before it has said why, and nothing behind it is read; here it was lost with its runner.)
                    "unfit" => Some(RunEnd::Refused(
                        Exit::HostUnfit,
                        "the host cannot carry out the run".to_owned(),
                        Some(again()),
                    )),
                    "busy" => Some(RunEnd::Busy("another run holds the host".to_owned())),
                    _ => Some(RunEnd::Over(self.exit)),
                };
            }
            Frame::Unfit(unfit) => return Some(self.unfit(&unfit)),
            Frame::Busy { owner } => return Some(RunEnd::Busy(busy(&owner))),
            Frame::Mismatch => {
                let message = "the host knows a run of this name with another plan".to_owned();
                return Some(RunEnd::Refused(Exit::Mismatch, message, Some("start a new run".to_owned())));
            }
            Frame::Other { run, nonce } => return Some(RunEnd::Other(run, nonce)),
            Frame::None => return Some(RunEnd::NotThere),
            Frame::Stranger(machine_id) => return Some(RunEnd::Stranger(machine_id)),
            Frame::Lost(run) => {
                let message = format!(
                    "the host has no record of run {run}, which was begun there, and has not had enough runs since to forget \
                     it: it is another host or an older copy of its disk, or ~/.pinboot was removed there"
                );
                return Some(RunEnd::Refused(Exit::Mismatch, message, Some(ANEW.to_owned())));
            }
            Frame::Stale { run, step } => {
                let message = format!(
                    "the host has no result of step {step} in its record of run {run}, which it said it had stored: this \
                     is an older copy of that host's disk"
                );
                return Some(RunEnd::Refused(Exit::Mismatch, message, Some(ANEW.to_owned())));
            }
            Frame::Gone => {
                self.settle(events);
                return Some(RunEnd::Gone);
            }
        }
        None
    }

    #[expect(clippy::too_many_arguments, reason = "one for each field of the frame")]
    fn done(
        &mut self,
        step: StepId,
        outcome: &str,
        status: i32,
        clock: Option<u64>,
        reason: &str,
        now_ms: u64,
        events: &mut Vec<EventKind>,
    ) {
        if self.over.contains_key(&step) {
            self.current = None;
            return;
        }
        let current = self.current.take().filter(|current| current.step == step);
        let by_clock = current.as_ref().and_then(|current| Some(clock?.saturating_sub(current.clock?) * 10));
        let elapsed_ms =
            by_clock.unwrap_or_else(|| current.as_ref().map_or(0, |current| now_ms.saturating_sub(current.started_ms)));
        self.rebooting = self.rebooting.filter(|(rebooting, _)| *rebooting != step);
        let facts = self.facts.get(&step);
        // (The names of what lives may hold what nobody could hide.)
        let reason = match reason.split_once(' ') {
            Some((word @ ("stopped" | "timeout" | "slow"), _)) if self.muted => word,
            _ => reason,
        };
        let verdict = verdict(outcome, reason, facts);
        let allowed = verdict.outcome == Outcome::Failed && facts.is_some_and(|facts| facts.allowed);
        let failed = verdict.outcome == Outcome::Failed;
        match (verdict.outcome, verdict.failure) {
            _ if allowed => {}
            (Outcome::Failed, Some(Failure::Integrity)) => self.exit = Exit::IntegrityFailed,
            (Outcome::Failed, _) => self.exit = Exit::StepFailed,
            (Outcome::Unknown, _) if matches!(reason.split(' ').next(), Some("lost" | "unstored")) => {
                self.exit = Exit::OutcomeUnknown
            }
            _ => {}
        }
        self.over.insert(step, verdict.outcome);
        let (tail, diff, left) = current.map_or((String::new(), None, None), |current| {
            events.extend(current.keeper.end(step));
            (current.tail, current.diff, current.left)
        });
        events.push(EventKind::StepFinished {
            step,
            name: self.name(step),
            outcome: verdict.outcome,
            elapsed_ms,
            status: (failed && verdict.by_command).then_some(status),
            failure: verdict.failure,
            why: verdict.why.map(|why| self.masker.mask(&why)),
            diff: diff.filter(|_| !matches!(verdict.outcome, Outcome::Unchanged | Outcome::Skipped)),
            cause: if failed {
                (self.cause)(self.facts.get(&step).map_or("", |facts| &facts.kind), &tail)
            } else {
                None
            },
            allowed,
            left,
        });
    }

    fn unfit(&self, unfit: &Unfit) -> RunEnd {
        let clean = |text: &str| self.masker.mask(&escape(text.as_bytes())).trim().replace('\n', " ");
        let (message, hint) = match unfit {
            Unfit::Home(text) => home(&clean(text)),
            Unfit::Record(text) => record(&clean(text)),
            Unfit::Memory(text) if text.is_empty() => (
                "the host has no file system in memory for the secrets ($XDG_RUNTIME_DIR or /dev/shm)".to_owned(),
                "mount a tmpfs on /dev/shm, or take the variables out of `secrets:`".to_owned(),
            ),
            Unfit::Memory(text) => (
                format!("the secrets cannot be held in the host's memory: {}", clean(text)),
                "free some space in /dev/shm".to_owned(),
            ),
            Unfit::Sudo(step, text) => sudo(&self.name(*step), &clean(text)),
            Unfit::Tools(step, tools) => {
                let names = tools.split('|').collect::<Vec<_>>().join(" nor ");
                let hint = self.facts.get(step).and_then(|facts| facts.needs.iter().find(|(any, _)| any == tools));
                (
                    format!("the host has neither {names}, which the step `{}` needs", self.name(*step)),
                    hint.map_or_else(|| "install one of them first".to_owned(), |(_, hint)| (*hint).to_owned()),
                )
            }
        };
        RunEnd::Refused(Exit::HostUnfit, message, Some(hint))
    }
}

/// Output of the step in hand as events: what is kept of it, and what is only shown.
fn said(current: &mut Current, text: String, events: &mut Vec<EventKind>) {
    if text.is_empty() {
        return;
    }
    current.tail.push_str(&text);
    if current.tail.len() > 2 * TAIL {
        let cut = current.tail.len() - TAIL;
        let cut = (cut..current.tail.len()).find(|at| current.tail.is_char_boundary(*at)).unwrap_or(0);
        current.tail.drain(..cut);
    }
    let (step, phase) = (current.step, current.phase);
    let (first, rest) = current.keeper.divide(text);
    for (text, kept) in [(first, true), (rest, false)] {
        if !text.is_empty() {
            events.push(EventKind::StepOutput { step, text, phase, kept });
        }
    }
}

struct Verdict {
    outcome: Outcome,
    failure: Option<Failure>,
    why: Option<String>,
    /// The status is that of a command which the author wrote or the kind ran.
    by_command: bool,
}

/// What the runner's two words mean.
fn verdict(outcome: &str, reason: &str, facts: Option<&StepFacts>) -> Verdict {
    let (word, rest) = reason.split_once(' ').unwrap_or((reason, ""));
    let plain = |outcome, why: Option<String>| Verdict { outcome, failure: None, why, by_command: false };
    let failed =
        |failure, by_command, why| Verdict { outcome: Outcome::Failed, failure: Some(failure), why, by_command };
    let unregistered = || {
        format!(
            "nothing was registered as `{rest}`: the step that registers it was unchanged or skipped, so it said nothing"
        )
    };
    match (outcome, word) {
        ("unchanged", "before") => plain(Outcome::Unchanged, Some(format!("{DONE_IN}{rest}"))),
        ("unchanged", _) => plain(Outcome::Unchanged, None),
        ("changed", "found") => {
            plain(Outcome::Changed, Some("its result was lost, and its check found it done".to_owned()))
        }
        ("changed", "assumed") => {
            plain(Outcome::Changed, Some("its result was lost; taken for done (on_unknown: done)".to_owned()))
        }
        ("changed", _) => plain(Outcome::Changed, None),
        ("would", "always") => plain(Outcome::WouldChange, Some("it has no check and runs each time".to_owned())),
        ("would", _) => plain(Outcome::WouldChange, None),
        ("skipped", "when") => plain(Outcome::Skipped, facts.and_then(|facts| facts.skipped.clone())),
        ("skipped", "only_if") => plain(Outcome::Skipped, Some("only_if said no".to_owned())),
        ("skipped", _) => plain(Outcome::Skipped, Some("none of the steps in when_changed changed".to_owned())),
        ("byhand", _) => plain(Outcome::Skipped, Some(BY_HAND.to_owned())),
        ("failed", "check") => failed(Failure::Check, true, Some("its check could not find out".to_owned())),
        ("failed", "verify") => {
            failed(Failure::Verify, false, Some("it ended well, but its check still says that it is not so".to_owned()))
        }
        ("failed", "integrity") => failed(Failure::Integrity, false, None),
        ("failed", "timeout") => {
            failed(Failure::Timeout, true, Some(and_left("it took longer than its timeout", rest)))
        }
        ("failed", "slow") => {
            failed(Failure::Timeout, true, Some(and_left("its check took longer than the step's timeout", rest)))
        }
        ("failed", "stopped") => failed(Failure::Stopped, true, Some(and_left("it was stopped", rest))),
        ("failed", "reboot") => failed(
            Failure::Timeout,
            false,
            Some("the host did not reboot in time: it is in the same boot as before".to_owned()),
        ),
        ("failed", "secret") => failed(
            Failure::Check,
            false,
            Some(format!("the host does not have the secret `{rest}` any more: `pinboot rerun` sends it again")),
        ),
        ("failed", "register") => failed(Failure::Check, false, Some(unregistered())),
        ("failed", "full") => {
            failed(Failure::Status, false, Some("there is no space left on the host for its result".to_owned()))
        }
        ("failed", "readonly") => failed(
            Failure::Status,
            false,
            Some("its result could not be stored: the host's file system has become read-only".to_owned()),
        ),
        ("failed", _) => failed(Failure::Status, true, None),
        ("unknown", "check") => plain(Outcome::Unknown, Some("its check could not find out".to_owned())),
        ("unknown", "slow") => {
            plain(Outcome::Unknown, Some(and_left("its check took longer than the step's timeout", rest)))
        }
        ("unknown", "stopped") => plain(Outcome::Unknown, Some(and_left("its check was stopped", rest))),
        ("unknown", "lost") if rest.is_empty() => {
            plain(Outcome::Unknown, Some("it began, left no result, and has no check".to_owned()))
        }
        ("unknown", "lost") => {
            plain(Outcome::Unknown, Some(format!("{BEGUN_IN}{rest}, left no result there, and has no check")))
        }
        ("unknown", "unstored") => {
            let how = if rest == "changed" { "well".to_owned() } else { format!("as {}", escape(rest.as_bytes())) };
            plain(Outcome::Unknown, Some(format!("it ended {how}, but the host could not store that")))
        }
        ("unknown", "cut") => plain(
            Outcome::Unknown,
            Some("it began and left no result, and the run was stopped before it was asked".into()),
        ),
        ("unknown", "register") => plain(Outcome::Unknown, Some(unregistered())),
        (other, _) => plain(Outcome::Unknown, Some(format!("the host's runner said `{}`", escape(other.as_bytes())))),
    }
}

/// What can be done where host and journal do not fit together.
pub(super) const ANEW: &str = "nothing was begun; look what is there, and begin a new run, whose checks find out what is so: pinboot run PLAYBOOK";

fn again() -> String {
    "begin a new run, which will say why if it is still so".to_owned()
}

/// What ended a step, and what of it lives all the same.
fn and_left(what: &str, left: &str) -> String {
    if left.is_empty() {
        what.to_owned()
    } else {
        format!("{what}; still alive on the host: {}", escape(left.as_bytes()))
    }
}

fn busy(owner: &str) -> String {
    let mut words = owner.split_ascii_whitespace().map(|word| escape(word.as_bytes()));
    let mut next = || words.next().unwrap_or_else(|| "-".to_owned());
    let (run, who, since) = (next(), next(), next());
    format!("another run holds the host: run {run}, started by {who} at {since}")
}

fn home(text: &str) -> (String, String) {
    if text == "unset" {
        ("the login shell has no HOME".to_owned(), "give the user a home directory on the host".to_owned())
    } else {
        (
            format!("the user's home directory {text} cannot be entered"),
            "create it on the host and give it to the user, or log in as another user".to_owned(),
        )
    }
}

fn record(text: &str) -> (String, String) {
    let what = match text {
        "link" => "~/.pinboot on the host is a symbolic link",
        "owner" => "~/.pinboot on the host belongs to another user",
        "mode" => "~/.pinboot on the host can be read or written by others",
        "cut off" => "the program did not arrive whole",
        "nolock" => "the host has neither flock nor /proc, so that two runs at once could not be kept apart",
        _ => "",
    };
    match text {
        "link" | "owner" => (what.to_owned(), "look at it, and remove it if it is not yours".to_owned()),
        "mode" => (what.to_owned(), "type `chmod 700 ~/.pinboot` there".to_owned()),
        "cut off" => (what.to_owned(), "run the command again".to_owned()),
        "nolock" => (what.to_owned(), "install util-linux on the host, or mount /proc".to_owned()),
        _ if text.contains("No space left") || text.contains("quota") => (
            format!("the host's disk is full: {text}"),
            "free some space in the user's home directory (`df -h ~`, `df -i ~`) and run the command again".to_owned(),
        ),
        _ if text.contains("File exists") => (
            format!("~/.pinboot on the host is not a folder: {text}"),
            "look at it, and move it away if you do not need it".to_owned(),
        ),
        _ if text.contains("Read-only") => (
            format!("the host's home directory is read-only: {text}"),
            "the file system may be damaged: see `dmesg` on the host, and remount it writable".to_owned(),
        ),
        _ => (
            format!("the run's record cannot be kept in ~/.pinboot on the host: {text}"),
            "make the user's home directory writable for the user".to_owned(),
        ),
    }
}

fn sudo(step: &str, text: &str) -> (String, String) {
    let needs = format!("the step `{step}` needs root");
    if text == "no sudo" {
        (format!("{needs}, and the host has no sudo"), "log in as root, or install sudo".to_owned())
    } else if text.contains("password is required") || text.contains("password") {
        (
            format!("{needs}, and sudo asks for a password"),
            "let the user use sudo without one (`NOPASSWD:` in /etc/sudoers.d), as EC2's images do for ec2-user and ubuntu".to_owned(),
        )
    } else if text.contains("tty") {
        (format!("{needs}, and sudo wants a terminal"), "take `requiretty` out of /etc/sudoers for the user".to_owned())
    } else if text.contains("not in the sudoers") || text.contains("not allowed") {
        (
            format!("{needs}, and the user may not use sudo"),
            "log in as a user who may (ec2-user, ubuntu), or add the user to sudoers".to_owned(),
        )
    } else {
        (format!("{needs}, and sudo says: {text}"), "mend sudo on the host".to_owned())
    }
}

#[cfg(test)]
mod tests;
