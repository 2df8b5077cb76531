//! `pinboot rerun`: resumes a run.

use super::args::{Cli, RerunArgs};
use super::console::{print_error, print_warnings};
use super::error::CommandError;
use super::last_run::{Purpose, find_run};
use super::previous_run::{PreviousRun, busy, has_record, has_unknown, is_open};
use super::run::{RunOptions, start};
use super::sudo_password;
use super::system::state;
use crate::engine::StopRequest;
use crate::event::Mode;
use crate::exit::Exit;
use crate::ids::HostId;
use crate::view::RunView;

/// Follows a run that is still running on its hosts; otherwise runs what failed and what was not started.
pub(super) fn rerun(cli: &Cli, args: &RerunArgs) -> Result<Exit, CommandError> {
    let state = state()?;
    let run = find_run(&state, args.run.as_deref(), Purpose::Continue)?;
    if state.is_held(&run) {
        return Err(busy(&run));
    }
    let read = state.read(&run)?;
    if let Some(torn) = read.torn {
        let bytes = torn.bytes;
        print_error(&format!(
            "a crash tore the last {bytes} bytes of the journal of run {run}; they are ignored, the host has its own record"
        ));
    }
    if read.view().exit == Some(Exit::Success) && read.header.mode == Mode::Check {
        print_error(&format!(
            "run {run} was a check, which changed nothing: there is nothing to resume; `pinboot run PLAYBOOK` runs it"
        ));
        return Ok(Exit::Success);
    }
    if read.view().exit == Some(Exit::Success) {
        print_error(&format!("run {run} completed successfully; nothing to rerun"));
        return Ok(Exit::Success);
    }
    let connect = &args.common.connect;
    let mut previous = PreviousRun::load(&state, read, args.common.flags())?;
    previous.same_host = args.same_host;
    sudo_password::give(&mut previous.ready.plans, &previous.ready.flags)?;
    let jobs = previous.jobs()?;
    if !jobs.is_empty() {
        let hosts: Vec<HostId> = jobs.iter().map(|job| job.host.id.clone()).collect();
        let followed = previous.follow(cli, &state, connect, jobs, StopRequest::None)?;
        // Hosts that ended with work left are taken care of below. Any other end is the end of the run itself.
        let before = &previous.run().view;
        if followed.stop != StopRequest::None || !hosts.iter().all(|host| leaves_work(before, &followed.view, host)) {
            return Ok(followed.view.exit_code());
        }
        previous.past[0] = state.read(&run)?.into();
    }
    print_warnings(&previous.ready.warnings);
    let options = RunOptions {
        mode: previous.run().header.mode,
        connect,
        wait: args.common.wait.duration(),
        assume: args.assume,
        same_host: args.same_host,
    };
    start(cli, &previous.playbook, previous.ready, &options, &previous.past)
}

/// Whether a run that was followed ended on this host with work left for a new run: its runner was killed, it had already
/// been stopped before, or it never arrived. A user who stops it now does not want a new run.
fn leaves_work(before: &RunView, after: &RunView, host: &HostId) -> bool {
    let was_interrupted = |view: &RunView| view.host(host).is_some_and(|host| host.exit == Some(Exit::Interrupted));
    match after.host(host).and_then(|host| host.exit) {
        Some(Exit::OutcomeUnknown) => !has_unknown(after, host),
        Some(Exit::Interrupted) => had_ended(after, host) || was_interrupted(before),
        Some(Exit::Mismatch) => !has_record(before, host) && !is_open(after, host),
        _ => false,
    }
}

/// Whether the run had already ended on this host when it was followed.
fn had_ended(view: &RunView, host: &HostId) -> bool {
    view.host(host).is_some_and(|host| host.ready.as_ref().is_some_and(|ready| ready.over))
}
