//! The template engine, and how its values become text or shell words.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::ops::Range;

use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};

use super::characters::characters;
use super::context::{FACTS_NAME, VALUES_NAME};
use super::filters;
use super::limits::{self, Spent};
use super::syntax::{Segment, Template, TemplateError, is_name, tokens};
use crate::script::{HOLE_CLOSE, HOLE_OPEN, Text};

/// What a template is rendered to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RenderMode {
    /// Text: every value as it is.
    Text,
    /// Shell: every value as one quoted word, a list as several words.
    Shell,
}

/// The functions that every expression may call.
pub(crate) const FUNCTIONS: &[&str] = &["range", "dict", "namespace"];

/// The template engine, set up once for all hosts.
#[derive(Debug)]
pub(crate) struct Templates {
    env: Environment<'static>,
    spent: Spent,
    /// The hosts of the playbook, which may share what its templates may use.
    hosts: u64,
}

const SHELL: &str = "shell";

impl Templates {
    pub(crate) fn new() -> Self {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        // Without it errors carry no byte range; it costs nothing until there is an error.
        env.set_debug(true);
        for html in ["safe", "escape", "e"] {
            env.remove_filter(html);
        }
        env.remove_global("debug");
        env.add_filter("raw", raw);
        filters::install(&mut env);
        env.add_test("version", super::version::test);
        env.add_test("version_compare", super::version::test);
        env.set_auto_escape_callback(|name| {
            if name == SHELL { AutoEscape::Custom(Cow::Borrowed(SHELL)) } else { AutoEscape::None }
        });
        env.set_formatter(|out, state, value| {
            let mode = if *state.auto_escape() == AutoEscape::None { RenderMode::Text } else { RenderMode::Shell };
            let mut written = String::new();
            match format(value, mode, &mut written) {
                Ok(()) => out.write_str(&written).map_err(Error::from),
                Err(reason) => Err(NotText(reason).into()),
            }
        });
        let spent = Spent::default();
        spent.install(&mut env);
        Self { env, spent, hosts: 1 }
    }

    /// Lets the templates of a playbook with so many hosts use what they may use, from now on.
    pub(crate) fn for_hosts(mut self, hosts: usize) -> Self {
        self.hosts = u64::try_from(hosts).unwrap_or(u64::MAX);
        self
    }

    /// Starts to count anew what templates use.
    pub(crate) fn count_anew(&self) {
        self.spent.reset();
    }

    /// The value of the expression at `inner` of `text`.
    pub(crate) fn evaluate(&self, text: &str, inner: &Range<usize>, context: &Value) -> Result<Value, TemplateError> {
        limits::check_expression(text, inner)?;
        let plain = facts_renamed(&text[inner.clone()], context);
        let plain = plain.as_ref();
        let counted = limits::counted(plain);
        if counted.is_some() && self.spent.is_too_much(self.hosts) {
            return Err(limits::exhausted(trimmed(text, inner), true));
        }
        // What counts stands around the expression, which begins one byte later then.
        let (source, base) = match &counted {
            Some(counted) => (counted.as_str(), inner.start.wrapping_sub(1)),
            None => (plain, inner.start),
        };
        let value = self.env.compile_expression(source).and_then(|expression| expression.eval(context.clone()));
        let value = value.map_err(|error| {
            if error.kind() == ErrorKind::OutOfFuel {
                self.spent.note_all();
                return limits::exhausted(trimmed(text, inner), false);
            }
            let mut found = explain(&error, text, base, inner.clone());
            found.at = found.at.start.clamp(inner.start, inner.end)..found.at.end.clamp(inner.start, inner.end);
            found
        })?;
        if value.is_undefined() {
            let at = trimmed(text, inner);
            return Err(TemplateError { message: not_defined(&text[at.clone()]), at, hint: None, syntax: false });
        }
        Ok(value)
    }

