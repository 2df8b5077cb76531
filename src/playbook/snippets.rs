//! The pieces of shell in a playbook as a shell can read them without any value: templates replaced by words.

use super::load::Loaded;
use super::step::Step;
use crate::kinds::Shape;
use crate::node::{Node, ScalarStyle, Value};
use crate::plan::options::Form;
use crate::render::shell_context::{Ending, ending};
use crate::render::syntax::{self, Segment, Template};
use crate::source::{Diagnostic, Sources, Span};

/// A piece of shell.
#[derive(Debug)]
pub struct Snippet<'p> {
    /// The shell that reads it on the host.
    pub shell: &'p str,
    /// The text with words in place of its templates. Where statements choose between parts, there are several texts, and it is
    /// enough if a shell understands one of them.
    pub texts: Vec<String>,
    /// Whether the text leaves nothing open: it can stand in one file with others.
    pub closed: bool,
    /// Where the quotes start that are open at its end, in bytes of the text.
    opened: Option<usize>,
    node: &'p Node,
}

/// Every piece of shell that is worth reading: one of plain words cannot have a syntax error.
pub fn snippets(loaded: &Loaded) -> Vec<Snippet<'_>> {
    let questions = loaded.playbook.groups.iter().flat_map(|group| &group.question);
    loaded.playbook.steps.iter().chain(questions).flat_map(of_step).collect()
}

fn of_step(step: &Step) -> impl Iterator<Item = Snippet<'_>> {
    // Only the text of a script has a shell of its own; every check is read by `sh`.
    let own = step.fields.iter().find(|given| given.row.name == "shell").and_then(|given| given.value.as_text());
    let own = own.filter(|shell| !syntax::is_template(shell)).unwrap_or("sh");
    let is_script = step.kind.is_some_and(|kind| kind.name == "script");
    let fields = step
        .fields
        .iter()
        .map(move |given| (&given.value, Form::Field(given.row.shape), if is_script { own } else { "sh" }));
    let options = step.options.iter().map(|given| (&given.value, given.row.form, "sh"));
    let shell = fields.chain(options).filter(|(_, form, _)| matches!(form, Form::Field(Shape::Shell)));
    shell.filter_map(|(node, _, shell)| Snippet::of(node, shell))
}

impl<'p> Snippet<'p> {
    fn of(node: &'p Node, shell: &'p str) -> Option<Self> {
        let Value::Scalar { text, .. } = &node.value else { return None };
        let template = syntax::split(text).ok()?;
        // What `raw` inserts may be any part of a command.
        if raw(&template) {
            return None;
        }
        let texts = if template.statements {
            vec![stand_in(&template, true), stand_in(&template, false)]
        } else {
            vec![stand_in(&template, true)]
        };
        if texts.iter().all(|text| is_plain(text)) {
            return None;
        }
        let (closed, opened) = match ending(&texts[0]) {
            Ending::Closed => (texts.len() == 1, None),
            Ending::Open(at) => (false, at),
        };
        Some(Self { shell, texts, closed, opened, node })
    }

    /// What is wrong with it, as a shell says it; `line` counts from 1.
    pub fn error(&self, sources: &Sources, line: usize, said: &str) -> Diagnostic {
        if let Some(cut) = self.cut(sources) {
            return cut;
        }
        let text = &self.texts[0];
        let place = if let Some(at) = self.opened.filter(|_| !self.closed) {
            self.node.place(sources, at, at + 1)
        } else {
            let starts = || std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
            // A shell that misses something says so behind the last line.
            let last = starts().take_while(|at| !text[*at..].trim().is_empty()).fold(0, |_, at| at);
            let start = starts().nth(line.saturating_sub(1)).unwrap_or(last).min(last);
            let shown = text[start..].lines().next().unwrap_or("");
            let indent = shown.len() - shown.trim_start().len();
            self.node.place(sources, start + indent, start + shown.trim_end().len())
        };
        let said = said.strip_prefix("Syntax error: ").or_else(|| said.strip_prefix("syntax error: ")).unwrap_or(said);
        let error = Diagnostic::error(place, format!("`{}` does not understand this: {said}", self.shell));
        if self.opened.is_some() && !self.closed { error.label("opened here and never closed") } else { error }
    }

