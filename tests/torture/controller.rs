//! The real engine as the controller under test, which can die at any moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pinboot::engine::{self, Job, Options, StopRequest, Task, facts};
use pinboot::event::{Event, EventKind, Mode};
use pinboot::exit::Exit;
use pinboot::ids::HostId;
use pinboot::inventory::Host;
use pinboot::plan::Plan;
use pinboot::remote::{Identity, points, program};
use pinboot::secret::Masker;
use pinboot::view::{HostView, RunView};
use tokio::sync::watch;

use crate::local::Local;

/// When a controller dies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Death {
    Never,
    /// After so long.
    After(Duration),
    /// It cannot write down its event of this number: before, or just after it.
    AtEvent(u64),
}

/// How a controller's life ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Died,
    /// It saw no end for a very long time.
    Stuck,
    /// With this code.
    Exit(u8, Box<HostView>),
}

/// A controller's life: what it was told.
#[derive(Debug)]
pub(crate) struct HostTask {
    pub(crate) ended: Ended,
    /// What it showed of each step.
    pub(crate) said: BTreeMap<u32, String>,
    pub(crate) events: u64,
}

pub(crate) fn job(identity: &Identity, plan: &Plan, hook: Option<&str>, follow: bool) -> Job {
    let program = match hook {
        Some(hook) => points::program(plan, identity, hook),
        None => program(plan, identity),
    };
    let errand = if follow {
        Task::Attach { over: Vec::new(), exit: Exit::Success, arrived: false, resume: None }
    } else {
        Task::Deliver { program: Arc::new(program), secrets: plan.secrets.clone(), after: None }
    };
    Job {
        host: Host { id: HostId("h".into()), address: "localhost".into(), port: 22, user: "tester".into(), key: None },
        identity: identity.clone(),
        facts: facts(plan),
        masker: Masker::new(&plan.secrets),
        muted: false,
        known: None,
        again: String::new(),
        errand,
    }
}

/// Lives until the run's end, or its own.
pub(crate) async fn live(connect: Local, job: Job, death: Death) -> HostTask {
    let mut said: BTreeMap<u32, String> = BTreeMap::new();
    let patience = Duration::from_mins(1);
    let (ended, events) =
        watch_over(connect, job, death, patience, content(), |step, text| said.entry(step).or_default().push_str(text))
            .await;
    HostTask { ended, said, events }
}

/// Lives until the run's end, with a user who may want to stop it.
pub(crate) async fn live_until(connect: Local, job: Job, wishes: watch::Receiver<StopRequest>) -> HostTask {
    let (ended, events) = watch_over(connect, job, Death::Never, Duration::from_mins(1), wishes, |_, _| {}).await;
    HostTask { ended, said: BTreeMap::new(), events }
}

/// Listens to the run's end, with more patience.
pub(crate) async fn listen(connect: Local, job: Job, mut hear: impl FnMut(&str)) -> Ended {
    let patience = Duration::from_mins(10);
    watch_over(connect, job, Death::Never, patience, content(), |_, text| hear(text)).await.0
}

/// A user who wants nothing.
fn content() -> watch::Receiver<StopRequest> {
    watch::channel(StopRequest::None).1
}

async fn watch_over(
    connect: Local,
    job: Job,
    death: Death,
    patience: Duration,
    wishes: watch::Receiver<StopRequest>,
    mut hear: impl FnMut(u32, &str),
) -> (Ended, u64) {
    let run = job.identity.run.clone();
    let first = EventKind::RunStarted {
        run,
        playbook: "torture".into(),
        name: "torture".into(),
        mode: Mode::Run,
        hosts: vec![job.host.id.clone()],
        steps: u32::try_from(job.facts.len()).expect("few"),
        rerun_of: None,
    };
    let mut events = 0;
    let emit = |event: &Event, _: &RunView| {
        events += 1;
        if let Death::AtEvent(number) = death
            && events >= number
        {
            return Err(());
        }
        // (What the controller says of tries is its own, and not in the log.)
        if let EventKind::StepOutput { step, text, .. } = &event.kind
            && !text.starts_with("(ended with status")
        {
            hear(step.0, text);
        }
        Ok(())
    };
    let options = Options { forks: 1, reconnect_for: Duration::from_mins(1), wait: Duration::ZERO, cause: |_, _| None };
    let engine = engine::run(Arc::new(connect), vec![job], options, wishes, Some(first), RunView::default(), emit);
    let deadline = match death {
        Death::After(time) => time,
        Death::Never | Death::AtEvent(_) => patience,
    };
    let view = tokio::time::timeout(deadline, engine).await;
    let ended = match view {
        Ok(Ok(view)) => Ended::Exit(view.exit_code().code(), Box::new(view.hosts[0].clone())),
        Err(_) if !matches!(death, Death::After(_)) => Ended::Stuck,
        Ok(Err(())) | Err(_) => Ended::Died,
    };
    (ended, events)
}
