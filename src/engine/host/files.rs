//! Files that go beside the log: starting a transfer on the connection that is followed, and what its end means.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::HostTask;
use super::sending_files::send_files;
use super::taking_files::take_files;
use crate::engine::connection_end::MAX_FRUITLESS;
use crate::engine::job::StopRequest;
use crate::engine::messages;
use crate::engine::transfer::{FileWork, Transfer, TransferEnd, Working};
use crate::event::EventKind;
use crate::exit::Exit;
use crate::ids::StepId;
use crate::kinds::Takes;
use crate::remote::frame::Frame;
use crate::remote::splitter::Piece;
use crate::transport::{Beside, Chunk, Connect, Error, ErrorKind, Exec, Session};

/// How long it may take to start the command of a transfer.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait before a transfer is tried again that could not be started.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// A transfer that runs.
pub(super) struct RunningTransfer<S> {
    what: FileWork,
    working: Working,
    /// A connection of its own, where the host runs one command on each.
    _session: Option<S>,
}

impl<S> RunningTransfer<S> {
    /// Waits for its end; for ever where there is none. Cancel-safe.
    pub(super) async fn end(running: &mut Option<Self>) -> TransferEnd {
        match running {
            Some(running) => running.working.as_mut().await,
            None => std::future::pending().await,
        }
    }
}

