use super::*;
use crate::event::{Failure, Reason};
use crate::exit::Exit;
use crate::ids::Digest;
use crate::remote::frame::{HomeFault, RecordFault, SudoFault};
use crate::secret::Secret;

fn interpreter() -> Interpreter {
    let step = |id: u32, name: &str| StepSummary {
        name: name.to_owned(),
        kind: "command".to_owned(),
        ..StepSummary::unnamed(StepId(id), StepLabel::plain(id))
    };
    let steps = [
        step(1, "one"),
        step(2, "two"),
        step(3, "three"),
        StepSummary { skipped: Some("when: no".into()), ..step(4, "four") },
        StepSummary { allowed: true, ..step(5, "five") },
    ];
    let masker = Masker::new(&[("password".into(), Secret::new("hunter2hunter2"))]);
    Interpreter::new(&steps, masker, |_, output| output.contains("No space").then(|| "the disk is full".to_owned()))
}

/// Feeds pieces and gives the events; the last ending, if one came.
fn feed(interpreter: &mut Interpreter, pieces: Vec<Piece>) -> (Vec<EventKind>, Option<RunEnd>) {
    let mut all = Vec::new();
    let mut last = None;
    for (at, piece) in pieces.into_iter().enumerate() {
        let (events, ending) = interpreter.take(piece, at as u64 * 1000);
        all.extend(events);
        last = ending.or(last);
    }
    (all, last)
}

fn frame(frame: Frame) -> Piece {
    Piece::Frame(frame, 0)
}

fn raw(text: &str) -> Piece {
    Piece::Raw(text.as_bytes().to_vec())
}

fn start(step: u32) -> Piece {
    frame(Frame::Start { step: StepId(step), clock: Some(u64::from(step) * 100) })
}

fn done(step: u32, outcome: &str, status: i32, reason: &str) -> Piece {
    let clock = Some(u64::from(step) * 100 + 42);
    frame(Frame::Done {
        step: StepId(step),
        outcome: RunnerOutcome::parse(outcome),
        status,
        clock,
        reason: RunnerReason::parse(reason),
    })
}

