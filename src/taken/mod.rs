//! What hosts give to this machine: which files are below a target here, and how those that a host sends get there.
//!
//! A host may be hostile. What it says is data: a path of its index is checked part by part and opened below the target without following a
//! link, what it sends is counted and its digest is computed here, and nothing of it becomes a program, a link or a device.
#![expect(clippy::disallowed_methods, reason = "edge: it reads and writes the files that are taken")]

mod error;
mod index;
mod local;
mod place;
mod taking;

pub use error::TakeError;
pub use local::{LocalTree, read};
pub use taking::Taking;
