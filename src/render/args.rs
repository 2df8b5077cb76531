//! A kind's fields in the shapes that the kind declares.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::characters::characters;
use super::condition::Decision;
use super::convert::{self, Written};
use super::eval::Optional;
use super::renderer::Renderer;
use super::scope::Origin;
use super::syntax;
use super::templates::RenderMode;
use crate::host_value::Expr;
use crate::kinds::{Arg, ArgValue, Shape};
use crate::node::{Node, ScalarStyle, Value as NodeValue};
use crate::script::Text;
use crate::source::{Diagnostic, Span};

impl Renderer<'_> {
    /// A kind's field in its shape.
    pub(crate) fn arg(&mut self, node: &Node, shape: Shape) -> Option<Arg> {
        let value = match shape {
            Shape::Shell => ArgValue::Shell(self.shell(node)?),
            Shape::Conditions => self.conditions(node)?,
            Shape::Bool | Shape::Integer | Shape::Mode | Shape::OneOf(_) => self.typed(node, shape)?,
            Shape::Text => ArgValue::Text(self.text(node)?),
            Shape::Path => {
                let text = self.text(node)?;
                self.checked(node, text.raw(), shape)?;
                ArgValue::Text(text)
            }
            Shape::LocalPath | Shape::LocalTemplate => self.local(node, shape)?,
            // Read once the other fields of the step are known, which say what of it is meant.
            Shape::LocalTree | Shape::LocalTarget => {
                let path = self.plain_text(node, "a path on this machine")?;
                self.checked(node, &path, shape)?;
                ArgValue::Text(Text::new(self.local_path(&path)))
            }
            Shape::Texts | Shape::Steps => self.texts(node)?,
            Shape::TextMap => self.text_map(node)?,
            Shape::Values => self.values(node)?,
            // The kind reads the entries, since they may come out of a variable.
            Shape::List(_) => return self.any(node),
        };
        Some(Arg { span: node.span, value })
    }

    fn checked(&mut self, node: &Node, text: &str, shape: Shape) -> Option<()> {
        let quoted = convert::literal(node).is_some_and(|written| written.quoted);
        match convert::check(Written { text, quoted, span: node.span }, shape) {
            Ok(()) => Some(()),
            Err(error) => {
                self.report_value(node, *error);
                None
            }
        }
    }

    /// Reports an error about the value of a node.
    pub(crate) fn report_value(&mut self, node: &Node, error: Diagnostic) {
        let before = self.diagnostics.len();
        self.diagnostics.push(error);
        self.blame(before, node);
    }

    fn typed(&mut self, node: &Node, shape: Shape) -> Option<ArgValue> {
        let text = self.plain_text(node, "this field")?;
        self.checked(node, &text, shape)?;
        let written = Written { text: &text, quoted: false, span: node.span };
        Some(match shape {
            Shape::Bool => ArgValue::Bool(convert::boolean(written).ok()?),
            Shape::Integer => ArgValue::Integer(convert::integer(written).ok()?),
            _ => ArgValue::Text(Text::new(text)),
        })
    }

    fn local(&mut self, node: &Node, shape: Shape) -> Option<ArgValue> {
        let path = self.plain_text(node, "a path on this machine")?;
        self.checked(node, &path, shape)?;
        let path = self.local_path(&path);
        let bytes = match (self.loader)(&path) {
            Ok(bytes) => bytes,
            Err(why) => {
                self.report_value(
                    node,
                    Diagnostic::error(node.span, format!("`{path}` cannot be read: {why}"))
                        .hint("paths are looked up in the playbook's folder, then in the working directory"),
                );
                return None;
            }
        };
        if shape == Shape::LocalPath {
            return Some(ArgValue::File { path, bytes });
        }
        let text = match crate::node::decode(&path, bytes) {
            Ok(text) => text,
            Err(mut error) => {
                error.span = Some(node.span);
                self.report_value(node, *error);
                return None;
            }
        };
        if !syntax::is_template(&text) {
            return Some(ArgValue::Text(Text::new(text)));
        }
        let origin = Origin::whole(self.sources, &path, &text);
        let rendered = self.rendered(&text, origin, RenderMode::Text)?;
        Some(ArgValue::Text(Text::new(rendered)))
    }

    fn texts(&mut self, node: &Node) -> Option<ArgValue> {
        let (NodeValue::List(_) | NodeValue::Scalar { .. }) = &node.value else {
            self.expected(node, "a text or a list of texts");
            return None;
        };
        let Arg { value, .. } = self.any(node)?;
        let items = match value {
            ArgValue::List(items) => items,
            other => vec![Arg { span: node.span, value: other }],
        };
        for item in &items {
            if !matches!(item.value, ArgValue::Text(_)) {
                self.report_value(
                    node,
                    Diagnostic::error(item.span, "expected a text, found a list or a map").label("expected text"),
                );
                return None;
            }
        }
        Some(ArgValue::List(items))
    }

    /// Conditions as texts of the host that are `true` or `false`, each called what it was written as.
    fn conditions(&mut self, node: &Node) -> Option<ArgValue> {
        let single = std::slice::from_ref(node);
        let nodes = if let NodeValue::List(items) = &node.value { items.as_slice() } else { single };
        let truths: Vec<Option<Arg>> = nodes.iter().map(|node| self.truth(node)).collect();
        Some(ArgValue::List(truths.into_iter().collect::<Option<_>>()?))
    }

    fn truth(&mut self, node: &Node) -> Option<Arg> {
        let truth = match self.decide(node, "an assertion")? {
            Decision::Known(known) => Expr::Text(known.to_string()),
            Decision::OnHost(condition) => Expr::Truth(Box::new(condition)),
        };
        let written = node.as_text()?.split_whitespace().collect::<Vec<_>>().join(" ");
        self.host.holes = true;
        let hole = Text::host(&self.keep_value(truth), &written);
        Some(Arg { span: node.span, value: ArgValue::Text(Text::new(hole)) })
    }

    fn text_map(&mut self, node: &Node) -> Option<ArgValue> {
        let Arg { value, .. } = self.any(node)?;
        let ArgValue::Map(entries) = value else {
            let error = Diagnostic::error(node.span, "expected a map of names and texts").label("expected a map");
            self.report_value(node, error);
            return None;
        };
        for (key, _, item) in &entries {
            if !matches!(item.value, ArgValue::Text(_)) {
                let error = Diagnostic::error(item.span, format!("`{key}`: expected a text")).label("expected text");
                self.report_value(node, error);
                return None;
            }
        }
        Some(ArgValue::Map(entries))
    }

    /// A map of texts, of which some are put in front of what the variable of that name holds. A text that is none leaves its
    /// variable out.
    fn values(&mut self, node: &Node) -> Option<ArgValue> {
        let Arg { value, .. } = self.any(node)?;
        let ArgValue::Map(entries) = value else {
            let error = Diagnostic::error(node.span, "expected a map of names and texts").label("expected a map");
            self.report_value(node, error);
            return None;
        };
        let before = self.diagnostics.len();
        let literal = matches!(node.value, NodeValue::Map(_));
        let values = entries.into_iter().filter_map(|(name, key_span, arg)| {
            let (how, arg) = match arg.value {
                ArgValue::Map(form) if form.is_empty() => return None,
                ArgValue::Map(mut form) if form.len() == 1 => {
                    let (how, _, inner) = form.remove(0);
                    (how, inner)
                }
                value => (String::new(), Arg { span: arg.span, value }),
            };
            let ArgValue::Text(text) = arg.value else {
                let error = Diagnostic::error(arg.span, format!("`{name}`: expected a text or `{{ prepend: TEXT }}`"));
                self.report_value(node, error);
                return None;
            };
            if !matches!(how.as_str(), "" | "value" | "prepend") {
                let error = Diagnostic::error(arg.span, format!("`{name}`: unknown form `{how}`"));
                self.report_value(node, error.hint(format!("write `{name}: {{ prepend: TEXT }}` or the text alone")));
                return None;
            }
            // What is written here was looked at when it was read.
            if !literal
                && how != "value"
                && let Some(written) = text.literal()
                && let Some(error) = convert::variable_stays(&name, written, arg.span)
            {
                self.report_value(node, error);
            }
            let text = if how == "prepend" { text.before_current(&name) } else { text };
            Some((name, key_span, Arg { span: arg.span, value: ArgValue::Text(text) }))
        });
        let values: Vec<_> = values.collect();
        (self.diagnostics.len() == before).then_some(ArgValue::Map(values))
    }

    /// The names and texts of an environment: a map, or an expression that becomes one.
    pub(crate) fn environment(&mut self, node: &Node) -> Option<Vec<(String, Text)>> {
        let ArgValue::Map(entries) = self.text_map(node)? else { return None };
        let before = self.diagnostics.len();
        let literal = matches!(node.value, NodeValue::Map(_));
        let mut variables = Vec::new();
        for (name, _, arg) in entries {
            let ArgValue::Text(text) = arg.value else { continue };
            if !literal {
                let written = text.literal().and_then(|text| convert::variable_stays_in_env(&name, text, arg.span));
                let invalid = convert::environment_name(&name, arg.span).err();
                invalid.into_iter().chain(written).for_each(|error| self.report_value(node, error));
            }
            variables.push((name, text));
        }
        (self.diagnostics.len() == before).then_some(variables)
    }

    /// A node as it is: lists and maps stay lists and maps, every scalar becomes text, and a value that is one expression keeps its type.
    /// An entry of a map whose value is none is left out.
    fn any(&mut self, node: &Node) -> Option<Arg> {
        let value = match &node.value {
            NodeValue::Null => {
                self.expected(node, "a value");
                return None;
            }
            NodeValue::Broken { .. } => return None,
            NodeValue::List(items) => {
                let items: Vec<Option<Arg>> = items.iter().map(|item| self.any(item)).collect();
                ArgValue::List(items.into_iter().collect::<Option<_>>()?)
            }
            NodeValue::Map(entries) => {
                let mut complete = true;
                let mut given = Vec::new();
                for entry in entries {
                    match self.optional(&entry.value, |renderer| renderer.any(&entry.value)) {
                        Optional::Given(arg) => given.push((entry.key.clone(), entry.key_span, arg)),
                        Optional::LeftOut => {}
                        Optional::Wrong => complete = false,
                    }
                }
                if !complete {
                    return None;
                }
                ArgValue::Map(given)
            }
            NodeValue::Scalar { text, style } if *style == ScalarStyle::Literal || !syntax::is_template(text) => {
                ArgValue::Text(Text::new(text.as_str()))
            }
            NodeValue::Scalar { text, .. } => {
                let value = self.expression_or_text(node, text)?;
                let before = self.diagnostics.len();
                let arg = self.arg_of(&value, node.span);
                self.blame(before, node);
                return arg;
            }
        };
        Some(Arg { span: node.span, value })
    }

    fn arg_of(&mut self, value: &Value, span: Span) -> Option<Arg> {
        let made = match value.kind() {
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Option<Arg>> = value.try_iter().ok()?.map(|item| self.arg_of(&item, span)).collect();
                ArgValue::List(items.into_iter().collect::<Option<_>>()?)
            }
            ValueKind::Map => {
                let mut entries = Vec::new();
                for key in value.try_iter().ok()? {
                    let item = value.get_item(&key).ok()?;
                    if item.is_none() {
                        continue;
                    }
                    let key = characters(&key).ok()?.into_owned();
                    entries.push((key, span, self.arg_of(&item, span)?));
                }
                ArgValue::Map(entries)
            }
            _ => match characters(value) {
                Ok(text) => ArgValue::Text(Text::new(text)),
                Err(reason) => {
                    self.diagnostics.push(Diagnostic::error(span, format!("the value {reason}")));
                    return None;
                }
            },
        };
        Some(Arg { span, value: made })
    }
}
