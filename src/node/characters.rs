//! Characters that no text of a playbook may contain.

use crate::source::{Diagnostic, Span, is_invisible};

/// The most errors of one sort that are shown for one file.
pub(super) const MAX_DIAGNOSTICS: usize = 50;

/// What a character is that a playbook must not contain; `None` for all others.
pub(super) fn forbidden(c: char) -> Option<String> {
    match c {
        '\t' | '\n' | '\r' => None,
        '\0' => Some("a NUL byte".to_owned()),
        c if is_invisible(c) => Some(format!("the invisible character U+{:04X}", u32::from(c))),
        c if c.is_control() => Some(format!("the control character U+{:04X}", u32::from(c))),
        '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}' => Some(format!("the noncharacter U+{:04X}", u32::from(c))),
        _ => None,
    }
}

/// An error for each character that a playbook must not contain; `place` gives their spans.
pub(super) fn forbidden_characters(text: &str, place: impl Fn(usize, usize) -> Span) -> Vec<Diagnostic> {
    let clean = |b: u8| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..0x7f);
    if text.bytes().all(clean) {
        return Vec::new();
    }
    // A byte order mark at the start does not belong to the text.
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    text.char_indices()
        .filter(|(at, _)| *at >= start)
        .filter_map(|(at, c)| {
            let what = forbidden(c)?;
            Some(Diagnostic::error(place(at, c.len_utf8()), format!("{what} is not allowed in a playbook")).hint(
                if is_invisible(c) {
                    "remove it; a file on the host that needs it can come from `src:`"
                } else {
                    "remove it"
                },
            ))
        })
        .take(MAX_DIAGNOSTICS)
        .collect()
}

/// Characters that replace forbidden ones of one to four bytes, so that all others keep their places. No expression
/// can contain one of them.
pub(super) const STAND_INS: [char; 4] = ['^', '\u{ac}', char::REPLACEMENT_CHARACTER, '\u{10fffd}'];

/// The text with its forbidden characters replaced.
pub(super) fn without_forbidden(text: &str) -> String {
    let start = text.starts_with('\u{feff}');
    let stand_in = |(at, c): (usize, char)| {
        let kept = (start && at == 0) || forbidden(c).is_none();
        if kept { c } else { STAND_INS[c.len_utf8() - 1] }
    };
    text.char_indices().map(stand_in).collect()
}
