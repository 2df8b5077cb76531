//! Executes a run: the journal and the reporter receive its events, and signals stop it.

use std::collections::HashMap;
use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::args::{Cli, ConnectArgs};
use super::color::{has_color, understands_codes};
use super::console::print_error;
use super::error::CommandError;
use super::signals::{self, Reached};
use crate::engine::{self, Job, Options, StopRequest};
use crate::event::{Event, EventKind};
use crate::exit::Exit;
use crate::flags::Flags;
use crate::ids::{HostId, RunId, StepId};
use crate::inventory::Host;
use crate::journal::{Journal, JournalError};
use crate::plan::{Plan, PlannedStep, show};
use crate::report::lines::Stream;
use crate::report::{Commands, Jsonl, Plain, Reporter, Style, Terminal, terminal_columns};
use crate::transport::ssh::Ssh;
use crate::view::RunView;

/// How many hosts to work on at once by default.
const FORKS: u32 = 50;

/// What a run needs besides its jobs.
pub(super) struct RunContext<'a> {
    /// The command line.
    pub(super) cli: &'a Cli,
    /// How many hosts to work on at once.
    pub(super) forks: u32,
    /// How long to retry a lost connection.
    pub(super) reconnect_for: Duration,
    /// How long to wait for a host that another run holds.
    pub(super) wait: Duration,
    /// What to stop from the beginning.
    pub(super) stop: StopRequest,
    /// Gives the command of a step, to show when it failed.
    pub(super) commands: Commands,
    /// Where the run is recorded; a rehearsal is not.
    pub(super) journal: Option<Journal>,
}

impl<'a> RunContext<'a> {
    /// A context with the user's flags; no journal, no waiting and nothing to stop.
    pub(super) fn new(cli: &'a Cli, flags: &Flags, connect: &ConnectArgs) -> Self {
        Self {
            cli,
            forks: flags.forks.unwrap_or(FORKS),
            reconnect_for: Duration::from_secs(connect.reconnect_for),
            wait: Duration::ZERO,
            stop: StopRequest::None,
            commands: commands(&[]),
            journal: None,
        }
    }
}

/// How a run ended.
pub(super) struct Executed {
    /// The run's last view.
    pub(super) view: RunView,
    /// What the user had requested by then.
    pub(super) stop: StopRequest,
}

/// Executes jobs until the run has ended. `first` is the run's first event unless `view` has it already; `listener`
/// receives every event once it is recorded, and may ask to stop.
pub(super) async fn execute(
    context: RunContext<'_>,
    ssh: Ssh,
    jobs: Vec<Job>,
    first: Option<EventKind>,
    view: RunView,
    mut listener: impl FnMut(&Event) -> StopRequest,
) -> Result<Executed, CommandError> {
    let RunContext { cli, forks, reconnect_for, wait, stop, commands, mut journal } = context;
    let run = journal.as_ref().map(|journal| journal.run().clone());
    let reporter = Arc::new(Mutex::new(reporter(cli, commands, journal.is_some())));
    let (sender, requests) = watch::channel(stop);
    let by_listener = sender.clone();
    let notes = Arc::clone(&reporter);
    let reached = Arc::new(Mutex::new(Reached::of(&view)));
    let reached_then = Arc::clone(&reached);
    let signals = tokio::spawn(signals::listen(sender, ssh.questions().clone(), move |request| {
        let Some(text) = lock(&reached_then).note(request) else { return };
        if lock(&notes).note(text).is_err() {
            print_error(text);
        }
    }));
    let asked = Arc::downgrade(&reporter);
    ssh.questions().on_pause(move |is_paused| {
        // A terminal that is gone is noticed by the next event.
        let _ = asked.upgrade().map(|reporter| lock(&reporter).pause(is_paused));
    });
    let options = Options {
        forks: forks as usize,
        reconnect_for,
        wait,
        start_timeout: start_timeout()?,
        stop,
        cause: |kind, output| crate::kinds::cause(kind, output).map(ToOwned::to_owned),
    };
    let emit = |event: &Event, view: &RunView| -> Result<(), ListenerError> {
        if let Some(journal) = &mut journal {
            journal.append(event)?;
        }
        signals::request(&by_listener, listener(event));
        *lock(&reached) = Reached::of(view);
        Ok(lock(&reporter).event(event, view)?)
    };
    let ended = engine::run(Arc::new(ssh), jobs, options, requests.clone(), first, view, emit).await;
    signals.abort();
    match ended {
        Ok(view) => Ok(Executed { view, stop: *requests.borrow() }),
        Err(error) => {
            let reached = *lock(&reached);
            Err(CommandError::from(error).hint(what_continues(run.as_ref(), reached)))
        }
    }
}

