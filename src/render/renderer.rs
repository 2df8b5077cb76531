//! From a node to a value for one host and one step: checked, rendered, and in the shape that the field wants.

use std::collections::{BTreeSet, HashSet};

use minijinja::Value;
use minijinja::value::ValueKind;

use super::Loader;
use super::scope::{HostVars, Origin, Registered, for_each_found};
use super::shell_context::{self, Inside};
use super::syntax::{self, Segment, Sort, Template, TemplateError, Token, Use};
use super::templates::{FUNCTIONS, OrderedMap, RenderMode, Templates, brief, holes_are_whole};
use crate::kinds::Shape;
use crate::node::{Node, Style, Value as NodeValue};
use crate::script::{HOLE_OPEN, Part, Script, Text};
use crate::source::{Diagnostic, Sources, Span};

/// One turn of a loop.
#[derive(Clone, Debug)]
pub(crate) struct Iteration {
    /// `item`.
    pub(crate) item: Value,
    /// `index`, from 1.
    pub(crate) index: usize,
}

/// Renders the fields of one host.
pub(crate) struct Renderer<'a> {
    templates: &'a Templates,
    pub(crate) sources: &'a mut Sources,
    pub(crate) host: HostVars,
    registered: &'a Registered,
    pub(super) loader: &'a Loader,
    /// The step in hand; `None`: variables and hosts, which no step has preceded.
    pub(crate) step: Option<usize>,
    /// Whether the step in hand has a loop, so that `item` means something.
    pub(crate) looped: bool,
    /// Whether it may have one that could not be read.
    pub(crate) may_loop: bool,
    /// What was found wrong.
    pub(crate) faults: Vec<Diagnostic>,
    /// Secrets that rendered values hold.
    pub(crate) secrets_used: BTreeSet<String>,
}

/// Filters that put a value in as it is, so that a hole stays whole.
const KEEPING: &[&str] = &["join", "default", "d", "first", "last", "list"];

/// The largest text, and the most values in one list or map, that templates may make.
const LARGEST: usize = 1 << 20;
const MOST_VALUES: usize = 100_000;

enum Known {
    Yes,
    /// A fault of its own has been reported.
    Failed,
    No(Diagnostic),
}

impl<'a> Renderer<'a> {
    pub(crate) fn new(
        templates: &'a Templates,
        sources: &'a mut Sources,
        host: HostVars,
        registered: &'a Registered,
        loader: &'a Loader,
    ) -> Self {
        Self {
            templates,
            sources,
            host,
            registered,
            loader,
            step: None,
            looped: false,
            may_loop: false,
            faults: Vec::new(),
            secrets_used: BTreeSet::new(),
        }
    }

    /// Sets `item` and `index`.
    pub(crate) fn turn(&mut self, turn: Option<&Iteration>) {
        self.host.context.extra.retain(|(name, _)| *name == "env");
        if let Some(turn) = turn {
            self.host.context.extra.push(("item", turn.item.clone()));
            self.host.context.extra.push(("index", Value::from(turn.index)));
        }
    }

    fn fault_at(&mut self, origin: Origin<'_>, fault: TemplateError) {
        let span = origin.place(self.sources, fault.at.start, fault.at.end);
        let mut found = Diagnostic::error(span, fault.message);
        found.hint = fault.hint;
        self.faults.push(found);
    }

    /// Says that a value has the wrong shape, unless a fault of it has been told.
    pub(super) fn expected(&mut self, node: &Node, wanted: &str) {
        if node.is_broken() {
            return;
        }
        let found = Diagnostic::error(node.span, format!("expected {wanted}, found {}", node.shape_name()));
        self.faults.push(found.label(format!("expected {wanted}")));
    }

