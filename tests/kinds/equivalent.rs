//! The commands that a dry run shows beside a step are carried out on a fresh host, and must leave it as the step does.

use std::io::Write as _;
use std::process::Stdio;

use pinboot::event::Mode;
use pinboot::kinds::Content;
use pinboot::plan::{Action, Plan, StepSpec};
use pinboot::script::{Part, Text};

use super::case::{Case, HostSpec, Runs};
use super::cases::is_done;
use super::compare::compared;
use super::tree::Tree;
use super::world::{Shell, World};

/// Runs the commands of every step on a second host, and compares it with the one on which the steps were carried out.
pub(crate) fn holds(
    case: &Case,
    host: &HostSpec,
    shell: Shell,
    expected: &Runs,
    before: &Tree,
    after: &Tree,
    calls: &[String],
) -> Result<(), String> {
    let world = World::of(host, shell);
    let plan = world.plan(&case.playbook, &case.local, Mode::Run).map_err(|refused| refused.rendered)?;
    // What did not change needed no command.
    let steps = plan.steps.iter().zip(&expected.outcomes).filter(|(_, outcome)| is_done(outcome));
    let specs: Vec<&StepSpec> = steps
        .filter_map(|(step, _)| match &step.action {
            Action::Apply(spec) => Some(spec.as_ref()),
            Action::Skip { .. } => None,
        })
        .collect();
    if specs.iter().all(|spec| spec.recipe.equivalent_commands.is_none()) {
        return match expected.equivalent {
            None => Ok(()),
            Some(_) => Err("`equivalent`: no step of this case changes anything and shows commands".to_owned()),
        };
    }
    let ran: Result<String, String> = specs.iter().map(|spec| run(&world, spec, &plan)).collect();
    let differs = if let Err(why) = &ran {
        why.clone()
    } else if before.differences(after, false).is_empty() && calls != world.calls() {
        // Where a step leaves no trace in the home, what it called is all that can be compared.
        compared(&calls.join("\n"), &world.calls().join("\n"))
    } else {
        after.differences(&world.tree(), false)
    };
    let commands: String = specs.iter().map(|spec| format!("{}\n", shown(spec))).collect();
    match (&expected.equivalent, differs.is_empty()) {
        (None, true) | (Some(_), false) => Ok(()),
        (None, false) => {
            Err(format!("the commands of the dry run do something else than the step:\n{differs}\n{commands}"))
        }
        (Some(_), true) => {
            Err(format!("`equivalent` gives a reason, and the commands do the same as the step:\n{commands}"))
        }
    }
}

/// The commands of a step, as the dry run shows them.
fn shown(spec: &StepSpec) -> String {
    let commands = spec.recipe.equivalent_commands.as_ref().unwrap_or(&spec.recipe.apply);
    commands.as_str().replace("\"$pb_home\"", "~")
}

/// Types the commands of a step into the host's `sh`; what stands below them is on its standard input.
fn run(world: &World, spec: &StepSpec, plan: &Plan) -> Result<String, String> {
    let lines: Vec<_> =
        shown(spec).lines().filter(|line| !is_for_another_manager(world, line)).map(str::to_owned).collect();
    let text = format!("umask 022\npb_content() {{ cat; }}\n{}", lines.join("\n"));
    if lines.is_empty() {
        return Err("there is no command for this host".to_owned());
    }
    let mut command = world.command(&["sh", "-euc", &text]);
    for (name, secret) in &plan.secrets {
        command.env(format!("pb_s_{name}"), secret.expose());
    }
    let content = match spec.recipe.content() {
        None => Vec::new(),
        Some(Content::Bytes(bytes)) => bytes.clone(),
        Some(Content::Text(text)) => filled(text, plan).into_bytes(),
    };
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    // A command that reads none of it closes it early.
    let _ = child.stdin.take().expect("piped").write_all(&content);
    let output = child.wait_with_output().expect("ended");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(said) } else { Err(format!("they end with {}:\n{said}", output.status)) }
}

/// Whether a line is for a package manager that the host does not have: `package` shows a line for each of them.
fn is_for_another_manager(world: &World, line: &str) -> bool {
    let program = line.split(' ').next().unwrap_or_default();
    ["yum", "dnf", "apt-get", "apk", "zypper", "pacman"].contains(&program) && !world.has(program)
}

fn filled(text: &Text, plan: &Plan) -> String {
    text.parts()
        .map(|part| match part {
            Part::Characters(characters) => characters.to_owned(),
            Part::Current(name) => format!("(what {name} holds)"),
            Part::Registered(name) => format!("(the output {name})"),
            Part::Host { written, .. } => format!("(the value {written})"),
            Part::Secret(wanted) => {
                let found = plan.secrets.iter().find(|(name, _)| name == wanted);
                found.map(|(_, secret)| secret.expose().to_owned()).unwrap_or_default()
            }
        })
        .collect()
}
