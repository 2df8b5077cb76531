//! Comparisons of what is known here: those that the engine answers otherwise than their author means.
//!
//! A plain value of a playbook is text, and Jinja takes every text for more than every number: `partitions > 0` would be true
//! whatever it is. Two texts it compares letter by letter: `"10" > "9"` would be false. The host compares neither ([`super::lower`]).

use std::ops::Range;

use minijinja::value::{Value, ValueKind};

use super::parse::{Ast, AstNode, parse};
use super::refuse;
use crate::render::renderer::Renderer;
use crate::render::syntax::TemplateError;

impl Renderer<'_> {
    /// Refuses an expression that compares text with a number or with a boolean, or asks which of two texts is more.
    pub(crate) fn check_comparisons(&self, text: &str, range: &Range<usize>) -> Result<(), TemplateError> {
        let mut wrong = None;
        if let Some(ast) = parse(text, range.clone()) {
            ast.each(&mut |part| wrong = wrong.take().or_else(|| self.wrong_comparison(text, part)));
        }
        wrong.map_or(Ok(()), Err)
    }

    fn wrong_comparison(&self, text: &str, ast: &Ast<'_>) -> Option<TemplateError> {
        let AstNode::Binary(left, mark, right) = &ast.node else { return None };
        let ordered = matches!(mark.text, "<" | "<=" | ">" | ">=");
        if !ordered && !matches!(mark.text, "==" | "!=") {
            return None;
        }
        let value = |side: &Ast<'_>| {
            let value = self.templates.evaluate(text, &side.at, &self.host.context.value()).ok()?;
            (!Self::has_hole(&value)).then_some(value)
        };
        let written = |side: &Ast<'_>| text[side.at.clone()].trim().to_owned();
        let (first, second) = (value(left)?, value(right)?);
        let (message, hint) = match (Sort::of(&first)?, Sort::of(&second)?) {
            (Sort::Text, Sort::Text) if ordered => {
                let side = if matches!(left.node, AstNode::Constant) { right } else { left };
                let text = written(side);
                let message = format!("`{text}` is text, and only numbers are more or less than others");
                (
                    message,
                    format!("write `{text} is version(\"1.2\", \">=\")` for versions, or `{text} | int` for numbers"),
                )
            }
            (Sort::Text, other @ (Sort::Number | Sort::Truth)) => not_the_same(&written(left), &written(right), other),
            (other @ (Sort::Number | Sort::Truth), Sort::Text) => not_the_same(&written(right), &written(left), other),
            _ => return None,
        };
        Some(refuse(&ast.at, message, hint))
    }
}

/// What comparisons tell apart.
#[derive(Clone, Copy)]
enum Sort {
    Text,
    Number,
    Truth,
}

impl Sort {
    fn of(value: &Value) -> Option<Self> {
        match value.kind() {
            ValueKind::String => Some(Self::Text),
            ValueKind::Number => Some(Self::Number),
            ValueKind::Bool => Some(Self::Truth),
            _ => None,
        }
    }
}

/// The message and the hint for a text that is compared with something else.
fn not_the_same(text: &str, other: &str, sort: Sort) -> (String, String) {
    let message = format!("`{text}` and `{other}` are never the same: one is text, the other is not");
    let hint = match sort {
        Sort::Truth => format!("write \"true\" or \"false\" in quotes to compare with text: `{text}`"),
        _ => format!("put the number in quotes, or write `{text} | int`"),
    };
    (message, hint)
}
