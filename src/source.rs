//! Places in what a user wrote, and the one way to point at them.
//!
//! A [`Span`] is a range of bytes in one of the texts that a [`Sources`] holds: the playbook, a variables file, or a
//! `--var` of the command line. A [`Diagnostic`] is one error or warning: what is wrong, where, and what to do.

mod diagnostic;
mod render;
mod text;

pub use diagnostic::{Diagnostic, Severity, merged, near, search_anew};
pub use render::render;
pub use text::{Source, SourceId, Sources, Span, Spanned, is_invisible};
