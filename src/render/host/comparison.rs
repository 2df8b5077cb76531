//! Comparisons of what is known here: those that the engine answers otherwise than their author means.
//!
//! A plain value of a playbook is text, and Jinja takes every text for more than every number: `partitions > 0` would be true
//! whatever it is. Two texts it compares letter by letter: `"10" > "9"` would be false. The host compares neither ([`super::lower`]).

use std::ops::Range;

use minijinja::value::{Value, ValueKind};

use super::parse::{Ast, AstNode, parse};
use super::refuse;
use crate::host_value::ExprType;
use crate::render::limits;
use crate::render::renderer::Renderer;
use crate::render::syntax::TemplateError;

impl Renderer<'_> {
    /// Refuses an expression that compares text with a number or with a boolean, or asks which of two texts is more.
    pub(crate) fn check_comparisons(&self, text: &str, range: &Range<usize>) -> Result<(), TemplateError> {
        let mut wrong = None;
        limits::check_expression(text, range)?;
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
        Some(match (type_of(&first)?, type_of(&second)?) {
            (ExprType::Text, ExprType::Text) if ordered => {
                no_order(&ast.at, &written(if matches!(left.node, AstNode::Constant) { right } else { left }))
            }
            (ExprType::Text, ExprType::Text) => return None,
            (ExprType::Text, other) => never_the_same(&ast.at, &written(left), &written(right), other),
            (other, ExprType::Text) => never_the_same(&ast.at, &written(right), &written(left), other),
            _ => return None,
        })
    }
}

fn type_of(value: &Value) -> Option<ExprType> {
    match value.kind() {
        ValueKind::String => Some(ExprType::Text),
        ValueKind::Number => Some(ExprType::Number),
        ValueKind::Bool => Some(ExprType::Truth),
        _ => None,
    }
}

/// The error where it is asked which of two texts is more.
pub(super) fn no_order(at: &Range<usize>, text: &str) -> TemplateError {
    let hint = format!("write `{text} is version(\"1.2\", \">=\")` for versions, or `{text} | int` for numbers");
    refuse(at, format!("`{text}` is text, and only numbers are more or less than others"), hint)
}

/// The error where a text is compared with a number or with a boolean.
pub(super) fn never_the_same(at: &Range<usize>, text: &str, other: &str, of: ExprType) -> TemplateError {
    let hint = if of == ExprType::Truth {
        format!("write \"true\" or \"false\" in quotes to compare with text: `{text}`")
    } else {
        format!("put the number in quotes, or write `{text} | int`")
    };
    refuse(at, format!("`{text}` and `{other}` are never the same: one is text, the other is not"), hint)
}
