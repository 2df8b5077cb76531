//! From written text to booleans, numbers and file modes: only where a field wants one, and strictly.

use super::Shape;
use super::field::instead_of;
use crate::source::{Diagnostic, Span};

/// A text and how it was written: what a person wrote in quotes is text even where it looks like something else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'a> {
    pub(crate) text: &'a str,
    pub(crate) quoted: bool,
    pub(crate) span: Span,
}

impl Written<'_> {
    /// The diagnostic for a value that is something else.
    pub(crate) fn refuse(self, wanted: &str) -> Diagnostic {
        let found = if self.quoted && !self.text.is_empty() { "text in quotes" } else { "text" };
        Diagnostic::error(self.span, format!("expected {wanted}, found {found}")).label(format!("expected {wanted}"))
    }
}

/// `true` or `false`.
pub(crate) fn boolean(written: Written<'_>) -> Result<bool, Box<Diagnostic>> {
    match (written.text, written.quoted) {
        ("true", false) => Ok(true),
        ("false", false) => Ok(false),
        (text, quoted) => {
            let fault = written.refuse("`true` or `false`");
            Err(Box::new(match text.to_ascii_lowercase().as_str() {
                "true" | "false" if quoted => fault.hint("take the quotes away"),
                "yes" | "on" | "y" | "true" | "1" => fault.hint("write `true`"),
                "no" | "off" | "n" | "false" | "0" => fault.hint("write `false`"),
                _ => fault,
            }))
        }
    }
}

/// A whole number from 0 on.
pub(crate) fn integer(written: Written<'_>) -> Result<u64, Box<Diagnostic>> {
    let digits = !written.text.is_empty() && written.text.bytes().all(|b| b.is_ascii_digit());
    if !digits || written.quoted {
        let fault = written.refuse("a number");
        return Err(Box::new(if digits { fault.hint("take the quotes away") } else { fault }));
    }
    let too_large = |_| Diagnostic::error(written.span, format!("the number {} is too large", written.text));
    written.text.parse().map_err(|error: std::num::ParseIntError| Box::new(too_large(error)))
}

/// The octal digits of a file mode.
pub(crate) fn mode(written: Written<'_>) -> Result<(), Box<Diagnostic>> {
    let fits = matches!(written.text.len(), 3 | 4) && written.text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    if fits {
        return Ok(());
    }
    let invalid = Diagnostic::error(written.span, format!("invalid file mode `{}`", written.text));
    Err(Box::new(invalid.label("expected a file mode").hint("three or four octal digits, such as `0644`")))
}

/// One of some words.
pub(crate) fn one_of(written: Written<'_>, words: &[&str]) -> Result<(), Box<Diagnostic>> {
    if words.contains(&written.text) {
        return Ok(());
    }
    let list = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let fault = Diagnostic::error(written.span, format!("expected one of {list}, found `{}`", written.text))
        .label("not one of them");
    Err(Box::new(match instead_of(words, written.text) {
        Some(instead) => fault.hint(instead),
        None => fault.did_you_mean(written.text, words.iter().copied()),
    }))
}

/// Where a shell would read a variable or a command in a text.
pub(crate) fn variable_in(text: &str) -> Option<usize> {
    let starts = |at: usize| text[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || "_{(".contains(c));
    text.match_indices('$').map(|(at, _)| at).find(|at| starts(*at))
}

/// What a shell would make something else of: a variable, a command, or the home of another user.
fn unexpanded(path: &str) -> Option<String> {
    if let Some(at) = variable_in(path) {
        return Some(path[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || "$_{(".contains(*c)).collect());
    }
    let user = path.strip_prefix('~')?.split('/').next().filter(|user| !user.is_empty())?;
    Some(format!("~{user}"))
}

/// Checks a text for the shapes that accept only some.
pub(crate) fn check(written: Written<'_>, shape: Shape) -> Result<(), Box<Diagnostic>> {
    match shape {
        Shape::Bool => boolean(written).map(drop),
        Shape::Integer => integer(written).map(drop),
        Shape::Mode => mode(written),
        Shape::OneOf(words) => one_of(written, words),
        Shape::Path | Shape::LocalPath | Shape::LocalTree | Shape::LocalTemplate | Shape::LocalTarget
            if written.text.is_empty() =>
        {
            Err(Box::new(Diagnostic::error(written.span, "the path is empty").label("expected a path")))
        }
        Shape::Path if let Some(shown) = unexpanded(written.text) => {
            let fault = Diagnostic::error(written.span, format!("`{shown}` stays as it is: a path is taken literally"));
            Err(Box::new(fault.label("no shell reads it").hint(
                "write `~/…` for the home of the user that the step runs as, `{{ name }}` for a variable of the playbook, \
                 or the path itself",
            )))
        }
        Shape::Path if written.text.contains('\n') => {
            let fault = Diagnostic::error(written.span, "the path holds a line feed").label("expected one line");
            Err(Box::new(fault.hint("with `|` a text ends in a line feed; write the path in the line of its field")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    #[test]
    fn text_becomes_a_value_only_where_it_is_exactly_one() {
        let written = |text: &'static str| Written {
            text,
            quoted: false,
            span: Span { source: Sources::default().add("x", ""), start: 0, end: 0 },
        };
        assert!(boolean(written("true")).expect("a boolean"));
        assert_eq!(boolean(written("yes")).expect_err("not one").hint.as_deref(), Some("write `true`"));
        assert_eq!(boolean(written("Off")).expect_err("not one").hint.as_deref(), Some("write `false`"));
        boolean(Written { quoted: true, ..written("true") }).expect_err("quoted");
        assert_eq!(integer(written("3")).expect("a number"), 3);
        for text in ["", "-1", "3.0", "0x3", "99999999999999999999"] {
            integer(written(text)).expect_err(text);
        }
        integer(Written { quoted: true, ..written("3") }).expect_err("quoted");
        for (path, shown) in [
            ("$HOME/x", Some("$HOME")),
            ("/a/${b}/c", Some("${b")),
            ("$(id)", Some("$(id")),
            ("~joe/x", Some("~joe")),
            ("~", None),
            ("~/x", None),
            ("a~b", None),
            ("/a/$", None),
            ("/a/5$ 1$", None),
        ] {
            assert_eq!(unexpanded(path).as_deref(), shown, "{path}");
            assert_eq!(check(written(path), Shape::Path).is_err(), shown.is_some(), "{path}");
        }
        for (text, fits) in [("0644", true), ("755", true), ("0o644", false), ("64", false), ("0888", false)] {
            assert_eq!(mode(written(text)).is_ok(), fits, "{text}");
        }
    }
}
