//! The kinds of step. A kind is a function from a desired state to two pieces of shell, *check* and *apply*.
//!
//! It is declared in two files: `NAME.rs` says what it can be given (see [`Kind`]), `NAME.sh` is its shell. Parser, help
//! and documents walk the table [`KINDS`]; a new kind is one more line of it.

mod absent;
mod address;
mod archive;
mod arg;
mod assert;
mod authorized_keys;
mod block;
mod candidate;
mod cause;
mod causes;
mod command;
mod compile;
mod compose;
mod container;
mod cron;
mod database;
mod directory;
mod doubt;
mod download;
mod ere;
#[cfg(test)]
mod example;
mod expect;
mod export;
mod fetch;
pub mod field;
mod file;
mod git;
mod group;
mod guard;
mod kafka_topics;
mod kind;
mod line;
mod link;
mod manual;
mod mount;
mod need;
mod on_host;
mod package;
mod properties;
mod python;
mod reboot;
mod recipe;
mod repository;
mod role;
pub mod rule;
mod s3_object;
mod script;
mod service;
mod shell;
mod swap;
mod sysctl;
mod takes;
mod tree;
mod typed;
mod upload;
mod url;
mod user;
pub(crate) mod value;

pub use arg::{Arg, ArgValue, Args};
pub use cause::Cause;
pub use causes::cause;
pub use doubt::Doubt;
pub(crate) use field::instead_of;
pub use field::{Field, ONE_PATH, Pattern, Shape};
pub use guard::Guard;
pub use kind::{Hook, Kind};
pub use need::{Need, When};
pub use recipe::{Content, Effect, Fetch, FetchCase, FetchState, Manual, Recipe, Upload};
pub use rule::Rule;
pub use shell::{PROLOGUE, compact, helpers};
pub use takes::Takes;
pub use tree::{LocalEntry, LocalFile, LocalSort, Tree, leaves_out};
pub use url::{address_name, without_password};

/// Every kind, in the order of help.
pub const KINDS: &[&Kind] = &[
    &command::KIND,
    &script::KIND,
    &package::KIND,
    &repository::KIND,
    &download::KIND,
    &archive::KIND,
    &fetch::KIND,
    &git::KIND,
    &python::KIND,
    &file::KIND,
    &upload::KIND,
    &directory::KIND,
    &link::KIND,
    &absent::KIND,
    &line::KIND,
    &block::KIND,
    &service::KIND,
    &properties::KIND,
    &sysctl::KIND,
    &mount::KIND,
    &swap::KIND,
    &cron::KIND,
    &expect::KIND,
    &assert::KIND,
    &export::KIND,
    &group::KIND,
    &user::KIND,
    &authorized_keys::KIND,
    &database::KIND,
    &role::KIND,
    &kafka_topics::KIND,
    &container::KIND,
    &s3_object::KIND,
    &compose::KIND,
    &reboot::KIND,
    &manual::KIND,
];

/// The kind with this name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().copied().find(|kind| kind.name == name)
}