    /// A template rendered to text or shell.
    pub(crate) fn render(
        &self,
        template: &Template<'_>,
        mode: RenderMode,
        context: &Value,
    ) -> Result<String, TemplateError> {
        if template.statements {
            return self.render_statements(template, mode, context);
        }
        let mut out = String::new();
        for segment in &template.segments {
            match segment {
                Segment::Literal(range) => out.push_str(&template.text[range.clone()]),
                Segment::Expression { inner, .. } | Segment::Statement { inner, .. } => {
                    let value = match template.value_of(inner) {
                        Some((_, value)) => value.clone(),
                        None => self.evaluate(template.text, inner, context)?,
                    };
                    format(&value, mode, &mut out).map_err(|reason| {
                        let at = trimmed(template.text, inner);
                        let message = format!("`{}` {reason}", &template.text[at.clone()]);
                        TemplateError { at, message, hint: advice(&value, mode), syntax: false }
                    })?;
                }
            }
        }
        Ok(out)
    }

    fn render_statements(
        &self,
        template: &Template<'_>,
        mode: RenderMode,
        context: &Value,
    ) -> Result<String, TemplateError> {
        if self.spent.is_too_much(self.hosts) {
            return Err(limits::exhausted(0..template.text.len(), true));
        }
        let plain = Plain::of(template, context);
        let name = if mode == RenderMode::Shell { SHELL } else { "text" };
        self.env
            .template_from_named_str(name, &plain.source)
            .and_then(|compiled| compiled.render(context.clone()))
            .map_err(|error| {
                if error.kind() == ErrorKind::OutOfFuel {
                    self.spent.note_all();
                    return limits::exhausted(0..template.text.len(), false);
                }
                let mut found = explain(&error, &plain.source, 0, 0..template.text.len());
                found.at = plain.back(found.at.start)..plain.back(found.at.end);
                found
            })
    }

    /// The names that a template with statements uses and does not bind itself.
    pub(crate) fn asked(&self, template: &Template<'_>) -> Result<HashSet<String>, TemplateError> {
        limits::check(template)?;
        let plain = Plain::of(template, &Value::UNDEFINED);
        match self.env.template_from_str(&plain.source) {
            Ok(compiled) => Ok(compiled.undeclared_variables(false)),
            Err(error) => {
                let mut found = explain(&error, &plain.source, 0, 0..template.text.len());
                found.at = plain.back(found.at.start)..plain.back(found.at.end);
                Err(found)
            }
        }
    }
}

/// An expression in which the facts of the host have the name that the engine knows them by.
fn facts_renamed<'t>(expression: &'t str, context: &Value) -> Cow<'t, str> {
    if !expression.contains("host") || context.get_attr(FACTS_NAME).map_or(true, |facts| facts.is_undefined()) {
        return Cow::Borrowed(expression);
    }
    let tokens = tokens(expression, 0..expression.len());
    let mut renamed = expression.to_owned();
    for at in 0..tokens.len() {
        let next = tokens.get(at + 1).map_or("", |token| token.text);
        let before = if at == 0 { "" } else { tokens[at - 1].text };
        if tokens[at].text == "host" && matches!(next, "." | "[") && !matches!(before, "." | "|") {
            renamed.replace_range(tokens[at].at.clone(), FACTS_NAME);
        }
    }
    Cow::Owned(renamed)
}

/// Whether a statement of a template gives the name `host` to something else.
fn binds_host(template: &Template<'_>) -> bool {
    template.segments.iter().any(|segment| {
        let Segment::Statement { inner, .. } = segment else { return false };
        let tokens = tokens(template.text, inner.clone());
        let binds = matches!(tokens.first().map(|token| token.text), Some("for" | "set" | "with" | "macro"));
        binds && tokens.iter().take_while(|token| !matches!(token.text, "in" | "=")).any(|token| token.text == "host")
    })
}

/// A template with statements as the engine reads it: `{#` is literal text, and the last line keeps its end.
struct Plain {
    source: String,
    /// Offsets in `source` and the original offsets that they stand for, wherever the two start to differ.
    marks: Vec<(usize, usize)>,
}

impl Plain {
    fn of(template: &Template<'_>, context: &Value) -> Self {
        let bound = binds_host(template);
        let mut plain = Self { source: String::new(), marks: Vec::new() };
        for segment in &template.segments {
            match segment {
                Segment::Literal(range) => plain.literal(&template.text[range.clone()], range.start),
                Segment::Expression { outer, inner } | Segment::Statement { outer, inner } => {
                    plain.marks.push((plain.source.len(), outer.start));
                    plain.expression(template, outer, inner, (!bound).then_some(context));
                }
            }
        }
        // The engine removes one line feed from the end.
        plain.marks.push((plain.source.len(), template.text.len()));
        plain.source.push_str(limits::COUNT);
        plain.source.push('\n');
        plain
    }

