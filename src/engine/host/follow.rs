//! Following one connection until it ends.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::files::RunningTransfer;
use super::{ConnectionEnd, HostTask, millis};
use crate::engine::connection_end::CommandEnd;
use crate::engine::interpret::RunEnd;
use crate::engine::job::StopRequest;
use crate::engine::messages::{self, Refusal};
use crate::engine::stop_relay::relay;
use crate::event::{EventKind, HostReady, KeyStatus};
use crate::exit::Exit;
use crate::remote::frame::Frame;
use crate::remote::splitter::Piece;
use crate::transport::{Chunk, Connect, Peer, Session};

/// Output that stops in the middle of a line, such as a prompt, is shown after so long.
const PARTIAL_LINE_DELAY: Duration = Duration::from_millis(300);
/// Output waits at least so long, and at most twice, for a frame that belongs before it.
const ORDER_DELAY: Duration = Duration::from_millis(125);
/// Frames wait so long for output that belongs before them. By then a connection that brings nothing has been found dead.
const OUTPUT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the streams of a command that has ended may stay open without a byte.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// How often it is shown how far files are.
const PROGRESS_DELAY: Duration = Duration::from_millis(300);
/// How long the end of a connection in good order may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// After so long without the host's first word pinboot says what it waits for.
const START_NOTE: Duration = Duration::from_secs(10);

/// How long a user who wants the run to stop waits for a host that has not said a word: it may be about to start the run.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// How long the host's first word may take: the login shell reads its start-up files before it runs the command.
struct StartTimer {
    since: Instant,
    limit: Duration,
    is_noted: bool,
}

impl StartTimer {
    fn new(limit: Duration) -> Self {
        Self { since: Instant::now(), limit, is_noted: false }
    }

    /// When there is something to do about it.
    fn next(&self) -> Instant {
        self.since + if self.is_noted { self.limit } else { START_NOTE.min(self.limit / 2) }
    }

    /// Whether the time is over. If it is not, pinboot says so, once.
    fn is_over(&mut self) -> bool {
        self.is_noted = true;
        self.elapsed() >= self.limit
    }

    fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
}

/// A connection while it is followed.
struct Following {
    peer: Peer,
    started: Instant,
    /// The stop request that the host does not know yet, since it did not know the run.
    pending_stop: Option<StopRequest>,
    /// Since when the user has waited for a host that has not said a word.
    stop_since: Option<Instant>,
    command_end: CommandEnd,
    has_exited: bool,
    /// The command that follows the run has said everything, and files are still taken on the same connection.
    is_closed: bool,
    /// When the last bytes came.
    last_chunk: Instant,
    /// Since when frames have waited for output, or when the last of it came.
    blocked_since: Instant,
}

impl Following {
    /// When a user who wants the run to stop has waited long enough for the host's first word.
    fn stop_limit(&self) -> Instant {
        self.stop_since.unwrap_or(self.started) + STOP_PATIENCE
    }
}

