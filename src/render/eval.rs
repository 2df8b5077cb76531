//! From a node to a value: text, shell, or whatever a variable or a loop needs.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::context::{OrderedList, OrderedMap, VALUES_NAME};
use super::iteration::{self, Iteration};
use super::renderer::Renderer;
use super::scope::Origin;
use super::syntax::{self, Template, TemplateError};
use super::templates::{RenderMode, brief, each_text, holes_are_complete};
use crate::node::{Node, ScalarStyle, Value as NodeValue};
use crate::script::{HOLE_OPEN, Part, Script, Text};
use crate::source::Diagnostic;

/// The largest text that templates may make, in bytes.
const LARGEST: usize = 1 << 20;

/// What to write for a loop over nothing.
const NO_ITEMS: &str = "for a loop that may have no items, write `default([], true)` behind it";

impl Renderer<'_> {
    /// A text with its templates rendered.
    pub(super) fn rendered(&mut self, text: &str, origin: Origin<'_>, mode: RenderMode) -> Option<String> {
        let template = self.check(text, origin, mode)?;
        let rendered = self.rendered_template(&template, mode);
        match rendered.and_then(|rendered| acceptable(rendered, text)) {
            Ok(rendered) => Some(rendered),
            Err(error) => {
                self.report_evaluated(origin, error);
                None
            }
        }
    }

    /// What a template can use: the values of its expressions that the host finds out stand there as texts with holes.
    pub(super) fn context_of(&self, template: &Template<'_>) -> Value {
        if template.values.is_empty() {
            return self.host.context.value();
        }
        let mut context = self.host.context.clone();
        let values: Vec<Value> = template.values.iter().map(|(_, value)| value.clone()).collect();
        context.extra.push((VALUES_NAME.into(), Value::from(values)));
        context.value()
    }

    fn rendered_template(&mut self, template: &Template<'_>, mode: RenderMode) -> Result<String, TemplateError> {
        if template.statements && self.chooses_on_host(template) {
            return self.chosen_on_host(template, mode);
        }
        self.templates.render(template, mode, &self.context_of(template))
    }

    /// A scalar as text.
    pub(crate) fn text(&mut self, node: &Node) -> Option<Text> {
        match &node.value {
            NodeValue::Scalar { text, style } if *style == ScalarStyle::Literal || !syntax::is_template(text) => {
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

    /// A scalar as text without registered values and secrets.
    pub(crate) fn plain_text(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.text(node)?;
        if let Some(plain) = text.literal() {
            return Some(plain.to_owned());
        }
        let of_host = text.parts().find_map(|part| match part {
            Part::Host { written, .. } => Some(written.to_owned()),
            _ => None,
        });
        self.diagnostics.push(match of_host {
            Some(written) => {
                let message = format!("{what} cannot contain `{written}`, which only the host knows");
                let error = Diagnostic::error(node.span, message).label("its value is not known here");
                match self.step {
                    Some(_) => error.hint("write a step for each case, and give each a `when`"),
                    None => error,
                }
            }
            None => Diagnostic::error(node.span, format!("{what} cannot contain a registered value or a secret"))
                .label("its value is not known here"),
        });
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

    /// A variable's value; refuses one that has become too large.
    pub(crate) fn variable(&mut self, node: &Node) -> Option<Value> {
        let value = self.value(node)?;
        let (mut bytes, mut holes) = (0, false);
        let few = each_text(&value, &mut |text| {
            bytes += text.len();
            holes |= text.contains(HOLE_OPEN);
        });
        if few && bytes <= LARGEST {
            self.host.holes |= holes;
            return Some(value);
        }
        self.diagnostics.push(
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
            NodeValue::List(nodes) => {
                // Every item is rendered, so that each error is reported.
                let values: Vec<Option<Value>> = nodes.iter().map(|item| self.value(item)).collect();
                let items = values.into_iter().collect::<Option<Vec<Value>>>()?;
                let numbers: Vec<bool> = nodes.iter().map(is_plain_number).collect();
                // Most lists have none, and the engine is quicker with its own.
                Some(if numbers.contains(&true) {
                    Value::from_object(OrderedList { items, numbers })
                } else {
                    Value::from(items)
                })
            }
            NodeValue::Map(entries) => {
                let values: Vec<Option<Value>> = entries.iter().map(|entry| self.value(&entry.value)).collect();
                if entries.iter().any(|entry| entry.broken) {
                    return None;
                }
                let mut map = OrderedMap::default();
                for (entry, value) in entries.iter().zip(values) {
                    map.push(entry.key.clone(), value?, is_plain_number(&entry.value));
                }
                Some(Value::from_object(map))
            }
            NodeValue::Scalar { text, style } => match (style, text.as_str()) {
                (ScalarStyle::Plain | ScalarStyle::Literal, "true") => Some(Value::from(true)),
                (ScalarStyle::Plain | ScalarStyle::Literal, "false") => Some(Value::from(false)),
                (style, text) if *style == ScalarStyle::Literal || !syntax::is_template(text) => {
                    Some(Value::from(text))
                }
                (_, text) => self.expression_or_text(node, text),
            },
        }
    }

    /// The value of one expression where the text is nothing else, and otherwise the rendered text.
    pub(super) fn expression_or_text(&mut self, node: &Node, text: &str) -> Option<Value> {
        let template = self.check(text, Origin::Node(node), RenderMode::Text)?;
        let context = self.context_of(&template);
        let value = match template.single() {
            Some(inner) => match template.value_of(&inner) {
                Some((_, value)) => Ok(value.clone()),
                None => self.templates.evaluate(text, &inner, &context),
            },
            None => self.rendered_template(&template, RenderMode::Text).map(Value::from),
        };
        match value.and_then(|value| acceptable_value(value, text)) {
            Ok(value) => Some(value),
            Err(error) => {
                self.report_evaluated(Origin::Node(node), error);
                None
            }
        }
    }

    /// Reads an optional value. One expression that gives none counts as left out, and then nothing is wrong with it.
    pub(crate) fn optional<T>(&mut self, node: &Node, read: impl FnOnce(&mut Self) -> Option<T>) -> Optional<T> {
        let before = self.diagnostics.len();
        if let Some(value) = read(self) {
            return Optional::Given(value);
        }
        if !self.is_none(node) {
            return Optional::Wrong;
        }
        self.diagnostics.truncate(before);
        Optional::LeftOut
    }

    /// Whether a node is one expression whose value is none.
    fn is_none(&mut self, node: &Node) -> bool {
        let Some(text) = node.as_text().filter(|text| syntax::is_template(text)) else { return false };
        let Some(inner) = syntax::split(text).ok().and_then(|template| template.single()) else { return false };
        let value = self.templates.evaluate(text, &inner, &self.host.context.value());
        value.is_ok_and(|value| value.kind() == ValueKind::None)
    }

    /// The iterations of a `loop`: over a list, over the entries of a map, or over everything that named lists give together.
    pub(crate) fn iterations(&mut self, node: &Node) -> Option<Vec<Iteration>> {
        let NodeValue::Map(axes) = &node.value else {
            let items = self.loop_items(node, "`loop`")?;
            self.has_few(node, items.len())?;
            let one = |(item, index)| Iteration { item, index, named: Vec::new() };
            return Some(items.into_iter().zip(1..).map(one).collect());
        };
        // Every list is rendered, and each error is reported.
        let lists: Vec<_> = axes.iter().map(|axis| self.loop_items(&axis.value, &format!("`{}`", axis.key))).collect();
        let lists: Vec<Vec<Value>> = lists.into_iter().collect::<Option<_>>()?;
        let count = lists.iter().try_fold(1usize, |count, list| count.checked_mul(list.len())).unwrap_or(usize::MAX);
        self.has_few(node, count)?;
        let named = |mut at: usize| {
            // The last name changes fastest, as in nested loops.
            let mut named = Vec::with_capacity(axes.len());
            for (axis, list) in axes.iter().zip(&lists).rev() {
                named.push((axis.key.clone(), list[at % list.len()].clone()));
                at /= list.len();
            }
            named.reverse();
            named
        };
        let one = |at: usize| {
            let named = named(at);
            let item = Value::from_object(named.iter().cloned().collect::<OrderedMap>());
            Iteration { item, index: at + 1, named }
        };
        Some((0..count).map(one).collect())
    }

    fn loop_items(&mut self, node: &Node, what: &str) -> Option<Vec<Value>> {
        let value = self.value(node)?;
        let items = iteration::items_of(&value);
        if items.is_none() {
            let error = Diagnostic::error(node.span, format!("{what} needs a list, but this is {}", brief(&value)));
            let error = error.label("expected a list");
            self.report_value(node, if value.is_none() { error.hint(NO_ITEMS) } else { error });
        }
        items
    }

    /// Reports a loop with too many iterations.
    fn has_few(&mut self, node: &Node, count: usize) -> Option<()> {
        if count <= iteration::MAX_ITERATIONS {
            return Some(());
        }
        let error = Diagnostic::error(node.span, format!("a loop over {count} items is too long"));
        let limit = iteration::MAX_ITERATIONS;
        self.report_value(
            node,
            error.hint(format!("the limit is {limit}; a list becomes several words of one command")),
        );
        None
    }
}

/// Whether a value is written without quotes and as JSON writes a number, so that nothing of its text is lost in one.
fn is_plain_number(node: &Node) -> bool {
    let NodeValue::Scalar { text, style: ScalarStyle::Plain } = &node.value else { return false };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "1"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // More digits than these are not kept by every reader of JSON; a zero at the end would be lost.
    all_digits(whole)
        && all_digits(part)
        && (whole == "0" || !whole.starts_with('0'))
        && !part.ends_with('0')
        && text != "-0"
        && digits.len() <= 15
}

/// What was given for an optional field or option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Optional<T> {
    /// A value.
    Given(T),
    /// Nothing: the value is none.
    LeftOut,
    /// Something wrong, which has been reported.
    Wrong,
}

/// Refuses what no text may contain.
fn acceptable(rendered: String, text: &str) -> Result<String, TemplateError> {
    let refuse = |message: String, hint: Option<&str>| {
        Err(TemplateError { at: 0..text.len(), message, hint: hint.map(str::to_owned), syntax: false })
    };
    if rendered.contains('\0') {
        return refuse("the value contains a NUL byte".to_owned(), None);
    }
    if rendered.len() > LARGEST {
        let hint = "values that use one another multiply; 1 MB is the limit";
        return refuse(format!("the text grows to {} bytes", rendered.len()), Some(hint));
    }
    Ok(rendered)
}

/// Refuses what no value may contain.
fn acceptable_value(value: Value, text: &str) -> Result<Value, TemplateError> {
    let (mut changed, mut bytes) = (false, 0);
    let few = each_text(&value, &mut |text| {
        changed |= !holes_are_complete(text) || text.contains('\0');
        bytes += text.len();
    });
    let message = match () {
        () if changed => "the expression changes a value that is not known here",
        () if !few || bytes > LARGEST => "the value grows too large",
        () => return Ok(value),
    };
    Err(TemplateError { at: 0..text.len(), message: message.to_owned(), hint: None, syntax: false })
}
