//! The characters of a template's value.

use std::borrow::Cow;

use minijinja::Value;
use minijinja::value::ValueKind;

/// The characters of a value that can be text; otherwise what it is instead.
pub(crate) fn characters(value: &Value) -> Result<Cow<'_, str>, &'static str> {
    match value.kind() {
        ValueKind::String => Ok(Cow::Borrowed(value.as_str().unwrap_or(""))),
        ValueKind::Bool => Ok(Cow::Borrowed(if value.is_true() { "true" } else { "false" })),
        ValueKind::Number => Ok(Cow::Owned(value.to_string())),
        ValueKind::Undefined => Err("is not defined"),
        ValueKind::None => Err("is empty, but text is needed here"),
        ValueKind::Seq | ValueKind::Iterable => Err("is a list, but text is needed here"),
        ValueKind::Map => Err("is a map, but text is needed here"),
        _ => Err("is not text"),
    }
}
