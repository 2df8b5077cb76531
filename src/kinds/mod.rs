//! The kinds of step. A kind is a function from a desired state to two pieces of shell, *check* and *apply*.

mod archive;
mod args;
mod causes;
mod command;
mod download;
mod export;
mod file;
mod kafka_topics;
mod manual;
mod package;
mod reboot;
mod recipe;
mod script;
mod shell;
pub(crate) mod value;

pub use causes::cause;
pub use recipe::{Content, Effect, Manual, Need, Recipe};
pub use shell::helpers;

use crate::script::{Script, Text};
use crate::source::{Diagnostic, Span};

/// How a field's value is read and rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Letters.
    Text,
    /// A path on the host (a leading `~/` is a home there).
    Path,
    /// A path on this machine; the file's bytes are the value.
    LocalPath,
    /// A path on this machine; the file is a template, and the value is what it renders to.
    LocalTemplate,
    /// Shell text; values in it are quoted.
    Shell,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// Octal digits of a file mode.
    Mode,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A text or a list of texts.
    Texts,
    /// A map from names to texts.
    TextMap,
    /// Anything: the kind looks for itself.
    Any,
}

/// One field of a kind: for parsing, help, schema and near names alike.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The YAML key.
    pub name: &'static str,
    /// How it is read.
    pub shape: Shape,
    /// Whether a step without it is an error.
    pub required: bool,
    /// One sentence for help.
    pub doc: &'static str,
}

/// One kind.
#[derive(Debug)]
pub struct Kind {
    /// The YAML key.
    pub name: &'static str,
    /// One sentence for help.
    pub summary: &'static str,
    /// How the check finds out, for help.
    pub check: &'static str,
    /// The fields of the map form. A field named `*` takes every key that no other field names, as one map.
    pub fields: &'static [Field],
    /// The field that a bare scalar or list stands for (`package: java-1.8.0`), if that form is allowed.
    pub short: Option<&'static str>,
    /// A complete step, as YAML: shown by `pinboot kinds`, compiled by a test.
    pub example: &'static str,
    /// Rendered fields to recipe.
    pub compile: fn(&Args<'_>) -> Result<Recipe, Vec<Diagnostic>>,
}

/// Every kind, in the order of help.
pub const KINDS: &[&Kind] = &[
    &command::KIND,
    &script::KIND,
    &package::KIND,
    &download::KIND,
    &archive::KIND,
    &file::KIND,
    &export::KIND,
    &kafka_topics::KIND,
    &reboot::KIND,
    &manual::KIND,
];

/// The kind with this name.
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().copied().find(|kind| kind.name == name)
}

/// A rendered value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arg {
    /// Where it was written.
    pub span: Span,
    /// What it is.
    pub value: ArgValue,
}

/// A rendered value: the shape has been checked against the field's [`Shape`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgValue {
    /// Letters (`Text`, `Path`, `Mode`, `OneOf`, `LocalTemplate`; inside `Any`, every scalar).
    Text(Text),
    /// Shell, values already quoted.
    Shell(Script),
    /// `Bool`.
    Bool(bool),
    /// `Integer`.
    Integer(u64),
    /// `Texts` (a single text becomes a list of one), and lists inside `Any`.
    List(Vec<Arg>),
    /// `TextMap`, and maps inside `Any`: key, place of the key, value.
    Map(Vec<(String, Span, Arg)>),
    /// `LocalPath`: the file's bytes, read by the edge; the path as written.
    File {
        /// As written.
        path: String,
        /// What is in it.
        bytes: Vec<u8>,
    },
}

/// The rendered fields of one step, handed to a kind's `compile`.
#[derive(Clone, Debug)]
pub struct Args<'a> {
    /// The kind's key in the playbook.
    pub span: Span,
    /// Name, place of the name, value; only fields that were given, all of them known.
    pub fields: &'a [(&'static str, Span, Arg)],
}