    /// Checks everything that can be said of a template before it is evaluated.
    fn check<'t>(&mut self, text: &'t str, origin: Origin<'_>, mode: RenderMode) -> Option<Template<'t>> {
        let before = self.faults.len();
        let template = match syntax::split(text) {
            Ok(template) => template,
            Err(fault) => {
                self.fault_at(origin, fault);
                return None;
            }
        };
        let asked = if template.statements {
            match self.templates.asked(&template) {
                Ok(asked) => Some(asked),
                Err(fault) => {
                    self.fault_at(origin, fault);
                    return None;
                }
            }
        } else {
            None
        };
        let mut whole = true;
        for segment in &template.segments {
            let (inner, statement) = match segment {
                Segment::Letters(_) => continue,
                Segment::Expression { inner, .. } => (inner, false),
                Segment::Statement { inner, .. } => (inner, true),
            };
            let tokens = syntax::tokens(text, inner.clone());
            whole &= self.check_tokens(&tokens, origin, mode, statement, asked.as_ref());
        }
        if mode == RenderMode::Shell {
            let spared = |inner: &std::ops::Range<usize>| raw_mark(&syntax::tokens(text, inner.clone())).is_some();
            for found in shell_context::misplaced(&template, spared) {
                let fault = self.misplaced(text, origin, &found);
                self.faults.push(fault);
            }
        }
        (whole && self.faults.len() == before).then_some(template)
    }

