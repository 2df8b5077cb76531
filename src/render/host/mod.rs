//! Expressions over values that only the host knows: what of them is known here is evaluated here, and the rest is compiled for the
//! host.
//!
//! `parse` reads an expression as a tree. `lower` makes a [`Lowered`] of it: every part without a value of the host is evaluated by the
//! template engine as in any other expression. `filters` has what filters and tests mean on the host.

mod choice;
mod comparison;
mod filters;
mod lower;
mod parse;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::ValueKind;

use self::parse::{Ast, AstNode, parse};
use super::context::{FACTS_NAME, OrderedMap};
use super::filters::STRUCTURAL;
use super::limits;
use super::renderer::Renderer;
use super::syntax::{TemplateError, is_template};
use super::templates::each_text;
use crate::host_value::{Comparison, Condition, Expr, ExprType, FACTS, Leaf};
use crate::script::{HOLE_OPEN, Part, Text};

/// What an expression is.
#[derive(Clone, Debug)]
pub(crate) enum Lowered {
    /// It is known here.
    Known(Value),
    /// The host finds it out.
    Expr(Expr),
    /// The host decides it.
    Condition(Condition),
}

/// The facts as a map of holes.
pub(super) fn facts() -> Value {
    let hole = |name: &str| Value::from(Text::host(&format!("0{name}"), &format!("host.{name}")));
    Value::from_object(FACTS.iter().map(|fact| (fact.name.to_owned(), hole(fact.name))).collect::<OrderedMap>())
}

/// Whether the template engine can evaluate an expression with holes for what only the host knows: it inserts or joins values, and
/// looks into none of them.
pub(super) fn is_native(text: &str, range: &Range<usize>, renderer: &Renderer<'_>) -> bool {
    fn native(ast: &Ast<'_>, renderer: &Renderer<'_>) -> bool {
        let on_host = |ast: &Ast<'_>| {
            let mut found = false;
            ast.each_name(&mut |name| {
                found |= renderer.is_on_host(name) || (name == "host" && renderer.host_is_fact());
            });
            found
        };
        match &ast.node {
            AstNode::Name(_) | AstNode::Constant => true,
            AstNode::Attribute(base, _) => matches!(base.node, AstNode::Name("host")) || native(base, renderer),
            AstNode::List(items) => items.iter().all(|item| native(item, renderer)),
            AstNode::Map(entries) => entries.iter().all(|(name, value)| !on_host(name) && native(value, renderer)),
            AstNode::Filter(value, name, args) if STRUCTURAL.contains(&name.text) => {
                native(value, renderer) && args.iter().all(|arg| native(arg, renderer))
            }
            AstNode::Index(base, index) => native(base, renderer) && !on_host(index),
            AstNode::Binary(left, mark, right) => mark.text == "~" && native(left, renderer) && native(right, renderer),
            AstNode::Filter(value, name, args) => {
                matches!((&value.node, name.text), (AstNode::List(_), "join" | "first" | "last" | "list"))
                    && native(value, renderer)
                    && !args.iter().any(on_host)
            }
            _ => !on_host(ast),
        }
    }
    parse(text, range.clone()).is_some_and(|ast| native(&ast, renderer))
}

/// Whether a text that may be shell is an expression: it compares or asks something, which no command of one word does.
pub(crate) fn is_question(text: &str) -> bool {
    fn is_fact(ast: &Ast<'_>) -> bool {
        matches!(&ast.node, AstNode::Attribute(base, _) if matches!(base.node, AstNode::Name("host")))
    }
    let asks = |ast: Ast<'_>| match &ast.node {
        AstNode::Not(_) | AstNode::Test(..) | AstNode::Choose(..) => true,
        AstNode::Binary(_, mark, _) => !matches!(mark.text, "-" | "+" | "*" | "/" | "//" | "%" | "~" | "**"),
        _ => is_fact(&ast),
    };
    let whole = 0..text.len();
    !is_template(text) && limits::check_expression(text, &whole).is_ok() && parse(text, whole).is_some_and(asks)
}

/// An error in an expression.
fn refuse(at: &Range<usize>, message: impl Into<String>, hint: impl Into<String>) -> TemplateError {
    TemplateError { at: at.clone(), message: message.into(), hint: Some(hint.into()), syntax: false }
}

