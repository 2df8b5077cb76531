//! One pass through a step's loop.

use minijinja::Value;

use super::templates::characters;
use crate::script::Text;

/// The longest name of an iteration, in characters.
const LONGEST_TITLE: usize = 40;

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

    /// What the iteration is called: its text, the `name` of a map, or else its number.
    pub(crate) fn title(&self) -> String {
        let name = self.item.get_attr("name").ok().filter(|name| name.as_str().is_some());
        match characters(name.as_ref().unwrap_or(&self.item)).map(|text| Text::new(text).display()) {
            Ok(text) if text.chars().count() > LONGEST_TITLE => text.chars().take(LONGEST_TITLE).chain(['…']).collect(),
            Ok(text) if !text.is_empty() => text,
            _ => self.index.to_string(),
        }
    }
}
