//! The steps of one host: which of them run, how often, and with what.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::choice::Choice;
use super::digest::digest;
use super::{options, recipe};
use crate::event::escape;
use crate::host_value::{Condition, Expr};
use crate::ids::{Digest, StepId, StepKey, StepLabel};
use crate::kinds::{Kind, Recipe, Shape};
use crate::node::Node;
use crate::plan::options::StepOption;
use crate::plan::{Action, HostCondition, OwedField, PlannedStep, Question, StepSpec};
use crate::playbook::{Given, Inputs, Playbook, Step};
use crate::render::condition::Decision as Decided;
use crate::render::iteration::Iteration;
use crate::render::renderer::Renderer;
use crate::render::syntax::{self, Segment};
use crate::render::vars::for_each_use;
use crate::script::Text;
use crate::source::{Diagnostic, Span};

/// The most steps of the plan of one host, iterations counted one by one.
const MAX_PLANNED: usize = 20_000;

/// Compiles the steps of one host, in order.
pub(super) struct Steps<'a> {
    playbook: &'a Playbook,
    /// Its steps.
    authored: &'a [Step],
    renderer: Renderer<'a>,
    choice: &'a Choice,
    inputs: &'a Inputs,
    /// For each step of the playbook, the indexes of those that its `when_changed` names.
    watches: Vec<Vec<usize>>,
    /// For each step of the playbook, the fields of its kind that name steps, with the indexes of these.
    waiting: Vec<Vec<(&'static str, usize)>>,
    planned: Vec<PlannedStep>,
    /// For each step of the playbook, its steps in the plan and their digests.
    ids: Vec<Vec<(StepId, Digest)>>,
    /// For each step of the playbook, what it and its iterations are called, in the plan or left out of it.
    keys: Vec<Vec<StepKey>>,
    /// For each step of the playbook, how many steps before it are called the same.
    namesakes: Vec<usize>,
    /// For each group, its question as far as it has been asked for.
    questions: HashMap<usize, Option<Arc<Question>>>,
    /// What the conditions of groups say: the group, the place of the option.
    decided: HashMap<(usize, Span), Decided>,
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

/// What the host decides of a step.
#[derive(Clone, Debug, Default)]
struct OnHost {
    /// The conditions, which must all hold.
    conditions: Vec<Condition>,
    /// As they were written.
    written: Vec<String>,
}

/// Whether a step, or an iteration of it, runs.
enum Decision {
    /// It does, as far as the host decides nothing else.
    Run(OnHost),
    Skip(String),
    /// An error has been reported.
    Unknown,
}

impl<'a> Steps<'a> {
    pub(super) fn new(playbook: &'a Playbook, renderer: Renderer<'a>, choice: &'a Choice, inputs: &'a Inputs) -> Self {
        let authored = playbook.steps.as_slice();
        let count = authored.len();
        let called = CalledSteps::of(playbook);
        let watches = |step: &Step| {
            let words = step.words("when_changed");
            words.filter_map(|name| called.find(playbook, step.scope, name.value)).flatten().collect::<Vec<_>>()
        };
        let waiting = |step: &Step| {
            let named = step.steps_in_fields();
            let found = named.filter_map(|(field, name)| Some((field, called.find(playbook, step.scope, name.value)?)));
            found.flat_map(|(field, steps)| steps.map(move |at| (field, at))).collect::<Vec<_>>()
        };
        Self {
            playbook,
            watches: authored.iter().map(watches).collect(),
            waiting: authored.iter().map(waiting).collect(),
            authored,
            renderer,
            choice,
            inputs,
            planned: Vec::new(),
            ids: vec![Vec::new(); count],
            keys: vec![Vec::new(); count],
            namesakes: namesakes(playbook),
            questions: HashMap::new(),
            decided: HashMap::new(),
            carried: Vec::new(),
        }
    }

    /// Checks what stands at the groups: its names are defined wherever the steps run or not.
    pub(super) fn check_groups(&mut self) {
        for (at, group) in self.playbook.groups.iter().enumerate() {
            self.renderer.left_out = group.steps.clone().all(|step| self.choice.left_out.contains(&step));
            self.renderer.where_given(Some(at), |renderer| renderer.check_only(&group.name_node, Shape::Text));
            for given in &group.options {
                let secrets = self.renderer.secrets_used.clone();
                options::check_only(&mut self.renderer, &Given { group: Some(at), ..given.clone() });
                self.renderer.secrets_used = secrets;
            }
            for (_, node) in &group.leftover {
                self.renderer.check_names(node);
            }
        }
        self.renderer.left_out = false;
    }

    /// The planned steps, and the renderer with its diagnostics.
    pub(super) fn finish(mut self) -> (Vec<PlannedStep>, Renderer<'a>) {
        for (at, watches) in self.watches.iter().enumerate() {
            for (id, _) in watches.iter().flat_map(|watched| &self.ids[*watched]) {
                self.planned[id.0 as usize - 1].watched_by.extend(self.keys[at].iter().cloned());
            }
        }
        for (at, waiting) in self.waiting.iter().enumerate() {
            for (field, watched) in waiting {
                for (id, _) in &self.ids[*watched] {
                    let keys = self.keys[at].iter().map(|key| key.of_field(field));
                    self.planned[id.0 as usize - 1].watched_by.extend(keys);
                }
            }
        }
        (self.planned, self.renderer)
    }

    /// Compiles the step at this index.
    pub(super) fn compile(&mut self, at: usize, line: &str) {
        let step = &self.authored[at];
        self.renderer.enter(step.scope);
        self.renderer.step = Some(at);
        self.renderer.in_loop = step.option("loop").is_some();
        self.renderer.loop_names = step.loop_names().map(str::to_owned).collect();
        self.renderer.may_loop = step.may_have("loop");
        self.renderer.iterate(None);
        if self.choice.left_out.contains(&at) {
            self.keys_left_out(at);
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

    /// Notes what a step that is left out is called: other steps may watch it, or be watched by it. Its errors do not matter
    /// for that.
    fn keys_left_out(&mut self, at: usize) {
        let step = &self.authored[at];
        let before = self.renderer.diagnostics.len();
        let secrets = self.renderer.secrets_used.clone();
        let iterations = step.option("loop").and_then(|items| self.renderer.iterations(items));
        self.renderer.diagnostics.truncate(before);
        self.renderer.secrets_used = secrets;
        self.keys[at] = match iterations {
            Some(iterations) if !iterations.is_empty() => {
                iterations.iter().map(|iteration| self.key(at, Some(iteration))).collect()
            }
            _ => vec![self.key(at, None)],
        };
    }

    /// Compiles a step that is left out, for what it would export; its errors do not matter for that.
    fn carry_exports(&mut self, step: &Step) {
        let before = self.renderer.diagnostics.len();
        let secrets = self.renderer.secrets_used.clone();
        let runs = step.conditions().all(|given| self.is_true(given) == Some(Decided::Known(true)));
        let recipe = if runs { recipe::recipe(&mut self.renderer, step, self.inputs) } else { None };
        self.renderer.diagnostics.truncate(before);
        match recipe.as_ref().map(Recipe::exports) {
            Some(exports) if !exports.is_empty() => {
                self.carried.retain(|(name, _)| !replaces(exports, name));
                self.carried.extend(recipe.iter().flat_map(Recipe::exports_to_shells).cloned());
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
        let label = StepLabel::plain(u32::try_from(place.at + 1).expect("fewer than 2^32 steps"));
        let items = step.option("loop");
        let own = step.conditions().find(|given| given.group.is_none());
        let each = own.filter(|when| items.is_some() && uses_loop_names(step, &when.value));
        let conditions: Vec<_> = step.conditions().filter(|given| given.group.is_some() || each.is_none()).collect();
        let on_host = match self.decide(&conditions, &OnHost::default()) {
            Decision::Run(on_host) => on_host,
            Decision::Skip(why) => {
                self.check_only(step);
                if let Some(items) = items {
                    self.check_items(items, &conditions);
                }
                self.skip(place, label, None, why);
                // What the step is skipped for now stays owed to each of its iterations.
                self.keys_left_out(place.at);
                return;
            }
            Decision::Unknown => {
                self.check_only(step);
                return;
            }
        };
        match items {
            Some(items) => self.iterate(place, label, items, (each, &on_host)),
            None => self.apply(place, label, None, &on_host),
        }
    }

    /// Looks for what is undefined in the items of a loop that does not run, unless `when` asks about the same names: it may
    /// skip the step because of them.
    fn check_items(&mut self, items: &Node, conditions: &[&Given<StepOption>]) {
        let texts = conditions.iter().filter_map(|given| given.value.as_text());
        let asked: Vec<&str> = texts.flat_map(names_of).collect();
        let mut shared = false;
        for_each_use(items, self.renderer.templates, &mut |_, name, _| shared |= asked.contains(&name));
        if !shared {
            drop(self.renderer.value(items));
        }
    }

    /// Decides by conditions, the outermost first, of which all have to be true; `others` are what the host decides besides.
    fn decide(&mut self, conditions: &[&Given<StepOption>], others: &OnHost) -> Decision {
        let mut on_host = others.clone();
        for given in conditions {
            let written = || given.value.as_text().unwrap_or("").split_whitespace().collect::<Vec<_>>().join(" ");
            match self.is_true(given) {
                Some(Decided::Known(true)) => {}
                Some(Decided::Known(false)) => {
                    return Decision::Skip(format!("when: {}", given.value.as_text().unwrap_or("").trim()));
                }
                Some(Decided::OnHost(condition)) => {
                    on_host.conditions.push(condition);
                    on_host.written.push(written());
                }
                None => return Decision::Unknown,
            }
        }
        Decision::Run(on_host)
    }

    /// What a condition says. That of a group says the same to each of its steps.
    fn is_true(&mut self, given: &Given<StepOption>) -> Option<Decided> {
        let key = given.group.map(|group| (group, given.key_span));
        if let Some(known) = key.and_then(|key| self.decided.get(&key)) {
            return Some(known.clone());
        }
        let decided =
            self.renderer.where_given(given.group, |renderer| renderer.decide(&given.value, super::options::WHEN));
        if let (Some(key), Some(decided)) = (key, &decided) {
            self.decided.insert(key, decided.clone());
        }
        decided
    }

    /// Makes a step of every iteration; `each` is a `when` that is decided for each of them, and `on_host` what the host decides for all.
    fn iterate(
        &mut self,
        place: Place<'_>,
        label: StepLabel,
        items: &Node,
        (each, on_host): (Option<&Given<StepOption>>, &OnHost),
    ) {
        let Some(iterations) = self.renderer.iterations(items) else {
            self.check_only(place.step);
            return;
        };
        if iterations.is_empty() {
            self.check_only(place.step);
            self.skip(place, label, None, "loop: the list is empty".to_owned());
            return;
        }
        if !self.has_room(place, items, iterations.len()) {
            return;
        }
        if let Some(highest) = self.choice.highest(place.at).filter(|highest| *highest as usize > iterations.len()) {
            let message = format!("there is no iteration {label}.{highest}");
            let hint = format!(
                "the loop of step {label} has {}: the last one is {label}.{}",
                iterations.len(),
                iterations.len()
            );
            self.renderer.diagnostics.push(Diagnostic::error(items.span, message).hint(hint));
        }
        for (iteration, number) in iterations.iter().zip(1..) {
            self.renderer.iterate(Some(iteration));
            let label = StepLabel { iteration: Some(number), ..label };
            if !self.choice.keeps(place.at, number) {
                let key = self.key(place.at, Some(iteration));
                self.keys[place.at].push(key);
                self.carry_exports(place.step);
                continue;
            }
            match self.decide(each.as_slice(), on_host) {
                Decision::Run(on_host) => self.apply(place, label, Some(iteration), &on_host),
                Decision::Skip(why) => {
                    self.check_only(place.step);
                    self.skip(place, label, Some(iteration), why);
                }
                Decision::Unknown => self.check_only(place.step),
            }
        }
    }

    /// Whether the plan has room for so many iterations; reports it where it has not.
    fn has_room(&mut self, place: Place<'_>, items: &Node, count: usize) -> bool {
        let named = self.waiting[place.at].iter().map(|(_, at)| at);
        let watched: usize = self.watches[place.at].iter().chain(named).map(|at| self.keys[*at].len()).sum();
        let error = if self.planned.len() + count > MAX_PLANNED {
            format!("the plan has more than {MAX_PLANNED} steps")
        } else if watched * count > MAX_PLANNED {
            format!("a loop over {count} items cannot watch {watched} steps")
        } else {
            return true;
        };
        let hint = "a list becomes several words of one command, and one step can do the work of a loop";
        self.renderer.diagnostics.push(Diagnostic::error(items.span, error).hint(hint));
        false
    }

    fn skip(&mut self, place: Place<'_>, label: StepLabel, iteration: Option<&Iteration>, why: String) {
        // The name may use what is undefined exactly because the step is skipped.
        let before = self.renderer.diagnostics.len();
        let name = self.name(place.step, iteration);
        self.renderer.diagnostics.truncate(before);
        let digest = Digest::of_fields([&b"skip"[..]]);
        let key = self.key(place.at, iteration);
        self.add(place, label, (name, key), place.step.kind, digest, Action::Skip { why });
    }

    fn apply(&mut self, place: Place<'_>, label: StepLabel, iteration: Option<&Iteration>, on_host: &OnHost) {
        let step = place.step;
        let recipe = recipe::recipe(&mut self.renderer, step, self.inputs);
        let name = self.name(step, iteration);
        let (watched, digests): (Vec<StepId>, Vec<Digest>) = self.watched(place.at).into_iter().unzip();
        let spec = recipe::spec(&mut self.renderer, step, recipe, &watched);
        let questions = self.questions(step.group);
        let (Some(mut spec), Some(kind), Some(questions)) = (spec, step.kind, questions) else { return };
        spec.questions = questions;
        spec.watches = self.watches[place.at].iter().flat_map(|at| self.keys[*at].iter().cloned()).collect();
        spec.waiting = self.waiting(place.at);
        self.decided_on_host(&mut spec, on_host);
        let digest = digest(kind.name, &spec, &digests);
        self.carried.retain(|(name, _)| !replaces(spec.recipe.exports(), name));
        // What is carried is not part of the digest: with nothing left out, the steps before give the step the same values.
        let own = |name: &str| spec.env.iter().any(|(other, _)| other == name);
        let carried: Vec<_> = self.carried.iter().filter(|(name, _)| !own(name)).cloned().collect();
        spec.env.splice(0..0, carried);
        self.add_values(&mut spec);
        let key = self.key(place.at, iteration);
        self.add(place, label, (name, key), Some(kind), digest, Action::Apply(Box::new(spec)));
    }

    /// The questions of the groups around a step, the outermost first; `None` where one of them has an error.
    fn questions(&mut self, group: usize) -> Option<Vec<Arc<Question>>> {
        let playbook = self.playbook;
        let mut questions = Vec::new();
        for (at, group) in playbook.groups_from(group) {
            let Some(asked) = &group.question else { continue };
            if !self.questions.contains_key(&at) {
                let question = self.question(at, asked);
                self.questions.insert(at, question);
            }
            questions.push(self.questions.get(&at).cloned().flatten()?);
        }
        questions.reverse();
        Some(questions)
    }

    fn question(&mut self, group: usize, asked: &Step) -> Option<Arc<Question>> {
        let spec = recipe::spec(&mut self.renderer, asked, Some(Recipe::default()), &[])?;
        // The steps of a used file are a group without a name inside that of the use.
        let playbook = self.playbook;
        let named = playbook.groups_from(group).find(|(_, group)| !group.name.value.is_empty());
        let name = named
            .and_then(|(at, named)| self.renderer.where_given(Some(at), |renderer| renderer.text(&named.name_node)));
        let number = u32::try_from(self.questions.values().flatten().count() + 1).expect("fewer than 2^32 groups");
        let name = on_one_line(&name.map_or_else(String::new, |name| name.display()));
        let mut spec = spec;
        self.add_values(&mut spec);
        let mut question = Question::new(number, name, spec);
        // Like those of a step, they are not part of a digest.
        let env = &mut question.spec.env;
        let own = |name: &str| env.iter().any(|(other, _)| other == name);
        let carried: Vec<_> = self.carried.iter().filter(|(name, _)| !own(name)).cloned().collect();
        env.splice(0..0, carried);
        Some(Arc::new(question))
    }

    /// Gives a step the condition that the host decides.
    fn decided_on_host(&mut self, spec: &mut StepSpec, on_host: &OnHost) {
        if on_host.conditions.is_empty() {
            return;
        }
        let condition = Condition::all(on_host.conditions.clone());
        let variable = self.renderer.keep_value(Expr::Truth(Box::new(condition)));
        spec.when = Some(HostCondition { variable, written: on_host.written.join(" and ") });
    }

    /// Gives a step the expressions that the host evaluates for it; the shell of one may use others.
    fn add_values(&self, spec: &mut StepSpec) {
        if self.renderer.host.values.is_empty() {
            return;
        }
        loop {
            let when = spec.when.iter().map(|when| when.variable.clone());
            let names: Vec<String> = spec.uses().values.into_iter().chain(when).collect();
            let missing = names.into_iter().filter(|name| spec.values.iter().all(|(known, _)| known != name));
            let found: Vec<_> = missing
                .filter_map(|name| Some((name.clone(), self.renderer.host.values.get(&name)?.clone())))
                .collect();
            if found.is_empty() {
                return;
            }
            spec.values.extend(found);
        }
    }

    /// The steps of the plan that `when_changed` names, with their digests.
    fn watched(&self, at: usize) -> Vec<(StepId, Digest)> {
        self.watches[at].iter().flat_map(|at| self.ids[*at].iter().cloned()).collect()
    }

    /// The fields of the step's kind that name steps, with those of them that are in the plan.
    fn waiting(&self, at: usize) -> Vec<OwedField> {
        let mut fields: Vec<OwedField> = Vec::new();
        for (field, watched) in &self.waiting[at] {
            let ids = self.ids[*watched].iter().map(|(id, _)| *id);
            match fields.iter_mut().find(|known| known.field == *field) {
                Some(known) => known.steps.extend(ids),
                None => fields.push(OwedField { field, steps: ids.collect() }),
            }
        }
        fields
    }

    /// What other runs call a step, or its iteration.
    fn key(&self, at: usize, iteration: Option<&Iteration>) -> StepKey {
        let called = self.playbook.called(&self.authored[at]);
        let called = called.as_str();
        let item = iteration.map(|iteration| iteration.item.to_string());
        match self.namesakes[at] {
            0 => StepKey::new(called, item.as_deref()),
            // A control character, which no name has.
            before => StepKey::new(&format!("{called}\0{before}"), item.as_deref()),
        }
    }

    fn add(
        &mut self,
        place: Place<'_>,
        label: StepLabel,
        (name, key): (String, StepKey),
        kind: Option<&Kind>,
        digest: Digest,
        action: Action,
    ) {
        let id = StepId(u32::try_from(self.planned.len() + 1).expect("fewer than 2^32 steps"));
        self.ids[place.at].push((id, digest.clone()));
        self.keys[place.at].push(key.clone());
        let kind = kind.map_or("", |kind| kind.name);
        let (watched_by, origin) = (Vec::new(), place.line.to_owned());
        self.planned.push(PlannedStep { id, label, name, kind, key, watched_by, digest, origin, action });
    }

    /// The names of the uses around a step, which stand in front of its own.
    fn prefix(&mut self, step: &Step) -> String {
        let playbook = self.playbook;
        let mut prefix = String::new();
        for (at, group) in playbook.groups_from(step.group).filter(|(_, group)| group.is_use) {
            let name = self.renderer.where_given(Some(at), |renderer| renderer.text(&group.name_node));
            let name = name.map_or_else(|| group.name.value.clone(), |name| name.display());
            prefix = format!("{name}: {prefix}");
        }
        prefix
    }

    /// The step's name, on one line. An iteration adds its title, unless the name uses it already.
    fn name(&mut self, step: &Step, iteration: Option<&Iteration>) -> String {
        let rendered =
            self.renderer.text(&step.name_node).map_or_else(|| step.name.value.clone(), |text| text.display());
        let rendered = self.prefix(step) + &rendered;
        let name = match iteration {
            Some(iteration) if !template_uses_loop_names(step, &step.name.value) => {
                format!("{rendered} ({})", iteration.title())
            }
            _ => rendered,
        };
        on_one_line(&name)
    }
}

/// A name as it is shown.
fn on_one_line(name: &str) -> String {
    let on_one_line: String = name.chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c }).collect();
    escape(on_one_line.as_bytes())
}

/// The steps by what they are called: a group is all of its steps, and an id counts before a name.
struct CalledSteps {
    ids: HashMap<String, Range<usize>>,
    names: HashMap<String, Range<usize>>,
}

impl CalledSteps {
    fn of(playbook: &Playbook) -> Self {
        let steps = || playbook.steps.iter().enumerate().rev();
        let groups = || playbook.groups.iter().skip(1).rev();
        let name = |scope: usize, name: &str| format!("{}{name}", playbook.scopes[scope].name_prefix);
        let id = |scope: usize, id: &str| format!("{}{id}", playbook.scopes[scope].id_prefix);
        let mut names: HashMap<String, Range<usize>> =
            groups().map(|group| (name(group.scope, &group.name.value), group.steps.clone())).collect();
        names.extend(steps().map(|(at, step)| (name(step.scope, &step.name.value), at..at + 1)));
        let mut ids: HashMap<String, Range<usize>> =
            groups().filter_map(|group| Some((id(group.scope, group.id()?.value), group.steps.clone()))).collect();
        ids.extend(steps().filter_map(|(at, step)| Some((id(step.scope, step.id()?.value), at..at + 1))));
        Self { ids, names }
    }

    /// What a word means in a file.
    fn find(&self, playbook: &Playbook, scope: usize, word: &str) -> Option<Range<usize>> {
        let scope = &playbook.scopes[scope];
        let by_id = self.ids.get(&format!("{}{word}", scope.id_prefix));
        by_id.or_else(|| self.names.get(&format!("{}{word}", scope.name_prefix))).cloned()
    }
}

/// For each step, how many of those before it are called the same: their order is the difference between such steps.
fn namesakes(playbook: &Playbook) -> Vec<usize> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut next = |step| {
        let count = seen.entry(playbook.called(step)).or_default();
        *count += 1;
        *count - 1
    };
    playbook.steps.iter().map(&mut next).collect()
}

/// Whether one of these exports takes the place of what a variable holds.
fn replaces(exports: &[(String, Text)], name: &str) -> bool {
    exports.iter().any(|(other, value)| other == name && value.in_front().is_none())
}

/// Whether an expression uses a name of the step's loop.
fn uses_loop_names(step: &Step, expression: &Node) -> bool {
    let text = expression.as_text().unwrap_or("");
    mentions_loop(step, text, 0..text.len())
}

/// Whether one of a text's expressions uses a name of the step's loop.
fn template_uses_loop_names(step: &Step, text: &str) -> bool {
    syntax::split(text).is_ok_and(|template| {
        template.segments.iter().any(|segment| match segment {
            Segment::Expression { inner, .. } => mentions_loop(step, text, inner.clone()),
            _ => false,
        })
    })
}

/// The names that an expression uses.
fn names_of(expression: &str) -> Vec<&str> {
    syntax::uses(&syntax::tokens(expression, 0..expression.len())).iter().map(|found| found.name).collect()
}

fn mentions_loop(step: &Step, text: &str, range: std::ops::Range<usize>) -> bool {
    let of_loop = |name: &str| Iteration::NAMES.contains(&name) || step.loop_names().any(|known| known == name);
    syntax::uses(&syntax::tokens(text, range)).iter().any(|found| of_loop(found.name))
}
