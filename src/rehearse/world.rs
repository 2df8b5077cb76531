//! The rehearsal file: what the throw-away host is and what surrounds it.
//!
//! A rehearsal file lies beside its playbook (`milestone1.rehearsal.yaml` for `milestone1.yaml`) and declares the
//! stand-ins: URLs, commands, files that already exist, and the host's own names. Nothing here knows what a stand-in is
//! for. [`parse()`] reads the YAML; the host puts it into effect.

mod model;
mod parse;

pub use model::{Body, HostFile, StandIn, TreeEntry, TreeKind, Url, UrlAnswer, World};
pub use parse::{like, parse, parse_over};
