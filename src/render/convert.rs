//! Letters to booleans, numbers, modes, durations: only where a field wants one, and strictly.

use std::time::Duration;

use crate::kinds::Shape;
use crate::node::{Node, Style, Value};
use crate::source::{Diagnostic, Span};

/// Letters and how they came: what a person wrote in quotes is text even where it looks like something else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'a> {
    pub(crate) text: &'a str,
    pub(crate) quoted: bool,
    pub(crate) span: Span,
}

impl Written<'_> {
    fn refuse(self, wanted: &str) -> Diagnostic {
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
    Err(Box::new(written.refuse("a file mode").hint("three or four octal digits, such as `0644`")))
}

/// `90s`, `5m`, `1h30m`.
pub(crate) fn duration(written: Written<'_>) -> Result<Duration, Box<Diagnostic>> {
    const UNITS: [(char, u64); 3] = [('h', 3600), ('m', 60), ('s', 1)];
    let mut seconds = 0u64;
    let mut rest = written.text;
    let mut from = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let unit = rest[digits..].chars().next();
        let found = UNITS.iter().skip(from).position(|(name, _)| Some(*name) == unit).map(|at| at + from);
        let (Some(at), Ok(number)) = (found, rest[..digits].parse::<u32>()) else {
            seconds = u64::MAX;
            break;
        };
        seconds = seconds.saturating_add(u64::from(number) * UNITS[at].1);
        from = at + 1;
        rest = &rest[digits + 1..];
    }
    if written.text.is_empty() || seconds > 366 * 86400 {
        let fault = written.refuse("a duration");
        let bare = !written.text.is_empty() && written.text.bytes().all(|b| b.is_ascii_digit());
        return Err(Box::new(if bare {
            fault.hint(format!("say the unit, such as `{}s`", written.text))
        } else {
            fault.hint("such as `90s`, `5m` or `1h30m`")
        }));
    }
    Ok(Duration::from_secs(seconds))
}

/// One of some words.
pub(crate) fn one_of(written: Written<'_>, words: &[&str]) -> Result<(), Box<Diagnostic>> {
    if words.contains(&written.text) {
        return Ok(());
    }
    let list = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let fault = Diagnostic::error(written.span, format!("expected one of {list}, found `{}`", written.text))
        .label("not one of them");
    Err(Box::new(fault.did_you_mean(written.text, words.iter().copied())))
}

/// Checks letters for the shapes that want particular ones.
pub(crate) fn check(written: Written<'_>, shape: Shape) -> Result<(), Box<Diagnostic>> {
    match shape {
        Shape::Bool => boolean(written).map(drop),
        Shape::Integer => integer(written).map(drop),
        Shape::Mode => mode(written),
        Shape::OneOf(words) => one_of(written, words),
        Shape::Path | Shape::LocalPath | Shape::LocalTemplate if written.text.is_empty() => {
            Err(Box::new(Diagnostic::error(written.span, "the path is empty").label("expected a path")))
        }
        _ => Ok(()),
    }
}

/// The letters of a scalar that holds no template; otherwise nothing.
pub(crate) fn literal(node: &Node) -> Option<Written<'_>> {
    match &node.value {
        Value::Scalar { text, style } if *style == Style::Literal || !super::syntax::is_template(text) => {
            Some(Written { text, quoted: !matches!(style, Style::Plain | Style::Literal), span: node.span })
        }
        _ => None,
    }
}

/// Checks what can be said of a field's value before any variable is known.
pub(crate) fn check_node(node: &Node, shape: Shape, name: &str, faults: &mut Vec<Diagnostic>) {
    let expected = |wanted: &str| {
        let fault = Diagnostic::error(node.span, format!("`{name}`: expected {wanted}, found {}", node.shape_name()));
        match node.value {
            Value::Null => fault
                .label("nothing is written here")
                .hint("write a value, or take the key out (`\"\"` is the empty text)"),
            _ => fault.label(format!("expected {wanted}")),
        }
    };
    if node.is_broken() {
        return;
    }
    match (shape, &node.value) {
        (Shape::Any, Value::Null) => faults.push(expected("a value")),
        (Shape::Any, _) => {}
        (Shape::Texts, Value::List(items)) => {
            for item in items {
                check_node(item, Shape::Text, name, faults);
            }
        }
        (Shape::TextMap, Value::Map(entries)) => {
            for entry in entries.iter().filter(|entry| !entry.broken) {
                check_node(&entry.value, Shape::Text, &entry.key, faults);
            }
        }
        (Shape::TextMap, Value::Scalar { text, .. }) if super::syntax::is_template(text) => {}
        (Shape::TextMap, _) => faults.push(expected("a map")),
        (_, Value::Scalar { .. }) => {
            if let Some(written) = literal(node)
                && let Err(mut fault) = check(written, shape)
            {
                fault.message = format!("`{name}`: {}", fault.message);
                faults.push(*fault);
            }
        }
        (Shape::Texts, _) => faults.push(expected("a text or a list of texts")),
        (Shape::Bool, _) => faults.push(expected("`true` or `false`")),
        (Shape::Integer, _) => faults.push(expected("a number")),
        _ => faults.push(expected("text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    fn written(text: &str) -> Written<'_> {
        Written { text, quoted: false, span: Span { source: Sources::default().add("x", ""), start: 0, end: 0 } }
    }

    #[test]
    fn letters_become_values_only_where_they_are_exactly_those() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("1h30m", 5400), ("2h5s", 7205), ("0s", 0)] {
            assert_eq!(duration(written(text)).expect(text), Duration::from_secs(seconds), "{text}");
        }
        for text in ["", "90", "1m1h", "5 m", "1.5h", "s", "99999999999s", "-1s", "5M", "5µ"] {
            duration(written(text)).expect_err(text);
        }
        assert_eq!(duration(written("90")).expect_err("no unit").hint.as_deref(), Some("say the unit, such as `90s`"));
        assert!(boolean(written("true")).expect("a boolean"));
        assert_eq!(boolean(written("yes")).expect_err("not one").hint.as_deref(), Some("write `true`"));
        assert_eq!(boolean(written("Off")).expect_err("not one").hint.as_deref(), Some("write `false`"));
        boolean(Written { quoted: true, ..written("true") }).expect_err("quoted");
        assert_eq!(integer(written("3")).expect("a number"), 3);
        for text in ["", "-1", "3.0", "0x3", "99999999999999999999"] {
            integer(written(text)).expect_err(text);
        }
        integer(Written { quoted: true, ..written("3") }).expect_err("quoted");
        for (text, fits) in [("0644", true), ("755", true), ("0o644", false), ("64", false), ("0888", false)] {
            assert_eq!(mode(written(text)).is_ok(), fits, "{text}");
        }
    }
}
