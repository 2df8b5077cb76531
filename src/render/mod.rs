//! From what is written to a value for one host: templates, their scopes, and the shapes that fields need.

pub(crate) mod args;
mod blame;
mod characters;
mod check;
pub(crate) mod condition;
mod context;
pub(crate) mod convert;
mod derived;
pub(crate) mod eval;
pub(crate) mod file_scope;
mod filters;
pub(crate) mod host;
pub(crate) mod iteration;
mod limits;
mod misplaced;
mod names;
pub(crate) mod param;
pub(crate) mod renderer;
pub(crate) mod scope;
pub(crate) mod shell_arguments;
pub(crate) mod shell_context;
pub(crate) mod syntax;
pub(crate) mod templates;
pub(crate) mod vars;
mod version;

/// Reads a local file by its name as written, relative to the playbook folder and then to the working directory;
/// returns its bytes, or why it cannot be read.
pub type Loader = dyn Fn(&str) -> Result<Vec<u8>, String>;
