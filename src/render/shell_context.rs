//! Where an expression stands in a piece of shell.
//!
//! A value becomes one quoted word in shell. That is right wherever a word may stand, and wrong inside quotes, comments,
//! here-documents and backquotes, where the quotes of the value would be plain characters, or would end something. This
//! module finds such places; `misplaced` explains them.

use std::ops::Range;

use super::syntax::{Segment, Template};

/// An expression in a place where a quoted word does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misplaced {
    /// The expression with its braces.
    pub(crate) at: Range<usize>,
    /// Where the surrounding quotes, backquotes or comment start.
    pub(crate) opened: Option<usize>,
    /// What surrounds it.
    pub(crate) inside: Inside,
}

/// What surrounds a misplaced expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    /// `'…'`.
    Single,
    /// `"…"`.
    Double,
    /// Backquotes.
    Backquotes,
    /// `# …`.
    Comment,
    /// A here-document.
    HereDocument,
    /// Directly after a backslash.
    Backslash,
    /// Directly after `$`.
    Dollar,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum QuoteState {
    Plain,
    Single(usize),
    Double(usize),
    /// `$(…)`, with the number of parentheses that are open inside it.
    Command(u32),
    /// `${…}`.
    Parameter,
    Backquotes(usize),
    Comment(usize),
}

/// Every expression in a place where a quoted word does not work; `spared` says which are meant as shell.
pub(crate) fn misplaced(template: &Template<'_>, spared: impl Fn(&Range<usize>) -> bool) -> Vec<Misplaced> {
    let mut walk =
        Walk { stack: vec![QuoteState::Plain], last: None, awaited: Vec::new(), here: None, line: String::new() };
    let mut out = Vec::new();
    for segment in &template.segments {
        match segment {
            Segment::Literal(range) => walk.literal(&template.text[range.clone()], range.start),
            Segment::Statement { .. } => {}
            Segment::Expression { outer, inner } => {
                if let Some((inside, opened)) = walk.inside()
                    && !spared(inner)
                {
                    out.push(Misplaced { at: outer.clone(), opened, inside });
                }
                walk.last = Some('x');
                if walk.here.is_some() {
                    walk.line.push('x');
                }
            }
        }
    }
    out
}

/// How a piece of shell ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing is open.
    Closed,
    /// Quotes, a substitution or a here-document are open; where they start, where that is known.
    Open(Option<usize>),
}

/// Whether quotes, substitutions or here-documents are open at the end of a piece of shell.
pub(crate) fn ending(text: &str) -> Ending {
    let mut walk =
        Walk { stack: vec![QuoteState::Plain], last: None, awaited: Vec::new(), here: None, line: String::new() };
    walk.literal(text, 0);
    walk.literal("\n", text.len());
    if walk.here.is_some() || !walk.awaited.is_empty() {
        return Ending::Open(None);
    }
    match walk.stack.last() {
        Some(QuoteState::Plain) | None => Ending::Closed,
        Some(QuoteState::Single(at) | QuoteState::Double(at) | QuoteState::Backquotes(at)) => Ending::Open(Some(*at)),
        Some(QuoteState::Command(_) | QuoteState::Parameter | QuoteState::Comment(_)) => Ending::Open(None),
    }
}

/// What stands for an escaped character, which belongs to a word whichever it is.
const PART_OF_A_WORD: char = 'x';

struct Walk {
    stack: Vec<QuoteState>,
    /// The character before this one; `None` at the start of a command.
    last: Option<char>,
    /// Here-documents whose body starts on the next line: delimiter, and whether tabs before it are dropped.
    awaited: Vec<(String, bool)>,
    /// The here-document in whose body the walk is.
    here: Option<(String, bool)>,
    line: String,
}

impl Walk {
    fn inside(&self) -> Option<(Inside, Option<usize>)> {
        if self.here.is_some() {
            return Some((Inside::HereDocument, None));
        }
        if let Some(at) = self.stack.iter().find_map(|state| match state {
            QuoteState::Backquotes(at) => Some(*at),
            _ => None,
        }) {
            return Some((Inside::Backquotes, Some(at)));
        }
        match *self.stack.last().expect("never empty") {
            QuoteState::Single(at) => Some((Inside::Single, Some(at))),
            QuoteState::Double(at) => Some((Inside::Double, Some(at))),
            QuoteState::Comment(at) => Some((Inside::Comment, Some(at))),
            // Inside `"${x:-…}"` the quotes of a word would be plain characters.
            QuoteState::Parameter => self.stack.iter().rev().find_map(|state| match state {
                QuoteState::Double(at) => Some((Inside::Double, Some(*at))),
                _ => None,
            }),
            _ if self.last == Some('\\') => Some((Inside::Backslash, None)),
            _ if self.last == Some('$') => Some((Inside::Dollar, None)),
            _ => None,
        }
    }

