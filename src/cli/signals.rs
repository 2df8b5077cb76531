//! Turns signals into requests to stop.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::engine::StopRequest;
use crate::exit::Exit;

/// Listens for signals as long as the run lasts; `note` tells the user what a Ctrl-C has requested.
///
/// The first Ctrl-C stops after the current step, the second one stops that step, the third one detaches. SIGTERM, SIGQUIT
/// and a closed terminal detach at once: the run continues on the hosts.
pub(super) async fn listen(requests: watch::Sender<StopRequest>, mut note: impl FnMut(&str)) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut quit = signal(SignalKind::quit())?;
    loop {
        let next = tokio::select! {
            _ = interrupt.recv() => match *requests.borrow() {
                StopRequest::None => {
                    note("Finishing the current step, then stopping. Ctrl-C again to stop it now.");
                    StopRequest::AfterStep
                }
                StopRequest::AfterStep => {
                    note("Stopping the current step (SIGTERM, SIGKILL after 10 s). Ctrl-C again to detach.");
                    StopRequest::Now
                }
                StopRequest::Now | StopRequest::Detach(_) => StopRequest::Detach(Exit::Interrupted),
            },
            _ = terminate.recv() => StopRequest::Detach(Exit::Terminated),
            _ = hangup.recv() => StopRequest::Detach(Exit::Hangup),
            _ = quit.recv() => StopRequest::Detach(Exit::Quit),
        };
        // A request is never taken back by a weaker one.
        requests.send_if_modified(|now| {
            let grows = next.is_stronger_than(*now);
            if grows {
                *now = next;
            }
            grows
        });
    }
}