impl Renderer<'_> {
    /// Whether `host.NAME` is a fact: where no variable `host` is a map.
    pub(crate) fn host_is_fact(&self) -> bool {
        self.host.context.get(FACTS_NAME).is_some()
    }

    /// Whether the value of a name is known on the host alone, wholly or in part. A secret is not meant.
    pub(super) fn is_on_host(&self, name: &str) -> bool {
        if name == "host" && self.host_is_fact() && self.host.context.get(name).is_none() {
            return true;
        }
        if self.host.context.global(name).is_some_and(|name| self.registered.names.contains_key(name)) {
            return true;
        }
        let mut found = false;
        if let Some(value) = self.host.context.get(name).filter(|_| self.host.holes) {
            each_text(value, &mut |text| {
                found |= text.contains(HOLE_OPEN)
                    && Text::new(text).parts().any(|part| matches!(part, Part::Registered(_) | Part::Host { .. }));
            });
        }
        found
    }

    /// Gives a value that the host finds out its name, and returns the text that has its hole.
    pub(super) fn hole(&mut self, expr: Expr, written: &str) -> String {
        match expr {
            Expr::Text(text) => text,
            Expr::Number(number) => number.to_string(),
            Expr::Variable { name, written } => {
                if crate::host_value::is_fact(&name) {
                    Text::host(&name, &written)
                } else {
                    Text::registered(&name)
                }
            }
            Expr::Join(parts) => parts.into_iter().map(|part| self.hole(part, written)).collect(),
            expr => {
                let written = written.split_whitespace().collect::<Vec<_>>().join(" ");
                self.host.holes = true;
                Text::host(&self.keep_value(expr), &written)
            }
        }
    }

    /// Keeps an expression for the steps that use it, and returns the name of its value.
    pub(crate) fn keep_value(&mut self, expr: Expr) -> String {
        let mut secret = false;
        expr.each_part(&mut |leaf| match leaf {
            Leaf::Variable(name) => secret |= self.registered.secretive.contains(name),
            Leaf::Text(text) => secret |= matches!(expr, Expr::Shell(_)) && text.contains("$pb_s_"),
        });
        let name = expr.name(secret);
        self.host.values.entry(name.clone()).or_insert_with(|| Arc::new(expr));
        name
    }

    /// The value of an expression that the host finds out, as a text with a hole.
    pub(super) fn value_on_host(&mut self, text: &str, range: &Range<usize>) -> Result<Value, TemplateError> {
        let written = text[range.clone()].trim();
        match self.lowered(text, range, false)? {
            Lowered::Known(value) => Ok(value),
            Lowered::Condition(condition) => Ok(Value::from(self.hole(Expr::Truth(Box::new(condition)), written))),
            Lowered::Expr(expr) => {
                let mut home = false;
                // Only a literal `~/` at the beginning of a text is a home.
                expr.each_possible(&mut |value| home |= value == "~" || value.starts_with("~/"));
                if home && !matches!(expr, Expr::Text(_)) {
                    let message = format!(
                        "`{written}` may be a path that begins with `~/`, which means a home only where it is written"
                    );
                    let hint = "write `host.home ~ \"/…\"` instead, or put `~/` in front of the braces";
                    return Err(refuse(range, message, hint));
                }
                Ok(Value::from(self.hole(expr, written)))
            }
        }
    }

    /// An expression as a question.
    fn question_on_host(&mut self, text: &str, range: &Range<usize>) -> Result<Lowered, TemplateError> {
        Ok(match self.lowered(text, range, true)? {
            Lowered::Expr(Expr::Truth(condition)) => Lowered::Condition(*condition),
            Lowered::Expr(expr) if expr.kind() == ExprType::Number => {
                Lowered::Condition(Condition::Numbers(Comparison::Different, expr, Expr::Number(0)))
            }
            other => other,
        })
    }

    /// The condition that a whole expression is.
    pub(crate) fn condition_on_host(&mut self, text: &str, range: &Range<usize>) -> Result<Lowered, TemplateError> {
        let lowered = self.lowered(text, range, true)?;
        Ok(match lowered {
            Lowered::Expr(Expr::Truth(condition)) => Lowered::Condition(*condition),
            Lowered::Expr(expr) if expr.kind() == ExprType::Text => Lowered::Condition(Condition::Word(expr)),
            Lowered::Expr(_) => {
                let hint = format!("compare it, such as `{} > 0`", text[range.clone()].trim());
                return Err(refuse(range, "a condition must be true or false, but this is a number", hint));
            }
            Lowered::Condition(Condition::Known(known)) => Lowered::Known(Value::from(known)),
            other => other,
        })
    }

    /// Whether a value is a text with a hole.
    fn has_hole(value: &Value) -> bool {
        value.kind() == ValueKind::String && value.as_str().is_some_and(|text| text.contains(HOLE_OPEN))
    }
}
