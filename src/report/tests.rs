use std::sync::{Arc, Mutex};

use super::format::{clean, duration, pad, truncate};
use super::*;
use crate::event::{EventKind, Failure, Outcome, Phase, Reason, from_json_line};
use crate::exit::Exit;
use crate::view::samples::{ended, gone, looked_at, ready, said, stamped, started};

/// A sink that can be read.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn style(verbose: bool) -> Style {
    let commands =
        |_: &HostId, step: StepId, _: Option<&str>| Some(format!("kafka-topics.sh --step {step} \\\n  --list\n"));
    Style { verbose, color: false, rerun: true, commands: Box::new(commands) }
}

fn finished(name: &str, step: u32, outcome: Outcome) -> EventKind {
    EventKind::StepFinished {
        step: StepId(step),
        label: None,
        name: name.to_owned(),
        outcome,
        elapsed_ms: 14_230,
        status: None,
        failure: None,
        why: None,
        diff: None,
        cause: None,
        allowed: false,
        left: None,
        reason: None,
    }
}

/// A run with one of everything on one host, ending with a failure.
fn one_host() -> Vec<Event> {
    let with = |mut kind: EventKind, change: fn(&mut EventKind)| {
        change(&mut kind);
        kind
    };
    let fault = "ERROR SaslAuthentication\x1b failed\n".repeat(24);
    let mut kinds = vec![
        ("", started(&["kafka-client"], 8)),
        ("kafka-client", ready()),
        ("kafka-client", looked_at(1)),
        ("kafka-client", said(1, "Installed: java\n")),
        ("kafka-client", finished("Install Java", 1, Outcome::Changed)),
        ("kafka-client", finished("Unpack", 2, Outcome::Unchanged)),
        ("kafka-client", said(3, "In the IAM console:\n  Roles → Trust relationships\n")),
        (
            "kafka-client",
            with(finished("Let the role trust itself", 3, Outcome::Skipped), |kind| {
                let EventKind::StepFinished { why, reason, .. } = kind else { unreachable!() };
                (*why, *reason) = (Some("a person has to do this".into()), Some(Reason::Manual));
            }),
        ),
        (
            "kafka-client",
            with(
                finished("Configure the client with a name that is longer than its column", 4, Outcome::Changed),
                |kind| {
                    let EventKind::StepFinished { diff, .. } = kind else { unreachable!() };
                    *diff = Some("-old\n+new\n".into());
                },
            ),
        ),
        ("kafka-client", ended(5, Outcome::Failed, None, true)),
        ("kafka-client", EventKind::HostLost { message: "reset by peer".into() }),
        ("kafka-client", EventKind::HostRegained { elapsed_ms: 3100 }),
        ("kafka-client", ended(6, Outcome::Skipped, Some("`only_if` failed"), false)),
        ("kafka-client", looked_at(7)),
        ("kafka-client", said(7, "Created topic a.\n")),
        ("kafka-client", said(7, &fault)),
        (
            "kafka-client",
            with(finished("Create the topics", 7, Outcome::Failed), |kind| {
                let EventKind::StepFinished { status, failure, cause, .. } = kind else { unreachable!() };
                *status = Some(1);
                *failure = Some(Failure::Status);
                *cause = Some("the role may not connect: see its policy".into());
            }),
        ),
        ("kafka-client", gone(Exit::StepFailed)),
    ];
    let end = RunView::of(&stamped(&kinds)).run_finished();
    kinds.push(("", end));
    stamped(&kinds)
}

fn show(reporter: &mut dyn Reporter, events: &[Event]) -> RunView {
    let mut view = RunView::default();
    for event in events {
        view.fold(event);
        reporter.event(event, &view).unwrap();
    }
    view
}

#[test]
fn plain_results_and_messages() {
    let (out, err) = (Buffer::default(), Buffer::default());
    show(&mut Plain::new(Box::new(out.clone()), Box::new(err.clone()), style(false)), &one_host());
    insta::assert_snapshot!("plain_out", out.text());
    insta::assert_snapshot!("plain_err", err.text());
}

