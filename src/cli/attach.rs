//! `pinboot attach`: follows a run that was started on another machine, from the host's own record of it.

use std::path::{Path, PathBuf};

use super::args::{AttachArgs, Cli, flags};
use super::connect::{check_keys, connector};
use super::console::print_error;
use super::error::CommandError;
use super::execute::{RunContext, commands, execute};
use super::files::{self, Ready};
use super::jobs::{header, started, target};
use super::previous_run::{busy, follow_job, has_unknown};
use super::remote_run::{bare_host, find, found_job, identity};
use super::sudo_password;
use super::system::{runtime, state};
use crate::engine::{Job, ResumeCommand, StopRequest, Task};
use crate::event::{EventKind, Mode, parse_timestamp};
use crate::exit::Exit;
use crate::flags::Flags;
use crate::ids::RunId;
use crate::inventory::Host;
use crate::journal::RecordedRun;
use crate::journal::{Journal, StateDir};
use crate::plan::{Plan, StepSummary};
use crate::remote::program;
use crate::remote::record::{self, Record, State as RemoteState};
use crate::secret::{Masker, Secret};
use crate::view::RunView;

/// Finds the run on the host and follows it; resumes it if its runner died.
pub(super) fn attach(cli: &Cli, args: &AttachArgs) -> Result<Exit, CommandError> {
    if let (None, Some(flag)) = (&args.playbook, flag_of_the_playbook(args)) {
        return Err(CommandError::input(format!("{flag} requires --playbook"))
            .hint("give the run's playbook with --playbook FILE"));
    }
    let mut target = AttachTarget::new(args)?;
    if let Some(playbook) = &mut target.playbook {
        sudo_password::give(&mut playbook.ready.plans, &playbook.ready.flags)?;
    }
    runtime()?.block_on(async {
        let ssh = connector(&target.flags, &args.connect)?;
        check_keys(&ssh, [&target.host]).await?;
        let secrets = target.playbook.as_ref().map_or(&[][..], |playbook| &playbook.plan().secrets);
        let record = find(&ssh, &target.host, args.run.as_deref(), &Masker::new(secrets)).await?;
        let playbook = match (target.playbook, record.mode) {
            (Some(known), Mode::Check) => {
                let mut again = RunPlaybook::read(&known.path, args, Mode::Check)?;
                for ((_, plan), (_, before)) in again.ready.plans.iter_mut().zip(known.ready.plans) {
                    plan.secrets = before.secrets;
                }
                Some(again)
            }
            (known, _) => known,
        };
        let attached = Attached::new(&target.host, &record, playbook)?;
        let lacks_secrets = record.has_secrets && attached.plans.is_empty();
        let context = RunContext {
            commands: commands(&attached.plans),
            journal: attached.journal,
            ..RunContext::new(cli, &target.flags, &args.connect)
        };
        let executed =
            execute(context, ssh, vec![attached.job], attached.first, attached.view, |_| StopRequest::None).await?;
        let exit = executed.view.exit_code();
        if exit == Exit::OutcomeUnknown && lacks_secrets && !has_unknown(&executed.view, &target.host.id) {
            let run = &record.run;
            print_error(&format!("run {run} needs secrets that are not available here: {}", give_secrets(run)));
        }
        Ok(exit)
    })
}

/// A flag that only makes sense with the run's playbook.
fn flag_of_the_playbook(args: &AttachArgs) -> Option<&'static str> {
    let AttachArgs { vars, steps, .. } = args;
    let given = [
        ("--var", !vars.vars.is_empty()),
        ("--tags", !steps.tags.is_empty()),
        ("--skip-tags", !steps.skip_tags.is_empty()),
        ("--from", steps.from.is_some()),
        ("--only", !steps.only.is_empty()),
        ("--ask-sudo-pass", args.sudo.ask_sudo_pass),
    ];
    given.into_iter().find_map(|(flag, is_given)| is_given.then_some(flag))
}

/// How to resume an interrupted run that needs secrets.
fn give_secrets(run: &RunId) -> String {
    format!(
        "give the run's playbook with --playbook FILE, and the same variables as then (-e, --vars-file, the environment), \
         so that they can be sent again; or use `pinboot rerun {run}` on the machine that started it"
    )
}

/// The host to attach to, and the playbook if the user gave one.
struct AttachTarget {
    host: Host,
    flags: Flags,
    playbook: Option<RunPlaybook>,
}

impl AttachTarget {
    fn new(args: &AttachArgs) -> Result<Self, CommandError> {
        let Some(path) = &args.playbook else {
            let host = bare_host(&args.host, &args.connect)?;
            return Ok(Self { host, flags: flags(&[&args.connect]), playbook: None });
        };
        let playbook = RunPlaybook::read(path, args, Mode::Run)?;
        Ok(Self { host: playbook.host.clone(), flags: playbook.ready.flags.clone(), playbook: Some(playbook) })
    }
}

/// The run's playbook, compiled for the one host.
struct RunPlaybook {
    path: PathBuf,
    host: Host,
    ready: Ready,
}

impl RunPlaybook {
    /// Reads the playbook. The user names the host as the playbook does, or gives its address.
    fn read(path: &Path, args: &AttachArgs, mode: Mode) -> Result<Self, CommandError> {
        let flags = flags(&[&args.vars, &args.steps, &args.connect, &args.sudo]);
        let by_name = Flags { limit: vec![args.host.clone()], ..flags.clone() };
        let ready = files::read(path, &by_name, mode).or_else(|_| {
            let by_address = Flags { host: Some(args.host.clone()), ..flags };
            files::read(path, &by_address, mode)
        })?;
        let (host, _) = ready.plans.first().expect("one host was chosen");
        Ok(Self { path: path.to_owned(), host: host.clone(), ready })
    }

