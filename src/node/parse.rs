//! YAML text to nodes. Everything that would make a playbook mean something else than it says is refused here.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, StructureStyle};

use super::explain::{MAX_DEPTH, explain};
use super::{Entry, Node, Style, Value};
use crate::source::{Diagnostic, SourceId, Span};

/// The largest text that is looked at.
const MAX_BYTES: usize = 1 << 20;
/// How many faults of one sort are shown for one file.
const MAX_FAULTS: usize = 50;

/// A file's bytes as text; says what they are where they are not UTF-8.
pub fn decode(name: &str, bytes: Vec<u8>) -> Result<String, Box<Diagnostic>> {
    if bytes.len() > MAX_BYTES {
        return Err(Box::new(too_large(Diagnostic::without_place(format!("{name} has {} bytes", bytes.len())))));
    }
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..at];
        let line = String::from_utf8_lossy(before).matches('\n').count() + 1;
        let column =
            before.rsplit(|&b| b == b'\n').next().map_or(0, |l| String::from_utf8_lossy(l).chars().count()) + 1;
        Box::new(if utf16 {
            Diagnostic::without_place(format!("{name} is UTF-16 text"))
                .hint("save it as UTF-8 (in an editor: `Save with encoding`)")
        } else {
            let byte = error.as_bytes()[at];
            Diagnostic::without_place(format!("{name}:{line}:{column}: the byte 0x{byte:02x} is not UTF-8"))
                .hint("save the file as UTF-8")
        })
    })
}

/// What was read of a YAML text.
#[derive(Clone, Debug)]
pub struct Document {
    /// The tree; `None` where it cannot be trusted, because its syntax is at fault.
    pub root: Option<Node>,
    /// Every fault that the parser could get past, in the order of their places.
    pub faults: Vec<Diagnostic>,
}

/// Reads one document that must be without fault.
pub fn parse(id: SourceId, text: &str) -> Result<Node, Vec<Diagnostic>> {
    match read(id, text) {
        Document { root: Some(root), faults } if faults.is_empty() => Ok(root),
        Document { faults, .. } => Err(faults),
    }
}

/// Reads one document as far as its syntax goes: what else is at fault is reported, and something stands in for it.
pub fn read(id: SourceId, text: &str) -> Document {
    read_value(id, text, 0)
}

/// Reads the YAML that begins at byte `base` of a source and goes on to its end: `text` is that part.
pub(crate) fn read_value(id: SourceId, text: &str, base: usize) -> Document {
    let whole = Span { source: id, start: base, end: base + text.len() };
    if text.len() > MAX_BYTES {
        let found = Diagnostic::error(whole.part(0, 0), format!("the file has {} bytes", text.len()));
        return Document { root: None, faults: vec![too_large(found)] };
    }
    let raw = forbidden_letters(text, |at, len| whole.part(at, at + len));
    let mut readable = if raw.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(without_forbidden(text)) };
    let mut bare: Vec<Range<usize>> = Vec::new();
    loop {
        let mut builder = Builder::new(whole, text, raw.clone(), &bare);
        let error = builder.run(&readable);
        let next = match &error {
            Some(Stop::Syntax(error)) => builder.bare_at(error),
            _ => Vec::new(),
        };
        if next.is_empty() || bare.len() + next.len() > MAX_FAULTS {
            let root = builder.finish(error);
            let mut faults = builder.faults;
            faults.sort_by_key(|fault| fault.span);
            return Document { root, faults };
        }
        // With letters in the template's place the syntax holds, and what stands behind it is read as well.
        for range in &next {
            readable.to_mut().replace_range(range.clone(), &"x".repeat(range.len()));
        }
        bare.extend(next);
    }
}

fn too_large(found: Diagnostic) -> Diagnostic {
    found
        .label("more than 1 MB")
        .hint("a playbook may have 1 MB; put large content into a file of its own and name it with `src:`")
}

