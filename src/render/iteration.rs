//! One pass through a step's loop.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::characters::characters;
use super::context::OrderedMap;
use crate::script::Text;

/// The longest name of an iteration, in characters.
const LONGEST_TITLE: usize = 40;

/// A value in words, as far as a title has room for it.
fn words(value: &Value, depth: usize) -> String {
    let entries = || value.try_iter().into_iter().flatten().take(LONGEST_TITLE);
    match (value.kind(), depth) {
        (ValueKind::Seq | ValueKind::Iterable, 0..=1) => {
            entries().map(|item| words(&item, depth + 1)).collect::<Vec<_>>().join(" ")
        }
        (ValueKind::Map, 0..=1) => {
            let entry = |key: Value| {
                let item = value.get_item(&key).unwrap_or_default();
                format!("{}: {}", words(&key, depth + 1), words(&item, depth + 1))
            };
            entries().map(entry).collect::<Vec<_>>().join(", ")
        }
        _ => characters(value).map_or_else(|_| "…".to_owned(), |text| Text::new(text).display()),
    }
}

/// One pass through a step's loop.
#[derive(Clone, Debug)]
pub(crate) struct Iteration {
    /// `item`.
    pub(crate) item: Value,
    /// `index`, from 1.
    pub(crate) index: usize,
    /// The loop's own names and what they stand for here.
    pub(crate) named: Vec<(String, Value)>,
}

/// The most iterations of one loop.
pub(super) const MAX_ITERATIONS: usize = 1000;

/// An item of a list of the values of a loop.
pub(super) fn items_of(value: &Value) -> Option<Vec<Value>> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => Some(value.try_iter().ok()?.collect()),
        ValueKind::Map => {
            let pair = |key: Value| {
                let item = value.get_item(&key).unwrap_or_default();
                let pair = [("key".to_owned(), key), ("value".to_owned(), item)];
                Value::from_object(pair.into_iter().collect::<OrderedMap>())
            };
            Some(value.try_iter().ok()?.map(pair).collect())
        }
        _ => None,
    }
}

/// The name that a loop gives an entry of a map is that of the entry.
fn entry_name(item: &Value) -> Option<Value> {
    let of = |name: &str| item.get_attr(name).ok().filter(|found| !found.is_undefined());
    if item.kind() == ValueKind::Map && item.len() == Some(2) && of("value").is_some() { of("key") } else { None }
}

impl Iteration {
    /// The names that a loop defines.
    pub(crate) const NAMES: &[&str] = &["item", "index"];

    /// What the iteration is called: its text, the `name` of a map or else its entries, the items of a list, the items of a
    /// product; its number where that says nothing.
    pub(crate) fn title(&self) -> String {
        let title = |item: &Value| {
            let name = item.get_attr("name").ok().filter(|name| name.as_str().is_some()).or_else(|| entry_name(item));
            words(name.as_ref().unwrap_or(item), 0)
        };
        let title = match self.named.as_slice() {
            [] => title(&self.item),
            named => named.iter().map(|(_, item)| title(item)).collect::<Vec<_>>().join(" "),
        };
        match title {
            text if text.chars().count() > LONGEST_TITLE => text.chars().take(LONGEST_TITLE).chain(['…']).collect(),
            text if !text.is_empty() => text,
            _ => self.index.to_string(),
        }
    }
}
