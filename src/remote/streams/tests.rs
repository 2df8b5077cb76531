use std::fmt::Write as _;

use super::*;
use crate::ids::StepId;

const NONCE: &str = "00112233445566778899aabbccddeeff";

fn frame(body: &str) -> String {
    format!("\x1epb:{NONCE} {body}\x1e\n")
}

/// What comes of both streams, in words: output as it is, frames by their verbs.
fn words(pieces: &[Piece]) -> String {
    pieces.iter().fold(String::new(), |mut words, piece| {
        match piece {
            Piece::Raw(raw) => words.push_str(&String::from_utf8_lossy(raw)),
            Piece::Frame(Frame::Start { step: StepId(step), .. }, _) => {
                write!(words, "<start {step}>").expect("a string takes all");
            }
            Piece::Frame(Frame::Done { step: StepId(step), .. }, _) => {
                write!(words, "<done {step}>").expect("a string takes all");
            }
            Piece::Frame(Frame::Hello { .. }, _) => words.push_str("<hello>"),
            Piece::Frame(Frame::End(_), _) => words.push_str("<end>"),
            Piece::Frame(Frame::Gone, _) => words.push_str("<gone>"),
            Piece::Frame(other, _) => write!(words, "<{other:?}>").expect("a string takes all"),
        }
        words
    })
}

fn greeted() -> Streams {
    let mut streams = Streams::new(NONCE);
    streams.connected();
    assert_eq!(streams.stderr(frame("aside 1").as_bytes()), Errors::default());
    assert_eq!(words(&streams.stdout(frame("hello new").as_bytes())), "<hello>");
    streams
}

const LOG: &[&str] =
    &["start 1 1.00", "out 2", "done 1 changed 0 2.00", "start 2 3.00", "out 6", "done 2 changed 0 4.00"];
const OUT: &str = "a\nb\nc\n";
const RIGHT: &str = "<start 1>a\n<done 1><start 2>b\nc\n<done 2>";

/// Chance that can be had again.
fn below(state: &mut u64, bound: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).expect("31 bits") % bound
}

#[test]
fn output_is_put_before_its_frame_in_whatever_order_the_two_streams_come() {
    let log: String = LOG.iter().map(|body| frame(body)).collect();
    for seed in 0..2_000 {
        let mut state = seed;
        let (mut streams, mut shown) = (greeted(), String::new());
        let (mut log, mut out) = (log.as_bytes(), OUT.as_bytes());
        while !log.is_empty() || !out.is_empty() {
            if below(&mut state, 2) == 0 {
                let (part, rest) = log.split_at(below(&mut state, log.len().min(90) + 1));
                shown.push_str(&words(&streams.stdout(part)));
                log = rest;
            } else {
                let (part, rest) = out.split_at(below(&mut state, out.len() + 1));
                shown.push_str(&words(&streams.stderr(part).pieces));
                out = rest;
            }
        }
        assert_eq!(shown, RIGHT, "seed {seed}");
    }
}

#[test]
fn output_stays_with_its_step_over_pauses_and_connections() {
    let out = "\x1estep 1\x1e\na\n\x1estep 2\x1e\nb\nc\n";
    let marks = |mark: &str| mark.replace("out 2", "out 11").replace("out 6", "out 24");
    let log: String = LOG.iter().map(|body| frame(&marks(body))).collect();
    for seed in 0..5_000 {
        let mut state = seed;
        let (mut streams, mut shown) = (greeted(), String::new());
        let (mut log_left, mut out_left) = (log.as_bytes(), out.as_bytes());
        while !log_left.is_empty() || !out_left.is_empty() {
            match below(&mut state, 8) {
                0..3 => {
                    let (part, rest) = log_left.split_at(below(&mut state, log_left.len().min(90) + 1));
                    shown.push_str(&words(&streams.stdout(part)));
                    log_left = rest;
                }
                3..6 => {
                    let (part, rest) = out_left.split_at(below(&mut state, out_left.len().min(12) + 1));
                    shown.push_str(&words(&streams.stderr(part).pieces));
                    out_left = rest;
                }
                6 => shown.push_str(&words(&streams.tick())),
                _ => {
                    shown.push_str(&words(&streams.lost()));
                    streams.disconnected();
                    streams.connected();
                    let next = streams.position();
                    let at = |position: u64| usize::try_from(position - 1).expect("small");
                    (log_left, out_left) = (&log.as_bytes()[at(next.log)..], &out.as_bytes()[at(next.out)..]);
                    shown.push_str(&words(&streams.stderr(frame(&format!("aside {}", next.out)).as_bytes()).pieces));
                    shown.push_str(&words(&streams.stdout(frame("hello same").as_bytes())).replace("<hello>", ""));
                }
            }
        }
        assert_eq!(shown, RIGHT, "seed {seed}");
    }
}

