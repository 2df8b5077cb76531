//! From the tree of an expression to what is known of it here.

use std::ops::Range;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::comparison::{never_the_same, no_order};
use super::parse::{Ast, AstNode, Word, parse};
use super::{Lowered, refuse};
use crate::host_value::{Calculation, Comparison, Condition, Expr, ExprType};
use crate::render::characters::characters;
use crate::render::renderer::Renderer;
use crate::render::syntax::TemplateError;
use crate::script::{Part, Text};

pub(super) type Result<T> = std::result::Result<T, TemplateError>;

/// What to do about an expression that the host does not evaluate.
pub(super) const OTHERWISE: &str = "insert the value as it is, and let the shell of the step do the rest";

impl Renderer<'_> {
    /// An expression, as far as it is known here; as a question, what is joined by `and` and `or` is nothing else.
    pub(super) fn lowered(&mut self, text: &str, range: &Range<usize>, is_question: bool) -> Result<Lowered> {
        let Some(ast) = parse(text, range.clone()) else {
            // The engine says what is wrong with it, unless it reads more than is read here.
            self.templates.evaluate(text, range, &self.host.context.value())?;
            return Err(refuse(range, "the host does not evaluate an expression of this form", OTHERWISE));
        };
        let context = self.host.context.value();
        let mut lowering = Lowering { renderer: self, text, context };
        if is_question && matches!(&ast.node, AstNode::Binary(_, mark, _) if matches!(mark.text, "and" | "or")) {
            return lowering.truth(&ast).map(Lowered::Condition);
        }
        lowering.lower(&ast)
    }
}

impl Renderer<'_> {
    /// A text with holes, as a value.
    pub(crate) fn text_expr(&mut self, text: &Text) -> Result<Expr> {
        let context = self.host.context.value();
        Lowering { renderer: self, text: "", context }.of_text(text, &(0..0))
    }
}

pub(super) struct Lowering<'r, 'a, 't> {
    pub(super) renderer: &'r mut Renderer<'a>,
    pub(super) text: &'t str,
    context: Value,
}

