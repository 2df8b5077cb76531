//! An expression as a tree, with the place of each part: the same grammar as the template engine's.

use std::ops::Range;

use crate::render::syntax::{Sort, Token, tokens};

/// A part of an expression.
#[derive(Clone, Debug)]
pub(super) struct Ast<'t> {
    /// Bytes of the whole text, with the parentheses around it.
    pub(super) at: Range<usize>,
    pub(super) node: AstNode<'t>,
}

/// What a part is.
#[derive(Clone, Debug)]
pub(super) enum AstNode<'t> {
    /// A name that is defined somewhere.
    Name(&'t str),
    /// A text, a number, `true`, `false` or `none`.
    Constant,
    List(Vec<Ast<'t>>),
    Map(Vec<(Ast<'t>, Ast<'t>)>),
    /// `a.b`
    Attribute(Box<Ast<'t>>, Word<'t>),
    /// `a[b]`
    Index(Box<Ast<'t>>, Box<Ast<'t>>),
    /// `a[b:c]`
    Slice(Box<Ast<'t>>),
    /// `a(b)`
    Call(Box<Ast<'t>>, Vec<Ast<'t>>),
    /// `a | b(c)`
    Filter(Box<Ast<'t>>, Word<'t>, Vec<Ast<'t>>),
    /// `a is b(c)`, and whether it is `is not`
    Test(Box<Ast<'t>>, Word<'t>, Vec<Ast<'t>>, bool),
    Not(Box<Ast<'t>>),
    Minus(Box<Ast<'t>>),
    /// Two parts and the mark between them; `not in` is one mark.
    Binary(Box<Ast<'t>>, Word<'t>, Box<Ast<'t>>),
    /// `a if b else c`
    Choose(Box<Ast<'t>>, Box<Ast<'t>>, Option<Box<Ast<'t>>>),
}

/// A word or a mark, and its place.
#[derive(Clone, Debug)]
pub(super) struct Word<'t> {
    pub(super) text: &'t str,
    pub(super) at: Range<usize>,
}

/// The tree of the expression at this place of a text; `None` where it cannot be read.
pub(super) fn parse(text: &str, range: Range<usize>) -> Option<Ast<'_>> {
    let mut parser = Parser { tokens: tokens(text, range), at: 0, depth: 0 };
    let ast = parser.choose()?;
    (parser.at == parser.tokens.len()).then_some(ast)
}

/// How deep an expression may be nested.
const MOST_NESTED: usize = 100;

struct Parser<'t> {
    tokens: Vec<Token<'t>>,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn text(&self, ahead: usize) -> &'t str {
        self.tokens.get(self.at + ahead).filter(|token| token.sort != Sort::Quoted).map_or("", |token| token.text)
    }

    fn next(&mut self) -> Option<Token<'t>> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn take(&mut self, text: &str) -> Option<Word<'t>> {
        if self.text(0) != text {
            return None;
        }
        self.next().map(|token| Word { text: token.text, at: token.at })
    }

    fn choose(&mut self) -> Option<Ast<'t>> {
        self.depth += 1;
        if self.depth > MOST_NESTED {
            return None;
        }
        let mut yes = self.either()?;
        while self.take("if").is_some() {
            let test = self.either()?;
            let no = if self.take("else").is_some() { Some(Box::new(self.choose()?)) } else { None };
            let end = no.as_ref().map_or(test.at.end, |no| no.at.end);
            yes = Ast { at: yes.at.start..end, node: AstNode::Choose(Box::new(yes), Box::new(test), no) };
        }
        self.depth -= 1;
        Some(yes)
    }

    /// Parts of one rank with these marks between them.
    fn left(&mut self, marks: &[&str], part: fn(&mut Self) -> Option<Ast<'t>>) -> Option<Ast<'t>> {
        let mut left = part(self)?;
        while let Some(mark) = marks.iter().find_map(|mark| self.take(mark)) {
            let right = part(self)?;
            left = Self::binary(left, mark, right);
        }
        Some(left)
    }

    fn binary(left: Ast<'t>, mark: Word<'t>, right: Ast<'t>) -> Ast<'t> {
        Ast { at: left.at.start..right.at.end, node: AstNode::Binary(Box::new(left), mark, Box::new(right)) }
    }

    fn either(&mut self) -> Option<Ast<'t>> {
        self.left(&["or"], Self::both)
    }

    fn both(&mut self) -> Option<Ast<'t>> {
        self.left(&["and"], Self::not)
    }

    fn not(&mut self) -> Option<Ast<'t>> {
        let Some(word) = self.take("not") else { return self.compared() };
        self.depth += 1;
        if self.depth > MOST_NESTED {
            return None;
        }
        let value = self.not()?;
        self.depth -= 1;
        Some(Ast { at: word.at.start..value.at.end, node: AstNode::Not(Box::new(value)) })
    }

    fn compared(&mut self) -> Option<Ast<'t>> {
        let mut left = self.sum()?;
        loop {
            let mark = if self.text(0) == "not" && self.text(1) == "in" {
                let not = self.take("not")?;
                let word = self.take("in")?;
                Word { text: "not in", at: not.at.start..word.at.end }
            } else if let Some(mark) = ["==", "!=", "<=", ">=", "<", ">", "in"].iter().find_map(|mark| self.take(mark))
            {
                mark
            } else {
                return Some(left);
            };
            let right = self.sum()?;
            left = Self::binary(left, mark, right);
        }
    }

    fn sum(&mut self) -> Option<Ast<'t>> {
        self.left(&["+", "-"], Self::joined)
    }

    fn joined(&mut self) -> Option<Ast<'t>> {
        self.left(&["~"], Self::product)
    }

    fn product(&mut self) -> Option<Ast<'t>> {
        self.left(&["*", "/", "//", "%"], Self::power)
    }

    fn power(&mut self) -> Option<Ast<'t>> {
        self.left(&["**"], Self::unary)
    }

    fn unary(&mut self) -> Option<Ast<'t>> {
        let mut value = self.negative()?;
        loop {
            if self.take("|").is_some() {
                let name = self.word()?;
                let (args, end) = self.arguments(name.at.end)?;
                value = Ast { at: value.at.start..end, node: AstNode::Filter(Box::new(value), name, args) };
            } else if self.take("is").is_some() {
                let negated = self.take("not").is_some();
                let name = self.word()?;
                let (args, end) = if self.text(0) == "(" || !self.begins_a_value() {
                    self.arguments(name.at.end)?
                } else {
                    let arg = self.negative()?;
                    let end = arg.at.end;
                    (vec![arg], end)
                };
                value = Ast { at: value.at.start..end, node: AstNode::Test(Box::new(value), name, args, negated) };
            } else {
                return Some(value);
            }
        }
    }

    /// Whether the next token can be the argument of a test without parentheses.
    fn begins_a_value(&self) -> bool {
        let Some(token) = self.tokens.get(self.at) else { return false };
        match token.sort {
            Sort::Quoted | Sort::Number => true,
            Sort::Word => !matches!(token.text, "and" | "or" | "not" | "in" | "is" | "if" | "else"),
            Sort::Mark => token.text == "[",
        }
    }

    fn negative(&mut self) -> Option<Ast<'t>> {
        let Some(mark) = self.take("-") else { return self.postfix() };
        let value = self.postfix()?;
        Some(Ast { at: mark.at.start..value.at.end, node: AstNode::Minus(Box::new(value)) })
    }

    fn word(&mut self) -> Option<Word<'t>> {
        let token = self.next().filter(|token| token.sort == Sort::Word)?;
        Some(Word { text: token.text, at: token.at })
    }

    /// Arguments in parentheses, if there are some, and where they end.
    fn arguments(&mut self, end: usize) -> Option<(Vec<Ast<'t>>, usize)> {
        if self.take("(").is_none() {
            return Some((Vec::new(), end));
        }
        self.list(")")
    }

    /// Values up to a closing mark.
    fn list(&mut self, close: &str) -> Option<(Vec<Ast<'t>>, usize)> {
        let mut values = Vec::new();
        loop {
            if let Some(mark) = self.take(close) {
                return Some((values, mark.at.end));
            }
            if !values.is_empty() {
                self.take(",")?;
                if let Some(mark) = self.take(close) {
                    return Some((values, mark.at.end));
                }
            }
            values.push(self.choose()?);
        }
    }

    fn postfix(&mut self) -> Option<Ast<'t>> {
        let mut value = self.primary()?;
        loop {
            let start = value.at.start;
            if self.take(".").is_some() {
                let name = self.word()?;
                value = Ast { at: start..name.at.end, node: AstNode::Attribute(Box::new(value), name) };
            } else if self.take("[").is_some() {
                if self.text(0) == ":" {
                    return self.slice(value);
                }
                let index = self.choose()?;
                if self.text(0) == ":" {
                    return self.slice(value);
                }
                let end = self.take("]")?.at.end;
                value = Ast { at: start..end, node: AstNode::Index(Box::new(value), Box::new(index)) };
            } else if self.take("(").is_some() {
                let (args, end) = self.list(")")?;
                value = Ast { at: start..end, node: AstNode::Call(Box::new(value), args) };
            } else {
                return Some(value);
            }
        }
    }

    fn slice(&mut self, value: Ast<'t>) -> Option<Ast<'t>> {
        while self.text(0) != "]" {
            self.next()?;
        }
        let end = self.take("]")?.at.end;
        Some(Ast { at: value.at.start..end, node: AstNode::Slice(Box::new(value)) })
    }

    fn primary(&mut self) -> Option<Ast<'t>> {
        let token = self.next()?;
        let at = token.at.clone();
        let node = match (token.sort, token.text) {
            (Sort::Quoted | Sort::Number, _) | (Sort::Word, "true" | "false" | "none" | "True" | "False" | "None") => {
                AstNode::Constant
            }
            (Sort::Word, "and" | "or" | "not" | "in" | "is" | "if" | "else") => return None,
            (Sort::Word, name) => AstNode::Name(name),
            (Sort::Mark, "(") => {
                let inside = self.choose()?;
                let end = self.take(")")?.at.end;
                return Some(Ast { at: at.start..end, node: inside.node });
            }
            (Sort::Mark, "[") => {
                let (values, end) = self.list("]")?;
                return Some(Ast { at: at.start..end, node: AstNode::List(values) });
            }
            (Sort::Mark, "{") => return self.map(at.start),
            _ => return None,
        };
        Some(Ast { at, node })
    }

    fn map(&mut self, start: usize) -> Option<Ast<'t>> {
        let mut entries = Vec::new();
        loop {
            if let Some(mark) = self.take("}") {
                return Some(Ast { at: start..mark.at.end, node: AstNode::Map(entries) });
            }
            if !entries.is_empty() {
                self.take(",")?;
                if let Some(mark) = self.take("}") {
                    return Some(Ast { at: start..mark.at.end, node: AstNode::Map(entries) });
                }
            }
            let key = self.choose()?;
            self.take(":")?;
            entries.push((key, self.choose()?));
        }
    }
}

