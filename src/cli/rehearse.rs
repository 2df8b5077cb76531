//! `pinboot rehearse`: a playbook on a throw-away host, twice, and once more for every step that is cut.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::args::{Cli, Reach, Rehearse, flags};
use super::fault::Fault;
use super::files::{self, Ready};
use super::live::{self, Setting};
use super::run::{header, job, runtime, started};
use super::{color, complain, print};
use crate::engine::StopRequest;
use crate::event::{Event, EventKind, Mode, VERSION};
use crate::exit::Exit;
use crate::flags::Flags;
use crate::ids::StepId;
use crate::inventory::Host;
use crate::plan::{Action, Plan};
use crate::rehearse::cut::{CutRun, judge_cut};
use crate::rehearse::verdict::{StepResult, judge};
use crate::rehearse::{self, Refused, World, world};
use crate::source::{Severity, Sources, render};
use crate::transport::ssh::{Config, NoPassphrase, Passphrase, Ssh};
use crate::view::RunView;

/// Rehearses a playbook, host by host; 0 where every one of them passed.
pub(super) fn rehearse(cli: &Cli, args: &Rehearse) -> Result<Exit, Fault> {
    let flags = Flags { limit: args.limit.clone(), ..flags(&[&args.values]) };
    let ready = files::read(&args.playbook, &flags, Mode::Run, color(&std::io::stderr()))?;
    if !ready.warnings.is_empty() {
        complain(&ready.warnings);
    }
    if ready.plans.is_empty() {
        return Err(Fault::new(Exit::BadInput, "the playbook names no hosts", Some("add `hosts:` to it")));
    }
    let world = read_world(&args.playbook, args.world.as_deref())?;
    let runtime = runtime()?;
    let mut exit = Exit::Success;
    for (host, plan) in &ready.plans {
        let world = match &world {
            Some(world) => world.clone(),
            None => plain_world(host),
        };
        let stage = Stage { cli, args, ready: &ready, host, plan, world, runtime: &runtime };
        exit = Exit::worst([exit, stage.play()?]);
    }
    Ok(exit)
}

/// The rehearsal file, read and checked; `None` where the playbook has none.
fn read_world(playbook: &Path, given: Option<&Path>) -> Result<Option<World>, Fault> {
    let path = given.map_or_else(|| World::beside(playbook), Path::to_owned);
    if given.is_none() && !path.exists() {
        complain(&format!(
            "pinboot: there is no {}: the host has no stand-ins, and whatever the playbook asks of the world is refused",
            path.display()
        ));
        return Ok(None);
    }
    let bytes = std::fs::read(&path)
        .map_err(|why| Fault::input(format!("the rehearsal file {} cannot be read: {why}", path.display())))?;
    let name = path.display().to_string();
    let mut sources = Sources::default();
    let color = color(&std::io::stderr());
    let text =
        crate::node::decode(&name, bytes).map_err(|fault| Fault::rendered(render(&[*fault], &sources, color)))?;
    let id = sources.add(name.clone(), text);
    let document = crate::node::parse(id, &sources.get(id).text)
        .map_err(|faults| Fault::rendered(render(&faults, &sources, color)))?;
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    let (mut world, faults) = world::parse(&document, &folder, &|path| path.is_file());
    if faults.iter().any(|fault| fault.severity == Severity::Error) {
        return Err(Fault::rendered(render(&faults, &sources, color)));
    }
    world.file = Some(name);
    Ok(Some(world))
}

/// A world without stand-ins for the playbook's own login user.
fn plain_world(host: &Host) -> World {
    let home = if host.user == "root" { "/root".to_owned() } else { format!("/home/{}", host.user) };
    World { user: host.user.clone(), home, ..World::default() }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        Self::new(
            Exit::HostUnfit,
            format!("no host can be made on this machine: {}", refused.message),
            refused.hint.as_deref(),
        )
    }
}

/// One of the playbook's hosts, to be played by throw-away ones.
struct Stage<'a> {
    cli: &'a Cli,
    args: &'a Rehearse,
    ready: &'a Ready,
    host: &'a Host,
    plan: &'a Plan,
    world: World,
    runtime: &'a tokio::runtime::Runtime,
}

/// What one run on a throw-away host came to.
struct Played {
    view: RunView,
    steps: Vec<StepResult>,
}

