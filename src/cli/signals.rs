//! Turns signals into requests to stop.

use std::future::Future;
use std::io;
use std::task::{Context, Waker};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::error::CommandError;
use crate::engine::StopRequest;
use crate::exit::Exit;
use crate::transport::ssh::Questions;
use crate::view::{HostState, RunView};

/// The signals that a user or the system ends a command with.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    quit: Signal,
}

impl Signals {
    /// Takes the signals over: from here on none of them ends the program by itself.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    /// The exit code of one that has come already.
    pub(super) fn pending(&mut self) -> Option<Exit> {
        let mut context = Context::from_waker(Waker::noop());
        let all = [
            (&mut self.interrupt, Exit::Interrupted),
            (&mut self.terminate, Exit::Terminated),
            (&mut self.hangup, Exit::Hangup),
            (&mut self.quit, Exit::Quit),
        ];
        all.into_iter().find_map(|(signal, exit)| signal.poll_recv(&mut context).is_ready().then_some(exit))
    }

    /// The exit code of the next one.
    async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
            _ = self.hangup.recv() => Exit::Hangup,
            _ = self.quit.recv() => Exit::Quit,
        }
    }
}

/// Does what comes before a run. A signal ends it at once, and a question with it; `true_then` says what the user has to know.
pub(super) async fn unless_signalled<T, E>(
    questions: &Questions,
    true_then: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, CommandError>
where
    CommandError: From<E>,
{
    let mut signals =
        Signals::new().map_err(|error| CommandError::local(format!("cannot wait for signals: {error}")))?;
    tokio::select! {
        done = work => Ok(done?),
        exit = signals.next() => {
            questions.give_up();
            Err(CommandError::new(exit, true_then))
        }
    }
}

/// Listens for signals as long as the run lasts; `note` tells the user what a Ctrl-C has requested.
///
/// The first Ctrl-C stops after the current step, the second one stops that step, the third one detaches. SIGTERM, SIGQUIT
/// and a closed terminal detach at once: the run continues on the hosts. Every one of them ends a question.
pub(super) async fn listen(
    requests: watch::Sender<StopRequest>,
    questions: Questions,
    mut note: impl FnMut(StopRequest),
) -> io::Result<()> {
    let mut signals = Signals::new()?;
    loop {
        let next = match (signals.next().await, *requests.borrow()) {
            (Exit::Interrupted, StopRequest::None) => StopRequest::AfterStep,
            (Exit::Interrupted, StopRequest::AfterStep) => StopRequest::Now,
            (exit, _) => StopRequest::Detach(exit),
        };
        questions.give_up();
        note(next);
        request(&requests, next);
    }
}

/// Asks to stop. A request is never taken back by a weaker one.
pub(super) fn request(requests: &watch::Sender<StopRequest>, next: StopRequest) {
    requests.send_if_modified(|now| {
        let grows = next.is_stronger_than(*now);
        if grows {
            *now = next;
        }
        grows
    });
}

/// How a run stands when the user stops it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reached {
    /// No host is reached.
    #[default]
    Nothing,
    /// The only hosts that were reached are lost at this moment.
    Lost,
    /// A host is connected.
    Connected,
}

impl Reached {
    /// How this run stands.
    pub(super) fn of(view: &RunView) -> Self {
        let any = |state| view.hosts.iter().any(|host| host.state == state);
        if any(HostState::Ready) {
            Self::Connected
        } else if any(HostState::Lost) {
            Self::Lost
        } else {
            Self::Nothing
        }
    }

    /// What the user reads who has typed Ctrl-C; the run itself reports every other end.
    pub(super) fn note(self, request: StopRequest) -> Option<&'static str> {
        match (self, request) {
            (Self::Connected, StopRequest::AfterStep) => {
                Some("Finishing the current step, then stopping. Ctrl-C again to stop it now.")
            }
            (Self::Connected, StopRequest::Now) => {
                Some("Stopping the current step (SIGTERM, SIGKILL after 10 s). Ctrl-C again to detach.")
            }
            (Self::Lost, StopRequest::AfterStep) => Some(
                "Not connected at this moment: the host is asked to stop after its current step once it is reached again. \
                 Ctrl-C twice more to detach.",
            ),
            (Self::Lost, StopRequest::Now) => Some(
                "Not connected at this moment: the host is asked to stop its current step once it is reached again. Ctrl-C \
                 again to detach.",
            ),
            _ => None,
        }
    }
}
