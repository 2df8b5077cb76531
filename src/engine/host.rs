//! One host's part of a run: connect, deliver, follow, and reconnect when the connection is lost.

mod busy;
mod files;
mod follow;
mod holding;
mod refusals;
mod sending;
mod sending_files;
mod standing;
mod taking_files;

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use self::holding::Held;
use self::taking_files::Taken;
use super::backoff::{Backoff, FIRST_DELAY, MAX_DELAY};
use super::connection_end::{
    CommandEnd, EndJudgement, FailedConnect, FailureJudgement, MAX_FRUITLESS, SilentEnd, judge, judge_failure,
    was_fruitful,
};
use super::interpret::{Interpreter, RunEnd};
use super::job::{Job, Options, StopRequest, Task};
use super::messages::{self, Refusal};
use super::past_login::PastLogin;
use super::transfer::Transfers;
use super::waiting::Waiting;
use crate::event::EventKind;
use crate::exit::Exit;
use crate::ids::HostId;
use crate::remote::ExecSize;
use crate::remote::streams::Streams;
use crate::secret::Masker;
use crate::transport::{CUT_OFF, Connect, Error, ErrorKind};

/// How often a runner that died without finishing another step is started again.
const MAX_RUNNER_RESTARTS: u32 = 3;
/// The last attempt to reconnect has at least so long.
const MIN_CONNECT_TIME: Duration = Duration::from_secs(1);
/// A host that reboots is tried after pauses of this length.
const REBOOT_DELAY: Duration = Duration::from_secs(1);

type Sender = mpsc::Sender<(HostId, EventKind)>;

/// Whether the host is tried again, or how its part of the run ended.
type Next = ControlFlow<HostEnd>;

/// How a host's part of a run ended.
struct HostEnd {
    exit: Exit,
    /// What the user should know, where it did not simply end.
    message: Option<String>,
}

impl HostEnd {
    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: Some(message.into()) }
    }
}

/// How one connection ended.
enum ConnectionEnd {
    /// The host's side has said how.
    Ended(RunEnd),
    /// The connection went away, for this reason.
    Lost(String),
    /// The command exited before the runner spoke.
    Exited(CommandEnd),
    /// The command that follows the run ended, and the run had not.
    ChannelClosed,
    /// The login succeeded, and the command did not run in time.
    Mute,
    /// The user detaches.
    Detached(Exit),
    /// The files of a step cannot be taken: the run is not finished for this machine.
    NotTaken(Exit, String),
}

/// Carries out one host's part of a run, from connecting to its last event.
pub(super) async fn run_host<C: Connect>(
    connect: &C,
    job: Job,
    options: &Options,
    stop_request: watch::Receiver<StopRequest>,
    sender: &Sender,
) {
    let mut interpreter = Interpreter::new(&job.steps, job.masker.clone(), options.cause);
    if let Some(planned) = &job.planned {
        interpreter.expect_steps(planned.iter().copied(), job.mode);
    }
    if let Task::Attach { finished, exit, .. } = &job.task {
        interpreter.already_finished(finished.iter().copied(), *exit);
    }
    if job.muted {
        interpreter.mute();
    }
    let mut host = HostTask {
        streams: Streams::new(&job.identity.nonce),
        connect,
        job,
        options,
        stop_request,
        sender,
        interpreter,
        delivered: false,
        ready: false,
        already_finished: false,
        connect_attempts: 0,
        ambiguous_starts: 0,
        quiet_exits: 0,
        fruitless: 0,
        reported: 0,
        at_once: 0,
        runner_restarts: 0,
        backoff: Backoff::new(FIRST_DELAY, MAX_DELAY),
        lost_at: None,
        banner: String::new(),
        waiting: None,
        rebooting_since: None,
        past_login: None,
        transfers: Transfers::default(),
        held: Held::default(),
        taken: Arc::default(),
        vain_takes: 0,
        take_failure: None,
    };
    let HostEnd { exit, message } = host.drive().await;
    if let Some(end_of_output) = host.interpreter.leave() {
        host.emit(end_of_output).await;
    }
    host.emit(EventKind::HostFinished { exit, message }).await;
}