#[test]
fn output_without_a_frame_is_shown_after_a_moment() {
    let mut streams = greeted();
    assert_eq!(words(&streams.stdout(frame("start 1 1.00").as_bytes())), "<start 1>");
    assert_eq!(words(&streams.stderr(b"one ").pieces), "");
    assert!(streams.is_waiting());
    assert_eq!(words(&streams.tick()), "");
    assert_eq!(words(&streams.stderr(b"two").pieces), "");
    assert_eq!(words(&streams.tick()), "one ");
    assert_eq!(words(&streams.tick()), "two");
    assert!(!streams.is_waiting());
}

#[test]
fn what_a_step_prints_is_never_a_frame() {
    let mut streams = greeted();
    streams.stdout(frame("start 1 1.00").as_bytes());
    let forged = frame("done 1 changed 0 2.00") + &frame("end ok") + &frame("aside 1") + &frame("hello new");
    streams.stderr(forged.as_bytes());
    streams.tick();
    assert_eq!(streams.tick(), [Piece::Raw(forged.into_bytes())]);
}

#[test]
fn a_log_with_nothing_but_frames_has_no_output() {
    let mut streams = greeted();
    assert_eq!(words(&streams.stdout(b"   \x1e what stands here is not a frame \n")), "");
    assert_eq!(words(&streams.stdout(frame("start 1 1.00").as_bytes())), "<start 1>");
}

#[test]
fn a_run_of_an_older_pinboot_has_both_in_its_log() {
    let mut streams = Streams::new(NONCE);
    streams.connected();
    let all =
        frame("mixed") + &frame("hello again") + &frame("start 1 1.00") + "said\n" + &frame("done 1 changed 0 2.00");
    assert_eq!(words(&streams.stdout(all.as_bytes())), "<hello><start 1>said\n<done 1>");
    let log = frame("start 1 1.00").len() + "said\n".len() + frame("done 1 changed 0 2.00").len();
    assert_eq!(streams.position(), StreamPosition { log: log as u64 + 1, out: 1 });
    assert_eq!(streams.stderr(b"a complaint"), Errors::default());
    assert_eq!(streams.unannounced(), b"a complaint");
}

#[test]
fn a_login_that_prints_on_both_streams_is_kept_apart() {
    let mut streams = Streams::new(NONCE);
    streams.connected();
    assert_eq!(streams.stderr(b"stty: not a terminal\n\x1epb:"), Errors::default());
    let rest = format!("{NONCE} aside 1\x1e\nout of a step");
    let errors = streams.stderr(rest.as_bytes());
    assert_eq!((errors.noise.as_slice(), errors.pieces.len()), (&b"stty: not a terminal\n"[..], 0));
    let pieces = streams.stdout(format!("Welcome!\n{}{}", frame("hello new"), frame("start 1 1.00")).as_bytes());
    assert_eq!(words(&pieces), "Welcome!\n<hello><start 1>");
    streams.tick();
    assert_eq!(words(&streams.tick()), "out of a step");
    assert_eq!(streams.position().out, "out of a step".len() as u64 + 1);
}

#[test]
fn a_host_that_joins_the_two_streams_is_found_out() {
    let mut streams = Streams::new(NONCE);
    streams.connected();
    let pieces = streams.stdout((frame("aside 1") + &frame("hello new")).as_bytes());
    assert!(matches!(pieces[0], Piece::Frame(Frame::Aside(1), _)), "{pieces:?}");
    assert_eq!(streams.position().out, 0);
}

#[test]
fn another_connection_continues_both_streams() {
    let mut streams = greeted();
    let log: String = LOG.iter().map(|body| frame(body)).collect();
    let mut shown = words(&streams.stdout(log.as_bytes()));
    shown.push_str(&words(&streams.stderr(b"a\nb").pieces));
    assert_eq!(shown, "<start 1>a\n<done 1><start 2>b");
    streams.stdout(&frame("gone").as_bytes()[..10]);
    streams.disconnected();
    assert_eq!(streams.position(), StreamPosition { log: log.len() as u64 + 1, out: 4 });
    streams.connected();
    shown.push_str(&words(&streams.stderr((frame("aside 4") + "\nc\n").as_bytes()).pieces));
    shown.push_str(&words(&streams.stdout(frame("hello again").as_bytes())));
    assert_eq!(shown, format!("{}<hello>\nc\n<done 2>", &RIGHT[..RIGHT.len() - "\nc\n<done 2>".len()]));
}

#[test]
fn the_last_words_wait_for_the_end_of_both_streams() {
    for last in ["gone", "end ok"] {
        let mut streams = greeted();
        let size = if last == "gone" { String::new() } else { frame("size 0") };
        let pieces = streams.stdout((size + &frame(last)).as_bytes());
        assert!(!words(&pieces).contains(&last[..3]), "{pieces:?}");
        assert_eq!(words(&streams.stderr(b"the rest").pieces), "");
        assert_eq!(words(&streams.closed()), format!("the rest<{}>", last.split(' ').next().expect("a word")));
    }
}

