//! Every named point at which something can die, and what follows.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pinboot::event::Outcome;
use pinboot::exit::Exit;
use pinboot::kinds::Recipe;
use pinboot::plan::{Action, Plan, Question, StepSpec};
use pinboot::remote::points;
use pinboot::script::Script;
use pinboot::view::StepView;

use crate::controller::{Ended, control, job};
use crate::lab::{Kit, Lab};
use crate::local::{Local, Network};
use crate::recording::{Death, Fate};
use crate::wait::wait_until;
use crate::workload::{self, BLIND, Workload};

/// Ends the shell that calls it at a point, the first time that a shell reaches it.
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

/// Puts the steps into a group whose question is answered with yes only the first time that it is asked.
fn ask_once(plan: &mut Plan) {
    let only_if = Some(Script::author("test ! -e \"$HOME/asked\" && : >\"$HOME/asked\""));
    let question = Arc::new(Question::new(1, "G", StepSpec { only_if, ..StepSpec::plain(Recipe::default()) }));
    for step in &mut plan.steps {
        if let Action::Apply(spec) = &mut step.action {
            spec.questions.push(Arc::clone(&question));
        }
    }
}

/// Something dies at the point, and the run ends as it must nevertheless.
pub(crate) fn dies_at(point: &str, kit: Kit) -> Result<(), String> {
    let lab = Arc::new(Lab::new(kit));
    let mut workload = Workload::plain();
    let write = |name: &str, text: &str| fs::write(lab.path(name), text).expect("written");
    for folder in ["points", "hit"] {
        fs::create_dir(lab.path(folder)).expect("a folder");
    }
    let mut armed = vec![point];
    match point {
        // A step whose check is more than a path has to be found satisfied.
        "unchanged-said" => write("count2", "E\n"),
        "stored-said" => armed.push("done-said"),
        // A follower ends while a controller listens: its runner is dead.
        "followed" => armed.push("start-said"),
        // The step outlives its runner long enough for the next one to start.
        "apply-started" => {
            write("made", "");
            workload.naps = [50, 0, 0];
        }
        // The first step that is applied has to be the one without a check.
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
    let network = Network { hook: Some(HOOK.to_owned()), ..Network::calm() };
    let (identity, mut plan) = (workload::identity(&lab, 7, 0), workload.plan(&[]));
    if point == "group-answered" {
        ask_once(&mut plan);
    }
    let line = Local::new(&lab, network);
    let seen = runtime().block_on(control(line, job(&identity, &plan, Some(HOOK), false), Death::Never));
    let deadline = Instant::now() + Duration::from_secs(20);
    let is_hit = |point: &&str| lab.path(&format!("hit/{point}")).exists();
    if !wait_until(deadline, || armed.iter().all(is_hit) && lab.is_quiet()) {
        return Err(format!("nothing reached the point: {seen:?}"));
    }
    let mut found = workload::violations(&lab, &workload);
    match seen.ended {
        Ended::Exit(Exit::OutcomeUnknown, host) if point == "unknown-said" => {
            if host.step(BLIND).and_then(StepView::outcome) != Some(Outcome::Unknown) {
                found.push(format!("OutcomeUnknown without an unknown step: {host:?}"));
            }
        }
        Ended::Exit(Exit::Success, host) if point != "unknown-said" => {
            found.extend(workload::left_undone(&lab, &workload));
            let right = |outcome| match outcome {
                Some(Outcome::Unchanged) => matches!(point, "unchanged-said" | "apply-started"),
                outcome => outcome == Some(Outcome::Changed),
            };
            if host.steps.len() != plan.steps.len() || !host.steps.iter().all(|step| right(step.outcome())) {
                found.push(format!("not the steps of an undisturbed run: {:?}", host.steps));
            }
            let folder = lab.path(&format!(".pinboot/runs/{}", identity.run));
            if workload::shown(&folder, &identity.nonce) != seen.shown {
                found.push(format!("{:?} was shown", seen.shown));
            }
        }
        other => found.push(format!("{other:?}")),
    }
    if found.is_empty() { Ok(()) } else { Err(found.join("; ")) }
}

/// A controller cannot write down its event of this number. The next one, with or without a delivery, sees the right end.
/// Returns how many events there are in all.
pub(crate) fn controller_dies_at(event: u64, follow: bool, kit: Kit) -> Result<u64, String> {
    let lab = Arc::new(Lab::new(kit));
    let workload = Workload::plain();
    let (identity, plan) = (workload::identity(&lab, 7, 0), workload.plan(&[]));
    let mut death = Death::AtEvent(event);
    let mut follow_now = false;
    loop {
        let line = Local::new(&lab, Network::calm());
        let seen = runtime().block_on(control(line, job(&identity, &plan, None, follow_now), death));
        match seen.ended {
            Ended::Died => (death, follow_now) = (Death::Never, follow),
            // It died before anything had arrived, or before the runner started: then there is nothing to follow.
            Ended::Exit(Exit::OutcomeUnknown | Exit::Mismatch, _) if follow_now => follow_now = false,
            Ended::Exit(Exit::Success, host) => {
                let mut found = workload::violations(&lab, &workload);
                found.extend(workload::left_undone(&lab, &workload));
                if host.steps.len() != plan.steps.len() {
                    found.push(format!("not all steps were reported: {:?}", host.steps));
                }
                return if found.is_empty() { Ok(seen.events) } else { Err(found.join("; ")) };
            }
            other => return Err(format!("{other:?}")),
        }
    }
}

/// After a connection with this fate the controller connects again, and the run ends as it must.
pub(crate) fn connection_ends(fate: Fate, kit: Kit) -> Result<(), String> {
    let lab = Arc::new(Lab::new(kit));
    let workload = Workload { large: true, secret: true, ..Workload::plain() };
    let (identity, plan) = (workload::identity(&lab, 7, 0), workload.plan(&[]));
    let line = Local::new(&lab, Network { first: vec![fate], ..Network::calm() });
    let seen = runtime().block_on(control(line, job(&identity, &plan, None, false), Death::Never));
    let mut found = workload::violations(&lab, &workload);
    match seen.ended {
        Ended::Exit(Exit::Success, _) => found.extend(workload::left_undone(&lab, &workload)),
        other => found.push(format!("{other:?}")),
    }
    if found.is_empty() { Ok(()) } else { Err(found.join("; ")) }
}

/// Kills the process that writes a word of the delivery, or a secret, the first time. Under a shell without a `printf` of its own
/// this is a process apart, and the delivery itself continues.
const WORD_IS_KILLED: &str = r#"#!/bin/sh
word=${3-} word=${word%% *}
case $1$2 in %bpb_s_*) word=secret ;; esac
if [ -f "$HOME/points/${word:-.}" ] && mv "$HOME/points/$word" "$HOME/hit/$word"; then kill -9 $$; fi
exec /usr/bin/printf "$@"
"#;

