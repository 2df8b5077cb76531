//! `pinboot attach`: follows a run that another machine began, by the host's own record of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::{Attach, Cli, Reach, flags};
use super::cancel::ask;
use super::fault::Fault;
use super::files::{self, Ready, local_user};
use super::live::{self, Setting};
use super::rerun::{follow_job, has_unknown, held};
use super::run::{header, random, remote_shell, rerun_command, runtime, started, target};
use super::{color, complain, state};
use crate::engine::{Job, StopRequest, Task, facts};
use crate::event::{EventKind, Mode, escape};
use crate::exit::Exit;
use crate::flags::Flags;
use crate::ids::{HostId, RunId, hex, is_hex};
use crate::inventory::{Host, Target};
use crate::journal::rerun::Past;
use crate::journal::{Journal, State};
use crate::plan::Plan;
use crate::remote::record::{self, Answer, Record, State as At};
use crate::remote::{Identity, program};
use crate::secret::Masker;
use crate::transport::ssh::Ssh;
use crate::view::RunView;

/// Finds the run on the host and follows it to its end; where its runner is gone, it is gone on with.
pub(super) fn attach(cli: &Cli, attach: &Attach) -> Result<Exit, Fault> {
    if let (None, Some(flag)) = (&attach.playbook, of_the_plan(attach)) {
        let message = format!("{flag} says something of a playbook, and there is none");
        return Err(Fault::new(Exit::BadInput, message, Some("give the run's playbook with --playbook FILE")));
    }
    let mut known = attach.playbook.as_deref().map(|path| Known::read(path, attach, Mode::Run)).transpose()?;
    let (host, flags) = match &known {
        Some(known) => (known.host.clone(), known.ready.flags.clone()),
        None => (bare_host(&attach.host, &attach.reach)?, flags(&[&attach.reach])),
    };
    runtime()?.block_on(async {
        let ssh = live::connector(&flags, &attach.reach)?;
        live::look_at_keys(&ssh, [&host]).await?;
        let record = find(&ssh, &host, attach.run.as_deref()).await?;
        if let (Some(path), Mode::Check) = (&attach.playbook, record.mode) {
            known = Some(Known::read(path, attach, Mode::Check)?);
        }
        let taken = Taken::new(&host, &record, known)?;
        let lacks_secrets = record.has_secrets && taken.known.is_none();
        let commands =
            taken.known.as_ref().map_or_else(|| live::commands(&[]), |known| live::commands(&known.ready.plans));
        let setting = Setting {
            cli,
            flags: &flags,
            reach: &attach.reach,
            commands,
            journal: taken.journal,
            wait: Duration::ZERO,
            wish: StopRequest::None,
        };
        let (view, _) = live::carry_out(setting, ssh, vec![taken.job], taken.first, taken.view, |_| ()).await?;
        let exit = view.exit_code();
        if exit == Exit::OutcomeUnknown && lacks_secrets && !has_unknown(&view, &host.id) {
            complain(&format!("run {} needs secrets that nobody here has: {}", record.run, with_secrets(&record.run)));
        }
        Ok(exit)
    })
}

/// A flag that makes the run's plan out of its playbook.
fn of_the_plan(attach: &Attach) -> Option<&'static str> {
    let Attach { values, steps, .. } = attach;
    let given = [
        ("--var", !values.vars.is_empty()),
        ("--tags", !steps.tags.is_empty()),
        ("--skip-tags", !steps.skip_tags.is_empty()),
        ("--from", steps.from.is_some()),
        ("--only", !steps.only.is_empty()),
    ];
    given.into_iter().find_map(|(flag, is_given)| is_given.then_some(flag))
}

/// What goes on with an interrupted run that needs secrets.
fn with_secrets(run: &RunId) -> String {
    format!(
        "give the run's playbook with --playbook FILE, and its variables as then (-e, --vars-file, the environment): they \
         are sent again; or type `pinboot rerun {run}` on the machine that began it"
    )
}

/// The run's playbook, as far as it concerns the host.
struct Known {
    path: PathBuf,
    host: Host,
    ready: Ready,
}

