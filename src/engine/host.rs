//! One host's life within a run: connect, deliver, follow, and take a lost connection up again.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::connection_end::{CommandEnd, Judgement, MAX_AMBIGUOUS_STARTS, SilentEnd, judge};
use super::interpret::{Interpreter, RunEnd};
use super::messages::Refusal;
use super::{Job, Options, StopRequest, Task};
use crate::event::{EventKind, escape};
use crate::exit::Exit;
use crate::ids::HostId;
use crate::remote::frame::{Frame, Piece, Splitter};
use crate::remote::{ExpectedHost, Stopped, delivery, follow, stop, stopped};
use crate::transport::{Chunk, Connect, Error, ErrorKind, Exec, Peer, Session};

/// How often a first connection is tried where the server itself said that it is only busy.
const MAX_CONNECT_ATTEMPTS: u32 = 5;
/// How often a runner that died without getting any further is begun again.
const RUNNERS: u32 = 3;
/// Output that stops in the middle of a line (a prompt) is shown after so long.
const PAUSE: Duration = Duration::from_millis(300);
/// The first pause before a lost connection is tried again. (None for the model in the tests, which lives through a million.)
const FIRST_PAUSE: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_millis(250) };
/// A host that another run has is asked again after pauses that grow up to this.
const BUSY_PAUSE: Duration = Duration::from_secs(5);
/// The last try to connect again has at least so long.
const SHORTEST_TRY: Duration = Duration::from_secs(1);
/// A host that reboots is tried after pauses of this length.
const REBOOT_PAUSE: Duration = Duration::from_secs(1);
/// How long a stop that needs a connection of its own may take.
const APART: Duration = Duration::from_secs(15);
/// More than any answer to a stop.
const LONGEST_ANSWER: usize = 4096;
/// Pauses between tries to connect again grow up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

type Sender = mpsc::Sender<(HostId, EventKind)>;

/// How one connection ended.
enum ConnectionEnd {
    /// The host's side has said how.
    Ended(RunEnd),
    /// The connection went away, for this reason.
    Lost(String),
    /// The command exited before the runner spoke.
    Exited(CommandEnd),
    /// The user leaves.
    Leaving(Exit),
}

/// Lives one host's part of a run from connecting to its last event.
pub(super) async fn life<C: Connect>(
    connect: &C,
    job: Job,
    options: &Options,
    wish: watch::Receiver<StopRequest>,
    sender: &Sender,
) {
    let mut interpreter = Interpreter::new(job.facts.clone(), job.masker.clone(), options.cause);
    if let Task::Attach { over, exit, .. } = &job.errand {
        interpreter.already_over(over.iter().copied(), *exit);
    }
    if job.muted {
        interpreter.mute();
    }
    let mut life = HostTask {
        connect,
        job,
        options,
        wish,
        sender,
        interpreter,
        from: 1,
        log_is_over: false,
        sent: false,
        ready: false,
        over: false,
        ambiguous_starts: 0,
        quiet_exits: 0,
        runners: 0,
        lost_at: None,
        rebooting_since: None,
    };
    let (exit, message) = life.live().await;
    if let Some(end_of_output) = life.interpreter.leave() {
        life.tell(end_of_output).await;
    }
    life.tell(EventKind::HostFinished { exit, message }).await;
}

/// How long another run's end has been waited for.
struct Waiting {
    since: Instant,
    pause: Duration,
    /// What was said last.
    told: String,
}

impl Waiting {
    fn new() -> Self {
        Self { since: Instant::now(), pause: Duration::from_millis(500), told: String::new() }
    }
}