    /// An expression or a statement; what the host evaluates is a text with a hole here.
    fn expression(
        &mut self,
        template: &Template<'_>,
        outer: &Range<usize>,
        inner: &Range<usize>,
        context: Option<&Value>,
    ) {
        let text = template.text;
        if let Some((at, _)) = template.value_of(inner) {
            write!(self.source, "{{{{{VALUES_NAME}[{at}]}}}}").expect("a string takes all");
            return;
        }
        self.source.push_str(&text[outer.start..inner.start]);
        match context {
            Some(context) => self.source.push_str(&facts_renamed(&text[inner.clone()], context)),
            None => self.source.push_str(&text[inner.clone()]),
        }
        self.source.push_str(&text[inner.end..outer.end]);
    }

    /// Literal text, with its braces hidden from the engine.
    fn literal(&mut self, text: &str, base: usize) {
        self.marks.push((self.source.len(), base));
        let mut rest = text;
        while let Some(found) = rest.find('{') {
            let (before, brace) = rest.split_at(found);
            self.source.push_str(before);
            self.source.push_str(if brace.starts_with("{#") || brace.starts_with("{{") || brace.starts_with("{%") {
                "{{'{'|raw}}"
            } else {
                "{"
            });
            rest = &brace[1..];
            self.marks.push((self.source.len(), base + text.len() - rest.len()));
        }
        self.source.push_str(rest);
    }

    fn back(&self, at: usize) -> usize {
        let after = self.marks.partition_point(|(from, _)| *from <= at);
        let (from, original) = after.checked_sub(1).map_or((0, 0), |found| self.marks[found]);
        let limit = self.marks.get(after).map_or(usize::MAX, |(_, next)| *next);
        (original + at - from).min(limit)
    }
}

/// Why a value cannot become text, on its way through the engine's own errors.
#[derive(Debug)]
struct NotText(&'static str);

impl std::fmt::Display for NotText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotText {}

impl From<NotText> for Error {
    fn from(reason: NotText) -> Self {
        Error::new(ErrorKind::InvalidOperation, reason.0).with_source(reason)
    }
}

/// The filter `raw`: the text is meant as shell.
fn raw(value: &Value) -> Result<Value, Error> {
    let text = characters(value).map_err(NotText)?;
    Ok(Value::from_safe_string(text.into_owned()))
}

/// What to do about a value that cannot become text.
fn advice(value: &Value, mode: RenderMode) -> Option<String> {
    match (value.kind(), mode) {
        (ValueKind::None, _) => Some("write `\"\"` for an empty text".to_owned()),
        (ValueKind::Seq | ValueKind::Iterable, RenderMode::Text) => {
            Some("join it, such as `{{ names | join(',') }}`, or take one item, such as `{{ names[0] }}`".to_owned())
        }
        (ValueKind::Map, _) => Some("name the entry, such as `{{ map.key }}`".to_owned()),
        _ => None,
    }
}

/// Whether every hole in a text is as [`Text`] made it: a filter may have cut or changed it.
pub(crate) fn holes_are_complete(text: &str) -> bool {
    if !text.contains([HOLE_OPEN, HOLE_CLOSE]) {
        return true;
    }
    let mut pieces = text.split(HOLE_OPEN);
    let before = pieces.next().unwrap_or("");
    !before.contains(HOLE_CLOSE)
        && pieces.all(|piece| {
            let name = |inside: &str| match inside.split_once(':') {
                Some(("r" | "s", name)) => is_name(name),
                // What was written stands behind the name, and is only shown.
                Some(("h", rest)) => {
                    rest.split_once(':').is_some_and(|(name, _)| is_name(&name.replace(['0', '1', '2'], "_")))
                }
                _ => false,
            };
            piece.split_once(HOLE_CLOSE).is_some_and(|(inside, behind)| name(inside) && !behind.contains(HOLE_CLOSE))
        })
}

/// The characters of a value whose holes are untouched.
fn complete_characters(value: &Value) -> Result<Cow<'_, str>, &'static str> {
    let text = characters(value)?;
    if holes_are_complete(&text) { Ok(text) } else { Err("changes a value that is not known here") }
}

/// The most values in one list or map.
const MOST_VALUES: usize = 100_000;

/// Calls with every text in a value; `false` where there are too many.
pub(super) fn each_text(value: &Value, call: &mut impl FnMut(&str)) -> bool {
    let mut open = vec![value.clone()];
    let mut count = 0;
    while let Some(value) = open.pop() {
        count += 1;
        if count > MOST_VALUES {
            return false;
        }
        match value.kind() {
            ValueKind::String => call(value.as_str().unwrap_or("")),
            ValueKind::Seq | ValueKind::Iterable => open.extend(value.try_iter().into_iter().flatten()),
            ValueKind::Map => {
                let keys = value.try_iter().into_iter().flatten();
                open.extend(keys.filter_map(|key| value.get_item(&key).ok()));
            }
            _ => {}
        }
    }
    true
}

/// Writes a value: into text as it is, into shell as quoted words.
fn format(value: &Value, mode: RenderMode, out: &mut String) -> Result<(), &'static str> {
    if mode == RenderMode::Text || value.is_safe() {
        out.push_str(&complete_characters(value)?);
        return Ok(());
    }
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        out.push_str(&Text::new(complete_characters(value)?).quote());
        return Ok(());
    }
    for (at, item) in value.try_iter().map_err(|_| "is not a list")?.enumerate() {
        let word = complete_characters(&item).map_err(|_| "is a list with items that are not text")?;
        if at > 0 {
            out.push(' ');
        }
        out.push_str(&Text::new(word).quote());
    }
    Ok(())
}

