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
mod script;
mod shell;

pub use causes::cause;
pub use shell::helpers;

use crate::script::{Script, Text};
use crate::source::{Diagnostic, Span};

/// What a host will be asked and told for one step. Pure data.
///
/// # The contract of a check
///
/// It runs in a subshell of the host's `sh` under `set -eu`, before anything of the step was done and once more after
/// `apply`. It changes nothing. It answers by its end: status 0 is *so*; the word `not_so` ends it with *not so*; any
/// other status means that it *could not find out*, which fails the step (and is *unknown* with `--check`). What it
/// prints on standard output before `not_so` says what would change, one line each (a diff for a file); standard error
/// is for people. A thing that an earlier step would create is *not so*, never an error.
///
/// `apply` runs in a process of its own under `set -eu` with standard input from `/dev/null`; what the check printed
/// is in `$pb_why`. After it the check is asked again: an apply that did not take is a failure named *verify*. The word
/// `pb_refuse MESSAGE` ends it as a failure of integrity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Recipe {
    /// What the step is about, a few words for the terminal: `java-1.8.0`, a path, a URL.
    pub subject: String,
    /// The step's fields: name and value, a shell word. Check and apply find each of them in `$arg_NAME`.
    pub args: Vec<(String, Script)>,
    /// See above; `None`: the kind by itself cannot tell.
    pub check: Option<Script>,
    /// See above.
    pub apply: Script,
    /// The commands that a user would type instead of `apply`; shown by the dry run, never run.
    pub equivalent_commands: Option<Script>,
    /// Whether `apply` needs root by itself.
    pub needs_root: bool,
    /// Programs without which `apply` cannot work: for each, alternatives of which one must be there.
    pub needs: Vec<Need>,
    /// Variables that hold for every later step of this host once this one is so.
    pub exports: Vec<(String, Text)>,
    /// Bytes that `pb_content` writes to standard output in check and apply.
    pub content: Option<Content>,
    /// For a step that a person must do: what they are told. There is nothing to apply.
    pub manual: Option<Manual>,
    /// The program that reads `apply`; `sh` where nothing is said. It must understand POSIX shell (`bash`, `zsh`, `ksh`, …).
    pub interpreter: Option<&'static str>,
    /// Whether `apply` makes the host reboot soon after it has ended: the step is done in the host's next boot.
    pub reboots: bool,
}

/// A program that a recipe cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Need {
    /// The alternatives, best first.
    pub any_of: &'static [&'static str],
    /// What to do where none is there, a sentence's text.
    pub hint: &'static str,
}

/// What `pb_content` writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Text, possibly with holes.
    Text(Text),
    /// Bytes of a local file.
    Bytes(Vec<u8>),
}

/// A step for a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Manual {
    /// What to do.
    pub text: Text,
    /// Hold the run until the check passes.
    pub wait: bool,
}

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