/// Why a letter may not stand in a playbook, in a few words, if it may not.
fn forbidden(c: char) -> Option<String> {
    match c {
        '\t' | '\n' | '\r' => None,
        '\0' => Some("a NUL byte".to_owned()),
        c if c.is_control() => Some(format!("the control character U+{:04X}", u32::from(c))),
        '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}' => Some(format!("the noncharacter U+{:04X}", u32::from(c))),
        _ => None,
    }
}

/// Letters that no text of a playbook may hold; `place` is asked for their spans.
fn forbidden_letters(text: &str, place: impl Fn(usize, usize) -> Span) -> Vec<Diagnostic> {
    let clean = |b: u8| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..0x7f);
    if text.bytes().all(clean) {
        return Vec::new();
    }
    text.char_indices()
        .filter_map(|(at, c)| {
            let what = forbidden(c)?;
            Some(
                Diagnostic::error(place(at, c.len_utf8()), format!("{what} cannot stand in a playbook"))
                    .hint("take it out"),
            )
        })
        .take(MAX_FAULTS)
        .collect()
}

/// Letters that stand in for forbidden ones of one, two and three bytes, so that every other keeps its place; no
/// expression can hold one of them.
const STAND_INS: [char; 3] = ['^', '\u{ac}', char::REPLACEMENT_CHARACTER];

fn without_forbidden(text: &str) -> String {
    text.chars().map(|c| if forbidden(c).is_some() { STAND_INS[c.len_utf8() - 1] } else { c }).collect()
}

/// A list or a map that is still open.
struct Open {
    span: Span,
    value: OpenValue,
    /// The template without quotes that YAML takes for this map.
    bare: Option<Range<usize>>,
}

enum OpenValue {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, seen: HashMap<String, Span>, key: Option<(String, Span, bool)> },
}

/// Why reading ended before the end.
enum Stop {
    Syntax(ScanError),
    /// A fault that has been reported.
    Reported,
}

struct Builder<'a> {
    whole: Span,
    text: &'a str,
    faults: Vec<Diagnostic>,
    stack: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    /// How many faults stand for letters that no playbook may hold.
    raw: usize,
    /// Templates without quotes that letters stand in for.
    replaced: &'a [Range<usize>],
    /// Templates without quotes that YAML has taken for maps.
    bare: Vec<Range<usize>>,
    /// How many open maps are such templates: what is wrong inside them is not told.
    within_bare: usize,
}

impl<'a> Builder<'a> {
    fn new(whole: Span, text: &'a str, raw: Vec<Diagnostic>, replaced: &'a [Range<usize>]) -> Self {
        let mut builder = Self {
            whole,
            text,
            raw: raw.len(),
            faults: raw,
            stack: Vec::new(),
            root: None,
            documents: 0,
            replaced,
            bare: Vec::new(),
            within_bare: 0,
        };
        for range in replaced {
            builder.bare_template(range);
        }
        builder
    }

