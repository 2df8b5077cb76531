//! `pinboot run`, and its dry run.

use std::path::Path;
use std::time::Duration;

use super::args::{Assume, Cli, ConnectArgs, RunArgs};
use super::connect::{check_keys, connector};
use super::console::{print, print_warnings};
use super::error::CommandError;
use super::execute::{RunContext, commands, execute};
use super::files::{self, Ready};
use super::jobs::{header, job, pin_host, started, target};
use super::sudo_password;
use super::system::{runtime, state};
use crate::engine::{Job, StopRequest};
use crate::event::Mode;
use crate::exit::Exit;
use crate::journal::RecordedRun;
use crate::journal::store::KEPT_RUNS;
use crate::journal::{Header, Journal};
use crate::plan::{Action, OnUnknown, Plan, show};
use crate::rerun;
use crate::view::RunView;

/// Runs a playbook, or shows what a run would do.
pub(super) fn run(cli: &Cli, args: &RunArgs) -> Result<Exit, CommandError> {
    let mode = if args.check { Mode::Check } else { Mode::Run };
    let mut ready = files::read(&args.playbook, &args.common.flags(), mode)?;
    print_warnings(&ready.warnings);
    if args.dry_run {
        let json = cli.wants_json();
        return print(&if json { show::json(&ready.plans) } else { show::text(&ready.plans, cli.is_verbose()) });
    }
    if ready.plans.is_empty() {
        return Err(CommandError::input("the playbook names no hosts").hint("add `hosts:` to it, or give --host"));
    }
    sudo_password::give(&mut ready.plans, &ready.flags)?;
    let options = RunOptions {
        mode,
        connect: &args.common.connect,
        wait: args.common.wait.duration(),
        assume: None,
        same_host: false,
    };
    start(cli, &args.playbook, ready, &options, &[])
}

/// How a run is started, besides its playbook.
pub(super) struct RunOptions<'a> {
    /// Run or check.
    pub(super) mode: Mode,
    /// How to reach the hosts.
    pub(super) connect: &'a ConnectArgs,
    /// How long to wait for a host that another run holds.
    pub(super) wait: Duration,
    /// What to assume of steps of unknown outcome.
    pub(super) assume: Option<Assume>,
    /// Whether a host may show another key or machine id than before.
    pub(super) same_host: bool,
}

/// Starts a new run and executes it. `past` is the run that it resumes, and the runs that that one resumed.
pub(super) fn start(
    cli: &Cli,
    playbook: &Path,
    mut ready: Ready,
    options: &RunOptions<'_>,
    past: &[RecordedRun],
) -> Result<Exit, CommandError> {
    let previous = past.first();
    for (host, plan) in &mut ready.plans {
        if let Some(assume) = options.assume {
            assume_outcome(plan, assume);
        }
        if previous.is_some() {
            let dispositions = rerun::dispositions(past, plan, &target(host));
            rerun::apply(plan, dispositions);
        }
    }
    runtime()?.block_on(async {
        let mut ssh = connector(&ready.flags, options.connect)?;
        check_keys(&ssh, ready.plans.iter().map(|(host, _)| host)).await?;
        let header = header(playbook, &ready, options.mode, previous)?;
        let journal = new_journal(&header)?;
        let mut jobs: Vec<Job> = ready.plans.iter().map(|(host, plan)| job(host, plan, &header)).collect();
        if let Some(previous) = previous {
            for job in &mut jobs {
                pin_host(&mut ssh, job, past, &previous.header.run, options.same_host);
            }
        }
        let context = RunContext {
            commands: commands(&ready.plans),
            journal: Some(journal),
            wait: options.wait,
            ..RunContext::new(cli, &ready.flags, options.connect)
        };
        let first = started(&header, &ready.name, &ready.plans);
        let executed = execute(context, ssh, jobs, Some(first), RunView::default(), |_| StopRequest::None).await?;
        Ok(executed.view.exit_code())
    })
}

/// Creates the run's journal, and removes the oldest ones.
fn new_journal(header: &Header) -> Result<Journal, CommandError> {
    let state = state()?;
    let journal = state.create(header).map_err(|error| CommandError::from(error).hint("nothing was sent"))?;
    // Old runs only take up space, so the new run does not depend on their removal.
    if let Err(error) = state.prune(KEPT_RUNS) {
        tracing::debug!("cannot remove old runs: {error}");
    }
    Ok(journal)
}

/// Applies what the user knows to the steps that have no check.
fn assume_outcome(plan: &mut Plan, assume: Assume) {
    for step in &mut plan.steps {
        if let Action::Apply(spec) = &mut step.action
            && !spec.has_check()
        {
            spec.on_unknown = match assume {
                Assume::Done => OnUnknown::Done,
                Assume::NotDone => OnUnknown::Rerun,
            };
        }
    }
}
