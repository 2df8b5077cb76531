//! Lists and maps.

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Error, Value};

use super::invalid::invalid;
use crate::render::characters::characters;
use crate::render::context::OrderedMap;

/// The most items that a filter makes.
const MOST: usize = 100_000;

/// How deep lists may be nested.
const DEEPEST: usize = 64;

fn words(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Map => "a map",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::None | ValueKind::Undefined => "nothing",
        _ => "a text",
    }
}

fn items(filter: &str, value: &Value) -> Result<Vec<Value>, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => Ok(value.try_iter()?.collect()),
        _ => Err(invalid(format!("`{filter}` needs lists, and this is {}", words(value)))),
    }
}

fn entries(filter: &str, value: &Value) -> Result<OrderedMap, Error> {
    if let Some(map) = value.downcast_object_ref::<OrderedMap>() {
        return Ok(map.clone());
    }
    if value.kind() != ValueKind::Map {
        return Err(invalid(format!("`{filter}` needs maps, and this is {}", words(value))));
    }
    let mut map = OrderedMap::default();
    for key in value.try_iter()? {
        let item = value.get_item(&key)?;
        map.set(characters(&key).map_err(|reason| invalid(format!("a name {reason}")))?.into_owned(), item, false);
    }
    Ok(map)
}

/// The filter `combine`: later maps replace entries of earlier ones; `recursive` combines maps in maps as well.
pub(super) fn combine(value: &Value, others: Rest<Value>, options: Kwargs) -> Result<Value, Error> {
    let recursive = options.get::<Option<bool>>("recursive")?.unwrap_or(false);
    options.assert_all_used()?;
    let mut map = entries("combine", value)?;
    for other in others.iter() {
        map = combined(map, &entries("combine", other)?, recursive, 0)?;
    }
    Ok(Value::from_object(map))
}

fn combined(mut map: OrderedMap, other: &OrderedMap, recursive: bool, depth: usize) -> Result<OrderedMap, Error> {
    for (at, (name, item)) in other.entries().iter().enumerate() {
        let both = recursive && depth < DEEPEST && item.kind() == ValueKind::Map;
        let old = map.get(name).filter(|old| both && old.kind() == ValueKind::Map).cloned();
        match old {
            Some(old) => {
                let inner = combined(entries("combine", &old)?, &entries("combine", item)?, true, depth + 1)?;
                map.set(name.clone(), Value::from_object(inner), false);
            }
            None => map.set(name.clone(), item.clone(), other.is_number(at)),
        }
    }
    Ok(map)
}

/// The filter `dict2items`: a list of maps with `key` and `value`.
pub(super) fn dict2items(value: &Value) -> Result<Vec<Value>, Error> {
    let map = entries("dict2items", value)?;
    let pair = |at: usize| {
        let (name, item) = &map.entries()[at];
        let mut pair = OrderedMap::default();
        pair.set("key".to_owned(), Value::from(name.as_str()), false);
        pair.set("value".to_owned(), item.clone(), map.is_number(at));
        Value::from_object(pair)
    };
    Ok((0..map.entries().len()).map(pair).collect())
}

/// The filter `items2dict`: the reverse of `dict2items`.
pub(super) fn items2dict(value: &Value) -> Result<Value, Error> {
    let mut map = OrderedMap::default();
    for item in items("items2dict", value)? {
        let key = item.get_attr("key")?;
        let key = characters(&key).map_err(|reason| invalid(format!("the `key` of an item {reason}")))?;
        map.set(key.into_owned(), item.get_attr("value")?, false);
    }
    Ok(Value::from_object(map))
}

/// The filter `flatten`: lists in a list become its items, as deep as `levels` says.
pub(super) fn flatten(value: &Value, levels: Option<usize>, options: Kwargs) -> Result<Vec<Value>, Error> {
    let named = options.get::<Option<usize>>("levels")?;
    options.assert_all_used()?;
    let mut flat = Vec::new();
    let levels = levels.or(named).unwrap_or(DEEPEST).min(DEEPEST);
    into_flat(&mut flat, items("flatten", value)?, levels)?;
    Ok(flat)
}

fn into_flat(flat: &mut Vec<Value>, list: Vec<Value>, levels: usize) -> Result<(), Error> {
    for item in list {
        if levels > 0 && matches!(item.kind(), ValueKind::Seq | ValueKind::Iterable) {
            into_flat(flat, item.try_iter()?.collect(), levels - 1)?;
        } else if flat.len() < MOST {
            flat.push(item);
        } else {
            return Err(invalid(format!("the list has more than {MOST} items")));
        }
    }
    Ok(())
}

/// The items of a list that are not there before, in order.
fn unique(list: Vec<Value>) -> Vec<Value> {
    let mut seen = std::collections::BTreeSet::new();
    list.into_iter().filter(|item| seen.insert(item.clone())).collect()
}

/// The filter `union`.
pub(super) fn union(value: &Value, other: &Value) -> Result<Vec<Value>, Error> {
    let mut all = items("union", value)?;
    all.extend(items("union", other)?);
    Ok(unique(all))
}

/// The filter `intersect`.
pub(super) fn intersect(value: &Value, other: &Value) -> Result<Vec<Value>, Error> {
    let other: std::collections::BTreeSet<Value> = items("intersect", other)?.into_iter().collect();
    Ok(unique(items("intersect", value)?).into_iter().filter(|item| other.contains(item)).collect())
}

/// The filter `difference`.
pub(super) fn difference(value: &Value, other: &Value) -> Result<Vec<Value>, Error> {
    let other: std::collections::BTreeSet<Value> = items("difference", other)?.into_iter().collect();
    Ok(unique(items("difference", value)?).into_iter().filter(|item| !other.contains(item)).collect())
}

/// The filter `product`: every item of a list with every item of the others.
pub(super) fn product(value: &Value, others: Rest<Value>) -> Result<Vec<Vec<Value>>, Error> {
    let mut rows: Vec<Vec<Value>> = items("product", value)?.into_iter().map(|item| vec![item]).collect();
    for other in others.iter() {
        let list = items("product", other)?;
        if rows.len().saturating_mul(list.len()) > MOST {
            return Err(invalid(format!("the product has more than {MOST} items")));
        }
        let with = |row: &Vec<Value>, item: &Value| row.iter().cloned().chain([item.clone()]).collect();
        rows = rows.iter().flat_map(|row| list.iter().map(move |item| with(row, item))).collect();
    }
    Ok(rows)
}

/// The filter `ternary`: the first value where something is true, else the second; the third, where it is given, for nothing.
pub(super) fn ternary(value: &Value, yes: Value, no: Value, none: Option<Value>) -> Value {
    match none {
        Some(none) if value.is_none() => none,
        _ if value.is_true() => yes,
        _ => no,
    }
}

/// The filter `mandatory`: the value, which must not be nothing.
pub(super) fn mandatory(value: Value) -> Result<Value, Error> {
    if value.is_none() || value.is_undefined() {
        return Err(invalid("the value is required, and there is none"));
    }
    Ok(value)
}