struct HostTask<'a, C: Connect> {
    connect: &'a C,
    job: Job,
    options: &'a Options,
    stop_request: watch::Receiver<StopRequest>,
    sender: &'a Sender,
    interpreter: Interpreter,
    streams: Streams,
    /// A delivery was sent: the run may have started on the host.
    delivered: bool,
    /// `HostReady` was sent.
    ready: bool,
    /// Whether the run had already ended when we connected.
    already_finished: bool,
    /// Attempts at the first connection that were worth another one.
    connect_attempts: u32,
    /// Connections since the host's last word that ended between the login and its first word.
    ambiguous_starts: u32,
    /// Commands since the host's last word that exited by themselves and printed nothing.
    quiet_exits: u32,
    /// Connections in a row that ended soon and brought nothing new.
    fruitless: u32,
    /// Events that came of what the host reported.
    reported: u64,
    /// Connections that were followed by another one at once.
    at_once: u32,
    /// Runners that died since the last step finished.
    runner_restarts: u32,
    backoff: Backoff,
    /// Since when the connection is lost.
    lost_at: Option<Instant>,
    /// What the host showed before the last login.
    banner: String,
    /// Another run has the host.
    waiting: Option<Waiting>,
    /// Since when the host reboots for a step.
    rebooting_since: Option<Instant>,
    /// How the plan gets past a login shell that reads standard input.
    past_login: Option<PastLogin>,
    /// What the host wants of files.
    transfers: Transfers,
    /// What it reports behind a step whose files are not taken yet.
    held: Held,
    /// How much has been taken.
    taken: Arc<Taken>,
    /// Transfers in a row that took nothing.
    vain_takes: u32,
    /// Why files cannot be taken.
    take_failure: Option<(Exit, String)>,
}

