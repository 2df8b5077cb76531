//! The texts that a host can get together: a fact that stands in several places has one value in all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::expr::{Condition, Expr, Filter};
use super::possible::MOST;
use crate::script::{Part, Text};

/// What a host must be like to get a value.
#[derive(Clone, Copy, Debug)]
enum Given<'e> {
    /// A value is this text.
    Is(&'e Expr, &'e str),
    /// A value is not this text.
    IsNot(&'e Expr, &'e str),
    /// A condition holds, or it does not.
    Holds(&'e Condition, bool),
}

impl Given<'_> {
    /// Whether a host can be like this and like that.
    fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Is(one, text), Self::Is(other, known)) => one != other || text == known,
            (Self::Is(one, text), Self::IsNot(other, known)) | (Self::IsNot(other, known), Self::Is(one, text)) => {
                one != other || text != known
            }
            (Self::Holds(one, holds), Self::Holds(other, known)) => one != other || holds == known,
            _ => true,
        }
    }
}

/// One of the values, and which hosts get it.
#[derive(Clone, Debug, Default)]
struct Case<'e, V> {
    value: V,
    given: Vec<Given<'e>>,
}

type Cases<'e, V> = Option<Vec<Case<'e, V>>>;

/// What these texts can be on one host: for each kind of host all of them, in their order. `None` where that is not known, or where
/// there are too many. Secrets stay the holes that they are.
pub fn cases(texts: &[Text], values: &BTreeMap<String, Arc<Expr>>) -> Option<Vec<Vec<Text>>> {
    let mut all = vec![Case::<Vec<Text>>::default()];
    for text in texts {
        let each = each_of_text(text, values)?;
        all = both(&all, &each, |texts, text| [texts.as_slice(), &[Text::new(text)]].concat())?;
    }
    let mut found: Vec<Vec<Text>> = Vec::new();
    for case in all {
        if !found.contains(&case.value) {
            found.push(case.value);
        }
    }
    Some(found)
}

fn each_of_text<'e>(text: &Text, values: &'e BTreeMap<String, Arc<Expr>>) -> Cases<'e, String> {
    text.parts().try_fold(known(""), |all, part| match part {
        Part::Characters(characters) => both(&all, &known(characters), joined),
        Part::Secret(name) => both(&all, &known(&Text::secret(name)), joined),
        Part::Host { name, .. } => both(&all, &values.get(name)?.cases()?, joined),
        Part::Registered(_) | Part::Current(_) => None,
    })
}

fn known<'e>(text: &str) -> Vec<Case<'e, String>> {
    vec![Case { value: text.to_owned(), given: Vec::new() }]
}

fn joined(front: &String, behind: &String) -> String {
    format!("{front}{behind}")
}

/// Each value with each other one that the same host can get.
fn both<'e, A, B, C>(ones: &[Case<'e, A>], others: &[Case<'e, B>], join: impl Fn(&A, &B) -> C) -> Cases<'e, C> {
    let mut all = Vec::new();
    for one in ones {
        for other in others {
            if one.given.iter().all(|given| other.given.iter().all(|known| given.agrees(known))) {
                let given = [one.given.as_slice(), &other.given].concat();
                all.push(Case { value: join(&one.value, &other.value), given });
            }
        }
        if all.len() > MOST {
            return None;
        }
    }
    Some(all)
}

/// What a host that is like this gets of these values.
fn only<'e>(given: &[Given<'e>], cases: &[Case<'e, String>]) -> Cases<'e, String> {
    both(&[Case { value: (), given: given.to_vec() }], cases, |(), value| value.clone())
}

impl Expr {
    fn cases(&self) -> Cases<'_, String> {
        match self {
            Self::Text(text) => Some(known(text)),
            Self::Number(number) => Some(known(&number.to_string())),
            Self::Join(parts) => parts.iter().try_fold(known(""), |all, part| both(&all, &part.cases()?, joined)),
            Self::Lookup { key, entries, otherwise, .. } => lookup(key, entries, otherwise.as_deref()),
            Self::Choose(condition, yes, no) => {
                let mut all = Vec::new();
                for (holds, value) in [(true, yes), (false, no)] {
                    let value = value.cases()?;
                    for given in condition.ways(holds)? {
                        all.extend(only(&given, &value)?);
                    }
                }
                (all.len() <= MOST).then_some(all)
            }
            Self::Filtered(filter @ (Filter::Lower | Filter::Upper), value, _) => {
                let mut all = value.cases()?;
                for case in &mut all {
                    match filter {
                        Filter::Lower => case.value.make_ascii_lowercase(),
                        _ => case.value.make_ascii_uppercase(),
                    }
                }
                Some(all)
            }
            // No host gets a value here.
            Self::Fail { .. } => Some(Vec::new()),
            _ => None,
        }
    }
}

