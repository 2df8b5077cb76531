//! A run while it goes on: journal and reporter listen, signals are heard.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::args::{Cli, HostKey, Reach};
use super::fault::Fault;
use super::{color, complain};
use crate::engine::{self, Job, Options, StopRequest};
use crate::event::{Event, EventKind};
use crate::exit::Exit;
use crate::flags::Flags;
use crate::ids::{HostId, RunId, StepId};
use crate::inventory::Host;
use crate::journal::{Journal, JournalError};
use crate::report::{Commands, Jsonl, Plain, Reporter, Style, Terminal};
use crate::secret::Secret;
use crate::transport::ssh::{Ask, Config, HostKeyMode, Passphrase, Ssh};
use crate::view::RunView;

/// Hosts at once where nothing else is said.
const FORKS: u32 = 50;

/// Shorter spans would take every slow answer for a loss.
const SHORTEST_KEEPALIVE: Duration = Duration::from_millis(100);

/// Longer ones would not keep anything alive.
const LONGEST_KEEPALIVE: Duration = Duration::from_hours(1);

/// What is needed beside the jobs.
pub(super) struct Setting<'a> {
    /// The command line.
    pub(super) cli: &'a Cli,
    /// The flags of the run.
    pub(super) flags: &'a Flags,
    /// How hosts are reached.
    pub(super) reach: &'a Reach,
    /// Gives a step's command, for a failure.
    pub(super) commands: Commands,
    /// Where the run is written down; a rehearsal is not.
    pub(super) journal: Option<Journal>,
    /// How long a host is waited for that another run has.
    pub(super) wait: Duration,
    /// What is wanted from the beginning.
    pub(super) wish: StopRequest,
}

/// A way to reach hosts, as the flags say.
pub(super) fn connector(flags: &Flags, reach: &Reach) -> Result<Ssh, Fault> {
    let passphrase = std::env::var("PINBOOT_KEY_PASSPHRASE").ok().map(Secret::new);
    let mut config = Config::for_home(std::env::home_dir().as_deref(), Passphrase::standard(passphrase));
    if let Some(file) = &flags.known_hosts {
        config.known_hosts = vec![file.clone()];
    }
    let mode = match flags.host_key.as_deref() {
        Some(name) => <HostKey as clap::ValueEnum>::from_str(name, true).map_err(Fault::input)?,
        None if reach.yes => HostKey::AcceptNew,
        None if io::stdin().is_terminal() && io::stderr().is_terminal() => HostKey::Ask,
        None => HostKey::Strict,
    };
    config.host_key_mode = match mode {
        HostKey::Strict => HostKeyMode::Strict,
        HostKey::AcceptNew => HostKeyMode::AcceptNew,
        HostKey::Ask => HostKeyMode::Ask(Ask::terminal()),
    };
    config.agent = std::env::var_os("SSH_AUTH_SOCK").map(Into::into);
    if let Some(span) = keepalive()? {
        config.keepalive = span;
    }
    Ok(Ssh::new(config))
}

/// After how much silence a host is asked whether it is there, where `PINBOOT_KEEPALIVE` says so in seconds.
fn keepalive() -> Result<Option<Duration>, Fault> {
    let Some(text) = std::env::var_os("PINBOOT_KEEPALIVE").filter(|text| !text.is_empty()) else { return Ok(None) };
    let span = text.to_str().and_then(|text| text.parse().ok()).and_then(|span| Duration::try_from_secs_f64(span).ok());
    match span {
        Some(span) if span >= SHORTEST_KEEPALIVE && span <= LONGEST_KEEPALIVE => Ok(Some(span)),
        _ => Err(Fault::new(
            Exit::BadInput,
            format!(
                "PINBOOT_KEEPALIVE={} is no number of seconds from 0.1 to 3600",
                text.to_string_lossy().escape_debug()
            ),
            Some("9 is what holds without it: a host that falls silent is noticed after three times as long"),
        )),
    }
}

/// Refuses keys that cannot be used before anything else happens.
pub(super) async fn look_at_keys(ssh: &Ssh, hosts: impl IntoIterator<Item = &Host>) -> Result<(), Fault> {
    for host in hosts {
        if let Some(key) = &host.key {
            let shown = ssh.load_key(Path::new(key)).await.map_err(|mut error| {
                error.hint = super::files::near_file(key).or(error.hint);
                error
            })?;
            tracing::debug!(host = %host.id, "key {}: {shown}", key.display());
        }
    }
    Ok(())
}