impl Lowering<'_, '_, '_> {
    pub(super) fn written(&self, ast: &Ast<'_>) -> String {
        self.text[ast.at.clone()].trim().to_owned()
    }

    fn is_known(&self, ast: &Ast<'_>) -> bool {
        let mut known = true;
        ast.each_name(&mut |name| {
            known &= !self.renderer.is_on_host(name) && !self.is_fact_name(name);
        });
        known
    }

    /// Where a variable is called `host` too, each use is looked at.
    fn is_fact_name(&self, name: &str) -> bool {
        name == "host" && self.renderer.host_is_fact()
    }

    fn evaluate(&self, ast: &Ast<'_>) -> Result<Value> {
        self.renderer.templates.evaluate(self.text, &ast.at, &self.context)
    }

    pub(super) fn lower(&mut self, ast: &Ast<'_>) -> Result<Lowered> {
        if self.is_known(ast) {
            let value = self.evaluate(ast)?;
            return self.of_value(value, &ast.at);
        }
        match &ast.node {
            AstNode::Name(_) | AstNode::Constant => {
                let value = self.evaluate(ast)?;
                self.of_value(value, &ast.at)
            }
            AstNode::Attribute(base, _) => self.entry(ast, base),
            AstNode::Index(base, index) => self.index(ast, base, index),
            AstNode::Slice(_) => Err(refuse(&ast.at, "the host cuts no pieces out of a text", OTHERWISE)),
            AstNode::List(items) => {
                let items: Result<Vec<Value>> = items.iter().map(|item| self.item(item)).collect();
                Ok(Lowered::Known(Value::from(items?)))
            }
            AstNode::Map(_) => {
                Err(refuse(&ast.at, "a map with values of the host cannot be written here", "declare it under `vars:`"))
            }
            AstNode::Call(called, args) => self.call(ast, called, args),
            AstNode::Filter(value, name, args) => self.filter(ast, value, name, args),
            AstNode::Test(value, name, args, negated) => {
                let condition = self.test(value, name, args)?;
                Ok(Lowered::Condition(if *negated { condition.negated() } else { condition }))
            }
            AstNode::Not(value) => Ok(Lowered::Condition(self.truth(value)?.negated())),
            AstNode::Minus(value) => {
                let value = self.number(value)?;
                Ok(Lowered::Expr(Expr::Calculated(Calculation::Minus, Box::new(Expr::Number(0)), Box::new(value))))
            }
            AstNode::Binary(left, mark, right) => self.binary(ast, left, mark, right),
            AstNode::Choose(yes, test, no) => self.choose(ast, yes, test, no.as_deref()),
        }
    }

    /// Whether what stands in front of a dot is known: a map, or the facts.
    fn base(&mut self, base: &Ast<'_>) -> Result<bool> {
        if matches!(base.node, AstNode::Name(name) if self.is_fact_name(name)) {
            return Ok(true);
        }
        Ok(matches!(self.lower(base)?, Lowered::Known(_)))
    }

    /// The entry of a map whose name is known here.
    fn entry(&mut self, ast: &Ast<'_>, base: &Ast<'_>) -> Result<Lowered> {
        if !self.base(base)? {
            let message = format!("`{}` is text, which has no entries", self.written(base));
            return Err(refuse(&ast.at, message, OTHERWISE));
        }
        let value = self.evaluate(ast)?;
        self.of_value(value, &ast.at)
    }

    /// One item of a list, as a value.
    fn item(&mut self, ast: &Ast<'_>) -> Result<Value> {
        let written = self.written(ast);
        Ok(match self.lower(ast)? {
            Lowered::Known(value) => value,
            Lowered::Expr(expr) => Value::from(self.renderer.hole(expr, &written)),
            Lowered::Condition(condition) => {
                Value::from(self.renderer.hole(Expr::Truth(Box::new(condition)), &written))
            }
        })
    }

    /// A value of the engine: a text may have holes.
    pub(super) fn of_value(&self, value: Value, at: &Range<usize>) -> Result<Lowered> {
        if !Renderer::has_hole(&value) {
            return Ok(Lowered::Known(value));
        }
        let text = Text::new(value.as_str().unwrap_or_default());
        self.of_text(&text, at).map(Lowered::Expr)
    }

    /// A text with holes.
    pub(super) fn of_text(&self, text: &Text, at: &Range<usize>) -> Result<Expr> {
        let part = |part: Part<'_>| {
            Ok(match part {
                Part::Characters(text) => Expr::Text(text.to_owned()),
                Part::Registered(name) => {
                    Expr::Variable { name: name.to_owned(), written: crate::script::own_name(name).to_owned() }
                }
                Part::Host { name, written } => match self.renderer.host.values.get(name) {
                    Some(expr) => (**expr).clone(),
                    None => Expr::Variable { name: name.to_owned(), written: written.to_owned() },
                },
                Part::Secret(name) => {
                    let message = format!("`{name}` is a secret, which no expression of the host can use");
                    return Err(refuse(at, message, "insert it as it is, in a step of its own with a `when`"));
                }
                Part::Current(_) => return Err(refuse(at, "this value is known only in a shell", OTHERWISE)),
            })
        };
        text.parts().map(part).collect::<Result<Vec<Expr>>>().map(Expr::join)
    }

    /// A part as a value that the host has or is given.
    pub(super) fn expr(&mut self, ast: &Ast<'_>) -> Result<Expr> {
        match self.lower(ast)? {
            Lowered::Expr(expr) => Ok(expr),
            Lowered::Condition(condition) => Ok(Expr::Truth(Box::new(condition))),
            Lowered::Known(value) => self.known(&value, ast),
        }
    }

    fn known(&self, value: &Value, ast: &Ast<'_>) -> Result<Expr> {
        if value.kind() == ValueKind::Number {
            let number = value.to_string().parse().map(Expr::Number);
            return number.map_err(|_| refuse(&ast.at, "the host calculates with whole numbers", OTHERWISE));
        }
        let text = characters(value)
            .map_err(|why| refuse(&ast.at, format!("`{}` {why}", self.written(ast)), "name one entry of it"))?;
        self.of_text(&Text::new(text.as_ref()), &ast.at)
    }

    /// A part that has to be text.
    pub(super) fn of_text_kind(&mut self, ast: &Ast<'_>) -> Result<Expr> {
        let expr = self.expr(ast)?;
        match expr.kind() {
            ExprType::Number => Err(refuse(
                &ast.at,
                format!("`{}` is a number, and text is needed here", self.written(ast)),
                "a text stands in quotes",
            )),
            _ => Ok(expr),
        }
    }

    /// A part that has to be a number.
    pub(super) fn number(&mut self, ast: &Ast<'_>) -> Result<Expr> {
        let expr = self.expr(ast)?;
        if expr.kind() == ExprType::Number {
            return Ok(expr);
        }
        let written = self.written(ast);
        Err(refuse(
            &ast.at,
            format!("`{written}` is text, and a number is needed here"),
            format!("write `{written} | int`, or compare versions: `{written} is version(\"1.2\", \">=\")`"),
        ))
    }

    /// A part as a question: as elsewhere, a text that is not empty is true, and a number that is not 0.
    pub(super) fn truth(&mut self, ast: &Ast<'_>) -> Result<Condition> {
        if let AstNode::Binary(left, mark, right) = &ast.node
            && matches!(mark.text, "and" | "or")
        {
            let parts = vec![self.truth(left)?, self.truth(right)?];
            return Ok(if mark.text == "and" { Condition::all(parts) } else { Condition::any(parts) });
        }
        Ok(match self.lower(ast)? {
            Lowered::Condition(condition) => condition,
            Lowered::Known(value) => Condition::Known(value.is_true()),
            Lowered::Expr(Expr::Truth(condition)) => *condition,
            Lowered::Expr(expr) if expr.kind() == ExprType::Number => {
                Condition::Numbers(Comparison::Different, expr, Expr::Number(0))
            }
            Lowered::Expr(expr) => Condition::Some(expr),
        })
    }

    /// `a and b`, `a or b`: a question, or as elsewhere one of two values.
    fn either(&mut self, ast: &Ast<'_>, left: &Ast<'_>, mark: &Word<'_>, right: &Ast<'_>) -> Result<Lowered> {
        let is_question = |lowered: &Lowered| match lowered {
            Lowered::Known(value) => value.kind() == ValueKind::Bool,
            Lowered::Condition(_) => true,
            Lowered::Expr(expr) => expr.kind() == ExprType::Truth,
        };
        let condition = self.truth(left)?;
        if is_question(&self.lower(left)?) && is_question(&self.lower(right)?) {
            return self.truth(ast).map(Lowered::Condition);
        }
        let is_and = mark.text == "and";
        match condition {
            Condition::Known(known) => self.lower(if known == is_and { right } else { left }),
            condition => {
                let (yes, no) = if is_and { (right, left) } else { (left, right) };
                let (yes, no) = (self.expr(yes)?, self.expr(no)?);
                Ok(Lowered::Expr(Expr::Choose(Box::new(condition), Box::new(yes), Box::new(no))))
            }
        }
    }

    fn choose(&mut self, ast: &Ast<'_>, yes: &Ast<'_>, test: &Ast<'_>, no: Option<&Ast<'_>>) -> Result<Lowered> {
        let Some(no) = no else {
            return Err(refuse(
                &ast.at,
                "the host needs to know what the value is otherwise",
                "write `A if CONDITION else B`",
            ));
        };
        match self.truth(test)? {
            Condition::Known(true) => self.lower(yes),
            Condition::Known(false) => self.lower(no),
            condition => {
                let (yes, no) = (self.expr(yes)?, self.expr(no)?);
                Ok(Lowered::Expr(Expr::Choose(Box::new(condition), Box::new(yes), Box::new(no))))
            }
        }
    }

    fn index(&mut self, ast: &Ast<'_>, base: &Ast<'_>, index: &Ast<'_>) -> Result<Lowered> {
        if let Some(lowered) = self.part(ast, base, index)? {
            return Ok(lowered);
        }
        let of_facts = matches!(base.node, AstNode::Name(name) if self.is_fact_name(name));
        if of_facts || self.is_known(index) {
            return self.entry(ast, base);
        }
        self.lookup(ast, base, index, None)
    }

    /// The entry of a map whose name is known on the host.
    pub(super) fn lookup(
        &mut self,
        ast: &Ast<'_>,
        base: &Ast<'_>,
        key: &Ast<'_>,
        otherwise: Option<Expr>,
    ) -> Result<Lowered> {
        let key = self.expr(key)?;
        let Lowered::Known(map) = self.lower(base)? else {
            return Err(refuse(&base.at, format!("`{}` is text, which has no entries", self.written(base)), OTHERWISE));
        };
        if map.kind() != ValueKind::Map {
            let message = format!(
                "`{}` is not a map: a value of the host is looked up by the name of an entry",
                self.written(base)
            );
            return Err(refuse(&base.at, message, "declare a map from the values of the host to yours"));
        }
        let mut entries = Vec::new();
        for name in map.try_iter().into_iter().flatten() {
            let value = map.get_item(&name).unwrap_or_default();
            let name = characters(&name).unwrap_or_default().into_owned();
            let value = characters(&value).map_err(|why| {
                let message = format!("the entry `{name}` of `{}` {why}", self.written(base));
                refuse(&ast.at, message, "a map that the host looks something up in has texts for values; give the step a `when` for each case")
            })?;
            entries.push((name, self.of_text(&Text::new(value.as_ref()), &ast.at)?));
        }
        Ok(Lowered::Expr(Expr::Lookup {
            written: self.written(ast),
            key: Box::new(key),
            entries,
            otherwise: otherwise.map(Box::new),
        }))
    }

    fn binary(&mut self, ast: &Ast<'_>, left: &Ast<'_>, mark: &Word<'_>, right: &Ast<'_>) -> Result<Lowered> {
        let calculated = match mark.text {
            "and" | "or" => return self.either(ast, left, mark, right),
            "==" | "!=" | "<" | "<=" | ">" | ">=" => {
                let how = Comparison::of(mark.text).expect("it is one of them");
                return self.compared(ast, how, left, right).map(Lowered::Condition);
            }
            "in" => return self.contained(left, right).map(Lowered::Condition),
            "not in" => return Ok(Lowered::Condition(self.contained(left, right)?.negated())),
            "~" => return Ok(Lowered::Expr(Expr::join(vec![self.expr(left)?, self.expr(right)?]))),
            "+" => Calculation::Plus,
            "-" => Calculation::Minus,
            "*" => Calculation::Times,
            "//" => Calculation::Divided,
            "%" => Calculation::Remainder,
            _ => {
                let hint = if mark.text == "/" { "write `//`, which divides whole numbers" } else { OTHERWISE };
                return Err(refuse(&mark.at, format!("the host does not calculate `{}`", mark.text), hint));
            }
        };
        let (first, second) = (self.expr(left)?, self.expr(right)?);
        if calculated == Calculation::Plus && first.kind() == ExprType::Text && second.kind() == ExprType::Text {
            return Ok(Lowered::Expr(Expr::join(vec![first, second])));
        }
        let (first, second) = (self.number(left)?, self.number(right)?);
        let divides = matches!(calculated, Calculation::Divided | Calculation::Remainder);
        if divides && !matches!(second, Expr::Number(number) if number > 0) && !matches!(second, Expr::Variable { .. })
        {
            return Err(refuse(&right.at, "the host divides by a number that is above 0", "write the number itself"));
        }
        Ok(Lowered::Expr(Expr::Calculated(calculated, Box::new(first), Box::new(second))))
    }

    pub(super) fn compared(
        &mut self,
        ast: &Ast<'_>,
        how: Comparison,
        left: &Ast<'_>,
        right: &Ast<'_>,
    ) -> Result<Condition> {
        let sides = (self.comparable(left)?, self.comparable(right)?);
        let (Some(first), Some(second)) = sides else {
            // A list, a map or nothing is never the same as a text or a number.
            return match how {
                Comparison::Same => Ok(Condition::Known(false)),
                Comparison::Different => Ok(Condition::Known(true)),
                _ => Err(refuse(&ast.at, "only numbers are more or less than others", OTHERWISE)),
            };
        };
        let ordered = !matches!(how, Comparison::Same | Comparison::Different);
        match (first.kind(), second.kind()) {
            (ExprType::Number, ExprType::Number) => Ok(Condition::Numbers(how, first, second)),
            (ExprType::Text, ExprType::Text) | (ExprType::Truth, ExprType::Truth) if !ordered => {
                let same = Condition::Same(first, second);
                Ok(if how == Comparison::Same { same } else { same.negated() })
            }
            (ExprType::Text, ExprType::Text) => {
                let text = self.written(if self.is_known(left) { right } else { left });
                Err(no_order(&ast.at, &text))
            }
            (kind, other_kind) => {
                let (text, other) = if kind == ExprType::Number { (right, left) } else { (left, right) };
                let of = if kind == ExprType::Truth { kind } else { other_kind };
                Err(never_the_same(&ast.at, &self.written(text), &self.written(other), of))
            }
        }
    }

    /// One side of a comparison; `None` where it is neither text nor number.
    fn comparable(&mut self, ast: &Ast<'_>) -> Result<Option<Expr>> {
        match self.lower(ast)? {
            Lowered::Known(value) => match value.kind() {
                ValueKind::Bool => Ok(Some(Expr::Truth(Box::new(Condition::Known(value.is_true()))))),
                ValueKind::String | ValueKind::Number => self.known(&value, ast).map(Some),
                _ => Ok(None),
            },
            Lowered::Expr(expr) => Ok(Some(expr)),
            Lowered::Condition(condition) => Ok(Some(Expr::Truth(Box::new(condition)))),
        }
    }

    /// `a in b`: one of a list, a name of a map, or a part of a text.
    pub(super) fn contained(&mut self, left: &Ast<'_>, right: &Ast<'_>) -> Result<Condition> {
        let Lowered::Known(list) = self.lower(right)? else {
            let (part, text) = (self.of_text_kind(left)?, self.of_text_kind(right)?);
            return Ok(Condition::Contains(text, part));
        };
        match list.kind() {
            ValueKind::String => {
                let part = self.of_text_kind(left)?;
                Ok(Condition::Contains(self.known(&list, right)?, part))
            }
            ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
                let value = self.expr(left)?;
                let mut items = Vec::new();
                for item in list.try_iter().into_iter().flatten() {
                    let is_number = item.kind() == ValueKind::Number;
                    // A value of another kind is never the one that is looked for.
                    if (is_number || item.kind() == ValueKind::String)
                        && is_number == (value.kind() == ExprType::Number)
                    {
                        items.push(self.known(&item, right)?);
                    }
                }
                Ok(if items.is_empty() { Condition::Known(false) } else { Condition::OneOf(value, items) })
            }
            _ => Err(refuse(&right.at, format!("`{}` is neither a list nor text", self.written(right)), OTHERWISE)),
        }
    }
}
