//! Signals become wishes.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::engine::StopRequest;
use crate::exit::Exit;

/// Listens for signals for as long as the run goes on; `note` tells the person what their wish means.
///
/// Ctrl-C once: no new step is begun. Twice: the step in hand is ended. Three times: pinboot leaves. A closed terminal,
/// SIGTERM and SIGQUIT leave at once; the run goes on at the hosts.
pub(super) async fn listen(wish: watch::Sender<StopRequest>, mut note: impl FnMut(&str)) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut quit = signal(SignalKind::quit())?;
    loop {
        let next = tokio::select! {
            _ = interrupt.recv() => match *wish.borrow() {
                StopRequest::None => {
                    note("no further step is begun; the one in hand goes on. Ctrl-C again ends it.");
                    StopRequest::AfterStep
                }
                StopRequest::AfterStep => {
                    note("ending the step in hand: SIGTERM, and SIGKILL after 10 s. Ctrl-C again leaves at once.");
                    StopRequest::Now
                }
                StopRequest::Now | StopRequest::Detach(_) => StopRequest::Detach(Exit::Interrupted),
            },
            _ = terminate.recv() => StopRequest::Detach(Exit::Terminated),
            _ = hangup.recv() => StopRequest::Detach(Exit::Hangup),
            _ = quit.recv() => StopRequest::Detach(Exit::Quit),
        };
        wish.send_if_modified(|now| {
            let grows = next.is_stronger_than(*now);
            if grows {
                *now = next;
            }
            grows
        });
    }
}
