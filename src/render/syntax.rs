//! What a text with `{{ … }}` consists of: literal text, expressions and statements, each with its place.
//!
//! Splitting a template before anything is evaluated lets every undefined name be reported at once, at its own place, and
//! tells where an expression stands in a piece of shell. There are no template comments: `{#` is literal text, because
//! `${#name}` is common shell and YAML has comments of its own.

use std::ops::Range;

use minijinja::Value;

/// One part of a template; ranges are bytes of the whole text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Text as it is.
    Literal(Range<usize>),
    /// `{{ … }}`.
    Expression {
        /// Its bytes with the braces.
        outer: Range<usize>,
        /// Its bytes between the braces.
        inner: Range<usize>,
    },
    /// `{% … %}`.
    Statement {
        /// Its bytes with the marks.
        outer: Range<usize>,
        /// Its bytes between the marks.
        inner: Range<usize>,
    },
}

/// A text split into its parts.
#[derive(Clone, Debug)]
pub(crate) struct Template<'a> {
    /// The whole text.
    pub(crate) text: &'a str,
    /// Its parts in order. The white space that a `-` at a brace removes is already missing from the literal text beside it.
    pub(crate) segments: Vec<Segment>,
    /// Whether there are statements, which only the template engine itself can follow.
    pub(crate) statements: bool,
    /// The expressions that the host evaluates, by the bytes between their braces, and the texts that stand for them.
    pub(crate) values: Vec<(Range<usize>, Value)>,
}

/// What is wrong in a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TemplateError {
    /// Bytes of the text.
    pub(crate) at: Range<usize>,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: Option<String>,
    /// Whether the template cannot be read at all.
    pub(crate) syntax: bool,
}

/// Whether a text contains anything to be evaluated.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// Whether a text can be the name of a variable.
pub(crate) fn is_name(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(letter) && text.chars().all(|c| letter(c) || c.is_ascii_digit())
}

/// Splits a text into its parts.
pub(crate) fn split(text: &str) -> Result<Template<'_>, TemplateError> {
    let mut template = Template { text, segments: Vec::new(), statements: false, values: Vec::new() };
    let (mut at, mut literal) = (0, 0);
    while let Some(found) = text[at..].find('{') {
        let open = at + found;
        let expression = match text.as_bytes().get(open + 1) {
            Some(b'{') => true,
            Some(b'%') => false,
            _ => {
                at = open + 1;
                continue;
            }
        };
        literal = template.braces(literal, open, expression)?;
        at = literal;
    }
    template.push_literal(literal..text.len());
    Ok(template)
}

impl Template<'_> {
    fn push_literal(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            self.segments.push(Segment::Literal(range));
        }
    }

    /// Reads what is in braces that open at `open`, after literal text from `literal`; returns where literal text goes on.
    fn braces(&mut self, literal: usize, open: usize, expression: bool) -> Result<usize, TemplateError> {
        let text = self.text;
        let braces = &text[open..open + 2];
        let close = end_of(text, open + 2, expression).ok_or_else(|| {
            let message = format!("`{braces}` is opened here and never closed");
            TemplateError::unreadable(open..open + 2, message, literal_hint(braces))
        })?;
        let (mut inner, outer) = (open + 2..close, open..close + 2);
        let trim_before = text[inner.clone()].starts_with('-');
        let trim_after = inner.len() > 1 && text[inner.clone()].ends_with('-');
        if trim_before || text[inner.clone()].starts_with('+') {
            inner.start += 1;
        }
        if trim_after || (inner.len() > 1 && text[inner.clone()].ends_with('+')) {
            inner.end -= 1;
        }
        let before = if trim_before { literal + text[literal..open].trim_end().len() } else { open };
        self.push_literal(literal..before);
        match text[inner.clone()].trim() {
            "" => {
                return Err(TemplateError::unreadable(outer, "the braces are empty".to_owned(), literal_hint(braces)));
            }
            "raw" if !expression => return self.raw(outer),
            _ => {}
        }
        let end = outer.end;
        self.statements |= !expression;
        self.segments.push(if expression {
            Segment::Expression { outer, inner }
        } else {
            Segment::Statement { outer, inner }
        });
        Ok(if trim_after { end + text[end..].len() - text[end..].trim_start().len() } else { end })
    }

    /// Reads the literal text between `{% raw %}`, which is at `outer`, and its end.
    fn raw(&mut self, outer: Range<usize>) -> Result<usize, TemplateError> {
        let (body, end) = raw_body(self.text, outer.end).ok_or_else(|| {
            let message = "`{% raw %}` is opened here and never closed".to_owned();
            TemplateError::unreadable(outer, message, "close it with `{% endraw %}`".to_owned())
        })?;
        self.push_literal(body);
        Ok(end)
    }
}

