//! An event as one line of JSON, and back.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Event, EventKind, Outcome, Reason, VERSION, is_safe};
use crate::ids::{HostId, RunId};

/// What keeps a line from being an event.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The line is not a JSON object, or a field of it is missing or of another type.
    #[error("not an event: {0}")]
    Malformed(String),
    /// The line says that it has a format of the future.
    #[error("it has version {0} of the event format, and this pinboot reads version {VERSION} at most")]
    Newer(u64),
}

#[derive(Serialize)]
struct Line<'a> {
    v: u32,
    seq: u64,
    at: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a HostId>,
    #[serde(flatten)]
    kind: &'a EventKind,
}

/// Writes an event as one line of JSON, without the line feed.
pub fn to_json_line(event: &Event) -> String {
    let line = Line { v: VERSION, seq: event.seq, at: &event.at, host: event.host.as_ref(), kind: &event.kind };
    json_text(&line)
}

/// A value as JSON in one line, without the line feed, for all that is printed or kept: see `visible`.
///
/// # Panics
/// If the value has maps with keys that are not texts.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn json_text(value: &impl Serialize) -> String {
    visible(serde_json::to_string(value).expect("only text keys, and numbers that JSON knows"))
}

/// JSON in which every character that a reader would not see, or that would turn the direction of writing, is an escape: the
/// same JSON for a program.
fn visible(json: String) -> String {
    if json.chars().all(is_safe) {
        return json;
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if is_safe(c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").expect("a string takes all");
            }
        }
    }
    out
}

/// Reads one line. An unknown kind is [`EventKind::Unknown`]; unknown fields are ignored.
pub fn from_json_line(line: &str) -> Result<Event, CodecError> {
    let malformed = |error: serde_json::Error| CodecError::Malformed(error.to_string());
    let mut object: Map<String, Value> = serde_json::from_str(line).map_err(malformed)?;
    let number = |name: &str| {
        object
            .get(name)
            .and_then(Value::as_u64)
            .ok_or_else(|| CodecError::Malformed(format!("`{name}` is not a number")))
    };
    let version = number("v")?;
    if version > u64::from(VERSION) {
        return Err(CodecError::Newer(version));
    }
    let seq = number("seq")?;
    let Some(Value::String(at)) = object.remove("at") else {
        return Err(CodecError::Malformed("`at` is not a text".to_owned()));
    };
    let host = match object.remove("host") {
        None | Some(Value::Null) => None,
        Some(Value::String(host)) => Some(HostId(host)),
        Some(_) => return Err(CodecError::Malformed("`host` is not a text".to_owned())),
    };
    let has_reason = object.contains_key("reason");
    let mut kind = EventKind::deserialize(Value::Object(object)).map_err(malformed)?;
    if let EventKind::StepFinished { outcome, why: Some(why), reason, .. } = &mut kind
        && !has_reason
    {
        *reason = reason_of_old_sentence(*outcome, why);
    }
    Ok(Event { seq, at, host, kind })
}

