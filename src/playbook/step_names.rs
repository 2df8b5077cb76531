//! How a step is found by what another one, or the command line, calls it; and what to say where there is no such step.

use std::ops::Range;

use super::document::Playbook;
use super::group::Group;
use crate::render::syntax::{self, Segment, is_template};
use crate::source::{Spanned, near};

/// The steps that are called so: the first one of this id, or else of this name, or all of a group that has it.
pub(crate) fn steps_called(playbook: &Playbook, wanted: &str) -> Option<Range<usize>> {
    let steps = &playbook.steps;
    let one = |at: usize| at..at + 1;
    let has_id = |scope: usize, id: Option<Spanned<&str>>| {
        id.is_some_and(|id| wanted.strip_prefix(playbook.scopes[scope].id_prefix.as_str()) == Some(id.value))
    };
    let has_name = |scope: usize, name: &str| {
        !name.is_empty() && wanted.strip_prefix(playbook.scopes[scope].name_prefix.as_str()) == Some(name)
    };
    let with_id = steps.iter().position(|step| has_id(step.scope, step.id())).map(one);
    let named = || steps.iter().position(|step| has_name(step.scope, &step.name.value)).map(one);
    let is_called = |group: &&Group| has_id(group.scope, group.id()) || has_name(group.scope, &group.name.value);
    let group = || playbook.groups.iter().skip(1).find(is_called).map(|group| group.steps.clone());
    with_id.or_else(named).or_else(group)
}

/// What was most likely meant by a name that no step has.
pub(crate) fn step_meant(playbook: &Playbook, wanted: &str) -> Option<String> {
    let full = |scope: usize, name: &Spanned<String>, id: Option<Spanned<&str>>| {
        let scope = &playbook.scopes[scope];
        let id = id.map(|id| Spanned { value: format!("{}{}", scope.id_prefix, id.value), span: id.span });
        (if name.value.is_empty() { String::new() } else { format!("{}{}", scope.name_prefix, name.value) }, id)
    };
    let steps = playbook.steps.iter().map(|step| full(step.scope, &step.name, step.id()));
    let groups = playbook.groups.iter().map(|group| full(group.scope, &group.name, group.id()));
    let found: Vec<(String, Option<Spanned<String>>)> = steps.chain(groups).collect();
    let all = || found.iter().map(|(name, id)| (name.as_str(), id.as_ref())).filter(|(name, _)| !name.is_empty());
    let names = || all().map(|(name, _)| name).filter(|name| !is_template(name));
    let ids = all().filter_map(|(_, id)| id).map(|id| id.value.as_str());
    if let Some(name) = near(wanted, ids.chain(names())) {
        return Some(format!("did you mean `{name}`?"));
    }
    if let Some((name, id)) = all().find(|(name, _)| is_template(name) && may_be(name, wanted)) {
        if let Some(id) = id {
            return Some(format!("the name `{name}` is a template: write the step's id, `{}`", id.value));
        }
        let id = suggested_id(name);
        return Some(format!(
            "the name `{name}` is a template: give that step an id, such as `id: {id}`, and write the id here"
        ));
    }
    let lower = wanted.to_lowercase();
    let mut holding = names().filter(|name| name.to_lowercase().contains(&lower));
    match (holding.next(), holding.next()) {
        (Some(only), None) => Some(format!("did you mean `{only}`?")),
        _ => None,
    }
}

/// What stands between the templates of a name.
fn literal_pieces(name: &str) -> Vec<&str> {
    let Ok(template) = syntax::split(name) else { return Vec::new() };
    let literal = template.segments.iter().filter_map(|segment| match segment {
        Segment::Literal(range) => Some(name[range.clone()].trim()),
        Segment::Expression { .. } | Segment::Statement { .. } => None,
    });
    literal.filter(|piece| !piece.is_empty()).collect()
}

/// Whether a text may be meant as a name with templates: the name without them, its beginning, or what it may become.
fn may_be(name: &str, wanted: &str) -> bool {
    let pieces: Vec<String> = literal_pieces(name).iter().map(|piece| piece.to_lowercase()).collect();
    let wanted = wanted.trim().to_lowercase();
    let Some(first) = pieces.first() else { return false };
    if wanted.is_empty() {
        return false;
    }
    let mut rest = wanted.as_str();
    let becomes = pieces.iter().all(|piece| match rest.split_once(piece.as_str()) {
        Some((_, behind)) => {
            rest = behind;
            true
        }
        None => false,
    });
    becomes || first.starts_with(&wanted) || near(&wanted, [pieces.join(" ").as_str(), first.as_str()]).is_some()
}

/// A name without its templates as an id.
fn suggested_id(name: &str) -> String {
    let words: String = literal_pieces(name)
        .join(" ")
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' })
        .collect();
    let id = words.split_whitespace().collect::<Vec<_>>().join("-");
    if id.starts_with(|c: char| c.is_ascii_alphabetic()) { id } else { "that-step".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_templates_is_known_by_what_it_may_become() {
        let name = "The code at {{ branch }}";
        for wanted in ["The code", "the code at", "The code at main", "Teh code at", "The"] {
            assert!(may_be(name, wanted), "{wanted}");
        }
        for wanted in ["", "Restart", "code"] {
            assert!(!may_be(name, wanted), "{wanted}");
        }
        assert!(may_be("{{ a }} of {{ b }}", "x of y") && !may_be("{{ a }}", "x"));
        assert_eq!(suggested_id(name), "the-code-at");
        assert_eq!(suggested_id("{{ branch }}"), "that-step");
    }
}
