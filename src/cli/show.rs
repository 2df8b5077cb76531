//! `pinboot show`: one run, as text or as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::args::Cli;
use super::color::has_color;
use super::console::print;
use super::error::CommandError;
use super::last_run::{Purpose, find_run};
use super::runs::{outcome, start_time};
use super::system::state;
use crate::event::{EventKind, Mode, VERSION, json_text};
use crate::exit::Exit;
use crate::ids::{HostId, RunId, StepId};
use crate::journal::{HostSummary, JournalRead};
use crate::report::format::{clean, duration, pad, said};
use crate::report::lines::{failed_steps, host_line, step_line, summary};
use crate::report::{failure_block, terminal_columns};
use crate::view::{HostState, HostView, RunView, StepView};
use crate::wrap::wrap_message;

/// Shows one run, the last one by default.
pub(super) fn show(cli: &Cli, run: Option<&str>) -> Result<Exit, CommandError> {
    let state = state()?;
    let run = find_run(&state, run, Purpose::Continue)?;
    let (read, is_running) = (state.read(&run)?, state.is_held(&run));
    if cli.wants_json() {
        return print(&(json_text(&json(&read, is_running)) + "\n"));
    }
    let look = Look {
        color: has_color(&std::io::stdout()),
        verbose: cli.is_verbose(),
        columns: terminal_columns(std::io::stdout()),
    };
    print(&text(&read, is_running, look))
}

/// How a run is shown to a person.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    /// Outcomes are coloured.
    color: bool,
    /// The output of each step is shown as well, as far as it is recorded.
    verbose: bool,
    /// The columns of the terminal, if there is one.
    columns: Option<usize>,
}

/// A run for a person: what was requested, every step with its outcome, and the last lines of what failed.
///
/// `is_running`: some pinboot is writing the run's journal now.
fn text(read: &JournalRead, is_running: bool, look: Look) -> String {
    let view = read.view();
    let mut out = head(read, &view, is_running);
    for planned in &read.header.hosts {
        out.push('\n');
        host(&mut out, planned, &view, read, look);
    }
    writeln!(out, "\n{}", wrap_message(&summary(&view), look.columns)).expect("a string takes all");
    out
}

/// The first lines: the run's name, and what holds for the run as a whole.
fn head(read: &JournalRead, view: &RunView, is_running: bool) -> String {
    let header = &read.header;
    let name = if view.name.is_empty() { &header.playbook } else { &view.name };
    let mut out = format!("run {}: {}\n", header.run, clean(name));
    let mut field = |name: &str, value: &str| writeln!(out, "  {name:<10}{value}").expect("a string takes all");
    field("playbook", &clean(&header.playbook_path.display().to_string()));
    field("started", &format!("{} UTC, took {}", start_time(&header.started), duration(view.elapsed_ms())));
    if header.mode == Mode::Check {
        field("mode", "check: nothing was changed");
    }
    if let Some(previous) = &header.rerun_of {
        field("resumes", &format!("run {previous}"));
    }
    let exit = view.exit.map_or_else(String::new, |exit| format!(" (exit {exit})"));
    field("outcome", &format!("{}{exit}", outcome(view.exit, is_running)));
    field("journal", &clean(&read.folder.display().to_string()));
    if let Some(torn) = read.torn.filter(|_| !is_running) {
        field("note", &format!("a crash tore the last {} bytes of the journal; they are ignored", torn.bytes));
    }
    out
}

fn host(out: &mut String, planned: &HostSummary, view: &RunView, read: &JournalRead, look: Look) {
    let seen = view.host(&planned.host);
    let line = match seen.and_then(|host| host.ready.as_ref()) {
        Some(ready) => wrap_message(&host_line(&planned.host, ready), look.columns),
        _ => format!("{}  {}", clean(&planned.host.0), clean(&planned.target)),
    };
    writeln!(out, "{line}").expect("a string takes all");
    if let Some(message) = seen.and_then(|host| host.message.as_ref()) {
        let message = wrap_message(&format!("  {}", clean(message)), look.columns);
        writeln!(out, "{message}").expect("a string takes all");
    }
    if let Some(hint) = seen.and_then(|host| host.hint.as_ref()) {
        let hint = wrap_message(&format!("  hint: {}", clean(hint)), look.columns);
        writeln!(out, "{hint}").expect("a string takes all");
    }
    for step in &planned.steps {
        let line = match seen.and_then(|host| host.step(step.id).map(|step| (host, step))) {
            Some((host, step)) if step.outcome().is_some() => step_line(host, step, false, look.color, look.columns),
            Some(_) => format!("{:>3} {} running", step.label, pad(&clean(&step.name), 32)),
            None => format!("{:>3} {} not started", step.label, pad(&clean(&step.name), 32)),
        };
        writeln!(out, "{line}").expect("a string takes all");
        let abridged =
            seen.and_then(|host| host.step(step.id)?.abridged.as_ref()).filter(|abridged| abridged.left_out > 0);
        if look.verbose {
            write_output(out, &Output::of(read, &planned.host, step.id), &read.header.run);
        } else if let Some(abridged) = abridged {
            let log = host_log(&read.header.run);
            writeln!(out, "      {} bytes of output; the middle is not recorded here: {log}", abridged.bytes)
                .expect("a string takes all");
        }
    }
    for (host, step) in seen.iter().flat_map(|host| failed_steps(host).map(move |step| (host, step))) {
        let block = failure_block(view.run.as_ref(), host, step, None, look.columns);
        writeln!(out, "\n{block}").expect("a string takes all");
    }
}