    /// The error for a value without quotes that YAML has cut at ` #`, where that leaves something open.
    fn cut(&self, sources: &Sources) -> Option<Diagnostic> {
        let Value::Scalar { style: ScalarStyle::Plain, .. } = self.node.value else { return None };
        let source = self.node.span.source;
        let line = sources.get(source).text.get(self.node.span.end..)?.lines().next()?;
        let comment = line.trim_start();
        if self.closed || !comment.starts_with('#') || comment.len() == line.len() {
            return None;
        }
        let start = self.node.span.end + line.len() - comment.len();
        let written = format!("{}{line}", sources.slice(self.node.span));
        let error =
            Diagnostic::error(Span { source, start, end: start + 1 }, "YAML takes what follows ` #` for a comment");
        let quoted = format!("put quotes around the whole value: '{}'", written.trim_end().replace('\'', "''"));
        Some(error.label("the value ends before this").hint(quoted))
    }
}

/// Whether one of a template's expressions inserts shell.
fn raw(template: &Template<'_>) -> bool {
    template.segments.iter().any(|segment| match segment {
        Segment::Expression { inner, .. } | Segment::Statement { inner, .. } => {
            let tokens = syntax::tokens(template.text, inner.clone());
            tokens.windows(2).any(|pair| pair[0].text == "|" && pair[1].text == "raw")
        }
        Segment::Literal(_) => false,
    })
}

/// A text of the same length in which a word stands for each expression, and blanks for each statement. Without `all`, only the
/// first part of each choice is left.
pub(super) fn stand_in(template: &Template<'_>, all: bool) -> String {
    let mut out = String::with_capacity(template.text.len());
    let mut left_out = 0usize;
    let mut at = 0;
    let blanks = |text: &str| " ".repeat(text.len());
    for segment in &template.segments {
        let (range, shown) = match segment {
            Segment::Literal(range) => (range, template.text[range.clone()].to_owned()),
            Segment::Expression { outer, .. } => (outer, "x".repeat(outer.len())),
            Segment::Statement { outer, inner } => {
                let word = template.text[inner.clone()].split_whitespace().next().unwrap_or("").to_owned();
                match word.as_str() {
                    "else" | "elif" if !all && left_out == 0 => left_out = 1,
                    "if" | "for" if left_out > 0 => left_out += 1,
                    "endif" | "endfor" => left_out = left_out.saturating_sub(1),
                    _ => {}
                }
                (outer, blanks(&template.text[outer.clone()]))
            }
        };
        out.push_str(&blanks(&template.text[at..range.start]));
        out.push_str(&if left_out > 0 { blanks(&shown) } else { shown });
        at = range.end;
    }
    out.push_str(&blanks(&template.text[at..]));
    out
}

/// Words that shells give a meaning to.
const RESERVED: &[&str] = &[
    "if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "case", "esac", "in", "function",
    "select", "time", "coproc",
];

/// Whether a text is plain words, and `&&`, `||` and `|` between them.
fn is_plain(text: &str) -> bool {
    let mut after_word = false;
    for line in text.lines() {
        for word in line.split([' ', '\t']).filter(|word| !word.is_empty()) {
            if matches!(word, "&&" | "||" | "|") {
                if !after_word {
                    return false;
                }
                after_word = false;
            } else {
                let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./~:=,@%+-".contains(&b));
                if !plain || RESERVED.contains(&word) {
                    return false;
                }
                after_word = true;
            }
        }
    }
    after_word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_become_words_of_the_same_length() {
        let template = syntax::split("echo {{ a }}{% if b %}é {{ c }}{% else %}d{% endif %} e").expect("a template");
        let all = stand_in(&template, true);
        assert_eq!(all.split_whitespace().collect::<Vec<_>>(), ["echo", "xxxxxxx", "é", "xxxxxxx", "d", "e"]);
        let first = stand_in(&template, false);
        assert_eq!(first.split_whitespace().collect::<Vec<_>>(), ["echo", "xxxxxxx", "é", "xxxxxxx", "e"]);
        assert!(all.len() == template.text.len() && first.len() == template.text.len());
    }

    #[test]
    fn plain_words_need_no_shell() {
        for text in ["ls -l", "mkdir -p /a/b && touch /a/b/c", "a | b || c"] {
            assert!(is_plain(text), "{text}");
        }
        for text in ["", "ls &&", "&& ls", "a | | b", "if a", "echo 'a'", "a; b", "a > b", "done", "echo $x", "a &"] {
            assert!(!is_plain(text), "{text}");
        }
    }
}
