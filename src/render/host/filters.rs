//! What filters and tests mean where the host evaluates them.

use minijinja::value::ValueKind;

use super::lower::{Lowering, OTHERWISE, Result};
use super::parse::{Ast, AstNode, Word};
use super::{Lowered, refuse};
use crate::host_value::{Comparison, Condition, Expr, ExprType, Filter};

/// What the host can do with a value, for messages.
const FILTERS: &str = "the host knows lower, upper, trim, replace, split with first, last or a number, int and default; let the shell of the step do more";

/// The text and the separator of `text | split(by)` or `text.split(by)`.
fn split_of<'a, 't>(ast: &'a Ast<'t>) -> Option<(&'a Ast<'t>, &'a Ast<'t>)> {
    match &ast.node {
        AstNode::Filter(text, name, args) if name.text == "split" => Some((text, args.first()?)),
        AstNode::Call(called, args) => match &called.node {
            AstNode::Attribute(text, name) if name.text == "split" => Some((text, args.first()?)),
            _ => None,
        },
        _ => None,
    }
}

impl Lowering<'_, '_, '_> {
    /// `value | name(args)`
    pub(super) fn filter(
        &mut self,
        ast: &Ast<'_>,
        value: &Ast<'_>,
        name: &Word<'_>,
        args: &[Ast<'_>],
    ) -> Result<Lowered> {
        let written = self.written(ast);
        let filter = match (name.text, args) {
            ("default" | "d", _) => return self.default(value, args).map(Lowered::Expr),
            ("string" | "trim" | "lower" | "upper" | "int", []) | ("replace", [_, _]) => match name.text {
                "string" => return self.expr(value).map(Lowered::Expr),
                "trim" => Filter::Trim,
                "lower" => Filter::Lower,
                "upper" => Filter::Upper,
                "int" => Filter::Int,
                _ => Filter::Replace(self.literal(&args[0])?, self.literal_or_empty(&args[1])?),
            },
            ("first" | "last", []) => {
                if let Some((text, by)) = split_of(value) {
                    let by = self.literal(by)?;
                    let text = self.of_text_kind(text)?;
                    let filter = if name.text == "first" { Filter::First(by) } else { Filter::Last(by) };
                    return Ok(Lowered::Expr(Expr::Filtered(filter, Box::new(text), written)));
                }
                return self.of_list(ast, value, name);
            }
            ("raw", []) => {
                let hint = "without `raw` the value is one word; use `eval` in a script where it is meant as shell";
                return Err(refuse(&name.at, "`raw` would make shell of what the host prints", hint));
            }
            ("join", _) => return self.of_list(ast, value, name),
            ("split", _) => {
                let hint = "write `| split(\".\") | first`, `| last`, or a number: `(… | split(\".\"))[1]`";
                return Err(refuse(&name.at, "a list that only the host knows cannot be used as a list", hint));
            }
            _ => return Err(refuse(&name.at, format!("the host does not know the filter `{}`", name.text), FILTERS)),
        };
        let expr = if filter == Filter::Int {
            let expr = self.expr(value)?;
            if expr.kind() == ExprType::Number {
                return Ok(Lowered::Expr(expr));
            }
            expr
        } else {
            self.expr(value)?
        };
        Ok(Lowered::Expr(Expr::Filtered(filter, Box::new(expr), written)))
    }

    /// `value.name(args)`: the functions of a text that are filters or tests under another name.
    pub(super) fn call(&mut self, ast: &Ast<'_>, called: &Ast<'_>, args: &[Ast<'_>]) -> Result<Lowered> {
        let AstNode::Attribute(value, name) = &called.node else {
            return Err(refuse(&called.at, "the host calls no functions", OTHERWISE));
        };
        let renamed = |text| Word { text, at: name.at.clone() };
        match (name.text, args) {
            ("startswith", [_]) => self.test(value, &renamed("startingwith"), args).map(Lowered::Condition),
            ("endswith", [_]) => self.test(value, &renamed("endingwith"), args).map(Lowered::Condition),
            ("strip", []) => self.filter(ast, value, &renamed("trim"), args),
            ("lower" | "upper", []) | ("replace", [_, _]) | ("split", _) => self.filter(ast, value, name, args),
            _ => Err(refuse(&name.at, format!("the host does not know the function `{}`", name.text), FILTERS)),
        }
    }

    /// A filter over a list whose items are known or not: the engine puts holes together as well as texts.
    fn of_list(&mut self, ast: &Ast<'_>, value: &Ast<'_>, name: &Word<'_>) -> Result<Lowered> {
        match self.lower(value)? {
            Lowered::Known(list) if list.kind() != ValueKind::String => {
                let whole =
                    self.renderer.templates.evaluate(self.text, &ast.at, &self.renderer.host.context.value())?;
                self.of_value(whole, &ast.at)
            }
            _ => {
                Err(refuse(&name.at, format!("the host does not know the filter `{}` for a text", name.text), FILTERS))
            }
        }
    }

    /// `value | default(otherwise)`
    fn default(&mut self, value: &Ast<'_>, args: &[Ast<'_>]) -> Result<Expr> {
        let otherwise = match args.first() {
            Some(otherwise) => self.expr(otherwise)?,
            None => Expr::Text(String::new()),
        };
        let empty = match args.get(1) {
            Some(flag) => matches!(self.lower(flag)?, Lowered::Known(value) if value.is_true()),
            None => false,
        };
        if let AstNode::Index(map, key) = &value.node
            && let Lowered::Expr(Expr::Lookup { .. }) = self.lower(value)?
        {
            let Lowered::Expr(expr) = self.lookup(value, map, key, Some(otherwise))? else {
                return Err(refuse(&value.at, "the host looks nothing up here", OTHERWISE));
            };
            return Ok(expr);
        }
        match self.expr(value)? {
            expr @ Expr::Variable { .. } => {
                Ok(Expr::Default { value: Box::new(expr), otherwise: Box::new(otherwise), empty })
            }
            Expr::Lookup { written, key, entries, otherwise: None } => {
                Ok(Expr::Lookup { written, key, entries, otherwise: Some(Box::new(otherwise)) })
            }
            _ => {
                let hint = "write it directly behind a registered value, a fact, or a map with one in brackets";
                Err(refuse(&value.at, "the host knows no default for this", hint))
            }
        }
    }

    /// `(value | split(by))[number]`
    pub(super) fn part(&mut self, ast: &Ast<'_>, base: &Ast<'_>, index: &Ast<'_>) -> Result<Option<Lowered>> {
        let Some((text, by)) = split_of(base) else { return Ok(None) };
        let number = match self.expr(index)? {
            Expr::Number(number) => u32::try_from(number).ok().filter(|number| *number <= 100),
            _ => None,
        };
        let Some(number) = number else {
            return Err(refuse(
                &index.at,
                "the host takes a part by its number from 0",
                "the last part is `| split(…) | last`",
            ));
        };
        let by = self.literal(by)?;
        let text = self.of_text_kind(text)?;
        let written = self.written(ast);
        Ok(Some(Lowered::Expr(Expr::Filtered(Filter::Part(by, number), Box::new(text), written))))
    }

    /// A text that is known here and not empty.
    fn literal(&mut self, ast: &Ast<'_>) -> Result<String> {
        let text = self.literal_or_empty(ast)?;
        if text.is_empty() {
            Err(refuse(&ast.at, "the text is empty", "name at least one character"))
        } else {
            Ok(text)
        }
    }

    fn literal_or_empty(&mut self, ast: &Ast<'_>) -> Result<String> {
        match self.of_text_kind(ast)? {
            Expr::Text(text) => Ok(text),
            _ => Err(refuse(&ast.at, "this has to be known before anything is sent", "write the text itself")),
        }
    }

    /// `value is name(args)`
    pub(super) fn test(&mut self, value: &Ast<'_>, name: &Word<'_>, args: &[Ast<'_>]) -> Result<Condition> {
        match (name.text, args) {
            ("defined" | "undefined", []) => {
                let defined = match self.lower(value)? {
                    Lowered::Expr(Expr::Variable { name, .. }) => Condition::Defined(name),
                    _ => Condition::Known(true),
                };
                Ok(if name.text == "defined" { defined } else { defined.negated() })
            }
            ("version" | "version_compare", [first, rest @ ..]) => self.version(value, first, rest.first()),
            ("startingwith", [part]) => Ok(Condition::Begins(self.of_text_kind(value)?, self.of_text_kind(part)?)),
            ("endingwith", [part]) => Ok(Condition::Ends(self.of_text_kind(value)?, self.of_text_kind(part)?)),
            ("in", [list]) => self.contained(value, list),
            ("eq" | "equalto" | "ne" | "lt" | "lessthan" | "le" | "gt" | "greaterthan" | "ge", [other]) => {
                let how = match name.text {
                    "equalto" => Comparison::Same,
                    "lessthan" => Comparison::Less,
                    "greaterthan" => Comparison::More,
                    word => Comparison::of(word).expect("it is one of them"),
                };
                self.compared(value, how, value, other)
            }
            ("string" | "number", []) => {
                let is_number = self.expr(value)?.kind() == ExprType::Number;
                Ok(Condition::Known(is_number == (name.text == "number")))
            }
            ("none" | "mapping" | "sequence" | "boolean", []) => {
                self.expr(value)?;
                Ok(Condition::Known(false))
            }
            ("match" | "search" | "regex", _) => {
                let hint = "write `is startingwith(\"…\")`, `\"…\" in …`, or use `only_if` with grep";
                Err(refuse(&name.at, "the host knows no regular expressions", hint))
            }
            _ => {
                let hint =
                    "the host knows ==, in, defined, version, startingwith and endingwith; use `only_if` for more";
                Err(refuse(&name.at, format!("the host does not know the test `{}`", name.text), hint))
            }
        }
    }

    /// `value is version("1.2", ">=")`; the two may stand the other way round.
    fn version(&mut self, value: &Ast<'_>, first: &Ast<'_>, second: Option<&Ast<'_>>) -> Result<Condition> {
        let value = self.expr(value)?;
        let mut version = self.expr(first)?;
        let mut how = Comparison::Same;
        if let Some(second) = second {
            let mut word = self.expr(second)?;
            if matches!(&version, Expr::Text(text) if Comparison::of(text).is_some()) {
                std::mem::swap(&mut word, &mut version);
            }
            how = match &word {
                Expr::Text(text) => Comparison::of(text),
                _ => None,
            }
            .ok_or_else(|| {
                refuse(&second.at, "unknown comparison of versions", "write ==, !=, <, <=, > or >= in quotes")
            })?;
        }
        for side in [&version, &value] {
            if let Expr::Text(text) = side
                && crate::render::version::numbers(text).is_none()
            {
                return Err(refuse(
                    &first.at,
                    format!("invalid version `{text}`"),
                    "a version begins with a number, such as 12 or 22.04",
                ));
            }
        }
        Ok(Condition::Versions(how, value, version))
    }
}