struct HostTask<'a, C: Connect> {
    connect: &'a C,
    job: Job,
    options: &'a Options,
    wish: watch::Receiver<StopRequest>,
    sender: &'a Sender,
    interpreter: Interpreter,
    /// The first byte of the host's log that has not come yet, counted from 1.
    from: u64,
    /// What comes on this connection is behind the end of the log.
    log_is_over: bool,
    /// A delivery was sent: something of the run may be going on at the host.
    sent: bool,
    /// `HostReady` has been told.
    ready: bool,
    /// The run was over when it was come to.
    over: bool,
    /// Connections that were lost between the login and the first word of the command.
    ambiguous_starts: u32,
    /// Commands since the host's last word that exited by themselves and printed nothing.
    quiet_exits: u32,
    /// Runners that died since the last step was over.
    runners: u32,
    /// Since when the connection is lost.
    lost_at: Option<Instant>,
    /// Since when the host reboots for a step.
    rebooting_since: Option<Instant>,
}

impl<C: Connect> HostTask<'_, C> {
    async fn tell(&self, kind: EventKind) {
        // (Nobody listens any more only when the whole run has been given up.)
        let _ = self.sender.send((self.job.host.id.clone(), kind)).await;
    }

    /// Nothing of the run was begun: says so and gives the exit code.
    async fn refused(&self, code: Exit, message: String, hint: Option<String>) -> (Exit, Option<String>) {
        self.tell(EventKind::HostUnreachable { code, message, hint, followed: self.follows() }).await;
        (code, None)
    }

    /// Unreachable: nothing was started, or the state of an earlier start is unknown.
    async fn not_reached(&self, code: Exit, message: String, hint: Option<String>) -> (Exit, Option<String>) {
        if !self.follows() && self.ambiguous_starts == 0 {
            return self.refused(code, message, hint).await;
        }
        let hint = hint.map_or(String::new(), |hint| format!(" ({hint})"));
        (code, Some(self.with_resume(&format!("{message}{hint}; the run may continue on the host"))))
    }

    async fn live(&mut self) -> (Exit, Option<String>) {
        let mut pause = FIRST_PAUSE;
        let mut tries = 0;
        let mut waiting: Option<Waiting> = None;
        loop {
            if let StopRequest::Detach(code) = *self.wish.borrow() {
                return (code, Some(self.goes_on()));
            }
            if !self.there() && *self.wish.borrow() != StopRequest::None {
                return (Exit::Interrupted, Some("nothing was begun".to_owned()));
            }
            let began = Instant::now();
            let connected = tokio::select! {
                connected = self.connect_once() => connected,
                () = leaving(self.wish.clone(), self.there()) => continue,
            };
            let left = match connected {
                Ok(session) => {
                    self.sent = true;
                    if self.interpreter.rebooting().is_none() && self.regained().await {
                        pause = FIRST_PAUSE;
                    }
                    self.follow(session, began).await
                }
                // While the host reboots, anything may happen to a connection but another host key.
                Err(error)
                    if self.interpreter.rebooting().is_some()
                        && !matches!(error.kind, ErrorKind::HostKey | ErrorKind::OtherHost | ErrorKind::Local) =>
                {
                    ConnectionEnd::Lost(error.message)
                }
                Err(error) if error.may_have_started && self.ambiguous_starts < MAX_AMBIGUOUS_STARTS => {
                    // The delivery may have gone out: it is the same run, so it may go out again.
                    self.sent = true;
                    self.ambiguous_starts += 1;
                    ConnectionEnd::Lost(error.message)
                }
                Err(error) if error.may_have_started => {
                    return (Exit::ConnectionLost, Some(self.with_resume(&error.message)));
                }
                Err(error) if self.sent && matches!(error.kind, ErrorKind::Unreachable | ErrorKind::Refused) => {
                    ConnectionEnd::Lost(error.message)
                }
                Err(error) if self.sent => {
                    let message = format!("the connection was lost and cannot be taken up again: {}", error.message);
                    return (Exit::ConnectionLost, Some(self.with_resume(&message)));
                }
                Err(error) if error.retry && tries < MAX_CONNECT_ATTEMPTS => {
                    tries += 1;
                    tracing::info!(host = %self.job.host.id, "trying again: {}", error.message);
                    let wait = error.retry_after.unwrap_or(pause) + jitter(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    self.sleep(wait).await;
                    continue;
                }
                Err(error) => return self.not_reached(error.kind.exit(), error.message, error.hint).await,
            };
            // (Whoever only follows does not start another runner in the next boot.)
            let next_runner = !matches!(self.job.errand, Task::Attach { resume: None, .. });
            let expected = match left {
                ConnectionEnd::Lost(_)
                | ConnectionEnd::Exited(_)
                | ConnectionEnd::Ended(RunEnd::Refused(Refusal { exit: Exit::HostUnfit, .. })) => true,
                ConnectionEnd::Ended(RunEnd::Gone) => next_runner,
                _ => false,
            };
            if let (Some((_, limit)), true) = (self.interpreter.rebooting(), expected) {
                if let Some(end) = self.reboots(limit).await {
                    return end;
                }
                self.sleep(REBOOT_PAUSE).await;
                pause = FIRST_PAUSE;
                continue;
            }
            match left {
                ConnectionEnd::Ended(RunEnd::Over(exit)) => return (exit, None),
                ConnectionEnd::Ended(RunEnd::Stopped) if self.follows() && *self.wish.borrow() == StopRequest::None => {
                    let message = "the run had been stopped before its last step".to_owned();
                    let message = if self.over {
                        message
                    } else {
                        self.with_resume("somebody stopped the run: no further step was begun")
                    };
                    return (Exit::Interrupted, Some(message));
                }
                ConnectionEnd::Ended(RunEnd::Stopped) => {
                    return (
                        Exit::Interrupted,
                        Some(self.with_resume("stopped as you wished: no further step was begun")),
                    );
                }
                // (A disk that has become read-only, a record that was removed.)
                ConnectionEnd::Ended(RunEnd::Refused(Refusal { exit: code, message, hint }))
                    if self.interpreter.has_begun() =>
                {
                    return self.cannot_go_on(code, message, hint).await;
                }
                ConnectionEnd::Ended(RunEnd::Refused(Refusal { exit: code, message, hint })) => {
                    return self.refused(code, message, hint).await;
                }
                ConnectionEnd::Ended(RunEnd::Behind) => {}
                ConnectionEnd::Ended(RunEnd::NotThere) => return self.not_there().await,
                ConnectionEnd::Ended(RunEnd::Stranger(shown)) => return self.stranger(shown).await,
                ConnectionEnd::Ended(RunEnd::Other(run)) => {
                    let message = format!("run {run} still goes on at the host");
                    let hint = format!("type `pinboot rerun {run}` to follow it, or give --wait");
                    if let Some(refused) = self.wait(&mut waiting, message, hint).await {
                        return refused;
                    }
                }
                ConnectionEnd::Ended(RunEnd::Busy(message)) => {
                    let hint = "give --wait to wait for its end; two runs at once would work against each other";
                    if let Some(refused) = self.wait(&mut waiting, message, hint.to_owned()).await {
                        return refused;
                    }
                }
                ConnectionEnd::Ended(RunEnd::Gone) => {
                    self.runners += 1;
                    let message = "the runner on the host was ended from outside (killed, or the host was restarted)";
                    if matches!(self.job.errand, Task::Attach { resume: None, .. }) {
                        return (Exit::OutcomeUnknown, Some(format!("{message} before the run was over")));
                    }
                    if self.runners > RUNNERS {
                        return (Exit::OutcomeUnknown, Some(self.with_resume(&format!("{message}, again and again"))));
                    }
                    self.tell(EventKind::HostLost { message: message.to_owned() }).await;
                    self.lost_at = Some(Instant::now());
                }
                ConnectionEnd::Exited(end) => match self.judge(&end) {
                    Judgement::Killed => {
                        self.ambiguous_starts += 1;
                        let reason = match end.signal() {
                            Some(signal) => {
                                format!("the remote command was killed (signal {})", escape(signal.as_bytes()))
                            }
                            None => "the remote command exited".to_owned(),
                        };
                        if let Some(end) = self.lost(reason, &mut pause).await {
                            return end;
                        }
                    }
                    Judgement::TryAgain => {
                        self.quiet_exits += 1;
                        tracing::info!(host = %self.job.host.id, "the remote command printed nothing ({end:?}): trying again");
                        self.sleep(pause + jitter(pause)).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                    Judgement::KilledTooOften => {
                        let message = "the remote command kept exiting before producing output";
                        return (Exit::ConnectionLost, Some(self.with_resume(message)));
                    }
                    Judgement::NoLongerReports => {
                        let message = "connected, but the host no longer reports this run";
                        return (Exit::ConnectionLost, Some(self.with_resume(message)));
                    }
                    Judgement::Unfit => {
                        let (code, message, hint) = silent(&self.interpreter.noise());
                        return self.not_reached(code, message, Some(hint)).await;
                    }
                },
                ConnectionEnd::Leaving(code) => return (code, Some(self.goes_on())),
                ConnectionEnd::Lost(reason) => {
                    if let Some(end) = self.lost(reason, &mut pause).await {
                        return end;
                    }
                }
            }
        }
    }

    /// What the end of a command means that said nothing of pinboot's.
    fn judge(&self, end: &CommandEnd) -> Judgement {
        judge(SilentEnd {
            end,
            ready: self.ready,
            printed: !self.interpreter.noise().is_empty(),
            ambiguous_starts: self.ambiguous_starts,
            quiet_exits: self.quiet_exits,
        })
    }

    /// The connection was lost: pauses until the next attempt, or gives the end where there was time enough.
    async fn lost(&mut self, reason: String, pause: &mut Duration) -> Option<(Exit, Option<String>)> {
        let since = if let Some(since) = self.lost_at {
            since
        } else {
            let message = if self.ready { format!("{reason}; the run continues on the host") } else { reason };
            self.tell(EventKind::HostLost { message }).await;
            Instant::now()
        };
        self.lost_at = Some(since);
        if since.elapsed() + *pause > self.options.reconnect_for {
            let message = "the connection was lost and not restored in time";
            return Some((Exit::ConnectionLost, Some(self.with_resume(message))));
        }
        self.sleep(*pause + jitter(*pause)).await;
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        None
    }

    /// The host refuses to go on with a run of which something was begun.
    async fn cannot_go_on(&self, code: Exit, message: String, hint: Option<String>) -> (Exit, Option<String>) {
        let message = format!("{message}; the run cannot go on there");
        let (exit, message) = match self.interpreter.in_hand() {
            Some(step) => (Exit::OutcomeUnknown, format!("{message}, and what became of {step} is not known")),
            None => (code, message),
        };
        self.tell(EventKind::HostNote { message, hint }).await;
        (exit, self.job.resume_command.as_ref().map(|command| format!("once fixed, resume with `{command}`")))
    }

    /// Tells that the connection is back, where it was lost.
    async fn regained(&mut self) -> bool {
        let Some(since) = self.lost_at.take() else { return false };
        self.tell(EventKind::HostRegained { elapsed_ms: millis(since.elapsed()) }).await;
        true
    }

    /// The connection has gone because the host reboots, as a step wanted: gives the end where that takes too long.
    async fn reboots(&mut self, limit: Duration) -> Option<(Exit, Option<String>)> {
        if self.lost_at.is_none() {
            self.tell(EventKind::HostLost { message: "the host reboots".to_owned() }).await;
        }
        let since = *self.lost_at.get_or_insert_with(Instant::now);
        if since.elapsed() < limit {
            return None;
        }
        let message = format!("the host reboots and was not reached again within {} s", limit.as_secs());
        Some((Exit::ConnectionLost, Some(self.with_resume(&message))))
    }

    /// Another run has the host: pauses for as long as the user wants to wait, or gives the end.
    async fn wait(
        &mut self,
        waiting: &mut Option<Waiting>,
        message: String,
        hint: String,
    ) -> Option<(Exit, Option<String>)> {
        let waiting = waiting.get_or_insert_with(Waiting::new);
        let left = self.options.wait.saturating_sub(waiting.since.elapsed());
        if left.is_zero() {
            let message = match self.options.wait.as_secs() {
                0 => message,
                waited => format!("{message}; it was waited for {waited} s"),
            };
            return Some(self.refused(Exit::Busy, message, Some(hint)).await);
        }
        if waiting.told != message {
            waiting.told.clone_from(&message);
            self.tell(EventKind::HostWaiting { message }).await;
        }
        // (Nothing of this run is there, not even a byte of a log.)
        (self.sent, self.ready, self.from) = (false, false, 1);
        let pause = waiting.pause.min(left);
        waiting.pause = (waiting.pause * 2).min(BUSY_PAUSE);
        self.sleep(pause + jitter(pause)).await;
        None
    }

    async fn sleep(&mut self, wait: Duration) {
        if wait.is_zero() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = leaving(self.wish.clone(), self.there()) => {}
        }
    }

    fn exec(&self) -> Exec {
        let Job { identity, errand, known, .. } = &self.job;
        match errand {
            Task::Deliver { program, secrets, after } => {
                delivery(program, identity, self.from, after.as_ref(), known.as_ref(), secrets)
            }
            Task::Attach { resume, .. } => follow(identity, self.from, resume.as_deref(), known.as_ref()),
        }
    }

    /// Connects. A lost connection is given up in time even where the host only takes the call and never answers.
    async fn connect_once(&self) -> Result<C::Session, Error> {
        let exec = self.exec();
        let connecting = self.connect.connect(&self.job.host, &exec);
        let Some(since) = self.lost_at.filter(|_| self.interpreter.rebooting().is_none()) else {
            return connecting.await;
        };
        let left = self.options.reconnect_for.saturating_sub(since.elapsed());
        timeout(left.max(SHORTEST_TRY), connecting)
            .await
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Unreachable, "the host does not answer")))
    }

    /// Follows one connection until it ends in one way or another.
    async fn follow(&mut self, mut session: C::Session, began: Instant) -> ConnectionEnd {
        self.interpreter.connect_again();
        self.log_is_over = false;
        let mut splitter = Splitter::new(&self.job.identity.nonce);
        let peer = session.peer().clone();
        let mut wish = *self.wish.borrow_and_update();
        let mut untold = wish != StopRequest::None && !self.pass_on(&mut session, wish).await;
        let mut command_end = CommandEnd::Unreported;
        let left = loop {
            let running = self.interpreter.running().is_some();
            tokio::select! {
                chunk = session.next() => {
                    match chunk {
                        Chunk::Stdout(bytes) => {
                            if let Some(ending) = self.bytes(&mut splitter, &bytes, &peer, began).await {
                                break ConnectionEnd::Ended(ending);
                            }
                            // (The wish was on its way before the delivery had put the run there.)
                            if untold && self.interpreter.greeted() {
                                untold = !self.pass_on(&mut session, wish).await;
                            }
                        }
                        Chunk::Stderr(bytes) => {
                            tracing::debug!(host = %self.job.host.id, "the host's shell says: {}", escape(&bytes).trim_end());
                            if !self.interpreter.greeted() {
                                self.interpreter.take(Piece::Raw(bytes), 0);
                            }
                        }
                        Chunk::Exit(status) => {
                            tracing::debug!(host = %self.job.host.id, ?status, "the command ended");
                            command_end = match status {
                                Ok(status) => CommandEnd::Status(status),
                                Err(signal) => CommandEnd::Signal(signal),
                            };
                        }
                        Chunk::Closed if self.interpreter.greeted() => {
                            break ConnectionEnd::Lost("the host closed the channel".to_owned());
                        }
                        Chunk::Closed => break ConnectionEnd::Exited(command_end),
                        Chunk::Lost(reason) => break ConnectionEnd::Lost(reason),
                    }
                }
                Ok(()) = self.wish.changed() => {
                    wish = *self.wish.borrow_and_update();
                    if let StopRequest::Detach(code) = wish {
                        break ConnectionEnd::Leaving(code);
                    }
                    untold = !self.pass_on(&mut session, wish).await;
                }
                () = tokio::time::sleep(PAUSE), if running => {
                    for event in self.interpreter.pause() {
                        self.tell(event).await;
                    }
                }
            }
        };
        // (What is held may be the beginning of a frame: it is asked for again. What came before the first word is no part of the log.)
        if self.interpreter.greeted() && !self.log_is_over {
            self.from -= splitter.held() as u64;
        }
        let _ = timeout(Duration::from_secs(2), session.close()).await;
        left
    }

    /// Takes bytes of the command's output in.
    async fn bytes(&mut self, splitter: &mut Splitter, bytes: &[u8], peer: &Peer, began: Instant) -> Option<RunEnd> {
        let held = splitter.held() as u64;
        let pieces = splitter.push(bytes);
        // The log begins behind the delivery's first word, and what it says when the log has ended is no part of it.
        let is_hello = |piece: &Piece| matches!(piece, Piece::Frame(Frame::Hello { .. }, _));
        let (first, before) = match pieces.iter().position(is_hello) {
            _ if self.interpreter.greeted() => (Some(0), held),
            hello => (hello.map(|hello| hello + 1), 0),
        };
        if let Some(first) = first.filter(|_| !self.log_is_over) {
            let behind = |piece: &Piece| matches!(piece, Piece::Frame(Frame::Gone | Frame::Size(_), _));
            let of_log = pieces[first..].iter().take_while(|piece| !behind(piece));
            self.from += of_log.map(|piece| length(piece) as u64).sum::<u64>();
            self.from -= before;
            self.log_is_over = pieces.iter().any(behind);
            if !self.log_is_over {
                self.from += splitter.held() as u64;
            }
        }
        tracing::trace!(bytes = bytes.len(), held, from = self.from, "came");
        for piece in pieces {
            if let Piece::Frame(Frame::Hello { new, over, machine_id }, _) = &piece {
                self.hello((*new, *over), machine_id.clone(), peer, began).await;
            }
            if let Piece::Frame(Frame::Size(size), _) = piece
                && self.from <= size
            {
                return Some(RunEnd::Behind);
            }
            let before = self.interpreter.rebooting();
            let (events, ending) = self.interpreter.take(piece, millis(began.elapsed()));
            let after = self.interpreter.rebooting();
            if before.is_none() && after.is_some() {
                self.rebooting_since = Some(Instant::now());
            } else if before.is_some() && after.is_none() {
                self.regained().await;
            }
            for mut event in events {
                if let EventKind::StepFinished { step, elapsed_ms, .. } = &mut event {
                    self.runners = 0;
                    // (The host's clock began anew in between.)
                    if before.is_some_and(|(rebooting, _)| rebooting == *step) {
                        *elapsed_ms = self.rebooting_since.take().map_or(*elapsed_ms, |since| millis(since.elapsed()));
                    }
                }
                self.tell(event).await;
            }
            if ending.is_some() {
                return ending;
            }
        }
        None
    }

    async fn hello(&mut self, (new, over): (bool, bool), machine_id: Option<String>, peer: &Peer, began: Instant) {
        (self.ambiguous_starts, self.quiet_exits) = (0, 0);
        if self.ready {
            return;
        }
        (self.ready, self.over) = (true, over);
        let host = &self.job.host;
        let noise = self.interpreter.noise();
        if !noise.is_empty() {
            tracing::debug!(host = %host.id, "before the runner's first word: {noise}");
        }
        self.tell(EventKind::HostReady {
            user: host.user.clone(),
            address: host.shown_address(),
            key_type: peer.key_type.clone(),
            fingerprint: peer.fingerprint.clone(),
            key_status: if peer.added { "added" } else { "known" }.to_owned(),
            elapsed_ms: millis(began.elapsed()),
            followed: !new,
            machine_id,
            over,
        })
        .await;
    }

    /// Tells the host what the user wants; false where it does not know the run yet.
    async fn pass_on(&self, session: &mut C::Session, wish: StopRequest) -> bool {
        let level = match wish {
            StopRequest::AfterStep => 1,
            StopRequest::Now => 2,
            StopRequest::None | StopRequest::Detach(_) => return true,
        };
        let mut told = session.exec(stop(&self.job.identity, level)).await;
        if let Err(Error { kind: ErrorKind::Refused, message, .. }) = &told {
            // (One command a connection is all that some hosts allow: MaxSessions 1.)
            tracing::debug!(host = %self.job.host.id, "on a connection of its own, since {message}");
            told = self.pass_on_apart(level).await;
        }
        match told {
            Ok(answer) => match stopped(&answer) {
                Some(Stopped::Unknown) => return false,
                Some(Stopped::Left(left)) => {
                    let left =
                        if self.job.muted { String::new() } else { self.job.masker.mask(&escape(left.as_bytes())) };
                    tracing::warn!(host = %self.job.host.id, "still alive on the host: {left}");
                }
                Some(_) => tracing::debug!(host = %self.job.host.id, "stop {level}: {}", escape(&answer).trim_end()),
                None => {
                    let said = escape(&answer);
                    tracing::warn!(host = %self.job.host.id, "the host did not understand the stop and says: {}", said.trim_end());
                }
            },
            Err(error) => {
                tracing::warn!(host = %self.job.host.id, "the host could not be told to stop: {}", error.message);
            }
        }
        true
    }

    /// Whether something of the run may be at the host, so that a wish to stop has to be told there.
    fn there(&self) -> bool {
        self.sent || self.follows()
    }

    /// Tells the host on a second connection, and gives what it answers.
    async fn pass_on_apart(&self, level: u8) -> Result<Vec<u8>, Error> {
        let telling = async {
            let mut session = self.connect.connect(&self.job.host, &stop(&self.job.identity, level)).await?;
            let mut answer = Vec::new();
            while answer.len() < LONGEST_ANSWER {
                match session.next().await {
                    Chunk::Stdout(bytes) => answer.extend(bytes),
                    Chunk::Stderr(_) | Chunk::Exit(_) => {}
                    Chunk::Closed => break,
                    Chunk::Lost(why) => return Err(Error::new(ErrorKind::Unreachable, why)),
                }
            }
            session.close().await;
            Ok(answer)
        };
        match timeout(APART, telling).await {
            Ok(told) => told,
            Err(_) => Err(Error::new(ErrorKind::Unreachable, format!("no answer in {} s", APART.as_secs()))),
        }
    }

    /// Nothing is delivered: the run is there already.
    fn follows(&self) -> bool {
        matches!(self.job.errand, Task::Attach { .. })
    }

    /// The host has no record of the run that was to be followed.
    async fn not_there(&self) -> (Exit, Option<String>) {
        let run = &self.job.identity.run;
        if matches!(self.job.errand, Task::Attach { arrived: false, .. }) {
            return (Exit::Mismatch, Some(format!("run {run} never reached the host: nothing was begun")));
        }
        let message = format!("the host has no record of run {run}, which was begun there");
        let hint = "the address may belong to another host now, or ~/.pinboot was removed there; look, and begin a new \
                    run: pinboot run PLAYBOOK";
        self.refused(Exit::Mismatch, message, Some(hint.to_owned())).await
    }

    /// Another machine has the address.
    async fn stranger(&self, shown: Option<String>) -> (Exit, Option<String>) {
        let Some(ExpectedHost { run, machine_id: Some(meant), .. }) = &self.job.known else {
            return self.refused(Exit::Mismatch, "the host takes itself for another one".to_owned(), None).await;
        };
        let shown = shown.unwrap_or_else(|| "nothing".to_owned());
        let message = format!(
            "this is not the host of run {run}: its machine id (/etc/machine-id) is {shown}, and that host's was {meant}"
        );
        if self.ready {
            return (Exit::Mismatch, Some(message));
        }
        let rerun = match &self.job.errand {
            Task::Deliver { after: Some(after), .. } => after,
            _ => &self.job.identity.run,
        };
        let hint = format!(
            "nothing was begun; where it is that host, with another id by now: `pinboot rerun {rerun} --same-host`; \
             otherwise begin a new run: pinboot run PLAYBOOK"
        );
        self.refused(Exit::Mismatch, message, Some(hint)).await
    }

    fn goes_on(&self) -> String {
        if self.there() { self.with_resume("the run goes on at the host") } else { "nothing was begun".to_owned() }
    }

    /// Appends what the user types to resume the run, where something can.
    fn with_resume(&self, message: &str) -> String {
        match &self.job.resume_command {
            Some(command) => format!("{message}; resume with `{command}`"),
            None => message.to_owned(),
        }
    }
}