impl<C: Connect> HostTask<'_, C> {
    /// Takes note of what a frame says of files.
    pub(super) fn note_files(&mut self, frame: &Frame) {
        match frame {
            Frame::Want { step, .. } => self.transfers.ask(FileWork::Send(*step)),
            Frame::Have { step, offer } if self.takes_of(*step).is_some() && !self.interpreter.is_finished(*step) => {
                self.transfers.ask(FileWork::Take(*step, *offer));
            }
            // The next runner asks again.
            Frame::Run | Frame::End(_) => self.transfers.forget(|work| matches!(work, FileWork::Send(_))),
            Frame::Done { step, .. } => self.transfers.forget(|work| *work == FileWork::Send(*step)),
            _ => {}
        }
    }

    /// What a user is to know of files that a step has for another machine.
    pub(super) fn files_for_another(&self, frame: &Frame) -> Option<EventKind> {
        let Frame::Have { step, .. } = frame else { return None };
        let is_meant = self.takes_of(*step).is_none() && !self.interpreter.is_finished(*step);
        let title = self.interpreter.title(*step);
        let (message, hint) = messages::files_belong_elsewhere(&self.job.identity.run, &title);
        is_meant.then_some(EventKind::HostNote { message, hint: Some(hint) })
    }

    /// Whether a piece reports that a step is finished whose files are not taken yet, or belongs behind such a one.
    pub(super) fn must_wait(&self, piece: &Piece) -> bool {
        let Piece::Frame(Frame::Done { step, .. }, _) = piece else { return self.held.takes(piece) };
        let is_meant = |work: &FileWork| matches!(work, FileWork::Take(taken, _) if taken == step);
        self.held.takes(piece) || self.takes_of(*step).is_some() && self.transfers.has(is_meant)
    }

    /// Where the files of a step go here.
    fn takes_of(&self, step: StepId) -> Option<&Takes> {
        self.job.steps.iter().find(|known| known.id == step)?.takes.as_ref()
    }

    /// How far the files are that are taken at this moment.
    pub(super) fn take_progress(&self, running: Option<&RunningTransfer<C::Session>>) -> Option<EventKind> {
        let FileWork::Take(step, offer) = running?.what else { return None };
        let bytes = self.taken.here.load(Ordering::Relaxed);
        let is_shown = self.interpreter.running() == Some(step) && bytes > 0;
        is_shown.then_some(EventKind::StepProgress { step, bytes, total: Some(offer.files) })
    }

    /// When a transfer may be started, where one is wanted.
    pub(super) fn next_transfer(&self) -> Option<Instant> {
        self.transfers.next().filter(|_| self.interpreter.greeted()).map(|(_, at)| at)
    }

    /// Starts the transfer that is next.
    pub(super) async fn start_transfer(&mut self, session: &mut C::Session) -> Option<RunningTransfer<C::Session>> {
        let (what, at) = self.transfers.next().filter(|(_, at)| *at <= Instant::now())?;
        let transfer = match self.transfer(&what) {
            Ok(transfer) => transfer,
            Err(end) => {
                self.transfer_ended(what, end).await;
                return None;
            }
        };
        tracing::debug!(host = %self.job.host.id, ?what, waited = ?at.elapsed(), "starting a transfer");
        let mut stop_request = self.stop_request.clone();
        let opening = timeout(OPEN_TIMEOUT, self.open(session, &transfer.exec));
        let opened = tokio::select! {
            opened = opening => opened.unwrap_or_else(|_| Err(Error::new(ErrorKind::Unreachable, "no answer in time"))),
            // The loop that follows the run sees it as well.
            Ok(_) = stop_request.wait_for(|request| matches!(request, StopRequest::Detach(_))) => return None,
        };
        match opened {
            Ok((beside, own)) => Some(RunningTransfer { what, working: (transfer.work)(beside), _session: own }),
            Err(error) => {
                tracing::info!(host = %self.job.host.id, "files could not be transferred yet: {}", error.message);
                self.transfers.postpone(&what, RETRY_DELAY);
                None
            }
        }
    }

    /// Runs a command beside the one that follows the run: on the same connection, or on one of its own where a host allows one
    /// command on each (`MaxSessions 1`).
    async fn open(&self, session: &mut C::Session, exec: &Exec) -> Result<(Beside, Option<C::Session>), Error> {
        match session.beside(exec.clone()).await {
            Ok(beside) => Ok((beside, None)),
            Err(error) if error.kind == ErrorKind::Refused => {
                tracing::debug!(host = %self.job.host.id, "files go over a connection of their own: {}", error.message);
                let nothing = Exec { command: b"exit".to_vec(), stdin: Vec::new() };
                let mut own = self.connect.connect(&self.job.host, &nothing).await?;
                while !matches!(own.next().await, Chunk::Closed | Chunk::Lost(_)) {}
                let beside = own.beside(exec.clone()).await?;
                Ok((beside, Some(own)))
            }
            Err(error) => Err(error),
        }
    }

    /// What is run on the host and done here for a piece of work; or why nothing can be.
    fn transfer(&self, what: &FileWork) -> Result<Transfer, TransferEnd> {
        match what {
            FileWork::Send(step) => {
                let Some(files) = &self.job.files else {
                    let (message, hint) = messages::files_are_elsewhere(&self.job.identity.run);
                    return Err(TransferEnd::Impossible { message, hint });
                };
                Ok(send_files(&self.job.identity, *step, files))
            }
            FileWork::Take(step, offer) => {
                let takes = self.takes_of(*step).ok_or_else(|| TransferEnd::Failed {
                    exit: Exit::Mismatch,
                    message: messages::NOT_OFFERED.to_owned(),
                })?;
                Ok(take_files(&self.job.identity, *step, *offer, takes, &self.taken))
            }
        }
    }

    /// What the end of a transfer means.
    pub(super) async fn ended_transfer(&mut self, running: &mut Option<RunningTransfer<C::Session>>, end: TransferEnd) {
        if let Some(RunningTransfer { what, .. }) = running.take() {
            tracing::debug!(host = %self.job.host.id, ?what, ?end, "a transfer has ended");
            self.transfer_ended(what, end).await;
        }
    }

    async fn transfer_ended(&mut self, what: FileWork, end: TransferEnd) {
        let came = self.taken.here.swap(0, Ordering::Relaxed);
        match end {
            TransferEnd::Done => self.transfers.forget(|work| *work == what),
            TransferEnd::Later(pause) => {
                self.vain_takes = if came > 0 || matches!(what, FileWork::Send(_)) { 0 } else { self.vain_takes + 1 };
                if self.vain_takes > MAX_FRUITLESS {
                    self.take_failure = Some((Exit::ConnectionLost, messages::GIVES_NOTHING.to_owned()));
                }
                self.transfers.postpone(&what, pause);
            }
            TransferEnd::Failed { exit, message } => {
                let title =
                    if let FileWork::Take(step, _) = &what { self.interpreter.title(*step) } else { String::new() };
                self.take_failure = Some((exit, messages::not_taken(&title, &message)));
                self.transfers.forget(|work| *work == what);
            }
            TransferEnd::Impossible { message, hint } => {
                self.transfers.forget(|work| *work == what);
                self.emit(EventKind::HostNote { message, hint: Some(hint) }).await;
            }
        }
    }
}