/// The entries of a map that hosts look up; a name that is known itself has one of them.
fn lookup<'e>(key: &'e Expr, entries: &'e [(String, Expr)], otherwise: Option<&'e Expr>) -> Cases<'e, String> {
    let mut all = Vec::new();
    if let Some(keys) = key.cases() {
        for case in keys {
            let entry = entries.iter().find(|(name, _)| *name == case.value).map(|(_, value)| value).or(otherwise);
            if let Some(value) = entry {
                all.extend(only(&case.given, &value.cases()?)?);
            }
        }
    } else {
        for (name, value) in entries {
            all.extend(only(&[Given::Is(key, name)], &value.cases()?)?);
        }
        if let Some(value) = otherwise {
            let others: Vec<Given<'_>> = entries.iter().map(|(name, _)| Given::IsNot(key, name)).collect();
            all.extend(only(&others, &value.cases()?)?);
        }
    }
    (all.len() <= MOST).then_some(all)
}

impl Condition {
    /// What a host can be like where the condition holds, or where it does not.
    fn ways(&self, holds: bool) -> Option<Vec<Vec<Given<'_>>>> {
        Some(match self {
            Self::Known(known) if *known == holds => vec![Vec::new()],
            Self::Known(_) => Vec::new(),
            Self::Not(condition) => condition.ways(!holds)?,
            Self::Same(value, Expr::Text(text)) | Self::Same(Expr::Text(text), value) => {
                one_of(value, &[text.as_str()], holds)
            }
            Self::OneOf(value, list) => {
                let texts =
                    list.iter().map(|item| if let Expr::Text(text) = item { Some(text.as_str()) } else { None });
                match texts.collect::<Option<Vec<&str>>>() {
                    Some(texts) => one_of(value, &texts, holds),
                    None => vec![vec![Given::Holds(self, holds)]],
                }
            }
            Self::All(parts) | Self::Any(parts) if matches!(self, Self::All(_)) != holds => {
                let mut ways = Vec::new();
                for part in parts {
                    ways.extend(part.ways(holds)?);
                }
                (ways.len() <= MOST).then_some(ways)?
            }
            Self::All(parts) | Self::Any(parts) => {
                let mut all = vec![Case { value: (), given: Vec::new() }];
                for part in parts {
                    let ways: Vec<_> = part.ways(holds)?.into_iter().map(|given| Case { value: (), given }).collect();
                    all = both(&all, &ways, |(), ()| ())?;
                }
                all.into_iter().map(|case| case.given).collect()
            }
            _ => vec![vec![Given::Holds(self, holds)]],
        })
    }
}

