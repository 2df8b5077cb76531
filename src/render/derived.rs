//! Expressions over secrets: their values are known here, and what is made of one is a secret as well.

use std::ops::Range;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::characters::characters;
use super::context::{OrderedList, OrderedMap};
use super::renderer::Renderer;
use super::syntax;
use super::vars::SHORTEST_SECRET;
use crate::ids::StepKey;
use crate::script::{HOLE_OPEN, Part, Text};
use crate::secret::Secret;

impl Renderer<'_> {
    /// The hole for what an expression makes of secrets; `None` where it is not a text that can be masked, or needs what only the host
    /// knows.
    pub(super) fn derived_secret(&mut self, text: &str, inner: &Range<usize>) -> Option<Value> {
        let mut context = self.host.context.clone();
        for found in syntax::uses(&syntax::tokens(text, inner.clone())) {
            let Some(value) = context.get(found.name) else { continue };
            let shown = self.exposed(value)?;
            context.extra.retain(|(name, _)| name != found.name);
            context.extra.push((found.name.to_owned().into(), shown));
        }
        let value = self.templates.evaluate(text, inner, &context.value()).ok()?;
        let made = characters(&value).ok().filter(|_| value.kind() == ValueKind::String)?.into_owned();
        if made.len() < SHORTEST_SECRET || made.contains('\0') {
            return None;
        }
        // The name says where it comes from, and nothing of the value: it stands in digests.
        let mut name = format!("made_{}", StepKey::new(text[inner.clone()].trim(), None).as_str());
        while self.host.secrets.get(&name).is_some_and(|known| known.expose() != made) {
            name.push('_');
        }
        self.host.secrets.insert(name.clone(), Secret::new(made));
        self.host.holes = true;
        self.secrets_used.insert(name.clone());
        Some(Value::from(Text::secret(&name)))
    }

    /// A value with its secrets in place; `None` where something in it is known on the host alone.
    fn exposed(&self, value: &Value) -> Option<Value> {
        if let Some(map) = value.downcast_object_ref::<OrderedMap>() {
            let mut shown = OrderedMap::default();
            for (at, (name, value)) in map.entries().iter().enumerate() {
                shown.push(name.clone(), self.exposed(value)?, map.is_number(at));
            }
            return Some(Value::from_object(shown));
        }
        if let Some(list) = value.downcast_object_ref::<OrderedList>() {
            let items = list.items.iter().map(|item| self.exposed(item)).collect::<Option<_>>()?;
            return Some(Value::from_object(OrderedList { items, numbers: list.numbers.clone() }));
        }
        match value.kind() {
            ValueKind::String => self.exposed_text(value),
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Option<Vec<Value>> = value.try_iter().ok()?.map(|item| self.exposed(&item)).collect();
                Some(Value::from(items?))
            }
            ValueKind::Map => {
                let mut shown = OrderedMap::default();
                for key in value.try_iter().ok()? {
                    let item = self.exposed(&value.get_item(&key).ok()?)?;
                    shown.push(characters(&key).ok()?.into_owned(), item, false);
                }
                Some(Value::from_object(shown))
            }
            _ => Some(value.clone()),
        }
    }

    fn exposed_text(&self, value: &Value) -> Option<Value> {
        let text = value.as_str().filter(|text| text.contains(HOLE_OPEN));
        let Some(text) = text else { return Some(value.clone()) };
        let mut shown = String::new();
        for part in Text::new(text).parts() {
            match part {
                Part::Characters(characters) => shown.push_str(characters),
                Part::Secret(name) => shown.push_str(self.host.secrets.get(name)?.expose()),
                Part::Registered(_) | Part::Host { .. } | Part::Current(_) => return None,
            }
        }
        Some(Value::from(shown))
    }
}
