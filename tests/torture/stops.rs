//! Stops at random moments: of a step, of a check, of a pause, with the runner alive or dead.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pinboot::engine::StopRequest;
use pinboot::event::Outcome;
use pinboot::ids::RunId;
use pinboot::view::StepView;
use rustix::process::Signal;
use tokio::sync::watch;

use crate::chance::Chance;
use crate::controller::{Death, Ended, job, live, live_until};
use crate::deed::{self, BLIND, Deed, Hangs};
use crate::lab::{Kit, Lab, Role, signal, wait_until};
use crate::local::{Local, Weather};

/// A stop ends everything of the step within so long, where nothing in it resists. (Two seconds, and what a busy machine needs.)
const SOON: Duration = Duration::from_secs(20);

/// What a case came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stopped {
    /// It came before the end.
    pub(crate) in_time: bool,
    /// The runner was dead by then.
    pub(crate) dead: bool,
}

/// Stops a run, and finishes it with another one.
pub(crate) fn case(kit: Kit, seed: u64) -> Result<Stopped, String> {
    let mut chance = Chance::new(seed);
    let lab = Arc::new(Lab::new(kit));
    let is_murder = chance.one_in(3);
    let level = chance.of(&[StopRequest::AfterStep, StopRequest::Now, StopRequest::Now]);
    // (Without groups, what outlives its runner is named and not ended; under mksh no child of a check has the run's lock.)
    let hangs = chance.of(&[None, Some(Hangs::Check), Some(Hangs::Step)]);
    let hangs =
        hangs.filter(|_| level == StopRequest::Now && (!is_murder || (lab.kit.setsid && lab.kit.shell != "mksh")));
    let deed = Deed { hangs, naps: [40, 40, 40], ..Deed::of(&mut chance) };
    let mut stopped = Stopped::default();
    let result = (|| {
        let (identity, plan) = (deed::identity(&lab, seed, 0), deed.plan(&[]));
        let (wish, wishes) = watch::channel(StopRequest::None);
        let moment = chance.pause(1500);
        let line = Local::new(&lab, Weather::calm());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let life = runtime.block_on(async {
            let run = live_until(line, job(&identity, &plan, None, false), wishes);
            let stop = async {
                tokio::time::sleep(moment).await;
                if is_murder {
                    for process in lab.processes().iter().filter(|process| process.role == Role::Runner) {
                        signal(process.pid, Signal::KILL);
                    }
                }
                // (Nobody listens any more where the run is over.)
                let _ = wish.send(level);
            };
            tokio::join!(run, stop).0
        });
        let mut found = deed::violations(&lab, &deed);
        let (exit, host) = match life.ended {
            Ended::Exit(exit, host) => (exit, host),
            other => return Err(format!("{other:?}: {}", lab.described())),
        };
        stopped = Stopped { in_time: exit != 0, dead: is_murder && exit != 0 };
        let deadline = Instant::now() + SOON;
        if level == StopRequest::Now && !wait_until(deadline, || lab.is_quiet()) {
            found.push(format!("alive after the stop: {}", lab.described()));
        }
        if !(matches!(exit, 0 | 130) || (is_murder && exit == 8)) {
            found.push(format!("exit {exit}: {:?} {:?}", host.message, host.steps));
        }
        // A blind step that was ended has failed, or is unknown: whether it took effect is for its user to say.
        let blind = host.step(BLIND).and_then(StepView::outcome);
        if !found.is_empty() || matches!(blind, Some(Outcome::Failed | Outcome::Unknown)) {
            return if found.is_empty() { Ok(()) } else { Err(found.join("; ")) };
        }
        fs::write(lab.path("fast"), "").expect("a file");
        finish(&lab, &deed, seed, &identity.run, &runtime)
    })();
    result.map(|()| stopped).map_err(|what| format!("{what}\n  {:?}, {level:?}, murder {is_murder}, {deed:?}", lab.kit))
}

/// The run that takes up what the stopped one left.
fn finish(
    lab: &Arc<Lab>,
    deed: &Deed,
    seed: u64,
    before: &RunId,
    runtime: &tokio::runtime::Runtime,
) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut number = 1;
    loop {
        let (identity, plan) = (deed::identity(lab, seed, number), deed.plan(std::slice::from_ref(before)));
        let line = Local::new(lab, Weather::calm());
        let life = runtime.block_on(live(line, job(&identity, &plan, None, false), Death::Never));
        let mut found = deed::violations(lab, deed);
        match life.ended {
            Ended::Exit(0, _) => found.extend(deed::left_undone(lab, deed)),
            // (The step in hand was let go on, and holds the host.)
            Ended::Exit(9, _) if Instant::now() < deadline => {
                number += 1;
                wait_until(deadline, || lab.is_quiet());
                continue;
            }
            other => found.push(format!("the rerun: {other:?}")),
        }
        let log = fs::read(lab.path(&format!(".pinboot/runs/{before}/end"))).unwrap_or_default();
        return if found.is_empty() {
            Ok(())
        } else {
            Err(format!("{}; the first ended {}", found.join("; "), String::from_utf8_lossy(&log)))
        };
    }
}