/// Carries the jobs out until the run is over, and gives its last view and what the user wanted by then. `listener` hears
/// every event, once it is on record.
pub(super) async fn carry_out(
    setting: Setting<'_>,
    ssh: Ssh,
    jobs: Vec<Job>,
    first: Option<EventKind>,
    view: RunView,
    mut listener: impl FnMut(&Event),
) -> Result<(RunView, StopRequest), Fault> {
    let Setting { cli, flags, reach, commands, mut journal, wait, wish } = setting;
    let run = journal.as_ref().map(|journal| journal.run().clone());
    let reporter = Arc::new(Mutex::new(reporter(cli, commands, journal.is_some())));
    let (sender, wish) = watch::channel(wish);
    let notes = Arc::clone(&reporter);
    let signals = tokio::spawn(super::signals::listen(sender, move |text| {
        if lock(&notes).note(text).is_err() {
            complain(text);
        }
    }));
    let options = Options {
        forks: flags.forks.unwrap_or(FORKS) as usize,
        reconnect_for: Duration::from_secs(reach.reconnect_for),
        wait,
        cause: |kind, output| crate::kinds::cause(kind, output).map(ToOwned::to_owned),
    };
    let emit = |event: &Event, view: &RunView| -> Result<(), Broken> {
        if let Some(journal) = &mut journal {
            journal.append(event)?;
        }
        listener(event);
        Ok(lock(&reporter).event(event, view)?)
    };
    let done = engine::run(Arc::new(ssh), jobs, options, wish.clone(), first, view, emit).await;
    signals.abort();
    match done {
        Ok(view) => Ok((view, *wish.borrow())),
        Err(Broken::Journal(error)) => {
            let mut fault = Fault::from(error);
            write!(fault.text, "\n  {}", then(run.as_ref())).expect("a string takes all");
            Err(fault)
        }
        Err(Broken::Sink(error)) => {
            let (exit, what) = match error.kind() {
                io::ErrorKind::BrokenPipe => (Exit::OutputClosed, "whoever read the output has gone".to_owned()),
                // (What a terminal answers that has been closed.)
                _ if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                    (Exit::Hangup, "the terminal has gone".to_owned())
                }
                _ => (Exit::LocalError, format!("the output cannot be written: {error}")),
            };
            Err(Fault::new(exit, what, Some(&then(run.as_ref()))))
        }
    }
}

/// What goes on after an end that is not the run's own, and what to type. A rehearsal's host goes with it.
fn then(run: Option<&RunId>) -> String {
    match run {
        Some(run) => format!("what was begun goes on at the hosts; type `pinboot rerun {run}` to see its end"),
        None => "the rehearsal is over".to_owned(),
    }
}

/// Who cannot listen any more.
enum Broken {
    Journal(JournalError),
    Sink(io::Error),
}

impl From<JournalError> for Broken {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Sink(error)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn reporter(cli: &Cli, commands: Commands, rerun: bool) -> Box<dyn Reporter + Send> {
    if cli.wants_json() {
        return Box::new(Jsonl::new(Box::new(io::stdout())));
    }
    let style = Style { verbose: cli.verbose > 0, color: color(&io::stdout()), rerun, commands };
    if io::stdout().is_terminal() && io::stderr().is_terminal() {
        Box::new(Terminal::stderr(style))
    } else {
        Box::new(Plain::new(Box::new(io::stdout()), Box::new(io::stderr()), style))
    }
}

/// The commands of plans, by host and step.
pub(super) fn commands(plans: &[(Host, crate::plan::Plan)]) -> Commands {
    let table: std::collections::HashMap<(HostId, StepId), String> = plans
        .iter()
        .flat_map(|(host, plan)| plan.steps.iter().map(move |step| (host.id.clone(), step)))
        .filter_map(|(host, step)| Some(((host, step.id), crate::plan::show::command(step)?)))
        .collect();
    Box::new(move |host, step| table.get(&(host.clone(), step)).cloned())
}
