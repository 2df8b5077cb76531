//! The one loop of a run: hosts side by side, events in one order, and the user's wish to stop.
//!
//! Knows neither journal nor report: it calls `emit` with every event and the view that the event has been folded into,
//! and the caller decides who listens. Where `emit` fails, nothing more is sent to any host.

mod backoff;
mod connection_end;
mod host;
mod interpret;
mod log_position;
mod messages;
mod stop_relay;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use crate::event::{Event, EventKind, Outcome, timestamp};
use crate::exit::Exit;
use crate::ids::{HostId, RunId, StepId};
use crate::inventory::Host;
use crate::plan::StepSummary;
use crate::remote::{ExpectedHost, Identity};
use crate::secret::{Masker, Secret};
use crate::transport::Connect;
use crate::view::RunView;

use host::run_host;

pub use interpret::Cause;

/// What one host is to do.
#[derive(Clone, Debug)]
pub struct Job {
    /// The host.
    pub host: Host,
    /// The run, as the host knows it.
    pub identity: Identity,
    /// The steps; none where the plan is not known here.
    pub steps: Vec<StepSummary>,
    /// Hides the run's secrets.
    pub masker: Masker,
    /// Whether what steps say is kept from everybody: there are secrets in the run that nobody here could hide.
    pub muted: bool,
    /// The host that is expected, where earlier runs have seen it.
    pub expected: Option<ExpectedHost>,
    /// What the user types to resume the run; `None` where nothing can, as in a rehearsal.
    pub resume_command: Option<ResumeCommand>,
    /// What is delivered.
    pub task: Task,
}

/// A command that resumes a run, for the user to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeCommand(String);

impl ResumeCommand {
    /// The command on the machine that has the run's journal.
    pub fn rerun(run: &RunId) -> Self {
        Self(format!("pinboot rerun {run}"))
    }

    /// The command on every other machine.
    pub fn attach(host: &Host, run: &RunId) -> Self {
        Self(format!("pinboot attach {}@{} {run}", host.user, host.shown_address()))
    }
}

impl std::fmt::Display for ResumeCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is delivered to a host.
#[derive(Clone, Debug)]
pub enum Task {
    /// A program to carry out.
    Deliver {
        /// The file that the host keeps as the run's plan.
        program: Arc<Vec<u8>>,
        /// Secrets, sent apart from it.
        secrets: Vec<(String, Secret)>,
        /// A run that is followed instead as long as it goes on.
        after: Option<RunId>,
    },
    /// Nothing: the run is there already and is followed to its end.
    Attach {
        /// Steps that an earlier controller saw finish.
        finished: Vec<(StepId, Outcome)>,
        /// What they make of the exit code.
        exit: Exit,
        /// Whether an earlier controller heard of the run from the host: then the host must have a record of it.
        arrived: bool,
        /// Where the runner is gone before the run is over, another one goes on with the host's own plan and with these
        /// secrets, which are sent apart; `None`: none does.
        resume: Option<Vec<(String, Secret)>>,
    },
}

/// How the loop behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many hosts at once.
    pub forks: usize,
    /// How long a lost connection is tried again before the run is left to itself.
    pub reconnect_for: Duration,
    /// How long a host is waited for that another run has; zero: not at all.
    pub wait: Duration,
    /// Recognises known errors in a step's output.
    pub cause: Cause,
}

/// What the user wants, in the order in which it can only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopRequest {
    /// Carry on.
    #[default]
    None,
    /// Begin no new step; the one in hand goes on.
    AfterStep,
    /// End the step in hand as well.
    Now,
    /// Detach at once, whatever the hosts are doing; with the exit code of the signal that asked for it.
    Detach(Exit),
}

impl StopRequest {
    /// Whether this asks for more than `other` does.
    pub fn is_stronger_than(self, other: Self) -> bool {
        self.strength() > other.strength()
    }

    fn strength(self) -> u8 {
        match self {
            Self::None => 0,
            Self::AfterStep => 1,
            Self::Now => 2,
            Self::Detach(_) => 3,
        }
    }
}

/// Carries out a run from its first event to its last.
///
/// # Errors
/// The first error of `emit`. The runs on the hosts go on; nothing more was sent to them after it.
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
        // (What is for eyes only is not counted.)
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
                // A fault of ours in one host's task is that host's lost connection and nothing else's.
                if let Some(host) = names.get(&panic.id()) {
                    let message = Some("pinboot failed while it followed this host; the run may go on there".to_owned());
                    tell(Some(host.clone()), EventKind::HostFinished { exit: Exit::ConnectionLost, message }, &mut view)?;
                }
            }
        }
    }
    let last = view.run_finished();
    tell(None, last, &mut view)?;
    Ok(view)
}

/// The time of day for people, as it was when the run was taken up, and what has passed since. (Somebody may set the
/// system's clock meanwhile, and the run must not take a year longer by that.)
struct Clock {
    began: SystemTime,
    since: Duration,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the one place where events get their time")]
    fn new() -> Self {
        Self { began: SystemTime::now(), since: Self::awake_or_asleep() }
    }

    fn now(&self) -> SystemTime {
        self.began + Self::awake_or_asleep().saturating_sub(self.since)
    }

    /// The time since this machine was started, with that in which it slept.
    fn awake_or_asleep() -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::try_from(time).unwrap_or_default()
    }
}
