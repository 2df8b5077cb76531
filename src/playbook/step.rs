//! One step as it is written.

use crate::kinds::{Field, Kind, Shape};
use crate::node::{Node, ScalarStyle, Value};
use crate::plan::options::{self, Form, OPTIONS, StepOption};
use crate::render::convert::{boolean, literal};
use crate::render::syntax::is_template;
use crate::source::{Span, Spanned, near};

/// The index of the group that is the playbook itself.
pub(crate) const WHOLE: usize = 0;

/// One step as it is written.
#[derive(Clone, Debug)]
pub struct Step {
    /// `name`; it may contain templates.
    pub name: Spanned<String>,
    /// The name's node, for its templates.
    pub name_node: Node,
    /// Where the step starts.
    pub span: Span,
    /// The kind; `None` where an error of it has been reported.
    pub kind: Option<&'static Kind>,
    /// The kind's key.
    pub kind_span: Span,
    /// The fields of the kind that are given.
    pub fields: Vec<Given<Field>>,
    /// Whether all fields that the kind needs are there, and no others.
    pub complete: bool,
    /// The options that are given, as they are written: its own, then those of the groups around it, the innermost first.
    pub options: Vec<Given<StepOption>>,
    /// The innermost group around it.
    pub group: usize,
    /// The scope in which it is written.
    pub scope: usize,
    /// What is neither a field nor an option, each under its key; an error of it has been reported.
    pub leftover: Vec<(String, Node)>,
}

/// A field of a kind or an option of a step, as it is given.
#[derive(Clone, Debug)]
pub struct Given<T: 'static> {
    /// Its row in the table of fields or options.
    pub row: &'static T,
    /// The key's place (the kind's key in the short form).
    pub key_span: Span,
    /// What is written.
    pub value: Node,
    /// Whether an error of the value has been reported.
    pub broken: bool,
    /// The group that it stands at; `None` for what the step has itself.
    pub group: Option<usize>,
}

impl Step {
    /// A step of which nothing has been read yet.
    pub(crate) fn empty(start: Span) -> Self {
        Self {
            name: Spanned { value: String::new(), span: start },
            name_node: Node { value: Value::Broken { text: String::new(), style: ScalarStyle::Plain }, span: start },
            span: start,
            kind: None,
            kind_span: start,
            fields: Vec::new(),
            complete: false,
            options: Vec::new(),
            group: WHOLE,
            scope: 0,
            leftover: Vec::new(),
        }
    }

    /// What is given for an option, with or without errors; of several the innermost.
    pub(crate) fn given(&self, option: &str) -> Option<&Given<StepOption>> {
        debug_assert!(options::find(option).is_some(), "`{option}` is not in the table");
        self.options.iter().find(|given| given.row.name == option)
    }

    /// Everything that is given for an option, the innermost first.
    pub(crate) fn all_given(&self, option: &str) -> impl DoubleEndedIterator<Item = &Given<StepOption>> {
        debug_assert!(options::find(option).is_some(), "`{option}` is not in the table");
        self.options.iter().filter(move |given| given.row.name == option)
    }

    /// The conditions that have to be true, the outermost first.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Given<StepOption>> {
        self.all_given("when").rev().filter(|given| !given.broken)
    }

    /// The value of an option, if no error of it has been reported.
    pub(crate) fn option(&self, option: &str) -> Option<&Node> {
        self.given(option).filter(|given| !given.broken).map(|given| &given.value)
    }

    /// The words of an option that cannot contain templates. Words without errors count even beside others.
    pub(crate) fn words(&self, option: &str) -> impl Iterator<Item = Spanned<&str>> {
        self.all_given(option).flat_map(|given| words(&given.value))
    }

    /// The names of steps in the fields of its kind, each with the field. Words without errors count even beside others.
    pub(crate) fn steps_in_fields(&self) -> impl Iterator<Item = (&'static str, Spanned<&str>)> {
        let fields = self.fields.iter().filter(|given| matches!(given.row.shape, Shape::Steps));
        fields.flat_map(|given| words(&given.value).map(|word| (given.row.name, word)))
    }

    /// The name under which the step registers its output.
    pub(crate) fn register(&self) -> Option<Spanned<&str>> {
        let node = self.option("register")?;
        Some(Spanned { value: node.as_text()?, span: node.span })
    }

    /// The names that the step's loop gives its items, where it is a map of lists.
    pub(crate) fn loop_names(&self) -> impl Iterator<Item = &str> {
        let axes = match self.given("loop").map(|given| &given.value.value) {
            Some(Value::Map(axes)) => axes.as_slice(),
            _ => &[],
        };
        axes.iter().map(|axis| axis.key.as_str())
    }

    /// The word that the step is given by `id`.
    pub(crate) fn id(&self) -> Option<Spanned<&str>> {
        let node = self.option("id")?;
        Some(Spanned { value: node.as_text()?, span: node.span })
    }

    /// Whether the step only asks: `changes: false`, or a kind that changes nothing.
    pub(crate) fn only_asks(&self) -> bool {
        self.kind.is_some_and(|kind| kind.asks) || self.option("changes").is_some_and(|node| is_literally(node, false))
    }

    /// Whether an option limits when the step runs, or says that it is meant to run each time.
    pub(crate) fn limits_runs(&self) -> bool {
        let says_no = |given: &Given<StepOption>| match given.row.form {
            Form::Field(Shape::Bool) => is_literally(&given.value, false),
            Form::Switch => !is_literally(&given.value, false),
            _ => false,
        };
        self.options.iter().any(|given| given.row.limits_runs && !says_no(given))
            || OPTIONS.iter().any(|option| option.limits_runs && self.may_have(option.name))
    }

    /// Whether the step contains something that may be meant as this option.
    pub(crate) fn may_have(&self, option: &str) -> bool {
        self.given(option).is_some_and(|given| given.broken)
            || self.leftover.iter().any(|(key, _)| key == option || options::find(key).is_none())
    }

    /// Whether a `when` that could not be read may skip the step.
    pub(crate) fn may_be_skipped(&self) -> bool {
        self.all_given("when").any(|given| given.broken)
            || self.leftover.iter().any(|(key, _)| near(key, options::names()) == Some("when"))
    }
}

/// Whether a value is written as this boolean.
fn is_literally(node: &Node, wanted: bool) -> bool {
    literal(node).is_some_and(|written| boolean(written) == Ok(wanted))
}

/// The words of a text or a list of texts that cannot contain templates.
fn words(node: &Node) -> impl Iterator<Item = Spanned<&str>> {
    let nodes = if let Value::List(items) = &node.value { items.as_slice() } else { std::slice::from_ref(node) };
    nodes.iter().filter_map(|node| {
        let text = node.as_text().filter(|text| !text.is_empty() && !is_template(text))?;
        Some(Spanned { value: text, span: node.span })
    })
}
