//! The lines that report a run, as text: pure functions from events and views.

use std::fmt::Write as _;

use super::Style;
use super::failure::{failure_block, failure_covers_reason, how_it_failed};
use super::format::{clean, duration, pad, plural, said, tail_lines};
use crate::event::{Event, EventKind, HostReady, Mode, Outcome, Reason, group_words};
use crate::exit::Exit;
use crate::ids::HostId;
use crate::view::{HostState, HostView, RunView, StepView};
use crate::wrap::{append, wrap, wrap_message};

/// The columns of a step's name.
const NAME_WIDTH: usize = 32;
/// How many lines of a diff are shown unless the user wants all.
const MAX_DIFF_LINES: usize = 40;

/// How many of its last lines a step shows whose failure is allowed.
const MAX_ALLOWED_LINES: usize = 3;

/// How far what stands below a step's line is indented.
pub const DETAILS: usize = 6;

/// Where a line belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output: the results of steps and the summary.
    Results,
    /// Standard error: progress and messages.
    Messages,
}

/// Returns the columns of the terminal behind a stream; `None` if there is none, or where lines are not to be broken.
pub type Columns = Box<dyn Fn(Stream) -> Option<usize> + Send>;

/// One line (or a block of them) to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it belongs.
    pub stream: Stream,
    /// Its text, without a line feed at the end.
    pub text: String,
}

/// The lines that report an event; `run` is the view after it. Messages are broken at the columns of their stream.
pub fn lines(event: &Event, run: &RunView, style: &Style, columns: &dyn Fn(Stream) -> Option<usize>) -> Vec<Line> {
    let result = |text: String| Line { stream: Stream::Results, text };
    let as_it_is = |text: String| Line { stream: Stream::Messages, text };
    let message = |text: String| as_it_is(wrap_message(&text, columns(Stream::Messages)));
    let host = event.host.as_ref().and_then(|id| run.host(id));
    let many = run.hosts.len() > 1;
    match (&event.kind, host) {
        (EventKind::RunStarted { .. }, _) => vec![message(run_line(run))],
        (EventKind::RunFinished { .. }, _) => vec![result(wrap_message(&summary(run), columns(Stream::Results)))],
        (EventKind::HostReady(ready), Some(host)) => vec![message(host_line(&host.id, ready))],
        (EventKind::HostUnreachable { .. }, Some(host)) => vec![message(unreachable_block(host))],
        (EventKind::StepStarted { step, .. }, Some(host)) if style.verbose => {
            host.step(*step).map(|step| message(running_line(host, step, many))).into_iter().collect()
        }
        (EventKind::StepOutput { text, .. }, Some(host)) if style.verbose => {
            let prefix = if many { format!("{}  ", clean(&host.id.0)) } else { String::new() };
            text.lines().map(|line| as_it_is(format!("{prefix}      {}", said(line)))).collect()
        }
        (EventKind::StepFinished { step, .. }, Some(host)) => {
            let Some(step) = host.step(*step) else { return Vec::new() };
            let line = result(step_line(host, step, many, style.color, columns(Stream::Results)));
            std::iter::once(line).chain(details(step, style.verbose, columns(Stream::Results)).map(result)).collect()
        }
        (EventKind::HostNote { message: what, hint }, Some(host)) => {
            let hint = hint.as_deref().map(|hint| format!("\n  hint: {}", clean(hint))).unwrap_or_default();
            vec![message(format!("{}: {}{hint}", clean(&host.id.0), clean(what)))]
        }
        (EventKind::HostWaiting { message: what }, Some(host)) => {
            vec![message(format!("{}: {}; waiting for it to end", clean(&host.id.0), clean(what)))]
        }
        (EventKind::HostLost { message: what }, Some(host)) => {
            vec![message(format!("{}: {}; reconnecting", clean(&host.id.0), clean(what)))]
        }
        (EventKind::HostRegained { elapsed_ms }, Some(host)) => {
            vec![message(format!("{}: reconnected after {}", clean(&host.id.0), duration(*elapsed_ms)))]
        }
        (EventKind::HostFinished { message: what, .. }, Some(host)) => {
            let blocks = failed_steps(host).map(|step| {
                // Where a guard could not find out, the step's own command did not run.
                let guard = match &step.reason {
                    Some(Reason::GuardError { guard, group: None, .. }) => Some(guard.clone()),
                    Some(Reason::GuardError { guard, group: Some(group), .. }) => {
                        Some(format!("{guard} of {}", group_words(group)))
                    }
                    _ => None,
                };
                let command = (style.commands)(&host.id, step.id, guard.as_deref());
                let run = run.run.as_ref().filter(|_| style.rerun);
                let block = failure_block(run, host, step, command.as_deref(), columns(Stream::Messages));
                as_it_is(format!("\n{block}\n"))
            });
            let what = what.iter().filter(|_| host.state != HostState::Unreachable);
            blocks.chain(what.map(|what| message(format!("{}: {}", clean(&host.id.0), clean(what))))).collect()
        }
        _ => Vec::new(),
    }
}

