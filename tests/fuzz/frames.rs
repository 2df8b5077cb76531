//! What a host says, by chance: every verb with right and wrong words, noise, torn frames and frames of others.

use crate::chance::Chance;

/// The nonce of the run.
pub(crate) const NONCE: &str = "00112233445566778899aabbccddeeff";

/// What stands between standard output and standard error in an input.
pub(crate) const BETWEEN: &[u8] = b"\n%% standard error %%\n";

/// Every verb with its words; `N` is a number, `W` is any word.
const BODIES: &[&str] = &[
    "hello new",
    "hello again 00112233445566778899aabbccddeeff",
    "hello over",
    "stranger W",
    "lost 0a1b2c3d",
    "stale 0a1b2c3d N",
    "unfit home unset",
    "unfit record cut off",
    "unfit memory W",
    "unfit sudo N no sudo",
    "unfit tools N curl|wget",
    "busy W W",
    "mismatch",
    "other 0a1b2c3d 00112233445566778899aabbccddeeff",
    "none",
    "gone",
    "size N",
    "aside N",
    "mixed",
    "out N",
    "out N cut",
    "run",
    "pad",
    "note session",
    "note W",
    "start N N.17",
    "so N",
    "diff N -a\n+W",
    "apply N",
    "try N N N",
    "hold N",
    "reboot N N",
    "left N W W",
    "progress N N N",
    "done N changed 0 12.34 W",
    "done N failed N 12.34 status",
    "done N unknown N",
    "end ok",
    "end failed",
    "end W",
    "sing loudly",
];
const WORDS: &[&str] = &["", "x", "\x1b[31m", "é", "\u{202e}", "-1", "a\nb", "\x1e", "pb:", "9.999", "\0"];
const NUMBERS: &[&str] = &["0", "1", "2", "3", "17", "4096", "4294967296", "18446744073709551615", "-1", ""];

fn frame(chance: &mut Chance) -> Vec<u8> {
    let body = chance.of(BODIES).replace('N', chance.of(NUMBERS)).replace('W', chance.of(WORDS));
    let nonce = if chance.one_in(15) { "ffffffffffffffffffffffffffffffff" } else { NONCE };
    let mut bytes = format!("\x1epb:{nonce} {body}").into_bytes();
    if chance.one_in(400) {
        bytes.resize(bytes.len() + (1 << 20), b'x');
    }
    if !chance.one_in(20) {
        bytes.extend(b"\x1e\n");
    }
    bytes
}

/// What a step may print, with the runner's own note before the output of a step at times.
fn noise(chance: &mut Chance) -> Vec<u8> {
    match chance.below(6) {
        0 => b"\x1e".repeat(usize::try_from(chance.below(9)).expect("small")),
        1 => format!("\x1epb:{NONCE} step {} {}\x1e\n", chance.of(NUMBERS), chance.of(NUMBERS)).into_bytes(),
        2 => vec![b'\xff'; usize::try_from(chance.below(40)).expect("small")],
        3 => "line\r\n".repeat(usize::try_from(chance.below(30)).expect("small")).into_bytes(),
        4 => NONCE.as_bytes()[..usize::try_from(chance.below(20)).expect("small")].to_vec(),
        _ => format!("{}\n", chance.of(WORDS)).into_bytes(),
    }
}

/// Both streams of a connection.
pub(crate) fn streams(chance: &mut Chance) -> Vec<u8> {
    let mut bytes = Vec::new();
    if !chance.one_in(6) {
        bytes.extend(format!("\x1epb:{NONCE} hello new\x1e\n").into_bytes());
    }
    for _ in 0..chance.below(40) {
        bytes.extend(if chance.one_in(6) { noise(chance) } else { frame(chance) });
    }
    bytes.extend(BETWEEN);
    if !chance.one_in(5) {
        bytes.extend(format!("\x1epb:{NONCE} aside {}\x1e\n", chance.of(&["1", "0", "7", ""])).into_bytes());
    }
    for _ in 0..chance.below(30) {
        bytes.extend(if chance.one_in(8) { frame(chance) } else { noise(chance) });
    }
    bytes
}

/// Standard output and standard error of an input.
pub(crate) fn apart(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        Some(at) => (&bytes[..at], &bytes[at + BETWEEN.len()..]),
        None => (bytes, &[]),
    }
}
