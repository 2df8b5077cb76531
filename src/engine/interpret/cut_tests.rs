//! Every place that cuts what a host sent or printed: no piece of a secret that lies across the cut is shown.

#![expect(clippy::disallowed_methods, reason = "the host's own shell cuts")]

use std::fs;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::remote::frame::RecordFault;
use crate::remote::splitter::Splitter;
use crate::remote::{Stopped, stopped};
use crate::secret::Secret;

/// Secrets of one line and of several, of characters of one byte and of more, with blanks, and with lines too short to be found alone.
const SECRETS: &[&str] = &[
    "q7Zt-0RmXw9LkB2vNf4HsJ6c",
    "pässwörtchen€äöü🔑ßend",
    "korrekt  pferd batterie klammer",
    "Zeile-eins!\nzweite-Zeile\ndritte&Zeile\nvier",
    "kurz1\nwort2\nrest3\nende4",
    "größe1\r\nmaß22\r\ntür33",
];

/// A shell that has the runner's functions and those of the kinds, and cuts each file of its folder.
const HOST: &[(&str, &str, Place)] = &[
    (
        "a command that is left running",
        "for f in *; do pb_describe \"self/cwd/$f\"; printf '%s' \"left 1 $pb_ret, 4712 sh\" >\"../$f\"; done",
        |host, text| host.frame(text),
    ),
    (
        "the last command that is left running",
        "for f in *; do pb_describe \"self/cwd/$f\"; printf '%s' \"left 1 $pb_ret\" >\"../$f\"; done",
        |host, text| host.frame(text),
    ),
    (
        "a command that lives on behind a timeout",
        "for f in *; do pb_describe \"self/cwd/$f\"; printf '%s' \"done 1 failed 143 - timeout $pb_ret\" >\"../$f\"; done",
        |host, text| host.frame(text),
    ),
    (
        "a command that lives on behind a stop from outside",
        "for f in *; do printf 'left 12 %s\\n' \"$(tr '\\000\\036\\n' '   ' <\"$f/cmdline\" | cut -c 1-80)\" >\"../$f\"; done",
        |host, text| match stopped(text) {
            Some(Stopped::Left(left)) => left.cut(&host.masker),
            other => panic!("{other:?}"),
        },
    ),
    (
        "the beginning of a body that is refused",
        "arg_secret=; for f in *; do pb_begin_of \"$f/cmdline\"; printf '%s\\n' \"refused: x (9 bytes${pb_begin:+, beginning with: $pb_begin})\" >\"../$f\"; done",
        |host, text| host.printed(&[text]),
    ),
    (
        "what a check would change, cut between two lines",
        "for f in *; do printf 'diff 1 %s' \"$(tail -c +20 \"$f/cmdline\" | sed 's/^/+/' | head -n 2)\" >\"../$f\"; done",
        |host, text| host.frame(text),
    ),
    (
        "the lines before a change",
        "for f in *; do printf 'diff 1 %s' \"$(sed 's/^/ /' \"$f/cmdline\" | head -n 1; echo '-x'; echo '+y')\" >\"../$f\"; done",
        |host, text| host.frame(text),
    ),
    (
        "the lines around a change",
        "for f in *; do printf 'diff 1 %s' \"$(tail -c +20 \"$f/cmdline\" | sed '1d;s/^/ /' | head -n 2; echo '-x'; echo '+y')\" >\"../$f\"; done",
        |host, text| host.frame(text),
    ),
];

type Place = fn(&Host, &[u8]) -> String;
type Cut = fn(&Host, &[u8], usize) -> String;

/// What cuts a text here, at this byte.
const HERE: &[(&str, Cut)] = &[
    ("a step that is ended while it prints", |host, text, at| host.printed(&[&text[..at]])),
    ("two pieces of output", |host, text, at| host.printed(&[&text[..at], &text[at..]])),
    ("what a host says instead of the run", |host, text, at| {
        let mut noise = vec![b'.'; 4096 - at];
        noise.extend(text);
        let mut interpreter = host.interpreter();
        interpreter.hear_noise(&noise);
        interpreter.noise().trim_start_matches('.').to_owned()
    }),
    ("an answer that is read up to a limit", |host, text, at| HostText::new(&text[..at]).cut(&host.masker)),
    ("a text before an ellipsis", |host, text, at| {
        HostText::new([&text[..at], "… more".as_bytes()].concat()).complete(&host.masker)
    }),
    ("a text before three dots", |host, text, at| {
        HostText::new([&text[..at], b"... more"].concat()).complete(&host.masker)
    }),
    ("the columns of a terminal", |host, text, at| {
        let shown = HostText::new(text).complete(&host.masker);
        shown.chars().take(at).collect()
    }),
    ("the record's fault", |host, text, _| {
        let fault = RecordFault::Error(String::from_utf8_lossy(text).into_owned());
        let Refusal { message, .. } = host.interpreter().unfit(&Unfit::Record(fault));
        message
    }),
];

struct Host {
    masker: Masker,
}

impl Host {
    fn interpreter(&self) -> Interpreter {
        let step = StepSummary {
            name: "one".to_owned(),
            kind: "command".to_owned(),
            ..StepSummary::unnamed(StepId(1), StepLabel::plain(1))
        };
        Interpreter::new(&[step], self.masker.clone(), |_, _| None)
    }

