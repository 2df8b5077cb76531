//! The forms that a secret may have in output.
//!
//! Supported are the value itself, also in upper and lower case and folded; base64, base64url and base32 at every alignment,
//! wrapped or not; hexadecimal in both cases, wrapped or not; percent and form encoding; JSON; XML and HTML; single quotes,
//! `$'…'` and backslashes of shells, as `printf %q` and `set -x` write them; DOS line ends; several lines as one, or behind the
//! marks of a diff; and every line of at least 8 bytes of a value with several lines. Of values of at most [`MAX_DUMPED`] bytes
//! also: each four bytes of what `od`, `xxd` and `hexdump` print, in hexadecimal, octal and characters; and what is encoded twice.
//! Not supported are compression, encryption, decimal and binary dumps, other orders (`rev`, `tac`, rot13), and programs that
//! split the value in other ways.

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

/// A dump shows a value in pieces, one in each line. A piece of so many bytes is masked by itself, and a longer one as many of them.
const DUMPED: usize = 4;

/// How many bytes most dumps have in one line.
const DUMP_LINE: usize = 16;

/// Fewer characters of a piece are not masked where only a part of the line is of the secret: they may be an ordinary word.
const MIN_CHARACTERS: usize = 9;

/// The widths of other dumps, whose characters are masked where all of a line is of the secret.
const GUTTERS: [usize; 7] = [4, 5, 6, 7, 8, 10, 12];

/// Where in its value a line stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LinePlace {
    /// Other text may stand before it.
    First,
    Between,
    /// Other text may stand behind it.
    Last,
}

/// The forms of one or many secrets.
#[derive(Default)]
pub(super) struct Forms {
    /// Found byte for byte.
    pub(super) exact: BTreeSet<Vec<u8>>,
    /// Found even with a line break between any two bytes.
    pub(super) wrapped: BTreeSet<Vec<u8>>,
    /// Found even with a few blanks and line breaks between any two bytes.
    pub(super) grouped: BTreeSet<Vec<u8>>,
    /// Lines of values with several lines, too short to be found wherever they stand, each with its place.
    pub(super) lines: BTreeSet<(LinePlace, Vec<u8>)>,
}

impl Forms {
    /// Adds every form of a value.
    pub(super) fn add(&mut self, value: &str) {
        self.add_one(value, MIN_VALUE);
        self.add_one(value.trim(), MIN_VALUE);
        for value in [value, value.trim()] {
            if value.trim().len() >= MIN_VALUE && value.len() <= MAX_DUMPED {
                self.add_dumps(value.as_bytes());
            }
            if (MIN_CASED..=MAX_DUMPED).contains(&value.len()) {
                self.add_twice(value);
            }
        }
        if value.trim().contains(['\n', '\r']) {
            let unix = value.replace("\r\n", "\n");
            self.add_one(&unix.replace('\n', "\r\n"), MIN_VALUE);
            self.add_one(&unix, MIN_VALUE);
            self.add_joined(&unix);
            self.add_short_lines(value);
            for line in value.split(['\n', '\r']) {
                self.add_one(line, MIN_LINE);
                self.add_one(line.trim(), MIN_LINE);
            }
        }
    }

    fn add_short_lines(&mut self, value: &str) {
        let lines: Vec<&str> = value.trim().lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate() {
            let place = match at {
                0 => LinePlace::First,
                at if at + 1 == lines.len() => LinePlace::Last,
                _ => LinePlace::Between,
            };
            if (MIN_VALUE..MIN_LINE).contains(&line.len()) {
                self.lines.insert((place, line.as_bytes().to_vec()));
            }
        }
    }

    /// Adds a value with several lines as one line, as lists of processes, a shell without quotes and pinboot's own messages have it,
    /// and as a diff shows it.
    fn add_joined(&mut self, value: &str) {
        let words = value.split_whitespace().collect::<Vec<_>>().join(" ");
        let joined =
            [" ", "\r ", "\n+", "\n-", "\n ", "\r\n+", "\r\n-", "\r\n "].map(|end| value.trim().replace('\n', end));
        let dotted =
            [value.to_owned(), value.replace('\n', "\r\n")].map(|value| value.trim().replace(char::is_control, "."));
        let texts = joined.into_iter().chain(dotted).chain([words]).map(String::into_bytes);
        self.exact.extend(texts.filter(|form| form.len() >= MIN_VALUE));
    }

