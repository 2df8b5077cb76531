//! What a value of the host can be at all: where every possible value is known, each is checked before anything is sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::expr::Expr;
use crate::script::{Part, Text};

/// The most values of one text that are looked at.
pub(super) const MOST: usize = 256;

/// Every text that a text with holes can be; `None` where that is not known, or where there are too many.
pub fn possible(text: &Text, values: &BTreeMap<String, Arc<Expr>>) -> Option<Vec<String>> {
    text.parts().try_fold(vec![String::new()], |all, part| match part {
        Part::Characters(characters) => product(&all, &[characters.to_owned()]),
        Part::Host { name, .. } => product(&all, &values.get(name)?.possible()?),
        Part::Registered(_) | Part::Secret(_) | Part::Current(_) => None,
    })
}

/// Each beginning with each end.
fn product(beginnings: &[String], ends: &[String]) -> Option<Vec<String>> {
    let all = beginnings.iter().flat_map(|beginning| ends.iter().map(move |end| format!("{beginning}{end}")));
    (beginnings.len() * ends.len() <= MOST).then(|| all.collect())
}

impl Expr {
    fn possible(&self) -> Option<Vec<String>> {
        let each = |values: &mut dyn Iterator<Item = &Expr>| {
            let mut all = Vec::new();
            for value in values {
                all.extend(value.possible()?);
            }
            (all.len() <= MOST).then_some(all)
        };
        match self {
            Self::Text(text) => Some(vec![text.clone()]),
            Self::Number(number) => Some(vec![number.to_string()]),
            Self::Join(parts) => {
                parts.iter().try_fold(vec![String::new()], |all, part| product(&all, &part.possible()?))
            }
            Self::Lookup { entries, otherwise, .. } => {
                each(&mut entries.iter().map(|(_, value)| value).chain(otherwise.as_deref()))
            }
            Self::Choose(_, yes, no) => each(&mut [&**yes, &**no].into_iter()),
            Self::Fail { .. } => Some(Vec::new()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_known_where_each_of_its_parts_is() {
        let text = |text: &str| Expr::Text(text.to_owned());
        let key = || Box::new(Expr::Variable { name: "0arch".to_owned(), written: "host.arch".to_owned() });
        let lookup = |otherwise| Expr::Lookup {
            written: "m[host.arch]".to_owned(),
            key: key(),
            entries: vec![("x".to_owned(), text("a")), ("y".to_owned(), text("b"))],
            otherwise,
        };
        let values = BTreeMap::from([
            ("1a".to_owned(), Arc::new(lookup(None))),
            ("1b".to_owned(), Arc::new(lookup(Some(Box::new(text("c")))))),
            ("1c".to_owned(), Arc::new(lookup(Some(key())))),
        ]);
        let of = |names: &[&str]| {
            let holes: Vec<String> = names.iter().map(|name| Text::host(name, "m")).collect();
            possible(&Text::new(format!("<{}>", holes.join("-"))), &values)
        };
        assert_eq!(of(&["1a"]), Some(vec!["<a>".to_owned(), "<b>".to_owned()]));
        assert_eq!(of(&["1a", "1b"]).map(|all| all.len()), Some(6));
        assert_eq!(of(&["1a", "1c"]), None);
        assert_eq!(of(&["1a"; 9]), None);
    }
}
