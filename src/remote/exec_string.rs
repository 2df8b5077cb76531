//! The exec string: bytes that every login shell hands on unchanged to the host's `sh`.

use std::fmt::Write as _;

use crate::crc32;

/// The largest exec string that is used; a larger program goes over standard input, at the price of a round trip.
///
/// OpenSSH's limit is 131,071 bytes (Linux's for one argument); the rest is room for the login shell's own words.
pub(super) const EXEC_LIMIT: usize = 120_000;

/// The exec string: a constant that no login shell can misread, and arguments encoded so that none can either.
pub(super) fn wrap(shell: &str, words: &[&[u8]]) -> Vec<u8> {
    let encoded: Vec<String> = words.iter().map(|word| encode(word)).collect();
    wrap_encoded(shell, &encoded)
}

/// The same, of arguments that are encoded already.
pub(super) fn wrap_encoded(shell: &str, words: &[String]) -> Vec<u8> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    format!("exec {shell} -c 'p=$(printf %b \"$1\")&&eval \"$p\"' pinboot {}", quoted.join(" ")).into_bytes()
}

/// The text of an argument of `printf %b` between single quotes, so that no login shell can misread them.
///
/// Fish reads backslashes between single quotes and tcsh reads `!` and newlines there (measured), so these and the quote
/// are written in octal, with as few digits as do; a newline is `\n`.
pub(super) fn encode(bytes: &[u8]) -> String {
    let following = bytes.iter().skip(1).copied().chain([b'0']);
    let size = bytes.len() + bytes.len() / 8;
    bytes.iter().zip(following).fold(String::with_capacity(size), |mut out, (&byte, next)| {
        match byte {
            b'\n' => out.push_str("\\n"),
            b' '..=b'~' if !b"'\\!".contains(&byte) => out.push(char::from(byte)),
            // A digit that follows would be taken for one of these.
            _ if matches!(next, b'0'..=b'7') => write!(out, "\\0{byte:03o}").expect("a string takes all"),
            _ => write!(out, "\\0{byte:o}").expect("a string takes all"),
        }
        out
    })
}

/// What POSIX `cksum` prints for these bytes: CRC and size.
pub(super) fn cksum(bytes: &[u8]) -> String {
    format!("{} {}", crc32::cksum(bytes), bytes.len())
}
