//! How much a template may ask of this machine: a playbook from somewhere else must not exhaust its stack, time or memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use minijinja::{Environment, State, Value};

use super::syntax::{self, Segment, Template, TemplateError};

/// What one template may use of the engine's fuel: one for each operation, and one for each 64 bytes that it makes. It bounds
/// time and memory.
const FUEL: u64 = 500_000;

/// What all templates together may use, and how much more for each host.
const FUEL_OF_ALL: u64 = 10_000_000;
const FUEL_OF_A_HOST: u64 = 200_000;

/// The most words and marks of one expression: the engine needs some of its stack for each.
const MAX_TOKENS: usize = 1000;

/// The most expressions of one text.
const MAX_EXPRESSIONS: usize = 2000;

/// The most statements of one template, and how deep they may be nested.
const MAX_STATEMENTS: usize = 1000;
const MAX_NESTING: usize = 100;

/// The filter that notes what an expression has used; a playbook cannot call it, because a name cannot begin like this.
const SPENT: &str = "__spent";

/// What the templates of a playbook have used.
#[derive(Clone, Debug, Default)]
pub(super) struct Spent(Arc<AtomicU64>);

impl Spent {
    /// Lets the engine count.
    pub(super) fn install(&self, env: &mut Environment<'static>) {
        env.set_fuel(Some(FUEL));
        let spent = self.clone();
        env.add_filter(SPENT, move |state: &State<'_, '_>, value: Value| {
            spent.note(state);
            value
        });
    }

    /// Adds what an evaluation has used.
    fn note(&self, state: &State<'_, '_>) {
        let used = state.fuel_levels().map_or(0, |(used, _)| used);
        self.0.fetch_add(used, Ordering::Relaxed);
    }

    /// Adds what an evaluation may have used at most.
    pub(super) fn note_all(&self) {
        self.0.fetch_add(FUEL, Ordering::Relaxed);
    }

    /// Starts to count anew.
    pub(super) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Whether the templates of a playbook with so many hosts have used up what they may use together.
    pub(super) fn is_too_much(&self, hosts: u64) -> bool {
        self.0.load(Ordering::Relaxed) > FUEL_OF_ALL.saturating_add(FUEL_OF_A_HOST.saturating_mul(hosts))
    }
}

/// The statement that notes what a whole template has used.
pub(super) const COUNT: &str = "{% set __spent = ''|__spent %}";

/// An expression that notes what it has used, where it can use much; one byte stands before it then.
pub(super) fn counted(expression: &str) -> Option<String> {
    let can_use_much = expression.contains(['|', '(', '*', '~', '+', '[']);
    can_use_much.then(|| format!("({expression})|{SPENT}"))
}

/// Refuses a template that the engine could not read within its stack.
pub(super) fn check(template: &Template<'_>) -> Result<(), TemplateError> {
    if template.segments.len() > 2 * MAX_EXPRESSIONS + MAX_STATEMENTS {
        let message = format!("a text has more than {MAX_EXPRESSIONS} expressions");
        return Err(too_much(0..template.text.len().min(40), message));
    }
    let (mut open, mut statements): (Vec<usize>, usize) = (Vec::new(), 0);
    for segment in &template.segments {
        let (inner, statement) = match segment {
            Segment::Literal(_) => continue,
            Segment::Expression { inner, .. } => (inner, false),
            Segment::Statement { inner, .. } => (inner, true),
        };
        check_expression(template.text, inner)?;
        if !statement {
            continue;
        }
        statements += 1;
        let words = &template.text[inner.clone()];
        match words.split_whitespace().next().unwrap_or("") {
            "set" if words.contains('=') => {}
            "if" | "for" | "with" | "filter" | "set" | "autoescape" => open.push(1),
            // The engine reads each `elif` inside the one before it.
            "elif" => open.last_mut().into_iter().for_each(|depth| *depth += 1),
            word if word.starts_with("end") => drop(open.pop()),
            _ => {}
        }
        if statements > MAX_STATEMENTS {
            return Err(too_much(inner.clone(), format!("a template has more than {MAX_STATEMENTS} statements")));
        }
        if open.iter().sum::<usize>() > MAX_NESTING {
            return Err(too_much(inner.clone(), format!("statements are nested more than {MAX_NESTING} deep")));
        }
    }
    Ok(())
}

/// Refuses an expression that is too long.
pub(super) fn check_expression(text: &str, inner: &std::ops::Range<usize>) -> Result<(), TemplateError> {
    // Most expressions are shorter than this even without a look at their words.
    if inner.len() > MAX_TOKENS && syntax::tokens(text, inner.clone()).len() > MAX_TOKENS {
        return Err(too_much(
            inner.start..inner.start + 40,
            format!("an expression has more than {MAX_TOKENS} words and marks"),
        ));
    }
    Ok(())
}

fn too_much(at: std::ops::Range<usize>, message: String) -> TemplateError {
    let hint = "put parts of it into variables, or let the shell of the step do the work".to_owned();
    TemplateError { at, message, hint: Some(hint), syntax: false }
}

/// The error for a template that used up what it may use.
pub(super) fn exhausted(at: std::ops::Range<usize>, together: bool) -> TemplateError {
    let whose = if together { "the templates of this playbook together need" } else { "the template needs" };
    TemplateError {
        at,
        message: format!("{whose} too much time or memory"),
        hint: Some(
            "a loop in a loop multiplies, and so does what repeats a text; let the shell of the step do such work"
                .to_owned(),
        ),
        syntax: false,
    }
}
