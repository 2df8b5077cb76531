//! What the texts of one file see.

use std::collections::HashMap;

/// What the texts of one file see: the playbook sees everything by its name, and each use of a file what belongs to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// For each name that the file sees, its name among all variables; `None` for the playbook, where both are the same.
    pub(crate) names: Option<HashMap<String, String>>,
    /// What stands in front of its local paths.
    pub(crate) folder: String,
    /// What stands in front of the names of its steps.
    pub(crate) name_prefix: String,
    /// What stands in front of the ids of its steps.
    pub(crate) id_prefix: String,
    /// Whether names that could not be read may belong to it.
    pub(crate) any_name: bool,
}

impl Scope {
    /// The name among all variables.
    pub(crate) fn global<'n>(&'n self, name: &'n str) -> Option<&'n str> {
        match &self.names {
            None => Some(name),
            Some(names) => names.get(name).map(String::as_str),
        }
    }

    /// A local path of the file as the playbook would write it.
    pub(crate) fn path(&self, path: &str) -> String {
        if self.folder.is_empty() || path.starts_with(['/', '~']) {
            path.to_owned()
        } else {
            format!("{}/{path}", self.folder)
        }
    }
}