#[test]
fn plain_shows_output_live_if_verbose() {
    let (out, err) = (Buffer::default(), Buffer::default());
    show(&mut Plain::new(Box::new(out), Box::new(err.clone()), style(true)), &one_host()[..5]);
    let text = err.text();
    assert!(text.ends_with("  1 step 1 …\n      Installed: java\n"), "{text}");
}

/// Three hosts: one done, one unreachable, one with a step of unknown outcome.
fn three_hosts() -> Vec<Event> {
    let unreachable = EventKind::HostUnreachable {
        code: Exit::LoginRefused,
        message: "authentication refused for ec2-user\u{202e}".into(),
        hint: Some("is it the right key?".into()),
        followed: false,
    };
    let mut kinds = vec![
        ("", started(&["a", "b", "c"], 2)),
        ("a", ready()),
        ("b", unreachable),
        ("b", gone(Exit::LoginRefused)),
        ("c", ready()),
        ("a", looked_at(1)),
        ("c", looked_at(1)),
        ("a", finished("Install", 1, Outcome::WouldChange)),
        ("a", gone(Exit::Success)),
        ("c", ended(1, Outcome::Unknown, Some("the host was restarted"), false)),
        ("c", EventKind::HostFinished { exit: Exit::OutcomeUnknown, message: Some("the run is over there".into()) }),
    ];
    let end = RunView::of(&stamped(&kinds)).run_finished();
    kinds.push(("", end));
    stamped(&kinds)
}

#[test]
fn plain_names_the_host_if_there_are_several() {
    let (out, err) = (Buffer::default(), Buffer::default());
    let view = show(&mut Plain::new(Box::new(out.clone()), Box::new(err.clone()), style(false)), &three_hosts());
    assert_eq!(view.exit_code(), Exit::OutcomeUnknown);
    insta::assert_snapshot!("hosts_out", out.text());
    insta::assert_snapshot!("hosts_err", err.text());
}

#[test]
fn json_is_one_object_a_line_without_progress() {
    let out = Buffer::default();
    let mut events = one_host();
    let kind = EventKind::StepProgress { step: StepId(1), bytes: 1, total: None };
    events.insert(3, Event { kind, ..events[2].clone() });
    show(&mut Jsonl::new(Box::new(out.clone())), &events);
    events.remove(3);
    let read: Vec<Event> = out.text().lines().map(|line| from_json_line(line).unwrap()).collect();
    assert_eq!(read, events);
}

