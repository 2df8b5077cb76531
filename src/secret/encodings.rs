//! The forms that a secret may have in output.
//!
//! Supported are the value itself, also in upper and lower case and folded; base64, base64url and base32 at every alignment,
//! wrapped or not; hexadecimal in both cases, wrapped or not; percent and form encoding; JSON; XML and HTML; single quotes,
//! `$'…'` and backslashes of shells, as `printf %q` and `set -x` write them; DOS line ends; and every line of at least 8 bytes
//! of a value with several lines. Of values of at most [`MAX_DUMPED`] bytes also: what `od`, `xxd` and `hexdump` print, in
//! groups and with the place at the start of each line, in hexadecimal, octal and characters; and what is encoded twice.
//! Not supported are compression, encryption, decimal dumps, other orders (`rev`, `tac`, rot13), and programs that split the
//! value in other ways.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::ids::hex;

/// A shorter value is not masked, because it would mask half of a log; the language refuses it as a secret.
const MIN_VALUE: usize = 4;
/// A shorter line of a value is not masked by itself: `{` and `}` alone are not secret.
const MIN_LINE: usize = 8;

/// In another case, a shorter value is not masked: it would be an ordinary word.
const MIN_CASED: usize = 8;

/// The longest value whose dumps and double encodings are masked: there are many of them.
pub(super) const MAX_DUMPED: usize = 128;

/// How many bytes a dump has in one line.
const DUMP_LINE: usize = 16;

/// A dump shows a value in pieces, one in each line. A shorter piece is not masked by itself.
const MIN_DUMPED: usize = 4;

/// The same for the characters of a piece, which may be an ordinary word.
const MIN_CHARACTERS: usize = 9;

/// The forms of one or many secrets.
#[derive(Default)]
pub(super) struct Forms {
    /// Found byte for byte.
    pub(super) exact: BTreeSet<Vec<u8>>,
    /// Found even with a line break between any two bytes.
    pub(super) wrapped: BTreeSet<Vec<u8>>,
    /// Found even with a few blanks and line breaks between any two bytes.
    pub(super) grouped: BTreeSet<Vec<u8>>,
}

impl Forms {
    /// Adds every form of a value.
    pub(super) fn add(&mut self, value: &str) {
        self.add_one(value, MIN_VALUE);
        self.add_one(value.trim(), MIN_VALUE);
        for value in [value, value.trim()] {
            if (MIN_CASED..=MAX_DUMPED).contains(&value.len()) {
                self.add_dumps(value.as_bytes());
                self.add_twice(value);
            }
        }
        if value.trim().contains(['\n', '\r']) {
            let unix = value.replace("\r\n", "\n");
            self.add_one(&unix.replace('\n', "\r\n"), MIN_VALUE);
            self.add_one(&unix, MIN_VALUE);
            for line in value.split(['\n', '\r']) {
                self.add_one(line, MIN_LINE);
                self.add_one(line.trim(), MIN_LINE);
            }
        }
    }

    fn add_one(&mut self, value: &str, min: usize) {
        if value.len() < min {
            return;
        }
        let texts =
            [value.to_owned()].into_iter().chain(json(value)).chain(xml(value)).chain(url(value)).chain(shell(value));
        self.exact.extend(texts.map(String::into_bytes).filter(|form| form.len() >= min));
        if value.len() >= MIN_CASED {
            self.exact.extend([value.to_uppercase(), value.to_lowercase()].map(String::into_bytes));
            // As `fold` prints it.
            self.wrapped.insert(value.as_bytes().to_vec());
        }
        let lower = hex(value.as_bytes());
        let texts =
            [lower.to_uppercase(), lower].into_iter().chain(base64(value.as_bytes())).chain(base32(value.as_bytes()));
        self.wrapped.extend(texts.map(String::into_bytes).filter(|form| form.len() >= min));
    }
}

impl Forms {
    /// Adds what dumps show: the value as a whole, and the pieces of it in lines of 16 bytes, wherever in a line it starts.
    fn add_dumps(&mut self, value: &[u8]) {
        self.add_dumped(value, 0);
        for start in 0..DUMP_LINE {
            let first = (DUMP_LINE - start).min(value.len());
            let (first, rest) = value.split_at(first);
            self.add_dumped(first, start);
            for line in rest.chunks(DUMP_LINE) {
                self.add_dumped(line, 0);
            }
        }
    }