    /// Reads the text, in which letters may stand in for what cannot be read.
    fn run(&mut self, readable: &str) -> Option<Stop> {
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

    /// The tree, if it can be trusted; a syntax error is reported.
    fn finish(&mut self, stop: Option<Stop>) -> Option<Node> {
        match stop {
            None => Some(self.root.take().unwrap_or(Node { value: Value::Null, span: self.whole.part(0, 0) })),
            Some(Stop::Reported) => None,
            Some(Stop::Syntax(error)) => {
                self.syntax(&error);
                None
            }
        }
    }

    fn place(&self, start: usize, end: usize) -> Span {
        Span { source: self.whole.source, start: self.whole.start + start, end: self.whole.start + end }
    }

    fn fault(&mut self, fault: Diagnostic) {
        if self.within_bare == 0 && self.faults.len() < MAX_FAULTS + self.raw {
            self.faults.push(fault);
        }
    }

    /// Takes one event in; `Err` means that going on would not be wise.
    fn take(&mut self, event: Event<'_>, span: granit_parser::Span) -> Result<(), ()> {
        let range = span.byte_range().unwrap_or(0..0);
        let here = self.place(range.start, range.end);
        let tag_start = span.tag_start().and_then(|mark| mark.byte_offset());
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.fault(
                        Diagnostic::error(here, "a second document begins here")
                            .hint("a playbook is one document: take the `---` out"),
                    );
                    return Err(());
                }
            }
            Event::Scalar(letters, style, anchor, tag) => {
                let plain = self.properties(range.start, anchor, tag.is_some(), tag_start);
                let mut node = self.scalar(&letters, style, here, range.clone());
                if !plain {
                    // Most likely the `!` or `&` belongs to a text.
                    node.value = match node.value {
                        Value::Scalar { text, style } => Value::Broken { text, style },
                        Value::Null => Value::Broken { text: String::new(), style: Style::Plain },
                        other => other,
                    };
                }
                self.add(node);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.properties(range.start, anchor, tag.is_some(), tag_start);
                self.open(here, OpenValue::List(Vec::new()), None)?;
            }
            Event::MappingStart(style, anchor, tag) => {
                self.properties(range.start, anchor, tag.is_some(), tag_start);
                let mut bare = None;
                if self.within_bare == 0 && style == StructureStyle::Flow && self.text[range.start..].starts_with("{{")
                {
                    let found = self.bare_range(range.start);
                    self.bare_template(&found);
                    self.bare.push(found.clone());
                    bare = Some(found);
                }
                self.open(here, OpenValue::Map { entries: Vec::new(), seen: HashMap::new(), key: None }, bare)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let open = self.stack.pop().expect("the parser pairs starts and ends");
                if let Some(bare) = open.bare {
                    self.within_bare -= 1;
                    let node = self.as_if_quoted(bare);
                    self.add(node);
                    return Ok(());
                }
                let flow = self.behind(open.span).starts_with(['[', '{']) && !range.is_empty();
                let end = if flow { here.end } else { self.whole.start + self.text[..range.start].trim_end().len() };
                let value = match open.value {
                    OpenValue::List(items) => Value::List(items),
                    OpenValue::Map { entries, .. } => Value::Map(entries),
                };
                self.add(Node { value, span: Span { end: end.max(open.span.end), ..open.span } });
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let mut fault = Diagnostic::error(here, "YAML aliases are not used in playbooks")
                    .hint("write the value out, or put it into `vars:` and use `{{ name }}`");
                if self.text[range.clone()].starts_with("**") || range.len() == 1 {
                    fault = fault.label("a value that begins with `*` needs quotes");
                }
                self.fault(fault);
                self.add(Node { value: Value::Broken { text: String::new(), style: Style::Plain }, span: here });
            }
            _ => {}
        }
        Ok(())
    }

    /// The text from where a span begins.
    fn behind(&self, span: Span) -> &'a str {
        &self.text[span.start - self.whole.start..]
    }

    /// A template without quotes, read as what it would be with them.
    fn as_if_quoted(&self, range: Range<usize>) -> Node {
        let span = self.place(range.start, range.end);
        Node { value: Value::Scalar { text: self.text[range].to_owned(), style: Style::Plain }, span }
    }

    fn scalar(&mut self, letters: &str, style: ScalarStyle, here: Span, range: Range<usize>) -> Node {
        let written = &self.text[range.clone()];
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::Single,
            ScalarStyle::DoubleQuoted => Style::Double,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        };
        if style == Style::Plain && (written.is_empty() || matches!(written, "~" | "null" | "Null" | "NULL")) {
            return Node { value: Value::Null, span: here };
        }
        let span =
            if style == Style::Block { Span { end: here.start + written.trim_end().len(), ..here } } else { here };
        if self.replaced.iter().any(|bare| bare.start < range.end && range.start < bare.end) {
            if style == Style::Plain {
                return self.as_if_quoted(range);
            }
            return Node { value: Value::Broken { text: String::new(), style }, span };
        }
        let raw = self.raw > 0 && written.chars().any(|c| forbidden(c).is_some());
        let faults =
            forbidden_letters(letters, |at, len| super::letters::place(written, span, letters, style, at, at + len));
        if raw || !faults.is_empty() {
            for fault in faults {
                self.fault(fault);
            }
            let unreadable = |c: char| forbidden(c).is_some() || (raw && STAND_INS.contains(&c));
            let text = letters.chars().map(|c| if unreadable(c) { char::REPLACEMENT_CHARACTER } else { c }).collect();
            return Node { value: Value::Broken { text, style }, span };
        }
        // A lone carriage return ends a line in YAML; in a block the parser has already made it a line feed.
        Node { value: Value::Scalar { text: letters.to_owned(), style }, span }
    }

    /// Refuses tags and anchors; whether there are none.
    fn properties(&mut self, at: usize, anchor: usize, tagged: bool, tag_start: Option<usize>) -> bool {
        if tagged {
            let start = tag_start.unwrap_or(at);
            let len = self.text[start..].find(|c: char| c.is_whitespace()).unwrap_or(self.text.len() - start);
            let span = self.place(start, start + len);
            self.fault(
                Diagnostic::error(span, "YAML tags are not used in playbooks")
                    .hint("take the tag out; a text that begins with `!` needs quotes"),
            );
        }
        if anchor != 0 {
            let line_start = self.text[..at].rfind('&').unwrap_or(at);
            let len = self.text[line_start..].find(|c: char| c.is_whitespace()).unwrap_or(1);
            let span = self.place(line_start, line_start + len);
            self.fault(
                Diagnostic::error(span, "YAML anchors are not used in playbooks")
                    .hint("put the value into `vars:` and use `{{ name }}`; a text that begins with `&` needs quotes"),
            );
        }
        !tagged && anchor == 0
    }

    fn open(&mut self, span: Span, value: OpenValue, bare: Option<Range<usize>>) -> Result<(), ()> {
        if self.stack.len() >= MAX_DEPTH {
            self.fault(
                Diagnostic::error(span, format!("lists and maps are nested more than {MAX_DEPTH} deep"))
                    .hint("a playbook needs about six levels"),
            );
            return Err(());
        }
        self.within_bare += usize::from(bare.is_some());
        self.stack.push(Open { span, value, bare });
        Ok(())
    }

    fn add(&mut self, node: Node) {
        let mut fault = None;
        match self.stack.last_mut().map(|open| &mut open.value) {
            None => self.root = Some(node),
            Some(OpenValue::List(items)) => items.push(node),
            Some(OpenValue::Map { entries, seen, key }) => match key.take() {
                None => {
                    let readable = |text: &str| !text.is_empty() && !text.contains(char::REPLACEMENT_CHARACTER);
                    let (text, usable) = match node.value {
                        Value::Scalar { text, style } => {
                            let merge = text == "<<" && style == Style::Plain;
                            if merge {
                                fault = Some(
                                    Diagnostic::error(node.span, "YAML merge keys are not used in playbooks")
                                        .hint("write the keys out"),
                                );
                            }
                            let told = self.bare.iter().chain(self.replaced).any(|bare| {
                                bare.start <= node.span.start - self.whole.start
                                    && node.span.start - self.whole.start < bare.end
                            });
                            (text, !merge && !told)
                        }
                        Value::Null => {
                            fault =
                                Some(Diagnostic::error(node.span, "a key is missing here").hint("write `key: value`"));
                            (String::new(), false)
                        }
                        // A fault of its own has been told.
                        Value::Broken { text, .. } => {
                            let usable = readable(&text);
                            (text, usable)
                        }
                        Value::List(_) | Value::Map(_) => {
                            fault = Some(Diagnostic::error(node.span, "a key must be text").label(format!(
                                "this is {}",
                                Node { value: node.value, span: node.span }.shape_name()
                            )));
                            (String::new(), false)
                        }
                    };
                    if usable && let Some(first) = seen.get(&text) {
                        fault = Some(
                            Diagnostic::error(node.span, format!("the key `{text}` is given twice"))
                                .label("given again here")
                                .related(*first, "first given here")
                                .hint("keep one of them"),
                        );
                    }
                    *key = Some((text, node.span, usable && fault.is_none()));
                }
                Some((text, key_span, usable)) => {
                    if usable {
                        seen.insert(text.clone(), key_span);
                    }
                    entries.push(Entry { key: text, key_span, value: node, broken: !usable });
                }
            },
        }
        if let Some(fault) = fault {
            self.fault(fault);
        }
    }

    /// The value that begins with a template at byte `at`: as far as quotes would have to go.
    fn bare_range(&self, at: usize) -> Range<usize> {
        let line = self.text[at..].lines().next().unwrap_or("").trim_end();
        let value = line.split_once(" #").map_or(line, |(value, _)| value.trim_end());
        let closed = value.find("}}").map_or(value.len(), |end| end + 2);
        let is_key = self.stack.last().is_some_and(|open| matches!(&open.value, OpenValue::Map { key: None, .. }));
        let inside_flow = self.stack.iter().any(|open| self.behind(open.span).starts_with(['[', '{']));
        let len = if is_key {
            closed
        } else if inside_flow {
            closed + value[closed..].find([',', ']', '}']).unwrap_or(value.len() - closed)
        } else {
            value.len()
        };
        at..at + value[..len].trim_end().len()
    }

    /// Says that a template at the start of a value wants quotes.
    fn bare_template(&mut self, range: &Range<usize>) {
        let value = &self.text[range.clone()];
        let hint = if value.contains('"') {
            format!("put quotes around it: '{}'", value.replace('\'', "''"))
        } else {
            format!("put quotes around it: \"{value}\"")
        };
        let fault = Diagnostic::error(self.place(range.start, range.end), "a value that begins with `{{` needs quotes")
            .label("YAML reads `{` as the start of a map")
            .hint(hint);
        self.fault(fault);
    }

    /// Where an error lies: the text in front of its line's start, its line, its column.
    fn line_of(&self, error: &ScanError) -> (usize, &'a str, usize) {
        let mut at = error.marker().byte_offset().unwrap_or(self.text.len()).min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let start = self.text[..at].rfind('\n').map_or(0, |found| found + 1);
        (start, self.text[start..].lines().next().unwrap_or(""), at - start)
    }

    /// Templates without quotes that a syntax error may come from, those that letters stand in for already left aside.
    fn bare_at(&self, error: &ScanError) -> Vec<Range<usize>> {
        if !self.bare.is_empty() {
            return self.bare.clone();
        }
        let (start, line, _) = self.line_of(error);
        let found = [": {{", "- {{", "[{{", ", {{", "[ {{"].iter().filter_map(|opener| {
            let at = line.find(opener)? + opener.len() - 2;
            let quoted = ['"', '\''].iter().any(|quote| line[..at].matches(*quote).count() % 2 == 1);
            let known = self.replaced.iter().any(|known| known.contains(&(start + at)));
            (!quoted && !known).then_some(start + at)
        });
        found.min().map(|at| self.bare_range(at)).into_iter().collect()
    }

    fn syntax(&mut self, error: &ScanError) {
        let (start, line, column) = self.line_of(error);
        let told =
            self.bare.iter().chain(self.replaced).any(|bare| start <= bare.start && bare.start <= start + line.len());
        if told || self.raw > 0 {
            // What cannot be read because of a fault that has been told is not one of its own.
            return;
        }
        let at = start + column;
        let (message, label, hint) = explain(error, line, column);
        let len = self.text[at..].chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
        let mut fault = Diagnostic::error(self.place(at, at + len), message);
        fault.label = label;
        fault.hint = hint;
        self.within_bare = 0;
        self.fault(fault);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    /// Every fault as `line:column message`.
    fn faults(text: &str) -> Vec<String> {
        let mut sources = Sources::default();
        let id = sources.add("p.yml", text);
        parse(id, text)
            .expect_err(text)
            .iter()
            .map(|fault| {
                let (line, column) = sources.line_column(fault.span.expect("a place"));
                format!("{line}:{column} {}", fault.message)
            })
            .collect()
    }

    fn read(text: &str) -> Node {
        let id = Sources::default().add("p.yml", text);
        parse(id, text).unwrap_or_else(|faults| panic!("{text:?}: {faults:?}"))
    }

    fn value(text: &str) -> String {
        match read(text).value {
            Value::Map(entries) => entries[0].value.as_text().unwrap_or("(not a scalar)").to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn scalars_keep_their_letters() {
        for letters in ["2.10", "0644", "12e034567890", "000123456789", "yes", "0x1F", "1_000", "12:30:45", ".5", "NO"]
        {
            assert_eq!(value(&format!("v: {letters}")), letters);
        }
        assert_eq!(value("v: 'a''b'"), "a'b");
        assert_eq!(value("\u{feff}v: |\r\n  a\r\n  b\r\n"), "a\nb\n");
        assert_eq!(value("v: |\r  a\r  b\r"), "a\nb\n");
        assert!(matches!(&read("v:").value, Value::Map(e) if e[0].value.value == Value::Null));
        assert!(matches!(&read("v: ~").value, Value::Map(e) if e[0].value.value == Value::Null));
        assert_eq!(value("v: \"~\""), "~");
    }

    #[test]
    fn faults_are_named_where_they_stand() {
        let cases: &[(&str, &[&str])] = &[
            ("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n", &["4:3 the key `c` is given twice", "5:1 the key `a` is given twice"]),
            (
                "a: &x 1\nb: *x\nc: !t 2\nd: {<<: 1}\n",
                &[
                    "1:4 YAML anchors are not used in playbooks",
                    "2:4 YAML aliases are not used in playbooks",
                    "3:4 YAML tags are not used in playbooks",
                    "4:5 YAML merge keys are not used in playbooks",
                ],
            ),
            ("a: 1\n---\nb: 2\n", &["2:1 a second document begins here"]),
            ("a:\n\tb: 1\n", &["2:2 a tab cannot indent YAML"]),
            (
                "a: \"x\\0y\"\nb: \"\\e[31m\"\n",
                &[
                    "1:6 a NUL byte cannot stand in a playbook",
                    "2:5 the control character U+001B cannot stand in a playbook",
                ],
            ),
            (
                "a: x\u{1b}y\nb: \u{0}\n",
                &[
                    "1:5 the control character U+001B cannot stand in a playbook",
                    "2:4 a NUL byte cannot stand in a playbook",
                ],
            ),
            ("a: \u{fdd0}\n", &["1:4 the noncharacter U+FDD0 cannot stand in a playbook"]),
            ("a: \"\\uFDD1\"\n", &["1:5 the noncharacter U+FDD1 cannot stand in a playbook"]),
            (
                "a: {{ x }}\nb: [{{ y }}]\n",
                &["1:4 a value that begins with `{{` needs quotes", "2:5 a value that begins with `{{` needs quotes"],
            ),
            ("a: {{ x }}/bin\n", &["1:4 a value that begins with `{{` needs quotes"]),
            ("s:\n  - run: {{ x }} y\n", &["2:10 a value that begins with `{{` needs quotes"]),
            ("a: 'x\n", &["1:4 a quote is opened here and never closed"]),
            ("a: \"b\" in c\n", &["1:8 something stands behind the closing quote"]),
            ("a: [x\n", &["1:4 `[` is opened here and never closed"]),
            ("a: b: c\n", &["1:5 a second `: ` on one line"]),
            ("? [a]\n: b\n", &["1:3 a key must be text"]),
        ];
        for (text, expected) in cases {
            assert_eq!(&faults(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_stands_behind_a_fault_is_read() {
        let keys = |text: &str| {
            let id = Sources::default().add("p.yml", text);
            let document = super::read(id, text);
            assert!(!document.faults.is_empty(), "{text:?}");
            match document.root?.value {
                Value::Map(entries) => Some(
                    entries
                        .iter()
                        .map(|entry| {
                            let broken = if entry.broken { "!" } else { "" };
                            let value = match &entry.value.value {
                                Value::Broken { text, .. } => format!("({text})"),
                                _ => entry.value.as_text().unwrap_or(entry.value.shape_name()).to_owned(),
                            };
                            format!("{broken}{}={value}", entry.key)
                        })
                        .collect::<Vec<_>>()
                        .join(" "),
                ),
                other => panic!("{other:?}"),
            }
        };
        let cases: &[(&str, Option<&str>)] = &[
            ("a: 1\na: 2\nb: 3\n", Some("a=1 !a=2 b=3")),
            ("a: {{ x }}\nb: 1\n", Some("a={{ x }} b=1")),
            ("a: {{ x }} \"y\"\nb: 1\n", Some("a={{ x }} \"y\" b=1")),
            ("a: {{ x }} y: z\nb: {{ z }}/w # c\n", Some("a={{ x }} y: z b={{ z }}/w")),
            ("{{ x }}: y\nb: 1\n", Some("!{{ x }}=y b=1")),
            ("a: *x\nb: 1\n", Some("a=() b=1")),
            ("a: &x 1\nb: !y\nc: !z [q]\n", Some("a=(1) b=() c=a list")),
            ("<<: x\n? [k]\n: y\nb: 1\n", Some("!<<=x !=y b=1")),
            ("a: x\u{1b}y^\nb: p^q\nc: \"\\e\"\n", Some("a=(x\u{fffd}y\u{fffd}) b=p^q c=(\u{fffd})")),
            ("a: {{ x }} y\nb: 'c\n", None),
            ("a: 1\n---\nb: 2\n", None),
        ];
        for (text, expected) in cases {
            assert_eq!(keys(text).as_deref(), *expected, "{text:?}");
        }
        let said = faults("a: {{ x }} y\nb: 'c\n");
        assert_eq!(
            said,
            ["1:4 a value that begins with `{{` needs quotes", "2:4 a quote is opened here and never closed"]
        );
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = format!("a: {}", "[".repeat(100_000));
        assert_eq!(faults(&deep), ["1:36 lists and maps are nested more than 32 deep"]);
        let blocks = (0..500).fold(String::new(), |text, depth| format!("{text}{}a:\n", " ".repeat(depth)));
        assert_eq!(faults(&blocks), ["33:33 lists and maps are nested more than 32 deep"]);
        assert_eq!(faults(&"#".repeat(MAX_BYTES + 1)), ["1:1 the file has 1048577 bytes"]);
        read(&format!("a: {}1{}", "[".repeat(31), "]".repeat(31)));
    }

    #[test]
    fn what_is_not_utf8_is_said() {
        let message = |bytes: &[u8]| decode("p.yml", bytes.to_vec()).expect_err("refused").message;
        assert_eq!(message(b"\xff\xfea\0"), "p.yml is UTF-16 text");
        assert_eq!(message(b"a: 1\nb: \xe9\n"), "p.yml:2:4: the byte 0xe9 is not UTF-8");
        assert_eq!(decode("p.yml", b"a: \xc3\xa9".to_vec()).as_deref(), Ok("a: é"));
    }
}
