//! What a host is sent for one step.

use std::sync::Arc;

use super::url::address_name;
use super::{Doubt, Need, Takes, Tree};
use crate::script::{Script, Text};
use crate::source::Span;

/// What a host is sent for one step: a check and a command. Pure data.
///
/// # The contract of a check
///
/// It runs in a subshell of the host's `sh` under `set -eu`, before anything of the step was done and once more after
/// `apply`. It changes nothing. It answers by its end: status 0 is *satisfied*; the word `needs_change` ends it with *needs change*; any
/// other status means that it *could not find out*, which fails the step (and is *unknown* with `--check`). What it
/// prints on standard output before `needs_change` says what would change, one line each (a diff for a file); standard error
/// is for people. A thing that an earlier step would create *needs change* and is never an error.
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
    /// Whether the check needs root as well: the step is carried out as one with `sudo: true`.
    pub asks_as_root: bool,
    /// Programs without which `apply` cannot work: for each, alternatives of which one must be there.
    pub needs: Vec<Need>,
    /// What the step brings about besides its shell.
    pub effect: Effect,
    /// What is asked on the host, before check and apply, of the values that only the host knows: shell that ends both where one of
    /// them is not what its field takes.
    pub questions: Vec<Script>,
    /// What lint says of the step.
    pub doubts: Vec<Doubt>,
    /// What it fetches, where that can be locked.
    pub fetch: Option<Fetch>,
}

/// What a step fetches, as `pinboot lock` and lint look at it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fetch {
    /// The place of its addresses in the playbook.
    pub place: Span,
    /// What the playbook calls the step: its name as it is written, and its `id`.
    pub names: Vec<String>,
    /// What it fetches on each kind of host: one entry where the addresses are known, none where only the host knows them.
    pub cases: Vec<FetchCase>,
    /// How it is known which bytes are wanted.
    pub state: FetchState,
}

/// What a step fetches on one kind of host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchCase {
    /// Its addresses, in the order in which they are tried, with secrets for holes.
    pub urls: Vec<Text>,
    /// The address of its checksum file.
    pub checksum: Option<Text>,
    /// The SHA-256 digest that the lock has for them.
    pub locked: Option<String>,
}

impl Fetch {
    /// The addresses of which a host gets one, and the digests that the lock has for them; nothing where one is known here.
    pub fn choice(&self) -> impl Iterator<Item = (String, &str)> {
        let is_choice = self.state == FetchState::Locked && self.cases.len() > 1;
        self.cases.iter().filter(move |_| is_choice).filter_map(|case| Some((case.name()?, case.locked.as_deref()?)))
    }

    /// What the lock may call its addresses.
    pub fn names_of_addresses(&self) -> impl Iterator<Item = String> {
        self.cases.iter().flat_map(|case| &case.urls).filter_map(address_name)
    }
}

impl FetchCase {
    /// What the lock calls it: the first of its addresses.
    pub fn name(&self) -> Option<String> {
        address_name(self.urls.first()?)
    }
}

/// How it is known which bytes are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FetchState {
    /// The step has a digest of its own.
    Given,
    /// The lock has it, for some of the addresses at least; on a host with another one the step fails.
    Locked,
    /// Nothing says it.
    Open,
}

/// What only some kinds bring about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing besides what the shell does.
    #[default]
    None,
    /// Variables that hold for every later step of this host once this one is satisfied.
    Exports(Vec<(String, Text)>),
    /// Bytes that `pb_content` writes to standard output in check and apply.
    Content(Content),
    /// Files of this machine, which the host gets beside the log. `pb_content` writes the list of them.
    Upload(Upload),
    /// A person must do it, and is shown what. There is nothing to apply.
    Manual(Manual),
    /// The program that reads `apply` instead of `sh`. It must understand POSIX shell (`bash`, `zsh`, `ksh`, …).
    Interpreter(&'static str),
    /// `apply` makes the host reboot soon after it has ended: the step is done in the host's next boot.
    Reboots,
    /// What `apply` writes to standard output is taken by pinboot's machine. `pb_here` says in check and apply what is there already.
    Takes(Takes),
}

