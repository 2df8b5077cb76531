//! Values as JSON and as YAML.

use std::fmt::Write as _;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, Value};

use super::invalid::invalid;
use crate::event::json_text;
use crate::node::yaml_scalar;
use crate::render::characters::characters;
use crate::render::context::{OrderedList, OrderedMap};

/// How deep lists and maps may be nested.
const DEEPEST: usize = 64;

/// The filter `tojson`: one line, or with `indent` several.
pub(super) fn to_json(value: &Value, indent: Option<usize>, options: Kwargs) -> Result<String, Error> {
    let named = options.get::<Option<usize>>("indent")?;
    options.assert_all_used()?;
    json(value, indent.or(named).map(|indent| indent.min(16)))
}

/// The filter `to_nice_json`.
pub(super) fn to_nice_json(value: &Value, options: Kwargs) -> Result<String, Error> {
    let indent = options.get::<Option<usize>>("indent")?.unwrap_or(2);
    options.assert_all_used()?;
    json(value, Some(indent.min(16)))
}

fn json(value: &Value, indent: Option<usize>) -> Result<String, Error> {
    let mut out = String::new();
    Json { out: &mut out, indent }.write(value, false, 0)?;
    Ok(out)
}

/// The filter `toyaml`: block style, without a line feed at the end.
pub(super) fn to_yaml(value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    yaml(&mut out, value, false, 0, &Place::Start)?;
    Ok(out)
}

/// The entries of a map, each with whether its value was written as a plain number.
fn entries(value: &Value) -> Result<Vec<(String, Value, bool)>, Error> {
    let written = value.downcast_object_ref::<OrderedMap>();
    let mut entries = Vec::new();
    for (at, key) in value.try_iter()?.enumerate() {
        let item = value.get_item(&key)?;
        let key = characters(&key).map_err(|reason| invalid(format!("a name {reason}")))?.into_owned();
        entries.push((key, item, written.is_some_and(|map| map.is_number(at))));
    }
    Ok(entries)
}

/// The items of a list, each with whether it was written as a plain number.
fn items(value: &Value) -> Result<Vec<(Value, bool)>, Error> {
    let written = value.downcast_object_ref::<OrderedList>();
    let item = |(at, item)| (item, written.is_some_and(|list: &OrderedList| list.is_number(at)));
    Ok(value.try_iter()?.enumerate().map(item).collect())
}

/// What has no parts, as JSON has it.
fn scalar(value: &Value, number: bool) -> Result<String, Error> {
    Ok(match value.kind() {
        ValueKind::None => "null".to_owned(),
        ValueKind::String if !number => json_text(&value.as_str().unwrap_or_default()),
        _ => characters(value).map_err(|reason| invalid(format!("the value {reason}")))?.into_owned(),
    })
}

fn too_deep() -> Error {
    invalid(format!("lists and maps are nested more than {DEEPEST} deep"))
}

/// A writer of JSON.
struct Json<'o> {
    out: &'o mut String,
    indent: Option<usize>,
}

impl Json<'_> {
    fn write(&mut self, value: &Value, number: bool, depth: usize) -> Result<(), Error> {
        if depth > DEEPEST {
            return Err(too_deep());
        }
        match value.kind() {
            ValueKind::Map => {
                let entries = entries(value)?;
                self.parts(('{', '}'), entries.len(), depth, |writer, at| {
                    let (name, item, number) = &entries[at];
                    let colon = if writer.indent.is_some() { ": " } else { ":" };
                    writer.out.push_str(&json_text(name));
                    writer.out.push_str(colon);
                    writer.write(item, *number, depth + 1)
                })
            }
            ValueKind::Seq | ValueKind::Iterable => {
                let items = items(value)?;
                self.parts(('[', ']'), items.len(), depth, |writer, at| {
                    writer.write(&items[at].0, items[at].1, depth + 1)
                })
            }
            _ => {
                self.out.push_str(&scalar(value, number)?);
                Ok(())
            }
        }
    }

    fn parts(
        &mut self,
        (open, close): (char, char),
        count: usize,
        depth: usize,
        mut part: impl FnMut(&mut Self, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.out.push(open);
        for at in 0..count {
            if at > 0 {
                self.out.push(',');
            }
            self.line(depth + 1);
            part(self, at)?;
        }
        if count > 0 {
            self.line(depth);
        }
        self.out.push(close);
        Ok(())
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = self.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    }
}

/// Where a YAML value stands.
enum Place {
    /// At the start of the text.
    Start,
    /// Behind the name of a map's entry.
    Entry,
    /// Behind the dash of a list's item.
    Item,
}

fn yaml(out: &mut String, value: &Value, number: bool, depth: usize, place: &Place) -> Result<(), Error> {
    if depth > DEEPEST {
        return Err(too_deep());
    }
    let inline = |out: &mut String, text: &str| {
        let blank = if matches!(place, Place::Start) { "" } else { " " };
        write!(out, "{blank}{text}").expect("a string takes all");
    };
    // What stands behind a dash begins in its line; a list below a name is as deep as the name.
    let line = |out: &mut String, depth: usize, first: bool| match (place, first) {
        (Place::Start, true) => {}
        (Place::Item, true) => out.push(' '),
        _ => {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', 2 * depth));
        }
    };
    match value.kind() {
        ValueKind::Map => {
            let entries = entries(value)?;
            if entries.is_empty() {
                inline(out, "{}");
            }
            for (at, (name, item, number)) in entries.iter().enumerate() {
                line(out, depth, at == 0);
                write!(out, "{}:", yaml_scalar(name)).expect("a string takes all");
                let deeper = if matches!(item.kind(), ValueKind::Map) { depth + 1 } else { depth };
                yaml(out, item, *number, deeper, &Place::Entry)?;
            }
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = items(value)?;
            if items.is_empty() {
                inline(out, "[]");
            }
            for (at, (item, number)) in items.iter().enumerate() {
                line(out, depth, at == 0);
                out.push('-');
                yaml(out, item, *number, depth + 1, &Place::Item)?;
            }
        }
        ValueKind::String if !number => inline(out, &yaml_scalar(value.as_str().unwrap_or_default())),
        _ => inline(out, &scalar(value, number)?),
    }
    Ok(())
}
