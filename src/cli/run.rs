//! `pinboot run`, and its dry run.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::args::{Assume, Cli, Reach, Run};
use super::fault::Fault;
use super::files::{self, Ready};
use super::live::{self, Setting};
use super::{color, complain, print, state};
use crate::engine::{Job, StopRequest, Task, facts};
use crate::event::{EventKind, Mode, timestamp};
use crate::exit::Exit;
use crate::ids::{Digest, RunId, hex};
use crate::inventory::Host;
use crate::journal::rerun::{self, Past};
use crate::journal::store::KEPT_RUNS;
use crate::journal::{Header, HostSummary};
use crate::plan::{Action, OnUnknown, Plan, show};
use crate::remote::{ExpectedHost, Identity, Stored, program};
use crate::secret::Masker;
use crate::transport::ssh::{ExpectedKey, Ssh};
use crate::view::RunView;

/// Runs a playbook, or shows what would be run.
pub(super) fn run(cli: &Cli, run: &Run) -> Result<Exit, Fault> {
    let mode = if run.check { Mode::Check } else { Mode::Run };
    let flags = run.given.flags();
    let ready = files::read(&run.playbook, &flags, mode, color(&std::io::stderr()))?;
    if !ready.warnings.is_empty() {
        complain(&ready.warnings);
    }
    if run.dry_run {
        let shown = if cli.wants_json() { show::json(&ready.plans) } else { show::text(&ready.plans, cli.verbose > 0) };
        return print(&shown);
    }
    if ready.plans.is_empty() {
        return Err(Fault::new(
            Exit::BadInput,
            "the playbook names no hosts",
            Some("add `hosts:` to it, or give --host"),
        ));
    }
    let reach = &run.given.reach;
    let how = How { mode, reach, wait: run.given.patience.time(), assume: None, same_host: false };
    begin(cli, &run.playbook, ready, &how, &[])
}

/// What a run is begun with besides its playbook.
pub(super) struct How<'a> {
    /// Run or check.
    pub(super) mode: Mode,
    /// How hosts are reached.
    pub(super) reach: &'a Reach,
    /// How long a host is waited for that another run has.
    pub(super) wait: Duration,
    /// What is assumed of steps of unknown outcome.
    pub(super) assume: Option<Assume>,
    /// Whether a host may show another key or machine id than before.
    pub(super) same_host: bool,
}

/// Begins a new run and carries it out; `past` is the run that it finishes, and those which that one was to finish.
pub(super) fn begin(cli: &Cli, playbook: &Path, mut ready: Ready, how: &How<'_>, past: &[Past]) -> Result<Exit, Fault> {
    let old = past.first();
    if let Some(assume) = how.assume {
        ready.plans.iter_mut().for_each(|(_, plan)| assume_for(plan, assume));
    }
    if old.is_some() {
        for (host, plan) in &mut ready.plans {
            let decisions = rerun::outstanding(past, plan, &target(host));
            rerun::apply(plan, &decisions);
        }
    }
    runtime()?.block_on(async {
        let mut ssh = live::connector(&ready.flags, how.reach)?;
        live::look_at_keys(&ssh, ready.plans.iter().map(|(host, _)| host)).await?;
        let header = header(playbook, &ready, how.mode, old)?;
        let state = state()?;
        let journal = state.create(&header).map_err(|error| {
            let mut fault = Fault::from(error);
            fault.text.push_str("\n  nothing was sent");
            fault
        })?;
        // (Old runs are only a matter of room.)
        if let Err(error) = state.prune(KEPT_RUNS) {
            tracing::debug!("old runs were kept: {error}");
        }
        let first = started(&header, &ready.name, &ready.plans);
        let commands = live::commands(&ready.plans);
        let mut jobs: Vec<Job> = ready.plans.iter().map(|(host, plan)| job(host, plan, &header)).collect();
        if let Some(old) = old {
            for job in &mut jobs {
                insist(&mut ssh, job, past, &old.header.run, how.same_host);
            }
        }
        let setting = Setting {
            cli,
            flags: &ready.flags,
            reach: how.reach,
            commands,
            journal: Some(journal),
            wait: how.wait,
            wish: StopRequest::None,
        };
        let (view, _) = live::carry_out(setting, ssh, jobs, Some(first), RunView::default(), |_| ()).await?;
        Ok(view.exit_code())
    })
}

