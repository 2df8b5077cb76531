//! The steps of one host: which of them run, how often, and with what.

use super::digest::digest;
use super::recipe;
use crate::ids::{Digest, StepId};
use crate::kinds::{Kind, Recipe};
use crate::node::Node;
use crate::plan::{Action, PlannedStep};
use crate::playbook::Step;
use crate::render::iteration::Iteration;
use crate::render::renderer::Renderer;
use crate::render::syntax::{self, Segment};
use crate::script::Text;
use crate::source::Diagnostic;

/// The most iterations of one loop.
const MAX_ITERATIONS: usize = 1000;

/// Compiles the steps of one host, in order.
pub(super) struct Steps<'a> {
    /// The steps of the playbook.
    authored: &'a [Step],
    renderer: Renderer<'a>,
    planned: Vec<PlannedStep>,
    /// For each step of the playbook, its steps in the plan and their digests.
    ids: Vec<Vec<(StepId, Digest)>>,
    /// What steps that are left out would have exported: later steps get it nevertheless.
    carried: Vec<(String, Text)>,
}

/// A step of the playbook on its way into the plan.
#[derive(Clone, Copy)]
struct Place<'s> {
    at: usize,
    step: &'s Step,
    /// Its line, as `file:line`.
    line: &'s str,
}

/// Whether a step, or an iteration of it, runs.
enum Decision {
    Run,
    Skip(String),
    /// An error has been reported.
    Unknown,
}

impl<'a> Steps<'a> {
    pub(super) fn new(authored: &'a [Step], renderer: Renderer<'a>) -> Self {
        Self { authored, renderer, planned: Vec::new(), ids: vec![Vec::new(); authored.len()], carried: Vec::new() }
    }

    /// The planned steps, and the renderer with its diagnostics.
    pub(super) fn finish(self) -> (Vec<PlannedStep>, Renderer<'a>) {
        (self.planned, self.renderer)
    }

    /// Compiles the step at this index.
    pub(super) fn compile(&mut self, at: usize, line: &str, left_out: bool) {
        let step = &self.authored[at];
        self.renderer.step = Some(at);
        self.renderer.in_loop = step.option("loop").is_some();
        self.renderer.may_loop = step.may_have("loop");
        self.renderer.iterate(None);
        if left_out {
            self.carry_exports(step);
            self.renderer.left_out = true;
            self.check_only(step);
            self.renderer.left_out = false;
        } else {
            self.step(Place { at, step, line });
        }
    }

    /// Checks the names of a step that does not run.
    fn check_only(&mut self, step: &Step) {
        recipe::check_only(&mut self.renderer, step);
    }

    /// Compiles a step that is left out, for what it would export; its errors do not matter for that.
    fn carry_exports(&mut self, step: &Step) {
        let before = self.renderer.diagnostics.len();
        let secrets = self.renderer.secrets_used.clone();
        let runs = step.option("when").is_none_or(|when| self.renderer.decide(when) == Some(true));
        let recipe = if runs { recipe::recipe(&mut self.renderer, step) } else { None };
        self.renderer.diagnostics.truncate(before);
        match recipe.as_ref().map(Recipe::exports) {
            Some(exports) if !exports.is_empty() => {
                self.carried.retain(|(name, _)| !exports.iter().any(|(other, _)| other == name));
                self.carried.extend(exports.iter().cloned());
            }
            _ => self.renderer.secrets_used = secrets,
        }
    }

    fn step(&mut self, place: Place<'_>) {
        let step = place.step;
        for (_, node) in &step.leftover {
            self.renderer.check_names(node);
        }
        if step.may_be_skipped() {
            self.check_only(step);
            return;
        }
        let number = (place.at + 1).to_string();
        let when = step.option("when");
        let items = step.option("loop");
        let each = items.and(when).filter(|when| uses_loop_names(when));
        match self.decide(when.filter(|_| each.is_none())) {
            Decision::Run => {}
            Decision::Skip(why) => {
                self.check_only(step);
                self.skip(place, number, None, why);
                return;
            }
            Decision::Unknown => {
                self.check_only(step);
                return;
            }
        }
        match items {
            Some(items) => self.iterate(place, &number, items, each),
            None => self.apply(place, number, None),
        }
    }

    fn decide(&mut self, when: Option<&Node>) -> Decision {
        let Some(when) = when else { return Decision::Run };
        match self.renderer.decide(when) {
            Some(true) => Decision::Run,
            Some(false) => Decision::Skip(format!("when: {}", when.as_text().unwrap_or("").trim())),
            None => Decision::Unknown,
        }
    }

