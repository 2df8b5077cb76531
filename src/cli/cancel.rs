//! `pinboot cancel`: stops a run, from this machine or from another one.

use std::time::Duration;

use super::args::{Cancel, Cli, flags};
use super::attach::{find, found_job};
use super::fault::Fault;
use super::live::{self, Setting};
use super::rerun::Old;
use super::run::runtime;
use super::{complain, state};
use crate::engine::{Job, StopRequest};
use crate::event::escape;
use crate::exit::Exit;
use crate::inventory::Host;
use crate::remote::record::State as At;
use crate::remote::{Stopped, stop, stopped};
use crate::transport::ssh::Ssh;
use crate::transport::{Chunk, Connect as _, Error, Session as _};
use crate::view::RunView;

/// Tells a run's hosts to stop it, and follows it to its end where no other pinboot does.
pub(super) fn cancel(cli: &Cli, cancel: &Cancel) -> Result<Exit, Fault> {
    match &cancel.host {
        Some(host) => from_elsewhere(cli, cancel, host),
        None => from_here(cli, cancel),
    }
}

fn wish(cancel: &Cancel) -> StopRequest {
    if cancel.after_step { StopRequest::AfterStep } else { StopRequest::Now }
}

/// A run of this machine's.
fn from_here(cli: &Cli, cancel: &Cancel) -> Result<Exit, Fault> {
    let state = state()?;
    let run = state.resolve(cancel.run.as_deref()).map_err(|error| {
        let mut fault = Fault::from(error);
        fault.text.push_str("\n  a run that another machine began: pinboot cancel --host USER@ADDRESS --key FILE");
        fault
    })?;
    let held = state.is_held(&run);
    let read = state.read(&run)?;
    let given = flags(&[&cancel.reach]);
    let old = Old::take_up(&state, read, given).map_err(|mut fault| {
        fault.text.push_str("\n  `pinboot cancel --host USER@ADDRESS` with --key stops the run without its playbook");
        fault
    })?;
    let mut jobs = old.jobs()?;
    if jobs.is_empty() {
        complain(&format!("run {run} is over: there is nothing to stop"));
        return Ok(Exit::Success);
    }
    if held {
        // Its end is shown by whoever follows it.
        return runtime()?.block_on(async {
            let ssh = old.connector(&cancel.reach, &mut jobs).await?;
            tell_all(&ssh, &jobs, wish(cancel)).await
        });
    }
    let (view, wanted) = old.follow(cli, &state, &cancel.reach, jobs, wish(cancel))?;
    Ok(exit_of(&view, wanted))
}

/// A run of another machine's.
fn from_elsewhere(cli: &Cli, cancel: &Cancel, host: &str) -> Result<Exit, Fault> {
    let flags = flags(&[&cancel.reach]);
    let host = super::attach::bare_host(host, &cancel.reach)?;
    runtime()?.block_on(async {
        let ssh = live::connector(&flags, &cancel.reach)?;
        live::look_at_keys(&ssh, [&host]).await?;
        let record = find(&ssh, &host, cancel.run.as_deref()).await?;
        match &record.state {
            At::Ended(how) => {
                let how = crate::event::escape(how.as_bytes());
                complain(&format!("run {} is over ({how}): there is nothing to stop", record.run));
                return Ok(Exit::Success);
            }
            At::Gone => {
                complain(&format!(
                    "nothing of run {0} goes on at the host: its runner was ended from outside (killed, or the host was \
                     restarted) before the run was over; `pinboot attach {1}@{2} {0} --playbook FILE` would go on with it",
                    record.run,
                    host.user,
                    host.shown_address()
                ));
                return Ok(Exit::Success);
            }
            At::Runs => {}
        }
        let (job, first) = found_job(&host, &record, None);
        let setting = Setting {
            cli,
            flags: &flags,
            reach: &cancel.reach,
            commands: live::commands(&[]),
            journal: None,
            wait: Duration::ZERO,
            wish: wish(cancel),
        };
        let (view, wanted) = live::carry_out(setting, ssh, vec![job], Some(first), RunView::default(), |_| ()).await?;
        Ok(exit_of(&view, wanted))
    })
}

/// The exit code: 0 where the run is over at every host, however it ended; otherwise why that is not known.
fn exit_of(view: &RunView, wanted: StopRequest) -> Exit {
    if let StopRequest::Detach(exit) = wanted {
        return exit;
    }
    match view.exit_code() {
        Exit::Success | Exit::StepFailed | Exit::OutcomeUnknown | Exit::IntegrityFailed | Exit::Interrupted => {
            Exit::Success
        }
        exit => exit,
    }
}

/// Tells every host once, and says what each of them answered.
async fn tell_all(ssh: &Ssh, jobs: &[Job], wish: StopRequest) -> Result<Exit, Fault> {
    let level = if wish == StopRequest::Now { 2 } else { 1 };
    let mut worst = Ok(Exit::Success);
    for job in jobs {
        let run = &job.identity.run;
        let said = match ask(ssh, &job.host, &stop(&job.identity, level)).await {
            Ok(said) => stopped(&said),
            Err(error) => {
                complain(&format!("{}: {}", job.host.id, error.message));
                worst = Err(Fault::from(error));
                continue;
            }
        };
        let said = match said {
            Some(Stopped::Told) if level == 2 => format!("run {run} is told to end the step in hand"),
            Some(Stopped::Told) => format!("run {run} is told to begin no further step"),
            Some(Stopped::Ended) => format!("the runner of run {run} was dead; what lived of its step has been ended"),
            Some(Stopped::Left(left)) => {
                let left = job.masker.mask(&escape(left.as_bytes()));
                format!("the runner of run {run} was dead; still alive on the host: {left}")
            }
            Some(Stopped::Gone) => format!("the runner of run {run} is dead, and nothing of its step lives"),
            Some(Stopped::Over) => format!("run {run} is over there"),
            Some(Stopped::Unknown) => format!("the host has no record of run {run}"),
            None => "the host did not understand the stop".to_owned(),
        };
        complain(&format!("{}: {said}; its end is shown by the pinboot that follows it", job.host.id));
    }
    worst
}

/// Runs one command on a host and gives what it said on standard output.
pub(super) async fn ask(ssh: &Ssh, host: &Host, exec: &crate::transport::Exec) -> Result<Vec<u8>, Error> {
    let mut session = ssh.connect(host, exec).await?;
    let mut said = Vec::new();
    loop {
        match session.next().await {
            Chunk::Stdout(bytes) if said.len() < 64 * 1024 => said.extend(bytes),
            Chunk::Stdout(_) | Chunk::Stderr(_) | Chunk::Exit(_) => {}
            Chunk::Closed => break,
            Chunk::Lost(reason) => {
                return Err(Error::new(crate::transport::ErrorKind::Unreachable, reason));
            }
        }
    }
    let _ = tokio::time::timeout(Duration::from_secs(2), session.close()).await;
    Ok(said)
}