    /// Checks one expression or statement; `false` where it cannot be evaluated.
    fn check_tokens(
        &mut self,
        tokens: &[Token<'_>],
        origin: Origin<'_>,
        mode: RenderMode,
        statement: bool,
        asked: Option<&HashSet<String>>,
    ) -> bool {
        let mut whole = true;
        let mut held = None;
        for found in syntax::uses(tokens) {
            if asked.is_some_and(|asked| !asked.contains(found.name)) {
                continue;
            }
            match self.known(&found, origin) {
                Known::Yes => {
                    if held.is_none() && self.holds_hole(found.name) {
                        held = Some(found);
                    }
                }
                Known::Failed => whole = false,
                Known::No(fault) => {
                    self.faults.push(fault);
                    whole = false;
                }
            }
        }
        let raw = raw_mark(tokens);
        if let (Some(raw), RenderMode::Text) = (raw, mode) {
            let span = origin.place(self.sources, raw.at.start, raw.at.end);
            self.faults.push(
                Diagnostic::error(
                    span,
                    "`raw` belongs into shell: into `command`, `script`, `unless`, `only_if`, `check`",
                )
                .hint("take it out; a text is put in as it is anyway"),
            );
        }
        if let Some(held) = held
            && let Some(token) = looks_inside(tokens, statement)
        {
            let span = origin.place(self.sources, held.at.start, held.at.end);
            let mark = origin.place(self.sources, token.at.start, token.at.end);
            let name = held.name;
            let fault =
                Diagnostic::error(span, format!("no expression can look into `{name}`, whose value is not known here"))
                    .related(mark, "this would look into it")
                    .hint(format!("put it in as it is, `{{{{ {name} }}}}`, and let the shell of the step do the rest"));
            self.faults.push(fault);
        }
        whole
    }

    /// Whether a name's value holds a registered value or a secret; notes the secrets.
    fn holds_hole(&mut self, name: &str) -> bool {
        if !self.host.holes {
            return false;
        }
        let Some(value) = self.host.context.get(name) else { return false };
        let mut found = false;
        each_text(value, &mut |text| {
            if text.contains(HOLE_OPEN) {
                found = true;
                for part in Text::new(text).parts() {
                    if let Part::Secret(name) = part {
                        self.secrets_used.insert(name.to_owned());
                    }
                }
            }
        });
        found
    }

    fn known(&self, found: &Use<'_>, origin: Origin<'_>) -> Known {
        let name = found.name;
        let place = |range: &std::ops::Range<usize>| origin.place(self.sources, range.start, range.end);
        if name == "env" && !self.host.failed.contains(name) {
            return self.known_env(found, &place);
        }
        if let Some(steps) = self.registered.names.get(name) {
            let Some(step) = self.step else {
                return Known::No(
                    Diagnostic::error(
                        place(&found.at),
                        format!("`{name}` is known only after a step has registered it"),
                    )
                    .hint("use it in a later step's fields"),
                );
            };
            let Some(at) = steps.iter().rev().find(|at| **at < step) else {
                let (what, first) = (if steps.contains(&step) { "this step itself" } else { "a later step" }, steps[0]);
                return Known::No(
                    Diagnostic::error(place(&found.at), format!("`{name}` is registered by {what}"))
                        .hint(format!("move the step `{}` above this one", self.registered.steps[first])),
                );
            };
            if self.registered.left_out.contains(at) {
                return Known::No(
                    Diagnostic::error(
                        place(&found.at),
                        format!(
                            "`{name}` is registered by the step `{}`, which is left out",
                            self.registered.steps[*at]
                        ),
                    )
                    .hint("take that step in too: see --tags, --skip-tags, --from and --only"),
                );
            }
            return Known::Yes;
        }
        if self.host.context.get(name).is_some() || FUNCTIONS.contains(&name) {
            return Known::Yes;
        }
        if self.host.failed.contains(name) {
            return Known::Failed;
        }
        if found.guarded || (self.looped && matches!(name, "item" | "index")) {
            return Known::Yes;
        }
        if self.host.any_name || (self.may_loop && matches!(name, "item" | "index")) {
            return Known::Failed;
        }
        let fault = Diagnostic::error(place(&found.at), format!("`{name}` is not defined")).label("not defined");
        if matches!(name, "item" | "index") {
            return Known::No(fault.hint("it is there only in a step with `loop:`"));
        }
        let fault = fault.did_you_mean(name, self.names());
        Known::No(match fault.hint {
            Some(_) => fault,
            None => fault.hint(format!("declare it under `vars:`, or give it with `-e {name}=VALUE`")),
        })
    }

    fn known_env(&self, found: &Use<'_>, place: &dyn Fn(&std::ops::Range<usize>) -> Span) -> Known {
        let Some((variable, at)) = &found.attribute else {
            return Known::No(
                Diagnostic::error(place(&found.at), "`env` alone is not a value")
                    .hint("name the variable, such as `env.AWS_PROFILE`, and list it under `from_env:`"),
            );
        };
        if !self.host.allowed_env.contains(*variable) {
            if self.host.any_env {
                return Known::Failed;
            }
            let fault = Diagnostic::error(place(at), format!("`{variable}` is not listed under `from_env`"));
            return Known::No(match crate::source::near(variable, self.host.allowed_env.iter().map(String::as_str)) {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault.hint(format!(
                    "only what is listed is taken from this machine's environment: `from_env: [{variable}]`"
                )),
            });
        }
        let set = self
            .host
            .context
            .get("env")
            .and_then(|env| env.get_attr(variable).ok())
            .is_some_and(|value| !value.is_undefined());
        if set || found.guarded {
            return Known::Yes;
        }
        Known::No(
            Diagnostic::error(place(at), format!("the environment variable `{variable}` is not set here"))
                .hint(format!("set it, or say what holds without it: `env.{variable} | default('')`")),
        )
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let turn: &[&str] = if self.looped { &["item", "index"] } else { &[] };
        self.host.declared.iter().map(String::as_str).chain(turn.iter().copied())
    }

    fn misplaced(&self, text: &str, origin: Origin<'_>, found: &shell_context::Misplaced) -> Diagnostic {
        let written = &text[found.at.clone()];
        let span = origin.place(self.sources, found.at.start, found.at.end);
        let fault = |inside: &str| Diagnostic::error(span, format!("`{written}` stands {inside}"));
        let word = "a value is one quoted word already";
        let mut out = match found.inside {
            Inside::Single | Inside::Double => {
                let (quote, inside) = if found.inside == Inside::Single {
                    ('\'', "inside single quotes")
                } else {
                    ('"', "inside double quotes")
                };
                let form =
                    found.opened.and_then(|open| unquoted(text, open, quote)).unwrap_or_else(|| written.to_owned());
                fault(inside).hint(format!("{word}; write: {form}"))
            }
            Inside::Backquotes => fault("inside backquotes").hint("write `$(…)`, in which words stay whole"),
            Inside::Comment => {
                fault("in a shell comment").hint("take it out: a line feed in the value would end the comment")
            }
            Inside::HereDocument => fault("in a here-document")
                .hint("quotes are letters there; write the file with the kind `file`, or use `printf '%s\\n'`"),
            Inside::Backslash => fault("behind a backslash").hint(format!("{word}; take the backslash out")),
            Inside::Dollar => fault("behind `$`").hint(format!("{word}; take the `$` out")),
        };
        if let Some(open) = found.opened {
            out = out.related(origin.place(self.sources, open, open + 1), "opened here");
        }
        out
    }

    /// Checks the names that a value's templates ask for and nothing else: what the value is for is not known.
    pub(crate) fn check_names(&mut self, node: &Node) {
        match &node.value {
            NodeValue::Null => {}
            NodeValue::List(items) => items.iter().for_each(|item| self.check_names(item)),
            NodeValue::Map(entries) => entries.iter().for_each(|entry| self.check_names(&entry.value)),
            NodeValue::Scalar { text, style } | NodeValue::Broken { text, style } => {
                if *style == Style::Literal || !syntax::is_template(text) {
                    return;
                }
                let mut found = Vec::new();
                for_each_found(text, self.templates, &mut |name| found.push(name));
                for name in found {
                    if let Known::No(fault) = self.known(&name, Origin::Node(node)) {
                        self.faults.push(fault);
                    }
                }
            }
        }
    }

    /// Checks a field's templates without evaluating them.
    pub(crate) fn check_only(&mut self, node: &Node, shape: Shape) {
        let mode = if shape == Shape::Shell { RenderMode::Shell } else { RenderMode::Text };
        match &node.value {
            NodeValue::Null => {}
            NodeValue::List(items) => items.iter().for_each(|item| self.check_only(item, shape)),
            NodeValue::Map(entries) => entries.iter().for_each(|entry| self.check_only(&entry.value, shape)),
            NodeValue::Broken { .. } => self.check_names(node),
            NodeValue::Scalar { text, style } => {
                if *style != Style::Literal && syntax::is_template(text) {
                    self.check(text, Origin::Node(node), mode);
                }
            }
        }
    }

    /// A text's letters, templates rendered.
    pub(super) fn rendered(&mut self, text: &str, origin: Origin<'_>, mode: RenderMode) -> Option<String> {
        let template = self.check(text, origin, mode)?;
        let context = self.host.context.value();
        match self.templates.render(&template, mode, &context) {
            Ok(rendered) => self.clean(rendered, text, origin),
            Err(fault) => {
                self.fault_at(origin, fault);
                None
            }
        }
    }

    /// Refuses what no text may hold.
    fn clean(&mut self, rendered: String, text: &str, origin: Origin<'_>) -> Option<String> {
        if rendered.contains('\0') {
            let fault =
                TemplateError { at: 0..text.len(), message: "the value holds a NUL byte".to_owned(), hint: None };
            self.fault_at(origin, fault);
            return None;
        }
        if rendered.len() > LARGEST {
            let message = format!("the text grows to {} bytes", rendered.len());
            let hint = Some("values that use one another multiply; 1 MB is the limit".to_owned());
            self.fault_at(origin, TemplateError { at: 0..text.len(), message, hint });
            return None;
        }
        Some(rendered)
    }

    /// A scalar as text.
    pub(crate) fn text(&mut self, node: &Node) -> Option<Text> {
        match &node.value {
            NodeValue::Scalar { text, style } if *style == Style::Literal || !syntax::is_template(text) => {
                Some(Text::new(text.as_str()))
            }
            NodeValue::Scalar { text, .. } => self.rendered(text, Origin::Node(node), RenderMode::Text).map(Text::new),
            NodeValue::Broken { .. } => {
                self.check_names(node);
                None
            }
            _ => {
                self.expected(node, "text");
                None
            }
        }
    }

    /// A scalar as text that is known here: no registered value, no secret.
    pub(crate) fn plain_text(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.text(node)?;
        if let Some(plain) = text.literal() {
            return Some(plain.to_owned());
        }
        self.faults.push(
            Diagnostic::error(node.span, format!("{what} cannot hold a registered value or a secret"))
                .label("its value is not known here"),
        );
        None
    }

    /// A scalar as shell.
    pub(crate) fn shell(&mut self, node: &Node) -> Option<Script> {
        match &node.value {
            NodeValue::Scalar { text, .. } if !syntax::is_template(text) => Some(Script::author(text.as_str())),
            NodeValue::Scalar { text, .. } => {
                self.rendered(text, Origin::Node(node), RenderMode::Shell).map(Script::author)
            }
            _ => {
                self.expected(node, "text");
                None
            }
        }
    }

    /// A variable's value; refuses one that has grown out of all proportion.
    pub(crate) fn variable(&mut self, node: &Node) -> Option<Value> {
        let value = self.value(node)?;
        let mut bytes = 0;
        if each_text(&value, &mut |text| bytes += text.len()) && bytes <= LARGEST {
            return Some(value);
        }
        self.faults.push(
            Diagnostic::error(node.span, "the value grows too large")
                .hint("values that use one another multiply; 1 MB and 100,000 values are the limit"),
        );
        None
    }

    /// Any node as a template's value: text, boolean, list, map or nothing.
    pub(crate) fn value(&mut self, node: &Node) -> Option<Value> {
        match &node.value {
            NodeValue::Null => Some(Value::from(())),
            NodeValue::Broken { .. } => {
                self.check_names(node);
                None
            }
            NodeValue::List(items) => {
                let values: Vec<Option<Value>> = items.iter().map(|item| self.value(item)).collect();
                values.into_iter().collect::<Option<Vec<Value>>>().map(Value::from)
            }
            NodeValue::Map(entries) => {
                let pairs: Vec<Option<(String, Value)>> =
                    entries.iter().map(|entry| Some((entry.key.clone(), self.value(&entry.value)?))).collect();
                if entries.iter().any(|entry| entry.broken) {
                    return None;
                }
                let pairs = pairs.into_iter().collect::<Option<Vec<_>>>()?;
                Some(Value::from_object(OrderedMap(pairs)))
            }
            NodeValue::Scalar { text, style } => match (style, text.as_str()) {
                (Style::Plain | Style::Literal, "true") => Some(Value::from(true)),
                (Style::Plain | Style::Literal, "false") => Some(Value::from(false)),
                (style, text) if *style == Style::Literal || !syntax::is_template(text) => Some(Value::from(text)),
                (_, text) => self.expression_or_text(node, text),
            },
        }
    }

    pub(super) fn expression_or_text(&mut self, node: &Node, text: &str) -> Option<Value> {
        let template = self.check(text, Origin::Node(node), RenderMode::Text)?;
        let context = self.host.context.value();
        let value = match template.whole() {
            Some(inner) => self.templates.evaluate(text, &inner, &context),
            None => self.templates.render(&template, RenderMode::Text, &context).map(Value::from),
        };
        match value {
            Ok(value) => {
                let (mut hurt, mut bytes) = (false, 0);
                let few = each_text(&value, &mut |text| {
                    hurt |= !holes_are_whole(text) || text.contains('\0');
                    bytes += text.len();
                });
                let message = if hurt {
                    "the expression changes a value that is not known here"
                } else if !few || bytes > LARGEST {
                    "the value grows too large"
                } else {
                    return Some(value);
                };
                self.fault_at(
                    Origin::Node(node),
                    TemplateError { at: 0..text.len(), message: message.to_owned(), hint: None },
                );
                None
            }
            Err(fault) => {
                self.fault_at(Origin::Node(node), fault);
                None
            }
        }
    }

    /// Decides a `when`.
    pub(crate) fn decide(&mut self, node: &Node) -> Option<bool> {
        let text = node.as_text()?;
        let origin = Origin::Node(node);
        let tokens = syntax::tokens(text, 0..text.len());
        let before = self.faults.len();
        let mut whole = true;
        for found in syntax::uses(&tokens) {
            match self.known(&found, origin) {
                Known::Failed => whole = false,
                // A registered name is refused below whatever its order is.
                Known::No(_) if self.registered.names.contains_key(found.name) => {}
                Known::No(fault) => self.faults.push(fault),
                Known::Yes => {}
            }
            let span = origin.place(self.sources, found.at.start, found.at.end);
            if self.registered.names.contains_key(found.name) {
                self.faults.push(
                    Diagnostic::error(
                        span,
                        format!(
                            "`when` is decided before anything is sent, and `{}` is known only on the host",
                            found.name
                        ),
                    )
                    .hint(
                        "use `only_if`, which asks on the host, such as `only_if: test -n {{ name }}`"
                            .replace("name", found.name),
                    ),
                );
            } else if self.holds_hole(found.name) {
                self.faults.push(
                    Diagnostic::error(
                        span,
                        format!("`when` cannot look at `{}`, which holds a secret or a registered value", found.name),
                    )
                    .hint("use `only_if`, which asks on the host"),
                );
            }
        }
        if !whole || self.faults.len() != before {
            return None;
        }
        let context = self.host.context.value();
        let value = match self.templates.evaluate(text, &(0..text.len()), &context) {
            Ok(value) => value,
            Err(mut fault) => {
                if fault.message.starts_with("this is not an expression") {
                    fault.hint = Some("such as `version == \"2.8.1\"` or `not flag`".to_owned());
                }
                self.fault_at(origin, fault);
                return None;
            }
        };
        match (value.kind(), value.as_str()) {
            (ValueKind::Bool, _) => Some(value.is_true()),
            (_, Some("true")) => Some(true),
            (_, Some("false")) => Some(false),
            _ => {
                let fault = Diagnostic::error(
                    node.span,
                    format!("`when` must come out as true or false, and this is {}", brief(&value)),
                )
                .hint(format!("compare it, such as `{} != \"\"`", text.trim()));
                self.faults.push(fault);
                None
            }
        }
    }

    /// The items of a `loop`.
    pub(crate) fn items(&mut self, node: &Node) -> Option<Vec<Value>> {
        let value = self.value(node)?;
        if matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
            return value.try_iter().ok().map(Iterator::collect);
        }
        let fault = Diagnostic::error(node.span, format!("`loop` wants a list, and this is {}", brief(&value)));
        self.faults.push(fault.label("expected a list"));
        None
    }
}

