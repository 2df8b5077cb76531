//! One step with its values: the kind's recipe, and the options around it.

use std::sync::Arc;

use super::{locks, options, trees};
use crate::host_value::Expr;
use crate::ids::StepId;
use crate::kinds::{Arg, ArgValue, Args, Doubt, Recipe, Shape};
use crate::node::Node;
use crate::plan::options::OptionValue;
use crate::plan::{OnUnknown, RunAs, StepSpec};
use crate::playbook::{Inputs, Step};
use crate::render::eval::Optional;
use crate::render::renderer::Renderer;
use crate::script::Part;
use crate::source::Diagnostic;

/// What the kind makes of the step's fields; `None` where they have errors.
pub(super) fn recipe(renderer: &mut Renderer<'_>, step: &Step, inputs: &Inputs) -> Option<Recipe> {
    let lock = &inputs.lock;
    let mut fields = Vec::with_capacity(step.fields.len());
    let mut complete = step.complete;
    for given in &step.fields {
        if given.broken {
            renderer.check_only(&given.value, given.row.shape);
            complete = false;
            continue;
        }
        let read = |renderer: &mut Renderer<'_>| renderer.arg(&given.value, given.row.shape);
        let value = if given.row.required {
            read(renderer).map_or(Optional::Wrong, Optional::Given)
        } else {
            renderer.optional(&given.value, read)
        };
        match value {
            Optional::Given(arg) if given.row.shape == Shape::Conditions && is_wrong_here(renderer, step, &arg) => {
                complete = false;
            }
            Optional::Given(arg) => fields.push((given.row.name, given.key_span, arg)),
            Optional::LeftOut => {}
            Optional::Wrong => complete = false,
        }
    }
    let kind = step.kind.filter(|_| complete)?;
    if !trees::read(renderer, &mut fields, kind, &inputs.trees) {
        return None;
    }
    let fetch = if kind.locks { locks::look_up(renderer, step, lock, &mut fields) } else { None };
    let secretive = renderer.secretive();
    let args = Args { span: step.kind_span, fields: &fields, secretive, values: &renderer.host.values };
    match kind.compile(&args) {
        Ok(mut recipe) => {
            for doubt in std::mem::take(&mut recipe.doubts) {
                warn(renderer, step, doubt);
            }
            locks::tell(&mut recipe, fetch, lock);
            Some(recipe)
        }
        Err(found) => {
            for error in found {
                let holds = |node: &Node| {
                    error.span.is_some_and(|span| {
                        node.span.source == span.source && node.span.start <= span.start && span.end <= node.span.end
                    })
                };
                match step.fields.iter().map(|given| &given.value).find(|node| holds(node)) {
                    Some(node) => renderer.report_value(node, error),
                    None => renderer.diagnostics.push(error),
                }
            }
            None
        }
    }
}

/// Reports the assertions that are false already, and says whether there are some. One that a condition stands in front of is left to
/// the host, which may skip it.
fn is_wrong_here(renderer: &mut Renderer<'_>, step: &Step, arg: &Arg) -> bool {
    let ArgValue::List(truths) = &arg.value else { return false };
    if ["when", "only_if"].iter().any(|option| step.given(option).is_some()) {
        return false;
    }
    let before = renderer.diagnostics.len();
    for truth in truths {
        let ArgValue::Text(text) = &truth.value else { continue };
        let Some(Part::Host { name, written }) = text.parts().next() else { continue };
        let is_false = |expr: &Arc<Expr>| matches!(&**expr, Expr::Text(known) if known == "false");
        if renderer.host.values.get(name).is_some_and(is_false) {
            let error = Diagnostic::error(truth.span, format!("it does not hold: {written}"));
            let message = step.fields.iter().find(|given| given.row.name == "message");
            let message = message.and_then(|given| renderer.text(&given.value)).map(|text| text.display());
            renderer.diagnostics.push(match message {
                Some(message) => error.hint(message),
                None => error.hint("no host is needed to see it: the variables in it decide"),
            });
        }
    }
    renderer.diagnostics.len() > before
}

/// Reports what lint says of a field: at those of its words that it is about, where the field has them itself.
fn warn(renderer: &mut Renderer<'_>, step: &Step, doubt: Doubt) {
    let Some(given) = step.fields.iter().find(|given| given.row.name == doubt.field) else { return };
    let node = &given.value;
    let within = doubt.part.and_then(|part| node.as_text()?.find(&part).map(|at| at..at + part.len()));
    let place = within.map_or(node.span, |range| node.place(renderer.sources, range.start, range.end));
    renderer.diagnostics.push(Diagnostic::warning(place, doubt.message).hint(doubt.hint));
}

/// The recipe with the step's options, which may watch other steps of the plan.
pub(super) fn spec(
    renderer: &mut Renderer<'_>,
    step: &Step,
    recipe: Option<Recipe>,
    watched: &[StepId],
) -> Option<StepSpec> {
    let before = renderer.diagnostics.len();
    let values = options::render(renderer, step);
    if renderer.diagnostics.len() != before {
        return None;
    }
    let recipe = recipe?;
    let run_as = match (recipe.asks_as_root, recipe.needs_root) {
        (true, _) => RunAs::Root,
        (false, true) => RunAs::RootToApply,
        (false, false) => RunAs::Login,
    };
    let mut spec = StepSpec { run_as, ..StepSpec::plain(recipe) };
    for (slot, value) in values {
        let value = if matches!(value, OptionValue::Steps(_)) { OptionValue::Steps(watched.to_vec()) } else { value };
        (slot.set)(&mut spec, value);
    }
    // What needs root by itself is not done as a user that only a group names.
    let is_own = |option| step.given(option).is_some_and(|given| given.group.is_none());
    if spec.recipe.needs_root && matches!(spec.run_as, RunAs::User(_)) && !is_own("run_as") {
        spec.run_as = RunAs::RootToApply;
    }
    spec.only_asks |= step.kind.is_some_and(|kind| kind.asks);
    if spec.only_asks && step.given("on_unknown").is_none() {
        // To ask again is harmless.
        spec.on_unknown = OnUnknown::Rerun;
    }
    // The files and shells of the login user are the login user's own affair, with `sudo: true` too.
    if spec.run_as == RunAs::Root && !spec.recipe.exports().is_empty() {
        spec.run_as = if spec.recipe.needs_root { RunAs::RootToApply } else { RunAs::Login };
    }
    Some(spec)
}

/// Checks the templates of a step that does not run here: an undefined name is an error there too.
pub(super) fn check_only(renderer: &mut Renderer<'_>, step: &Step) {
    let secrets = renderer.secrets_used.clone();
    for given in &step.fields {
        renderer.check_only(&given.value, given.row.shape);
    }
    for given in &step.options {
        options::check_only(renderer, given);
    }
    renderer.check_only(&step.name_node, crate::kinds::Shape::Text);
    renderer.secrets_used = secrets;
}
