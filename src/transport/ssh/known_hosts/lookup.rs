//! What the known_hosts files list for a host, and what that says about the key that the host shows.

use std::path::PathBuf;

use super::host_key::HostPublicKey;
use super::line::{KnownHostsLine, Marker, names, parse};
use crate::transport::ssh::sanitize;

/// A known_hosts file that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownHostsFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// A line of a known_hosts file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) line: usize,
}

impl Place {
    /// `FILE:LINE`.
    pub(super) fn text(&self) -> String {
        format!("{}:{}", sanitize::path(&self.path), self.line)
    }
}

/// A key that a line gives for the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedKey {
    pub(crate) place: Place,
    pub(crate) key: HostPublicKey,
}

/// What the files list for one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListedKeys {
    /// Its keys.
    pub(crate) keys: Vec<ListedKey>,
    /// Keys that it must not show.
    pub(crate) revoked: Vec<ListedKey>,
    /// Lines that name it with an unknown marker.
    pub(crate) unknown_marker: Vec<Place>,
    /// Whether a certificate authority is listed for it. It makes no plain key valid.
    pub(crate) authority: bool,
    /// Lines that cannot be read, for whatever host they are.
    pub(crate) bad: Vec<Place>,
}

/// What the files say about the key that a host shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyJudgement {
    /// It is the host's key.
    Match,
    /// The host is not listed.
    New,
    /// The host is listed with other keys, of any type.
    Changed(ListedKey),
    /// The key is revoked.
    Revoked(Place),
    /// A line for the host has an unknown marker.
    UnknownMarker(Place),
}

impl ListedKeys {
    /// Gathers what the files list for a name in lower case, as [`host_name`] returns it.
    pub(crate) fn lookup(name: &str, files: &[KnownHostsFile]) -> Self {
        let mut listed = Self::default();
        for file in files {
            for (index, line) in file.bytes.split(|byte| *byte == b'\n').enumerate() {
                listed.add(name, parse(line), || Place { path: file.path.clone(), line: index + 1 });
            }
        }
        listed
    }

    fn add(&mut self, name: &str, line: KnownHostsLine<'_>, place: impl Fn() -> Place) {
        let (marker, hosts, key) = match line {
            KnownHostsLine::Blank => return,
            KnownHostsLine::Bad => return self.bad.push(place()),
            KnownHostsLine::Entry { marker, hosts, key } => (marker, hosts, key),
        };
        match (names(name, hosts), marker, key) {
            (Some(false), _, _) => {}
            (Some(true), Marker::Unknown, _) => self.unknown_marker.push(place()),
            (None, _, _) | (Some(true), _, None) => self.bad.push(place()),
            (Some(true), Marker::Authority, Some(_)) => self.authority = true,
            (Some(true), Marker::None, Some(key)) => self.keys.push(ListedKey { place: place(), key }),
            (Some(true), Marker::Revoked, Some(key)) => self.revoked.push(ListedKey { place: place(), key }),
        }
    }

    /// Judges a key that the host shows.
    pub(crate) fn judge(&self, shown: &HostPublicKey) -> KeyJudgement {
        if let Some(listed) = self.revoked.iter().find(|listed| listed.key == *shown) {
            return KeyJudgement::Revoked(listed.place.clone());
        }
        if let Some(place) = self.unknown_marker.first() {
            return KeyJudgement::UnknownMarker(place.clone());
        }
        if self.keys.iter().any(|listed| listed.key == *shown) {
            return KeyJudgement::Match;
        }
        // The error is more useful with a key of the same type.
        let same_type = self.keys.iter().find(|listed| listed.key.kind() == shown.kind());
        match same_type.or_else(|| self.keys.first()) {
            Some(listed) => KeyJudgement::Changed(listed.clone()),
            None => KeyJudgement::New,
        }
    }
}

/// The name by which known_hosts lists a host.
pub(crate) fn host_name(address: &str, port: u16) -> String {
    let address = address.to_lowercase();
    if port == 22 { address } else { format!("[{address}]:{port}") }
}

/// What all files say about a host on a port.
#[derive(Clone, Debug)]
pub(crate) struct HostKeys {
    /// The host's name in known_hosts.
    pub(crate) name: String,
    /// What is listed for that name.
    pub(crate) listed: ListedKeys,
    /// What is listed for the name without its port; `None` if the port is 22.
    bare: Option<ListedKeys>,
}

impl HostKeys {
    /// Looks a host up.
    pub(crate) fn of(address: &str, port: u16, files: &[KnownHostsFile]) -> Self {
        let name = host_name(address, port);
        let bare = (port != 22).then(|| ListedKeys::lookup(&host_name(address, 22), files));
        Self { listed: ListedKeys::lookup(&name, files), name, bare }
    }

    /// Judges a key that the host shows.
    ///
    /// As with OpenSSH, a host on another port that is not listed with its port may show the key that is listed for the
    /// bare name.
    pub(crate) fn judge(&self, shown: &HostPublicKey) -> KeyJudgement {
        let bare = self.bare.as_ref().map(|bare| bare.judge(shown));
        match (self.listed.judge(shown), bare) {
            (revoked @ KeyJudgement::Revoked(_), _) | (_, Some(revoked @ KeyJudgement::Revoked(_))) => revoked,
            (unknown @ KeyJudgement::UnknownMarker(_), _) | (_, Some(unknown @ KeyJudgement::UnknownMarker(_))) => {
                unknown
            }
            (KeyJudgement::New, Some(KeyJudgement::Match)) => KeyJudgement::Match,
            (judgement, _) => judgement,
        }
    }

    /// The types of the host's listed keys, which the key exchange should ask for first.
    pub(crate) fn known_types(&self) -> Vec<&str> {
        let listed =
            if self.listed.keys.is_empty() { self.bare.as_ref().unwrap_or(&self.listed) } else { &self.listed };
        listed.keys.iter().map(|listed| listed.key.kind()).collect()
    }
}