impl<C: Connect> HostTask<'_, C> {
    async fn emit(&self, kind: EventKind) {
        // The other end is gone only where the whole run was given up.
        let _ = self.sender.send((self.job.host.id.clone(), masked(kind, &self.job.masker))).await;
    }

    async fn drive(&mut self) -> HostEnd {
        loop {
            if let Break(end) = self.attempt().await {
                return end;
            }
        }
    }

    /// One connection, from the attempt to make it to what its end means.
    async fn attempt(&mut self) -> Next {
        self.heed_stop_request()?;
        let started = Instant::now();
        let connected = tokio::select! {
            connected = self.connect_once() => connected,
            () = self.stopped_waiting() => return Continue(()),
        };
        let end = match connected {
            Ok(session) => {
                self.delivered = true;
                if self.interpreter.rebooting().is_none() {
                    self.restored().await;
                }
                let (connected, heard) = (Instant::now(), self.heard());
                let end = self.follow(session, started).await;
                self.count_fruit(connected, heard);
                end
            }
            Err(error) => match self.failed_to_connect(error).await? {
                Some(end) => end,
                None => return Continue(()),
            },
        };
        match self.interpreter.rebooting() {
            Some((_, limit)) if self.is_expected_of_a_reboot(&end) => self.wait_for_reboot(limit).await,
            _ => self.ended(end).await,
        }
    }

    /// How much was reported of the run and taken of its files so far, and how much of what its steps print has come. Words that report nothing are not news:
    /// a host could say one on each connection without end.
    fn heard(&self) -> (u64, u64) {
        (self.reported + self.taken.came.load(Ordering::Relaxed), self.streams.position().out)
    }

    /// Counts connections that were not worth having; `heard` is what had come before this one.
    fn count_fruit(&mut self, connected: Instant, heard: (u64, u64)) {
        if was_fruitful(self.heard() != heard, self.interpreter.greeted(), connected.elapsed()) {
            self.fruitless = 0;
        } else {
            self.fruitless += 1;
        }
        // A line that is cut a few times in a row is not worth long pauses yet.
        if self.fruitless <= MAX_FRUITLESS / 2 && self.interpreter.rebooting().is_none() {
            self.backoff.reset();
        }
    }

    /// Ends at once where the user detaches, or wants to stop before anything was sent.
    fn heed_stop_request(&self) -> Next {
        match *self.stop_request.borrow() {
            StopRequest::Detach(exit) => Break(HostEnd::new(exit, self.continues())),
            request if self.ends_at_once(request) => Break(HostEnd::new(Exit::Interrupted, self.continues())),
            _ => Continue(()),
        }
    }

    /// Connects. A lost connection is given up in time even where the host accepts the connection and never answers.
    async fn connect_once(&self) -> Result<C::Session, Error> {
        let exec = self.exec();
        let connecting = self.connect.connect(&self.job.host, &exec);
        let Some(since) = self.lost_at.filter(|_| self.interpreter.rebooting().is_none()) else {
            return connecting.await;
        };
        let left = self.options.reconnect_for.saturating_sub(since.elapsed());
        timeout(left.max(MIN_CONNECT_TIME), connecting)
            .await
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Unreachable, "the host does not answer")))
    }

    /// What a failed attempt to connect means: the end of a connection, or another attempt.
    async fn failed_to_connect(&mut self, error: Error) -> ControlFlow<HostEnd, Option<ConnectionEnd>> {
        let judgement = judge_failure(FailedConnect {
            kind: error.kind,
            may_have_started: error.may_have_started,
            is_retryable: error.retry,
            is_rebooting: self.interpreter.rebooting().is_some(),
            delivered: self.delivered,
            ambiguous_starts: self.ambiguous_starts,
            connect_attempts: self.connect_attempts,
        });
        match judgement {
            FailureJudgement::Lost => Continue(Some(ConnectionEnd::Lost(error.message))),
            FailureJudgement::Ambiguous => {
                // It is the same run, so the delivery may go out again.
                self.delivered = true;
                self.ambiguous_starts += 1;
                Continue(Some(ConnectionEnd::Lost(error.message)))
            }
            FailureJudgement::AmbiguousTooOften => {
                Break(HostEnd::new(Exit::ConnectionLost, self.with_resume(&error.message)))
            }
            FailureJudgement::CannotReconnect => {
                let message = format!("the connection was lost and cannot be restored: {}", error.message);
                Break(HostEnd::new(Exit::ConnectionLost, self.with_resume(&message)))
            }
            FailureJudgement::TryAgain => {
                self.connect_attempts += 1;
                tracing::info!(host = %self.job.host.id, "trying again: {}", error.message);
                let (least, pause) = (self.backoff.peek(), self.backoff.next());
                self.sleep(error.retry_after.unwrap_or(least) + pause.saturating_sub(least)).await;
                Continue(None)
            }
            FailureJudgement::NotReached => {
                let refusal = Refusal { exit: error.kind.exit(), message: error.message, hint: error.hint };
                Break(self.not_reached(refusal).await)
            }
        }
    }

    /// What the end of a connection means for the run.
    async fn ended(&mut self, end: ConnectionEnd) -> Next {
        match end {
            ConnectionEnd::Ended(end) => self.run_ended(end).await,
            ConnectionEnd::Exited(end) => self.exited_silently(&end).await,
            ConnectionEnd::Lost(reason) => self.lost(reason).await,
            ConnectionEnd::ChannelClosed => self.reconnect(messages::CHANNEL_CLOSED.to_owned()).await,
            ConnectionEnd::Mute if self.ready => self.lost(messages::not_run(self.options.start_timeout)).await,
            ConnectionEnd::Mute => {
                // The command was sent, and whatever it waits for may let it run later.
                self.ambiguous_starts += 1;
                let noise = self.interpreter.noise_and(self.streams.unannounced());
                let refusal = messages::never_run(self.options.start_timeout, &noise, &self.banner);
                Break(self.not_reached(refusal).await)
            }
            ConnectionEnd::Detached(exit) => Break(HostEnd::new(exit, self.continues())),
            ConnectionEnd::NotTaken(exit, message) => Break(HostEnd::new(exit, self.with_resume(&message))),
        }
    }

    async fn run_ended(&mut self, end: RunEnd) -> Next {
        match end {
            RunEnd::Over(exit) => Break(HostEnd { exit, message: None }),
            RunEnd::DoesNotMatch(message) => Break(HostEnd::new(Exit::Mismatch, self.with_resume(&message))),
            RunEnd::Stopped => Break(HostEnd::new(Exit::Interrupted, self.stopped_message())),
            // The disk has become read-only, or the record was removed.
            RunEnd::Refused(refusal) if self.interpreter.has_started() => Break(self.cannot_continue(refusal).await),
            RunEnd::Refused(refusal) => Break(self.refused(refusal).await),
            RunEnd::Behind => self.connect_at_once(),
            RunEnd::Merged => {
                if self.at_once == 0 {
                    let (message, hint) = messages::merged_streams(&self.job.identity.run);
                    self.emit(EventKind::HostNote { message, hint: Some(hint) }).await;
                }
                self.connect_at_once()
            }
            RunEnd::NotThere => Break(self.not_there().await),
            RunEnd::Stranger(machine_id) => Break(self.stranger(machine_id).await),
            RunEnd::Other(run) => {
                let (message, hint) = messages::other_run(&run);
                self.wait_for_host(message, hint).await
            }
            RunEnd::Busy(message) => self.wait_for_host(message, messages::BUSY_HINT.to_owned()).await,
            RunEnd::Gone => self.runner_died().await,
            RunEnd::CutOff => self.cut_off(ExecSize::Long).await,
            RunEnd::PieceStored(number) => self.piece_stored(number).await,
        }
    }

    /// Connects once more without a pause or a word, which a host cannot ask for without end.
    fn connect_at_once(&mut self) -> Next {
        self.at_once += 1;
        if self.at_once > MAX_FRUITLESS {
            return Break(HostEnd::new(Exit::ConnectionLost, self.with_resume(messages::ENDS_EACH_CONNECTION)));
        }
        Continue(())
    }

    /// The command ended and said nothing of pinboot's.
    async fn exited_silently(&mut self, end: &CommandEnd) -> Next {
        let noise = self.interpreter.noise();
        if noise.contains(CUT_OFF) {
            return self.cut_off(ExecSize::Short).await;
        }
        let judgement = judge(SilentEnd {
            end,
            ready: self.ready,
            printed: !noise.is_empty(),
            ambiguous_starts: self.ambiguous_starts,
            quiet_exits: self.quiet_exits,
        });
        match judgement {
            EndJudgement::Killed => {
                self.ambiguous_starts += 1;
                self.lost(messages::command_ended(end.signal().as_deref())).await
            }
            EndJudgement::TryAgain => {
                self.quiet_exits += 1;
                tracing::info!(host = %self.job.host.id, "the remote command printed nothing ({end:?}): trying again");
                let pause = self.backoff.next();
                self.sleep(pause).await;
                Continue(())
            }
            EndJudgement::KilledTooOften => {
                Break(HostEnd::new(Exit::ConnectionLost, self.with_resume(messages::KEPT_EXITING)))
            }
            EndJudgement::NoLongerReports => {
                Break(HostEnd::new(Exit::ConnectionLost, self.with_resume(messages::NO_LONGER_REPORTS)))
            }
            EndJudgement::Unfit => Break(self.not_reached(messages::something_else_ran(&noise, &self.banner)).await),
        }
    }

    /// The connection was lost: pauses until the next attempt, or gives up where there was time enough.
    async fn lost(&mut self, reason: String) -> Next {
        let outlives = self.ready && self.job.resume_command.is_some();
        let message = if outlives { messages::continues_without_us(&reason) } else { reason };
        self.reconnect(message).await
    }

    /// Pauses until the next attempt; `message` says why there has to be one.
    async fn reconnect(&mut self, message: String) -> Next {
        let since = if let Some(since) = self.lost_at {
            since
        } else {
            self.emit(EventKind::HostLost { message }).await;
            Instant::now()
        };
        self.lost_at = Some(since);
        if self.fruitless > MAX_FRUITLESS {
            return Break(HostEnd::new(Exit::ConnectionLost, self.with_resume(messages::ENDS_EACH_CONNECTION)));
        }
        if since.elapsed() + self.backoff.peek() > self.options.reconnect_for {
            return Break(HostEnd::new(Exit::ConnectionLost, self.with_resume(messages::NOT_RESTORED)));
        }
        let pause = self.backoff.next();
        self.sleep(pause).await;
        Continue(())
    }

    /// Reports that the connection is back; false where it was not lost.
    async fn restored(&mut self) -> bool {
        let Some(since) = self.lost_at.take() else { return false };
        self.emit(EventKind::HostRegained { elapsed_ms: millis(since.elapsed()) }).await;
        true
    }

    /// The runner died before the end of the run: the next connection starts another one, a few times.
    async fn runner_died(&mut self) -> Next {
        self.runner_restarts += 1;
        if !self.starts_runners() {
            let message = format!("{} before the run ended", messages::RUNNER_DIED);
            return Break(HostEnd::new(Exit::OutcomeUnknown, message));
        }
        if self.runner_restarts > MAX_RUNNER_RESTARTS {
            let message = format!("{}, again and again", messages::RUNNER_DIED);
            return Break(HostEnd::new(Exit::OutcomeUnknown, self.with_resume(&message)));
        }
        self.emit(EventKind::HostLost { message: messages::RUNNER_DIED.to_owned() }).await;
        self.lost_at = Some(Instant::now());
        Continue(())
    }

    /// Whether a reboot explains this end of a connection. Where nothing here starts runners, a dead one stays dead.
    fn is_expected_of_a_reboot(&self, end: &ConnectionEnd) -> bool {
        match end {
            ConnectionEnd::Lost(_) | ConnectionEnd::ChannelClosed | ConnectionEnd::Exited(_) | ConnectionEnd::Mute => {
                true
            }
            ConnectionEnd::Ended(RunEnd::Refused(refusal)) => refusal.exit == Exit::HostUnfit,
            ConnectionEnd::Ended(RunEnd::Gone) => self.starts_runners(),
            _ => false,
        }
    }

    /// The host reboots, which was the step: pauses until the next attempt, or gives up where that takes too long.
    async fn wait_for_reboot(&mut self, limit: Duration) -> Next {
        if self.lost_at.is_none() {
            self.emit(EventKind::HostLost { message: "the host is rebooting".to_owned() }).await;
        }
        let since = *self.lost_at.get_or_insert_with(Instant::now);
        if since.elapsed() >= limit {
            let message = format!("the host is rebooting and could not be reached again within {} s", limit.as_secs());
            return Break(HostEnd::new(Exit::ConnectionLost, self.with_resume(&message)));
        }
        self.sleep(REBOOT_DELAY).await;
        self.backoff.reset();
        Continue(())
    }

    /// Ends when the user does not want to wait any longer.
    async fn stopped_waiting(&self) {
        let mut stop_request = self.stop_request.clone();
        if stop_request.wait_for(|request| self.ends_at_once(*request)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    async fn sleep(&self, pause: Duration) {
        if pause.is_zero() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.stopped_waiting() => {}
        }
    }

    /// Nothing is delivered: the run is there already.
    fn attaches(&self) -> bool {
        matches!(self.job.task, Task::Attach { .. })
    }

    /// Whether a connection starts a runner where the last one died.
    fn starts_runners(&self) -> bool {
        !matches!(self.job.task, Task::Attach { resume: None, .. })
    }
}

/// Hides secrets in what pinboot says of a host: it quotes what the host, its server or a lost connection said. What a step says is
/// masked where it is read.
fn masked(mut kind: EventKind, masker: &Masker) -> EventKind {
    match &mut kind {
        EventKind::HostUnreachable { message, hint, .. } | EventKind::HostNote { message, hint } => {
            *message = masker.mask(message);
            *hint = hint.take().map(|hint| masker.mask(&hint));
        }
        EventKind::HostWaiting { message }
        | EventKind::HostLost { message }
        | EventKind::HostFinished { message: Some(message), .. } => *message = masker.mask(message),
        _ => {}
    }
    kind
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
