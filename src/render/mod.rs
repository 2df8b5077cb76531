//! From what is written to a value for one host: templates, their scopes, and the shapes that fields want.

pub(crate) mod args;
pub(crate) mod convert;
pub(crate) mod renderer;
pub(crate) mod scope;
mod shell_context;
pub(crate) mod syntax;
pub(crate) mod templates;
pub(crate) mod vars;

/// Reads a local file by its name as written, relative to the playbook's folder and then to the working directory;
/// gives its bytes, or why not.
pub type Loader = dyn Fn(&str) -> Result<Vec<u8>, String>;