impl<'t> Ast<'t> {
    /// Calls with every name in it.
    pub(super) fn each_name(&self, call: &mut dyn FnMut(&'t str)) {
        self.each(&mut |part| {
            if let AstNode::Name(name) = part.node {
                call(name);
            }
        });
    }

    /// Calls with it and every part of it, the whole before its parts.
    pub(super) fn each(&self, call: &mut dyn FnMut(&Self)) {
        call(self);
        match &self.node {
            AstNode::Name(_) | AstNode::Constant => {}
            AstNode::List(values) => values.iter().for_each(|value| value.each(call)),
            AstNode::Map(entries) => entries.iter().for_each(|(key, value)| {
                key.each(call);
                value.each(call);
            }),
            AstNode::Attribute(value, _) | AstNode::Slice(value) | AstNode::Not(value) | AstNode::Minus(value) => {
                value.each(call);
            }
            AstNode::Index(left, right) | AstNode::Binary(left, _, right) => {
                left.each(call);
                right.each(call);
            }
            AstNode::Call(value, args) | AstNode::Filter(value, _, args) | AstNode::Test(value, _, args, _) => {
                value.each(call);
                for arg in args {
                    arg.each(call);
                }
            }
            AstNode::Choose(yes, test, no) => {
                yes.each(call);
                test.each(call);
                if let Some(no) = no {
                    no.each(call);
                }
            }
        }
    }
}
