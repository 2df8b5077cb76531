//! One pass through a step's loop.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::templates::characters;
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
}

impl Iteration {
    /// The names that a loop defines.
    pub(crate) const NAMES: &[&str] = &["item", "index"];

    /// What the iteration is called: its text, the `name` of a map or else its entries, the items of a list; its number where
    /// that says nothing.
    pub(crate) fn title(&self) -> String {
        let name = self.item.get_attr("name").ok().filter(|name| name.as_str().is_some());
        match words(name.as_ref().unwrap_or(&self.item), 0) {
            text if text.chars().count() > LONGEST_TITLE => text.chars().take(LONGEST_TITLE).chain(['…']).collect(),
            text if !text.is_empty() => text,
            _ => self.index.to_string(),
        }
    }
}
