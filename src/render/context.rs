//! The values that templates can use.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use super::file_scope::Scope;

/// What the engine knows the facts of the host by: as long as `host`, so that no place in an expression moves.
pub(crate) const FACTS_NAME: &str = "__hf";

/// What the engine knows the list of values by that stand for expressions of the host.
pub(crate) const VALUES_NAME: &str = "__v";

/// A map in the order in which it was written. It knows which of its values were written as plain numbers: an expression sees
/// their text, and JSON the number.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrderedMap {
    entries: Vec<(String, Value)>,
    numbers: Vec<bool>,
}

impl OrderedMap {
    /// The entries in order.
    pub(super) fn entries(&self) -> &[(String, Value)] {
        &self.entries
    }

    /// The value under a name.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.entries.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Whether the value at this place was written as a plain number.
    pub(super) fn is_number(&self, at: usize) -> bool {
        self.numbers.get(at).copied().unwrap_or(false)
    }

    /// Puts a value under a name, in the place of one that is there.
    pub(super) fn set(&mut self, name: String, value: Value, number: bool) {
        match self.entries.iter().position(|(known, _)| *known == name) {
            Some(at) => {
                self.entries[at].1 = value;
                self.numbers[at] = number;
            }
            None => self.push(name, value, number),
        }
    }

    /// Adds a value under a name that is not there yet.
    pub(super) fn push(&mut self, name: String, value: Value, number: bool) {
        self.entries.push((name, value));
        self.numbers.push(number);
    }
}

impl FromIterator<(String, Value)> for OrderedMap {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(pairs: I) -> Self {
        let entries: Vec<(String, Value)> = pairs.into_iter().collect();
        Self { numbers: vec![false; entries.len()], entries }
    }
}

impl Object for OrderedMap {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get(key.as_str()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.entries.iter().map(|(key, _)| Value::from(key.as_str())).collect())
    }

    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }
}

/// A list as it was written. It knows which of its items were written as plain numbers.
#[derive(Debug)]
pub(crate) struct OrderedList {
    /// The items.
    pub(super) items: Vec<Value>,
    /// For each of them, whether it was written as a plain number.
    pub(super) numbers: Vec<bool>,
}

impl OrderedList {
    /// Whether the item at this place was written as a plain number.
    pub(super) fn is_number(&self, at: usize) -> bool {
        self.numbers.get(at).copied().unwrap_or(false)
    }
}

impl Object for OrderedList {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.items.get(key.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items.len())
    }

    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }
}

/// The values that a template can use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    /// The host's variables, and the holes of registered values.
    pub(crate) vars: Arc<HashMap<String, Value>>,
    /// The file whose texts are rendered; without one every variable is seen by its name.
    pub(crate) scope: Option<Arc<Scope>>,
    /// `item`, `index` and the loop's own names, and `env`.
    pub(crate) extra: Vec<(Cow<'static, str>, Value)>,
}

impl Context {
    pub(crate) fn value(&self) -> Value {
        Value::from_object(self.clone())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let extra = self.extra.iter().find(|(known, _)| known == name && (name != "env" || self.scope.is_none()));
        extra.map(|(_, value)| value).or_else(|| self.vars.get(self.global(name)?))
    }

    /// The name among all variables.
    pub(crate) fn global<'n>(&'n self, name: &'n str) -> Option<&'n str> {
        self.scope.as_ref().map_or(Some(name), |scope| scope.global(name))
    }
}

impl Object for Context {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get(key.as_str()?).cloned()
    }
}