/// Where the complete output is.
fn host_log(run: &RunId) -> String {
    format!("see ~/.pinboot/runs/{run}/out on the host")
}

/// What the journal has of a step's output.
#[derive(Default)]
struct Output<'a> {
    /// Its beginning, or all of it.
    pieces: Vec<&'a str>,
    /// The end of a long output, after the number of bytes that are missing before it.
    end: Option<(u64, &'a str)>,
}

impl<'a> Output<'a> {
    /// The output of the step's last start.
    fn of(read: &'a JournalRead, host: &HostId, wanted: StepId) -> Self {
        let mut output = Self::default();
        for event in read.events.iter().filter(|event| event.host.as_ref() == Some(host)) {
            match &event.kind {
                EventKind::StepStarted { step, .. } if *step == wanted => output = Self::default(),
                EventKind::StepOutput { step, text, .. } if *step == wanted => output.pieces.push(text),
                EventKind::StepAbridged { step, text, left_out, .. } if *step == wanted => {
                    output.end = Some((*left_out, text));
                }
                _ => {}
            }
        }
        output
    }
}

/// Writes a step's output, line by line.
fn write_output(out: &mut String, output: &Output<'_>, run: &RunId) {
    let mut show = |text: &str| {
        for line in text.lines() {
            writeln!(out, "      {}", said(line).trim_end()).expect("a string takes all");
        }
    };
    let beginning = output.pieces.concat();
    match output.end {
        None => show(&beginning),
        Some((0, end)) => show(&(beginning + end)),
        Some((left_out, end)) => {
            show(&beginning);
            show(&format!("… ({left_out} bytes are not recorded here: {})", host_log(run)));
            show(end);
        }
    }
}

/// A run for a program: one JSON object. Contains neither the run's nonce nor a secret.
fn json(read: &JournalRead, is_running: bool) -> Value {
    let view = read.view();
    let header = &read.header;
    let totals = view.totals();
    json!({
        "v": VERSION,
        "run": header.run,
        "name": view.name,
        "playbook": header.playbook,
        "playbook_path": header.playbook_path,
        "mode": header.mode,
        "started": header.started,
        "elapsed_ms": view.elapsed_ms(),
        "rerun_of": header.rerun_of,
        "outcome": outcome(view.exit, is_running),
        "exit": view.exit,
        "changed": totals.changed,
        "unchanged": totals.unchanged,
        "would_change": totals.would_change,
        "skipped": totals.skipped,
        "failed": totals.failed,
        "unknown": totals.unknown,
        "unreachable": totals.unreachable,
        "journal": read.folder,
        "hosts": header.hosts.iter().map(|planned| host_json(planned, view.host(&planned.host))).collect::<Vec<_>>(),
    })
}

