//! A run that is on record on this machine: `rerun` resumes it, `cancel` stops it.

use std::path::PathBuf;

use super::args::{Cli, ConnectArgs};
use super::connect::{check_keys, connector};
use super::error::CommandError;
use super::execute::{Executed, RunContext, commands, execute};
use super::files::{self, Ready};
use super::jobs::{identity, pin_host, started, target};
use super::sent_files::sent_files;
use super::system::runtime;
use crate::engine::{Job, ResumeCommand, StopRequest, Task};
use crate::event::{Failure, Mode, Outcome};
use crate::exit::Exit;
use crate::flags::Flags;
use crate::ids::{HostId, RunId};
use crate::inventory::Host;
use crate::journal::RecordedRun;
use crate::journal::{HostSummary, JournalRead, StateDir};
use crate::secret::Masker;
use crate::transport::ssh::Ssh;
use crate::view::{HostState, RunView};

/// The error of a run that another pinboot of this machine follows.
pub(super) fn busy(run: &RunId) -> CommandError {
    CommandError::new(Exit::Busy, format!("another pinboot is executing run {run}"))
        .hint("`pinboot show` shows its progress, `pinboot cancel` stops it")
}

/// A run of this machine, with its playbook as it is now.
pub(super) struct PreviousRun {
    /// What was recorded of it, and of the runs that it resumed.
    pub(super) past: Vec<RecordedRun>,
    /// Its flags, overridden by those that are given now.
    flags: Flags,
    /// Whether its hosts may show another key or machine id than they did in the run.
    pub(super) same_host: bool,
    /// The playbook's file.
    pub(super) playbook: PathBuf,
    /// The playbook, compiled.
    pub(super) ready: Ready,
}

impl PreviousRun {
    /// Loads the playbook of a run in its original directory with its original flags; `given` overrides these.
    pub(super) fn load(state: &StateDir, read: JournalRead, given: Flags) -> Result<Self, CommandError> {
        let flags = read.header.flags.clone().overridden_by(absolute(given)?);
        std::env::set_current_dir(&read.header.cwd).map_err(|error| {
            let folder = read.header.cwd.display();
            CommandError::input(format!("cannot enter the folder in which the run was started, {folder}: {error}"))
                .hint("start a new run instead: pinboot run PLAYBOOK")
        })?;
        let missing: Vec<&str> =
            flags.secret_vars.iter().filter(|name| !flags.has_var(name)).map(String::as_str).collect();
        if !missing.is_empty() {
            let message = format!("the run had secret variables, which are not recorded: {}", missing.join(", "));
            return Err(CommandError::input(message).hint("give them again with -e NAME=VALUE"));
        }
        // The playbook is read before any host is contacted, so an error in it costs nothing.
        let playbook = PathBuf::from(&read.header.playbook);
        let playbook = if playbook.exists() { playbook } else { read.header.playbook_path.clone() };
        let ready = files::read(&playbook, &flags, read.header.mode)?;
        let mut past = state.before(&read.header);
        past.insert(0, read.into());
        Ok(Self { past, flags, same_host: false, playbook, ready })
    }

    /// What was recorded of it.
    pub(super) fn run(&self) -> &RecordedRun {
        &self.past[0]
    }

    /// Jobs that follow the run on each host where it may still be running.
    pub(super) fn jobs(&self) -> Result<Vec<Job>, CommandError> {
        let run = self.run();
        let open: Vec<&HostSummary> = run.header.hosts.iter().filter(|host| is_open(&run.view, &host.host)).collect();
        let jobs: Vec<Job> = open
            .iter()
            .filter_map(|summary| {
                let mut plans = self.ready.plans.iter();
                let (host, plan) = plans.find(|(host, _)| host.id == summary.host && target(host) == summary.target)?;
                Some(Job { files: sent_files(plan), ..follow_job(host, Masker::new(&plan.secrets), summary, run) })
            })
            .collect();
        if jobs.len() < open.len() {
            let message = format!(
                "run {} may still be running on a host that the playbook now names differently",
                run.header.run
            );
            return Err(CommandError::new(Exit::Mismatch, message)
                .hint("give --host, --user or --limit as in that run, or start a new run"));
        }
        Ok(jobs)
    }