/// The `raw` filter among some tokens.
fn raw_mark<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<&'t Token<'a>> {
    tokens.windows(2).find(|pair| pair[0].text == "|" && pair[1].text == "raw").map(|pair| &pair[1])
}

/// The first token of an expression that would do more with a value than put it in.
fn looks_inside<'t, 'a>(tokens: &'t [Token<'a>], statement: bool) -> Option<&'t Token<'a>> {
    let binds = statement && tokens.first().is_some_and(|token| matches!(token.text, "for" | "set" | "with"));
    if statement && !binds {
        return tokens.first();
    }
    let tokens = if binds { &tokens[1..] } else { tokens };
    tokens.iter().enumerate().find_map(|(at, token)| {
        let filter = at > 0 && tokens[at - 1].text == "|";
        let fine = match (token.sort, token.text) {
            (Sort::Word, name) if filter => KEEPING.contains(&name),
            (Sort::Word, "in") | (Sort::Mark, "=") => binds,
            (Sort::Word, "if" | "else" | "and" | "or" | "not" | "is") => false,
            (Sort::Word | Sort::Quoted | Sort::Number, _) => true,
            (Sort::Mark, mark) => matches!(mark, "~" | "(" | ")" | "|" | "," | "." | "[" | "]"),
        };
        (!fine).then_some(token)
    })
}

