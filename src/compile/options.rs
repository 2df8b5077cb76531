//! The options of a step: their names checked, their values rendered.

use crate::inventory;
use crate::kinds::{ArgValue, Shape};
use crate::node::Node;
use crate::plan::options::{Form, Inherits, OPTIONS, OptionValue, Slot, StepOption};
use crate::playbook::{Given, Step};
use crate::render::convert::{self, Written};
use crate::render::eval::Optional;
use crate::render::renderer::Renderer;
use crate::script::Text;
use crate::source::Diagnostic;

/// What errors call the condition of a step.
pub(super) const WHEN: &str = "`when`";

/// Checks the templates of an option without rendering it.
pub(super) fn check_only(renderer: &mut Renderer<'_>, given: &Given<StepOption>) {
    if given.row.is_static() {
        return;
    }
    renderer.where_given(given.group, |renderer| match given.row.form {
        _ if given.broken => renderer.check_names(&given.value),
        Form::Condition => drop(renderer.check_condition(&given.value, WHEN)),
        Form::Field(shape) => renderer.check_only(&given.value, shape),
        _ => renderer.check_only(&given.value, Shape::Text),
    });
}

/// The options of a step that its plan holds, rendered, in the order of the table. Options with errors are missing.
pub(super) fn render(renderer: &mut Renderer<'_>, step: &Step) -> Vec<(Slot, OptionValue)> {
    let mut values = Vec::new();
    for option in OPTIONS {
        let Some(slot) = option.slot else { continue };
        // It was decided before the fields were rendered.
        if matches!(option.form, Form::Condition) {
            continue;
        }
        let value = match option.inherits {
            // The first of those that take each other's place stands for all of them.
            Inherits::Nearest(names) if names.first() == Some(&option.name) => {
                values.extend(nearest(renderer, step, names));
                continue;
            }
            Inherits::Nearest(_) => continue,
            Inherits::Merges => merged(renderer, step, option),
            _ => step.given(option.name).and_then(|given| one(renderer, given)),
        };
        values.extend(value.map(|value| (slot, value)));
    }
    values
}

/// What is given in one place; nothing where it is left out, or has an error.
fn one(renderer: &mut Renderer<'_>, given: &Given<StepOption>) -> Option<OptionValue> {
    if given.broken {
        check_only(renderer, given);
        return None;
    }
    let read = |renderer: &mut Renderer<'_>| value(renderer, given.row, &given.value);
    match renderer.where_given(given.group, |renderer| renderer.optional(&given.value, read)) {
        Optional::Given(value) => Some(value),
        Optional::LeftOut | Optional::Wrong => None,
    }
}

/// The values of these options at the innermost place where one of them has a value, in the order of their names.
fn nearest(renderer: &mut Renderer<'_>, step: &Step, names: &[&str]) -> Vec<(Slot, OptionValue)> {
    let mut found: Vec<(usize, Slot, OptionValue)> = Vec::new();
    let mut place = None;
    for given in &step.options {
        let Some(at) = names.iter().position(|name| *name == given.row.name) else { continue };
        if !found.is_empty() && given.group != place {
            break;
        }
        place = given.group;
        if let (Some(slot), Some(value)) = (given.row.slot, one(renderer, given)) {
            found.push((at, slot, value));
        }
    }
    found.sort_by_key(|(at, ..)| *at);
    found.into_iter().map(|(_, slot, value)| (slot, value)).collect()
}

/// The variables of all places together, the innermost of each name.
fn merged(renderer: &mut Renderer<'_>, step: &Step, option: &StepOption) -> Option<OptionValue> {
    let mut all: Option<Vec<(String, Text)>> = None;
    for given in step.all_given(option.name).rev() {
        let Some(OptionValue::Variables(variables)) = one(renderer, given) else { continue };
        let all = all.get_or_insert_default();
        for (name, value) in variables {
            match all.iter_mut().find(|(known, _)| *known == name) {
                Some(known) => known.1 = value,
                None => all.push((name, value)),
            }
        }
    }
    all.map(OptionValue::Variables)
}

/// The value of an option; which steps of the plan `when_changed` means is known to the caller alone.
fn value(renderer: &mut Renderer<'_>, option: &StepOption, node: &Node) -> Option<OptionValue> {
    match option.form {
        Form::Field(shape) => match renderer.arg(node, shape)?.value {
            ArgValue::Shell(script) => Some(OptionValue::Shell(script)),
            ArgValue::Bool(flag) => Some(OptionValue::Flag(flag)),
            ArgValue::Text(text) => match option.rule.filter(|rule| !rule.fits(&text)) {
                Some(rule) => {
                    let error = Diagnostic::error(node.span, format!("`{}` {}", option.name, rule.written));
                    renderer.report_value(node, error.hint(rule.pattern.hint));
                    None
                }
                None => Some(OptionValue::Text(text)),
            },
            _ => None,
        },
        Form::User => {
            let user = renderer.text(node)?;
            // sudo reads `#0` as the number of a user, and the runner refuses it in a value that only the host knows.
            let check = |name| match inventory::check_user(name) {
                Ok(name) if name.starts_with('#') => Err("a user name cannot start with `#`".to_owned()),
                checked => checked,
            };
            if let Some(Err(why)) = user.literal().map(check) {
                renderer.report_value(node, Diagnostic::error(node.span, format!("`{}`: {why}", option.name)));
                return None;
            }
            Some(OptionValue::Text(user))
        }
        Form::UpTo(most) => {
            converted(renderer, option, node, |written| convert::count(written, most).map(OptionValue::Number))
        }
        Form::Duration { zero } => {
            converted(renderer, option, node, |written| convert::duration(written, zero).map(OptionValue::Duration))
        }
        Form::Variables => renderer.environment(node).map(OptionValue::Variables),
        Form::Name => node.as_text().map(|name| OptionValue::Text(renderer.registered_as(name).as_str().into())),
        Form::Steps => Some(OptionValue::Steps(Vec::new())),
        Form::Switch => {
            convert::literal(node).and_then(|written| convert::boolean(written).ok()).map(OptionValue::Flag)
        }
        Form::Condition | Form::Items | Form::Id | Form::Words => None,
    }
}

fn converted(
    renderer: &mut Renderer<'_>,
    option: &StepOption,
    node: &Node,
    convert: impl Fn(Written<'_>) -> Result<OptionValue, Box<Diagnostic>>,
) -> Option<OptionValue> {
    let name = format!("`{}`", option.name);
    let text = renderer.plain_text(node, &name)?;
    match convert(Written { text: &text, quoted: false, span: node.span }) {
        Ok(value) => Some(value),
        Err(mut error) => {
            error.message = format!("{name}: {}", error.message);
            renderer.report_value(node, *error);
            None
        }
    }
}
