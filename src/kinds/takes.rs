//! Where files of a host are taken to, on the machine that pinboot runs on.

use serde::{Deserialize, Serialize};

use crate::source::Span;

/// Where files of a host are taken to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Takes {
    /// The place of the target in the playbook, while it is at hand.
    #[serde(skip)]
    pub place: Option<Span>,
    /// The path here: as it is written, and once the plan is complete a whole one.
    pub to: String,
    /// Whether a folder with the host's name stands behind it.
    #[serde(skip)]
    pub per_host: bool,
    /// The name that stands behind that.
    #[serde(skip)]
    pub name: Option<String>,
    /// The mode of the files here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Whether they get the modes that they have on the host.
    #[serde(default)]
    pub keeps_mode: bool,
    /// How many bytes are taken at most.
    pub limit: u64,
    /// What is there already: an entry behind the other, with tabs between them.
    #[serde(skip)]
    pub here: String,
}

impl Takes {
    /// The path as a person reads it, with what stands behind it for this host.
    pub fn shown(&self, host: Option<&str>) -> String {
        let host = if self.per_host { Some(host.unwrap_or("HOST")) } else { None };
        let mut shown = self.to.clone();
        for part in host.into_iter().chain(self.name.as_deref()) {
            if !shown.ends_with('/') {
                shown.push('/');
            }
            shown.push_str(part);
        }
        shown
    }
}
