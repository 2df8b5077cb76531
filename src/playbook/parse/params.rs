//! `params`: what a playbook or a used file asks for.

use super::Parser;
use crate::kinds::Shape;
use crate::node::{Entry, Node, ScalarStyle, Value};
use crate::render::convert::{boolean, literal};
use crate::render::param::{Param, ParamType};
use crate::source::{Diagnostic, Span};

const KEYS: &[&str] = &["name", "type", "default", "description", "required", "choices", "secret"];

impl Parser<'_> {
    /// Reads parameters: a list of them, or a map from their names.
    pub(super) fn params(&mut self, entry: Entry) -> Vec<Param> {
        let mut params: Vec<Param> = Vec::new();
        let items: Vec<(Option<(String, Span)>, Node)> = match entry.value.value {
            Value::List(items) => items.into_iter().map(|item| (None, item)).collect(),
            Value::Map(entries) => {
                entries.into_iter().map(|entry| (Some((entry.key, entry.key_span)), entry.value)).collect()
            }
            Value::Null => Vec::new(),
            _ => {
                self.unresolved.any_name = true;
                self.expected("params", &entry.value, "a list of parameters", Some("each starts with `- name:`"));
                Vec::new()
            }
        };
        for (name, item) in items {
            let Some(param) = self.param(name, item) else {
                self.unresolved.any_name = true;
                continue;
            };
            if let Some(first) = params.iter().find(|known| known.name == param.name) {
                let error = Diagnostic::error(param.span, format!("two parameters are called `{}`", param.name));
                self.report(error.related(first.span, "one"));
            } else {
                params.push(param);
            }
        }
        params
    }

    fn param(&mut self, name: Option<(String, Span)>, item: Node) -> Option<Param> {
        let mut param = Param {
            name: String::new(),
            span: item.span,
            wanted: ParamType::Any,
            default: None,
            description: String::new(),
            required: true,
            choices: Vec::new(),
            secret: false,
        };
        let mut required = None;
        if let Some((name, span)) = name {
            (param.name, param.span) = (name, span);
        }
        match item.value {
            Value::Null if !param.name.is_empty() => {}
            Value::Scalar { text, .. } if param.name.is_empty() => param.name = text,
            Value::Map(entries) => {
                for entry in entries {
                    self.param_key(entry, &mut param, &mut required);
                }
            }
            _ => {
                let node = Node { value: item.value, span: item.span };
                self.expected(
                    "params",
                    &node,
                    "a map that describes a parameter",
                    Some("write `{ name: …, type: … }`"),
                );
                return None;
            }
        }
        let before = self.diagnostics.len();
        if param.name.is_empty() {
            self.report(Diagnostic::error(param.span, "the parameter has no `name`"));
            return None;
        }
        self.variable_name(&param.name, param.span, "parameter name");
        param.required = required.unwrap_or(param.default.is_none());
        if required == Some(true) && param.default.is_some() {
            let error = Diagnostic::error(param.span, format!("`{}` is required and has a default", param.name));
            self.report(error.hint("remove one of them: a parameter with a default need not be given"));
        }
        (self.diagnostics.len() == before).then_some(param)
    }

    fn param_key(&mut self, entry: Entry, param: &mut Param, required: &mut Option<bool>) {
        match entry.key.as_str() {
            _ if entry.broken => self.unresolved.any_name = true,
            "name" => {
                if let Some(name) = self.text(&entry) {
                    (param.name, param.span) = (name.value, name.span);
                }
            }
            "type" => param.wanted = self.param_type(&entry).unwrap_or(ParamType::Any),
            "default" => match entry.value.value {
                Value::Null => *required = Some(false),
                _ if entry.value.is_complete() => param.default = Some(entry.value),
                _ => self.unresolved.values.push(entry.value),
            },
            "description" => param.description = self.text(&entry).map(|text| text.value).unwrap_or_default(),
            "required" => *required = self.switch(&entry),
            "secret" => param.secret = self.switch(&entry).unwrap_or(false),
            "choices" => {
                param.choices = self.texts(&entry).into_iter().map(|choice| choice.value).collect();
                if matches!(&entry.value.value, Value::List(items) if items.is_empty()) {
                    let error = Diagnostic::error(entry.value.span, "`choices` is empty: no value would be right");
                    self.report(error.hint("write the values that may be given, or remove the key"));
                }
            }
            key => {
                let mut error = Diagnostic::error(entry.key_span, format!("unknown key `{key}` of a parameter"))
                    .label("unknown key")
                    .did_you_mean(key, KEYS.iter().copied());
                error.hint.get_or_insert_with(|| format!("known keys: {}", KEYS.join(", ")));
                self.report(error);
            }
        }
    }

    fn param_type(&mut self, entry: &Entry) -> Option<ParamType> {
        let word = self.text(entry)?;
        let words = || ParamType::WORDS.iter().map(|(word, _)| *word);
        let alias = match word.value.as_str() {
            "string" | "str" | "path" => "text",
            "number" | "int" => "integer",
            "bool" => "boolean",
            "dict" | "object" => "map",
            "array" => "list",
            other => other,
        };
        let found = ParamType::WORDS.iter().find(|(known, _)| *known == word.value).map(|(_, found)| *found);
        if found.is_none() {
            let mut error =
                Diagnostic::error(word.span, format!("unknown type `{}`", word.value)).did_you_mean(alias, words());
            error.hint.get_or_insert_with(|| format!("types: {}", words().collect::<Vec<_>>().join(", ")));
            self.report(error);
        }
        found
    }

    fn switch(&mut self, entry: &Entry) -> Option<bool> {
        let value = Node { value: entry.value.value.clone(), span: entry.value.span };
        let value = self.checked(&entry.key, value, Shape::Bool)?;
        let is_plain = matches!(value.value, Value::Scalar { style: ScalarStyle::Plain, .. });
        literal(&value).filter(|_| is_plain).and_then(|written| boolean(written).ok())
    }
}
