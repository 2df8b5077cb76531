//! Every named point at which something can die, and what comes after it.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pinboot::event::Outcome;
use pinboot::remote::points;
use pinboot::view::StepView;

use crate::controller::{Death, Ended, job, live};
use crate::deed::{self, BLIND, Deed};
use crate::lab::{Kit, Lab, wait_until};
use crate::local::{Fate, Local, Weather};

/// Ends the shell that calls it at a point, the first time that it comes there.
const HOOK: &str = r#"pb_point() {
if [ -e "$HOME/points/$1" ] && mv "$HOME/points/$1" "$HOME/hit/$1"; then kill -9 $$; fi
}"#;

/// Every point of runner and delivery.
pub(crate) fn all() -> Vec<&'static str> {
    points::of_the_runner().into_iter().chain(points::of_the_delivery()).collect()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Something dies at the point, and the run comes to its right end all the same.
pub(crate) fn dies_at(point: &str, kit: Kit) -> Result<(), String> {
    let lab = Arc::new(Lab::new(kit));
    let mut deed = Deed::plain();
    let write = |name: &str, text: &str| fs::write(lab.path(name), text).expect("written");
    for folder in ["points", "hit"] {
        fs::create_dir(lab.path(folder)).expect("a folder");
    }
    let mut armed = vec![point];
    match point {
        // (To be asked at length and found so: a step whose check is more than a path.)
        "unchanged-said" => write("count2", "E\n"),
        "stored-said" => armed.push("done-said"),
        // (A follower that comes to its end while somebody listens: its runner is dead.)
        "followed" => armed.push("start-said"),
        // (The step lives on without its runner, long enough for a next one to come.)
        "apply-started" => {
            write("made", "");
            deed.naps = [50, 0, 0];
        }
        // (The first step that is carried out has to be the one that nobody can ask about.)
        "unknown-said" => {
            armed.push("apply-said");
            write("made", "");
            write("count2", "E\n");
        }
        "pruned" => (0..25).for_each(|number| {
            let run = format!(".pinboot/runs/{number:08x}");
            fs::create_dir_all(lab.path(&run)).expect("a folder");
            write(&format!("{run}/end"), "ok\n");
        }),
        _ => {}
    }
    if point == "pruned" {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(lab.path(".pinboot"), mode).expect("ours");
    }
    for point in &armed {
        write(&format!("points/{point}"), "");
    }
    let weather = Weather { hook: Some(HOOK.to_owned()), ..Weather::calm() };
    let (identity, plan) = (deed::identity(&lab, 7, 0), deed.plan(&[]));
    let line = Local::new(&lab, weather);
    let life = runtime().block_on(live(line, job(&identity, &plan, Some(HOOK), false), Death::Never));
    let deadline = Instant::now() + Duration::from_secs(20);
    let is_hit = |point: &&str| lab.path(&format!("hit/{point}")).exists();
    if !wait_until(deadline, || armed.iter().all(is_hit) && lab.is_quiet()) {
        return Err(format!("nothing came to the point: {life:?}"));
    }
    let mut found = deed::violations(&lab, &deed);
    match life.ended {
        Ended::Exit(8, host) if point == "unknown-said" => {
            if host.step(BLIND).and_then(StepView::outcome) != Some(Outcome::Unknown) {
                found.push(format!("exit 8 without an unknown step: {host:?}"));
            }
        }
        Ended::Exit(0, host) if point != "unknown-said" => {
            found.extend(deed::left_undone(&lab, &deed));
            let right = |outcome| match outcome {
                Some(Outcome::Unchanged) => matches!(point, "unchanged-said" | "apply-started"),
                outcome => outcome == Some(Outcome::Changed),
            };
            if host.steps.len() != plan.steps.len() || !host.steps.iter().all(|step| right(step.outcome())) {
                found.push(format!("not the steps of an undisturbed run: {:?}", host.steps));
            }
            let log = fs::read(lab.path(&format!(".pinboot/runs/{}/log", identity.run))).unwrap_or_default();
            if deed::said(&log, &identity.nonce) != life.said {
                found.push(format!("{:?} was shown", life.said));
            }
        }
        other => found.push(format!("{other:?}")),
    }
    if found.is_empty() { Ok(()) } else { Err(found.join("; ")) }
}

/// A controller that cannot write down its event of this number; the next one, with or without a delivery, sees the right end.
/// Gives how many events there are in all.
pub(crate) fn controller_dies_at(event: u64, follow: bool, kit: Kit) -> Result<u64, String> {
    let lab = Arc::new(Lab::new(kit));
    let deed = Deed::plain();
    let (identity, plan) = (deed::identity(&lab, 7, 0), deed.plan(&[]));
    let mut death = Death::AtEvent(event);
    let mut follow_now = false;
    loop {
        let line = Local::new(&lab, Weather::calm());
        let life = runtime().block_on(live(line, job(&identity, &plan, None, follow_now), death));
        match life.ended {
            Ended::Died => (death, follow_now) = (Death::Never, follow),
            // (It died before anything had arrived, or before the runner began: then there is nothing to follow.)
            Ended::Exit(8 | 10, _) if follow_now => follow_now = false,
            Ended::Exit(0, host) => {
                let mut found = deed::violations(&lab, &deed);
                found.extend(deed::left_undone(&lab, &deed));
                if host.steps.len() != plan.steps.len() {
                    found.push(format!("not all steps were told: {:?}", host.steps));
                }
                return if found.is_empty() { Ok(life.events) } else { Err(found.join("; ")) };
            }
            other => return Err(format!("{other:?}")),
        }
    }
}

/// A connection that ends in this way is taken up again, and the run with it.
pub(crate) fn connection_ends(fate: Fate, kit: Kit) -> Result<(), String> {
    let lab = Arc::new(Lab::new(kit));
    let deed = Deed { large: true, secret: true, ..Deed::plain() };
    let (identity, plan) = (deed::identity(&lab, 7, 0), deed.plan(&[]));
    let line = Local::new(&lab, Weather { first: vec![fate], ..Weather::calm() });
    let life = runtime().block_on(live(line, job(&identity, &plan, None, false), Death::Never));
    let mut found = deed::violations(&lab, &deed);
    match life.ended {
        Ended::Exit(0, _) => found.extend(deed::left_undone(&lab, &deed)),
        other => found.push(format!("{other:?}")),
    }
    if found.is_empty() { Ok(()) } else { Err(found.join("; ")) }
}