    fn plan(&self) -> &Plan {
        &self.ready.plans[0].1
    }

    /// Whether it compiles to the plan that the host has.
    fn fits(&self, record: &Record) -> bool {
        record::likeness(&program(self.plan(), &identity(record))) == record.likeness
    }
}

/// A run of another machine, ready to be followed here.
struct Attached {
    job: Job,
    /// The plan with its host, if the playbook is known.
    plans: Vec<(Host, Plan)>,
    journal: Option<Journal>,
    first: Option<EventKind>,
    view: RunView,
}

impl Attached {
    fn new(host: &Host, record: &Record, playbook: Option<RunPlaybook>) -> Result<Self, CommandError> {
        let run = &record.run;
        let fitting = match playbook {
            Some(playbook) if !playbook.fits(record) => {
                print_error(&format!(
                    "this playbook does not compile to the plan of run {run} (other playbook, values or pinboot \
                     version); showing step numbers, recording nothing"
                ));
                None
            }
            other => other,
        };
        match fitting {
            None => Self::by_number(host, record),
            Some(playbook) => {
                let state = state()?;
                if state.folder(run).exists() {
                    Self::recorded(&state, host, run, playbook)
                } else {
                    Self::recording(&state, host, record, playbook)
                }
            }
        }
    }

    /// Without a playbook: shows the steps by the names of this machine's journal or by number, and records nothing.
    fn by_number(host: &Host, record: &Record) -> Result<Self, CommandError> {
        let run = &record.run;
        if record.has_secrets && record.state == RemoteState::Gone {
            let message = format!("run {run} was interrupted on the host and needs secrets, which are not kept there");
            return Err(CommandError::new(Exit::OutcomeUnknown, message).hint(give_secrets(run)));
        }
        let (mut job, first) = found_job(host, record, None);
        if let Some(steps) = recorded_steps(host, record) {
            job.steps = steps;
        } else if record.labels.is_none() {
            print_error(&format!(
                "the host's record of run {run} does not have the numbers of its steps: they are counted from 1 here, which \
                 differs from the run's own numbers if it had a loop or a part of the steps; --playbook FILE shows those"
            ));
        }
        resume_with(&mut job, (!record.has_secrets).then(Vec::new));
        Ok(Self { job, plans: Vec::new(), journal: None, first: Some(first), view: RunView::default() })
    }

    /// With a playbook: starts a journal, so that `rerun` works here.
    fn recording(state: &StateDir, host: &Host, record: &Record, playbook: RunPlaybook) -> Result<Self, CommandError> {
        let plan = playbook.plan();
        let (mut job, _) = found_job(host, record, Some(plan));
        resume_with(&mut job, Some(plan.secrets.clone()));
        job.resume_command = Some(ResumeCommand::rerun(&record.run));
        let mut header = header(&playbook.path, &playbook.ready, record.mode, None)?;
        header.run = record.run.clone();
        header.nonce.clone_from(&record.nonce);
        // The record ends with the time when the run was started.
        if let Some(at) = record.started_by.rsplit(' ').next().filter(|at| parse_timestamp(at).is_some()) {
            at.clone_into(&mut header.started);
        }
        let first = started(&header, &playbook.ready.name, &playbook.ready.plans);
        let journal = Some(state.create(&header)?);
        Ok(Self { job, plans: playbook.ready.plans, journal, first: Some(first), view: RunView::default() })
    }

    /// This machine has a journal of the run already: continues it.
    fn recorded(state: &StateDir, host: &Host, run: &RunId, playbook: RunPlaybook) -> Result<Self, CommandError> {
        if state.is_held(run) {
            return Err(busy(run));
        }
        let (journal, read) = state.reopen(run)?;
        let previous = RecordedRun::from(read);
        let summary = previous.header.hosts.iter().find(|summary| summary.target == target(host));
        let Some(summary) = summary else {
            let message = format!("this machine has a journal of run {run} for another host");
            return Err(CommandError::new(Exit::Mismatch, message).hint(format!("see `pinboot show {run}`")));
        };
        let secrets = &playbook.plan().secrets;
        let mut job = follow_job(host, Masker::new(secrets), summary, &previous);
        job.host.id.clone_from(&summary.host);
        resume_with(&mut job, Some(secrets.clone()));
        Ok(Self { job, plans: playbook.ready.plans, journal: Some(journal), first: None, view: previous.view })
    }
}

/// The steps of the run as this machine's journal has them, if it has one.
fn recorded_steps(host: &Host, record: &Record) -> Option<Vec<StepSummary>> {
    let header = state().ok()?.read(&record.run).ok()?.header;
    let is_same = header.nonce == record.nonce;
    let summary = header.hosts.into_iter().find(|summary| is_same && summary.target == target(host))?;
    (u32::try_from(summary.steps.len()) == Ok(record.steps)).then_some(summary.steps)
}

/// Lets a job resume the run with these secrets if its runner died; `None`: it only follows the run.
fn resume_with(job: &mut Job, secrets: Option<Vec<(String, Secret)>>) {
    if let Task::Attach { resume, .. } = &mut job.task {
        *resume = secrets;
    }
}