    /// Adds the forms of one piece that starts at this place of its line.
    fn add_dumped(&mut self, piece: &[u8], start: usize) {
        if piece.len() < MIN_DUMPED {
            return;
        }
        let lower = hex(piece);
        let octal: String = piece.iter().map(|byte| format!("{byte:03o}")).collect();
        // `od` without a format, `od -x` and `hexdump` show words of two bytes, the second one first.
        let words: Vec<u16> =
            piece[start % 2..].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let in_words = |digits: fn(u16) -> String| words.iter().map(|word| digits(*word)).collect::<String>();
        let texts = [
            lower.to_uppercase(),
            lower,
            octal,
            in_words(|word| format!("{word:04x}")),
            in_words(|word| format!("{word:06o}")),
        ];
        self.grouped.extend(texts.map(String::into_bytes).into_iter().filter(|form| form.len() >= 2 * MIN_DUMPED));
        if piece.len() >= MIN_CHARACTERS {
            // The characters beside the dump, and those of `od -c`.
            self.exact.insert(piece.to_vec());
            self.grouped.insert(piece.to_vec());
        }
    }

    /// Adds what is encoded twice: base64, hexadecimal, base32 or percent, and base64, hexadecimal, percent or JSON around it.
    fn add_twice(&mut self, value: &str) {
        let with_line_end = format!("{value}\n");
        let mut inner = base64(value.as_bytes());
        inner.extend(base64(with_line_end.as_bytes()));
        inner.extend([hex(value.as_bytes()), hex(value.as_bytes()).to_uppercase()]);
        inner.extend(base32(value.as_bytes()));
        inner.extend(url(value).into_iter().chain(json(value)).filter(|form| form != value));
        inner.retain(|form| form.len() >= MIN_CASED);
        inner.sort();
        inner.dedup();
        for form in inner {
            let outer = base64(form.as_bytes()).into_iter().chain([hex(form.as_bytes())]);
            self.wrapped.extend(outer.map(String::into_bytes));
            let outer = url(&form).into_iter().chain(json(&form)).filter(|outer| *outer != form);
            self.exact.extend(outer.map(String::into_bytes));
        }
    }
}

/// Writes every character with this function.
fn map(value: &str, mut write: impl FnMut(char, &mut String)) -> String {
    value.chars().fold(String::new(), |mut out, c| {
        write(c, &mut out);
        out
    })
}

fn json(value: &str) -> Vec<String> {
    let escaped = |slash: bool, ascii: bool, html: bool, upper: bool| {
        map(value, |c, out| {
            let mut unit = |unit: u16| {
                let digits = if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
                out.push_str(&digits);
            };
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '/' if slash => out.push_str("\\/"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '<' | '>' | '&' if html => unit(c as u16),
                c if c < ' ' => unit(c as u16),
                c if !c.is_ascii() && ascii => c.encode_utf16(&mut [0; 2]).iter().for_each(|half| unit(*half)),
                c => out.push(c),
            }
        })
    };
    let mut forms = Vec::new();
    for choice in 0..16_u8 {
        let [slash, ascii, html, upper] = [1, 2, 4, 8].map(|bit| choice & bit != 0);
        forms.push(escaped(slash, ascii, html, upper));
    }
    forms
}

fn xml(value: &str) -> Vec<String> {
    const APOSTROPHES: [&str; 4] = ["'", "&#39;", "&apos;", "&#x27;"];
    const QUOTES: [&str; 3] = ["\"", "&quot;", "&#34;"];
    const GREATER: [&str; 2] = ["&gt;", ">"];
    let mut forms = Vec::new();
    for apostrophe in APOSTROPHES {
        for quote in QUOTES {
            for greater in GREATER {
                forms.push(map(value, |c, out| match c {
                    '&' => out.push_str("&amp;"),
                    '<' => out.push_str("&lt;"),
                    '>' => out.push_str(greater),
                    '"' => out.push_str(quote),
                    '\'' => out.push_str(apostrophe),
                    c => out.push(c),
                }));
            }
        }
    }
    forms
}

