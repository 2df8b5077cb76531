//! Stops at random moments: during a step, a check or a pause, with the runner alive or dead.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pinboot::engine::StopRequest;
use pinboot::event::Outcome;
use pinboot::exit::Exit;
use pinboot::ids::RunId;
use pinboot::view::StepView;
use rustix::process::Signal;
use tokio::sync::watch;

use crate::chance::Chance;
use crate::controller::{Ended, control, control_until, job};
use crate::lab::{Kit, Lab, Role, signal};
use crate::local::{Local, Network};
use crate::place::runner_hook;
use crate::recording::{Death, Kill, Recording, Suite, Victim, is_traced};
use crate::replay::{Fell, Next, Player, pause};
use crate::wait::wait_until;
use crate::workload::{self, BLIND, Hangs, Workload};

/// A stop ends everything of the step within this time, if nothing in it resists: two seconds, and what a busy machine needs.
const SOON: Duration = Duration::from_secs(20);

/// How a case ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stopped {
    /// The stop came before the end.
    pub(crate) in_time: bool,
    /// The runner was dead by then.
    pub(crate) dead: bool,
}

/// A case that was played: its result, and how it went.
pub(crate) struct Played {
    pub(crate) result: Result<Stopped, String>,
    pub(crate) recording: Recording,
    /// Where the stop of a replay fell.
    pub(crate) fell: Fell,
}

/// Stops a run at a random moment, and finishes it with another one.
pub(crate) fn case(kit: &Kit, seed: u64) -> Played {
    play(Recording::new(Suite::Stop, seed, kit, is_traced(seed)), None)
}

/// The same case once more, with the stop where it was.
pub(crate) fn again(recording: &Recording) -> Played {
    play(Recording::new(Suite::Stop, recording.seed, &recording.kit(), recording.is_traced), Some(recording))
}

fn play(mut recording: Recording, script: Option<&Recording>) -> Played {
    let mut chance = Chance::new(recording.seed);
    let lab = Arc::new(Lab::traced(recording.kit(), recording.is_traced));
    let murder = chance.one_in(3);
    let level = chance.of(&[StopRequest::AfterStep, StopRequest::Now, StopRequest::Now]);
    // Without process groups, what outlives its runner is named and not ended. Under mksh no child of a check has the run's
    // lock.
    let hangs = chance.of(&[None, Some(Hangs::Check), Some(Hangs::Step)]);
    let hangs = hangs.filter(|_| level == StopRequest::Now && (!murder || (lab.kit.setsid && lab.kit.shell != "mksh")));
    let workload = Workload { hangs, naps: [40, 40, 40], ..Workload::of(&mut chance) };
    let moment = chance.pause(1500);
    let mut fell = Fell::default();
    let result = stop_and_finish(&lab, &workload, recording.seed, level, async {
        let wait = if let Some(script) = script {
            wait_for_place(Arc::clone(&lab), script.kills.clone()).await
        } else {
            tokio::time::sleep(moment).await;
            Fell::default()
        };
        let place = lab.place_of_all();
        if murder {
            for process in lab.processes().iter().filter(|process| process.role == Role::Runner) {
                signal(process.pid, Signal::KILL);
            }
        }
        fell = wait;
        recording.kills.push(Kill { victim: Victim::Stop { murder }, place });
        murder
    });
    recording.violation = result.as_ref().err().cloned().unwrap_or_default();
    let result = result.map_err(|what| format!("{what}\n  {:?}, {level:?}, murder {murder}, {workload:?}", lab.kit));
    Played { result, recording, fell }
}

/// Waits until the host is where the stop came.
async fn wait_for_place(lab: Arc<Lab>, kills: Vec<Kill>) -> Fell {
    let waiting = tokio::task::spawn_blocking(move || {
        let mut player = Player::new(&lab, &kills);
        let deadline = Instant::now() + SOON;
        while let Next::Wait = player.next()
            && Instant::now() < deadline
        {
            pause();
        }
        player.finish()
    });
    waiting.await.expect("the player does not panic")
}

/// Asks for a stop when `moment` has passed, which says whether it has killed the runner.
fn stop_and_finish(
    lab: &Arc<Lab>,
    workload: &Workload,
    seed: u64,
    level: StopRequest,
    moment: impl Future<Output = bool>,
) -> Result<Stopped, String> {
    let (identity, plan) = (workload::identity(lab, seed, 0), workload.plan(&[]));
    let (sender, requests) = watch::channel(StopRequest::None);
    let line = Local::new(lab, Network::calm());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let hook = lab.is_traced.then(runner_hook);
    let (seen, murder) = runtime.block_on(async {
        let run = control_until(line, job(&identity, &plan, hook.as_deref(), false), requests);
        let stop = async {
            let murder = moment.await;
            // Nothing listens any more if the run is over.
            let _ = sender.send(level);
            murder
        };
        tokio::join!(run, stop)
    });
    let mut found = workload::violations(lab, workload);
    let (exit, host) = match seen.ended {
        Ended::Exit(exit, host) => (exit, host),
        other => return Err(format!("{other:?}: {}", lab.described())),
    };
    let stopped = Stopped { in_time: exit != Exit::Success, dead: murder && exit != Exit::Success };
    let deadline = Instant::now() + SOON;
    if level == StopRequest::Now && !wait_until(deadline, || lab.is_quiet()) {
        found.push(format!("alive after the stop: {}", lab.described()));
    }
    if !(matches!(exit, Exit::Success | Exit::Interrupted) || (murder && exit == Exit::OutcomeUnknown)) {
        found.push(format!("{exit:?}: {:?} {:?}", host.message, host.steps));
    }
    if !found.is_empty() {
        return Err(found.join("; "));
    }
    // A step without a check that was ended has failed, or is unknown: only its user can say whether it took effect.
    let blind = host.step(BLIND).and_then(StepView::outcome);
    if !matches!(blind, Some(Outcome::Failed | Outcome::Unknown)) {
        fs::write(lab.path("fast"), "").expect("a file");
        finish(lab, workload, seed, &identity.run, &runtime)?;
    }
    Ok(stopped)
}

/// The run that finishes what the stopped one left.
fn finish(
    lab: &Arc<Lab>,
    workload: &Workload,
    seed: u64,
    before: &RunId,
    runtime: &tokio::runtime::Runtime,
) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut number = 1;
    loop {
        let identity = workload::identity(lab, seed, number);
        let plan = workload.plan(std::slice::from_ref(before));
        let line = Local::new(lab, Network::calm());
        let hook = lab.is_traced.then(runner_hook);
        let seen = runtime.block_on(control(line, job(&identity, &plan, hook.as_deref(), false), Death::Never));
        let mut found = workload::violations(lab, workload);
        match seen.ended {
            Ended::Exit(Exit::Success, _) => found.extend(workload::left_undone(lab, workload)),
            // The current step of the first run was allowed to finish, and holds the host.
            Ended::Exit(Exit::Busy, _) if Instant::now() < deadline => {
                number += 1;
                wait_until(deadline, || lab.is_quiet());
                continue;
            }
            other => found.push(format!("the rerun: {other:?}")),
        }
        let end = fs::read(lab.path(&format!(".pinboot/runs/{before}/end"))).unwrap_or_default();
        return if found.is_empty() {
            Ok(())
        } else {
            Err(format!("{}; the first ended {}", found.join("; "), String::from_utf8_lossy(&end)))
        };
    }
}