    /// Follows the run and continues its journal.
    pub(super) fn follow(
        &self,
        cli: &Cli,
        state: &StateDir,
        connect: &ConnectArgs,
        mut jobs: Vec<Job>,
        stop: StopRequest,
    ) -> Result<Executed, CommandError> {
        let (journal, read) = state.reopen(&self.run().header.run)?;
        runtime()?.block_on(async {
            let ssh = self.connector(connect, &mut jobs).await?;
            let context = RunContext {
                commands: commands(&self.ready.plans),
                journal: Some(journal),
                stop,
                ..RunContext::new(cli, &self.flags, connect)
            };
            // A journal that was cut may lack even the first event.
            let view = read.view();
            let first = view.run.is_none().then(|| started(&read.header, &self.ready.name, &self.ready.plans));
            execute(context, ssh, jobs, first, view, |_| StopRequest::None).await
        })
    }

    /// An SSH client for the hosts of these jobs, with keys that can be used; pins the jobs to the hosts of the run.
    pub(super) async fn connector(&self, connect: &ConnectArgs, jobs: &mut [Job]) -> Result<Ssh, CommandError> {
        let mut ssh = connector(&self.flags, connect)?;
        check_keys(&ssh, jobs.iter().map(|job| &job.host)).await?;
        for job in jobs {
            pin_host(&mut ssh, job, &self.past, &self.run().header.run, self.same_host);
        }
        Ok(ssh)
    }
}

/// Makes paths that are given now absolute: they start here, not in the directory of the previous run.
fn absolute(mut flags: Flags) -> Result<Flags, CommandError> {
    let paths = flags.key.iter_mut().chain(&mut flags.known_hosts).chain(&mut flags.vars_files);
    for path in paths.filter(|path| !path.starts_with("~")) {
        *path =
            std::path::absolute(&*path).map_err(|error| CommandError::input(format!("{}: {error}", path.display())))?;
    }
    Ok(flags)
}

/// A job that follows a run on one host.
pub(super) fn follow_job(host: &Host, masker: Masker, summary: &HostSummary, previous: &RecordedRun) -> Job {
    let steps = || previous.view.host(&summary.host).into_iter().flat_map(|host| &host.steps);
    let exits = steps().map(|step| match (step.outcome(), step.failure) {
        (Some(Outcome::Failed), _) if step.allowed => Exit::Success,
        (Some(Outcome::Failed), Some(Failure::Integrity)) => Exit::IntegrityFailed,
        (Some(Outcome::Failed), _) => Exit::StepFailed,
        (Some(Outcome::Unknown), _) if previous.header.mode == Mode::Run => Exit::OutcomeUnknown,
        _ => Exit::Success,
    });
    Job {
        host: host.clone(),
        identity: identity(&previous.header.run, &previous.header.nonce, &previous.header.started),
        steps: summary.steps.clone(),
        planned: Some(summary.steps.iter().map(|step| step.id).collect()),
        mode: previous.header.mode,
        masker,
        muted: false,
        expected: None,
        resume_command: Some(ResumeCommand::rerun(&previous.header.run)),
        files: None,
        task: Task::Attach {
            finished: steps().filter_map(|step| Some((step.id, step.outcome()?))).collect(),
            exit: Exit::worst(exits),
            arrived: has_record(&previous.view, &summary.host),
            resume: None,
        },
    }
}

/// Whether the host may still be executing the run: its end is not recorded here.
///
/// Without any event of the host, the plan may have been delivered all the same. A host that was to be followed and could
/// not be reached is as it was.
pub(super) fn is_open(view: &RunView, host: &HostId) -> bool {
    view.host(host).is_none_or(|host| match host.state {
        HostState::Unreachable => host.followed,
        _ => host.exit.is_none_or(may_still_run),
    })
}

/// Whether a host that ended with this exit may still be executing the run.
fn may_still_run(exit: Exit) -> bool {
    match exit {
        Exit::Unreachable
        | Exit::LoginRefused
        | Exit::HostKeyRefused
        | Exit::HostUnfit
        | Exit::ConnectionLost
        | Exit::Hangup
        | Exit::Interrupted
        | Exit::Quit
        | Exit::OutputClosed
        // Files of a step could not be written here.
        | Exit::LocalError
        | Exit::Terminated => true,
        Exit::Success
        | Exit::StepFailed
        | Exit::BadInput
        | Exit::OutcomeUnknown
        | Exit::Busy
        | Exit::Mismatch
        | Exit::IntegrityFailed
        | Exit::Other(_) => false,
    }
}

/// Whether the host reported anything of the run: then it has a record of it.
pub(super) fn has_record(view: &RunView, host: &HostId) -> bool {
    view.host(host).is_some_and(|host| host.ready.is_some())
}

/// Whether the run itself found the outcome of a step unknown.
pub(super) fn has_unknown(view: &RunView, host: &HostId) -> bool {
    let mut steps = view.host(host).into_iter().flat_map(|host| &host.steps);
    steps.any(|step| step.outcome() == Some(Outcome::Unknown))
}
