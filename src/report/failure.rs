//! What is shown when a step failed, or when nobody can say whether it took effect.

use std::fmt::Write as _;

use super::format::{clean, duration, tail_lines};
use crate::event::{Failure, Outcome};
use crate::ids::RunId;
use crate::view::{HostView, StepView};

/// How many lines of a command are shown.
const MAX_COMMAND_LINES: usize = 20;

/// The command that failed, its status, its last lines, the likely cause and the line to type next.
///
/// `run` is the run that can be taken up again, if it can; `command` is the step's shell with secrets masked, where the
/// caller has it. The text has several lines and no line
/// feed at its end.
pub fn failure_block(run: Option<&RunId>, host: &HostView, step: &StepView, command: Option<&str>) -> String {
    let way = in_what_way(step);
    // (Without the playbook a step has no name but its number.)
    let number = format!("step {}", step.id);
    let name = if step.name == number { String::new() } else { format!(" ({})", clean(&step.name)) };
    let mut out = format!("{}: {number}{name} {way} after {}", clean(&host.id.0), duration(step.elapsed_ms));
    if let Some(why) = step.why.as_ref().filter(|why| !way.contains(why.as_str())) {
        write!(out, "\n  why      {}", clean(why)).expect("a string takes all");
    }
    if let Some(command) = command.map(str::trim_end).filter(|command| !command.is_empty()) {
        out.push_str("\n  command");
        let lines: Vec<&str> = command.lines().collect();
        for line in lines.iter().take(MAX_COMMAND_LINES) {
            write!(out, "\n      {}", clean(line)).expect("a string takes all");
        }
        if lines.len() > MAX_COMMAND_LINES {
            write!(out, "\n      … and {} more lines", lines.len() - MAX_COMMAND_LINES).expect("a string takes all");
        }
    }
    let is_unknown = step.outcome() == Some(Outcome::Unknown);
    let said = tail_lines(&step.tail);
    // (What a step of unknown outcome said before its runner died was told then.)
    out.push_str(match said.is_empty() {
        true if is_unknown => "",
        true => "\n  output   none",
        false => "\n  last lines",
    });
    for line in said {
        write!(out, "\n      {line}").expect("a string takes all");
    }
    if let Some(cause) = &step.cause {
        write!(out, "\n  cause    {}", clean(cause)).expect("a string takes all");
    }
    if is_unknown {
        out.push_str("\n  first    look on the host whether it took effect");
    }
    match run {
        Some(run) if is_unknown => {
            write!(out, "\n  next     pinboot rerun {run} --assume done        if it did").expect("a string takes all");
            write!(out, "\n           pinboot rerun {run} --assume not-done    if it did not")
                .expect("a string takes all");
        }
        Some(run) => write!(out, "\n  next     pinboot rerun {run}").expect("a string takes all"),
        None => {}
    }
    out
}

/// The words between a step's name and its time.
fn in_what_way(step: &StepView) -> String {
    if step.outcome() == Some(Outcome::Unknown) {
        return "is of unknown outcome: it began and left no result,".to_owned();
    }
    let status = step.status.map(status_words);
    match (step.failure, status) {
        (None | Some(Failure::Status), Some(status)) => format!("failed: its command {status}"),
        (None | Some(Failure::Status), None) => "failed".to_owned(),
        (Some(Failure::Check), Some(status)) => format!("failed: its check could not find out and {status}"),
        (Some(Failure::Check), None) => "failed: its check could not find out,".to_owned(),
        (Some(Failure::Verify), _) => "failed: it ended well, but its check still says that it is not so,".to_owned(),
        (Some(Failure::Integrity), _) => "failed: what came is not what was asked for,".to_owned(),
        (Some(Failure::Timeout), _) => "failed: it took longer than its timeout,".to_owned(),
        (Some(Failure::Stopped), _) => "failed: it was stopped".to_owned(),
    }
}

/// An exit status as a shell gives it, with what it means.
fn status_words(status: i32) -> String {
    let meaning = match status {
        126 => "it cannot be executed",
        127 => "the command was not found",
        129 => "ended by SIGHUP",
        130 => "ended by SIGINT",
        134 => "ended by SIGABRT",
        137 => "ended by SIGKILL: by somebody, or for want of memory",
        139 => "ended by SIGSEGV",
        141 => "ended by SIGPIPE",
        143 => "ended by SIGTERM",
        _ => return format!("ended with status {status}"),
    };
    format!("ended with status {status} ({meaning})")
}
