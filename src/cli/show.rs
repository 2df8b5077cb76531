//! `pinboot show`: one run, as text or as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::runs::{began, outcome};
use crate::event::{EventKind, Mode, VERSION};
use crate::ids::{HostId, RunId, StepId};
use crate::journal::{HostSummary, JournalRead};
use crate::report::failure_block;
use crate::report::text::{clean, duration, failed_steps, host_line, outcome_word, pad, step_line, summary};
use crate::view::{HostState, HostView, RunView};

/// How a run is shown to a person.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Look {
    /// The outcomes are coloured.
    pub(super) color: bool,
    /// What each step said is shown as well, as far as it is kept.
    pub(super) verbose: bool,
}

/// A run for a person: what was asked for, every step with its outcome, and the last lines of what failed.
///
/// `held`: some process writes the run at this moment.
pub(super) fn text(read: &JournalRead, held: bool, look: Look) -> String {
    let view = read.view();
    let header = &read.header;
    let mut out =
        format!("run {}: {}\n", header.run, clean(if view.name.is_empty() { &header.playbook } else { &view.name }));
    let mut field = |name: &str, value: &str| writeln!(out, "  {name:<10}{value}").expect("a string takes all");
    field("playbook", &clean(&header.playbook_path.display().to_string()));
    field("began", &format!("{} UTC, took {}", began(&header.started), duration(view.elapsed_ms())));
    if header.mode == Mode::Check {
        field("mode", "asked only: nothing was changed");
    }
    if let Some(old) = &header.rerun_of {
        field("finishes", &format!("run {old}"));
    }
    let exit = view.exit.map_or_else(String::new, |exit| format!(" (exit {exit})"));
    field("outcome", &format!("{}{exit}", outcome(view.exit, held)));
    field("journal", &clean(&read.folder.display().to_string()));
    if let Some(torn) = read.torn.filter(|_| !held) {
        field("note", &format!("the last {} bytes of the journal were torn by a crash and do not count", torn.bytes));
    }
    for planned in &header.hosts {
        out.push('\n');
        host(&mut out, planned, &view, read, look);
    }
    writeln!(out, "\n{}", summary(&view)).expect("a string takes all");
    out
}

fn host(out: &mut String, planned: &HostSummary, view: &RunView, read: &JournalRead, look: Look) {
    let seen = view.host(&planned.host);
    let line = match seen {
        Some(host) if !host.address.is_empty() => host_line(host),
        _ => format!("{}  {}", clean(&planned.host.0), clean(&planned.target)),
    };
    writeln!(out, "{line}").expect("a string takes all");
    if let Some(message) = seen.and_then(|host| host.message.as_ref()) {
        writeln!(out, "  {}", clean(message)).expect("a string takes all");
    }
    if let Some(hint) = seen.and_then(|host| host.hint.as_ref()) {
        writeln!(out, "  hint: {}", clean(hint)).expect("a string takes all");
    }
    for step in &planned.steps {
        let line = match seen.and_then(|host| host.step(step.id).map(|step| (host, step))) {
            Some((host, step)) if step.outcome().is_some() => step_line(host, step, false, look.color),
            Some(_) => format!("{:>3} {} running", step.id, pad(&clean(&step.name), 32)),
            None => format!("{:>3} {} not reached", step.id, pad(&clean(&step.name), 32)),
        };
        writeln!(out, "{line}").expect("a string takes all");
        let abridged = seen.and_then(|host| host.step(step.id)?.abridged.as_ref()).filter(|said| said.left_out > 0);
        if look.verbose {
            output(out, &Said::of(read, &planned.host, step.id), &read.header.run);
        } else if let Some(said) = abridged {
            let where_whole = host_log(&read.header.run);
            writeln!(out, "      it said {} bytes; the middle is not kept here: {where_whole}", said.bytes)
                .expect("a string takes all");
        }
    }
    for (host, step) in seen.iter().flat_map(|host| failed_steps(host).map(move |step| (host, step))) {
        writeln!(out, "\n{}", failure_block(view.run.as_ref(), host, step, None)).expect("a string takes all");
    }
}

/// Where the whole of an output is.
fn host_log(run: &RunId) -> String {
    format!("all of it is in ~/.pinboot/runs/{run}/log on the host")
}

/// What the journal has of a step's output.
#[derive(Default)]
struct Said<'a> {
    /// Its beginning, or all of it.
    pieces: Vec<&'a str>,
    /// Where it was longer: how many bytes are missing behind the beginning, and the end.
    end: Option<(u64, &'a str)>,
}

impl<'a> Said<'a> {
    /// What the step said when it was begun last.
    fn of(read: &'a JournalRead, host: &HostId, wanted: StepId) -> Self {
        let mut said = Self::default();
        for event in read.events.iter().filter(|event| event.host.as_ref() == Some(host)) {
            match &event.kind {
                EventKind::StepStarted { step, .. } if *step == wanted => said = Self::default(),
                EventKind::StepOutput { step, text, .. } if *step == wanted => said.pieces.push(text),
                EventKind::StepAbridged { step, text, left_out, .. } if *step == wanted => {
                    said.end = Some((*left_out, text));
                }
                _ => {}
            }
        }
        said
    }
}

/// Writes what a step said, line by line.
fn output(out: &mut String, said: &Said<'_>, run: &RunId) {
    let mut show = |text: &str| {
        for line in text.lines() {
            writeln!(out, "      {}", clean(line).trim_end()).expect("a string takes all");
        }
    };
    let beginning = said.pieces.concat();
    match said.end {
        None => show(&beginning),
        Some((0, end)) => show(&(beginning + end)),
        Some((left_out, end)) => {
            show(&beginning);
            show(&format!("… ({left_out} bytes are not kept here: {})", host_log(run)));
            show(end);
        }
    }
}

