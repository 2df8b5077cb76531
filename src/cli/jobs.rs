//! What hosts are given to do, and how a run is named: jobs, headers and identities.

use std::path::Path;
use std::sync::Arc;

use super::error::CommandError;
use super::files::Ready;
use super::sent_files::sent_files;
use super::system::{local_user, random};
use crate::engine::{Job, ResumeCommand, Task};
use crate::event::{EventKind, Mode, timestamp};
use crate::ids::{Digest, RunId, hex};
use crate::inventory::Host;
use crate::journal::RecordedRun;
use crate::journal::{Header, HostSummary};
use crate::plan::Plan;
use crate::remote::{Identity, program};
use crate::rerun;
use crate::secret::Masker;
use crate::transport::ssh::{ExpectedKey, Ssh};

/// A new run's header. `previous` is the run that it resumes.
pub(super) fn header(
    playbook: &Path,
    ready: &Ready,
    mode: Mode,
    previous: Option<&RecordedRun>,
) -> Result<Header, CommandError> {
    let cwd = std::env::current_dir()
        .map_err(|error| CommandError::local(format!("cannot find the working directory: {error}")))?;
    Ok(Header {
        run: RunId::from_random(random()?),
        nonce: hex(&random::<16>()?),
        started: timestamp(std::time::SystemTime::now()),
        pinboot: env!("CARGO_PKG_VERSION").to_owned(),
        playbook: playbook.display().to_string(),
        playbook_path: cwd.join(playbook),
        cwd,
        playbook_digest: Digest::of(&ready.bytes),
        mode,
        flags: ready.flags.clone(),
        hosts: ready.plans.iter().map(|(host, plan)| HostSummary::new(plan, target(host))).collect(),
        rerun_of: previous.map(|previous| previous.header.run.clone()),
    })
}

/// The first event of a run.
pub(super) fn started(header: &Header, name: &str, plans: &[(Host, Plan)]) -> EventKind {
    let count = |plan: &Plan| u32::try_from(plan.steps.len()).unwrap_or(u32::MAX);
    let host_steps: Vec<u32> = plans.iter().map(|(_, plan)| count(plan)).collect();
    EventKind::RunStarted {
        run: header.run.clone(),
        playbook: header.playbook.clone(),
        name: name.to_owned(),
        mode: header.mode,
        hosts: plans.iter().map(|(host, _)| host.id.clone()).collect(),
        steps: host_steps.iter().copied().max().unwrap_or(0),
        host_steps,
        rerun_of: header.rerun_of.clone(),
    }
}

/// What one host is to do: carry out its plan.
pub(super) fn job(host: &Host, plan: &Plan, header: &Header) -> Job {
    let identity = identity(&header.run, &header.nonce, &header.started);
    Job {
        host: host.clone(),
        steps: plan.summary(),
        planned: Some(plan.steps.iter().map(|step| step.id).collect()),
        mode: plan.mode,
        masker: Masker::new(&plan.secrets),
        muted: false,
        expected: None,
        resume_command: Some(ResumeCommand::rerun(&header.run)),
        files: sent_files(plan),
        task: Task::Deliver {
            program: Arc::new(program(plan, &identity)),
            secrets: plan.secrets.clone(),
            after: header.rerun_of.clone(),
        },
        identity,
    }
}

/// Pins a job to the host that earlier runs saw; `run` is the run that the user resumes. `same_host` accepts another host
/// key and machine id, but the host must still have the results that it stored.
pub(super) fn pin_host(ssh: &mut Ssh, job: &mut Job, past: &[RecordedRun], run: &RunId, same_host: bool) {
    let Some(seen) = rerun::host_identity(past, &job.host.id, &target(&job.host)) else { return };
    let mut expected = seen.expected;
    if same_host {
        expected.machine_id = None;
    } else {
        ssh.expect(
            &job.host,
            ExpectedKey {
                key_type: seen.key_type,
                fingerprint: seen.fingerprint,
                whose: format!("run {}", expected.run),
                hint: format!(
                    "nothing was started. If this is the same host with a new key, use \
                     `pinboot rerun {run} --same-host`; otherwise start a new run with `pinboot run PLAYBOOK`"
                ),
            },
        );
    }
    job.expected = Some(expected);
}

/// What marks a run on its hosts as this machine's and this user's.
pub(super) fn identity(run: &RunId, nonce: &str, started: &str) -> Identity {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let clean =
        |text: &str| text.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect::<String>();
    Identity {
        run: run.clone(),
        nonce: nonce.to_owned(),
        started_by: format!("{}@{} {started}", clean(&local_user()), clean(machine.trim())),
        shell: remote_shell(),
    }
}

/// The host's POSIX shell. POSIX does not promise `/bin/sh`, but every Linux has it; `PINBOOT_SH` names another one.
pub(super) fn remote_shell() -> String {
    let is_plain = |path: &String| {
        path.starts_with('/') && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b))
    };
    std::env::var("PINBOOT_SH").ok().filter(is_plain).unwrap_or_else(|| "/bin/sh".to_owned())
}

/// `user@address:port`. The result of a step counts for this target only.
pub(super) fn target(host: &Host) -> String {
    format!("{}@{}:{}", host.user, host.address, host.port)
}
