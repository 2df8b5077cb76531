//! Following one connection until it ends.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{ConnectionEnd, HostTask, millis};
use crate::engine::connection_end::CommandEnd;
use crate::engine::interpret::RunEnd;
use crate::engine::job::StopRequest;
use crate::engine::stop_relay::relay;
use crate::event::{EventKind, HostReady, KeyStatus, escape};
use crate::remote::frame::{Frame, Piece, Splitter};
use crate::transport::{Chunk, Connect, Peer, Session};

/// Output that stops in the middle of a line, such as a prompt, is shown after so long.
const PARTIAL_LINE_DELAY: Duration = Duration::from_millis(300);
/// How long the end of a connection in good order may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection while it is followed.
struct Following {
    splitter: Splitter,
    peer: Peer,
    started: Instant,
    /// The stop request that the host does not know yet, since it did not know the run.
    pending_stop: Option<StopRequest>,
    command_end: CommandEnd,
}

impl<C: Connect> HostTask<'_, C> {
    /// Follows one connection until it ends in one way or another; `started` is when the attempt to connect started.
    pub(super) async fn follow(&mut self, mut session: C::Session, started: Instant) -> ConnectionEnd {
        self.interpreter.connect_again();
        self.log.connected();
        let mut following = Following {
            splitter: Splitter::new(&self.job.identity.nonce),
            peer: session.peer().clone(),
            started,
            pending_stop: None,
            command_end: CommandEnd::Unreported,
        };
        let request = *self.stop_request.borrow_and_update();
        self.pass_on(request, &mut session, &mut following).await;
        let end = loop {
            let is_step_running = self.interpreter.running().is_some();
            tokio::select! {
                chunk = session.next() => {
                    if let Some(end) = self.chunk(chunk, &mut session, &mut following).await {
                        break end;
                    }
                }
                Ok(()) = self.stop_request.changed() => {
                    let request = *self.stop_request.borrow_and_update();
                    if let StopRequest::Detach(exit) = request {
                        break ConnectionEnd::Detached(exit);
                    }
                    self.pass_on(request, &mut session, &mut following).await;
                }
                () = tokio::time::sleep(PARTIAL_LINE_DELAY), if is_step_running => {
                    for event in self.interpreter.pause() {
                        self.emit(event).await;
                    }
                }
            }
        };
        self.log.disconnected(self.interpreter.greeted(), following.splitter.held());
        let _ = timeout(CLOSE_TIMEOUT, session.close()).await;
        end
    }

    async fn pass_on(&self, request: StopRequest, session: &mut C::Session, following: &mut Following) {
        let is_known = relay(self.connect, &self.job, session, request).await;
        following.pending_stop = (!is_known).then_some(request);
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
                    self.pass_on(request, session, following).await;
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
                following.command_end = match status {
                    Ok(status) => CommandEnd::Status(status),
                    Err(signal) => CommandEnd::Signal(signal),
                };
            }
            Chunk::Closed if self.interpreter.greeted() => {
                return Some(ConnectionEnd::Lost("the host closed the channel".to_owned()));
            }
            Chunk::Closed => return Some(ConnectionEnd::Exited(following.command_end.clone())),
            Chunk::Lost(reason) => return Some(ConnectionEnd::Lost(reason)),
        }
        None
    }

    /// Takes bytes of the command's output in.
    async fn output(&mut self, bytes: &[u8], following: &mut Following) -> Option<RunEnd> {
        let held_before = following.splitter.held();
        let pieces = following.splitter.push(bytes);
        self.log.advance(&pieces, self.interpreter.greeted(), (held_before, following.splitter.held()));
        tracing::trace!(bytes = bytes.len(), held_before, next = self.log.next(), "received");
        for piece in pieces {
            match &piece {
                Piece::Frame(Frame::Hello { new, over, machine_id }, _) => {
                    self.hello(*new, *over, machine_id.clone(), following).await;
                }
                Piece::Frame(Frame::Size(size), _) if self.log.next() <= *size => return Some(RunEnd::Behind),
                _ => {}
            }
            if let Some(end) = self.piece(piece, following.started).await {
                return Some(end);
            }
        }
        None
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
