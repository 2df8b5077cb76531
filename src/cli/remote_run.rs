//! A run that is found on its host: `attach` follows it, `cancel --host` stops it.

use std::time::Duration;

use super::args::ConnectArgs;
use super::error::CommandError;
use super::jobs::remote_shell;
use super::sent_files::sent_files;
use super::signals::unless_signalled;
use super::system::{local_user, random};
use crate::engine::{Job, ResumeCommand, Task};
use crate::event::EventKind;
use crate::exit::Exit;
use crate::ids::{HostId, StepId, hex, is_hex, unknown_run};
use crate::inventory::{Host, Target, check_user};
use crate::plan::{Plan, StepSummary};
use crate::remote::Identity;
use crate::remote::record::{self, Answer, MAX_STEPS, Record};
use crate::secret::{HostText, Masker};
use crate::transport::ssh::Ssh;
use crate::transport::{Chunk, Connect as _, Error, ErrorKind, Exec, Session as _};

/// How much of an answer is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A host that no playbook describes.
pub(super) fn bare_host(text: &str, connect: &ConnectArgs) -> Result<Host, CommandError> {
    let target = Target::parse(text).map_err(|why| CommandError::input(format!("{}: {why}", text.escape_default())))?;
    let user = target.user.or_else(|| connect.user.clone()).unwrap_or_else(local_user);
    let user = check_user(&user).map_err(|why| CommandError::input(format!("--user: {why}")))?;
    Ok(Host {
        id: HostId(target.address.clone()),
        address: target.address,
        port: target.port.unwrap_or(22),
        user,
        key: connect.key.clone(),
    })
}

/// Asks a host for the run whose id starts with `wanted`, or for its last run.
pub(super) async fn find(
    ssh: &Ssh,
    host: &Host,
    wanted: Option<&str>,
    masker: &Masker,
) -> Result<Record, CommandError> {
    let wanted = wanted.unwrap_or_default();
    if !is_hex(wanted) || wanted.len() > 8 {
        return Err(CommandError::input(format!("invalid run id `{}`", wanted.escape_default())).hint(
            "a run id has eight hexadecimal digits; the first ones are enough if no other run starts with them",
        ));
    }
    let mark = hex(&random::<16>()?);
    let question = record::ask(&remote_shell(), &mark, wanted);
    let asking = ask(ssh, host, &question);
    let output =
        unless_signalled(ssh.questions(), "the host was not asked; nothing was started or stopped", asking).await?;
    let id = &host.id;
    match record::answer(&mark, &output) {
        Some(Answer::Record(record)) => Ok(record),
        Some(Answer::None) if wanted.is_empty() => Err(CommandError::input(format!("{id}: no run is recorded there"))
            .hint("is it the right host and login user? Each user has separate runs")),
        Some(Answer::None) => Err(CommandError::input(format!("{id}: {}", unknown_run(wanted)))
            .hint("leave the id out to get the host's last run")),
        Some(Answer::Several(names)) => {
            let names =
                names.iter().map(|name| HostText::new(name.as_str()).complete(masker)).collect::<Vec<_>>().join(", ");
            let message = format!("{id}: the ids of several runs start with `{wanted}`: {names}");
            Err(CommandError::input(message).hint("give one more digit"))
        }
        Some(Answer::Unborn(run)) => {
            let message = format!("{id}: the plan of run {run} did not arrive completely, so nothing was started");
            Err(CommandError::new(Exit::Mismatch, message).hint("start a new run: pinboot run PLAYBOOK"))
        }
        None => Err(no_answer(host, output, masker)),
    }
}

/// The error of a host that ran something else than the question.
fn no_answer(host: &Host, output: Vec<u8>, masker: &Masker) -> CommandError {
    let output = HostText::new(output).cut(masker);
    let message = match output.trim() {
        "" => format!("{}: the host ran something other than pinboot's question, without output", host.id),
        output => format!(
            "{}: the host ran something other than pinboot's question and answered: {}",
            host.id,
            output.replace('\n', " / ")
        ),
    };
    CommandError::new(Exit::HostUnfit, message).hint("the login shell must run commands with /bin/sh")
}

/// A job that follows a run found on a host, and the run's first event. Without its plan the run's steps have only
/// the numbers that the host knows, and their output is not shown if it could contain a secret.
pub(super) fn found_job(host: &Host, record: &Record, plan: Option<&Plan>) -> (Job, EventKind) {
    let job = Job {
        host: host.clone(),
        identity: identity(record),
        steps: plan.map_or_else(|| numbered(record), Plan::summary),
        planned: Some((1..=record.steps.min(MAX_STEPS)).map(StepId).collect()),
        mode: record.mode,
        masker: plan.map_or_else(|| Masker::new(&[]), |plan| Masker::new(&plan.secrets)),
        muted: record.has_secrets && plan.is_none(),
        expected: None,
        resume_command: Some(ResumeCommand::attach(host, &record.run)),
        files: plan.and_then(sent_files),
        task: Task::Attach { finished: Vec::new(), exit: Exit::Success, arrived: true, resume: None },
    };
    let first = EventKind::RunStarted {
        run: record.run.clone(),
        playbook: String::new(),
        name: format!("started by {}", HostText::new(record.started_by.as_str()).without_secrets()),
        mode: record.mode,
        hosts: vec![host.id.clone()],
        steps: record.steps,
        host_steps: vec![record.steps],
        rerun_of: None,
    };
    (job, first)
}

/// The steps of a run of which only the numbers are known.
fn numbered(record: &Record) -> Vec<StepSummary> {
    let labels = record.labels.iter().flatten();
    (1..).map(StepId).zip(labels).map(|(id, label)| StepSummary::unnamed(id, *label)).collect()
}

/// What marks the run on its host, as its record has it.
pub(super) fn identity(record: &Record) -> Identity {
    Identity {
        run: record.run.clone(),
        nonce: record.nonce.clone(),
        started_by: record.started_by.clone(),
        shell: remote_shell(),
    }
}

/// Runs one command on a host and returns what it wrote to standard output.
pub(super) async fn ask(ssh: &Ssh, host: &Host, exec: &Exec) -> Result<Vec<u8>, Error> {
    let mut session = ssh.connect(host, exec).await?;
    let mut output = Vec::new();
    loop {
        match session.next().await {
            Chunk::Stdout(bytes) if output.len() < MAX_ANSWER_BYTES => output.extend(bytes),
            Chunk::Stdout(_) | Chunk::Stderr(_) | Chunk::Exit(_) => {}
            Chunk::Closed => break,
            Chunk::Lost(reason) => return Err(Error::new(ErrorKind::Unreachable, reason)),
        }
    }
    // The answer is complete: a host that does not close the connection in time is left.
    let _ = tokio::time::timeout(Duration::from_secs(2), session.close()).await;
    Ok(output)
}