    /// Everything that is reported of a step that says this.
    fn reported(&self, pieces: Vec<Piece>) -> String {
        let mut interpreter = self.interpreter();
        let hello = Frame::Hello { new: true, over: false, machine_id: None };
        let start = Frame::Start { step: StepId(1), clock: None };
        let end = Frame::Done {
            step: StepId(1),
            outcome: RunnerOutcome::WouldChange,
            status: 0,
            clock: None,
            reason: RunnerReason::Check,
        };
        let pieces = [Piece::Frame(hello, 0), Piece::Frame(start, 0)].into_iter().chain(pieces);
        let mut reported = String::new();
        for piece in pieces.chain([Piece::Frame(end, 0)]) {
            for event in interpreter.take(piece, 0).0 {
                match event {
                    EventKind::StepOutput { text, .. } => reported.push_str(&text),
                    EventKind::StepFinished { diff, left, why, reason, .. } => {
                        for text in [diff, left, why].into_iter().flatten() {
                            reported.push_str(&text);
                        }
                        reported.push_str(&serde_json::to_string(&reason).expect("JSON"));
                    }
                    _ => {}
                }
            }
        }
        reported
    }

    fn printed(&self, pieces: &[&[u8]]) -> String {
        self.reported(pieces.iter().map(|piece| Piece::Raw(piece.to_vec())).collect())
    }

    fn frame(&self, body: &[u8]) -> String {
        let nonce = "0".repeat(32);
        let framed = [format!("\x1epb:{nonce} ").as_bytes(), body, b"\x1e\n"].concat();
        let pieces = Splitter::new(&nonce).push(&framed);
        assert!(matches!(pieces[..], [Piece::Frame(..)]), "{pieces:?} of {:?}", String::from_utf8_lossy(body));
        self.reported(pieces)
    }
}

/// The longest piece of the secret that a text shows, in characters; a character that is shown as bytes counts as well.
fn longest_piece(shown: &str, secret: &str) -> String {
    let secret: Vec<char> = secret.chars().filter(|c| !c.is_control()).collect();
    let shown: String = shown.chars().filter(|c| !c.is_control()).collect();
    let pieces = (0..secret.len()).flat_map(|from| (from + 1..=secret.len()).map(move |to| (from, to)));
    let pieces = pieces.map(|(from, to)| secret[from..to].iter().collect::<String>());
    pieces.filter(|piece| shown.contains(piece)).max_by_key(|piece| piece.chars().count()).unwrap_or_default()
}

fn assert_hidden(place: &str, secret: &str, offset: usize, shown: &str) {
    let piece = longest_piece(shown, secret);
    assert!(piece.chars().count() < 4, "{place}, {offset} bytes of {secret:?} before the cut: `{piece}` in {shown:?}");
}

/// Carries a piece of shell out in a folder with one text for each place of the cut.
fn on_the_host(shell: &str, script: &str, secret: &str, folder: &Path) {
    let texts = folder.join("in");
    fs::create_dir(&texts).expect("made");
    for offset in 0..=secret.len() {
        let place = texts.join(offset.to_string());
        fs::create_dir(&place).expect("made");
        // Commands are cut behind 80 bytes, bodies behind 60: words of both lengths stand before the secret.
        let text = format!("{}{secret} and more\nand more, and more, and more and more", before(script, offset));
        fs::write(place.join("cmdline"), text).expect("written");
    }
    let functions =
        [include_str!("../../remote/runner/processes.sh"), include_str!("../../kinds/shell/verify.sh")].concat();
    let output = Command::new(shell)
        .args(["-c", &format!("set -u; cd \"$1\"\n{functions}\n{script}"), "sh"])
        .arg(&texts)
        .output()
        .expect("a shell");
    assert!(output.status.success() && output.stderr.is_empty(), "{script}: {output:?}");
}

/// What stands before a secret of which so many bytes come before the cut.
fn before(script: &str, offset: usize) -> String {
    let limit: usize = if script.contains("pb_begin_of") { 60 } else { 80 };
    let mut text = "daemon --token=".to_owned();
    while text.len() < limit - offset.min(limit) {
        text.insert(7, 'x');
    }
    text
}

#[test]
fn no_piece_of_a_secret_is_shown_at_any_cut() {
    for secret in SECRETS {
        let host = Host { masker: Masker::new(&[("s".to_owned(), Secret::new(*secret))]) };
        let text = format!("token={secret} end");
        for (place, cut) in HERE {
            for offset in 0..=secret.len() {
                let shown = cut(&host, text.as_bytes(), "token=".len() + offset);
                assert_hidden(place, secret, offset, &shown);
            }
        }
        for (place, script, read) in HOST {
            let folder = tempfile::tempdir().expect("a folder");
            on_the_host("sh", script, secret, folder.path());
            for offset in 0..=secret.len() {
                let said = fs::read(folder.path().join(offset.to_string())).expect("the host said it");
                let shown = read(&host, &said);
                assert_hidden(place, secret, offset, &shown);
            }
        }
    }
}