impl Known {
    /// Reads the playbook. The host is one of the playbook's, or an address.
    fn read(path: &Path, attach: &Attach, mode: Mode) -> Result<Self, Fault> {
        let flags = flags(&[&attach.values, &attach.steps, &attach.reach]);
        let named = Flags { limit: vec![attach.host.clone()], ..flags.clone() };
        let ready = files::read(path, &named, mode, false).or_else(|_| {
            let addressed = Flags { host: Some(attach.host.clone()), ..flags };
            files::read(path, &addressed, mode, color(&std::io::stderr()))
        })?;
        let (host, _) = ready.plans.first().expect("one host was chosen");
        Ok(Self { path: path.to_owned(), host: host.clone(), ready })
    }

    fn plan(&self) -> &Plan {
        &self.ready.plans[0].1
    }
}

/// A run of another machine's, ready to be followed here.
struct Taken {
    job: Job,
    known: Option<Known>,
    journal: Option<Journal>,
    first: Option<EventKind>,
    view: RunView,
}

impl Taken {
    fn new(host: &Host, record: &Record, known: Option<Known>) -> Result<Self, Fault> {
        let run = record.run.clone();
        let known = known.filter(|known| {
            let fits = record::likeness(&program(known.plan(), &identity(record))) == record.likeness;
            if !fits {
                complain(&format!(
                    "the playbook is not the one of run {run}, or has other values or another pinboot: its steps are \
                     shown by their numbers, and nothing is recorded here"
                ));
            }
            fits
        });
        let (mut job, first) = found_job(host, record, known.as_ref().map(Known::plan));
        if record.has_secrets && record.state == At::Gone && known.is_none() {
            let message =
                format!("run {run} was interrupted at the host, and the secrets that it needs are not there any more");
            return Err(Fault::new(Exit::OutcomeUnknown, message, Some(&with_secrets(&run))));
        }
        if let Task::Attach { resume, .. } = &mut job.errand {
            *resume = match &known {
                Some(known) => Some(known.plan().secrets.clone()),
                None => (!record.has_secrets).then(Vec::new),
            };
        }
        if known.is_some() {
            job.again = rerun_command(&run);
        }
        let Some(known) = known else {
            return Ok(Self { job, known: None, journal: None, first: Some(first), view: RunView::default() });
        };
        let state = state()?;
        if state.folder(&run).exists() {
            return Self::again(&state, host, &run, known);
        }
        let mut header = header(&known.path, &known.ready, record.mode, None)?;
        header.run = run;
        header.nonce.clone_from(&record.nonce);
        if let Some(at) = record.started_by.rsplit(' ').next().filter(|at| crate::event::parse_timestamp(at).is_some())
        {
            at.clone_into(&mut header.started);
        }
        let first = started(&header, &known.ready.name, &known.ready.plans);
        let journal = state.create(&header)?;
        Ok(Self { job, known: Some(known), journal: Some(journal), first: Some(first), view: RunView::default() })
    }

    /// This machine has a journal of the run, which is written on.
    fn again(state: &State, host: &Host, run: &RunId, known: Known) -> Result<Self, Fault> {
        if state.is_held(run) {
            return Err(held(run));
        }
        let (journal, read) = state.reopen(run)?;
        let old = Past::from(read);
        let summary = old.header.hosts.iter().find(|summary| summary.target == target(host));
        let Some(summary) = summary else {
            let message = format!("this machine has a journal of run {run}, for another host");
            return Err(Fault::new(Exit::Mismatch, message, Some(&format!("`pinboot show {run}` shows it"))));
        };
        let mut job = follow_job(host, Masker::new(&known.plan().secrets), summary, &old);
        job.host.id.clone_from(&summary.host);
        if let Task::Attach { resume, .. } = &mut job.errand {
            *resume = Some(known.plan().secrets.clone());
        }
        Ok(Self { job, known: Some(known), journal: Some(journal), first: None, view: old.view })
    }
}

