//! From the text of a playbook to what it says, and from what it says to values.
//!
//! [`load()`] reads a playbook and everything that the command line adds to it, and reports every fault at once;
//! [`crate::compile`] makes the hosts' plans of what it gives; [`lint()`] says what is allowed and yet likely wrong.

mod lint;
mod load;
mod parse;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use lint::{leftovers, lint};
pub use load::{Loaded, load, load_with};

use crate::flags::Flags;
use crate::kinds::{Field, Kind};
use crate::node::{Entry, Node};
pub use crate::render::Loader;
use crate::source::{SourceId, Span, Spanned, near};

/// The most steps that a playbook may have.
pub const MAX_STEPS: usize = 1000;

/// What a playbook says, every part with its place.
#[derive(Clone, Debug)]
pub struct Playbook {
    /// The text that it was read from.
    pub source: SourceId,
    /// `name`.
    pub name: Option<Spanned<String>>,
    /// `vars`, lowest of all scopes.
    pub vars: Vec<Entry>,
    /// `vars_files`: local files of variables, just above `vars`.
    pub vars_files: Vec<Spanned<String>>,
    /// `hosts`, in order.
    pub hosts: Vec<HostEntry>,
    /// `steps`, in order.
    pub steps: Vec<Step>,
    /// `from_env`: variables of this machine's environment that templates may ask for.
    pub from_env: Vec<Spanned<String>>,
    /// `secrets`: names of variables that are masked everywhere.
    pub secrets: Vec<Spanned<String>>,
    /// What its faults leave open.
    pub(crate) unresolved: Unresolved,
}

/// What faults leave open, so that nothing is reported that only follows from a fault that has been reported already.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unresolved {
    /// Names that may be those of variables.
    pub(crate) names: BTreeSet<String>,
    /// Whether any name may be that of a variable.
    pub(crate) any_name: bool,
    /// Whether there may be more hosts.
    pub(crate) hosts: bool,
    /// Whether there may be steps of other names.
    pub(crate) steps: bool,
    /// Whether there may be other tags.
    pub(crate) tags: bool,
    /// Whether more of the environment may be asked for.
    pub(crate) from_env: bool,
    /// Whether any variable may be a secret.
    pub(crate) secrets: bool,
    /// Values that nothing took: the names that they ask for count as used.
    pub(crate) values: Vec<Node>,
}

/// One host as it is written.
#[derive(Clone, Debug)]
pub struct HostEntry {
    /// The playbook's name for it.
    pub name: Spanned<String>,
    /// `address`; `None` where a fault of the host has been reported.
    pub address: Option<Node>,
    /// `user`.
    pub user: Option<Node>,
    /// `port`.
    pub port: Option<Node>,
    /// `key`.
    pub key: Option<Node>,
    /// `vars`, above the playbook's own.
    pub vars: Vec<Entry>,
}

/// One step as it is written.
#[derive(Clone, Debug)]
pub struct Step {
    /// `name`; may hold templates.
    pub name: Spanned<String>,
    /// The name's node, for its templates.
    pub name_node: Node,
    /// The whole step.
    pub span: Span,
    /// Which kind; `None` where a fault of the step has been reported.
    pub kind: Option<&'static Kind>,
    /// The kind's key.
    pub kind_span: Span,
    /// The kind's fields that are given.
    pub params: Vec<Param>,
    /// Whether the kind can be asked: its fields are what it needs.
    pub whole: bool,
    /// Everything else.
    pub options: Options,
    /// What no field and no option took, each under its key; a fault of it has been reported.
    pub leftover: Vec<(String, Node)>,
}

impl Step {
    /// Whether something stands in the step that may have been meant as this option.
    pub(crate) fn may_have(&self, option: &str) -> bool {
        let known = |key: &str| parse::OPTIONS.contains(&key);
        self.leftover.iter().any(|(key, _)| key == option || !known(key))
    }

    /// Whether a `when` that could not be read may have the step passed over.
    pub(crate) fn may_be_passed_over(&self) -> bool {
        self.leftover.iter().any(|(key, _)| near(key, parse::OPTIONS.iter().copied()) == Some("when"))
    }
}

/// One given field of a kind.
#[derive(Clone, Debug)]
pub struct Param {
    /// Which field.
    pub field: &'static Field,
    /// The key's place (the kind's key in the short form).
    pub key_span: Span,
    /// What is written.
    pub value: Node,
    /// Whether a fault of the value has been reported.
    pub broken: bool,
}

/// The options of a step, as they are written; what may hold a template is still a node.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `sudo`.
    pub sudo: Option<Node>,
    /// `run_as`.
    pub run_as: Option<Node>,
    /// `cwd`.
    pub cwd: Option<Node>,
    /// `env`.
    pub env: Vec<Entry>,
    /// `when`.
    pub when: Option<Node>,
    /// `unless`.
    pub unless: Option<Node>,
    /// `only_if`.
    pub only_if: Option<Node>,
    /// `creates`.
    pub creates: Option<Node>,
    /// `loop`.
    pub looped: Option<Node>,
    /// `register`.
    pub register: Option<Spanned<String>>,
    /// `when_changed`; `None` where it is not given.
    pub when_changed: Option<Vec<Spanned<String>>>,
    /// `tags`.
    pub tags: Vec<Spanned<String>>,
    /// `timeout`.
    pub timeout: Option<Node>,
    /// `retries`.
    pub retries: Option<Node>,
    /// `delay`.
    pub delay: Option<Node>,
    /// `allow_failure`.
    pub allow_failure: Option<Node>,
    /// `always`: the author knows that the step runs each time.
    pub always: bool,
    /// `on_unknown`.
    pub on_unknown: Option<Node>,
}

/// What the command line and the surroundings add to a playbook.
pub struct Inputs {
    /// What the user gave on the command line.
    pub flags: Flags,
    /// The files of `--vars-file`, in order: each file's name and its bytes.
    pub vars_files: Vec<(String, Vec<u8>)>,
    /// The user of this machine: the login user where nothing else is given.
    pub local_user: String,
    /// The environment of this machine.
    pub env: BTreeMap<String, String>,
    /// How local files are read.
    pub loader: Box<Loader>,
}

impl Inputs {
    /// Inputs that add nothing.
    pub fn new(local_user: impl Into<String>, loader: impl Fn(&str) -> Result<Vec<u8>, String> + 'static) -> Self {
        Self {
            flags: Flags::default(),
            vars_files: Vec::new(),
            local_user: local_user.into(),
            env: BTreeMap::new(),
            loader: Box::new(loader),
        }
    }
}

impl fmt::Debug for Inputs {
    /// Leaves values and environment out: secrets may be among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Flags { host, limit, .. } = &self.flags;
        f.debug_struct("Inputs").field("host", host).field("limit", limit).finish_non_exhaustive()
    }
}
