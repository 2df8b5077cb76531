//! Text that may be shown: bytes of strangers escaped, paths as shell words.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Whether a terminal would act on this character, or show the text in another order because of it.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// What a stranger sent, at most `limit` bytes of it, with everything escaped that is not plain text.
pub(crate) fn escaped(bytes: &[u8], limit: usize) -> String {
    let cut = &bytes[..bytes.len().min(limit)];
    let mut text = String::with_capacity(cut.len());
    for chunk in cut.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\\' => text.push_str("\\\\"),
                c if c.is_ascii_control() => {
                    let _ = write!(text, "\\x{:02x}", u32::from(c));
                }
                c if is_harmful(c) => {
                    let _ = write!(text, "\\u{{{:x}}}", u32::from(c));
                }
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    if bytes.len() > limit {
        text.push('…');
    }
    text
}

/// [`escaped`] for text of several lines, on one line and without the ends of the lines.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let joined = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    escaped(joined.as_bytes(), limit)
}

/// A path as it may stand in a command line that is shown for typing: quoted only where a shell needs it.
pub(crate) fn shell_word(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%=".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(is_harmful) => format!("'{}'", text.replace('\'', r"'\''")),
        // A name like this cannot be shown and typed at once; the form that bash, zsh and ksh read back is shown.
        _ => format!("$'{}'", escaped(bytes, usize::MAX).replace('\'', r"\'")),
    }
}

/// A path for a sentence.
pub(crate) fn path(path: &Path) -> String {
    escaped(path.as_os_str().as_bytes(), 4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_on_comes_through() {
        assert_eq!(escaped(b"\x1b[31mred\x07\r\n", 100), r"\x1b[31mred\x07\r\n");
        assert_eq!(escaped(b"caf\xc3\xa9 \xff\xc2\x9b", 100), r"café \xff\u{9b}");
        assert_eq!(escaped("a\u{202e}b".as_bytes(), 100), r"a\u{202e}b");
        assert_eq!(escaped(b"abcdef", 3), "abc…");
        assert_eq!(one_line("Please\n  login\x1b \n\nas ec2-user\r\n", 100), r"Please login\x1b as ec2-user");
    }

    #[test]
    fn a_path_is_quoted_where_a_shell_needs_it() {
        for (path, word) in [
            ("keys/a.pem", "keys/a.pem"),
            ("keys/Key pair name.pem", "'keys/Key pair name.pem'"),
            ("it's", r"'it'\''s'"),
            ("~x", "'~x'"),
            ("", "''"),
            ("a\nb", r"$'a\nb'"),
        ] {
            assert_eq!(shell_word(Path::new(path)), word);
        }
    }
}
