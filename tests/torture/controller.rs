//! The real engine as the controller under test, which can die at any moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use pinboot::engine::{self, Job, Options, StopRequest, Task};
use pinboot::event::{Event, EventKind, Mode};
use pinboot::exit::Exit;
use pinboot::ids::HostId;
use pinboot::inventory::Host;
use pinboot::plan::Plan;
use pinboot::remote::{Identity, points, program};
use pinboot::secret::Masker;
use pinboot::view::{HostView, RunView};
use tokio::sync::watch;

use crate::lab::Lab;
use crate::local::Local;
use crate::recording::Death;

/// How long a controller waits for the end of a run before something is wrong.
const PATIENCE: Duration = Duration::from_mins(1);

/// How a controller ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Died,
    /// It saw no end for too long.
    Stuck,
    /// It saw the end.
    Exit(Exit, Box<HostView>),
}

/// What a controller saw until its end.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) ended: Ended,
    /// What it showed of each step.
    pub(crate) shown: BTreeMap<u32, String>,
    pub(crate) events: u64,
    /// How long before its end the last event was.
    pub(crate) idle: Duration,
}

pub(crate) fn job(identity: &Identity, plan: &Plan, hook: Option<&str>, follow: bool) -> Job {
    let program = match hook {
        Some(hook) => points::program(plan, identity, hook),
        None => program(plan, identity),
    };
    let task = if follow {
        Task::Attach { finished: Vec::new(), exit: Exit::Success, arrived: false, resume: None }
    } else {
        Task::Deliver { program: Arc::new(program), secrets: plan.secrets.clone(), after: None }
    };
    Job {
        host: Host { id: HostId("h".into()), address: "localhost".into(), port: 22, user: "tester".into(), key: None },
        identity: identity.clone(),
        steps: plan.summary(),
        planned: Some(plan.steps.iter().map(|step| step.id).collect()),
        mode: plan.mode,
        masker: Masker::new(&plan.secrets),
        muted: false,
        files: None,
        expected: None,
        resume_command: None,
        task,
    }
}

/// Controls the run until its end, or the controller's own.
pub(crate) async fn control(connect: Local, job: Job, death: Death) -> Seen {
    watch_over(connect, job, death, PATIENCE, no_request(), |_| {}).await
}

/// Controls the run until its end, with a user who may ask to stop it.
pub(crate) async fn control_until(connect: Local, job: Job, requests: watch::Receiver<StopRequest>) -> Seen {
    watch_over(connect, job, Death::Never, PATIENCE, requests, |_| {}).await
}

/// Listens until the run's end, with more patience.
pub(crate) async fn listen(connect: Local, job: Job, hear: impl FnMut(&str)) -> Ended {
    watch_over(connect, job, Death::Never, Duration::from_mins(10), no_request(), hear).await.ended
}

/// A user who asks for nothing.
fn no_request() -> watch::Receiver<StopRequest> {
    watch::channel(StopRequest::None).1
}

async fn watch_over(
    connect: Local,
    job: Job,
    death: Death,
    patience: Duration,
    requests: watch::Receiver<StopRequest>,
    mut hear: impl FnMut(&str),
) -> Seen {
    let run = job.identity.run.clone();
    let first = EventKind::RunStarted {
        run,
        playbook: "torture".into(),
        name: "torture".into(),
        mode: Mode::Run,
        hosts: vec![job.host.id.clone()],
        steps: u32::try_from(job.steps.len()).expect("few"),
        host_steps: Vec::new(),
        rerun_of: None,
    };
    let mut shown: BTreeMap<u32, String> = BTreeMap::new();
    let (count, counted) = watch::channel(0_u64);
    let lab = Arc::clone(&connect.lab);
    let mut last = Instant::now();
    let emit = |event: &Event, _: &RunView| {
        count.send_modify(|events| *events += 1);
        last = Instant::now();
        if let Death::AtEvent(number) = death
            && *count.borrow() >= number
        {
            return Err(());
        }
        // The controller's own word on attempts is not in the log.
        if let EventKind::StepOutput { step, text, .. } = &event.kind
            && !text.starts_with("(exit status ")
        {
            hear(text);
            if patience == PATIENCE {
                shown.entry(step.0).or_default().push_str(text);
            }
        }
        Ok(())
    };
    let options = Options {
        forks: 1,
        reconnect_for: Duration::from_mins(1),
        wait: Duration::ZERO,
        start_timeout: Duration::from_mins(2),
        stop: StopRequest::None,
        cause: |_, _| None,
    };
    let engine = engine::run(Arc::new(connect), vec![job], options, requests, Some(first), RunView::default(), emit);
    let view = tokio::select! {
        view = engine => Some(view),
        () = dies(death, &lab, counted, patience) => None,
    };
    let ended = match view {
        Some(Ok(view)) => Ended::Exit(view.exit_code(), Box::new(view.hosts[0].clone())),
        None if matches!(death, Death::Never | Death::AtEvent(_)) => Ended::Stuck,
        Some(Err(())) | None => Ended::Died,
    };
    let events = *count.borrow();
    Seen { ended, shown, events, idle: last.elapsed() }
}

/// Returns when the controller is to die, or has seen no end for too long.
async fn dies(death: Death, lab: &Lab, mut events: watch::Receiver<u64>, patience: Duration) {
    let after = |millis: f64| Duration::from_secs_f64(millis / 1000.0);
    match death {
        Death::Never | Death::AtEvent(_) => tokio::time::sleep(patience).await,
        Death::AfterTime(millis) => tokio::time::sleep(after(millis)).await,
        Death::AfterEvent { number, kills, millis } => {
            let enough = async {
                let heard = events.wait_for(|events| *events >= number).await.is_ok();
                while heard && lab.kills.load(Ordering::SeqCst) < kills {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            let _ = tokio::time::timeout(patience, enough).await;
            tokio::time::sleep(after(millis)).await;
        }
    }
}