impl TemplateError {
    fn unreadable(at: Range<usize>, message: String, hint: String) -> Self {
        Self { at, message, hint: Some(hint), syntax: true }
    }
}

fn literal_hint(braces: &str) -> String {
    format!("for literal braces write {{{{ \"{braces}\" }}}}")
}

fn raw_body(text: &str, from: usize) -> Option<(Range<usize>, usize)> {
    let mut at = from;
    loop {
        let open = at + text[at..].find("{%")?;
        let close = open + text[open..].find("%}")?;
        if text[open + 2..close].trim_matches(|c: char| c == '-' || c.is_whitespace()) == "endraw" {
            return Some((from..open, close + 2));
        }
        at = open + 2;
    }
}

/// Where the closing mark of an expression or statement begins.
fn end_of(text: &str, from: usize, expression: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let close: &[u8] = if expression { b"}}" } else { b"%}" };
    let mut depth = 0usize;
    let mut at = from;
    while at < bytes.len() {
        if depth == 0 && bytes[at..].starts_with(close) {
            return Some(at);
        }
        match bytes[at] {
            quote @ (b'\'' | b'"') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}

impl Template<'_> {
    /// What stands for the expression with these bytes, and its number, where the host evaluates it.
    pub(crate) fn value_of(&self, inner: &Range<usize>) -> Option<(usize, &Value)> {
        let at = self.values.iter().position(|(known, _)| known == inner)?;
        Some((at, &self.values[at].1))
    }

    /// The inside of the expression, where the text is one expression and nothing else.
    pub(crate) fn single(&self) -> Option<Range<usize>> {
        match self.segments.as_slice() {
            [Segment::Expression { inner, .. }] => Some(inner.clone()),
            _ => None,
        }
    }
}

/// A token of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// Its text.
    pub(crate) text: &'a str,
    /// Bytes of the whole template.
    pub(crate) at: Range<usize>,
    /// What it is.
    pub(crate) sort: Sort,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// A name, a keyword, a filter, a test, an attribute.
    Word,
    /// A text in quotes.
    Quoted,
    /// A number.
    Number,
    /// Anything else.
    Mark,
}

/// The tokens of the expression at `range` of `text`.
pub(crate) fn tokens(text: &str, range: Range<usize>) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let start = at;
        let sort = match bytes[at] {
            b if b.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            quote @ (b'\'' | b'"') => {
                at += 1;
                while at < range.end && bytes[at] != quote {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
                Sort::Quoted
            }
            b if b.is_ascii_digit() => {
                while at < range.end && (bytes[at].is_ascii_alphanumeric() || matches!(bytes[at], b'_' | b'.')) {
                    at += 1;
                }
                Sort::Number
            }
            b if b.is_ascii_alphabetic() || b == b'_' || b >= 0x80 => {
                while at < range.end && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_' || bytes[at] >= 0x80) {
                    at += 1;
                }
                Sort::Word
            }
            _ => {
                let two = matches!(text.get(at..at + 2), Some("==" | "!=" | "<=" | ">=" | "//" | "**"));
                at += if two { 2 } else { 1 };
                Sort::Mark
            }
        };
        at = at.min(range.end);
        out.push(Token { text: text.get(start..at).unwrap_or(""), at: start..at, sort });
    }
    out
}

/// One place where an expression uses a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Use<'a> {
    /// The name.
    pub(crate) name: &'a str,
    /// Bytes of the whole template.
    pub(crate) at: Range<usize>,
    /// The attribute after it, such as `HOME` in `env.HOME`.
    pub(crate) attribute: Option<(&'a str, Range<usize>)>,
    /// Whether the expression allows for an undefined name, by `default` or `is defined`.
    pub(crate) guarded: bool,
}