    fn add_one(&mut self, value: &str, min: usize) {
        if value.len() < min {
            return;
        }
        let texts =
            [value.to_owned()].into_iter().chain(json(value)).chain(xml(value)).chain(url(value)).chain(shell(value));
        self.exact.extend(texts.map(String::into_bytes).filter(|form| form.len() >= min));
        if value.len() >= MIN_CASED {
            let cased = [value.to_uppercase(), value.to_lowercase(), value.to_owned()].map(String::into_bytes);
            self.exact.extend(cased.clone());
            // As `fold` prints it.
            self.wrapped.extend(cased);
        }
        let lower = hex(value.as_bytes());
        let texts =
            [lower.to_uppercase(), lower].into_iter().chain(base64(value.as_bytes())).chain(base32(value.as_bytes()));
        self.wrapped.extend(texts.map(String::into_bytes).filter(|form| form.len() >= min));
    }
}

impl Forms {
    /// Adds what dumps show of a value, whatever their lines are: each piece of four bytes, and the characters that stand beside it.
    fn add_dumps(&mut self, value: &[u8]) {
        for piece in value.windows(DUMPED) {
            self.grouped.extend(dumped(piece).map(String::into_bytes));
            self.exact.extend([false, true].map(|named| in_columns(piece, named).into_bytes()));
        }
        let dotted: Vec<u8> =
            value.iter().map(|byte| if (b' '..=b'~').contains(byte) { *byte } else { b'.' }).collect();
        for width in GUTTERS {
            for piece in dotted.windows(width).filter(|piece| piece.iter().any(|byte| *byte != b'.')) {
                self.exact.extend(
                    [("  ", "\n"), ("|", "|"), (">", "<")]
                        .map(|(before, behind)| [before.as_bytes(), piece, behind.as_bytes()].concat()),
                );
            }
        }
        for piece in [value, &dotted] {
            self.add_characters(piece);
        }
    }

    /// Adds the characters of lines of 16 bytes, wherever in a line the value starts.
    fn add_characters(&mut self, value: &[u8]) {
        let whole = value.windows(DUMP_LINE.min(value.len()));
        let at_the_edges = (MIN_CHARACTERS..DUMP_LINE.min(value.len()))
            .flat_map(|length| [&value[..length], &value[value.len() - length..]]);
        for piece in whole.chain(at_the_edges).filter(|piece| piece.len() >= MIN_CHARACTERS) {
            if piece.iter().filter(|byte| **byte != b'.').count() >= MIN_CHARACTERS / 2 {
                self.exact.insert(piece.to_vec());
                self.grouped.insert(piece.to_vec());
            }
        }
    }

    /// Adds what is encoded twice: first in another case, as base64, base32, hexadecimal, percent or JSON, and base64, base32,
    /// hexadecimal, percent or JSON around it.
    fn add_twice(&mut self, value: &str) {
        let mut inner = vec![value.to_uppercase(), value.to_lowercase(), hex(value.as_bytes()).to_uppercase()];
        for value in [value.to_owned(), format!("{value}\n")] {
            let value = value.as_bytes();
            inner.extend(base64(value));
            // As the programs print them, in lines.
            let base64 = data_encoding::BASE64.encode(value);
            let base32 = data_encoding::BASE32.encode(value);
            inner.extend([folded(&base64, 76), folded(&base64, 64), folded(&base32, 76), folded(&hex(value), 60)]);
            inner.push(hex(value));
        }
        inner.extend(base32(value.as_bytes()));
        inner.extend(url(value).into_iter().chain(json(value)));
        inner.retain(|form| form != value && form.len() >= MIN_CASED);
        inner.sort();
        inner.dedup();
        for form in inner {
            let base32 = (0..BASE32_SHIFTS).map(|shift| base32_behind(form.as_bytes(), shift));
            let outer = base64(form.as_bytes()).into_iter().chain([hex(form.as_bytes())]).chain(base32);
            self.wrapped.extend(outer.map(String::into_bytes));
            let form = form.trim_end_matches('=');
            let outer = url(form).into_iter().chain(json(form)).filter(|outer| outer != form);
            self.exact.extend(outer.map(String::into_bytes));
        }
    }
}

