use super::samples::{ended, ended_for, gone, looked_at, ready, said, stamped, started};
use super::*;
use crate::event::{Phase, Reason, from_json_line, to_json_line};
use crate::exit::Exit;
use crate::ids::Digest;

#[test]
fn a_run_from_begin_to_end() {
    let events = stamped(&[
        ("", started(&["a", "b"], 3)),
        ("a", ready()),
        (
            "b",
            EventKind::HostUnreachable {
                code: Exit::Unreachable,
                message: "no such host".into(),
                hint: Some("look".into()),
                followed: false,
            },
        ),
        ("b", gone(Exit::Unreachable)),
        ("a", looked_at(1)),
        ("a", said(1, "hello\nwor")),
        ("a", EventKind::StepProgress { step: StepId(1), bytes: 5, total: Some(10) }),
        ("a", said(1, "ld\n")),
        ("a", ended(1, Outcome::Changed, None, false)),
        ("a", looked_at(2)),
        ("a", ended_for(2, Outcome::Skipped, Reason::Manual)),
        ("a", looked_at(3)),
        ("a", ended(3, Outcome::Failed, None, true)),
        ("a", gone(Exit::Success)),
    ]);
    let mut view = RunView::of(&events[..7]);
    assert_eq!(view.hosts[0].running().unwrap().progress, Some((5, Some(10))));
    assert_eq!(view.exit_code(), Exit::ConnectionLost, "a host whose end was not seen");
    events[7..].iter().for_each(|event| view.fold(event));
    let host = view.host(&HostId("a".into())).unwrap();
    assert_eq!(
        (host.state, host.exit, host.ready.as_ref().map(|ready| ready.address.as_str())),
        (HostState::Finished, Some(Exit::Success), Some("10.0.0.1"))
    );
    let step = host.step(StepId(1)).unwrap();
    assert_eq!((step.output_bytes, step.tail.last(), step.progress), (12, Some("world"), None));
    assert!(host.step(StepId(2)).unwrap().is_manual() && !host.step(StepId(3)).unwrap().is_manual());
    let b = &view.hosts[1];
    assert_eq!(
        (b.state, b.message.as_deref(), b.hint.as_deref()),
        (HostState::Unreachable, Some("no such host"), Some("look"))
    );
    let totals =
        Totals { changed: 1, skipped: 1, manual: 1, failed: 1, allowed: 1, unreachable: 1, ..Totals::default() };
    assert_eq!(view.totals(), totals);
    assert_eq!((view.exit_code(), view.elapsed_ms(), view.exit), (Exit::Unreachable, 1300, None));
    view.fold(&Event { seq: 15, at: "2026-01-02T03:05:00.000Z".into(), host: None, kind: view.run_finished() });
    assert_eq!((view.exit_code(), view.exit, view.elapsed_ms()), (Exit::Unreachable, Some(Exit::Unreachable), 60_000));
}

#[test]
fn a_run_that_is_taken_up_again_stands_as_its_later_events_say() {
    let mut view = RunView::of(&stamped(&[
        ("", started(&["a"], 2)),
        ("a", ready()),
        ("a", looked_at(1)),
        ("a", said(1, "half of it")),
        ("a", EventKind::HostLost { message: "reset by peer".into() }),
        ("a", gone(Exit::ConnectionLost)),
        ("", RunView::default().run_finished()),
    ]));
    assert_eq!((view.exit, view.not_reached()), (Some(Exit::Success), Some(1)));
    let later = stamped(&[
        ("a", ready()),
        ("a", looked_at(1)),
        ("a", said(1, "all of it\n")),
        ("a", ended(1, Outcome::Changed, None, false)),
    ]);
    for event in &later {
        view.fold(event);
    }
    let host = &view.hosts[0];
    assert_eq!((host.state, host.exit, host.message.as_deref(), view.exit), (HostState::Ready, None, None, None));
    assert_eq!((host.steps.len(), host.steps[0].tail.last()), (1, Some("all of it")));
}

#[test]
fn the_same_view_comes_out_of_the_same_lines() {
    let events = stamped(&[
        ("", started(&["a"], 1)),
        ("a", ready()),
        ("a", looked_at(1)),
        ("a", said(1, "x\n")),
        ("a", gone(Exit::StepFailed)),
        ("z", EventKind::Unknown),
    ]);
    let read: Vec<Event> = events.iter().map(|event| from_json_line(&to_json_line(event)).unwrap()).collect();
    assert_eq!(RunView::of(&read), RunView::of(&events));
}

#[test]
fn a_long_output_looks_the_same_live_and_out_of_a_journal() {
    let step = StepId(1);
    let more = |text: &str| EventKind::StepOutput { step, text: text.into(), phase: Phase::Apply, kept: false };
    let end = EventKind::StepAbridged {
        step,
        text: "c\nd\n".into(),
        left_out: 4,
        left_out_lines: 2,
        bytes: 10,
        sha256: Digest::of(b""),
    };
    let live = stamped(&[
        ("a", looked_at(1)),
        ("a", said(1, "0\n")),
        ("a", more("a\nb\n")),
        ("a", more("c\nd\n")),
        ("a", end),
        ("a", ended(1, Outcome::Changed, None, false)),
    ]);
    let kept: Vec<Event> = live.iter().filter(|event| !event.kind.is_transient()).cloned().collect();
    assert_eq!(kept.len(), 4);
    let (live, kept) = (RunView::of(&live), RunView::of(&kept));
    let [live, kept] = [&live, &kept].map(|view| &view.hosts[0].steps[0]);
    assert_eq!((live.output_bytes, kept.output_bytes), (10, 10));
    assert_eq!((&live.abridged, live.tail.last(), kept.tail.last()), (&kept.abridged, Some("d"), Some("d")));
    assert_eq!(live.tail.dropped() + live.tail.lines().len() as u64, 5);
    assert_eq!(kept.tail.dropped() + kept.tail.lines().len() as u64, 5);
    // A step that starts again prints everything again.
    let mut again = RunView::of(&stamped(&[("a", looked_at(1)), ("a", said(1, "0\n"))]));
    again.fold(&stamped(&[("a", looked_at(1))])[0]);
    assert_eq!((again.hosts[0].steps[0].output_bytes, &again.hosts[0].steps[0].abridged), (0, &None));
}
