//! `pinboot rehearse`: runs a playbook twice on a throw-away host, and once more for every step that is cut.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::args::{Cli, ConnectArgs, RehearseArgs, flags};
use super::console::{print, print_as_it_is, print_error, print_warnings};
use super::error::CommandError;
use super::execute::{RunContext, commands, execute};
use super::files::{self, Ready};
use super::jobs::{header, job, started};
use super::signals::Signals;
use super::system::{random, runtime};
use super::world::{plain_world, read_world};
use crate::compile::fetches;
use crate::engine::{Job, StopRequest};
use crate::event::{Event, EventKind, Mode, Outcome, VERSION, json_text};
use crate::exit::Exit;
use crate::flags::Flags;
use crate::ids::{StepId, hex};
use crate::inventory::Host;
use crate::kinds::{Effect, FetchState};
use crate::lock::Lock;
use crate::plan::{Action, Plan};
use crate::rehearse::cut::{CutRun, judge_cut};
use crate::rehearse::verdict::{StepResult, judge};
use crate::rehearse::{self, World};
use crate::remote::is_own_path;
use crate::report::terminal_columns;
use crate::source::Sources;
use crate::taken;
use crate::transport::ssh::{Config, NoPassphrase, Passphrase, Ssh};
use crate::view::RunView;
use crate::wrap::wrap_message;

/// How long a connection that was cut is retried.
const RECONNECT_FOR: Duration = Duration::from_mins(1);

/// Rehearses a playbook, host by host; success if every one of them passed.
pub(super) fn rehearse(cli: &Cli, args: &RehearseArgs) -> Result<Exit, CommandError> {
    let runtime = runtime()?;
    // A host is taken down in order, whenever the user ends the rehearsal.
    let signals = {
        let _guard = runtime.enter();
        Signals::new().map_err(|error| CommandError::local(format!("cannot wait for signals: {error}")))?
    };
    let signals = RefCell::new(signals);
    let flags = Flags { limit: args.limit.clone(), ..flags(&[&args.vars]) };
    let lock = files::read_lock(&args.playbook, &mut Sources::default())?;
    let ready = files::read_with(&args.playbook, &flags, Mode::Run, |_, _| Ok(Lock::default()))?;
    print_warnings(&ready.warnings);
    tell_locked(&ready, &lock);
    if ready.plans.is_empty() {
        return Err(CommandError::input("the playbook names no hosts").hint("add `hosts:` to it"));
    }
    let mut worlds = Vec::new();
    for (host, _) in &ready.plans {
        worlds.push(read_world(args, host)?);
    }
    if worlds.iter().all(Option::is_none) {
        print_error(&format!(
            "pinboot: there is no {}: the host has no stand-ins, and everything that the playbook downloads or installs \
             is refused",
            World::beside(&args.playbook).display()
        ));
    }
    let mut exit = Exit::Success;
    for ((host, plan), world) in ready.plans.iter().zip(worlds) {
        let world = world.unwrap_or_else(|| plain_world(host));
        let stage = Stage { cli, args, ready: &ready, host, plan, world, runtime: &runtime, signals: &signals };
        exit = Exit::worst([exit, stage.rehearse()?]);
    }
    Ok(exit)
}

/// Says which digests a run insists on: here stand-ins take the places of what is locked.
fn tell_locked(ready: &Ready, lock: &Lock) {
    let mut named = BTreeSet::new();
    for (_, fetch) in fetches(&ready.plans) {
        let names = fetch.names_of_addresses().filter(|_| fetch.state != FetchState::Given);
        for entry in names.filter_map(|name| lock.find(&name)) {
            if named.insert(&entry.url) {
                print_error(&format!(
                    "pinboot: {} is locked to sha256 {}; the rehearsal takes what the rehearsal file has for it",
                    entry.url, entry.sha256
                ));
            }
        }
    }
}

/// One of the playbook's hosts, rehearsed on throw-away hosts.
struct Stage<'a> {
    cli: &'a Cli,
    args: &'a RehearseArgs,
    ready: &'a Ready,
    host: &'a Host,
    plan: &'a Plan,
    world: World,
    runtime: &'a tokio::runtime::Runtime,
    signals: &'a RefCell<Signals>,
}

/// How one run on a throw-away host ended.
struct Rehearsed {
    view: RunView,
    steps: Vec<StepResult>,
}

