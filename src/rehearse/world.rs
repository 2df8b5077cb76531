//! What the throw-away host finds in its world: the rehearsal file, taken apart.
//!
//! A rehearsal file stands beside its playbook (`milestone1.rehearsal.yaml` for `milestone1.yaml`) and declares the
//! stand-ins: URLs, commands, files that exist beforehand, and who the host claims to be. Nothing here knows what a
//! stand-in is for. Reading YAML is [`parse()`]'s part; carrying it out is that of the host's.

mod parse;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use parse::parse;

/// Everything that a rehearsal file declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// The rehearsal file's name as messages show it.
    pub file: Option<String>,
    /// The login user's name.
    pub user: String,
    /// The login user's home, an absolute path.
    pub home: String,
    /// The login shell, an absolute path; `None`: bash where the machine has it, else sh.
    pub shell: Option<String>,
    /// What `hostname` says.
    pub hostname: String,
    /// `/etc/os-release`, in order; empty: the machine's own.
    pub os_release: Vec<(String, String)>,
    /// Every URL that answers.
    pub urls: Vec<Url>,
    /// Commands that are played by a script.
    pub commands: Vec<StandIn>,
    /// Commands that the host does not have, whatever the machine has.
    pub absent: Vec<String>,
    /// Files that exist beforehand.
    pub files: Vec<HostFile>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            file: None,
            user: "ec2-user".to_owned(),
            home: "/home/ec2-user".to_owned(),
            shell: None,
            hostname: "rehearsal".to_owned(),
            os_release: Vec::new(),
            urls: Vec::new(),
            commands: Vec::new(),
            absent: Vec::new(),
            files: Vec::new(),
        }
    }
}

impl World {
    /// The rehearsal file's place for a playbook: `dir/name.rehearsal.yaml` for `dir/name.yaml`.
    pub fn beside(playbook: &Path) -> PathBuf {
        playbook.with_extension("rehearsal.yaml")
    }

    /// The local files that answers are made of, each once, in order of appearance.
    pub fn local_files(&self) -> Vec<&Path> {
        let mut out: Vec<&Path> = Vec::new();
        for answer in self.urls.iter().flat_map(|url| &url.answers) {
            if let Body::File(path) = &answer.body
                && !out.contains(&path.as_path())
            {
                out.push(path);
            }
        }
        out
    }
}

/// One URL and what it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Url {
    /// `https` and not `http`.
    pub secure: bool,
    /// The DNS name or IPv4 address, in lower case.
    pub name: String,
    /// The port, the scheme's own where none was written.
    pub port: u16,
    /// The path, with the query where one was written; begins with a slash.
    pub path: String,
    /// What is answered: one after the other, the last one again and again.
    pub answers: Vec<Answer>,
}

impl Url {
    /// Takes an absolute http or https URL apart; the error is a few words that say what is missing.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (secure, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => return Err("expected https:// or http:// in front"),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let (name, port) = match authority.rsplit_once(':') {
            Some((name, port)) => (name, port.parse().map_err(|_| "the port is not a number up to 65535")?),
            None => (authority, if secure { 443 } else { 80 }),
        };
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-' || b == b'_';
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err("expected a host name behind the two slashes");
        }
        if path.bytes().any(|b| !b.is_ascii_graphic() || b == b'#') {
            return Err("a path is ASCII without a blank and without `#` (other letters as %C3%A4)");
        }
        Ok(Self { secure, name: name.to_ascii_lowercase(), port, path: path.to_owned(), answers: Vec::new() })
    }

    /// The URL as a person writes it.
    pub fn text(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => format!("{scheme}://{}{}", self.name, self.path),
            _ => format!("{scheme}://{}:{}{}", self.name, self.port, self.path),
        }
    }
}

/// One answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// `Content-Type`; `None`: guessed from what the body is.
    pub content_type: Option<String>,
    /// `Location`, for a redirect.
    pub location: Option<String>,
    /// What is sent.
    pub body: Body,
    /// The connection is dropped after so many bytes of the body, although all were promised.
    pub cut_after: Option<u64>,
}

impl Default for Answer {
    fn default() -> Self {
        Self { status: 200, content_type: None, location: None, body: Body::Text(String::new()), cut_after: None }
    }
}

/// What an answer's body is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// These letters.
    Text(String),
    /// A gzipped tar archive of these entries.
    Tgz(Vec<TreeEntry>),
    /// A zip archive of these entries.
    Zip(Vec<TreeEntry>),
    /// A file of this machine.
    File(PathBuf),
}

/// One entry of a tree that an archive is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeEntry {
    /// Relative path, without `..`.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// What it is.
    pub what: TreeKind,
}

/// What an entry of a tree is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TreeKind {
    /// A file that holds these letters.
    File(String),
    /// A directory.
    Directory,
    /// A symbolic link to this target.
    Link(String),
}

/// A command that is played by a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandIn {
    /// Its name, without a slash.
    pub name: String,
    /// The script; `#!/bin/sh` where it names no interpreter.
    pub script: String,
}

/// A file that exists on the host beforehand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFile {
    /// Absolute, or with `~/` for the login user's home.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// What it holds.
    pub content: String,
}