const KEYWORDS: &[&str] = &[
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "true",
    "false",
    "none",
    "True",
    "False",
    "None",
    "for",
    "endfor",
    "endif",
    "elif",
    "set",
    "endset",
    "with",
    "endwith",
    "filter",
    "endfilter",
    "recursive",
    "do",
    "autoescape",
    "endautoescape",
];

/// The names that an expression uses.
pub(crate) fn uses<'a>(tokens: &[Token<'a>]) -> Vec<Use<'a>> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let mut out = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let before = if at == 0 { "" } else { text(at - 1) };
        let tested = before == "is" || (before == "not" && at >= 2 && text(at - 2) == "is");
        let statement_filter = before == "filter" && at == 1;
        let named_argument = text(at + 1) == "=" && matches!(before, "(" | ",");
        if token.sort != Sort::Word
            || matches!(before, "." | "|")
            || tested
            || statement_filter
            || named_argument
            || KEYWORDS.contains(&token.text)
        {
            continue;
        }
        let (attribute, after) = match tokens.get(at + 2) {
            Some(next) if text(at + 1) == "[" && next.sort == Sort::Quoted && text(at + 3) == "]" => {
                let name = next.text.get(1..next.text.len().saturating_sub(1)).unwrap_or("");
                (Some((name, next.at.clone())), at + 4)
            }
            Some(next) if text(at + 1) == "." && next.sort == Sort::Word => {
                (Some((next.text, next.at.clone())), at + 3)
            }
            _ => (None, at + 1),
        };
        let guarded = match (text(after), text(after + 1)) {
            ("|", "default" | "d") | ("is", "defined" | "undefined") => true,
            ("is", "not") => matches!(text(after + 2), "defined" | "undefined"),
            _ => false,
        };
        out.push(Use { name: token.text, at: token.at.clone(), attribute, guarded });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<String> {
        let template = split(text).expect(text);
        template
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(range) => text[range.clone()].to_owned(),
                Segment::Expression { inner, .. } => format!("<{}>", text[inner.clone()].trim()),
                Segment::Statement { inner, .. } => format!("[{}]", text[inner.clone()].trim()),
            })
            .collect()
    }

    #[test]
    fn a_text_is_split_into_its_parts() {
        assert_eq!(parts("a {{ b }} c"), ["a ", "<b>", " c"]);
        assert_eq!(parts("{{ {'a': {'b': 1}} }}"), ["<{'a': {'b': 1}}>"]);
        assert_eq!(parts("{{ '}}' }}x"), ["<'}}'>", "x"]);
        assert_eq!(parts("a {{- b -}} c"), ["a", "<b>", "c"]);
        assert_eq!(parts("${#x} ${y%%z} {a,b}"), ["${#x} ${y%%z} {a,b}"]);
        assert_eq!(parts("{% if a %}b{% endif %}"), ["[if a]", "b", "[endif]"]);
        assert_eq!(parts("x{% raw %}{{ y }}{% endraw %}z"), ["x", "{{ y }}", "z"]);
        assert_eq!(split("a {{ b").expect_err("open").at, 2..4);
        assert_eq!(split("a {{ }}").expect_err("empty").at, 2..7);
    }

    #[test]
    fn names_are_found_and_nothing_else() {
        let names = |text: &str| {
            uses(&tokens(text, 0..text.len())).iter().map(|found| found.name.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names("a.b | join(c, d='e') ~ \"f g\""), ["a", "c"]);
        assert_eq!(
            names("a is defined and b not in [c, 1e5] if x is not divisibleby(y) else z"),
            ["a", "b", "c", "x", "y", "z"]
        );
        assert_eq!(names("set x = y"), ["x", "y"]);
        let text = "a | default('') ~ env.B ~ c is not defined";
        let found = uses(&tokens(text, 0..text.len()));
        assert!(found[0].guarded && found[2].guarded && !found[1].guarded);
        assert_eq!(found[1].attribute.as_ref().map(|(name, _)| *name), Some("B"));
    }
}
