//! `pinboot runs`: the history, as a table or as lines of JSON.

use serde::Serialize;

use std::fmt::Write as _;
use std::path::Path;

use crate::event::{Event, EventKind, Mode, VERSION};
use crate::exit::Exit;
use crate::ids::{HostId, RunId};
use crate::journal::{Damage, JournalError, JournalRead};
use crate::report::text::{clean, duration, pad, truncate};
use crate::view::Totals;

/// One run of the history.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
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
    /// A run as its journal tells it, or why that cannot be read. `held`: some process writes it at this moment.
    pub(super) fn new(run: RunId, read: &Result<JournalRead, JournalError>, held: bool) -> Self {
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
        Self { v: VERSION, run, outcome: outcome(view.exit, held).to_owned(), exit: view.exit, details: Some(details) }
    }
}

/// How a run ended, in a few words.
pub(super) fn outcome(exit: Option<Exit>, held: bool) -> &'static str {
    match exit {
        None if held => "running",
        None => "end not seen",
        Some(exit) => exit.outcome(),
    }
}

/// The history as a table, in the order given.
pub(super) fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no run is recorded here\n".to_owned();
    }
    let mut lines = vec![["run", "began (UTC)", "took", "playbook", "hosts", "steps", "outcome"].map(str::to_owned)];
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
        began(&details.started),
        duration(details.elapsed_ms),
        truncate(&clean(&details.playbook), 40),
        truncate(&details.hosts.iter().map(|host| clean(&host.0)).collect::<Vec<_>>().join(","), 24),
        steps(details),
        match details.mode {
            Mode::Run => row.outcome.clone(),
            Mode::Check => format!("{} (asked only)", row.outcome),
        },
    ]
}

/// The point in time of a journal, shorter: `2026-01-02 03:04:05`.
pub(super) fn began(at: &str) -> String {
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

/// Lines of cells as columns, two blanks apart.
pub(super) fn columns<const N: usize>(lines: &[[String; N]]) -> String {
    use unicode_width::UnicodeWidthStr as _;
    let widths: [usize; N] =
        std::array::from_fn(|place| lines.iter().map(|line| line[place].width()).max().unwrap_or(0));
    let mut out = String::new();
    for line in lines {
        let cells: Vec<String> = line.iter().zip(widths).map(|(cell, width)| pad(cell, width)).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// How many ends of steps that are lost are named.
const LOST: usize = 20;

/// What is wrong with the journal of a run, what would be lost of it, and what to type next; `copy` is where the whole is,
/// once it was cut.
pub(super) fn repaired(run: &RunId, damage: Option<&Damage>, copy: Option<&Path>) -> String {
    let Some(damage) = damage else {
        return format!("the journal of run {run} is not damaged: there is nothing to repair\n");
    };
    let events = |count: usize| format!("{count} event{}", if count == 1 { "" } else { "s" });
    let mut out = format!("run {run}: line {} of its journal: {}\n", damage.line, clean(&damage.what));
    let gone = if copy.is_some() { "cut" } else { "lost" };
    let whole = events(damage.events.len());
    writeln!(out, "  kept      {} before it", events(damage.kept)).expect("a string takes all");
    writeln!(out, "  {gone:<10}{} bytes from there on, with {whole} that can be read", damage.bytes)
        .expect("a string takes all");
    let ends: Vec<String> = damage.events.iter().filter_map(end).collect();
    for end in ends.iter().take(LOST) {
        writeln!(out, "            {end}").expect("a string takes all");
    }
    if ends.len() > LOST {
        writeln!(out, "            … and {} more ends of steps", ends.len() - LOST).expect("a string takes all");
    }
    match copy {
        Some(copy) => writeln!(
            out,
            "  copy      {}\n  next      pinboot rerun {run}     (hears from the host what is missing here)",
            clean(&copy.display().to_string())
        ),
        None => writeln!(out, "  next      pinboot runs repair {run} --cut     (a copy of the whole is kept)"),
    }
    .expect("a string takes all");
    out
}

/// The end of a step, or of a host's part of the run.
fn end(event: &Event) -> Option<String> {
    let host = event.host.as_ref().map_or_else(String::new, |host| clean(&host.0));
    match &event.kind {
        EventKind::StepFinished { step, name, outcome, .. } => {
            Some(format!("{host}: step {step} ({}) {}", clean(name), outcome.word()))
        }
        EventKind::HostFinished { exit, .. } => Some(format!("{host}: the end (exit {exit})")),
        _ => None,
    }
}

/// The history as one JSON object a line.
pub(super) fn json_lines(rows: &[Row]) -> String {
    rows.iter().map(|row| serde_json::to_string(row).expect("a row has only text keys") + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::show::tests::journal;
    use crate::journal::JournalErrorKind;

    fn rows() -> Vec<Row> {
        let read = journal();
        let mut asked = journal();
        asked.header.mode = Mode::Check;
        asked.header.playbook = "playbooks/a very long name of a playbook that nobody reads.yaml".into();
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
    fn a_run_whose_end_was_not_seen_is_running_only_while_somebody_writes_it() {
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
