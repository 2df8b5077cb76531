//! Text that is safe to show: bytes from outside with escapes, and paths as shell words.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Whether a terminal acts on this character, or shows the text in another order because of it.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Escapes everything that is not plain text in bytes from outside; at most `limit` bytes are shown.
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

/// Escapes a text of several lines as one line, see [`escaped`].
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let joined = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    escaped(joined.as_bytes(), limit)
}

/// A path for a command that the user can type; quoted only if a shell needs it.
pub(crate) fn shell_word(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%=".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(is_harmful) => format!("'{}'", text.replace('\'', r"'\''")),
        // Such a name cannot be typed as it is; bash, zsh and ksh understand this form.
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
    fn characters_that_a_terminal_acts_on_are_escaped() {
        assert_eq!(escaped(b"\x1b[31mred\x07\r\n", 100), r"\x1b[31mred\x07\r\n");
        assert_eq!(escaped(b"caf\xc3\xa9 \xff\xc2\x9b", 100), r"café \xff\u{9b}");
        assert_eq!(escaped("a\u{202e}b".as_bytes(), 100), r"a\u{202e}b");
        assert_eq!(escaped(b"abcdef", 3), "abc…");
        assert_eq!(one_line("Please\n  login\x1b \n\nas ec2-user\r\n", 100), r"Please login\x1b as ec2-user");
    }

    #[test]
    fn a_path_is_quoted_if_a_shell_needs_it() {
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