/// Ends when the user does not want to wait any longer: at once on leaving, and on any wish to stop before anything began.
async fn leaving(mut wish: watch::Receiver<StopRequest>, sent: bool) {
    let enough = |wish: &StopRequest| matches!(wish, StopRequest::Detach(_)) || (!sent && *wish != StopRequest::None);
    if wish.wait_for(enough).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn length(piece: &Piece) -> usize {
    match piece {
        Piece::Raw(raw) => raw.len(),
        Piece::Frame(_, length) => *length,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Up to half of a pause more, so that many controllers do not come back at once.
#[expect(clippy::disallowed_methods, reason = "the clock's last digits are chance enough here")]
fn jitter(pause: Duration) -> Duration {
    let nanos =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    pause.mul_f64(f64::from(nanos % 1000) / 2000.0)
}

const FORCED: &str = "a forced command (`command=` in authorized_keys, `ForceCommand` in sshd_config)";

/// The command ended without the runner's first word: the exit code, and what the login shell said instead.
fn silent(noise: &str) -> (Exit, String, String) {
    let shell =
        "the login shell must run commands with /bin/sh: see the user's entry in /etc/passwd and its start-up files";
    if noise.is_empty() {
        return (
            Exit::HostUnfit,
            "the host ran something else than the runner, and it said nothing".to_owned(),
            format!("{FORCED} is one cause; otherwise {shell}"),
        );
    }
    let last: Vec<&str> = noise.lines().rev().take(3).collect::<Vec<_>>().into_iter().rev().collect();
    let said = last.join(" / ");
    // (With PAM the login itself is refused for it, and there is one code for both.)
    if noise.contains("/etc/nologin") {
        return (
            Exit::LoginRefused,
            format!("nobody may log in on the host at the moment, which says: {said}"),
            "it is being shut down or repaired: wait, or remove /etc/nologin there".to_owned(),
        );
    }
    if noise.contains("account is currently not available") || noise.contains("nologin") {
        (
            Exit::HostUnfit,
            format!("the user may not log in on the host, which says: {said}"),
            "give the user a login shell, or log in as another user".to_owned(),
        )
    } else {
        (
            Exit::HostUnfit,
            format!("the host ran something else than the runner and says: {said}"),
            format!("{FORCED} is one cause; otherwise {shell}"),
        )
    }
}

#[cfg(test)]
mod tests;
