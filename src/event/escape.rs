//! What a host printed, as text that can do nothing to a terminal or to a reader's eyes.

use std::fmt::Write as _;

/// The longest piece of one line that is held back; a longer one is given out in parts.
const MAX_HELD: usize = 8 * 1024;

/// Whether a character may stand in a terminal or a journal as it is, within one line.
///
/// Unsafe are controls (C0, DEL, C1), what turns the direction of writing, what has no width, and line separators.
pub fn is_safe(c: char) -> bool {
    !matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'
        | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fdd0}'..='\u{fdef}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Writes a piece of output as safe text: see [`Escaper`].
pub fn escape(bytes: &[u8]) -> String {
    let mut escaper = Escaper::default();
    let mut text = escaper.push(bytes);
    text.push_str(&escaper.finish());
    text
}

/// Turns the bytes that a host prints into safe text, chunk by chunk, whatever the cuts between the chunks.
///
/// Line feeds and tabs stay. Bytes that are not UTF-8 become `\xff`, unsafe characters (see [`is_safe`]) `\x1b` or
/// `\u{202e}`. Of a line that was overwritten after a carriage return (a progress bar) only the last state is kept;
/// for that, a line is given out when it has ended. [`Escaper::flush`] gives out what is there of it so far.
#[derive(Debug, Default)]
pub struct Escaper {
    /// The first bytes of a character whose others have not come yet.
    partial: Vec<u8>,
    /// The line so far, already safe.
    line: String,
    /// A carriage return was the last thing that came.
    returned: bool,
    /// A part of the line has been given out and cannot be taken back.
    given: bool,
}

impl Escaper {
    /// Takes the next bytes and gives the lines that they end.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        let joined;
        let mut rest = if self.partial.is_empty() {
            bytes
        } else {
            joined = [std::mem::take(&mut self.partial).as_slice(), bytes].concat();
            joined.as_slice()
        };
        let mut out = String::new();
        while !rest.is_empty() {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    self.text(text, &mut out);
                    break;
                }
                Err(error) => {
                    let (valid, behind) = rest.split_at(error.valid_up_to());
                    self.text(std::str::from_utf8(valid).unwrap_or_default(), &mut out);
                    if let Some(length) = error.error_len() {
                        self.raw(&behind[..length], &mut out);
                        rest = &behind[length..];
                    } else {
                        self.partial.extend_from_slice(behind);
                        break;
                    }
                }
            }
        }
        out
    }

    /// Gives out what is there of a line that has not ended (a prompt, `Waiting...`).
    pub fn flush(&mut self) -> String {
        self.given |= !self.line.is_empty();
        std::mem::take(&mut self.line)
    }

    /// Ends the output: gives out everything that is still held.
    pub fn finish(&mut self) -> String {
        let mut out = String::new();
        let partial = std::mem::take(&mut self.partial);
        self.raw(&partial, &mut out);
        out.push_str(&std::mem::take(&mut self.line));
        *self = Self::default();
        out
    }

    fn text(&mut self, text: &str, out: &mut String) {
        for c in text.chars() {
            match c {
                '\n' => {
                    out.push_str(&self.line);
                    out.push('\n');
                    self.line.clear();
                    (self.returned, self.given) = (false, false);
                }
                '\r' => self.returned = true,
                '\t' => self.shown(out, |line| line.push('\t')),
                c if is_safe(c) => self.shown(out, |line| line.push(c)),
                c if c.is_ascii() => {
                    self.shown(out, |line| write!(line, "\\x{:02x}", u32::from(c)).expect("a string takes all"));
                }
                c => self.shown(out, |line| write!(line, "\\u{{{:x}}}", u32::from(c)).expect("a string takes all")),
            }
        }
    }

    fn raw(&mut self, bytes: &[u8], out: &mut String) {
        for byte in bytes {
            self.shown(out, |line| write!(line, "\\x{byte:02x}").expect("a string takes all"));
        }
    }

    /// Adds to the line, which a carriage return before it has emptied.
    fn shown(&mut self, out: &mut String, add: impl FnOnce(&mut String)) {
        if std::mem::take(&mut self.returned) {
            self.line.clear();
            if std::mem::take(&mut self.given) {
                out.push('\n');
            }
        }
        add(&mut self.line);
        if self.line.len() >= MAX_HELD {
            out.push_str(&self.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: &[(&[u8], &str)] = &[
        (b"plain\n\ttext", "plain\n\ttext"),
        ("größe ✓ 語\n".as_bytes(), "größe ✓ 語\n"),
        (b"\x1b[31mred\x1b[0m\x07\x08\x00\x7f\n", "\\x1b[31mred\\x1b[0m\\x07\\x08\\x00\\x7f\n"),
        (b"\xff\xc3(\xe2\x82\n\x9b", "\\xff\\xc3(\\xe2\\x82\n\\x9b"),
        (b"half \xe2\x82", "half \\xe2\\x82"),
        ("\u{9b}\u{202e}\u{200b}\u{feff}\u{2028}".as_bytes(), "\\u{9b}\\u{202e}\\u{200b}\\u{feff}\\u{2028}"),
        (b"dos\r\nline\r\r\n", "dos\nline\n"),
        (b" 1%\r 50%\r100%\ndone", "100%\ndone"),
        (b"last\r", "last"),
        (b"10%\r\xff", "\\xff"),
    ];

    #[test]
    fn nothing_that_acts_gets_through() {
        for (bytes, text) in CASES {
            assert_eq!(escape(bytes), *text, "{bytes:?}");
        }
        let everything: Vec<u8> = (0..=0xffff_u32).flat_map(|n| n.to_le_bytes()[..2].to_vec()).collect();
        assert!(escape(&everything).chars().all(|c| is_safe(c) || c == '\n' || c == '\t'));
    }

    #[test]
    fn cuts_between_chunks_change_nothing() {
        for (bytes, text) in CASES {
            for first in 0..=bytes.len() {
                for second in first..=bytes.len() {
                    let mut escaper = Escaper::default();
                    let mut out = escaper.push(&bytes[..first]);
                    out += &escaper.push(&bytes[first..second]);
                    out += &escaper.push(&bytes[second..]);
                    out += &escaper.finish();
                    assert_eq!(out, *text, "{bytes:?} cut at {first} and {second}");
                }
            }
        }
    }

    #[test]
    fn a_line_that_was_given_out_in_part_is_not_joined_with_what_overwrites_it() {
        let mut escaper = Escaper::default();
        assert_eq!(escaper.push(b"Waiting"), "");
        assert_eq!(escaper.flush(), "Waiting");
        assert_eq!(escaper.push(b"\rReady\n"), "\nReady\n");
        assert_eq!(escaper.push(&vec![b'x'; 3 * MAX_HELD + 5]).len(), 3 * MAX_HELD);
        assert_eq!(escaper.finish(), "xxxxx");
    }
}