/// Asks a host for its last run, or for the one whose name begins so.
pub(super) async fn find(ssh: &Ssh, host: &Host, wanted: Option<&str>) -> Result<Record, Fault> {
    let wanted = wanted.unwrap_or_default();
    if !is_hex(wanted) || wanted.len() > 8 {
        return Err(Fault::new(
            Exit::BadInput,
            format!("`{}` is no run's name", wanted.escape_default()),
            Some("a run is named by eight hexadecimal digits, or by as many of the first ones as no other run has"),
        ));
    }
    let mark = hex(&random::<16>()?);
    let said = ask(ssh, host, &record::ask(&remote_shell(), &mark, wanted)).await?;
    match record::answer(&mark, &said) {
        Some(Answer::Record(record)) => Ok(record),
        Some(Answer::None) if wanted.is_empty() => Err(Fault::new(
            Exit::BadInput,
            format!("{}: no run is recorded there", host.id),
            Some("is it the right host and login user? Each user has runs of their own"),
        )),
        Some(Answer::None) => Err(Fault::new(
            Exit::BadInput,
            format!("{}: there is no run `{wanted}`", host.id),
            Some("leave it out for the host's last run"),
        )),
        Some(Answer::Several(names)) => {
            let names = names.iter().map(|name| escape(name.as_bytes())).collect::<Vec<_>>().join(", ");
            let message = format!("{}: `{wanted}` is the beginning of several runs: {names}", host.id);
            Err(Fault::new(Exit::BadInput, message, Some("give one more letter")))
        }
        Some(Answer::Unborn(run)) => {
            let message = format!("{}: the plan of run {run} never came there whole: nothing was begun", host.id);
            Err(Fault::new(Exit::Mismatch, message, Some("run the playbook: pinboot run PLAYBOOK")))
        }
        None => {
            let said = escape(&said);
            let said = said.trim();
            let message = match said {
                "" => format!("{}: the host ran something else than the question, and it said nothing", host.id),
                said => format!(
                    "{}: the host ran something else than the question and says: {}",
                    host.id,
                    said.replace('\n', " / ")
                ),
            };
            Err(Fault::new(Exit::HostUnfit, message, Some("the login shell must run commands with /bin/sh")))
        }
    }
}

/// What follows a run that was found on a host, and the run's first event. Without its plan its steps have numbers only,
/// and what they say is not shown where a secret could be in it.
pub(super) fn found_job(host: &Host, record: &Record, plan: Option<&Plan>) -> (Job, EventKind) {
    let job = Job {
        host: host.clone(),
        identity: identity(record),
        facts: plan.map(facts).unwrap_or_default(),
        masker: plan.map_or_else(|| Masker::new(&[]), |plan| Masker::new(&plan.secrets)),
        muted: record.has_secrets && plan.is_none(),
        known: None,
        again: format!("pinboot attach {}@{} {}", host.user, host.shown_address(), record.run),
        errand: Task::Attach { over: Vec::new(), exit: Exit::Success, arrived: true, resume: None },
    };
    let first = EventKind::RunStarted {
        run: record.run.clone(),
        playbook: String::new(),
        name: format!("begun by {}", escape(record.started_by.as_bytes())),
        mode: record.mode,
        hosts: vec![host.id.clone()],
        steps: record.steps,
        rerun_of: None,
    };
    (job, first)
}

fn identity(record: &Record) -> Identity {
    Identity {
        run: record.run.clone(),
        nonce: record.nonce.clone(),
        started_by: record.started_by.clone(),
        shell: remote_shell(),
    }
}

/// A host of which no playbook says anything.
pub(super) fn bare_host(text: &str, reach: &Reach) -> Result<Host, Fault> {
    let target = Target::parse(text).map_err(|why| Fault::input(format!("{}: {why}", text.escape_default())))?;
    let user = target.user.or_else(|| reach.user.clone()).unwrap_or_else(local_user);
    let user = crate::inventory::check_user(&user).map_err(|why| Fault::input(format!("--user: {why}")))?;
    Ok(Host {
        id: HostId(target.address.clone()),
        address: target.address,
        port: target.port.unwrap_or(22),
        user,
        key: reach.key.clone(),
    })
}