impl Stage<'_> {
    fn play(&self) -> Result<Exit, Fault> {
        if !self.cli.wants_json() {
            let from =
                self.world.file.as_deref().map_or_else(String::new, |file| format!(", its world played by {file}"));
            complain(&format!("rehearsal: {} is a throw-away host on this machine{from}", self.host.id));
        }
        let stage = rehearse::Host::start(&self.world)?;
        stage.mark().map_err(|error| gone(&error))?;
        let first = self.run(&stage, None)?;
        let whole = Self::cut_run(&stage, "", "", &first)?;
        let mut exit = first.view.exit_code();
        let second = if exit.is_success() {
            if !self.cli.wants_json() {
                complain("\nthe same again, which should change nothing:");
            }
            Some(self.run(&stage, None)?)
        } else {
            None
        };
        let used = stage.used().map_err(|error| gone(&error))?;
        let verdict = judge(&first.steps, second.as_ref().map_or(&[], |second| &second.steps), &self.world, &used);
        if let Some(second) = &second {
            exit = second.view.exit_code();
        }
        if exit.is_success() && !verdict.passed() {
            exit = Exit::StepFailed;
        }
        self.say("rehearsed", &verdict, &verdict.text())?;
        if self.args.keep {
            self.keep(&stage)?;
        }
        drop(stage);
        if self.args.cut && exit.is_success() {
            exit = self.cut_each(&whole)?;
        }
        Ok(exit)
    }

    /// One more run for each step, on a fresh host, the connection cut while that step is at work.
    fn cut_each(&self, whole: &CutRun) -> Result<Exit, Fault> {
        let mut exit = Exit::Success;
        for step in &self.plan.steps {
            if matches!(step.action, Action::Skip { .. }) {
                continue;
            }
            let stage = rehearse::Host::start(&self.world)?;
            stage.mark().map_err(|error| gone(&error))?;
            let played = self.run(&stage, Some(step.id))?;
            let cut = Self::cut_run(&stage, &step.label, &step.name, &played)?;
            let verdict = judge_cut(whole, &cut, &|path| is_record(&self.world, path));
            if !verdict.passed() {
                exit = Exit::StepFailed;
            }
            self.say("cut", &verdict, &verdict.text())?;
        }
        if exit.is_success() {
            self.say(
                "cuts_survived",
                &json!({ "cuts": self.plan.steps.len() }),
                "every cut survived: the same end, each effect once\n",
            )?;
        }
        Ok(exit)
    }

    /// Runs the plan on that host; `cut`: the connection is cut when this step begins to work.
    fn run(&self, stage: &rehearse::Host, cut: Option<StepId>) -> Result<Played, Fault> {
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
        let plans = [(host, self.plan.clone())];
        let jobs = vec![job(&plans[0].0, &plans[0].1, &header)];
        let (first, commands) = (started(&header, &self.ready.name, &plans), live::commands(&plans));
        let reach = Reach { reconnect_for: 60, ..Reach::default() };
        let flags = &self.ready.flags;
        let setting = Setting {
            cli: self.cli,
            flags,
            reach: &reach,
            commands,
            journal: None,
            wait: Duration::ZERO,
            wish: StopRequest::None,
        };
        let mut to_cut = cut;
        let listener = |event: &Event| {
            let works = match &event.kind {
                EventKind::StepStarted { step, .. } => Some(*step),
                _ => None,
            };
            if to_cut.is_some() && works == to_cut {
                to_cut = None;
                if let Err(error) = stage.cut(None) {
                    tracing::warn!("the connection could not be cut: {error}");
                }
            }
        };
        let done = self.runtime.block_on(live::carry_out(
            setting,
            Ssh::new(config),
            jobs,
            Some(first),
            RunView::default(),
            listener,
        ));
        let (view, _) = done?;
        let steps = self.results(&view);
        Ok(Played { view, steps })
    }

    fn results(&self, view: &RunView) -> Vec<StepResult> {
        let host = view.host(&self.host.id);
        let finished = |step: &crate::plan::PlannedStep| {
            Some(StepResult {
                label: step.label.clone(),
                name: step.name.clone(),
                outcome: host?.step(step.id)?.outcome()?,
                always: matches!(&step.action, Action::Apply(work) if work.always),
                manual: host?.step(step.id)?.is_by_hand(),
            })
        };
        self.plan.steps.iter().filter_map(finished).collect()
    }

    fn cut_run(stage: &rehearse::Host, label: &str, name: &str, played: &Played) -> Result<CutRun, Fault> {
        Ok(CutRun {
            label: label.to_owned(),
            name: name.to_owned(),
            steps: played.steps.clone(),
            written: stage.changes().map_err(|error| gone(&error))?,
            used: stage.used().map_err(|error| gone(&error))?,
        })
    }

    /// Leaves the host up until the person has seen enough.
    fn keep(&self, stage: &rehearse::Host) -> Result<(), Fault> {
        complain(&format!("the host stays up until Ctrl-C; to look around in it:\n  {}", stage.ssh_command()));
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
            .map_err(|error: std::io::Error| {
                Fault::new(Exit::LocalError, format!("signals cannot be heard: {error}"), None)
            })
    }

    /// Says a verdict: as text, or as one JSON object.
    fn say(&self, kind: &str, verdict: &impl serde::Serialize, text: &str) -> Result<(), Fault> {
        if !self.cli.wants_json() {
            return print(text).map(|_| ());
        }
        let line = json!({ "v": VERSION, "kind": kind, "host": self.host.id, "verdict": verdict });
        print(&format!("{line}\n")).map(|_| ())
    }
}

fn gone(error: &std::io::Error) -> Fault {
    Fault::new(Exit::HostUnfit, format!("the throw-away host does not answer any more: {error}"), None)
}

/// Whether a path belongs to the runs' own record on the host.
fn is_record(world: &World, path: &str) -> bool {
    let record = format!("{}/.pinboot", world.home.trim_end_matches('/'));
    path.strip_prefix(&record).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
