//! `pinboot rerun`: finishes a run.

use std::path::PathBuf;
use std::time::Duration;

use super::args::{Cli, Reach, Rerun};
use super::fault::Fault;
use super::files::{self, Ready};
use super::live::{self, Setting};
use super::run::{How, begin, identity, insist, rerun_command, runtime, started, target};
use super::{color, complain, state};
use crate::engine::{Job, StepFacts, StopRequest, Task};
use crate::event::{Failure, Mode, Outcome};
use crate::exit::Exit;
use crate::flags::Flags;
use crate::ids::{HostId, RunId};
use crate::inventory::Host;
use crate::journal::rerun::Past;
use crate::journal::{HostSummary, JournalRead, State, StepSummary};
use crate::secret::Masker;
use crate::transport::ssh::Ssh;
use crate::view::{HostState, RunView};

/// Follows a run that goes on at its hosts, or runs again what failed or was not reached.
pub(super) fn rerun(cli: &Cli, rerun: &Rerun) -> Result<Exit, Fault> {
    let state = state()?;
    let run = state.resolve(rerun.run.as_deref())?;
    if state.is_held(&run) {
        return Err(held(&run));
    }
    let read = state.read(&run)?;
    if let Some(torn) = read.torn {
        complain(&format!(
            "the last {} bytes of the journal of run {run} were torn by a crash and do not count; the host's own record does",
            torn.bytes
        ));
    }
    if read.view().exit == Some(Exit::Success) {
        complain(&format!("run {run} is finished: nothing failed, and nothing was left out"));
        return Ok(Exit::Success);
    }
    let mut old = Old::take_up(&state, read, rerun.given.flags())?;
    old.same_host = rerun.same_host;
    let jobs = old.jobs()?;
    if !jobs.is_empty() {
        let followed: Vec<HostId> = jobs.iter().map(|job| job.host.id.clone()).collect();
        let (after, wish) = old.follow(cli, &state, &rerun.given.reach, jobs, StopRequest::None)?;
        // What ended without its steps being done is taken up below. Everything else is the run's own end.
        if wish != StopRequest::None || !followed.iter().all(|host| leaves_work(&old.run().view, &after, host)) {
            return Ok(after.exit_code());
        }
        old.past[0] = state.read(&run)?.into();
    }
    if !old.ready.warnings.is_empty() {
        complain(&old.ready.warnings);
    }
    let how = How {
        mode: old.run().header.mode,
        reach: &rerun.given.reach,
        wait: rerun.given.patience.time(),
        assume: rerun.assume,
        same_host: rerun.same_host,
    };
    begin(cli, &old.playbook, old.ready, &how, &old.past)
}

/// Another pinboot of this machine follows the run.
pub(super) fn held(run: &RunId) -> Fault {
    let message = format!("another pinboot is running {run} at this moment");
    Fault::new(Exit::Busy, message, Some("`pinboot show` shows how far it is, `pinboot cancel` stops it"))
}

/// A run of this machine's, with its playbook as it stands now.
pub(super) struct Old {
    /// What was recorded of it, and of the runs that it was to finish.
    past: Vec<Past>,
    /// Its flags, those that are given anew in front.
    flags: Flags,
    /// Whether its hosts may show another key or machine id than then.
    same_host: bool,
    playbook: PathBuf,
    ready: Ready,
}

impl Old {
    /// Reads the playbook of a run, in the folder and with the flags of then.
    pub(super) fn take_up(state: &State, read: JournalRead, given: Flags) -> Result<Self, Fault> {
        let flags = read.header.flags.overridden_by(absolute(given)?);
        std::env::set_current_dir(&read.header.cwd).map_err(|error| {
            let message = format!(
                "the folder in which the run was begun, {}, cannot be entered: {error}",
                read.header.cwd.display()
            );
            Fault::new(Exit::BadInput, message, Some("begin a new run instead: pinboot run PLAYBOOK"))
        })?;
        let missing: Vec<&str> =
            flags.secret_vars.iter().filter(|name| !flags.has_var(name)).map(String::as_str).collect();
        if !missing.is_empty() {
            let message = format!(
                "the run had secret variables on its command line, which are kept nowhere: {}",
                missing.join(", ")
            );
            return Err(Fault::new(Exit::BadInput, message, Some("give them again with -e NAME=VALUE")));
        }
        // The playbook as it stands now; it is read before anything is asked, so that a fault in it costs nothing.
        let playbook = PathBuf::from(&read.header.playbook);
        let playbook = if playbook.exists() { playbook } else { read.header.playbook_path.clone() };
        let ready = files::read(&playbook, &flags, read.header.mode, color(&std::io::stderr()))?;
        let mut past = state.before(&read.header);
        past.insert(0, read.into());
        Ok(Self { past, flags, same_host: false, playbook, ready })
    }

    /// What was recorded of it.
    fn run(&self) -> &Past {
        &self.past[0]
    }

    /// What follows the run on each host where nobody saw its end.
    pub(super) fn jobs(&self) -> Result<Vec<Job>, Fault> {
        let unseen: Vec<&HostSummary> =
            self.run().header.hosts.iter().filter(|host| is_unseen(&self.run().view, &host.host)).collect();
        let jobs: Vec<Job> = unseen
            .iter()
            .filter_map(|summary| {
                let (host, plan) = self
                    .ready
                    .plans
                    .iter()
                    .find(|(host, _)| host.id == summary.host && target(host) == summary.target)?;
                Some(follow_job(host, Masker::new(&plan.secrets), summary, self.run()))
            })
            .collect();
        if jobs.len() < unseen.len() {
            let run = &self.run().header.run;
            let message = format!("run {run} may still go on at a host that the playbook does not name as it did then");
            return Err(Fault::new(
                Exit::Mismatch,
                message,
                Some("give --host, --user or --limit as they were, or begin a new run"),
            ));
        }
        Ok(jobs)
    }