/// A run for a program: one JSON object. Holds neither the run's nonce nor a secret.
pub(super) fn json(read: &JournalRead, held: bool) -> Value {
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
        "outcome": outcome(view.exit, held),
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
            "by_hand": seen.is_some_and(|seen| outcome_word(seen) == crate::view::BY_HAND),
            "elapsed_ms": seen.map(|seen| seen.elapsed_ms),
            "status": seen.and_then(|seen| seen.status),
            "failure": seen.and_then(|seen| seen.failure),
            "why": seen.and_then(|seen| seen.why.as_ref()),
            "diff": seen.and_then(|seen| seen.diff.as_ref()),
            "cause": seen.and_then(|seen| seen.cause.as_ref()),
            "left": seen.and_then(|seen| seen.left.as_ref()),
            "abridged": seen.and_then(|seen| seen.abridged.as_ref()).map(|said| json!({
                "left_out": said.left_out,
                "bytes": said.bytes,
                "sha256": said.sha256,
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
        "fingerprint": seen.map(|host| &host.fingerprint),
        "steps": steps.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::event::{Event, Outcome};
    use crate::exit::Exit;
    use crate::flags::Flags;
    use crate::ids::Digest;
    use crate::journal::{Header, StepSummary, Torn};
    use crate::view::samples::{begun, ended, gone, ready, said, stamped, started};

    /// A run that failed at the third of four steps.
    pub(crate) fn journal() -> JournalRead {
        let mut kinds = vec![
            ("", started(&["web"], 4)),
            ("web", ready()),
            ("web", ended(1, Outcome::Changed, None, false)),
            ("web", ended(2, Outcome::Skipped, Some("by hand"), false)),
            ("web", begun(3)),
            ("web", said(3, "first\nno such\x1b[topic\n")),
            ("web", ended(3, Outcome::Failed, None, false)),
            ("web", gone(Exit::StepFailed)),
        ];
        let end = RunView::of(&stamped(&kinds)).run_finished();
        kinds.push(("", end));
        let steps = (1..=4).map(|id| StepSummary {
            id: StepId(id),
            label: id.to_string(),
            name: format!("step {id}"),
            kind: "command".into(),
            digest: Digest::of(b""),
            has_check: false,
            origin: format!("p.yaml:{id}"),
            allowed: false,
            skipped: None,
            earlier: Vec::new(),
        });
        let header = Header {
            run: RunId::parse("3f9c00ff").unwrap(),
            nonce: "secret-nonce".into(),
            started: "2026-01-02T03:04:00.000Z".into(),
            pinboot: "0.1.0".into(),
            cwd: "/home/me".into(),
            playbook: "p.yaml".into(),
            playbook_path: "/home/me/p.yaml".into(),
            playbook_digest: Digest::of(b""),
            mode: Mode::Run,
            flags: Flags::default(),
            hosts: vec![HostSummary {
                host: HostId("web".into()),
                target: "ec2-user@10.0.0.1:22".into(),
                steps: steps.collect(),
            }],
            rerun_of: RunId::parse("0000000a"),
        };
        let torn = Some(Torn { whole: 100, bytes: 7 });
        JournalRead { header, events: stamped(&kinds), torn, folder: "/state/runs/3f9c00ff".into() }
    }

    #[test]
    fn a_run_for_a_person() {
        insta::assert_snapshot!(text(&journal(), false, Look::default()));
    }

    #[test]
    fn a_run_of_which_only_the_begin_is_known() {
        let mut read = journal();
        read.events.truncate(5);
        let shown = text(&read, true, Look::default());
        assert!(shown.contains("\n  outcome   running\n") && !shown.contains("torn"), "{shown}");
        assert!(shown.contains("  3 step 3                           running\n"), "{shown}");
        read.events.truncate(1);
        let shown = text(&read, false, Look::default());
        assert!(shown.contains("\n  outcome   end not seen\n"), "{shown}");
        assert!(
            shown.contains("\nweb  ec2-user@10.0.0.1:22\n  1 step 1                           not reached\n"),
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
        // (The step was begun before, and then again: what it said at first does not count.)
        read.events.insert(4, event(said(3, "of the first try\n")));
        read.events.insert(4, event(begun(3)));
        read.events.insert(8, event(end(1234)));
        let shown = text(&read, false, Look::default());
        assert!(
            shown.contains(
                "\n      it said 100000000 bytes; the middle is not kept here: all of it is in \
                 ~/.pinboot/runs/3f9c00ff/log on the host\n"
            ),
            "{shown}"
        );
        assert!(shown.contains("      … (7 lines before)\n"), "{shown}");
        let verbose = Look { verbose: true, ..Look::default() };
        let shown = text(&read, false, verbose);
        let gap = "      first\n      no such\\x1b[topic\n      … (1234 bytes are not kept here: all of it is in \
                   ~/.pinboot/runs/3f9c00ff/log on the host)\n      the end\n";
        assert!(shown.contains(gap) && !shown.contains("first try"), "{shown}");
        assert_eq!(json(&read, false)["hosts"][0]["steps"][2]["abridged"]["left_out"], 1234);
        read.events[8] = event(end(0));
        let whole = "      first\n      no such\\x1b[topic\n      the end\n";
        assert!(text(&read, false, verbose).contains(whole));
        assert!(!text(&read, false, Look::default()).contains("not kept"));
    }

    #[test]
    fn a_run_for_a_program() {
        let shown = serde_json::to_string_pretty(&json(&journal(), false)).unwrap();
        assert!(!shown.contains("secret-nonce"));
        insta::assert_snapshot!(shown);
    }
}