/// What writes a word of the delivery is killed and the delivery is not, and pinboot sees the run's right end all the same.
///
/// The word is `hello` for a controller that delivers, `none` for one that only follows a run that is not there, and `secret`
/// for one that sends a secret.
pub(crate) fn word_is_killed(word: &str, kit: Kit) -> Result<(), String> {
    let lab = Arc::new(Lab::new(kit));
    for folder in ["points", "hit"] {
        fs::create_dir(lab.path(folder)).expect("a folder");
    }
    fs::write(lab.path(&format!("points/{word}")), "").expect("written");
    let printf = lab.bin().join("printf");
    fs::remove_file(&printf).expect("a link");
    fs::write(&printf, WORD_IS_KILLED).expect("written");
    fs::set_permissions(&printf, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a program");
    let workload = Workload { secret: word == "secret", ..Workload::plain() };
    let (identity, plan) = (workload::identity(&lab, 7, 0), workload.plan(&[]));
    let line = Local::new(&lab, Network::calm());
    let follow = word == "none";
    let seen = runtime().block_on(control(line, job(&identity, &plan, None, follow), Death::Never));
    let mut found = workload::violations(&lab, &workload);
    if !lab.path(&format!("hit/{word}")).exists() {
        found.push("nothing was killed".to_owned());
    }
    match seen.ended {
        Ended::Exit(Exit::Mismatch, _) if follow => {}
        Ended::Exit(Exit::Success, _) if !follow => found.extend(workload::left_undone(&lab, &workload)),
        other => found.push(format!("{other:?}")),
    }
    if found.is_empty() { Ok(()) } else { Err(found.join("; ")) }
}
