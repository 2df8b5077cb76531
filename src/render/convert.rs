//! Nodes against the shapes that fields want, before any variable is known; and durations.

use std::time::Duration;

use crate::kinds::Shape;
pub(crate) use crate::kinds::value::{Written, boolean, check, integer};
use crate::node::{Node, Style, Value};
use crate::source::Diagnostic;

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
    use crate::source::{Sources, Span};

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
    }
}