/// Calls with every text in a value; `false` where there are too many.
fn each_text(value: &Value, call: &mut impl FnMut(&str)) -> bool {
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

/// A quoted piece of shell with its expressions taken out of the quotes: `"a {{ x }}"` becomes `"a "{{ x }}`.
fn unquoted(text: &str, open: usize, quote: char) -> Option<String> {
    let template = syntax::split(text).ok()?;
    let expressions = || {
        template.segments.iter().filter_map(|segment| match segment {
            Segment::Expression { outer, .. } => Some(outer.clone()),
            _ => None,
        })
    };
    let close = text[open + 1..]
        .char_indices()
        .map(|(at, c)| (open + 1 + at, c))
        .find(|(at, c)| *c == quote && !text[..*at].ends_with('\\') && !expressions().any(|range| range.contains(at)))?
        .0;
    let mut out = String::new();
    let mut from = open + 1;
    let letters = |range: std::ops::Range<usize>, out: &mut String| {
        if !range.is_empty() {
            out.push(quote);
            out.push_str(&text[range]);
            out.push(quote);
        }
    };
    for range in expressions().filter(|range| range.start > open && range.end <= close) {
        letters(from..range.start, &mut out);
        out.push_str(&text[range.clone()]);
        from = range.end;
    }
    letters(from..close, &mut out);
    Some(out)
}
