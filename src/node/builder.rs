//! The parser's events to a tree, with an error for what playbooks do not allow.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScanError, StructureStyle};

use super::characters::MAX_DIAGNOSTICS;
use super::explain::MAX_DEPTH;
use super::tree::{Entry, Node, ScalarStyle, Value};
use crate::source::{Diagnostic, Span};

/// A list or a map that is still open.
pub(super) struct Open {
    pub(super) span: Span,
    pub(super) value: OpenValue,
    /// The template without quotes that YAML takes for this map.
    unquoted: Option<Range<usize>>,
}

pub(super) enum OpenValue {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, seen: HashMap<String, Span>, key: Option<Key> },
}

/// A key whose value has not been read yet.
pub(super) struct Key {
    text: String,
    span: Span,
    /// Whether no error of it has been reported.
    usable: bool,
}

/// Why reading ended before the end.
pub(super) enum Stop {
    /// A syntax error that has not been reported.
    Syntax(ScanError),
    /// An error that has been reported.
    Reported,
}

/// Builds the tree from the parser's events.
pub(super) struct Builder<'a> {
    pub(super) whole: Span,
    pub(super) text: &'a str,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) stack: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    /// How many diagnostics are about forbidden characters.
    pub(super) forbidden: usize,
    /// Templates without quotes that plain characters replace.
    pub(super) replaced: &'a [Range<usize>],
    /// Templates without quotes that YAML has taken for maps.
    pub(super) unquoted: Vec<Range<usize>>,
    /// How many open maps are such templates: errors inside them are not reported.
    pub(super) within_unquoted: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(whole: Span, text: &'a str, forbidden: Vec<Diagnostic>, replaced: &'a [Range<usize>]) -> Self {
        let mut builder = Self {
            whole,
            text,
            forbidden: forbidden.len(),
            diagnostics: forbidden,
            stack: Vec::new(),
            root: None,
            documents: 0,
            replaced,
            unquoted: Vec::new(),
            within_unquoted: 0,
        };
        for range in replaced {
            builder.report_unquoted(range);
        }
        builder
    }

    /// Reads the text, in which plain characters may replace what cannot be read.
    pub(super) fn run(&mut self, readable: &str) -> Option<Stop> {
        let mut options = granit_parser::options! { disallow_directives: true, emit_unresolved_aliases: true, block_nesting_limit: 128, flow_nesting_limit: MAX_DEPTH };
        options.set_emit_comments(false);
        for event in Parser::new_from_str_with_options(readable, options) {
            match event {
                Ok((event, span)) => {
                    if self.take(event, span).is_err() {
                        return Some(Stop::Reported);
                    }
                }
                Err(error) => return Some(Stop::Syntax(error)),
            }
        }
        None
    }

    /// The tree, if it is reliable; a syntax error is reported.
    pub(super) fn finish(&mut self, stop: Option<Stop>) -> Option<Node> {
        match stop {
            None => Some(self.root.take().unwrap_or(Node { value: Value::Null, span: self.whole.part(0, 0) })),
            Some(Stop::Reported) => None,
            Some(Stop::Syntax(error)) => {
                self.report_syntax(&error);
                None
            }
        }
    }

    pub(super) fn place(&self, start: usize, end: usize) -> Span {
        Span { source: self.whole.source, start: self.whole.start + start, end: self.whole.start + end }
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        if self.within_unquoted == 0 && self.diagnostics.len() < MAX_DIAGNOSTICS + self.forbidden {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Handles one event; `Err` where it makes no sense to continue.
    fn take(&mut self, event: Event<'_>, span: granit_parser::Span) -> Result<(), ()> {
        let range = span.byte_range().unwrap_or(0..0);
        let here = self.place(range.start, range.end);
        let tag_start = span.tag_start().and_then(|mark| mark.byte_offset());
        match event {
            Event::DocumentStart(..) => self.document(here),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = self.properties(range.start, anchor, tag.is_some(), tag_start);
                let node = self.scalar(&text, style, here, range);
                // Most likely the `!` or `&` belongs to a text.
                self.add(if plain { node } else { broken(node) });
                Ok(())
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.properties(range.start, anchor, tag.is_some(), tag_start);
                self.open(here, OpenValue::List(Vec::new()), None)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.properties(range.start, anchor, tag.is_some(), tag_start);
                let template = style == StructureStyle::Flow && self.text[range.start..].starts_with("{{");
                let unquoted = (template && self.within_unquoted == 0).then(|| self.unquoted_range(range.start));
                if let Some(found) = &unquoted {
                    self.report_unquoted(found);
                    self.unquoted.push(found.clone());
                }
                self.open(here, OpenValue::Map { entries: Vec::new(), seen: HashMap::new(), key: None }, unquoted)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.close(here, &range);
                Ok(())
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.alias(here, range);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn document(&mut self, here: Span) -> Result<(), ()> {
        self.documents += 1;
        if self.documents == 1 {
            return Ok(());
        }
        self.report(
            Diagnostic::error(here, "a second document starts here")
                .hint("a playbook is one document: remove the `---`"),
        );
        Err(())
    }

    fn alias(&mut self, here: Span, range: Range<usize>) {
        let error = Diagnostic::error(here, "YAML aliases are not allowed in playbooks")
            .hint("write the value out, or put it into `vars:` and use `{{ name }}`");
        let text = self.text[range.clone()].starts_with("**") || range.len() == 1;
        self.report(if text { error.label("a value that starts with `*` needs quotes") } else { error });
        self.add(Node { value: Value::Broken { text: String::new(), style: ScalarStyle::Plain }, span: here });
    }

    fn open(&mut self, span: Span, value: OpenValue, unquoted: Option<Range<usize>>) -> Result<(), ()> {
        if self.stack.len() >= MAX_DEPTH {
            self.report(
                Diagnostic::error(span, format!("lists and maps are nested more than {MAX_DEPTH} deep"))
                    .hint("a playbook needs about six levels"),
            );
            return Err(());
        }
        self.within_unquoted += usize::from(unquoted.is_some());
        self.stack.push(Open { span, value, unquoted });
        Ok(())
    }

    fn close(&mut self, here: Span, range: &Range<usize>) {
        let open = self.stack.pop().expect("the parser pairs starts and ends");
        if let Some(unquoted) = open.unquoted {
            self.within_unquoted -= 1;
            let node = self.as_if_quoted(unquoted);
            self.add(node);
            return;
        }
        let flow = self.from(open.span).starts_with(['[', '{']) && !range.is_empty();
        let end = if flow { here.end } else { self.whole.start + self.text[..range.start].trim_end().len() };
        let value = match open.value {
            OpenValue::List(items) => Value::List(items),
            OpenValue::Map { entries, .. } => Value::Map(entries),
        };
        self.add(Node { value, span: Span { end: end.max(open.span.end), ..open.span } });
    }

    /// The text from where a span starts.
    pub(super) fn from(&self, span: Span) -> &'a str {
        &self.text[span.start - self.whole.start..]
    }

    /// A template without quotes, read as what it would be with them.
    pub(super) fn as_if_quoted(&self, range: Range<usize>) -> Node {
        let span = self.place(range.start, range.end);
        Node { value: Value::Scalar { text: self.text[range].to_owned(), style: ScalarStyle::Plain }, span }
    }

    /// Adds a value to the list or map that is open, or makes it a key.
    fn add(&mut self, node: Node) {
        match self.stack.last_mut().map(|open| &mut open.value) {
            None => self.root = Some(node),
            Some(OpenValue::List(items)) => items.push(node),
            Some(OpenValue::Map { entries, seen, key }) => match key.take() {
                Some(Key { text, span, usable }) => {
                    if usable {
                        seen.insert(text.clone(), span);
                    }
                    entries.push(Entry { key: text, key_span: span, value: node, broken: !usable });
                }
                None => self.add_key(node),
            },
        }
    }

    /// Makes a value the key of the map that is open.
    fn add_key(&mut self, node: Node) {
        let span = node.span;
        let (text, mut usable, mut error) = self.key_of(node);
        if let Some(OpenValue::Map { seen, key, .. }) = self.stack.last_mut().map(|open| &mut open.value) {
            if let Some(first) = seen.get(&text).filter(|_| usable) {
                usable = false;
                error = Some(
                    Diagnostic::error(span, format!("the key `{text}` is given twice"))
                        .label("given again here")
                        .related(*first, "first given here")
                        .hint("keep one of them"),
                );
            }
            *key = Some(Key { text, span, usable });
        }
        if let Some(error) = error {
            self.report(error);
        }
    }

    /// A key's text, whether it can be used, and what is wrong with it, unless that has been reported.
    fn key_of(&self, node: Node) -> (String, bool, Option<Diagnostic>) {
        let span = node.span;
        let shape = node.shape_name();
        match node.value {
            Value::Scalar { text, style } if text == "<<" && style == ScalarStyle::Plain => {
                let error = Diagnostic::error(span, "YAML merge keys are not allowed in playbooks");
                (text, false, Some(error.hint("write the keys out")))
            }
            Value::Scalar { text, .. } => {
                let start = span.start - self.whole.start;
                let reported = self.unquoted.iter().chain(self.replaced).any(|template| template.contains(&start));
                (text, !reported, None)
            }
            Value::Null => {
                let error = Diagnostic::error(span, "a key is missing here").hint("write `key: value`");
                (String::new(), false, Some(error))
            }
            Value::Broken { text, .. } => {
                let readable = !text.is_empty() && !text.contains(char::REPLACEMENT_CHARACTER);
                (text, readable, None)
            }
            Value::List(_) | Value::Map(_) => {
                let error = Diagnostic::error(span, "a key must be text").label(format!("this is {shape}"));
                (String::new(), false, Some(error))
            }
        }
    }
}

/// A scalar with an error that has been reported; anything else as it is.
fn broken(node: Node) -> Node {
    let value = match node.value {
        Value::Scalar { text, style } => Value::Broken { text, style },
        Value::Null => Value::Broken { text: String::new(), style: ScalarStyle::Plain },
        other => other,
    };
    Node { value, ..node }
}