/// What a host is like that has one of these texts for a value, or none of them.
fn one_of<'e>(value: &'e Expr, texts: &[&'e str], holds: bool) -> Vec<Vec<Given<'e>>> {
    if let Some(cases) = value.cases() {
        return cases
            .into_iter()
            .filter(|case| texts.contains(&case.value.as_str()) == holds)
            .map(|case| case.given)
            .collect();
    }
    if holds {
        return texts.iter().map(|text| vec![Given::Is(value, text)]).collect();
    }
    vec![texts.iter().map(|text| Given::IsNot(value, text)).collect()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Expr {
        Expr::Text(text.to_owned())
    }

    fn fact(name: &str) -> Expr {
        Expr::Variable { name: format!("0{name}"), written: format!("host.{name}") }
    }

    fn map(key: Expr, entries: &[(&str, &str)], otherwise: Option<Expr>) -> Expr {
        Expr::Lookup {
            written: "m".to_owned(),
            key: Box::new(key),
            entries: entries.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect(),
            otherwise: otherwise.map(Box::new),
        }
    }

    fn choose(condition: Condition, yes: &str, no: &str) -> Expr {
        Expr::Choose(Box::new(condition), Box::new(text(yes)), Box::new(text(no)))
    }

    /// The texts of a template that has these values one behind the other.
    #[track_caller]
    fn gives(exprs: Vec<Expr>, texts: Option<&[&str]>) {
        let values: BTreeMap<String, Arc<Expr>> =
            exprs.into_iter().enumerate().map(|(at, expr)| (format!("1{at}"), Arc::new(expr))).collect();
        let holes: Vec<String> = values.keys().map(|name| Text::host(name, "m")).collect();
        let found = cases(&[Text::new(holes.join("-"))], &values);
        let found = found.map(|all| all.iter().map(|texts| texts[0].raw().to_owned()).collect::<Vec<_>>());
        assert_eq!(found, texts.map(|texts| texts.iter().map(|text| (*text).to_owned()).collect()));
    }

    #[test]
    fn one_fact_has_one_value_wherever_it_stands() {
        let arch = || map(fact("arch"), &[("x", "a"), ("y", "b")], None);
        gives(vec![arch(), arch()], Some(&["a-a", "b-b"]));
        gives(vec![arch(), map(fact("arch"), &[("x", "1"), ("z", "2")], Some(text("3")))], Some(&["a-1", "b-3"]));
        gives(vec![arch(), map(fact("os"), &[("d", "1"), ("r", "2")], None)], Some(&["a-1", "a-2", "b-1", "b-2"]));
        gives(vec![map(arch(), &[("a", "A"), ("c", "C")], Some(text("D"))), arch()], Some(&["A-a", "D-b"]));
        gives(vec![Expr::Filtered(Filter::Upper, Box::new(arch()), "m".to_owned())], Some(&["A", "B"]));
        gives(vec![arch(), fact("arch")], None);
        gives(vec![map(fact("arch"), &[("x", "a")], Some(fact("arch")))], None);
    }

    #[test]
    fn a_condition_stands_for_the_hosts_where_it_holds() {
        let arch = || map(fact("arch"), &[("x", "a"), ("y", "b")], None);
        let is = |name: &str, value: &str| Condition::Same(fact(name), text(value));
        gives(vec![arch(), choose(is("arch", "x"), "yes", "no")], Some(&["a-yes", "b-no"]));
        gives(vec![arch(), choose(is("arch", "z").negated(), "yes", "no")], Some(&["a-yes", "b-yes"]));
        let listed = Condition::OneOf(fact("arch"), vec![text("y"), text("z")]);
        gives(vec![arch(), choose(listed.clone(), "yes", "no")], Some(&["a-no", "b-yes"]));
        let any = Condition::any(vec![is("arch", "x"), is("os", "d")]);
        gives(vec![arch(), choose(any.clone(), "yes", "no")], Some(&["a-yes", "b-yes", "b-no"]));
        let all = Condition::all(vec![listed, Condition::Begins(fact("os"), text("d"))]);
        gives(vec![arch(), choose(all.clone(), "yes", "no")], Some(&["a-no", "b-yes", "b-no"]));
        gives(vec![choose(all.clone(), "1", "2"), choose(all, "3", "4")], Some(&["1-3", "2-4"]));
        gives(vec![arch(), choose(Condition::Same(arch(), text("b")), "yes", "no")], Some(&["a-no", "b-yes"]));
    }

    #[test]
    fn texts_go_together_and_a_secret_stays_a_hole() {
        let values = BTreeMap::from([("1a".to_owned(), Arc::new(map(fact("arch"), &[("x", "a"), ("y", "b")], None)))]);
        let hole = Text::host("1a", "m");
        let secret = Text::secret("token");
        let found = cases(&[Text::new(format!("u{hole}")), Text::new(format!("{secret}{hole}"))], &values);
        let both = |end: &str| vec![Text::new(format!("u{end}")), Text::new(format!("{secret}{end}"))];
        assert_eq!(found, Some(vec![both("a"), both("b")]));
        assert_eq!(cases(&[Text::from("u"), Text::new(Text::registered("r"))], &values), None);
    }

    #[test]
    fn too_many_are_none() {
        let many: Vec<(String, String)> = (0..20).map(|at| (at.to_string(), at.to_string())).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        gives(vec![map(fact("arch"), &many, None), map(fact("os"), &many, None)], None);
    }
}