/// What continues after pinboot gave up, and how to follow it. The host of a rehearsal does not outlive pinboot.
fn what_continues(run: Option<&RunId>, reached: Reached) -> String {
    match (run, reached) {
        (None, _) => "the rehearsal has ended".to_owned(),
        (Some(run), Reached::Nothing) => {
            format!("no host has reported the run; `pinboot rerun {run}` finds out whether one has started it")
        }
        (Some(run), _) => format!("the run continues on the hosts; follow it with `pinboot rerun {run}`"),
    }
}

/// How long a login may take to run the command, if the environment says nothing else.
const START_TIMEOUT: Duration = Duration::from_mins(2);

/// How long a login may take to run the command: `PINBOOT_START_TIMEOUT`, in seconds.
fn start_timeout() -> Result<Duration, CommandError> {
    let Some(given) = std::env::var_os("PINBOOT_START_TIMEOUT").filter(|given| !given.is_empty()) else {
        return Ok(START_TIMEOUT);
    };
    let seconds = given.to_str().and_then(|given| given.parse().ok()).filter(|seconds| (1..=86_400).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        let given = given.to_string_lossy();
        let message = format!(
            "invalid PINBOOT_START_TIMEOUT `{}`: expected a number of seconds from 1 to 86400",
            given.escape_debug()
        );
        CommandError::input(message).hint("the default is 120")
    })
}

/// Why an event could not be recorded or shown.
enum ListenerError {
    Journal(JournalError),
    Output(io::Error),
}

impl From<JournalError> for ListenerError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<io::Error> for ListenerError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<ListenerError> for CommandError {
    fn from(error: ListenerError) -> Self {
        match error {
            ListenerError::Journal(error) => error.into(),
            ListenerError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                Self::new(Exit::OutputClosed, "standard output was closed")
            }
            // A terminal that was closed answers with EIO.
            ListenerError::Output(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                Self::new(Exit::Hangup, "the terminal was closed")
            }
            ListenerError::Output(error) => Self::local(format!("cannot write the output: {error}")),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The reporter for this command line; `rerun`: whether the run can be resumed with `pinboot rerun`.
fn reporter(cli: &Cli, commands: Commands, rerun: bool) -> Box<dyn Reporter + Send> {
    if cli.wants_json() {
        return Box::new(Jsonl::new(Box::new(io::stdout())));
    }
    let style = Style { verbose: cli.is_verbose(), color: has_color(&io::stdout()), rerun, commands };
    if io::stdout().is_terminal() && io::stderr().is_terminal() && understands_codes() {
        Box::new(Terminal::stderr(style))
    } else {
        let columns = |stream| match stream {
            Stream::Results => terminal_columns(io::stdout()),
            Stream::Messages => terminal_columns(io::stderr()),
        };
        Box::new(Plain::new(Box::new(io::stdout()), Box::new(io::stderr()), style).on_terminal(Box::new(columns)))
    }
}

/// The commands of plans, by host and step.
pub(super) fn commands(plans: &[(Host, Plan)]) -> Commands {
    let table: HashMap<(HostId, StepId), StepCommands> = plans
        .iter()
        .flat_map(|(host, plan)| {
            plan.steps.iter().map(move |step| ((host.id.clone(), step.id), StepCommands::of(step)))
        })
        .collect();
    Box::new(move |host, step, guard| {
        let commands = table.get(&(host.clone(), step))?;
        match guard {
            Some(name) => commands.guards.get(name).cloned(),
            None => commands.command.clone(),
        }
    })
}

/// What a step may run.
struct StepCommands {
    command: Option<String>,
    /// The guards by their names.
    guards: HashMap<String, String>,
}

impl StepCommands {
    fn of(step: &PlannedStep) -> Self {
        Self { command: show::command(step), guards: show::guards(step).collect() }
    }
}