/// What `od`, `xxd` and `hexdump` print of four bytes, without the blanks: in bytes, in words of two with the second one first, in
/// words of four or eight with the last one first; and with what other programs write before or between them.
fn dumped(piece: &[u8]) -> [String; 12] {
    let lower = hex(piece);
    let octal: String = piece.iter().map(|byte| format!("{byte:03o}")).collect();
    let words: Vec<u16> = piece.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let in_words = |digits: fn(u16) -> String| words.iter().map(|word| digits(*word)).collect::<String>();
    let reversed: Vec<u8> = piece.iter().rev().copied().collect();
    let each = |write: fn(u8) -> String| piece.iter().map(|byte| write(*byte)).collect::<Vec<_>>();
    [
        lower.to_uppercase(),
        lower,
        octal,
        in_words(|word| format!("{word:04x}")),
        in_words(|word| format!("{word:06o}")),
        hex(&reversed),
        each(|byte| format!("{byte:02x}")).join(":"),
        each(|byte| format!("{byte:02X}")).join(":"),
        each(|byte| format!("%{byte:02x}")).concat(),
        each(|byte| format!("%{byte:02X}")).concat(),
        each(|byte| format!("\\x{byte:02x}")).concat(),
        each(|byte| format!("0x{byte:02x}")).join(","),
    ]
}

/// What `od -c`, `hexdump -c` and, with names, `od -a` print of some bytes: each in four columns.
fn in_columns(piece: &[u8], named: bool) -> String {
    let columns = piece.iter().fold(String::new(), |out, byte| {
        let shown = match byte {
            b' ' if named => "sp".to_owned(),
            b'\n' if named => "nl".to_owned(),
            b'\t' if named => "ht".to_owned(),
            b'\r' if named => "cr".to_owned(),
            b'\n' => "\\n".to_owned(),
            b'\t' => "\\t".to_owned(),
            b'\r' => "\\r".to_owned(),
            // `od -a` leaves the highest bit out.
            byte if named && (0xa1..0xff).contains(byte) => char::from(byte & 0x7f).to_string(),
            b' '..=b'~' => char::from(*byte).to_string(),
            byte => format!("{byte:03o}"),
        };
        out + &format!("{shown:>4}")
    });
    columns.trim_start().to_owned()
}

/// A text in lines of so many characters.
fn folded(text: &str, width: usize) -> String {
    text.as_bytes().chunks(width).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n")
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
        coreutils(value, false),
        coreutils(value, true),
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

/// A name as GNU's programs quote it in their messages, without the quotes at its ends: what cannot be printed stands between `$'` and
/// `'`, outside of the other quotes.
fn coreutils(value: &str, ascii: bool) -> String {
    let mut is_escaped = false;
    let mut out = map(value, |c, out| {
        let escapes = c.is_control() || (ascii && !c.is_ascii());
        if escapes != is_escaped {
            out.push_str(if escapes { "'$'" } else { "''" });
            is_escaped = escapes;
        }
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\'' => out.push_str("'\\''"),
            c if escapes => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    write!(out, "\\{byte:03o}").expect("writing to a string succeeds");
                }
            }
            c => out.push(c),
        }
    });
    if value.starts_with(|c: char| c.is_control() || (ascii && !c.is_ascii())) {
        out = out.trim_start_matches('\'').to_owned();
    }
    out
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

/// How many alignments a value can have within base32.
const BASE32_SHIFTS: usize = 5;

/// Base32 of a value after 0 to 4 other bytes, in both alphabets and both cases: the characters that depend only on the value, and for
/// a value at the end of its text also the last one.
fn base32(value: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for shift in 0..BASE32_SHIFTS {
        let bytes = [vec![0; shift], value.to_vec()].concat();
        let first = (8 * shift).div_ceil(5);
        for text in [data_encoding::BASE32_NOPAD.encode(&bytes), data_encoding::BASE32HEX_NOPAD.encode(&bytes)] {
            let inside = text[first..8 * bytes.len() / 5].to_owned();
            forms.extend([inside.to_lowercase(), inside, text[first..].to_lowercase(), text[first..].to_owned()]);
        }
    }
    forms
}

/// Base32 of a value after so many other bytes: the characters that depend only on the value.
fn base32_behind(value: &[u8], shift: usize) -> String {
    let bytes = [vec![0; shift], value.to_vec()].concat();
    data_encoding::BASE32_NOPAD.encode(&bytes)[(8 * shift).div_ceil(5)..8 * bytes.len() / 5].to_owned()
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
