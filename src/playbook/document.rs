//! What a playbook says, every part with its place.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::group::Group;
use super::step::Step;
use crate::node::{Entry, Node};
use crate::render::file_scope::Scope;
use crate::render::param::{Param, ScopedVar};
use crate::source::{SourceId, Span, Spanned};

/// The most steps that a playbook may have.
pub const MAX_STEPS: usize = 1000;

/// How deep groups may stand in one another.
pub(crate) const MAX_NESTED_GROUPS: usize = 20;

/// The most hosts that a playbook may have.
pub(crate) const MAX_HOSTS: usize = 2000;

/// The most variables that one map may declare.
pub(crate) const MAX_VARS: usize = 5000;

/// What a playbook says, every part with its place.
#[derive(Clone, Debug)]
pub struct Playbook {
    /// The text that it was read from.
    pub source: SourceId,
    /// `name`.
    pub name: Option<Spanned<String>>,
    /// `vars`, the lowest of all scopes.
    pub vars: Vec<Entry>,
    /// `vars_files`: local files of variables, just above `vars`.
    pub vars_files: Vec<Spanned<String>>,
    /// `hosts`, in order.
    pub hosts: Vec<HostEntry>,
    /// `steps`, in order, those of groups among them.
    pub steps: Vec<Step>,
    /// The groups of steps; the first one is the playbook itself, with the options at its top.
    pub groups: Vec<Group>,
    /// The scopes of the playbook and of each use of a file; the first is the playbook's.
    pub(crate) scopes: Vec<Arc<Scope>>,
    /// The variables of used files, and the defaults of the playbook's parameters.
    pub(crate) scoped: Vec<ScopedVar>,
    /// `params`: what the playbook asks for.
    pub(crate) params: Vec<Param>,
    /// Whether it has the key `params`: it may be a file that others use.
    pub(crate) has_params: bool,
    /// Where each used file is used first.
    pub(crate) used_from: Vec<(SourceId, Span)>,
    /// `from_env`: variables of this machine's environment that templates may use.
    pub from_env: Vec<Spanned<String>>,
    /// `secrets`: names of variables that are masked everywhere.
    pub secrets: Vec<Spanned<String>>,
    /// What cannot be known because of its errors.
    pub(crate) unresolved: Unresolved,
}

impl Playbook {
    /// A playbook that says nothing yet.
    pub(crate) fn empty(source: SourceId) -> Self {
        Self {
            source,
            name: None,
            vars: Vec::new(),
            vars_files: Vec::new(),
            hosts: Vec::new(),
            steps: Vec::new(),
            groups: Vec::new(),
            scopes: vec![Arc::default()],
            scoped: Vec::new(),
            params: Vec::new(),
            has_params: false,
            used_from: Vec::new(),
            from_env: Vec::new(),
            secrets: Vec::new(),
            unresolved: Unresolved::default(),
        }
    }
}

/// What cannot be known because of errors, so that nothing is reported that only follows from an error.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unresolved {
    /// Names that may belong to variables.
    pub(crate) names: BTreeSet<String>,
    /// Whether any name may belong to a variable.
    pub(crate) any_name: bool,
    /// Whether there may be more hosts.
    pub(crate) hosts: bool,
    /// Whether there may be steps with other names.
    pub(crate) steps: bool,
    /// Whether there may be other tags.
    pub(crate) tags: bool,
    /// Whether `from_env` may list more.
    pub(crate) from_env: bool,
    /// Whether any variable may be a secret.
    pub(crate) secrets: bool,
    /// Values with errors: the names that they use count as used.
    pub(crate) values: Vec<Node>,
}

/// One host as it is written.
#[derive(Clone, Debug)]
pub struct HostEntry {
    /// The playbook's name for it.
    pub name: Spanned<String>,
    /// `address`; `None` where an error of the host has been reported.
    pub address: Option<Node>,
    /// `user`.
    pub user: Option<Node>,
    /// `port`.
    pub port: Option<Node>,
    /// `key`.
    pub key: Option<Node>,
    /// `sudo_password`, a secret.
    pub sudo_password: Option<Node>,
    /// `vars`, above the playbook's own.
    pub vars: Vec<Entry>,
}