/// The steps of a host that the user has to look at.
pub fn failed_steps(host: &HostView) -> impl Iterator<Item = &StepView> {
    host.steps.iter().filter(|step| match step.outcome() {
        Some(Outcome::Failed) => !step.allowed,
        // With `--check`, unknown is a valid answer: the check may need the effect of an earlier step.
        Some(Outcome::Unknown) => host.exit != Some(Exit::Success),
        _ => false,
    })
}

/// The first line of a run.
pub fn run_line(run: &RunView) -> String {
    let mut line = run.run.as_ref().map_or_else(String::new, |id| format!("run {id}: "));
    let name = if run.name.is_empty() { &run.playbook } else { &run.name };
    line.push_str(&clean(name));
    if run.hosts.len() > 1 {
        write!(line, ", {} hosts", run.hosts.len()).expect("a string takes all");
    }
    if let Some(old) = &run.rerun_of {
        write!(line, ", resuming run {old}").expect("a string takes all");
    }
    if run.mode == Some(Mode::Check) {
        line.push_str(" (check mode: nothing will be changed)");
    }
    line
}

/// A host that was reached: name, login, host key, time to connect.
pub fn host_line(id: &HostId, host: &HostReady) -> String {
    let key = match host.key_type.as_str() {
        "ssh-ed25519" => "ED25519".to_owned(),
        "ssh-rsa" | "rsa-sha2-256" | "rsa-sha2-512" => "RSA".to_owned(),
        other if other.starts_with("ecdsa-sha2-") => "ECDSA".to_owned(),
        other => clean(other),
    };
    let mut line = format!(
        "{}  {}@{}  {key} {}  ({})  {}",
        clean(&id.0),
        clean(&host.user),
        clean(&host.address),
        clean(&host.fingerprint),
        host.key_status.word(),
        duration(host.elapsed_ms)
    );
    if host.followed {
        line.push_str("  (started earlier; following)");
    }
    line
}

fn unreachable_block(host: &HostView) -> String {
    let message = host.message.as_deref().map(clean).unwrap_or_default();
    let mut block = format!("{}: {message}", clean(&host.id.0));
    if let Some(hint) = &host.hint {
        write!(block, "\n  hint: {}", clean(hint)).expect("a string takes all");
    }
    block
}

/// The start of a step's line: host (if there are several), number and name, in columns.
pub fn step_label(host: &HostView, step: &StepView, many: bool) -> String {
    let name = pad(&clean(&step.name), NAME_WIDTH);
    let prefix = if many { format!("{}  ", clean(&host.id.0)) } else { String::new() };
    format!("{prefix}{:>3} {name}", step.number())
}

fn running_line(host: &HostView, step: &StepView, many: bool) -> String {
    format!("{} …", step_label(host, step, many).trim_end())
}

/// How a step ended, in the words of the terminal.
pub fn outcome_word(step: &StepView) -> &'static str {
    match step.outcome() {
        None => "running",
        Some(Outcome::Skipped) if step.is_manual() => "manual",
        Some(outcome) => outcome.word(),
    }
}

/// One line for a step that has ended: name, outcome, time, why. What has no room in so many columns stands below.
pub fn step_line(host: &HostView, step: &StepView, many: bool, color: bool, columns: Option<usize>) -> String {
    let word = pad(outcome_word(step), 12);
    let word = match (color, step.outcome()) {
        (false, _) | (true, None | Some(Outcome::Skipped)) => word,
        (true, Some(Outcome::Unchanged)) => format!("\x1b[32m{word}\x1b[0m"),
        (true, Some(Outcome::Changed | Outcome::WouldChange)) => format!("\x1b[33m{word}\x1b[0m"),
        (true, Some(Outcome::Failed | Outcome::Unknown)) => format!("\x1b[31m{word}\x1b[0m"),
    };
    let line = format!("{} {word} {:>9}", step_label(host, step, many), duration(step.elapsed_ms));
    let mut pieces = Vec::new();
    if step.allowed && step.outcome() == Some(Outcome::Failed) {
        pieces.push("(allowed)".to_owned());
        // A step that may fail has no block of its own, so its line says how.
        pieces.extend(how_it_failed(step));
    }
    // A manual step has its text below, and an allowed failure has just been explained.
    let is_said = step.is_manual() || (step.allowed && failure_covers_reason(step));
    pieces.extend(step.why.as_deref().filter(|_| !is_said).map(clean));
    append(line, &pieces, DETAILS, columns)
}

