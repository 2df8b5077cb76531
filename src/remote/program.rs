//! A plan as one POSIX sh program: the runner, the kinds' functions, and what each step says of itself.

use std::fmt::Write as _;

use super::blobs::Blobs;
use super::exec_string::minified;
use super::identity::Identity;
use super::step_body::step_body;
use crate::event::Mode;
use crate::kinds;
use crate::plan::{Action, Plan, RunAs};
use crate::script::{Script, Text};

pub(super) const RUNNER: &str = include_str!("runner.sh");

/// Writes the file that the host keeps as the run's `plan`.
pub fn program(plan: &Plan, identity: &Identity) -> Vec<u8> {
    program_around(&minified(RUNNER), plan, identity)
}

/// The program with this runner.
pub(super) fn program_around(runner: &str, plan: &Plan, identity: &Identity) -> Vec<u8> {
    let mut blobs = Blobs::default();
    let mut steps = String::new();
    let mut looks = String::new();
    let mut reboots = String::new();
    for step in &plan.steps {
        write!(steps, "pb_step_{}() {{\n{}}}\n", step.id, step_body(step, &mut blobs)).expect("a string takes all");
        if let Action::Apply(work) = &step.action
            && (work.run_as != RunAs::Login || !work.recipe.needs.is_empty())
        {
            write!(looks, " {}", step.id).expect("a string takes all");
        }
        if matches!(&step.action, Action::Apply(work) if work.recipe.reboots()) {
            write!(reboots, " {}", step.id).expect("a string takes all");
        }
    }
    let mode = match plan.mode {
        Mode::Run => "run",
        Mode::Check => "check",
    };
    let helpers: String = kinds::helpers(&scripts(plan)).into_iter().map(|(_, body)| format!("{body}\n")).collect();
    let mut text = format!(
        "pb_run={} pb_nonce={} pb_mode={mode} pb_total={} pb_user_of={} pb_looks={} pb_reboots={} pb_secret={}\n",
        identity.run,
        identity.nonce,
        plan.steps.len(),
        Text::from(identity.started_by.as_str()).quote(),
        Text::from(looks.trim_start()).quote(),
        Text::from(reboots.trim_start()).quote(),
        if plan.secrets.is_empty() { "" } else { "1" },
    );
    text.push_str(runner);
    writeln!(text, "pb_lib={}", Script::author(helpers).as_word()).expect("a string takes all");
    text.push_str(&steps);
    text.push_str("pb_main\nexit\n");
    blobs.place(text)
}

/// All shell of a plan, for finding the helpers that it mentions.
fn scripts(plan: &Plan) -> Vec<&str> {
    plan.steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Apply(work) => Some(work),
            Action::Skip { .. } => None,
        })
        .flat_map(|work| work.recipe.check.iter().chain([&work.recipe.apply]))
        .map(Script::as_str)
        .collect()
}