    /// Makes a step of every iteration; `each` is a `when` that is decided for each of them.
    fn iterate(&mut self, place: Place<'_>, number: &str, items: &Node, each: Option<&Node>) {
        let Some(iterations) = self.renderer.iterations(items) else {
            self.check_only(place.step);
            return;
        };
        if iterations.is_empty() {
            self.check_only(place.step);
            self.skip(place, number.to_owned(), None, "loop: the list is empty".to_owned());
            return;
        }
        if iterations.len() > MAX_ITERATIONS {
            let error = Diagnostic::error(items.span, format!("a loop over {} items is too long", iterations.len()));
            let hint = format!("the limit is {MAX_ITERATIONS}; a list becomes several words of one command");
            self.renderer.diagnostics.push(error.hint(hint));
            self.check_only(place.step);
            return;
        }
        for iteration in &iterations {
            self.renderer.iterate(Some(iteration));
            let label = format!("{number}[{}]", iteration.index);
            match self.decide(each) {
                Decision::Run => self.apply(place, label, Some(iteration)),
                Decision::Skip(why) => {
                    self.check_only(place.step);
                    self.skip(place, label, Some(iteration), why);
                }
                Decision::Unknown => self.check_only(place.step),
            }
        }
    }

    fn skip(&mut self, place: Place<'_>, label: String, iteration: Option<&Iteration>, why: String) {
        // The name may use what is undefined exactly because the step is skipped.
        let before = self.renderer.diagnostics.len();
        let name = self.name(place.step, iteration);
        self.renderer.diagnostics.truncate(before);
        let digest = Digest::of_fields([&b"skip"[..]]);
        self.add(place, label, name, place.step.kind, digest, Action::Skip { why });
    }

    fn apply(&mut self, place: Place<'_>, label: String, iteration: Option<&Iteration>) {
        let step = place.step;
        let recipe = recipe::recipe(&mut self.renderer, step);
        let name = self.name(step, iteration);
        let (watched, digests): (Vec<StepId>, Vec<Digest>) = self.watched(step).into_iter().unzip();
        let spec = recipe::spec(&mut self.renderer, step, recipe, &watched);
        let (Some(mut spec), Some(kind)) = (spec, step.kind) else { return };
        let digest = digest(kind.name, &spec, &digests);
        self.carried.retain(|(name, _)| !spec.recipe.exports().iter().any(|(other, _)| other == name));
        // What is carried is not part of the digest: with nothing left out, the steps before give the step the same values.
        let own = |name: &str| spec.env.iter().any(|(other, _)| other == name);
        let carried: Vec<_> = self.carried.iter().filter(|(name, _)| !own(name)).cloned().collect();
        spec.env.splice(0..0, carried);
        self.add(place, label, name, Some(kind), digest, Action::Apply(Box::new(spec)));
    }

    /// The steps of the plan that `when_changed` names, with their digests.
    fn watched(&self, step: &Step) -> Vec<(StepId, Digest)> {
        let position = |name: &str| self.authored.iter().position(|step| step.name.value == name);
        let positions = step.words("when_changed").filter_map(|name| position(name.value));
        positions.flat_map(|at| self.ids[at].iter().cloned()).collect()
    }

    fn add(
        &mut self,
        place: Place<'_>,
        label: String,
        name: String,
        kind: Option<&Kind>,
        digest: Digest,
        action: Action,
    ) {
        let id = StepId(u32::try_from(self.planned.len() + 1).expect("fewer than 2^32 steps"));
        self.ids[place.at].push((id, digest.clone()));
        let kind = kind.map_or("", |kind| kind.name);
        self.planned.push(PlannedStep { id, label, name, kind, digest, origin: place.line.to_owned(), action });
    }

    /// The step's name, on one line. An iteration adds its title, unless the name uses it already.
    fn name(&mut self, step: &Step, iteration: Option<&Iteration>) -> String {
        let rendered =
            self.renderer.text(&step.name_node).map_or_else(|| step.name.value.clone(), |text| text.display());
        let name = match iteration {
            Some(iteration) if !template_uses_loop_names(&step.name.value) => {
                format!("{rendered} ({})", iteration.title())
            }
            _ => rendered,
        };
        name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }
}

/// Whether an expression uses `item` or `index`.
fn uses_loop_names(expression: &Node) -> bool {
    let text = expression.as_text().unwrap_or("");
    mentions_loop(text, 0..text.len())
}

/// Whether one of a text's expressions uses `item` or `index`.
fn template_uses_loop_names(text: &str) -> bool {
    syntax::split(text).is_ok_and(|template| {
        template.segments.iter().any(|segment| match segment {
            Segment::Expression { inner, .. } => mentions_loop(text, inner.clone()),
            _ => false,
        })
    })
}

fn mentions_loop(text: &str, range: std::ops::Range<usize>) -> bool {
    syntax::uses(&syntax::tokens(text, range)).iter().any(|found| Iteration::NAMES.contains(&found.name))
}
