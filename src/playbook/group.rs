//! Groups of steps as they are written.

use std::ops::Range;

use super::step::{Given, Step};
use crate::node::Node;
use crate::plan::options::StepOption;
use crate::source::{Span, Spanned};

/// Steps that share options: a group as it is written, or the playbook as a whole.
#[derive(Clone, Debug)]
pub struct Group {
    /// `name`; it may contain templates. The playbook has an empty one.
    pub name: Spanned<String>,
    /// The name's node, for its templates.
    pub name_node: Node,
    /// Where the group starts.
    pub span: Span,
    /// The options that are given at it, as they are written, and its `id`.
    pub options: Vec<Given<StepOption>>,
    /// The scope in which its options are written.
    pub scope: usize,
    /// Whether it stands for a used file.
    pub is_use: bool,
    /// The values that a use gives, and the list of files that they are written in.
    pub with: Vec<Node>,
    /// The group around it; `None` for the playbook.
    pub outer: Option<usize>,
    /// Its steps, those of the groups inside it among them.
    pub steps: Range<usize>,
    /// What stands for it where its `only_if` is asked.
    pub question: Option<Step>,
    /// What is not understood, each under its key; an error of it has been reported.
    pub leftover: Vec<(String, Node)>,
}

impl Group {
    /// What is given at it for an option, with or without errors.
    pub(crate) fn given(&self, option: &str) -> Option<&Given<StepOption>> {
        self.options.iter().find(|given| given.row.name == option)
    }

    /// The word that it is given by `id`.
    pub(crate) fn id(&self) -> Option<Spanned<&str>> {
        let given = self.given("id").filter(|given| !given.broken)?;
        Some(Spanned { value: given.value.as_text()?, span: given.value.span })
    }
}
