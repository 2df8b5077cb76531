//! What a template can use: a host's variables, the values that steps register, and where each text comes from.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::context::Context;
use super::file_scope::Scope;
use super::syntax::{self, Segment, Use};
use super::templates::Templates;
use crate::host_value::Expr;
use crate::node::Node;
use crate::secret::Secret;
use crate::source::{Sources, Span};

/// Where a text that is rendered comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'n> {
    /// A scalar.
    Node(&'n Node),
    /// A source as a whole.
    Whole(Span),
}

impl Origin<'_> {
    /// A local file, which becomes a source of its own.
    pub(super) fn whole(sources: &mut Sources, name: &str, text: &str) -> Self {
        let source = sources.add_once(name, text);
        Origin::Whole(Span { source, start: 0, end: text.len() })
    }

    /// The place of the bytes `start..end` of the text.
    pub(super) fn place(self, sources: &Sources, start: usize, end: usize) -> Span {
        match self {
            Origin::Node(node) => node.place(sources, start, end),
            Origin::Whole(span) => span.part(start, end),
        }
    }
}

/// The names that steps register.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registered {
    /// For each name, the indexes of the steps that register it, in order.
    pub(crate) names: BTreeMap<String, Vec<usize>>,
    /// Those that may hold a secret.
    pub(crate) secretive: BTreeSet<String>,
    /// For each group of steps, the index of its first step, and the scope in which its options are written.
    pub(crate) groups: Vec<(usize, usize)>,
    /// The scopes; the first is the playbook's.
    pub(crate) scopes: Vec<Arc<Scope>>,
    /// Steps that tags, `--from` or `--only` leave out.
    pub(crate) left_out: HashSet<usize>,
    /// The steps' names, for messages.
    pub(crate) steps: Vec<String>,
}

/// Where a value comes from that was given from outside the playbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GivenBy {
    /// A file of variables, or the command line.
    At(Span),
    /// This variable of the environment.
    Environment(String),
}

impl GivenBy {
    /// The place to point at. Of the environment only the name is shown: its value may be a secret.
    pub(super) fn place(&self, sources: &mut Sources) -> Span {
        match self {
            Self::At(span) => *span,
            Self::Environment(name) => {
                let source = sources.add_once("the environment", name);
                Span { source, start: 0, end: name.len() }
            }
        }
    }
}

/// The variables of one host.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostVars {
    /// The values that templates can use.
    pub(crate) context: Context,
    /// Variables whose own definition has an error; using one of them is not another error.
    pub(crate) failed: HashSet<String>,
    /// Whether any other name may belong to a variable that could not be read.
    pub(crate) any_name: bool,
    /// Whether `from_env` may list more than could be read.
    pub(crate) any_env: bool,
    /// The values of the secrets.
    pub(crate) secrets: BTreeMap<String, Secret>,
    /// The variables of the environment that templates may use.
    pub(crate) allowed_env: BTreeSet<String>,
    /// For each variable that does not come from the playbook alone, what was given for it from outside.
    pub(crate) given: HashMap<String, Vec<GivenBy>>,
    /// Every declared name, for `did you mean`.
    pub(crate) declared: BTreeSet<String>,
    /// The expressions that the host evaluates, by the names of their values.
    pub(crate) values: BTreeMap<String, Arc<Expr>>,
    /// Whether any value may contain a hole.
    pub(crate) holes: bool,
}

/// Calls with each use of a name that a text's templates do not bind themselves.
pub(crate) fn for_each_found<'t>(text: &'t str, templates: &Templates, call: &mut impl FnMut(Use<'t>)) {
    let Ok(template) = syntax::split(text) else { return };
    let asked = template.statements.then(|| templates.asked(&template).unwrap_or_default());
    for segment in &template.segments {
        let (Segment::Expression { inner, .. } | Segment::Statement { inner, .. }) = segment else { continue };
        // The text around a character that could not be read is not a name.
        if text[inner.clone()].contains(char::REPLACEMENT_CHARACTER) {
            continue;
        }
        for found in syntax::uses(&syntax::tokens(text, inner.clone())) {
            if asked.as_ref().is_none_or(|asked| asked.contains(found.name)) {
                call(found);
            }
        }
    }
}
