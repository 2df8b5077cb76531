//! The types of a rehearsal file's content.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Everything that a rehearsal file declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// The rehearsal file's name as messages show it.
    pub file: Option<String>,
    /// The login user's name.
    pub user: String,
    /// The login user's home, an absolute path.
    pub home: String,
    /// The login shell, an absolute path; `None` for bash, or sh if the machine has no bash.
    pub shell: Option<String>,
    /// The host's name.
    pub hostname: String,
    /// The lines of `/etc/os-release`, in order; empty for the machine's own.
    pub os_release: Vec<(String, String)>,
    /// Every URL that answers.
    pub urls: Vec<Url>,
    /// Commands that are replaced by a script.
    pub commands: Vec<StandIn>,
    /// Commands that the host does not have, even if the machine has them.
    pub absent: Vec<String>,
    /// Files that already exist on the host.
    pub files: Vec<HostFile>,
    /// The stand-ins that come from a rehearsal file which several playbooks share: one of those may go unused.
    pub shared: Vec<String>,
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
            shared: Vec::new(),
        }
    }
}

impl World {
    /// The names of all stand-ins, as the verdict has them.
    pub fn stand_ins(&self) -> Vec<String> {
        let commands = self.commands.iter().map(|command| command.name.clone());
        commands.chain(self.urls.iter().map(Url::text)).collect()
    }

    /// The path of a playbook's rehearsal file: `dir/name.rehearsal.yaml` for `dir/name.yaml`.
    pub fn beside(playbook: &Path) -> PathBuf {
        playbook.with_extension("rehearsal.yaml")
    }
}

/// One URL and what it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Url {
    /// `https` and not `http`.
    pub secure: bool,
    /// The DNS name or IPv4 address, in lower case.
    pub name: String,
    /// The port; that of the scheme by default.
    pub port: u16,
    /// The path and the query, if there is one; starts with a slash.
    pub path: String,
    /// The answers to successive requests; the last one is repeated.
    pub answers: Vec<UrlAnswer>,
}

impl Url {
    /// Parses an absolute http or https URL; the error says what was expected.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (secure, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => return Err("expected a URL that starts with https:// or http://"),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let (name, port) = match authority.rsplit_once(':') {
            Some((name, port)) => (name, port.parse().map_err(|_| "expected a port up to 65535")?),
            None => (authority, if secure { 443 } else { 80 }),
        };
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-' || b == b'_';
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err("expected a host name after the two slashes");
        }
        if path.bytes().any(|b| !b.is_ascii_graphic() || b == b'#') {
            return Err("expected a path in ASCII without spaces and `#`; write other characters as %C3%A4");
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
pub struct UrlAnswer {
    /// The status code.
    pub status: u16,
    /// `Content-Type`; `None` to derive it from the body.
    pub content_type: Option<String>,
    /// `Location`, for a redirect.
    pub location: Option<String>,
    /// The body.
    pub body: Body,
    /// The connection is dropped after this many bytes of the body, although all were announced.
    pub cut_after: Option<u64>,
}

impl Default for UrlAnswer {
    fn default() -> Self {
        Self { status: 200, content_type: None, location: None, body: Body::Text(String::new()), cut_after: None }
    }
}

/// The source of an answer's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// This text.
    Text(String),
    /// A gzipped tar archive of these entries.
    Tgz(Vec<TreeEntry>),
    /// A zip archive of these entries.
    Zip(Vec<TreeEntry>),
    /// A file of this machine.
    File(PathBuf),
}

/// One entry of the tree in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeEntry {
    /// Relative path, without `..`.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// What kind of entry it is.
    pub what: TreeKind,
}

/// The kind of a tree's entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TreeKind {
    /// A file with this content.
    File(String),
    /// A directory.
    Directory,
    /// A symbolic link to this target.
    Link(String),
}

/// A command that is replaced by a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandIn {
    /// Its name, without a slash.
    pub name: String,
    /// The script; it runs with `/bin/sh` unless it names an interpreter.
    pub script: String,
}

/// A file that already exists on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFile {
    /// Absolute, or with `~/` for the login user's home.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Its content.
    pub content: String,
}