fn url(value: &str) -> Vec<String> {
    /// Besides letters and digits, encoders keep these characters: RFC 3986, RFC 3986 with paths, JavaScript's two
    /// functions, and forms.
    const KEPT: [&str; 5] = ["-._~", "-._~/", "-._~!*'()", "-._~!*'();/?:@&=+$,#", "-._*"];
    let mut forms = Vec::new();
    for kept in KEPT {
        for upper in [true, false] {
            for blank in ["%20", "+"] {
                forms.push(map(value, |c, out| match c {
                    ' ' => out.push_str(blank),
                    c if c.is_ascii_alphanumeric() || kept.contains(c) => out.push(c),
                    c => {
                        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                            let digits = if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
                            out.push_str(&digits);
                        }
                    }
                }));
            }
        }
    }
    forms
}

fn shell(value: &str) -> Vec<String> {
    /// Every shell puts a backslash before these.
    const META: &str = " \t\n!\"$&'()*;<>?[\\]^`{|}";
    let dollar = |ascii: bool| {
        map(value, |c, out| match c {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\u{1b}' => out.push_str("\\E"),
            c if c.is_ascii_control() || (ascii && !c.is_ascii()) => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    write!(out, "\\{byte:03o}").expect("writing to a string succeeds");
                }
            }
            c => out.push(c),
        })
    };
    // Which characters are quoted depends on the shell and the position: only bash quotes `~` and `#` just at the start of
    // a word, and older versions do not quote `,`.
    let backslashes = |quoted: &str, at_start: &str| {
        let mut first = true;
        map(value, |c, out| {
            if quoted.contains(c) || (std::mem::take(&mut first) && at_start.contains(c)) {
                out.push('\\');
            }
            first = false;
            out.push(c);
        })
    };
    let single = [r"'\''", "'\"'\"'"].map(|with| value.replace('\'', with));
    // A shell omits an empty pair of quotes at either end.
    let trimmed = single.clone().map(|form| form.trim_matches('\'').to_owned());
    let double = map(value, |c, out| {
        if "\"$`\\".contains(c) {
            out.push('\\');
        }
        out.push(c);
    });
    [
        dollar(false),
        dollar(true),
        backslashes(META, "~#"),
        backslashes(&format!("{META},"), "~#"),
        backslashes(&format!("{META},#~=%@+:"), ""),
        double,
    ]
    .into_iter()
    .chain(single)
    .chain(trimmed)
    .collect()
}

/// The alphabets of base64 and base64url.
const ALPHABETS: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

/// Base64 of a value after 0, 1 or 2 other bytes: the characters that depend only on the value, and for a value at the end
/// of its text also the last ones.
fn base64(value: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for alphabet in ALPHABETS {
        for shift in 0..3_usize {
            let first = (8 * shift).div_ceil(6);
            let bits = 8 * (shift + value.len());
            let mut bytes = vec![0; shift];
            bytes.extend_from_slice(value);
            let alone = encode_base64(&bytes, alphabet);
            forms.push(alone[first..bits / 6].to_owned());
            forms.push(alone[first..].to_owned());
            bytes.push(b'\n');
            forms.push(encode_base64(&bytes, alphabet)[first..].to_owned());
        }
    }
    forms
}

/// Base64 without padding.
fn encode_base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            out.push(char::from(alphabet[(word >> (18 - 6 * place) & 63) as usize]));
        }
    }
    out
}

/// Base32 of a value after 0 to 4 other bytes, in both cases: the characters that depend only on the value.
fn base32(value: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for shift in 0..5_usize {
        let bytes = [vec![0; shift], value.to_vec()].concat();
        let text = data_encoding::BASE32_NOPAD.encode(&bytes);
        let first = (8 * shift).div_ceil(5);
        let inside = text[first..8 * bytes.len() / 5].to_owned();
        forms.extend([inside.to_lowercase(), inside, text[first..].to_lowercase(), text[first..].to_owned()]);
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_encoded_correctly() {
        for (bytes, text) in
            [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("??>", "Pz8+")]
        {
            assert_eq!(encode_base64(bytes.as_bytes(), ALPHABETS[0]), text);
        }
        assert_eq!(encode_base64(b"??>", ALPHABETS[1]), "Pz8-");
    }

    #[test]
    fn short_values_and_short_lines_have_no_forms() {
        let mut forms = Forms::default();
        forms.add("abc");
        forms.add("   a  ");
        assert!(forms.exact.iter().all(|form| form.len() >= MIN_VALUE && form != b"abc" && form != b"a"));
        let mut forms = Forms::default();
        forms.add("{\nlong enough\n}");
        assert!(forms.exact.contains(b"long enough".as_slice()) && !forms.exact.contains(b"{".as_slice()));
    }
}