    /// Follows the run and writes on in its journal; gives its last view and what the user wanted by then.
    pub(super) fn follow(
        &self,
        cli: &Cli,
        state: &State,
        reach: &Reach,
        mut jobs: Vec<Job>,
        wish: StopRequest,
    ) -> Result<(RunView, StopRequest), Fault> {
        let (journal, read) = state.reopen(&self.run().header.run)?;
        runtime()?.block_on(async {
            let ssh = self.connector(reach, &mut jobs).await?;
            let setting = Setting {
                cli,
                flags: &self.flags,
                reach,
                commands: live::commands(&self.ready.plans),
                journal: Some(journal),
                wait: Duration::ZERO,
                wish,
            };
            // (Of a journal that was cut, even the first event may be missing.)
            let view = read.view();
            let first = view.run.is_none().then(|| started(&read.header, &self.ready.name, &self.ready.plans));
            live::carry_out(setting, ssh, jobs, first, view, |_| ()).await
        })
    }

    /// A way to reach the hosts of these jobs, whose keys can be used; the jobs hold for the hosts of then.
    pub(super) async fn connector(&self, reach: &Reach, jobs: &mut [Job]) -> Result<Ssh, Fault> {
        let mut ssh = live::connector(&self.flags, reach)?;
        live::look_at_keys(&ssh, jobs.iter().map(|job| &job.host)).await?;
        for job in jobs {
            insist(&mut ssh, job, &self.past, &self.run().header.run, self.same_host);
        }
        Ok(ssh)
    }
}

/// Whether nobody saw the host's part of the run end. (Where nothing was heard of the host at all, the delivery may
/// have gone out all the same; where it was to be followed and could not be asked, it is as it was.)
fn is_unseen(view: &RunView, host: &HostId) -> bool {
    view.host(host).is_none_or(|host| match host.state {
        HostState::Unreachable => host.followed,
        _ => host.exit.is_none_or(may_still_run),
    })
}

/// Whether a host that ended so may still be carrying out the run.
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
        | Exit::Terminated => true,
        Exit::Success
        | Exit::StepFailed
        | Exit::BadInput
        | Exit::OutcomeUnknown
        | Exit::Busy
        | Exit::Mismatch
        | Exit::IntegrityFailed
        | Exit::LocalError
        | Exit::Other(_) => false,
    }
}

/// Whether the host was heard of in the run: then it has a record of it.
pub(super) fn has_arrived(view: &RunView, host: &HostId) -> bool {
    view.host(host).is_some_and(|host| !host.fingerprint.is_empty())
}

/// Whether the run that was followed ended on this host in a way that leaves something for a new run: its runner was
/// killed or had been told to stop before, or it had never come there. (Whoever stops it now does not want another one.)
fn leaves_work(before: &RunView, after: &RunView, host: &HostId) -> bool {
    match after.host(host).and_then(|host| host.exit) {
        Some(Exit::OutcomeUnknown) => !has_unknown(after, host),
        Some(Exit::Interrupted) => {
            is_over(after, host) || before.host(host).is_some_and(|host| host.exit == Some(Exit::Interrupted))
        }
        Some(Exit::Mismatch) => !has_arrived(before, host) && !is_unseen(after, host),
        _ => false,
    }
}

/// Whether the run had ended before it was followed.
fn is_over(view: &RunView, host: &HostId) -> bool {
    view.host(host).is_some_and(|host| host.over)
}

/// Whether the run itself found the outcome of a step unknown.
pub(super) fn has_unknown(view: &RunView, host: &HostId) -> bool {
    let steps = view.host(host).into_iter().flat_map(|host| &host.steps);
    steps.filter(|step| step.outcome() == Some(Outcome::Unknown)).count() > 0
}

pub(super) fn follow_job(host: &Host, masker: Masker, summary: &HostSummary, old: &Past) -> Job {
    let seen = || old.view.host(&summary.host).into_iter().flat_map(|host| &host.steps);
    let over = seen().filter_map(|step| Some((step.id, step.outcome()?))).collect();
    let exits = seen().map(|step| match (step.outcome(), step.failure) {
        (Some(Outcome::Failed), _) if step.allowed => Exit::Success,
        (Some(Outcome::Failed), Some(Failure::Integrity)) => Exit::IntegrityFailed,
        (Some(Outcome::Failed), _) => Exit::StepFailed,
        (Some(Outcome::Unknown), _) if old.header.mode == Mode::Run => Exit::OutcomeUnknown,
        _ => Exit::Success,
    });
    let fact = |step: &StepSummary| StepFacts {
        name: step.name.clone(),
        kind: step.kind.clone(),
        skipped: step.skipped.clone(),
        allowed: step.allowed,
        needs: Vec::new(),
    };
    Job {
        host: host.clone(),
        identity: identity(&old.header.run, &old.header.nonce, &old.header.started),
        facts: summary.steps.iter().map(|step| (step.id, fact(step))).collect(),
        masker,
        muted: false,
        known: None,
        again: rerun_command(&old.header.run),
        errand: Task::Attach {
            over,
            exit: Exit::worst(exits),
            arrived: has_arrived(&old.view, &summary.host),
            resume: None,
        },
    }
}

/// Paths that are given now are meant from here, not from the folder of the old run.
fn absolute(mut flags: Flags) -> Result<Flags, Fault> {
    let paths = flags.key.iter_mut().chain(&mut flags.known_hosts).chain(&mut flags.vars_files);
    for path in paths {
        if !path.starts_with("~") {
            *path =
                std::path::absolute(&*path).map_err(|error| Fault::input(format!("{}: {error}", path.display())))?;
        }
    }
    Ok(flags)
}