/// What stands below a step's line: what the user must do, or what changed.
fn details(step: &StepView, all: bool, columns: Option<usize>) -> impl Iterator<Item = String> {
    let manual = step.is_manual().then(|| step.tail.lines().into_iter().map(|line| clean(&line.text)));
    let changes = matches!(step.outcome(), Some(Outcome::Changed | Outcome::WouldChange));
    let diff: Vec<&str> = step.diff.iter().filter(|_| changes).flat_map(|diff| diff.lines()).collect();
    let shown = if all { diff.len() } else { diff.len().min(MAX_DIFF_LINES) };
    let more = (diff.len() > shown).then(|| format!("… and {} more lines", diff.len() - shown));
    let diff: Vec<String> = diff.into_iter().take(shown).map(clean).chain(more).collect();
    let is_allowed = step.allowed && step.outcome() == Some(Outcome::Failed);
    let said = is_allowed.then(|| tail_lines(&step.tail));
    let said = said.into_iter().flatten().rev().take(MAX_ALLOWED_LINES).collect::<Vec<_>>().into_iter().rev();
    let left = step.left.iter().map(|left| format!("left running: {}", clean(left)));
    let indented = |line: String| format!("{:DETAILS$}{line}", "").trim_end().to_owned();
    let broken = move |line: String| wrap(&indented(line), DETAILS + 2, columns);
    manual.into_iter().flatten().chain(diff).map(indented).chain(said.chain(left).map(broken))
}

/// The last line of a run.
pub fn summary(run: &RunView) -> String {
    let totals = run.totals();
    let hosts = run.hosts.len();
    // A host that ends with an unknown outcome has reported that nothing of the run is left.
    let (gone, alive): (Vec<&HostView>, Vec<&HostView>) =
        run.hosts.iter().filter(|host| has_open_step(host)).partition(|host| host.exit == Some(Exit::OutcomeUnknown));
    let count = |hosts: &[&HostView]| u32::try_from(hosts.len()).unwrap_or(u32::MAX);
    let (running, interrupted) = (count(&alive), count(&gone));
    let not_started = run.not_reached().unwrap_or(0);
    let steps = plural(totals.steps() + running + interrupted + not_started, "step");
    let mut line = match hosts {
        0 | 1 => steps,
        _ => format!("{hosts} hosts, {steps}"),
    };
    let mut parts = Vec::new();
    for (count, what) in [
        (totals.changed, "changed"),
        (totals.unchanged, "unchanged"),
        (totals.would_change, "would change"),
        (totals.manual, "manual"),
        (totals.skipped - totals.manual, "skipped"),
        (totals.unknown, "unknown"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    parts.push(match totals.allowed {
        0 => format!("{} failed", totals.failed),
        allowed => format!("{} failed ({allowed} allowed)", totals.failed),
    });
    if running > 0 {
        parts.push(format!("{running} running"));
    }
    if interrupted > 0 {
        parts.push(format!("{interrupted} interrupted"));
    }
    if not_started > 0 {
        parts.push(format!("{not_started} not started"));
    }
    if totals.unreachable > 0 {
        parts.push(format!("{} unreachable{}", plural(totals.unreachable, "host"), unreachable_names(run)));
    }
    write!(line, ": {} · {}", parts.join(", "), duration(run.elapsed_ms())).expect("a string takes all");
    if let Some(id) = &run.run {
        write!(line, " · run {id}").expect("a string takes all");
    }
    line
}

/// How many hosts that were not reached are named in the last line.
const MAX_NAMES: usize = 10;

/// The names of the hosts that were not reached, where there are others.
fn unreachable_names(run: &RunView) -> String {
    if run.hosts.len() < 2 {
        return String::new();
    }
    let names: Vec<String> =
        run.hosts.iter().filter(|host| host.state == HostState::Unreachable).map(|host| clean(&host.id.0)).collect();
    let shown = names.iter().take(MAX_NAMES).cloned().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(MAX_NAMES);
    if more == 0 { format!(" ({shown})") } else { format!(" ({shown} and {more} more)") }
}

/// Whether a step of the host was started and its end was not seen.
fn has_open_step(host: &HostView) -> bool {
    host.state != HostState::Unreachable && host.running().is_some()
}
