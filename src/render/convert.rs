//! Nodes against the shapes that fields need, before any variable has a value; durations and counts.

use std::time::Duration;

use super::syntax::{self, Segment, is_template};
use crate::kinds::Shape;
pub(crate) use crate::kinds::value::{Written, boolean, check, integer, variable_in};
use crate::node::{Entry, Node, ScalarStyle, Value};
use crate::source::{Diagnostic, Span};

/// A duration such as `90s`, `5m` or `1h30m`; `zero` says whether it may be `0s`.
pub(crate) fn duration(written: Written<'_>, zero: bool) -> Result<Duration, Box<Diagnostic>> {
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
        let error = written.refuse("a duration");
        let bare = !written.text.is_empty() && written.text.bytes().all(|b| b.is_ascii_digit());
        return Err(Box::new(if bare {
            error.hint(format!("add the unit, such as `{}s`", written.text))
        } else {
            error.hint("such as `90s`, `5m` or `1h30m`")
        }));
    }
    if seconds == 0 && !zero {
        return Err(Box::new(Diagnostic::error(written.span, "the duration is zero").label("expected more than `0s`")));
    }
    Ok(Duration::from_secs(seconds))
}

/// A whole number up to `most`.
pub(crate) fn count(written: Written<'_>, most: u32) -> Result<u32, Box<Diagnostic>> {
    let number = integer(written)?;
    u32::try_from(number).ok().filter(|number| *number <= most).ok_or_else(|| {
        let error = Diagnostic::error(written.span, format!("the number {number} is too large"));
        Box::new(error.label(format!("{most} at most")))
    })
}

/// The text of a scalar without templates; otherwise nothing.
pub(crate) fn literal(node: &Node) -> Option<Written<'_>> {
    match &node.value {
        Value::Scalar { text, style } if *style == ScalarStyle::Literal || !is_template(text) => {
            Some(Written { text, quoted: !matches!(style, ScalarStyle::Plain | ScalarStyle::Literal), span: node.span })
        }
        _ => None,
    }
}

/// Checks that a value may be an expression.
pub(crate) fn check_expression(node: &Node, name: &str, diagnostics: &mut Vec<Diagnostic>) {
    match &node.value {
        Value::Broken { .. } => {}
        Value::Scalar { text, style } if is_template(text) && *style != ScalarStyle::Literal => {
            let bare = text.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
            let error = Diagnostic::error(node.span, format!("`{name}` is already an expression"))
                .label("braces are not allowed here");
            diagnostics.push(if is_template(bare) { error } else { error.hint(format!("write `{name}: {bare}`")) });
        }
        Value::Scalar { text, .. } if !text.trim().is_empty() => {}
        _ => {
            let message = format!("`{name}`: expected an expression, found {}", node.shape_name());
            diagnostics.push(Diagnostic::error(node.span, message).label("expected an expression"));
        }
    }
}

/// Checks what can be said of a field's value before any variable has a value.
pub(crate) fn check_node(node: &Node, shape: Shape, name: &str, diagnostics: &mut Vec<Diagnostic>) {
    let expected = |what: &str| {
        let error = Diagnostic::error(node.span, format!("`{name}`: expected {what}, found {}", node.shape_name()));
        match node.value {
            Value::Null => {
                error.label("there is no value").hint("write a value, or remove the key (`\"\"` is the empty text)")
            }
            _ => error.label(format!("expected {what}")),
        }
    };
    if node.is_broken() {
        return;
    }
    match (shape, &node.value) {
        (Shape::List(_), Value::Null) => diagnostics.push(expected("a value")),
        (Shape::List(_), _) => {}
        (Shape::Texts, Value::List(items)) => {
            for item in items {
                check_node(item, Shape::Text, name, diagnostics);
            }
        }
        (Shape::Conditions, Value::List(items)) => {
            for item in items {
                check_expression(item, name, diagnostics);
            }
        }
        (Shape::Conditions, _) => check_expression(node, name, diagnostics),
        (Shape::Steps, Value::List(items)) => {
            for item in items {
                check_node(item, shape, name, diagnostics);
            }
        }
        (Shape::Steps, Value::Scalar { text, .. }) if is_template(text) => diagnostics.push(
            Diagnostic::error(node.span, format!("`{name}` cannot contain a template"))
                .hint("give that step an `id:`, and write the id here"),
        ),
        (Shape::Steps, Value::Scalar { text, .. }) if text.is_empty() => {
            diagnostics
                .push(Diagnostic::error(node.span, format!("`{name}` is empty")).label("expected the name of a step"));
        }
        (Shape::TextMap, Value::Map(entries)) => {
            for entry in entries.iter().filter(|entry| !entry.broken) {
                check_node(&entry.value, Shape::Text, &entry.key, diagnostics);
            }
        }
        (Shape::Values, Value::Map(entries)) => {
            for entry in entries.iter().filter(|entry| !entry.broken) {
                check_value(entry, diagnostics);
            }
        }
        (Shape::TextMap | Shape::Values, Value::Scalar { text, .. }) if is_template(text) => {}
        (Shape::TextMap | Shape::Values, _) => diagnostics.push(expected("a map")),
        (_, Value::Scalar { .. }) => {
            if let Some(written) = literal(node)
                && let Err(mut error) = check(written, shape)
            {
                error.message = format!("`{name}`: {}", error.message);
                diagnostics.push(*error);
            }
        }
        (Shape::Texts | Shape::Steps, _) => diagnostics.push(expected("a text or a list of texts")),
        (Shape::Bool, _) => diagnostics.push(expected("`true` or `false`")),
        (Shape::Integer, _) => diagnostics.push(expected("a number")),
        _ => diagnostics.push(expected("text")),
    }
}