impl Stage<'_> {
    /// Rehearses the host. A rehearsal that the user ends has no verdict, whatever it was doing.
    fn rehearse(&self) -> Result<Exit, CommandError> {
        self.announce();
        self.play().or_else(|error| self.go_on().and(Err(error)))
    }

    /// An error if the user wants the rehearsal to end.
    fn go_on(&self) -> Result<(), CommandError> {
        let Some(exit) = self.signals.borrow_mut().pending() else { return Ok(()) };
        Err(CommandError::new(exit, "the rehearsal was stopped: there is no verdict on the playbook"))
    }

    /// Runs the plan twice, judges both runs, and repeats the run with cuts if they are wanted.
    fn play(&self) -> Result<Exit, CommandError> {
        let stage = self.start_host()?;
        let aside = Aside::new()?;
        let first = self.run(&stage, &aside, None)?;
        if let Some(exit) = self.without_verdict(&stage, &first) {
            return Ok(exit);
        }
        let uncut = Self::cut_run(&stage, "", "", &first)?;
        let second = if first.view.exit_code().is_success() {
            self.tell("\nThe same again, which should change nothing:");
            let second = self.run(&stage, &aside, None)?;
            if let Some(exit) = self.without_verdict(&stage, &second) {
                return Ok(exit);
            }
            Some(second)
        } else {
            None
        };
        let used = stage.used().map_err(|error| host_lost(&error))?;
        let mut written = stage.changes().map_err(|error| host_lost(&error))?;
        written.retain(|path| !self.is_record(&path.path));
        let second_steps = second.as_ref().map_or(&[][..], |second| &second.steps);
        let verdict = judge(&first.steps, second_steps, &self.world, &used, written);
        let mut exit = second.as_ref().unwrap_or(&first).view.exit_code();
        if exit.is_success() && !verdict.passed() {
            exit = Exit::StepFailed;
        }
        if self.cli.verbose > 0 {
            self.tell(&format!("written on the throw-away host:\n{}", verdict.listing().trim_end()));
        }
        self.report("rehearsed", &verdict, &verdict.text())?;
        if self.args.keep {
            self.keep(&stage)?;
        }
        drop(stage);
        if self.args.cut && exit.is_success() {
            exit = self.cut_each(&uncut)?;
        }
        Ok(exit)
    }

    /// Whether a path belongs to pinboot's own records: the login user's, or root's for steps under `sudo`.
    fn is_record(&self, path: &str) -> bool {
        [self.world.home.as_str(), "/root"].iter().any(|home| is_own_path(home, path))
    }

    fn announce(&self) {
        let world =
            self.world.file.as_deref().map_or_else(String::new, |file| format!(", with the stand-ins of {file}"));
        self.tell(&format!("rehearsal: {} is a throw-away host on this machine{world}", self.host.id));
    }

    fn start_host(&self) -> Result<rehearse::RehearsalHost, CommandError> {
        let stage = rehearse::RehearsalHost::start(&self.world)?;
        self.go_on()?;
        stage.mark().map_err(|error| host_lost(&error))?;
        Ok(stage)
    }

    /// One more run for each step, on a fresh host, with the connection cut during that step.
    fn cut_each(&self, uncut: &CutRun) -> Result<Exit, CommandError> {
        let mut exit = Exit::Success;
        for step in self.plan.steps.iter().filter(|step| !matches!(step.action, Action::Skip { .. })) {
            let stage = self.start_host()?;
            let rehearsed = self.run(&stage, &Aside::new()?, Some(step.id))?;
            if let Some(exit) = self.without_verdict(&stage, &rehearsed) {
                return Ok(exit);
            }
            let cut = Self::cut_run(&stage, &step.label.to_string(), &step.name, &rehearsed)?;
            let verdict = judge_cut(uncut, &cut, &|path| self.is_record(path));
            if !verdict.passed() {
                exit = Exit::StepFailed;
            }
            self.report("cut", &verdict, &verdict.text())?;
        }
        if exit.is_success() {
            let text = "every cut survived: the same end, each effect once\n";
            self.report("cuts_survived", &json!({ "cuts": self.plan.steps.len() }), text)?;
        }
        Ok(exit)
    }

    /// Runs the plan on that host; `cut`: cuts the connection when this step starts.
    fn run(
        &self,
        stage: &rehearse::RehearsalHost,
        aside: &Aside,
        cut: Option<StepId>,
    ) -> Result<Rehearsed, CommandError> {
        let host = Host {
            address: stage.address().ip().to_string(),
            port: stage.address().port(),
            user: stage.user().to_owned(),
            key: Some(stage.key_path().to_owned()),
            ..self.host.clone()
        };
        let mut config = Config::for_home(None, Passphrase::new(|_| Err(NoPassphrase::NoTerminal)));
        config.known_hosts = vec![stage.known_hosts_path().to_owned()];
        config.known_hosts_read_only = Vec::new();
        let header = header(&self.args.playbook, self.ready, Mode::Run, None)?;
        let mut plan = self.plan.clone();
        aside.take_in(&mut plan)?;
        let plans = [(host, plan)];
        // A rehearsal's host is gone when pinboot ends: nothing can be resumed.
        let jobs = vec![Job { resume_command: None, ..job(&plans[0].0, &plans[0].1, &header) }];
        let first = started(&header, &self.ready.name, &plans);
        let context = RunContext {
            commands: commands(&plans),
            reconnect_for: RECONNECT_FOR,
            ..RunContext::new(self.cli, &self.ready.flags, &ConnectArgs::default())
        };
        let mut to_cut = cut;
        let listener = |event: &Event| match &event.kind {
            EventKind::StepStarted { step, .. } if to_cut == Some(*step) => {
                to_cut = None;
                if let Err(error) = stage.cut(None) {
                    tracing::warn!("cannot cut the connection: {error}");
                }
                StopRequest::None
            }
            // A host that has ended does not come back.
            EventKind::HostLost { .. } if stage.ends_soon() => StopRequest::Detach(Exit::HostUnfit),
            _ => StopRequest::None,
        };
        let run = execute(context, Ssh::new(config), jobs, Some(first), RunView::default(), listener);
        let view = self.runtime.block_on(run)?.view;
        self.go_on()?;
        let steps = self.results(&view);
        Ok(Rehearsed { view, steps })
    }

    /// The exit code of a run that says nothing about the playbook: it did not reach the throw-away host, that host ended, or the
    /// run was stopped.
    fn without_verdict(&self, stage: &rehearse::RehearsalHost, rehearsed: &Rehearsed) -> Option<Exit> {
        let exit = rehearsed.view.exit_code();
        let is_bad = |step: &StepResult| matches!(step.outcome, Outcome::Failed | Outcome::Unknown);
        let has_ended = stage.has_ended();
        if !has_ended && (exit.is_success() || rehearsed.steps.iter().any(is_bad)) {
            return None;
        }
        let is_reached = rehearsed.view.host(&self.host.id).is_some_and(|host| host.ready.is_some());
        let why = match (has_ended, is_reached) {
            (true, _) => "the throw-away host ended in the middle of the run",
            (false, true) => "the run was stopped before its end",
            (false, false) => "the throw-away host was not reached",
        };
        let exit = if exit.is_success() { Exit::HostUnfit } else { exit };
        print_error(&format!("pinboot: {why}: there is no verdict on the playbook"));
        Some(exit)
    }

    fn results(&self, view: &RunView) -> Vec<StepResult> {
        let host = view.host(&self.host.id);
        let finished = |step: &crate::plan::PlannedStep| {
            Some(StepResult {
                label: step.label.to_string(),
                name: step.name.clone(),
                outcome: host?.step(step.id)?.outcome()?,
                always: matches!(&step.action, Action::Apply(spec) if spec.always),
                manual: host?.step(step.id)?.is_manual(),
            })
        };
        self.plan.steps.iter().filter_map(finished).collect()
    }

    fn cut_run(
        stage: &rehearse::RehearsalHost,
        label: &str,
        name: &str,
        rehearsed: &Rehearsed,
    ) -> Result<CutRun, CommandError> {
        Ok(CutRun {
            label: label.to_owned(),
            name: name.to_owned(),
            steps: rehearsed.steps.clone(),
            changes: stage.changes().map_err(|error| host_lost(&error))?,
            used: stage.used().map_err(|error| host_lost(&error))?,
        })
    }

    /// Keeps the host until the user has seen enough.
    fn keep(&self, stage: &rehearse::RehearsalHost) -> Result<(), CommandError> {
        print_error("the host stays up until Ctrl-C; to look around on it:");
        // It is there to be copied.
        print_as_it_is(&format!("  {}", stage.ssh_command()));
        self.runtime
            .block_on(async {
                use tokio::signal::unix::{SignalKind, signal};
                let (mut interrupt, mut terminate) =
                    (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                Ok(())
            })
            .map_err(|error: std::io::Error| CommandError::local(format!("cannot listen for signals: {error}")))?;
        // That signal was for the host that was kept.
        while self.signals.borrow_mut().pending().is_some() {}
        Ok(())
    }

    /// Tells a person what happens; a program reads only the results.
    fn tell(&self, text: &str) {
        if !self.cli.wants_json() {
            print_error(text);
        }
    }

    /// Prints a verdict, as text or as one JSON object.
    fn report(&self, kind: &str, verdict: &impl serde::Serialize, text: &str) -> Result<(), CommandError> {
        if !self.cli.wants_json() {
            return print(&wrap_message(text, terminal_columns(std::io::stdout()))).map(|_| ());
        }
        let line = json!({ "v": VERSION, "kind": kind, "host": self.host.id, "verdict": verdict });
        print(&(json_text(&line) + "\n")).map(|_| ())
    }
}

/// A folder into which what steps bring here goes, since a rehearsal leaves this machine as it is. It is made where something comes, and
/// goes with the throw-away host.
struct Aside(PathBuf);

impl Aside {
    fn new() -> Result<Self, CommandError> {
        Ok(Self(std::env::temp_dir().join(format!("pinboot-fetched-{}", hex(&random::<8>()?)))))
    }

    /// Lets the steps of a plan bring files here instead.
    fn take_in(&self, plan: &mut Plan) -> Result<(), CommandError> {
        for step in &mut plan.steps {
            let Action::Apply(spec) = &mut step.action else { continue };
            let Effect::Takes(takes) = &mut spec.recipe.effect else { continue };
            let place = self.0.join(takes.to.trim_start_matches('/'));
            let tree = taken::read(&place).map_err(|why| CommandError::local(format!("cannot read {why}")))?;
            (takes.to, takes.here) = (tree.path, tree.entries);
        }
        Ok(())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn host_lost(error: &std::io::Error) -> CommandError {
    CommandError::new(Exit::HostUnfit, format!("the throw-away host does not answer any more: {error}"))
}
