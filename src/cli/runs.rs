//! `pinboot runs`: the history of this machine, and the repair of a damaged journal.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::args::Cli;
use super::console::print;
use super::error::CommandError;
use super::system::state;
use crate::event::{Event, EventKind, Mode, VERSION, json_text};
use crate::exit::Exit;
use crate::ids::{HostId, RunId, StepLabel};
use crate::journal::{Damage, JournalError, JournalRead};
use crate::report::format::{clean, columns, duration, plural, truncate};
use crate::view::Totals;

/// Lists the runs of this machine, newest first.
pub(super) fn runs(cli: &Cli) -> Result<Exit, CommandError> {
    let state = state()?;
    let row = |run| {
        let (read, is_running) = (state.read(&run), state.is_held(&run));
        Row::new(run, &read, is_running)
    };
    let rows: Vec<Row> = state.list()?.into_iter().map(row).collect();
    print(&if cli.wants_json() { json_lines(&rows) } else { table(&rows) })
}

/// Shows what is wrong with the journal of a run; `cut` repairs it.
pub(super) fn repair(run: &str, cut: bool) -> Result<Exit, CommandError> {
    let state = state()?;
    let run = state.resolve(Some(run))?;
    let (damage, copy) = if cut { state.cut(&run)?.unzip() } else { (state.damage(&run)?, None) };
    print(&repair_report(&run, damage.as_ref(), copy.as_deref()))
}

/// One run of the history.
#[derive(Clone, Debug, Serialize)]
struct Row {
    v: u32,
    run: RunId,
    /// `running`, or how it ended, in words.
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<Exit>,
    #[serde(flatten)]
    details: Option<Details>,
}

#[derive(Clone, Debug, Serialize)]
struct Details {
    started: String,
    elapsed_ms: u64,
    playbook: String,
    mode: Mode,
    hosts: Vec<HostId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rerun_of: Option<RunId>,
    changed: u32,
    unchanged: u32,
    would_change: u32,
    skipped: u32,
    failed: u32,
    unknown: u32,
    unreachable: u32,
}

impl Row {
    /// A run as its journal has it, or why that cannot be read. `is_running`: some pinboot is writing the journal now.
    fn new(run: RunId, read: &Result<JournalRead, JournalError>, is_running: bool) -> Self {
        let read = match read {
            Ok(read) => read,
            Err(error) => return Self { v: VERSION, run, outcome: error.message.clone(), exit: None, details: None },
        };
        let view = read.view();
        let Totals { changed, unchanged, would_change, skipped, failed, unknown, unreachable, .. } = view.totals();
        let details = Details {
            started: read.header.started.clone(),
            elapsed_ms: view.elapsed_ms(),
            playbook: read.header.playbook.clone(),
            mode: read.header.mode,
            hosts: read.header.hosts.iter().map(|host| host.host.clone()).collect(),
            rerun_of: read.header.rerun_of.clone(),
            changed,
            unchanged,
            would_change,
            skipped,
            failed,
            unknown,
            unreachable,
        };
        Self {
            v: VERSION,
            run,
            outcome: outcome(view.exit, is_running).to_owned(),
            exit: view.exit,
            details: Some(details),
        }
    }
}

/// How a run ended, in a few words; the same ones in JSON.
pub(super) fn outcome(exit: Option<Exit>, is_running: bool) -> &'static str {
    match exit {
        None if is_running => "running",
        None => "end not seen",
        Some(exit) => exit.outcome(),
    }
}

/// The history as a table, in the order given.
fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no run is recorded here\n".to_owned();
    }
    let mut lines = vec![["run", "started (UTC)", "took", "playbook", "hosts", "steps", "outcome"].map(str::to_owned)];
    lines.extend(rows.iter().map(cells));
    columns(&lines)
}

fn cells(row: &Row) -> [String; 7] {
    let Some(details) = &row.details else {
        let mut cells = ["-"; 7].map(str::to_owned);
        cells[0] = row.run.to_string();
        cells[6] = clean(&row.outcome);
        return cells;
    };
    [
        row.run.to_string(),
        start_time(&details.started),
        duration(details.elapsed_ms),
        truncate(&clean(&details.playbook), 40),
        truncate(&details.hosts.iter().map(|host| clean(&host.0)).collect::<Vec<_>>().join(","), 24),
        steps(details),
        match details.mode {
            Mode::Run => row.outcome.clone(),
            Mode::Check => format!("{} (check mode)", row.outcome),
        },
    ]
}

