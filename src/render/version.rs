//! Versions: the numbers at the beginning of a text, with dots between them. What follows them is not looked at.

use std::cmp::Ordering;

use minijinja::{Error, ErrorKind, Value};

use crate::host_value::Comparison;

/// The numbers of a version; `None` where a text begins with none.
pub(crate) fn numbers(text: &str) -> Option<Vec<u64>> {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let mut found = Vec::new();
    for part in text[..end].split('.') {
        if part.is_empty() {
            break;
        }
        found.push(part.parse().ok()?);
    }
    (!found.is_empty()).then_some(found)
}

/// Which of two versions is the later one; a missing number is 0.
pub(crate) fn compare(first: &str, second: &str) -> Option<Ordering> {
    let (mut first, mut second) = (numbers(first)?, numbers(second)?);
    let length = first.len().max(second.len());
    first.resize(length, 0);
    second.resize(length, 0);
    Some(first.cmp(&second))
}

/// The test `version`, for values that are known here.
pub(super) fn test(value: &Value, first: &Value, second: Option<String>) -> Result<bool, Error> {
    let invalid = |text: &str| {
        Error::new(
            ErrorKind::InvalidOperation,
            format!("invalid version `{text}`: it begins with a number, such as 12 or 22.04"),
        )
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (value, mut version) = (text(value), text(first));
    let mut word = second.unwrap_or_else(|| "==".to_owned());
    if Comparison::of(&version).is_some() {
        std::mem::swap(&mut word, &mut version);
    }
    let how = Comparison::of(&word).ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidOperation,
            format!("unknown comparison of versions `{word}`: write ==, !=, <, <=, > or >="),
        )
    })?;
    let wrong = if numbers(&value).is_none() { &value } else { &version };
    compare(&value, &version).map(|order| how.holds(order)).ok_or_else(|| invalid(wrong))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_number_by_number() {
        for (first, second, order) in [
            ("12", "9", Ordering::Greater),
            ("22.04", "22.4", Ordering::Equal),
            ("5.10.0-23-amd64", "5.9", Ordering::Greater),
            ("12", "12.0", Ordering::Equal),
            ("v1.2", "1.10", Ordering::Less),
            ("1.2.", "1.2", Ordering::Equal),
        ] {
            assert_eq!(compare(first, second), Some(order), "{first} {second}");
        }
        assert_eq!(compare("sid", "12"), None);
        assert_eq!(compare("", "12"), None);
    }
}
