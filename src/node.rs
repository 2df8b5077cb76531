//! A YAML document in which every scalar keeps its text and its place.
//!
//! [`read()`] and what it calls are the only code that names the YAML crate. Scalars are never typed here: `2.10` stays the
//! four characters that were written. They become a number or a boolean only where a field needs one.

mod builder;
mod characters;
mod decode;
mod explain;
mod places;
mod quote;
mod read;
mod scalars;
#[cfg(test)]
mod tests;
mod tree;
mod unquoted;

pub use decode::decode;
pub use quote::yaml_scalar;
pub(crate) use read::read_value;
pub use read::{Document, parse, read};
pub use tree::{Entry, Node, ScalarStyle, Value};