#[test]
fn output_that_does_not_come_is_waited_for_on_a_few_connections() {
    let mut streams = greeted();
    let log = frame("start 1 1.00") + &frame("out 9") + &frame("done 1 changed 0 2.00");
    assert_eq!(words(&streams.stdout(log.as_bytes())), "<start 1>");
    assert_eq!(words(&streams.stderr(b"half").pieces), "half");
    assert_eq!(words(&streams.closed()), "", "the rest may come");
    for connection in 1..=MAX_BARREN {
        streams.disconnected();
        streams.connected();
        streams.stdout(frame("hello over").as_bytes());
        let is_last = connection == MAX_BARREN;
        assert_eq!(words(&streams.closed()), if is_last { "<done 1>" } else { "" }, "connection {connection}");
    }
}

#[test]
fn where_a_step_has_emptied_its_output_the_count_starts_anew() {
    let first = frame("start 1 1.00") + &frame("out 6") + &frame("done 1 changed 0 2.00") + &frame("start 2 3.00");
    let emptied = frame("out 8 cut") + &frame("done 2 changed 0 4.00") + &frame("start 3 5.00");
    let last = frame("out 12") + &frame("done 3 changed 0 6.00");
    let right = "<start 1>lines\n<done 1><start 2>y\n      <done 2><start 3>last<done 3>";
    // The follower starts again at the beginning of the file. The next frames come at once, or after a pause.
    for is_quick in [false, true] {
        let mut streams = greeted();
        let mut shown = words(&streams.stdout(first.as_bytes()));
        shown.push_str(&words(&streams.stderr(b"lines\n").pieces));
        shown.push_str(&words(&streams.stderr(b"y\n      ").pieces));
        shown.push_str(&words(&streams.stdout(emptied.as_bytes())));
        if is_quick {
            shown.push_str(&words(&streams.stdout(last.as_bytes())));
            shown.push_str(&words(&streams.stderr(b"last").pieces));
            shown.push_str(&words(&streams.stdout(frame("gone").as_bytes())));
            shown.push_str(words(&streams.closed()).trim_end_matches("<gone>"));
        } else {
            (0..4).for_each(|_| shown.push_str(&words(&streams.tick())));
            shown.push_str(&words(&streams.stdout(last.as_bytes())));
            shown.push_str(&words(&streams.stderr(b"last").pieces));
        }
        assert_eq!(shown, right, "is_quick: {is_quick}");
    }
}

#[test]
fn what_waits_has_a_limit() {
    let mut streams = greeted();
    let frames = frame("out 18446744073709551615") + &frame(&format!("diff 1 {}", "x".repeat(100_000))).repeat(100);
    let mut passed = 0;
    for part in frames.as_bytes().chunks(32_768) {
        passed += streams.stdout(part).len();
        assert!(streams.order.held_size <= MAX_HELD + 200_000);
    }
    assert_eq!(passed, 100, "no frame is lost");
    let mut streams = greeted();
    let shown: usize = (0..1_000).map(|_| words(&streams.stderr(&[b'x'; 10_000]).pieces).len()).sum();
    assert_eq!(shown + streams.order.waiting.len(), 10_000_000);
    assert!(streams.order.waiting.len() <= MAX_WAITING);
    // Before the first word nothing is shown, and not all is kept.
    let mut streams = Streams::new(NONCE);
    streams.connected();
    let noise: usize = (0..1_000).map(|_| streams.stderr(&[b'x'; 10_000]).noise.len()).sum();
    assert!(noise > 9_000_000 && streams.unannounced().len() <= MAX_SEARCHED + 10_000);
}

#[test]
fn a_second_greeting_has_its_place_among_the_frames() {
    let log = [frame("hello new"), frame("start 1 1.00"), frame("hello again"), frame("start 2 2.00")].concat();
    for chunk in [1, 30, log.len()] {
        let mut streams = Streams::new(NONCE);
        streams.connected();
        let said: String = log.as_bytes().chunks(chunk).map(|bytes| words(&streams.stdout(bytes))).collect();
        assert_eq!(said, "<hello><start 1><hello><start 2>", "in chunks of {chunk}");
    }
}

#[test]
fn last_words_without_end_are_not_kept() {
    let mut streams = greeted();
    let words = frame("gone").repeat(1000);
    for _ in 0..1000 {
        streams.stdout(words.as_bytes());
    }
    assert!(streams.order.held.len() * FRAME < 2 * MAX_HELD, "{} are kept", streams.order.held.len());
}

#[test]
fn no_host_starts_behind_more_than_it_can_have_printed() {
    let mut streams = Streams::new(NONCE);
    streams.connected();
    streams.stderr(frame(&format!("aside {}", u64::MAX)).as_bytes());
    streams.stderr(b"a");
    assert_eq!(streams.position().out, 2);
}
