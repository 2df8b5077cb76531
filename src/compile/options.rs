//! The options of a step: their names checked, their values rendered.

use crate::inventory;
use crate::kinds::{ArgValue, Shape};
use crate::node::Node;
use crate::plan::options::{Form, OPTIONS, OptionValue, Slot, StepOption};
use crate::playbook::{Given, Step};
use crate::render::convert::{self, Written};
use crate::render::eval::Optional;
use crate::render::renderer::Renderer;
use crate::source::Diagnostic;

/// Checks the templates of an option without rendering it.
pub(super) fn check_only(renderer: &mut Renderer<'_>, given: &Given<StepOption>) {
    if given.row.is_static() {
        return;
    }
    match given.row.form {
        _ if given.broken => renderer.check_names(&given.value),
        Form::Condition => drop(renderer.check_condition(&given.value)),
        Form::Field(shape) => renderer.check_only(&given.value, shape),
        _ => renderer.check_only(&given.value, Shape::Text),
    }
}

/// The options of a step that its plan holds, rendered, in the order of the table. Options with errors are missing.
pub(super) fn render(renderer: &mut Renderer<'_>, step: &Step) -> Vec<(Slot, OptionValue)> {
    let mut values = Vec::new();
    for option in OPTIONS {
        let (Some(slot), Some(given)) = (option.slot, step.given(option.name)) else { continue };
        if given.broken {
            check_only(renderer, given);
            continue;
        }
        if let Optional::Given(value) =
            renderer.optional(&given.value, |renderer| value(renderer, option, &given.value))
        {
            values.push((slot, value));
        }
    }
    values
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
        Form::Name => node.as_text().map(|name| OptionValue::Text(name.into())),
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
