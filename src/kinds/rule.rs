//! Rules across the fields of a kind, as data.

use super::{Args, When};
use crate::source::Diagnostic;

/// What must hold between the fields of a step.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    test: Test,
    hint: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Test {
    AnyOf(&'static [&'static str]),
    AtMostOne(&'static [&'static str]),
    ExactlyOne(&'static [&'static str]),
    OnlyWith(&'static str, &'static str),
    NotWhen(&'static str, When),
}

/// At least one of these fields is given.
pub const fn any_of(fields: &'static [&'static str]) -> Rule {
    Rule { test: Test::AnyOf(fields), hint: "" }
}

/// At most one of these fields is given.
pub const fn at_most_one(fields: &'static [&'static str]) -> Rule {
    Rule { test: Test::AtMostOne(fields), hint: "" }
}

/// Exactly one of these fields is given.
pub const fn exactly_one(fields: &'static [&'static str]) -> Rule {
    Rule { test: Test::ExactlyOne(fields), hint: "" }
}

/// The first field is given only together with the second.
pub const fn only_with(field: &'static str, other: &'static str) -> Rule {
    Rule { test: Test::OnlyWith(field, other), hint: "" }
}

/// The field is not given in this case.
pub const fn not_when(field: &'static str, case: When) -> Rule {
    Rule { test: Test::NotWhen(field, case), hint: "" }
}

impl Rule {
    /// What to do instead, where the sentence of the rule does not say it.
    #[must_use]
    pub const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = hint;
        self
    }

    /// What is wrong with these fields of this kind, if anything.
    pub(super) fn broken(&self, kind: &str, args: &Args<'_>) -> Option<Diagnostic> {
        let (diagnostic, hint) = match self.test {
            Test::AnyOf(fields) | Test::ExactlyOne(fields) if !fields.iter().any(|field| args.is_given(field)) => {
                let hint =
                    if matches!(self.test, Test::AnyOf(_)) { "give one of them" } else { "give exactly one of them" };
                let message = format!("`{kind}` needs {}", either(fields));
                (Diagnostic::error(args.span, message), hint.to_owned())
            }
            Test::AtMostOne(fields) | Test::ExactlyOne(fields) => {
                let mut given = fields.iter().copied().filter(|field| args.is_given(field));
                let (first, second) = (given.next()?, given.next()?);
                let message = format!("`{first}` and `{second}` exclude each other");
                let diagnostic = Diagnostic::error(args.key_place(second), message);
                let diagnostic = diagnostic.related(args.key_place(first), format!("`{first}` is given here"));
                (diagnostic, "keep one of them".to_owned())
            }
            Test::OnlyWith(field, other) if args.is_set(field) && !args.is_set(other) => {
                let message = format!("`{field}` has no effect without `{other}`");
                (Diagnostic::error(args.key_place(field), message), format!("add `{other}`, or remove `{field}`"))
            }
            Test::NotWhen(field, case) if args.is_set(field) && case.holds(args) => {
                let message = format!("`{field}` has no effect {case}");
                (Diagnostic::error(args.key_place(field), message), format!("remove `{field}`"))
            }
            Test::AnyOf(_) | Test::OnlyWith(..) | Test::NotWhen(..) => return None,
        };
        let hint = if self.hint.is_empty() { hint } else { self.hint.to_owned() };
        Some(if hint.is_empty() { diagnostic } else { diagnostic.hint(hint) })
    }
}

/// `a`, `b` or `c`.
fn either(fields: &[&str]) -> String {
    let quoted: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} or {last}", before.join(", ")),
        None => String::new(),
    }
}
