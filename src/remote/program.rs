//! A plan as one POSIX sh program: the runner, the kinds' functions, and what each step says of itself.

use std::fmt::Write as _;

use super::blobs::Blobs;
use super::identity::Identity;
use super::labels;
use super::minify::minified_library;
use super::runner::{self, Parts, RUNNER};
use super::step_body::{function_of, question_body, step_body};
use super::values;
use crate::event::Mode;
use crate::kinds;
use crate::plan::{Action, Plan, PlannedStep, RunAs};
use crate::script::{Script, Text};

/// Writes the file that the host keeps as the run's `plan`.
pub fn program(plan: &Plan, identity: &Identity) -> Vec<u8> {
    let reboots = |step: &PlannedStep| matches!(&step.action, Action::Apply(work) if work.recipe.reboots());
    let parts = [
        (&RUNNER.groups, !plan.questions().is_empty()),
        (&RUNNER.reboot, plan.steps.iter().any(reboots)),
        (&RUNNER.password, plan.has_sudo_password()),
    ];
    let needed: String = parts.into_iter().filter(|(_, is_needed)| *is_needed).map(|(part, _)| part.as_str()).collect();
    program_around(|parts| format!("{}{needed}", runner::text(parts)), plan, identity)
}

/// The program with the runner that `runner` gives for plans that need these parts of it.
pub(super) fn program_around(runner: impl Fn(Parts) -> String, plan: &Plan, identity: &Identity) -> Vec<u8> {
    let mut blobs = Blobs::default();
    let mut steps = String::new();
    let mut reboots = Vec::new();
    for step in &plan.steps {
        write!(steps, "_{}() {{\n{}}}\n", step.id, step_body(step, RUNNER.names(), &mut blobs))
            .expect("a string takes all");
        if matches!(&step.action, Action::Apply(work) if work.recipe.reboots()) {
            reboots.push(step.id.to_string());
        }
    }
    for question in plan.questions() {
        let body = question_body(question, RUNNER.names(), &mut blobs);
        write!(steps, "_{}() {{\n{body}}}\n", function_of(question)).expect("a string takes all");
    }
    let mut text = first_line(plan, identity);
    let mut set = |name: &str, value: &str| {
        writeln!(text, "{}={}", RUNNER.name(name), Script::author(value).as_word()).expect("a string takes all");
    };
    set("pb_preflight_steps", &preflight(plan));
    set("pb_reboot_steps", &reboots.join(" "));
    text.push_str(&assigned_library(RUNNER.name("pb_lib"), &library(&calls(plan))));
    let values = values::shell(plan, RUNNER.names());
    text.push_str(&runner(Parts { values: !values.is_empty(), files: sends_files(plan), takes: gives_files(plan) }));
    text.push_str(&values);
    text.push_str(&steps);
    writeln!(text, "{}\nexit", RUNNER.name("pb_main")).expect("a string takes all");
    blobs.place(text)
}

/// The steps that need something of the host before anything starts: another user, or a program.
pub(super) fn preflight(plan: &Plan) -> String {
    let mut steps = Vec::new();
    for step in &plan.steps {
        let Action::Apply(work) = &step.action else { continue };
        let asks_as_another = work.questions.iter().any(|question| question.spec.run_as != RunAs::Login);
        if work.run_as != RunAs::Login || !work.recipe.needs.is_empty() || asks_as_another {
            steps.push(step.id.to_string());
        }
    }
    steps.join(" ")
}

/// Sets pb_lib, which has another name in what is sent. A quote in a quoted word costs twenty bytes of an exec string, and four in a here-document, which is read by a function,
/// since not every shell finds the end of one inside of `$(…)`.
pub(super) fn assigned_library(name: &str, library: &str) -> String {
    if library.is_empty() {
        return format!("{name}=\n");
    }
    format!("{name}() {{ {name}=$(cat); }}\n{name} <<'pb-lib'\n{}\npb-lib\n", library.trim_end())
}

/// The kinds' shell that steps with these calls need.
pub(super) fn library(calls: &[&str]) -> String {
    let functions = kinds::helpers(calls);
    if functions.is_empty() {
        return String::new();
    }
    let mut shell = kinds::compact(kinds::PROLOGUE);
    shell.extend(functions.iter().map(|(_, body)| kinds::compact(body)));
    minified_library(&shell, calls)
}

/// What `ask.sh` reads of a plan.
fn first_line(plan: &Plan, identity: &Identity) -> String {
    let mode = match plan.mode {
        Mode::Run => "run",
        Mode::Check => "check",
    };
    format!(
        "pb_run={} pb_nonce={} pb_mode={mode} pb_total={} pb_user_of={} pb_secret={} pb_apart=1 pb_labels={}{}\n",
        identity.run,
        identity.nonce,
        plan.steps.len(),
        Text::from(identity.started_by.as_str()).quote(),
        if plan.secrets.is_empty() { "" } else { "1" },
        labels::written(plan.steps.iter().map(|step| step.label)),
        if plan.has_sudo_password() { " pb_takes_password=1" } else { "" },
    )
}

/// Whether a step of a plan sends files of the controller.
fn sends_files(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| matches!(&step.action, Action::Apply(work) if work.recipe.upload().is_some()))
}

/// Whether a step of a plan gives files to the controller.
fn gives_files(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| matches!(&step.action, Action::Apply(work) if work.recipe.takes().is_some()))
}

/// What the steps of a plan call of the kinds' functions.
pub(super) fn calls(plan: &Plan) -> Vec<&str> {
    plan.steps
        .iter()
        .flat_map(|step| match &step.action {
            Action::Apply(work) => work.recipe.calls(),
            Action::Skip { .. } => Vec::new(),
        })
        .collect()
}