#[test]
fn a_step_is_told_with_its_output_masked_and_safe() {
    let mut interpreter = interpreter();
    let (events, ending) = feed(
        &mut interpreter,
        vec![
            raw("motd of the host\n"),
            frame(Frame::Hello { new: true, over: false, machine_id: None }),
            start(1),
            raw("checking\n"),
            frame(Frame::Diff { step: StepId(1), text: HostText::new(b"+ hunter2hunter2 \x1b[31m") }),
            frame(Frame::Apply { step: StepId(1) }),
            raw("it is hunter2"),
            raw("hunter2!\nNo space left\x1b]0;x\x07"),
            done(1, "failed", 7, "status"),
            frame(Frame::End(RunnerEnd::Failed)),
        ],
    );
    let output = |text: &str, phase| EventKind::StepOutput { step: StepId(1), text: text.into(), phase, kept: true };
    assert_eq!(
        events[0],
        EventKind::StepStarted { step: StepId(1), label: Some(StepLabel::plain(1)), name: "one".into() }
    );
    assert_eq!(events[1], output("checking\n", Phase::Check));
    let said: String = events
        .iter()
        .filter_map(|event| match event {
            EventKind::StepOutput { text, phase: Phase::Apply, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(said, "it is ***!\nNo space left\\x1b]0;x\\x07");
    assert_eq!(
        events.last(),
        Some(&EventKind::StepFinished {
            step: StepId(1),
            label: Some(StepLabel::plain(1)),
            name: "one".into(),
            outcome: Outcome::Failed,
            elapsed_ms: 420,
            status: Some(7),
            failure: Some(Failure::Status),
            why: None,
            diff: Some("+ *** \\x1b[31m".into()),
            cause: Some("the disk is full".into()),
            allowed: false,
            left: None,
            reason: Some(Reason::Status),
        })
    );
    assert_eq!(ending, Some(RunEnd::Over(Exit::StepFailed)));
}

#[test]
fn the_exit_code_follows_from_what_happened() {
    type Steps<'a> = &'a [(u32, &'a str, &'a str)];
    let cases: &[(Steps<'_>, u8)] = &[
        (&[(1, "changed", ""), (2, "unchanged", "before 0badcafe"), (4, "skipped", "when")], 0),
        (&[(1, "failed", "status")], 1),
        (&[(1, "failed", "integrity")], 11),
        (&[(5, "failed", "integrity"), (1, "changed", "")], 0),
        (&[(1, "unknown", "lost")], 8),
        (&[(1, "unknown", "check"), (2, "would", "always")], 0),
        (&[(1, "byhand", "")], 0),
    ];
    for (steps, exit) in cases {
        let mut interpreter = interpreter();
        let mut pieces = vec![frame(Frame::Hello { new: true, over: false, machine_id: None })];
        for (step, outcome, reason) in *steps {
            pieces.extend([start(*step), done(*step, outcome, 3, reason)]);
        }
        pieces.push(frame(Frame::End(RunnerEnd::Ok)));
        assert_eq!(feed(&mut interpreter, pieces).1, Some(RunEnd::Over(Exit::from_code(*exit))), "{steps:?}");
    }
}

#[test]
fn what_a_second_runner_tells_again_is_not_told_twice() {
    let mut interpreter = interpreter();
    let hello = || frame(Frame::Hello { new: false, over: false, machine_id: None });
    let (first, _) = feed(&mut interpreter, vec![hello(), start(1), done(1, "changed", 0, ""), start(2), raw("half")]);
    assert_eq!(first.len(), 3, "{first:?}");
    interpreter.connect_again();
    let pieces = vec![
        raw("motd"),
        hello(),
        frame(Frame::Run),
        start(1),
        done(1, "changed", 0, "stored"),
        start(2),
        done(2, "changed", 0, "found"),
        frame(Frame::End(RunnerEnd::Ok)),
    ];
    let (second, ending) = feed(&mut interpreter, pieces);
    let finished = second.iter().filter(|event| matches!(event, EventKind::StepFinished { .. })).count();
    assert_eq!(finished, 1, "{second:?}");
    assert_eq!(ending, Some(RunEnd::Over(Exit::Success)));
}

#[test]
fn a_long_output_is_shown_whole_and_kept_in_part() {
    let mut interpreter = interpreter();
    let line = "hunter2hunter2 is what it is not\n";
    let all = line.repeat(100_000);
    let mut pieces = vec![
        frame(Frame::Hello { new: true, over: false, machine_id: None }),
        start(1),
        frame(Frame::Apply { step: StepId(1) }),
    ];
    pieces.extend(all.as_bytes().chunks(32_768).map(|chunk| Piece::Raw(chunk.to_vec())));
    pieces.extend([frame(Frame::Try { step: StepId(1), number: 1, status: 3 }), done(1, "failed", 7, "status")]);
    pieces.extend([start(2), raw("short\n"), done(2, "changed", 0, "")]);
    let (events, _) = feed(&mut interpreter, pieces);
    let said = |only: Option<bool>| -> String {
        let text = events.iter().filter_map(|event| match event {
            EventKind::StepOutput { step: StepId(1), text, kept, .. } if only.is_none_or(|only| only == *kept) => {
                Some(text.as_str())
            }
            _ => None,
        });
        text.collect()
    };
    let shown = format!("{}(exit status 3; starting attempt 2)\n", all.replace("hunter2hunter2", "***"));
    assert!(said(None) == shown);
    let at = events.iter().position(|event| matches!(event, EventKind::StepAbridged { .. })).expect("its end");
    let EventKind::StepAbridged { step, text, left_out, bytes, sha256, .. } = &events[at] else { unreachable!() };
    assert_eq!((*step, *bytes, sha256), (StepId(1), all.len() as u64, &Digest::of(all.as_bytes())));
    assert!(shown.ends_with(text));
    assert_eq!((said(Some(true)).len() + text.len()) as u64 + left_out, shown.len() as u64);
    assert!(matches!(events[at + 1], EventKind::StepFinished { step: StepId(1), .. }));
    let ends = events.iter().filter(|event| matches!(event, EventKind::StepAbridged { .. })).count();
    assert_eq!(ends, 1, "a short output has none");
}

#[test]
fn what_a_step_in_hand_said_last_is_kept_when_nothing_more_is_heard_of_it() {
    let mut interpreter = interpreter();
    assert_eq!(interpreter.leave(), None);
    feed(
        &mut interpreter,
        vec![frame(Frame::Hello { new: true, over: false, machine_id: None }), start(1), raw("short\n")],
    );
    assert_eq!(interpreter.leave(), None);
    feed(&mut interpreter, vec![start(1), raw(&"x\n".repeat(2 << 20))]);
    assert!(matches!(interpreter.leave(), Some(EventKind::StepAbridged { left_out, .. }) if left_out > 1 << 20));
    assert_eq!(interpreter.running(), None);
}

#[test]
fn an_unfit_host_is_told_with_what_to_do() {
    let cases = [
        (
            Unfit::Record(RecordFault::Error(
                "mkdir: cannot create directory '.pinboot': No space left on device".into(),
            )),
            "disk is full",
        ),
        (Unfit::Record(RecordFault::Mode), "can be read or written by others"),
        (Unfit::Home(HomeFault::Unset), "no HOME"),
        (
            Unfit::Sudo(StepId(2), SudoFault::Error("sudo: a password is required".into())),
            "`two` needs root, and sudo asks for a password",
        ),
        (Unfit::Tools(StepId(1), "curl|wget".into()), "neither curl nor wget, which the step `one` needs"),
    ];
    for (unfit, words) in cases {
        let Refusal { exit: Exit::HostUnfit, message, hint: Some(_) } = interpreter().unfit(&unfit) else {
            panic!("{unfit:?}")
        };
        assert!(message.contains(words), "{message}");
    }
    let message = messages::busy("3f9c00ff bob@laptop 2026-11-24T06:00:00Z");
    assert_eq!(message, "another run holds the host: run 3f9c00ff, started by bob@laptop at 2026-11-24T06:00:00Z");
}