/// The reason of a step from a journal that has none: pinboot up to 0.1.0 wrote a sentence only. Nothing else reads
/// sentences, and of these only the ones on which a decision depends.
fn reason_of_old_sentence(outcome: Outcome, why: &str) -> Option<Reason> {
    let run_behind = |start: &str| RunId::parse(why.strip_prefix(start)?.get(..8)?);
    match outcome {
        Outcome::Skipped if why == "by hand" => Some(Reason::Manual),
        Outcome::Unchanged => run_behind("done in run ").map(|earlier_run| Reason::DoneEarlier { earlier_run }),
        Outcome::Unknown if why == "it began, left no result, and has no check" => {
            Some(Reason::ResultLost { earlier_run: None })
        }
        Outcome::Unknown => run_behind("it began in run ").map(|run| Reason::ResultLost { earlier_run: Some(run) }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Failure, Mode, Phase};
    use crate::exit::Exit;
    use crate::ids::{Digest, StepId, StepLabel};

    fn event(kind: EventKind) -> Event {
        Event { seq: 7, at: "2026-01-02T03:04:05.678Z".into(), host: Some(HostId("web".into())), kind }
    }

    #[test]
    fn a_line_is_what_the_contract_says() {
        let line = to_json_line(&event(EventKind::StepFinished {
            step: StepId(3),
            label: Some(StepLabel { step: 2, iteration: Some(1) }),
            name: "Create \"the\" topics".into(),
            outcome: Outcome::WouldChange,
            elapsed_ms: 12,
            status: None,
            failure: None,
            why: None,
            diff: Some("+ a\n".into()),
            cause: None,
            allowed: false,
            left: None,
            reason: None,
        }));
        assert_eq!(
            line,
            r#"{"v":1,"seq":7,"at":"2026-01-02T03:04:05.678Z","host":"web","kind":"step_finished","step":3,"label":"2.1","name":"Create \"the\" topics","outcome":"would_change","elapsed_ms":12,"diff":"+ a\n"}"#
        );
    }

    #[test]
    fn what_a_reader_would_not_see_is_an_escape() {
        let name = "a\u{202e}b\u{e0041}c\u{7f}é";
        let event = event(EventKind::StepStarted { step: StepId(1), label: None, name: name.into() });
        let line = to_json_line(&event);
        assert!(line.contains(r#""name":"a\u202eb\udb40\udc41c\u007fé""#), "{line}");
        assert_eq!(from_json_line(&line).unwrap(), event);
    }

    #[test]
    fn what_was_written_is_read_back() {
        let run = RunId::parse("3f9c00ff").unwrap();
        let step = StepId(2);
        for kind in [
            EventKind::RunStarted {
                run: run.clone(),
                playbook: "p.yaml".into(),
                name: "P".into(),
                mode: Mode::Check,
                hosts: vec![HostId("web".into())],
                steps: 3,
                host_steps: Vec::new(),
                rerun_of: Some(run),
            },
            EventKind::HostUnreachable { code: Exit::LoginRefused, message: "no".into(), hint: None, followed: true },
            EventKind::StepOutput { step, text: "a\n\u{2713}\\x1b".into(), phase: Phase::Check, kept: true },
            EventKind::StepOutput { step, text: "b".into(), phase: Phase::Apply, kept: false },
            EventKind::StepAbridged {
                step,
                text: "z\n".into(),
                left_out: 3,
                left_out_lines: 1,
                bytes: 9,
                sha256: Digest::of(b"x"),
            },
            EventKind::StepProgress { step, bytes: u64::MAX, total: None },
            EventKind::StepFinished {
                step,
                label: Some(StepLabel::plain(7)),
                name: "n".into(),
                outcome: Outcome::Failed,
                elapsed_ms: 1,
                status: Some(-1),
                failure: Some(Failure::Verify),
                why: Some("w".into()),
                diff: None,
                cause: Some("c".into()),
                allowed: true,
                left: Some("12 sleep 600".into()),
                reason: Some(Reason::Verify),
            },
            EventKind::HostLost { message: "gone".into() },
            EventKind::HostFinished { exit: Exit::ConnectionLost, message: None },
            EventKind::Unknown,
        ] {
            let event = event(kind);
            let line = to_json_line(&event);
            assert!(!line.contains('\n'));
            assert_eq!(from_json_line(&line).unwrap(), event, "{line}");
        }
    }

    fn finished(outcome: Outcome, why: Option<&str>, reason: Option<Reason>) -> EventKind {
        EventKind::StepFinished {
            step: StepId(2),
            label: None,
            name: "n".into(),
            outcome,
            elapsed_ms: 1,
            status: None,
            failure: None,
            why: why.map(str::to_owned),
            diff: None,
            cause: None,
            allowed: false,
            left: None,
            reason,
        }
    }

    #[test]
    fn a_reason_is_a_word_and_perhaps_one_field_more() {
        let run = RunId::parse("3f9c00ff").unwrap();
        let alive = Some("12 sleep 600".to_owned());
        for (reason, fields) in [
            (Reason::Manual, r#""reason":"manual""#),
            (Reason::DoneEarlier { earlier_run: run.clone() }, r#""reason":"done_earlier","earlier_run":"3f9c00ff""#),
            (Reason::ResultLost { earlier_run: None }, r#""reason":"result_lost""#),
            (Reason::ResultLost { earlier_run: Some(run) }, r#""reason":"result_lost","earlier_run":"3f9c00ff""#),
            (Reason::Stopped { alive }, r#""reason":"stopped","alive":"12 sleep 600""#),
            (Reason::CheckTimeout { alive: None }, r#""reason":"check_timeout""#),
            (Reason::SecretMissing { secret: "TOKEN".into() }, r#""reason":"secret_missing","secret":"TOKEN""#),
            (Reason::Other { word: "danced".into() }, r#""reason":"other","word":"danced""#),
        ] {
            let event = event(finished(Outcome::Unknown, None, Some(reason)));
            let line = to_json_line(&event);
            assert!(line.ends_with(&format!("{fields}}}")), "{line}");
            assert_eq!(from_json_line(&line).unwrap(), event, "{line}");
        }
    }

    #[test]
    fn an_old_journal_has_its_reasons_in_sentences() {
        let run = RunId::parse("3f9c00ff").unwrap();
        let lines = include_str!("old_journal.jsonl");
        let read = lines.lines().map(|line| match from_json_line(line).unwrap().kind {
            EventKind::StepFinished { reason, why, .. } => (reason, why.is_some()),
            other => panic!("{other:?}"),
        });
        let right = [
            (Some(Reason::Manual), true),
            (Some(Reason::DoneEarlier { earlier_run: run.clone() }), true),
            (Some(Reason::ResultLost { earlier_run: None }), true),
            (Some(Reason::ResultLost { earlier_run: Some(run) }), true),
            // No decision depends on the others.
            (None, true),
            (None, true),
            (None, false),
        ];
        assert_eq!(read.collect::<Vec<_>>(), right);
    }

    #[test]
    fn a_sentence_is_not_read_where_there_is_a_reason() {
        let line = |reason: &str| {
            format!(
                r#"{{"v":1,"seq":1,"at":"t","host":"h","kind":"step_finished","step":1,"name":"n","outcome":"skipped","elapsed_ms":0,"why":"by hand"{reason}}}"#
            )
        };
        let reason = |line: &str| match from_json_line(line).unwrap().kind {
            EventKind::StepFinished { reason, .. } => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(&line("")), Some(Reason::Manual));
        assert_eq!(reason(&line(r#","reason":"only_if""#)), Some(Reason::OnlyIf));
        assert_eq!(reason(&line(r#","reason":"of_a_newer_pinboot","more":[1]"#)), None);
    }

    #[test]
    fn newer_kinds_and_fields_are_ignored() {
        let read = |line: &str| from_json_line(line).map(|event| event.kind);
        assert_eq!(
            read(r#"{"v":1,"seq":1,"at":"t","kind":"host_danced","step":{"x":[1]}}"#).unwrap(),
            EventKind::Unknown
        );
        assert_eq!(
            read(r#"{"v":1,"new":[],"seq":1,"at":"t","host":null,"kind":"host_lost","message":"m","more":{}}"#)
                .unwrap(),
            EventKind::HostLost { message: "m".into() }
        );
        assert!(matches!(read(r#"{"v":2,"seq":1,"at":"t","kind":"host_lost"}"#), Err(CodecError::Newer(2))));
        for wrong in [
            "",
            "[]",
            r#"{"v":1,"seq":-1,"at":"t","kind":"unknown"}"#,
            r#"{"v":1,"seq":1,"kind":"unknown"}"#,
            r#"{"v":1,"seq":1,"at":"t"}"#,
            r#"{"v":1,"seq":1,"at":"t","kind":"host_lost"}"#,
        ] {
            assert!(matches!(read(wrong), Err(CodecError::Malformed(_))), "{wrong}");
        }
    }
}