/// Lets a job hold only for the host that the runs of before saw; `run` is what the user takes up. Where the user has vouched
/// for the host, it may show another key and another machine id, but must have what it stored.
pub(super) fn insist(ssh: &mut Ssh, job: &mut Job, past: &[Past], run: &RunId, same_host: bool) {
    let Some(seen) = rerun::seen(past, &job.host.id, &target(&job.host)) else { return };
    if !same_host {
        ssh.expect(
            &job.host,
            ExpectedKey {
                key_type: seen.key_type,
                fingerprint: seen.fingerprint,
                whose: format!("run {}", seen.run),
                hint: format!(
                    "nothing was begun; where it is that host, with another key by now: `pinboot rerun {run} --same-host`; \
                     otherwise begin a new run: pinboot run PLAYBOOK"
                ),
            },
        );
    }
    let machine_id = seen.machine_id.filter(|_| !same_host);
    let stored = seen.stored.into_iter().map(|(run, since, step)| Stored { run, since, step }).collect();
    job.known = Some(ExpectedHost { run: seen.run, machine_id, stored });
}

/// Lets the steps that nothing can be asked about hear what the user knows of them.
fn assume_for(plan: &mut Plan, assume: Assume) {
    for step in &mut plan.steps {
        if let Action::Apply(work) = &mut step.action
            && !work.has_check()
        {
            work.on_unknown = match assume {
                Assume::Done => OnUnknown::Done,
                Assume::NotDone => OnUnknown::Rerun,
            };
        }
    }
}

/// The first event of a run.
pub(super) fn started(header: &Header, name: &str, plans: &[(Host, Plan)]) -> EventKind {
    let longest = plans.iter().map(|(_, plan)| plan.steps.len()).max().unwrap_or(0);
    EventKind::RunStarted {
        run: header.run.clone(),
        playbook: header.playbook.clone(),
        name: name.to_owned(),
        mode: header.mode,
        hosts: plans.iter().map(|(host, _)| host.id.clone()).collect(),
        steps: u32::try_from(longest).unwrap_or(u32::MAX),
        rerun_of: header.rerun_of.clone(),
    }
}

/// What one host is to do.
pub(super) fn job(host: &Host, plan: &Plan, header: &Header) -> Job {
    let identity = identity(&header.run, &header.nonce, &header.started);
    Job {
        host: host.clone(),
        facts: facts(plan),
        masker: Masker::new(&plan.secrets),
        muted: false,
        known: None,
        again: rerun_command(&header.run),
        errand: Task::Deliver {
            program: Arc::new(program(plan, &identity)),
            secrets: plan.secrets.clone(),
            after: header.rerun_of.clone(),
        },
        identity,
    }
}

/// What takes a run up that this machine has a journal of.
pub(super) fn rerun_command(run: &RunId) -> String {
    format!("pinboot rerun {run}")
}

/// What makes a run's frames its own, for this machine and user.
pub(super) fn identity(run: &RunId, nonce: &str, started: &str) -> Identity {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let clean =
        |text: &str| text.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect::<String>();
    Identity {
        run: run.clone(),
        nonce: nonce.to_owned(),
        started_by: format!("{}@{} {started}", clean(&files::local_user()), clean(machine.trim())),
        shell: remote_shell(),
    }
}

/// The host's POSIX shell: `/bin/sh`, which POSIX does not promise but every Linux has; `PINBOOT_SH` names another.
pub(super) fn remote_shell() -> String {
    let plain = |path: &String| {
        path.starts_with('/') && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b))
    };
    std::env::var("PINBOOT_SH").ok().filter(plain).unwrap_or_else(|| "/bin/sh".to_owned())
}

/// `user@address:port`, which a step that is done is done for.
pub(super) fn target(host: &Host) -> String {
    format!("{}@{}:{}", host.user, host.address, host.port)
}

pub(super) fn header(playbook: &Path, ready: &Ready, mode: Mode, old: Option<&Past>) -> Result<Header, Fault> {
    let cwd = std::env::current_dir()
        .map_err(|error| Fault::new(Exit::LocalError, format!("the working directory is gone: {error}"), None))?;
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
        rerun_of: old.map(|old| old.header.run.clone()),
    })
}

/// Bytes of chance from the system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Fault> {
    use std::io::Read as _;
    let mut bytes = [0; N];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| Fault::new(Exit::LocalError, format!("/dev/urandom cannot be read: {error}"), None))?;
    Ok(bytes)
}

/// As many files and sockets as a run on one host may have open at once, and some.
const DESCRIPTORS: usize = 32;

/// The asynchronous part's engine; one thread is enough for a host, more help with many.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Fault> {
    // (The library below panics where it finds none, so they are asked for before it does.)
    let room: Result<Vec<_>, _> = (0..DESCRIPTORS).map(|_| std::fs::File::open("/dev/null")).collect();
    if let Err(error) = room {
        let message = format!("this process may not open {DESCRIPTORS} files at once: {error}");
        return Err(Fault::new(Exit::LocalError, message, Some("allow it more: `ulimit -n 256`; nothing was sent")));
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(2)
        .build()
        .map_err(|error| Fault::new(Exit::LocalError, format!("no threads could be started: {error}"), None))
}
