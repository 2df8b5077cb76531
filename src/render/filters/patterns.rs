//! Regular expressions: those of the crate `regex`, which need no more time than the text is long.

use minijinja::{Error, Value};
use regex::{Captures, Regex, RegexBuilder};

use super::encode::text;
use super::invalid::invalid;

/// The largest compiled pattern, in bytes.
const LARGEST: usize = 1 << 20;

fn pattern(source: &str) -> Result<Regex, Error> {
    RegexBuilder::new(source).size_limit(LARGEST).build().map_err(|error| {
        let error = error.to_string();
        let last = error.lines().last().unwrap_or_default();
        invalid(format!("invalid regular expression: {}", last.strip_prefix("error: ").unwrap_or(last)))
    })
}

/// A part of a replacement.
enum Part<'r> {
    Text(&'r str),
    Group(&'r str),
}

/// Reads a replacement as Python does: `\1` and `\g<name>` stand for groups, `$` for itself.
fn parts<'r>(replacement: &'r str, pattern: &Regex) -> Result<Vec<Part<'r>>, Error> {
    let mut parts = Vec::new();
    let mut rest = replacement;
    while let Some(at) = rest.find('\\') {
        parts.push(Part::Text(&rest[..at]));
        let behind = &rest[at + 1..];
        let digits = behind.len() - behind.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let named = behind.strip_prefix("g<").and_then(|name| name.split_once('>'));
        rest = if digits > 0 {
            parts.push(Part::Group(&behind[..digits]));
            &behind[digits..]
        } else if let Some((name, after)) = named {
            parts.push(Part::Group(name));
            after
        } else {
            let escaped = behind.chars().next().map_or(0, char::len_utf8);
            parts.push(Part::Text(&behind[..escaped]));
            &behind[escaped..]
        };
    }
    parts.push(Part::Text(rest));
    let known = |name: &str| match name.parse::<usize>() {
        Ok(number) => number < pattern.captures_len(),
        Err(_) => pattern.capture_names().flatten().any(|known| known == name),
    };
    let unknown = parts.iter().find_map(|part| match part {
        Part::Group(name) if !known(name) => Some(*name),
        _ => None,
    });
    match unknown {
        Some(name) => Err(invalid(format!("the pattern has no group `{name}`"))),
        None => Ok(parts),
    }
}

fn group<'t>(captures: &Captures<'t>, name: &str) -> &'t str {
    let found = match name.parse::<usize>() {
        Ok(number) => captures.get(number),
        Err(_) => captures.name(name),
    };
    found.map_or("", |found| found.as_str())
}

fn expand(parts: &[Part<'_>], captures: &Captures<'_>) -> String {
    let part = |part: &Part<'_>| match part {
        Part::Text(text) => (*text).to_owned(),
        Part::Group(name) => group(captures, name).to_owned(),
    };
    parts.iter().map(part).collect()
}

/// The filter `regex_replace`.
pub(super) fn replace(value: &Value, source: &str, replacement: &str) -> Result<String, Error> {
    let text = text("regex_replace", value)?;
    let pattern = pattern(source)?;
    let parts = parts(replacement, &pattern)?;
    Ok(pattern.replace_all(&text, |captures: &Captures<'_>| expand(&parts, captures)).into_owned())
}

/// The filter `regex_search`: what is found first, or nothing; with groups such as `'\\1'`, a list of those.
pub(super) fn search(value: &Value, source: &str, groups: minijinja::value::Rest<String>) -> Result<Value, Error> {
    let text = text("regex_search", value)?;
    let pattern = pattern(source)?;
    let wanted: Vec<Vec<Part<'_>>> = groups.iter().map(|group| parts(group, &pattern)).collect::<Result<_, _>>()?;
    let Some(captures) = pattern.captures(&text) else { return Ok(Value::from(())) };
    Ok(if wanted.is_empty() {
        Value::from(group(&captures, "0"))
    } else {
        Value::from(wanted.iter().map(|parts| expand(parts, &captures)).collect::<Vec<_>>())
    })
}

/// The filter `regex_findall`: everything that is found, or its group where the pattern has one.
pub(super) fn find_all(value: &Value, source: &str) -> Result<Vec<Value>, Error> {
    let text = text("regex_findall", value)?;
    let pattern = pattern(source)?;
    let found = pattern.captures_iter(&text).map(|captures| match captures.len() {
        1 => Value::from(group(&captures, "0")),
        2 => Value::from(group(&captures, "1")),
        more => Value::from((1..more).map(|at| group(&captures, &at.to_string()).to_owned()).collect::<Vec<_>>()),
    });
    Ok(found.collect())
}

/// The filter `regex_escape`.
pub(super) fn escape(value: &Value) -> Result<String, Error> {
    Ok(regex::escape(&text("regex_escape", value)?))
}

/// The test `match`: whether the beginning of a text fits.
pub(super) fn matches(value: &Value, source: &str) -> Result<bool, Error> {
    let text = text("match", value)?;
    Ok(pattern(source)?.find(&text).is_some_and(|found| found.start() == 0))
}

/// The test `search`: whether any part of a text fits.
pub(super) fn found(value: &Value, source: &str) -> Result<bool, Error> {
    Ok(pattern(source)?.is_match(&text("search", value)?))
}
