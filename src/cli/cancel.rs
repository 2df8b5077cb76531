//! `pinboot cancel`: stops a run that was started on this machine or on another one.

use super::args::{CancelArgs, Cli, flags};
use super::connect::{check_keys, connector};
use super::console::print_error;
use super::error::CommandError;
use super::execute::{Executed, RunContext, execute};
use super::last_run::{Purpose, find_run};
use super::previous_run::PreviousRun;
use super::remote_run::{ask, bare_host, find, found_job};
use super::signals::unless_signalled;
use super::system::{runtime, state};
use crate::engine::{Job, ResumeCommand, StopRequest};
use crate::exit::Exit;
use crate::remote::record::State as RemoteState;
use crate::remote::{Stopped, stop, stopped};
use crate::secret::{HostText, Masker};
use crate::transport::ssh::Ssh;
use crate::view::RunView;

/// Asks the hosts of a run to stop it, and follows it to its end unless another pinboot does.
pub(super) fn cancel(cli: &Cli, args: &CancelArgs) -> Result<Exit, CommandError> {
    match &args.host {
        Some(host) => cancel_remote(cli, args, host),
        None => cancel_local(cli, args),
    }
}

fn stop_request(args: &CancelArgs) -> StopRequest {
    if args.after_step { StopRequest::AfterStep } else { StopRequest::Now }
}

/// Stops a run of this machine.
fn cancel_local(cli: &Cli, args: &CancelArgs) -> Result<Exit, CommandError> {
    let state = state()?;
    let run = find_run(&state, args.run.as_deref(), Purpose::Stop).map_err(|error| {
        error.hint("to stop a run of another machine: pinboot cancel --host USER@ADDRESS --key FILE")
    })?;
    let is_followed = state.is_held(&run);
    let read = state.read(&run)?;
    let previous = PreviousRun::load(&state, read, flags(&[&args.connect])).map_err(|error| {
        error.hint("`pinboot cancel --host USER@ADDRESS --key FILE` stops the run without its playbook")
    })?;
    let mut jobs = previous.jobs()?;
    if jobs.is_empty() {
        print_error(&format!("run {run} has ended; nothing to stop"));
        return Ok(Exit::Success);
    }
    if is_followed {
        // The pinboot that follows the run reports its end.
        return runtime()?.block_on(async {
            let ssh = previous.connector(&args.connect, &mut jobs).await?;
            let stopping = stop_all(&ssh, &jobs, stop_request(args));
            unless_signalled(ssh.questions(), "not every host was asked to stop", stopping).await
        });
    }
    let executed = previous.follow(cli, &state, &args.connect, jobs, stop_request(args))?;
    Ok(exit(&executed))
}

/// Stops a run that another machine started.
fn cancel_remote(cli: &Cli, args: &CancelArgs, host: &str) -> Result<Exit, CommandError> {
    let flags = flags(&[&args.connect]);
    let host = bare_host(host, &args.connect)?;
    runtime()?.block_on(async {
        let ssh = connector(&flags, &args.connect)?;
        check_keys(&ssh, [&host]).await?;
        let record = find(&ssh, &host, args.run.as_deref(), &Masker::new(&[])).await?;
        match &record.state {
            RemoteState::Ended(how) => {
                let how = HostText::new(how.as_str()).without_secrets();
                print_error(&format!("run {} has ended ({how}); nothing to stop", record.run));
                return Ok(Exit::Success);
            }
            RemoteState::Gone => {
                print_error(&format!(
                    "run {} is not running (its runner died); `{} --playbook FILE` resumes it",
                    record.run,
                    ResumeCommand::attach(&host, &record.run)
                ));
                return Ok(Exit::Success);
            }
            RemoteState::Runs => {}
        }
        let (job, first) = found_job(&host, &record, None);
        let context = RunContext { stop: stop_request(args), ..RunContext::new(cli, &flags, &args.connect) };
        let executed = execute(context, ssh, vec![job], Some(first), RunView::default(), |_| StopRequest::None).await?;
        Ok(exit(&executed))
    })
}

/// Success if the run has ended on every host, in whatever way; otherwise why that is not known.
fn exit(executed: &Executed) -> Exit {
    if let StopRequest::Detach(exit) = executed.stop {
        return exit;
    }
    match executed.view.exit_code() {
        Exit::Success | Exit::StepFailed | Exit::OutcomeUnknown | Exit::IntegrityFailed | Exit::Interrupted => {
            Exit::Success
        }
        exit => exit,
    }
}

/// Asks every host once to stop the run, and reports what each of them answered.
async fn stop_all(ssh: &Ssh, jobs: &[Job], request: StopRequest) -> Result<Exit, CommandError> {
    let mut result = Ok(Exit::Success);
    for job in jobs {
        let level = if request == StopRequest::Now { 2 } else { 1 };
        match ask(ssh, &job.host, &stop(&job.identity, level)).await {
            Ok(output) => {
                let answer = answer(stopped(&output), job, request);
                print_error(&format!("{}: {answer}; the pinboot following it will report the result", job.host.id));
            }
            Err(error) => {
                print_error(&format!("{}: {}", job.host.id, error.message));
                result = Err(CommandError::from(error));
            }
        }
    }
    result
}

/// What a host answered when it was asked to stop a run.
fn answer(answer: Option<Stopped>, job: &Job, request: StopRequest) -> String {
    let (run, masker): (_, &Masker) = (&job.identity.run, &job.masker);
    match answer {
        Some(Stopped::Received) if request == StopRequest::Now => format!("run {run} is stopping its current step"),
        Some(Stopped::Received) => format!("run {run} will stop after its current step"),
        Some(Stopped::Ended) => format!("the runner of run {run} was dead; its remaining processes were ended"),
        Some(Stopped::Left(left)) => {
            let left = left.cut(masker);
            format!("the runner of run {run} was dead; these processes are still alive on the host: {left}")
        }
        Some(Stopped::Gone) => format!("the runner of run {run} is dead, and nothing of its step is running"),
        Some(Stopped::Over) => format!("run {run} has ended there"),
        Some(Stopped::Unknown) => format!("the host has no record of run {run}"),
        None => "the host did not understand the request to stop".to_owned(),
    }
}