fn trimmed(text: &str, range: &Range<usize>) -> Range<usize> {
    let inner = &text[range.clone()];
    let start = range.start + inner.len() - inner.trim_start().len();
    start..(start + inner.trim().len()).max(start)
}

fn not_defined(what: &str) -> String {
    format!("`{what}` is not defined")
}

/// The engine's error in our words; its range counts from `base` of `text`.
fn explain(error: &Error, text: &str, base: usize, whole: Range<usize>) -> TemplateError {
    let at = error.range().map_or_else(
        || trimmed(text, &(whole.start.min(text.len())..whole.end.min(text.len()))),
        |range| {
            let start = base.wrapping_add(range.start).min(text.len());
            start..base.wrapping_add(range.end).clamp(start, text.len())
        },
    );
    let written = text.get(at.clone()).unwrap_or("").trim();
    // `select("x")` and `map("x")` give no detail where there is no x.
    let detail = match error.detail() {
        Some(detail) => detail.to_owned(),
        None if written.is_empty() => error.kind().to_string(),
        None => format!("{} in `{written}`", error.kind()),
    };
    let not_text =
        std::error::Error::source(error).and_then(|source| source.downcast_ref()).map(|NotText(reason)| *reason);
    let mut hint = None;
    let message = match error.kind() {
        ErrorKind::UndefinedError if !written.is_empty() => {
            let path = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | ']');
            if written.chars().all(path) {
                not_defined(written)
            } else {
                format!("a part of `{written}` is not defined")
            }
        }
        ErrorKind::SyntaxError => {
            hint = Some("for literal braces write {{ \"{{\" }}".to_owned());
            format!("invalid expression: {detail}")
        }
        ErrorKind::UnknownFilter if text.contains("safe") => {
            hint = Some("`| raw` inserts text as shell".to_owned());
            detail
        }
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest => {
            hint = Some(
                "expressions have the filters and tests of minijinja; let the shell of the step do what they cannot"
                    .to_owned(),
            );
            detail
        }
        _ if not_text.is_some() => format!("`{written}` {}", not_text.unwrap_or_default()),
        _ => detail,
    };
    TemplateError { at, message, hint, syntax: error.kind() == ErrorKind::SyntaxError }
}

