//! From the text of a playbook to what it says.
//!
//! [`load()`] reads a playbook with everything that the command line adds to it, and reports every error at once;
//! [`crate::compile`] makes one plan for each host from it; [`lint()`] finds what is allowed but likely wrong.

mod assignments;
mod document;
mod group;
mod inherit;
mod inputs;
mod known;
mod lint;
mod load;
mod parse;
mod secretive;
mod snippets;
mod step;
mod step_names;
mod used_file;
mod uses;

pub use document::{HostEntry, MAX_STEPS, Playbook};
pub use group::Group;
pub use inputs::{Inputs, TreeReader};
pub use lint::{leftovers, lint};
pub use load::{Loaded, load, load_with};
pub(crate) use secretive::secretive;
pub use snippets::{Snippet, snippets};
pub use step::{Given, Step};
pub(crate) use step_names::{step_meant, steps_called};

pub use crate::render::Loader;