/// A time out of a journal, shorter: `2026-01-02 03:04:05`.
pub(super) fn start_time(at: &str) -> String {
    clean(at).chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

fn steps(details: &Details) -> String {
    let counts = [
        (details.changed, "changed"),
        (details.unchanged, "unchanged"),
        (details.would_change, "would change"),
        (details.skipped, "skipped"),
        (details.failed, "failed"),
        (details.unknown, "unknown"),
    ];
    let parts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

/// How many lost results are listed.
const MAX_LOST: usize = 20;

/// What is wrong with the journal of a run, what a repair loses, and what to type next. `copy` is the copy of the original,
/// once the journal was cut.
fn repair_report(run: &RunId, damage: Option<&Damage>, copy: Option<&Path>) -> String {
    let Some(damage) = damage else {
        return format!("the journal of run {run} is not damaged; nothing to repair\n");
    };
    let events = |count: usize| plural(u32::try_from(count).unwrap_or(u32::MAX), "event");
    let lost: Vec<String> = damage.events.iter().filter_map(lost_result).collect();
    let verb = if copy.is_some() { "cut" } else { "lost" };
    let mut out = format!("run {run}: line {} of its journal: {}\n", damage.line, clean(&damage.what));
    let mut line = |name: &str, text: &str| writeln!(out, "  {name:<10}{text}").expect("a string takes all");
    line("kept", &format!("{} before it", events(damage.kept)));
    let readable = events(damage.events.len());
    line(verb, &format!("{} bytes from there on, with {readable} that can still be read", damage.bytes));
    for result in lost.iter().take(MAX_LOST) {
        line("", result);
    }
    if lost.len() > MAX_LOST {
        line("", &format!("… and {} more results", lost.len() - MAX_LOST));
    }
    match copy {
        Some(copy) => {
            line("copy", &clean(&copy.display().to_string()));
            line("next", &format!("pinboot rerun {run}     (asks the host for what is missing here)"));
        }
        None => line("next", &format!("pinboot runs repair {run} --cut     (keeps a copy of the original)")),
    }
    out
}

/// The result of a step, or of a host.
fn lost_result(event: &Event) -> Option<String> {
    let host = event.host.as_ref().map_or_else(String::new, |host| clean(&host.0));
    match &event.kind {
        EventKind::StepFinished { step, label, name, outcome, .. } => {
            let number = label.unwrap_or_else(|| StepLabel::plain(step.0));
            Some(format!("{host}: step {number} ({}) {}", clean(name), outcome.word()))
        }
        EventKind::HostFinished { exit, .. } => Some(format!("{host}: exit {exit}")),
        _ => None,
    }
}

/// The history as one JSON object per line.
fn json_lines(rows: &[Row]) -> String {
    rows.iter().map(|row| json_text(row) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::samples::journal;
    use crate::journal::JournalErrorKind;

    fn rows() -> Vec<Row> {
        let read = journal();
        let mut asked = journal();
        asked.header.mode = Mode::Check;
        asked.header.playbook = "playbooks/a very long name of a playbook that does not fit.yaml".into();
        asked.events.truncate(4);
        let damaged = JournalError {
            kind: JournalErrorKind::Corrupt,
            message: "events.jsonl:3: the line is damaged".into(),
            hint: None,
        };
        let run = |name: &str| RunId::parse(name).unwrap();
        vec![
            Row::new(run("00000003"), &Ok(asked), true),
            Row::new(run("00000002"), &Err(damaged), false),
            Row::new(run("3f9c00ff"), &Ok(read), false),
        ]
    }

    #[test]
    fn the_history_as_a_table() {
        insta::assert_snapshot!(table(&rows()));
        assert_eq!(table(&[]), "no run is recorded here\n");
    }

    #[test]
    fn the_history_as_json() {
        insta::assert_snapshot!(json_lines(&rows()));
    }

    #[test]
    fn a_run_without_an_end_is_running_only_while_a_pinboot_writes_its_journal() {
        assert_eq!(
            [outcome(None, true), outcome(None, false), outcome(Some(Exit::Success), false)],
            ["running", "end not seen", "done"]
        );
        assert_eq!(
            [outcome(Some(Exit::Interrupted), false), outcome(Some(Exit::BadInput), false)],
            ["interrupted", "ended with an error"]
        );
    }
}