/// Variables that a POSIX shell, bash or mksh keeps for itself, whatever its environment says.
const SHELLS_OWN: &[&str] = &[
    "_",
    "BASHOPTS",
    "BASHPID",
    "BASH_VERSINFO",
    "EUID",
    "GROUPS",
    "IFS",
    "KSHEGID",
    "KSHGID",
    "KSHUID",
    "LINENO",
    "OPTIND",
    "PGRP",
    "PPID",
    "PWD",
    "RANDOM",
    "SECONDS",
    "SHELLOPTS",
    "UID",
    "USER_ID",
];

impl Recipe {
    /// The assignments of the fields, `arg_NAME=VALUE` for each.
    pub fn assignments(&self) -> Script {
        let each: Vec<String> =
            self.args.iter().map(|(name, value)| format!("arg_{name}={}", value.as_str())).collect();
        let mut all = Script::author(each.join(" "));
        for question in &self.questions {
            all.line(question);
        }
        all
    }

    /// What it calls of the kinds' functions; nothing where its shell is the author's own.
    pub fn calls(&self) -> Vec<&str> {
        let scripts = self.check.iter().chain([&self.apply]).chain(&self.questions).map(Script::as_str);
        if self.args.is_empty() { Vec::new() } else { scripts.collect() }
    }

    /// Gives the shell a value as `$arg_NAME`, in place of what the field of that name has.
    pub fn set(&mut self, name: &str, value: Script) {
        match self.args.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.args.push((name.to_owned(), value)),
        }
    }

    /// The variables that hold for every later step.
    pub fn exports(&self) -> &[(String, Text)] {
        if let Effect::Exports(exports) = &self.effect { exports } else { &[] }
    }

    /// Those of them that the shells of later steps have: what a new shell would take from its environment. What a shell keeps for
    /// itself cannot be set there, or ends it.
    pub fn exports_to_shells(&self) -> impl Iterator<Item = &(String, Text)> {
        self.exports().iter().filter(|(name, _)| !SHELLS_OWN.contains(&name.as_str()))
    }

    /// What `pb_content` writes.
    pub fn content(&self) -> Option<&Content> {
        match &self.effect {
            Effect::Content(content) => Some(content),
            Effect::Upload(upload) => Some(&upload.list),
            _ => None,
        }
    }

    /// The files of this machine that it needs.
    pub fn upload(&self) -> Option<&Upload> {
        if let Effect::Upload(upload) = &self.effect { Some(upload) } else { None }
    }

    /// Where what it gives is taken to.
    pub fn takes(&self) -> Option<&Takes> {
        if let Effect::Takes(takes) = &self.effect { Some(takes) } else { None }
    }

    /// What a person must do.
    pub fn manual(&self) -> Option<&Manual> {
        if let Effect::Manual(manual) = &self.effect { Some(manual) } else { None }
    }

    /// The program that reads `apply`, where it is not `sh`.
    pub fn interpreter(&self) -> Option<&'static str> {
        if let Effect::Interpreter(interpreter) = &self.effect { Some(interpreter) } else { None }
    }

    /// Whether the host reboots for this step.
    pub fn reboots(&self) -> bool {
        self.effect == Effect::Reboots
    }
}

/// What `pb_content` writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Text, possibly with holes.
    Text(Text),
    /// Bytes of a local file.
    Bytes(Vec<u8>),
}

/// Files of this machine for a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Upload {
    /// What they are.
    pub tree: Arc<Tree>,
    /// The list that the host compares with what it has.
    pub list: Content,
}

/// A step for a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Manual {
    /// What to do.
    pub text: Text,
    /// Hold the run until the check passes.
    pub wait: bool,
}