/// A value in a few words, for messages.
pub(crate) fn brief(value: &Value) -> String {
    let mut out = String::new();
    match characters(value) {
        Ok(text) => {
            let mut shown: String = Text::new(text.as_ref()).display().chars().take(60).collect();
            if shown.len() < text.len() && shown.chars().count() == 60 {
                shown.push('…');
            }
            write!(out, "the text `{shown}`").expect("a string takes all");
        }
        Err(_) => out.push_str(match value.kind() {
            ValueKind::None => "nothing",
            ValueKind::Map => "a map",
            _ => "a list",
        }),
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::*;
    use crate::render::context::{Context, OrderedMap};
    use crate::render::syntax::split;

    fn context() -> Value {
        let vars: HashMap<String, Value> = [
            ("name", Value::from("it's; rm -rf /")),
            ("list", Value::from(vec!["a", "b c", ""])),
            ("none", Value::from(())),
            ("yes", Value::from(true)),
            ("path", Value::from("~/a b")),
            ("empty", Value::from(Vec::<String>::new())),
            (
                "map",
                Value::from_object(
                    [("z".into(), Value::from("1")), ("a".into(), Value::from("2"))]
                        .into_iter()
                        .collect::<OrderedMap>(),
                ),
            ),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        Context { vars: Arc::new(vars), scope: None, extra: vec![("index".into(), Value::from(1))] }.value()
    }

    fn render(text: &str, mode: RenderMode) -> Result<String, String> {
        Templates::new()
            .render(&split(text).expect(text), mode, &context())
            .map_err(|found| format!("{:?} {}", found.at, found.message))
    }

    #[test]
    fn values_become_words_in_shell_and_stay_as_they_are_in_text() {
        let shell = |text| render(text, RenderMode::Shell).expect(text);
        assert_eq!(
            shell("echo {{ name }} {{ list }} {{ yes }}{{ index }}"),
            r"echo 'it'\''s; rm -rf /' a 'b c' '' true1"
        );
        assert_eq!(shell("ls {{ path }} {{ empty }}."), "ls \"$pb_home\"/'a b' .");
        assert_eq!(shell("{{ name | raw }}"), "it's; rm -rf /");
        assert_eq!(shell("{{ name ~ 'x' }}"), r"'it'\''s; rm -rf /x'");
        assert_eq!(shell("{% if yes %}a{% raw %}{{ b }} ${#c}{% endraw %}{%- endif -%} d"), "a{{ b }} ${#c}d");
        assert_eq!(shell("{% for x in list %}[{{ x }}]{% endfor %} ${#y}\n"), "[a]['b c'][''] ${#y}\n");
        let text = |text| render(text, RenderMode::Text).expect(text);
        assert_eq!(text("{{ name }}\n"), "it's; rm -rf /\n");
        assert_eq!(text("{% if yes %}a{% endif %}\n\n"), "a\n\n");
        assert_eq!(text("{{ list | join(',') }}{% for k in map %}{{ k }}={{ map[k] }};{% endfor %}"), "a,b c,z=1;a=2;");
    }

    #[test]
    fn what_is_not_text_is_refused_at_its_place() {
        let text = |text| render(text, RenderMode::Text).expect_err(text);
        assert_eq!(text("a {{ list }}"), "5..9 `list` is a list, but text is needed here");
        assert_eq!(text("a {{ none }}"), "5..9 `none` is empty, but text is needed here");
        assert_eq!(text("{{ map }}"), "3..6 `map` is a map, but text is needed here");
        assert_eq!(text("a {{ map.b }}"), "5..10 `map.b` is not defined");
        assert_eq!(text("a {{ 'x' ~ map.b }}"), "5..16 a part of `'x' ~ map.b` is not defined");
        assert_eq!(text("{# {% if yes %}{{ list }}{% endif %}"), "18..22 `list` is a list, but text is needed here");
        assert!(text("{{ .Name }}").contains("invalid expression"));
        assert_eq!(text("{{ list | select('nope') }}"), "10..24 unknown test in `select('nope')`");
        assert_eq!(text("{{ list | map('nope') }}"), "10..21 unknown filter in `map('nope')`");
        assert_eq!(
            render("{{ map }}", RenderMode::Shell).expect_err("a map"),
            "3..6 `map` is a map, but text is needed here"
        );
    }
}
