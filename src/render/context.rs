//! The values that templates can use.

use std::collections::HashMap;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

/// A map in the order in which it was written.
#[derive(Debug)]
pub(crate) struct OrderedMap(pub(crate) Vec<(String, Value)>);

impl Object for OrderedMap {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.iter().map(|(key, _)| Value::from(key.as_str())).collect())
    }

    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }
}

/// The values that a template can use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    /// The host's variables, and the holes of registered values.
    pub(crate) vars: Arc<HashMap<String, Value>>,
    /// `item`, `index`, `env`.
    pub(crate) extra: Vec<(&'static str, Value)>,
}

impl Context {
    pub(crate) fn value(&self) -> Value {
        Value::from_object(self.clone())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.extra.iter().find(|(known, _)| *known == name).map(|(_, value)| value).or_else(|| self.vars.get(name))
    }
}

impl Object for Context {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get(key.as_str()?).cloned()
    }
}
