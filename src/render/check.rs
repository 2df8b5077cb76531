//! Everything that can be said of a template before it is evaluated.

use std::collections::HashSet;
use std::ops::Range;

use super::filters::STRUCTURAL;
use super::host;
use super::limits;
use super::misplaced::describe;
use super::names::NameStatus;
use super::renderer::Renderer;
use super::scope::Origin;
use super::shell_context;
use super::syntax::{self, Segment, Sort, Template, TemplateError, Token, Use};
use super::templates::{FUNCTIONS, RenderMode, each_text};
use crate::kinds::Shape;
use crate::node::{Node, ScalarStyle, Value};
use crate::script::{HOLE_OPEN, Part, Text};
use crate::source::Diagnostic;

/// What can be said of an expression before it is evaluated.
enum Checked {
    /// It can be evaluated here.
    Known,
    /// It uses a value that only the host knows.
    OnHost,
    /// It needs the value of a secret: the error, where none can be made of it.
    Secret(Box<Diagnostic>),
    /// It cannot be evaluated, because of an error that has been reported.
    Unreadable,
}

/// Filters that do not change a value, so that a hole stays complete.
const KEEPING: &[&str] = &["join", "default", "d", "first", "last"];

impl Renderer<'_> {
    /// Checks a text; the template where it can be evaluated.
    pub(super) fn check<'t>(&mut self, text: &'t str, origin: Origin<'_>, mode: RenderMode) -> Option<Template<'t>> {
        let before = self.diagnostics.len();
        let parts = syntax::split(text).and_then(|template| {
            // Only the template engine can follow statements, which bind names of their own.
            limits::check(&template)?;
            let used = if template.statements { Some(self.templates.asked(&template)?) } else { None };
            Ok((template, used))
        });
        let (mut template, used) = match parts {
            Ok(parts) => parts,
            Err(error) => {
                self.report_at(origin, error);
                return None;
            }
        };
        let (mut complete, mut on_host) = (true, Vec::new());
        for segment in &template.segments {
            let (inner, statement) = match segment {
                Segment::Literal(_) => continue,
                Segment::Expression { inner, .. } => (inner, false),
                Segment::Statement { inner, .. } => (inner, true),
            };
            let tokens = syntax::tokens(text, inner.clone());
            self.check_raw(&tokens, origin, mode);
            match self.check_tokens(&tokens, origin, statement, used.as_ref()) {
                Checked::Unreadable => complete = false,
                Checked::OnHost if !statement && !host::is_native(text, inner, self) => on_host.push(inner.clone()),
                Checked::Secret(error) => {
                    let may_derive = !statement && raw_mark(&tokens).is_none();
                    match may_derive.then(|| self.derived_secret(text, inner)).flatten() {
                        Some(made) => template.values.push((inner.clone(), made)),
                        None => self.diagnostics.push(*error),
                    }
                }
                Checked::Known | Checked::OnHost => {}
            }
        }
        for inner in on_host.into_iter().filter(|_| complete) {
            if let Some(bound) = self.bound_name(text, &inner) {
                self.report_at(origin, bound);
                continue;
            }
            match self.value_on_host(text, &inner) {
                Ok(value) => template.values.push((inner, value)),
                Err(error) => self.report_at(origin, error),
            }
        }
        if mode == RenderMode::Shell {
            let spared = |inner: &Range<usize>| raw_mark(&syntax::tokens(text, inner.clone())).is_some();
            for found in shell_context::misplaced(&template, spared) {
                self.diagnostics.push(describe(text, origin, &found, self.sources));
            }
        }
        (complete && self.diagnostics.len() == before).then_some(template)
    }

    /// Checks the names of one expression or statement.
    fn check_tokens(
        &mut self,
        tokens: &[Token<'_>],
        origin: Origin<'_>,
        statement: bool,
        used: Option<&HashSet<String>>,
    ) -> Checked {
        let is_condition = statement && tokens.first().is_some_and(|token| matches!(token.text, "if" | "elif"));
        let mut complete = true;
        let mut on_host = false;
        let mut unknown = None;
        for found in syntax::uses(tokens) {
            if used.is_some_and(|used| !used.contains(found.name)) {
                continue;
            }
            match self.name_status(&found, origin) {
                NameStatus::Defined => {
                    if self.is_use_on_host(&found) {
                        on_host = true;
                        unknown.get_or_insert(found);
                    } else if unknown.is_none() && self.holds_hole(found.name) {
                        unknown = Some(found);
                    }
                }
                NameStatus::Unreadable => complete = false,
                NameStatus::Undefined(diagnostic) => {
                    self.diagnostics.push(diagnostic);
                    complete = false;
                }
            }
        }
        if on_host && (!statement || is_condition) {
            return if complete { Checked::OnHost } else { Checked::Unreadable };
        }
        if let Some(unknown) = unknown
            && let Some(token) = looks_inside(tokens, statement)
        {
            let error = Box::new(self.look_inside(&unknown, token, origin));
            if complete {
                return Checked::Secret(error);
            }
            self.diagnostics.push(*error);
        }
        if complete { Checked::Known } else { Checked::Unreadable }
    }

    /// The error for a name that a statement of the text binds, in an expression that the host evaluates.
    fn bound_name(&self, text: &str, inner: &Range<usize>) -> Option<TemplateError> {
        let tokens = syntax::tokens(text, inner.clone());
        let uses = syntax::uses(&tokens);
        let bound = uses.iter().find(|found| {
            found.name != "host"
                && !found.guarded
                && !FUNCTIONS.contains(&found.name)
                && self.host.context.get(found.name).is_none()
        })?;
        Some(TemplateError {
            at: bound.at.clone(),
            message: format!("the host cannot know `{}`, which the text itself defines", bound.name),
            hint: Some(
                "look the value up in a map of the playbook, or use `{% if … %}` outside of the loop".to_owned(),
            ),
            syntax: false,
        })
    }

    /// Whether a name stands for a value that only the host knows.
    pub(super) fn is_use_on_host(&self, found: &Use<'_>) -> bool {
        (found.name == "host" && found.attribute.is_some() && self.host_is_fact()) || self.is_on_host(found.name)
    }

    /// The error for an expression that would need a value that only the host has, or that is secret.
    fn look_inside(&mut self, unknown: &Use<'_>, token: &Token<'_>, origin: Origin<'_>) -> Diagnostic {
        let place = |at: &Range<usize>| origin.place(self.sources, at.start, at.end);
        let name = unknown.name;
        let is_registered = self.host.context.global(name).is_some_and(|name| self.registered.names.contains_key(name));
        let why = if is_registered || name == "host" {
            "is only known on the host"
        } else {
            "contains a secret or a registered value"
        };
        let message = format!("`{name}` {why}; expressions cannot use its value");
        Diagnostic::error(place(&unknown.at), message)
            .related(place(&token.at), "this needs the value")
            .hint(format!("insert it as it is, `{{{{ {name} }}}}`, and let the shell of the step do the rest"))
    }

    /// `raw` has a meaning only in shell.
    fn check_raw(&mut self, tokens: &[Token<'_>], origin: Origin<'_>, mode: RenderMode) {
        if let (Some(raw), RenderMode::Text) = (raw_mark(tokens), mode) {
            let span = origin.place(self.sources, raw.at.start, raw.at.end);
            let message = "`raw` is only allowed in shell: in `command`, `script`, `unless`, `only_if` and `check`";
            self.diagnostics
                .push(Diagnostic::error(span, message).hint("remove it; a text is inserted as it is anyway"));
        }
    }

    /// Whether a name's value holds a registered value or a secret; notes the secrets.
    pub(super) fn holds_hole(&mut self, name: &str) -> bool {
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

    /// Checks a field's templates without evaluating them.
    pub(crate) fn check_only(&mut self, node: &Node, shape: Shape) {
        let mode = if matches!(shape, Shape::Shell) { RenderMode::Shell } else { RenderMode::Text };
        match &node.value {
            Value::Null => {}
            Value::List(items) => items.iter().for_each(|item| self.check_only(item, shape)),
            Value::Map(entries) => entries.iter().for_each(|entry| self.check_only(&entry.value, shape)),
            Value::Broken { .. } => self.check_names(node),
            Value::Scalar { .. } if shape == Shape::Conditions => drop(self.check_condition(node, "an assertion")),
            Value::Scalar { text, style } => {
                if *style != ScalarStyle::Literal && syntax::is_template(text) {
                    self.check(text, Origin::Node(node), mode);
                } else if matches!(shape, Shape::LocalTemplate) {
                    self.check_local_template(text);
                }
            }
        }
    }

    /// Checks the names in a local template file; a file that cannot be read is missed only by a step that runs.
    fn check_local_template(&mut self, path: &str) {
        let path = &self.local_path(path);
        let Some(text) = (self.loader)(path).ok().and_then(|bytes| String::from_utf8(bytes).ok()) else { return };
        if syntax::is_template(&text) {
            let origin = Origin::whole(self.sources, path, &text);
            self.check_names_in(&text, origin);
        }
    }
}

/// The `raw` filter among some tokens.
pub(super) fn raw_mark<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<&'t Token<'a>> {
    tokens.windows(2).find(|pair| pair[0].text == "|" && pair[1].text == "raw").map(|pair| &pair[1])
}

/// The first token of an expression that would do more with a value than insert it.
fn looks_inside<'t, 'a>(tokens: &'t [Token<'a>], statement: bool) -> Option<&'t Token<'a>> {
    let binds = statement && tokens.first().is_some_and(|token| matches!(token.text, "for" | "set" | "with"));
    if statement && !binds {
        return tokens.first();
    }
    let tokens = if binds { &tokens[1..] } else { tokens };
    let mut open: Vec<&str> = Vec::new();
    tokens.iter().enumerate().find_map(|(at, token)| {
        match (token.sort, token.text) {
            (Sort::Mark, mark @ ("(" | "[" | "{")) => open.push(mark),
            (Sort::Mark, ")" | "]" | "}") => drop(open.pop()),
            _ => {}
        }
        let behind = |mark: &str| at > 0 && tokens[at - 1].text == mark;
        let called = tokens.get(at + 1).is_some_and(|next| next.text == "(");
        let fine = match (token.sort, token.text) {
            (Sort::Word, name) if behind("|") => KEEPING.contains(&name) || STRUCTURAL.contains(&name),
            (Sort::Word, _) if behind(".") && called => false,
            (Sort::Word, "in") | (Sort::Mark, "=") => binds,
            (Sort::Word, "if" | "else" | "and" | "or" | "not" | "is") => false,
            (Sort::Word | Sort::Quoted | Sort::Number, _) => true,
            // In a map a colon stands behind a name; elsewhere it takes a part of a text.
            (Sort::Mark, ":") => open.last() == Some(&"{"),
            (Sort::Mark, mark) => matches!(mark, "~" | "(" | ")" | "|" | "," | "." | "[" | "]" | "{" | "}"),
        };
        (!fine).then_some(token)
    })
}