/// Checks the value of an environment variable: a text, or how it is put together with what is there.
fn check_value(entry: &Entry, diagnostics: &mut Vec<Diagnostic>) {
    let name = &entry.key;
    let Value::Map(form) = &entry.value.value else {
        check_node(&entry.value, Shape::Text, name, diagnostics);
        return no_variable(name, &entry.value, diagnostics);
    };
    match form.as_slice() {
        [one] if one.key == "prepend" || one.key == "value" => {
            check_node(&one.value, Shape::Text, &one.key, diagnostics);
            if one.key == "prepend" {
                no_variable(name, &one.value, diagnostics);
            }
            if one.value.as_text() == Some("") && one.key == "prepend" {
                diagnostics.push(Diagnostic::error(one.value.span, "`prepend` is empty").label("expected text"));
            }
        }
        _ => diagnostics.push(
            Diagnostic::error(entry.value.span, format!("`{name}`: expected a text or `{{ prepend: TEXT }}`"))
                .hint(format!("write `{name}: {{ prepend: ~/bin }}` to put a folder in front of what is there")),
        ),
    }
}

/// Refuses what the author most likely means as the value of another variable: every value is taken as it is.
pub(crate) fn no_variable(name: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.extend(literal_of(node).and_then(|literal| stays(name, node, &literal)));
}

/// The same for a variable of one step, whose command can do what the value cannot.
pub(crate) fn no_variable_in_env(name: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let found = literal_of(node).and_then(|literal| stays(name, node, &literal));
    diagnostics.extend(found.map(|error| instead_in_env(name, error)));
}

/// The same for a value that came out of an expression.
pub(super) fn variable_stays(name: &str, text: &str, span: Span) -> Option<Diagnostic> {
    stays(name, &scalar(text, span), text)
}

/// The same for a variable of one step.
pub(super) fn variable_stays_in_env(name: &str, text: &str, span: Span) -> Option<Diagnostic> {
    variable_stays(name, text, span).map(|error| instead_in_env(name, error))
}

/// Refuses what cannot be the name of an environment variable.
pub(crate) fn environment_name(name: &str, span: Span) -> Result<(), Diagnostic> {
    if syntax::is_name(name) {
        return Ok(());
    }
    let error = Diagnostic::error(span, format!("invalid environment variable name `{name}`"));
    Err(error.label("expected letters, digits and `_`, not starting with a digit"))
}

fn scalar(text: &str, span: Span) -> Node {
    Node { value: Value::Scalar { text: text.to_owned(), style: ScalarStyle::Literal }, span }
}

/// The text of a scalar without its expressions.
fn literal_of(node: &Node) -> Option<String> {
    let text = node.as_text()?;
    let template = syntax::split(text).ok()?;
    let literal = template.segments.iter().map(|segment| match segment {
        Segment::Literal(range) => &text[range.clone()],
        Segment::Expression { .. } | Segment::Statement { .. } => "\0",
    });
    Some(literal.collect())
}

/// The error for a value whose `literal` part names a variable of a shell.
fn stays(name: &str, node: &Node, literal: &str) -> Option<Diagnostic> {
    let at = variable_in(literal)?;
    let text = node.as_text()?;
    let shown: String = literal[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || "$_{".contains(*c)).collect();
    let error =
        Diagnostic::error(node.span, format!("`{shown}` stays as it is in `{name}`: a value is taken literally"));
    let folders: Vec<&str> = text.split(':').filter(|part| !part.contains('$') && !part.is_empty()).collect();
    let itself = text.contains(&format!("${name}")) || text.contains(&format!("${{{name}}}"));
    Some(error.hint(if folders.is_empty() || !itself {
        format!(
            "write the value itself, `~/…` for the home directory, or `{name}: {{ value: '…' }}` if the `$` is meant"
        )
    } else {
        format!("write `{name}: {{ prepend: {} }}`: it is put in front of what is there", folders.join(":"))
    }))
}

fn instead_in_env(name: &str, mut error: Diagnostic) -> Diagnostic {
    error.hint = Some(format!("set it in the command, such as `{name}=… PROGRAM`, or with `export:` and `prepend`"));
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    fn written(text: &str) -> Written<'_> {
        Written { text, quoted: false, span: Span { source: Sources::default().add("x", ""), start: 0, end: 0 } }
    }

    #[test]
    fn text_becomes_a_duration_only_where_it_is_exactly_one() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("1h30m", 5400), ("2h5s", 7205), ("0s", 0)] {
            assert_eq!(duration(written(text), true).expect(text), Duration::from_secs(seconds), "{text}");
        }
        for text in ["", "90", "1m1h", "5 m", "1.5h", "s", "99999999999s", "-1s", "5M", "5µ"] {
            duration(written(text), true).expect_err(text);
        }
        assert_eq!(
            duration(written("90"), true).expect_err("no unit").hint.as_deref(),
            Some("add the unit, such as `90s`")
        );
    }
}