#[test]
fn json_does_not_repeat_the_end_of_a_long_output() {
    let out = Buffer::default();
    let step = StepId(1);
    let more = EventKind::StepOutput { step, text: "more\n".into(), phase: Phase::Apply, kept: false };
    let end = EventKind::StepAbridged {
        step,
        text: "more\n".into(),
        left_out: 0,
        left_out_lines: 0,
        bytes: 9,
        sha256: crate::ids::Digest::of(b""),
    };
    let events = stamped(&[("a", looked_at(1)), ("a", said(1, "all\n")), ("a", more), ("a", end)]);
    show(&mut Jsonl::new(Box::new(out.clone())), &events);
    let text = out.text();
    assert_eq!((text.lines().count(), text.matches("more").count()), (4, 1), "{text}");
    assert!(text.contains(r#""kind":"step_output","step":1,"text":"more\n","phase":"apply","kept":false}"#), "{text}");
    assert!(text.contains(r#""left_out":0"#), "{text}");
}

#[test]
fn a_closed_pipe_is_an_error_of_the_reporter() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let events = one_host();
    let view = RunView::of(&events);
    let end = events.last().unwrap();
    let mut plain = Plain::new(Box::new(Closed), Box::new(Closed), style(false));
    assert_eq!(plain.event(end, &view).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(Jsonl::new(Box::new(Closed)).event(end, &view).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

/// The rows that a terminal shows after these bytes, without trailing blanks. Panics at any sequence that the reporter may
/// not send.
fn screen(bytes: &str, width: usize) -> Vec<String> {
    let (mut rows, mut row, mut column) = (vec![Vec::<char>::new()], 0_usize, 0_usize);
    let mut chars = bytes.chars();
    while let Some(c) = chars.next() {
        match c {
            '\n' => {
                row += 1;
                column = 0;
            }
            '\r' => column = 0,
            '\x1b' => {
                assert_eq!(chars.next(), Some('['));
                let mut number = String::new();
                let end = loop {
                    match chars.next().unwrap() {
                        digit if digit.is_ascii_digit() => number.push(digit),
                        end => break end,
                    }
                };
                let n = number.parse::<usize>().unwrap_or(1);
                match end {
                    'A' => row = row.saturating_sub(n),
                    'B' => row += n,
                    'C' => column += n,
                    'D' => column = column.saturating_sub(n),
                    'K' => rows[row].clear(),
                    'm' => {}
                    other => panic!("a terminal was sent ESC [ {other}"),
                }
            }
            c => {
                assert!(crate::event::is_safe(c), "a terminal was sent {c:?}");
                if column >= width {
                    row += 1;
                    column = 0;
                }
                if rows.len() <= row {
                    rows.resize(row + 1, Vec::new());
                }
                let line = &mut rows[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = c;
                column += 1;
            }
        }
        if rows.len() <= row {
            rows.resize(row + 1, Vec::new());
        }
    }
    let mut rows: Vec<String> =
        rows.into_iter().map(|row| row.into_iter().collect::<String>().trim_end().to_owned()).collect();
    while rows.last().is_some_and(String::is_empty) {
        rows.pop();
    }
    rows
}

fn terminal(width: u16, color: bool) -> (Buffer, Terminal) {
    let out = Buffer::default();
    let style = Style { color, ..style(false) };
    (out.clone(), Terminal::new(Box::new(out), Box::new(move || (50, width)), false, style))
}

#[test]
fn a_terminal_ends_with_the_same_lines_as_plain_output() {
    for color in [false, true] {
        let events = one_host();
        let (out, mut reporter) = terminal(200, color);
        show(&mut reporter, &events);
        drop(reporter);
        assert_eq!(out.text().contains("\x1b[31mfailed"), color);
        let plain = Buffer::default();
        show(&mut Plain::new(Box::new(plain.clone()), Box::new(plain.clone()), style(false)), &events);
        let expected: Vec<String> = plain.text().lines().map(|line| line.trim_end().to_owned()).collect();
        assert_eq!(screen(&out.text(), 200), expected);
    }
}

#[test]
fn a_terminal_shows_the_current_step_below_the_results() {
    for (width, download) in [(60, "━━━━━"), (100, "512.00 KiB of 1.00 MiB")] {
        let events = one_host();
        let (out, mut reporter) = terminal(width, false);
        let mut view = show(&mut reporter, &events[..14]);
        reporter.draw_for_test();
        let shown = |out: &Buffer| screen(&out.text(), usize::from(width));
        let last = shown(&out).pop().unwrap();
        assert!(last.starts_with("  7 step 7 "), "{last:?}");
        let mut next = |kind: EventKind| {
            let event = Event { kind, ..events[13].clone() };
            view.fold(&event);
            reporter.event(&event, &view).unwrap();
            // The lines are redrawn at a limited rate, but this test looks at them after every event.
            reporter.draw_for_test();
            shown(&out)
        };
        let rows = next(EventKind::StepProgress { step: StepId(7), bytes: 512 * 1024, total: Some(1024 * 1024) });
        let last = rows.last().unwrap();
        assert!(last.starts_with("  7 step 7") && last.contains(download), "{last:?}");
        next(finished("x", 7, Outcome::Changed));
        next(looked_at(8));
        let rows = next(said(8, &format!("{}\n", "y".repeat(200))));
        let [.., name, tail] = rows.as_slice() else { panic!("{rows:?}") };
        assert!(name.starts_with("  8 step 8"), "{rows:?}");
        assert_eq!(*tail, format!("      {}", "y".repeat(usize::from(width) - 6)));
        drop(reporter);
        let rows = shown(&out);
        assert!(!rows.iter().any(|row| row.contains("yyy") || row.contains("step 8")), "cleared: {rows:?}");
    }
}

#[test]
fn many_hosts_share_ten_lines_and_a_line_of_totals() {
    let names: Vec<String> = (0..30).map(|number| format!("host{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut kinds = vec![("", started(&names, 1))];
    kinds.extend(names.iter().map(|name| (*name, ready())));
    kinds.extend(names.iter().map(|name| (*name, looked_at(1))));
    let (out, mut reporter) = terminal(100, false);
    show(&mut reporter, &stamped(&kinds));
    reporter.draw_for_test();
    let rows = screen(&out.text(), 100);
    assert_eq!(rows.iter().filter(|row| row.contains("step 1")).count(), 10, "{rows:#?}");
    assert_eq!(rows.last().unwrap(), "0 of 30 hosts done, 30 busy · 0 steps changed, 0 failed");
}

#[test]
fn reporters_can_move_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<(Plain, Jsonl, Terminal)>();
}

#[test]
fn durations_and_texts_are_formatted_for_people() {
    for (millis, words) in [
        (0, "0.0 s"),
        (649, "0.6 s"),
        (59_940, "59.9 s"),
        (59_960, "1 min 00 s"),
        (3_599_900, "59 min 59 s"),
        (7_385_000, "2 h 03 min"),
    ] {
        assert_eq!(duration(millis), words);
    }
    assert_eq!(clean("a\tb\nc\x1b[0m\u{202e}é"), "a    b\\nc\\x1b[0m\\u{202e}é");
    for (text, width, cut) in
        [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("語語語", 5, "語語…"), ("語語", 2, "…"), ("ab", 0, "")]
    {
        assert_eq!(truncate(text, width), cut);
    }
    assert_eq!(pad("語", 4), "語  ");
}

#[test]
fn a_failure_says_how_the_step_failed() {
    let block = |failure: Option<Failure>, status: Option<i32>| {
        let mut kind = ended(1, Outcome::Failed, None, false);
        let EventKind::StepFinished { failure: have, status: code, .. } = &mut kind else { unreachable!() };
        (*have, *code) = (failure, status);
        let view = RunView::of(&stamped(&[("", started(&["a"], 1)), ("a", kind)]));
        let host = &view.hosts[0];
        failure_block(view.run.as_ref(), host, &host.steps[0], None, None)
    };
    for (failure, status, words) in [
        (Some(Failure::Status), Some(2), "a: step 1 failed after 1.5 s: exit status 2\n"),
        (Some(Failure::Status), Some(127), "exit status 127 (command not found)\n"),
        (Some(Failure::Status), Some(137), "exit status 137 (SIGKILL: killed, or out of memory)\n"),
        (Some(Failure::Check), Some(2), "after 1.5 s: its check failed with exit status 2\n"),
        (Some(Failure::Verify), Some(0), "s: the command succeeded, but the check still reports a difference\n"),
        (Some(Failure::Integrity), None, "s: the download is not what the playbook expects\n"),
        (Some(Failure::Timeout), None, "failed after 1.5 s: it took longer than its timeout\n"),
        (Some(Failure::Stopped), None, "failed after 1.5 s: it was stopped\n"),
        (None, None, "a: step 1 failed after 1.5 s\n  output   none\n  next     pinboot rerun 3f9c00ff"),
    ] {
        let text = block(failure, status);
        assert!(text.contains(words), "{text}");
    }
}