impl<C: Connect> HostTask<'_, C> {
    /// Follows one connection until it ends in one way or another; `started` is when the attempt to connect started.
    pub(super) async fn follow(&mut self, mut session: C::Session, started: Instant) -> ConnectionEnd {
        self.interpreter.connect_again();
        self.streams.connected();
        let mut following = Following {
            peer: session.peer().clone(),
            started,
            pending_stop: None,
            stop_since: None,
            command_end: CommandEnd::Unreported,
            has_exited: false,
            is_closed: false,
            last_chunk: Instant::now(),
            blocked_since: Instant::now(),
        };
        let mut next_tick = Instant::now();
        self.banner = session.banner();
        let mut start = StartTimer::new(self.options.start_timeout);
        let request = *self.stop_request.borrow_and_update();
        let mut detached = self.pass_on(request, &mut session, &mut following).await;
        let mut transfer = None;
        let end = loop {
            if let Some(exit) = detached {
                break ConnectionEnd::Detached(exit);
            }
            if let Some(refusal) = self.speaks_instead() {
                break ConnectionEnd::Ended(RunEnd::Refused(refusal));
            }
            let is_step_running = self.interpreter.running().is_some();
            let next_transfer = if transfer.is_none() { self.next_transfer() } else { None };
            tokio::select! {
                chunk = session.next(), if !following.is_closed => {
                    following.last_chunk = Instant::now();
                    if let Some(end) = self.chunk(chunk, &mut session, &mut following).await {
                        break end;
                    }
                }
                end = RunningTransfer::end(&mut transfer) => {
                    self.ended_transfer(&mut transfer, end).await;
                    if let Some(end) = self.after_transfer(&mut following).await {
                        break end;
                    }
                }
                () = sleep_until(next_transfer.unwrap_or(next_tick)), if next_transfer.is_some() => {
                    transfer = self.start_transfer(&mut session).await;
                    if transfer.is_none() && following.is_closed {
                        break ConnectionEnd::Lost(messages::LOST_WITH_FILES.to_owned());
                    }
                }
                () = tokio::time::sleep(PROGRESS_DELAY), if transfer.is_some() && !self.held.is_empty() => {
                    if let Some(progress) = self.take_progress(transfer.as_ref()) {
                        self.emit(progress).await;
                    }
                }
                Ok(()) = self.stop_request.changed() => {
                    let request = *self.stop_request.borrow_and_update();
                    if let StopRequest::Detach(exit) = request {
                        break ConnectionEnd::Detached(exit);
                    }
                    if self.ends_at_once(request) {
                        break ConnectionEnd::Detached(Exit::Interrupted);
                    }
                    detached = self.pass_on(request, &mut session, &mut following).await;
                }
                () = sleep_until(next_tick), if self.streams.is_waiting() => {
                    next_tick = Instant::now() + ORDER_DELAY;
                    if let Some(end) = self.tick(&mut following).await {
                        break ConnectionEnd::Ended(end);
                    }
                }
                // What was to follow the run is dead, and something of it holds the connection.
                () = sleep_until(following.last_chunk + DRAIN_TIMEOUT), if following.has_exited && !following.is_closed => {
                    if let Some(end) = self.chunk(Chunk::Closed, &mut session, &mut following).await {
                        break end;
                    }
                }
                () = sleep_until(following.stop_limit()), if following.stop_since.is_some() && !self.ready => {
                    break ConnectionEnd::Detached(Exit::Interrupted);
                }
                () = sleep_until(start.next()), if !self.interpreter.greeted() => {
                    if start.is_over() {
                        break ConnectionEnd::Mute;
                    }
                    let (message, hint) = messages::start_note(start.elapsed());
                    self.emit(EventKind::HostNote { message, hint: Some(hint.to_owned()) }).await;
                }
                () = tokio::time::sleep(PARTIAL_LINE_DELAY), if is_step_running => {
                    for event in self.interpreter.pause() {
                        self.emit(event).await;
                    }
                }
            }
        };
        if !self.interpreter.greeted() {
            self.interpreter.hear_noise(self.streams.unannounced());
        }
        self.streams.disconnected();
        drop(transfer);
        let _ = timeout(CLOSE_TIMEOUT, session.close()).await;
        end
    }

    /// Passes a stop request on. A host that does not answer must not keep a stronger one waiting: gives the exit code where the
    /// user detaches.
    async fn pass_on(
        &mut self,
        mut request: StopRequest,
        session: &mut C::Session,
        following: &mut Following,
    ) -> Option<Exit> {
        if self.waits_in_vain(request) {
            following.stop_since.get_or_insert_with(Instant::now);
        }
        loop {
            let mut stronger = self.stop_request.clone();
            if let StopRequest::Detach(exit) = request {
                return Some(exit);
            }
            tokio::select! {
                is_known = relay(self.connect, &self.job, session, request) => {
                    following.pending_stop = (!is_known).then_some(request);
                    return None;
                }
                Ok(()) = stronger.changed() => request = *self.stop_request.borrow_and_update(),
                () = sleep_until(following.stop_limit()), if following.stop_since.is_some() && !self.ready => {
                    return Some(Exit::Interrupted);
                }
            }
        }
    }

    /// The refusal of a host whose forced command speaks for itself: it may take its time to end, and names another user.
    fn speaks_instead(&self) -> Option<Refusal> {
        if self.interpreter.greeted() || self.ready {
            return None;
        }
        messages::other_user(&self.interpreter.noise_and(self.streams.unannounced()), &self.banner)
    }

    async fn chunk(
        &mut self,
        chunk: Chunk,
        session: &mut C::Session,
        following: &mut Following,
    ) -> Option<ConnectionEnd> {
        match chunk {
            Chunk::Stdout(bytes) => {
                if let Some(end) = self.output(&bytes, following).await {
                    return Some(ConnectionEnd::Ended(end));
                }
                if self.interpreter.greeted()
                    && let Some(request) = following.pending_stop
                {
                    return self.pass_on(request, session, following).await.map(ConnectionEnd::Detached);
                }
            }
            Chunk::Stderr(bytes) => {
                following.blocked_since = Instant::now();
                let errors = self.streams.stderr(&bytes);
                if !self.interpreter.greeted() {
                    self.interpreter.hear_noise(&errors.noise);
                }
                if let Some(end) = self.pieces(errors.pieces, following).await {
                    return Some(ConnectionEnd::Ended(end));
                }
            }
            Chunk::Exit(status) => {
                tracing::debug!(host = %self.job.host.id, ?status, "the command ended");
                following.has_exited = true;
                following.command_end = match status {
                    Ok(status) => CommandEnd::Status(status),
                    Err(signal) => CommandEnd::Signal(signal),
                };
            }
            Chunk::Closed if self.interpreter.greeted() => {
                let pieces = self.streams.closed();
                if let Some(end) = self.pieces(pieces, following).await {
                    return Some(ConnectionEnd::Ended(end));
                }
                if !self.held.is_empty() {
                    following.is_closed = true;
                    return None;
                }
                return Some(ConnectionEnd::ChannelClosed);
            }
            Chunk::Closed => return Some(ConnectionEnd::Exited(following.command_end.clone())),
            Chunk::Lost(reason) => {
                let pieces = if self.interpreter.greeted() { self.streams.lost() } else { Vec::new() };
                let end = self.pieces(pieces, following).await;
                return Some(end.map_or(ConnectionEnd::Lost(reason), ConnectionEnd::Ended));
            }
        }
        None
    }

    /// Takes bytes of the command's output in.
    async fn output(&mut self, bytes: &[u8], following: &Following) -> Option<RunEnd> {
        let pieces = self.streams.stdout(bytes);
        tracing::trace!(bytes = bytes.len(), next = ?self.streams.position(), "received");
        self.pieces(pieces, following).await
    }

    /// Time has passed while something waited for its place.
    async fn tick(&mut self, following: &mut Following) -> Option<RunEnd> {
        let pieces = self.streams.tick();
        if let Some(end) = self.pieces(pieces, following).await {
            return Some(end);
        }
        if !self.streams.is_blocked() {
            following.blocked_since = Instant::now();
        } else if following.blocked_since.elapsed() > OUTPUT_TIMEOUT {
            tracing::debug!(host = %self.job.host.id, "output that was announced does not come");
            let pieces = self.streams.give_up();
            return self.pieces(pieces, following).await;
        }
        None
    }

    async fn pieces(&mut self, pieces: Vec<Piece>, following: &Following) -> Option<RunEnd> {
        for piece in pieces {
            if let Piece::Frame(frame, _) = &piece {
                self.note_files(frame);
                match frame {
                    Frame::Hello { new, over, machine_id } => {
                        self.hello(*new, *over, machine_id.clone(), following).await;
                    }
                    Frame::Size(size) if self.streams.position().log <= *size => return Some(RunEnd::Behind),
                    _ => {}
                }
                if let Some(note) = self.files_for_another(frame) {
                    self.emit(note).await;
                }
            }
            if self.must_wait(&piece) {
                if !self.held.push(piece) {
                    return Some(RunEnd::DoesNotMatch(messages::REPORTS_TOO_MUCH.to_owned()));
                }
            } else if let Some(end) = self.piece(piece, following.started).await {
                return Some(end);
            }
        }
        None
    }

    /// Takes in what waited for files, once they are taken.
    async fn after_transfer(&mut self, following: &mut Following) -> Option<ConnectionEnd> {
        if let Some((exit, message)) = self.take_failure.take() {
            return Some(ConnectionEnd::NotTaken(exit, message));
        }
        let (pieces, left_out) = self.held.take();
        if left_out > 0 {
            let (message, hint) = messages::output_left_out(left_out);
            self.emit(EventKind::HostNote { message, hint: Some(hint) }).await;
        }
        for piece in pieces {
            if self.must_wait(&piece) {
                self.held.push(piece);
            } else if let Some(end) = self.piece(piece, following.started).await {
                return Some(ConnectionEnd::Ended(end));
            }
        }
        (following.is_closed && self.held.is_empty()).then_some(ConnectionEnd::ChannelClosed)
    }

    /// Makes events of one piece.
    async fn piece(&mut self, piece: Piece, started: Instant) -> Option<RunEnd> {
        let rebooting_before = self.interpreter.rebooting();
        let (events, end) = self.interpreter.take(piece, millis(started.elapsed()));
        match (rebooting_before, self.interpreter.rebooting()) {
            (None, Some(_)) => self.rebooting_since = Some(Instant::now()),
            (Some(_), None) => {
                self.restored().await;
            }
            _ => {}
        }
        self.reported += events.len() as u64;
        for mut event in events {
            if let EventKind::StepFinished { step, elapsed_ms, .. } = &mut event {
                self.runner_restarts = 0;
                // The host's clock started again in between, so the time is this machine's.
                if rebooting_before.is_some_and(|(rebooting, _)| rebooting == *step) {
                    *elapsed_ms = self.rebooting_since.take().map_or(*elapsed_ms, |since| millis(since.elapsed()));
                }
            }
            self.emit(event).await;
        }
        end
    }

    async fn hello(&mut self, new: bool, over: bool, machine_id: Option<String>, following: &Following) {
        (self.ambiguous_starts, self.quiet_exits) = (0, 0);
        if self.ready {
            return;
        }
        (self.ready, self.already_finished) = (true, over);
        let host = &self.job.host;
        let noise = self.interpreter.noise();
        if !noise.is_empty() {
            tracing::debug!(host = %host.id, "printed before the runner's first word: {noise}");
        }
        let Peer { key_type, fingerprint, added } = following.peer.clone();
        self.emit(EventKind::HostReady(HostReady {
            user: host.user.clone(),
            address: host.shown_address(),
            key_type,
            fingerprint,
            key_status: if added { KeyStatus::Added } else { KeyStatus::Known },
            elapsed_ms: millis(following.started.elapsed()),
            followed: !new,
            over,
            machine_id,
        }))
        .await;
    }
}