    /// Follows the quotes of literal text that starts at byte `base` of the template.
    fn literal(&mut self, text: &str, base: usize) {
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let here = base + at;
            if self.here.is_some() {
                self.here_document(c);
                at += c.len_utf8();
                continue;
            }
            let next = text[at + c.len_utf8()..].chars().next();
            let mut step = c.len_utf8();
            let top = *self.stack.last().expect("never empty");
            let mut last = Some(c);
            match (top, c) {
                (QuoteState::Comment(_), '\n') => {
                    self.stack.pop();
                    self.line_ends();
                }
                (QuoteState::Single(_), '\'')
                | (QuoteState::Double(_), '"')
                | (QuoteState::Backquotes(_), '`')
                | (QuoteState::Parameter, '}')
                | (QuoteState::Command(0), ')') => {
                    self.stack.pop();
                }
                (QuoteState::Single(_) | QuoteState::Comment(_), _) => {}
                (_, '\\') => {
                    // The escaped character belongs to it; at the end of the text it would escape the value's quote.
                    if let Some(escaped) = next {
                        step += escaped.len_utf8();
                        last = Some(PART_OF_A_WORD);
                    }
                }
                (_, '`') => self.stack.push(QuoteState::Backquotes(here)),
                (_, '$') => {
                    let belongs = self.dollar(next);
                    step += usize::from(belongs);
                    last = match next {
                        // A comment may start a command substitution.
                        Some('(') => None,
                        _ if belongs => Some(PART_OF_A_WORD),
                        _ => last,
                    };
                }
                (QuoteState::Double(_), _) => {}
                (_, '"') => self.stack.push(QuoteState::Double(here)),
                (_, '\'') => self.stack.push(QuoteState::Single(here)),
                (QuoteState::Command(open), '(') => {
                    *self.stack.last_mut().expect("never empty") = QuoteState::Command(open + 1);
                }
                (QuoteState::Command(open), ')') => {
                    *self.stack.last_mut().expect("never empty") = QuoteState::Command(open - 1);
                }
                (QuoteState::Parameter, _) => {}
                (_, '#') if self.last.is_none_or(|c| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')')) => {
                    self.stack.push(QuoteState::Comment(here));
                }
                (_, '<') if text[at..].starts_with("<<<") => step = 3,
                (_, '<') if text[at..].starts_with("<<") => step = self.here_operator(&text[at..]),
                (_, '\n') => self.line_ends(),
                _ => {}
            }
            self.last = last;
            at += step;
        }
    }

    /// Reads what follows a `$`; whether that character belongs to it.
    fn dollar(&mut self, next: Option<char>) -> bool {
        match next {
            Some('(') => self.stack.push(QuoteState::Command(0)),
            Some('{') => self.stack.push(QuoteState::Parameter),
            Some('$') => {}
            _ => return false,
        }
        true
    }

    /// Reads `<<DELIMITER` and returns its length.
    fn here_operator(&mut self, text: &str) -> usize {
        let mut len = 2;
        let dash = text[len..].starts_with('-');
        len += usize::from(dash);
        len += text[len..].len() - text[len..].trim_start_matches([' ', '\t']).len();
        let mut delimiter = String::new();
        let mut quote = None;
        for c in text[len..].chars() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (None, '\'' | '"') => quote = Some(c),
                (None, '\\') => {}
                (None, c) if c.is_whitespace() || ";&|()<>".contains(c) => break,
                (_, c) => delimiter.push(c),
            }
            len += c.len_utf8();
        }
        // `$((1 << 2))` is arithmetic: the right side of a shift is a number.
        if !delimiter.is_empty() && !delimiter.starts_with(|c: char| c.is_ascii_digit()) {
            self.awaited.push((delimiter, dash));
        }
        len
    }

    fn line_ends(&mut self) {
        if !self.awaited.is_empty() {
            self.here = Some(self.awaited.remove(0));
            self.line.clear();
        }
    }

    fn here_document(&mut self, c: char) {
        if c != '\n' {
            self.line.push(c);
            return;
        }
        let ends = self.here.as_ref().is_some_and(|(delimiter, dash)| {
            let line = if *dash { self.line.trim_start_matches('\t') } else { &self.line };
            line == delimiter
        });
        if ends {
            self.here = None;
            self.last = Some('\n');
            self.line_ends();
        }
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::syntax::split;

    #[test]
    fn an_expression_belongs_where_a_word_may_stand() {
        let cases: &[(&str, &[Inside])] = &[
            ("echo {{ x }} a{{ x }}b --o={{ x }}", &[]),
            ("echo '{{ x }}'", &[Inside::Single]),
            ("echo \"a {{ x }}\" {{ x }}", &[Inside::Double]),
            ("echo \"$(cat {{ x }})\" \"$(echo \"{{ x }}\")\"", &[Inside::Double]),
            ("echo `cat {{ x }}`", &[Inside::Backquotes]),
            ("# not {{ x }}\necho {{ x }} a#{{ x }}", &[Inside::Comment]),
            ("cat <<EOF\n{{ x }}\nEOF\necho {{ x }}", &[Inside::HereDocument]),
            ("cat <<-'EOF' | sort\n\t{{ x }}\n\tEOF\necho {{ x }}", &[Inside::HereDocument]),
            ("cat <<< {{ x }}\necho {{ x }}", &[]),
            ("echo $((1 << 2))\necho {{ x }}", &[]),
            ("echo \\{{ x }}", &[Inside::Backslash]),
            ("echo ${{ x }}", &[Inside::Dollar]),
            ("echo \\\\{{ x }} \\'{{ x }} $${{ x }}", &[]),
            ("echo it\\'s {{ x }}", &[]),
            ("echo ${y:-{{ x }}} ${#y} {{ x }}", &[]),
            ("echo \"${y:-{{ x }}}\"", &[Inside::Double]),
            ("a='b'; c=\"d\" # it's\ne {{ x }}", &[]),
            ("echo a\\\"#{{ x }} \\ #{{ x }} $$#{{ x }}", &[]),
            ("echo $(# {{ x }}\n)", &[Inside::Comment]),
            ("if [ -e {{ x }} ]; then (cd {{ x }}; ls); fi", &[]),
        ];
        for (text, expected) in cases {
            let template = split(text).expect(text);
            let found: Vec<Inside> = misplaced(&template, |_| false).iter().map(|found| found.inside).collect();
            assert_eq!(&found, expected, "{text}");
        }
    }
}