fn host_json(planned: &HostSummary, seen: Option<&HostView>) -> Value {
    let state = match seen.map_or(HostState::Waiting, |host| host.state) {
        HostState::Waiting => "waiting",
        HostState::Ready => "ready",
        HostState::Lost => "lost",
        HostState::Unreachable => "unreachable",
        HostState::Finished => "finished",
    };
    let steps = planned.steps.iter().map(|step| {
        let seen = seen.and_then(|host| host.step(step.id));
        let outcome = seen.map_or_else(|| json!("not_reached"), |seen| seen.outcome().map_or(json!("running"), |o| json!(o)));
        json!({
            "step": step.id,
            "label": step.label,
            "name": step.name,
            "kind": step.kind,
            "origin": step.origin,
            "outcome": outcome,
            "by_hand": seen.is_some_and(StepView::is_manual),
            "elapsed_ms": seen.map(|seen| seen.elapsed_ms),
            "status": seen.and_then(|seen| seen.status),
            "failure": seen.and_then(|seen| seen.failure),
            "reason": seen.and_then(|seen| seen.reason.as_ref()).map(|reason| json!(reason)["reason"].clone()),
            "why": seen.and_then(|seen| seen.why.as_ref()),
            "diff": seen.and_then(|seen| seen.diff.as_ref()),
            "cause": seen.and_then(|seen| seen.cause.as_ref()),
            "left": seen.and_then(|seen| seen.left.as_ref()),
            "abridged": seen.and_then(|seen| seen.abridged.as_ref()).map(|abridged| json!({
                "left_out": abridged.left_out,
                "bytes": abridged.bytes,
                "sha256": abridged.sha256,
            })),
            "tail": seen.map(|seen| seen.tail.lines().into_iter().map(|line| json!([line.count, line.text])).collect::<Vec<_>>()),
        })
    });
    json!({
        "host": planned.host,
        "target": planned.target,
        "state": state,
        "exit": seen.and_then(|host| host.exit),
        "message": seen.and_then(|host| host.message.as_ref()),
        "fingerprint": seen.map(|host| host.ready.as_ref().map_or("", |ready| &ready.fingerprint)),
        "steps": steps.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::samples::journal;
    use crate::event::Event;
    use crate::ids::Digest;
    use crate::view::samples::{looked_at, said};

    #[test]
    fn a_run_for_a_person() {
        insta::assert_snapshot!(text(&journal(), false, Look::default()));
    }

    #[test]
    fn a_run_of_which_only_the_start_is_recorded() {
        let mut read = journal();
        read.events.truncate(5);
        let shown = text(&read, true, Look::default());
        assert!(shown.contains("\n  outcome   running\n") && !shown.contains("torn"), "{shown}");
        assert!(shown.contains("  3 step 3                           running\n"), "{shown}");
        read.events.truncate(1);
        let shown = text(&read, false, Look::default());
        assert!(shown.contains("\n  outcome   end not seen\n"), "{shown}");
        assert!(
            shown.contains("\nweb  ec2-user@10.0.0.1:22\n  1 step 1                           not started\n"),
            "{shown}"
        );
    }

    #[test]
    fn a_long_output_is_shown_with_its_gap() {
        let mut read = journal();
        let end = |left_out| EventKind::StepAbridged {
            step: StepId(3),
            text: "the end\n".into(),
            left_out,
            left_out_lines: 7,
            bytes: 100_000_000,
            sha256: Digest::of(b""),
        };
        let host = read.events[5].host.clone();
        let event = |kind| Event { seq: 0, at: "2026-01-02T03:04:00.000Z".into(), host: host.clone(), kind };
        // The step was started twice: the output of its first start does not count.
        read.events.insert(4, event(said(3, "of the first attempt\n")));
        read.events.insert(4, event(looked_at(3)));
        read.events.insert(8, event(end(1234)));
        let shown = text(&read, false, Look::default());
        assert!(
            shown.contains(
                "\n      100000000 bytes of output; the middle is not recorded here: see \
                 ~/.pinboot/runs/3f9c00ff/out on the host\n"
            ),
            "{shown}"
        );
        assert!(shown.contains("      … (7 lines before)\n"), "{shown}");
        let verbose = Look { verbose: true, ..Look::default() };
        let shown = text(&read, false, verbose);
        let gap = "      first\n      no such\\x1b[topic\n      … (1234 bytes are not recorded here: see \
                   ~/.pinboot/runs/3f9c00ff/out on the host)\n      the end\n";
        assert!(shown.contains(gap) && !shown.contains("first attempt"), "{shown}");
        assert_eq!(json(&read, false)["hosts"][0]["steps"][2]["abridged"]["left_out"], 1234);
        read.events[8] = event(end(0));
        let whole = "      first\n      no such\\x1b[topic\n      the end\n";
        assert!(text(&read, false, verbose).contains(whole));
        assert!(!text(&read, false, Look::default()).contains("not recorded"));
    }

    #[test]
    fn a_run_for_a_program() {
        let shown = serde_json::to_string_pretty(&json(&journal(), false)).unwrap();
        assert!(!shown.contains("secret-nonce"));
        insta::assert_snapshot!(shown);
    }

    /// Found by the fuzzer: a journal can come from elsewhere, and hold what no host's output becomes.
    #[test]
    fn a_program_is_given_no_invisible_characters_either() {
        let mut read = journal();
        read.header.playbook = "\u{202e}.yaml".into();
        for event in &mut read.events {
            if let EventKind::StepOutput { text, .. } = &mut event.kind {
                text.push_str("\u{202e}\u{9b}");
            }
        }
        let shown = json_text(&json(&read, false));
        assert!(shown.chars().all(crate::event::is_safe), "{shown}");
        assert!(shown.contains(r"\u202e\u009b") && shown.contains(r#""playbook":"\u202e.yaml""#), "{shown}");
    }
}
