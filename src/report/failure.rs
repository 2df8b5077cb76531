//! What is shown of a step that failed or whose outcome is unknown.

use std::fmt::Write as _;

use super::format::{clean, duration, tail_lines};
use crate::event::{Failure, Outcome, Reason};
use crate::ids::RunId;
use crate::view::{HostView, StepView};
use crate::wrap::wrap;

/// How many lines of a command are shown.
const MAX_COMMAND_LINES: usize = 20;

/// How far the lines of a command and of its output are indented.
const BLOCK: usize = 6;

/// How a step failed, its command, its last lines, the likely cause, and what to type next.
///
/// `run` is the run if it can be resumed; `command` is the step's shell with secrets masked, if the caller has it. The text
/// has several lines and does not end with a line feed. Its sentences, and what was printed, are broken at so many `columns`; commands are not.
pub fn failure_block(
    run: Option<&RunId>,
    host: &HostView,
    step: &StepView,
    command: Option<&str>,
    columns: Option<usize>,
) -> String {
    let is_unknown = step.outcome() == Some(Outcome::Unknown);
    let how = how_it_failed(step);
    let mut out = wrap(&headline(host, step, how.as_deref()), 2, columns);
    let sentence = |out: &mut String, name: &str, text: &str| {
        write!(out, "\n{}", wrap(&format!("  {name:<9}{text}"), 11, columns)).expect("a string takes all");
    };
    if let Some(why) = step.why.as_ref().filter(|_| !failure_covers_reason(step)) {
        sentence(&mut out, "why", &clean(why));
    }
    push_command(&mut out, command.map_or("", str::trim_end));
    let output = tail_lines(&step.tail);
    // The output of a step of unknown outcome was shown before its runner died, so none is known here.
    if !output.is_empty() {
        push_block(
            &mut out,
            "last lines",
            output.iter().map(|line| wrap(&format!("{:BLOCK$}{line}", ""), BLOCK + 2, columns)),
        );
    } else if !is_unknown {
        field(&mut out, "output", "none");
    }
    if let Some(cause) = &step.cause {
        sentence(&mut out, "cause", &clean(cause));
    }
    if is_unknown {
        sentence(&mut out, "first", "check on the host whether it took effect");
    }
    match run {
        Some(run) if is_unknown => {
            field(&mut out, "next", &format!("pinboot rerun {run} --assume done        if it did"));
            field(&mut out, "", &format!("pinboot rerun {run} --assume not-done    if it did not"));
        }
        Some(run) => field(&mut out, "next", &format!("pinboot rerun {run}")),
        None => {}
    }
    out
}

/// The first line: which step, and how it ended.
fn headline(host: &HostView, step: &StepView, how: Option<&str>) -> String {
    let number = format!("step {}", step.number());
    // Without the playbook a step's name is only its number.
    let name = if step.name == number { String::new() } else { format!(" ({})", clean(&step.name)) };
    let verb = match step.outcome() {
        Some(Outcome::Unknown) => "has an unknown outcome",
        _ => "failed",
    };
    let how = how.map_or_else(String::new, |how| format!(": {how}"));
    format!("{}: {number}{name} {verb} after {}{how}", clean(&host.id.0), duration(step.elapsed_ms))
}

/// Adds one line with a name, which is never broken.
fn field(out: &mut String, name: &str, value: &str) {
    write!(out, "\n  {name:<9}{value}").expect("a string takes all");
}

/// Adds several lines, which are indented already, under a name.
fn push_block(out: &mut String, name: &str, lines: impl IntoIterator<Item = String>) {
    write!(out, "\n  {name}").expect("a string takes all");
    for line in lines {
        write!(out, "\n{line}").expect("a string takes all");
    }
}

fn push_command(out: &mut String, command: &str) {
    let count = command.lines().count();
    if count == 0 {
        return;
    }
    let more = (count > MAX_COMMAND_LINES).then(|| format!("… and {} more lines", count - MAX_COMMAND_LINES));
    push_block(
        out,
        "command",
        command.lines().take(MAX_COMMAND_LINES).map(clean).chain(more).map(|line| format!("{:BLOCK$}{line}", "")),
    );
}

/// Whether the kind of failure already covers the reason.
pub(super) fn failure_covers_reason(step: &StepView) -> bool {
    let covered = matches!(
        step.reason,
        Some(Reason::CheckError | Reason::Verify | Reason::Timeout { alive: None } | Reason::Stopped { alive: None })
    );
    covered && step.outcome() == Some(Outcome::Failed)
}

/// What ended the step, as far as that is known.
pub(super) fn how_it_failed(step: &StepView) -> Option<String> {
    let status = step.status.map(status_words);
    let how = match (step.outcome(), step.failure) {
        (Some(Outcome::Unknown), _) => "it was started, but no result was recorded".to_owned(),
        (_, None | Some(Failure::Status)) => return status,
        (_, Some(Failure::Check)) => match status {
            Some(status) => format!("its check failed with {status}"),
            None => "its check failed".to_owned(),
        },
        (_, Some(Failure::Verify)) => "the command succeeded, but the check still reports a difference".to_owned(),
        (_, Some(Failure::Integrity)) => "the download is not what the playbook expects".to_owned(),
        (_, Some(Failure::Timeout)) => "it took longer than its timeout".to_owned(),
        (_, Some(Failure::Stopped)) => "it was stopped".to_owned(),
    };
    Some(how)
}

/// An exit status as a shell reports it, with its usual meaning.
fn status_words(status: i32) -> String {
    let meaning = match status {
        126 => "not executable",
        127 => "command not found",
        129 => "SIGHUP",
        130 => "SIGINT",
        134 => "SIGABRT",
        137 => "SIGKILL: killed, or out of memory",
        139 => "SIGSEGV",
        141 => "SIGPIPE",
        143 => "SIGTERM",
        _ => return format!("exit status {status}"),
    };
    format!("exit status {status} ({meaning})")
}
