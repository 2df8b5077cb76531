//! Words in what steps print: `RS NAME BODY RS newline`, like a frame, and without a nonce.
//!
//! Any program of a step can print them, so nothing that matters depends on one.

/// What stands around a frame or a word.
pub const RS: u8 = 0x1e;

/// Longer than any word.
const LONGEST: usize = 64;

/// What stands at the beginning of bytes that start with RS.
#[derive(Debug, PartialEq, Eq)]
pub enum OutputWord<T> {
    /// A word.
    Whole {
        /// What its body says.
        value: T,
        /// How many bytes it has.
        length: usize,
    },
    /// Perhaps the beginning of one.
    Cut,
    /// Something else.
    Other,
}

/// Reads the word that begins with `name` (with the blank behind it) and whose body `parse` understands.
pub fn output_word<T>(bytes: &[u8], name: &str, parse: impl Fn(&str) -> Option<T>) -> OutputWord<T> {
    let behind = bytes.get(1..).unwrap_or_default();
    let known = behind.len().min(name.len());
    if behind[..known] != name.as_bytes()[..known] {
        return OutputWord::Other;
    }
    let Some(end) = behind.windows(2).position(|pair| pair == [RS, b'\n']) else {
        return if bytes.len() < LONGEST { OutputWord::Cut } else { OutputWord::Other };
    };
    let body = behind.get(name.len()..end).and_then(|body| std::str::from_utf8(body).ok());
    body.and_then(parse).map_or(OutputWord::Other, |value| OutputWord::Whole { value, length: end + 3 })
}
