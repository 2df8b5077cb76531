//! The one loop of a run: hosts side by side, events in one order, and the user's request to stop.
//!
//! Knows neither journal nor report: it calls `emit` with every event and the view that the event has been folded into,
//! and the caller decides who listens. Where `emit` fails, nothing more is sent to any host.

mod backoff;
mod connection_end;
mod host;
mod interpret;
mod job;
mod ledger;
mod messages;
mod past_login;
mod stop_relay;
mod transfer;
mod waiting;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use crate::event::{Event, EventKind, timestamp};
use crate::exit::Exit;
use crate::ids::HostId;
use crate::transport::Connect;
use crate::view::RunView;

use host::run_host;

pub use job::{FindCause, Job, LocalFiles, Options, ResumeCommand, StopRequest, Task};

/// Carries out a run from its first event to its last.
///
/// # Errors
/// The first error of `emit`. The runs on the hosts continue; nothing more was sent to them after it.
pub async fn run<C: Connect, E>(
    connect: Arc<C>,
    jobs: Vec<Job>,
    options: Options,
    stop_request: watch::Receiver<StopRequest>,
    first: Option<EventKind>,
    mut view: RunView,
    mut emit: impl FnMut(&Event, &RunView) -> Result<(), E>,
) -> Result<RunView, E> {
    let clock = Clock::new();
    let mut tell = |host: Option<HostId>, kind: EventKind, view: &mut RunView| {
        // Events for the terminal only are not numbered.
        let seq = if kind.is_transient() { view.seq } else { view.seq + 1 };
        let event = Event { seq, at: timestamp(clock.now()), host, kind };
        view.fold(&event);
        emit(&event, view)
    };
    if let Some(first) = first {
        tell(None, first, &mut view)?;
    }
    let (sender, mut events) = mpsc::channel(256);
    let forks = Arc::new(Semaphore::new(options.forks.max(1)));
    let mut tasks = JoinSet::new();
    let mut names = HashMap::new();
    for job in jobs {
        let id = job.host.id.clone();
        let (connect, forks, sender) = (Arc::clone(&connect), Arc::clone(&forks), sender.clone());
        let (options, stop_request) = (options.clone(), stop_request.clone());
        let task = tasks.spawn(async move {
            let _turn = forks.acquire().await;
            run_host(&*connect, job, &options, stop_request, &sender).await;
        });
        names.insert(task.id(), id);
    }
    drop(sender);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some((host, kind)) => tell(Some(host), kind, &mut view)?,
                None => break,
            },
            Some(Err(panic)) = tasks.join_next() => {
                // A panic in one host's task ends that host's part of the run and nothing else.
                if let Some(host) = names.get(&panic.id()) {
                    let message = Some("pinboot failed while it followed this host; the run may continue there".to_owned());
                    tell(Some(host.clone()), EventKind::HostFinished { exit: Exit::ConnectionLost, message }, &mut view)?;
                }
            }
        }
    }
    let last = view.run_finished();
    tell(None, last, &mut view)?;
    Ok(view)
}

/// The time of day for people: as it was when the run started, and what has passed since. The system's clock may be set
/// meanwhile, and the run must not seem to take a year longer.
struct Clock {
    started: SystemTime,
    since: Duration,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the one place where events get their time")]
    fn new() -> Self {
        Self { started: SystemTime::now(), since: Self::awake_or_asleep() }
    }

    fn now(&self) -> SystemTime {
        self.started + Self::awake_or_asleep().saturating_sub(self.since)
    }

    /// The time since this machine was started, with that in which it slept.
    fn awake_or_asleep() -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::try_from(time).unwrap_or_default()
    }
}
