//! known_hosts: who a host must prove to be, never judged more weakly than OpenSSH judges it.
//!
//! [`lookup`] and [`ListedKeys::judge`] are pure and follow OpenSSH's `hostfile.c` and `check_host_key`, quirk by quirk; the
//! tests hold them against `ssh-keygen -F` and `ssh` itself. Where they differ they are stricter: a line that names the
//! host under a marker nobody knows refuses the host, a revocation also counts for the name without its port, and a tab
//! after `@revoked` is a blank like any other. The edge, [`read_all`] and [`learn`], fails closed.

use std::borrow::Cow;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use rustix::fs::{FileType, FlockOperation, OFlags};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::ExpectedKey;
use super::sanitize;
use crate::transport::{Error, ErrorKind};

/// The largest known_hosts file that is read.
const LIMIT: u64 = 64 * 1024 * 1024;

/// A known_hosts file that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownHostsFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// A place in a known_hosts file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) line: usize,
}

impl Place {
    fn text(&self) -> String {
        format!("{}:{}", sanitize::path(&self.path), self.line)
    }
}

/// A key that a line gives for the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) place: Place,
    pub(crate) key: HostKey,
}

/// A public key of a host, as it stands in known_hosts and on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostKey {
    blob: Vec<u8>,
}

impl HostKey {
    /// Takes a key in its wire form; `None` where it does not even begin with the name of its type.
    pub(crate) fn from_blob(blob: Vec<u8>) -> Option<Self> {
        type_of(&blob)?;
        Some(Self { blob })
    }

    /// Such as `ssh-ed25519`.
    pub(crate) fn kind(&self) -> &str {
        type_of(&self.blob).unwrap_or_default()
    }

    /// `SHA256:…` as OpenSSH writes it.
    pub(crate) fn fingerprint(&self) -> String {
        let digest = Sha256::digest(&self.blob);
        format!("SHA256:{}", data_encoding::BASE64_NOPAD.encode(&digest))
    }

    /// The two words of a public key line.
    pub(crate) fn words(&self) -> String {
        format!("{} {}", self.kind(), BASE64.encode(&self.blob))
    }
}

/// The name of its type with which a key's blob begins.
fn type_of(blob: &[u8]) -> Option<&str> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let name = std::str::from_utf8(rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?).ok()?;
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())).then_some(name)
}

/// What the files say about one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListedKeys {
    /// Its keys.
    pub(crate) keys: Vec<Listed>,
    /// Keys that it must not show.
    pub(crate) revoked: Vec<Listed>,
    /// Lines that name it under an unknown marker.
    pub(crate) strange: Vec<Place>,
    /// Whether a certificate authority is listed for it (which makes no plain key good).
    pub(crate) authority: bool,
    /// Lines that could not be read, whoever they are for.
    pub(crate) bad: Vec<Place>,
}

/// What the files say about a key that a host shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It is the host's key.
    Match,
    /// Nothing is known about the host.
    New,
    /// The host is known by other keys, of whatever type.
    Changed(Listed),
    /// The key is revoked.
    Revoked(Place),
    /// A line about the host is not understood.
    Strange(Place),
}

impl ListedKeys {
    /// Judges a key that the host shows.
    pub(crate) fn judge(&self, shown: &HostKey) -> Judgement {
        if let Some(listed) = self.revoked.iter().find(|listed| listed.key == *shown) {
            return Judgement::Revoked(listed.place.clone());
        }
        if let Some(place) = self.strange.first() {
            return Judgement::Strange(place.clone());
        }
        if self.keys.iter().any(|listed| listed.key == *shown) {
            return Judgement::Match;
        }
        // A key of the same type is the more telling one to show.
        let same_type = self.keys.iter().find(|listed| listed.key.kind() == shown.kind());
        match same_type.or_else(|| self.keys.first()) {
            Some(listed) => Judgement::Changed(listed.clone()),
            None => Judgement::New,
        }
    }
}

/// The name under which known_hosts has a host.
pub(crate) fn host_name(address: &str, port: u16) -> String {
    let address = address.to_lowercase();
    if port == 22 { address } else { format!("[{address}]:{port}") }
}

/// Gathers what the files say about a name (lower case, as [`host_name`] gives it).
pub(crate) fn lookup(name: &str, sources: &[KnownHostsFile]) -> ListedKeys {
    let mut known = ListedKeys::default();
    for source in sources {
        for (index, line) in source.bytes.split(|byte| *byte == b'\n').enumerate() {
            let place = || Place { path: source.path.clone(), line: index + 1 };
            match parse(line) {
                Line::Blank => {}
                Line::Bad => known.bad.push(place()),
                Line::Entry { marker, hosts, key } => match (names(name, hosts), marker, key) {
                    (Some(false), _, _) => {}
                    (Some(true), Marker::Strange, _) => known.strange.push(place()),
                    (None, _, _) | (Some(true), _, None) => known.bad.push(place()),
                    (Some(true), Marker::Authority, Some(_)) => known.authority = true,
                    (Some(true), Marker::None, Some(key)) => known.keys.push(Listed { place: place(), key }),
                    (Some(true), Marker::Revoked, Some(key)) => known.revoked.push(Listed { place: place(), key }),
                },
            }
        }
    }
    known
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marker {
    None,
    Revoked,
    Authority,
    Strange,
}

#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Blank,
    Bad,
    /// `key` is `None` where it cannot be read.
    Entry {
        marker: Marker,
        hosts: &'a [u8],
        key: Option<HostKey>,
    },
}

/// Takes the next word off a line.
fn word<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = rest.iter().position(|byte| !blank(byte)).unwrap_or(rest.len());
    let line = &rest[start..];
    let end = line.iter().position(blank).unwrap_or(line.len());
    *rest = &line[end..];
    &line[..end]
}

fn parse(line: &[u8]) -> Line<'_> {
    // OpenSSH reads a line as a C string, so it ends at a NUL; a CR at its end belongs to the line's last word, where
    // the decoding of base64 skips it.
    let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
    let mut rest = line;
    let mut first = word(&mut rest);
    if first.is_empty() || first.starts_with(b"#") || first == b"\r" {
        return Line::Blank;
    }
    let mut marker = Marker::None;
    while first.starts_with(b"@") {
        marker = match (marker, first) {
            (Marker::None, b"@revoked") => Marker::Revoked,
            (Marker::None, b"@cert-authority") => Marker::Authority,
            _ => Marker::Strange,
        };
        first = word(&mut rest);
    }
    if first.is_empty() {
        return Line::Bad;
    }
    Line::Entry { marker, hosts: first, key: read_key(rest) }
}

/// Reads `TYPE BASE64 comment`.
fn read_key(mut rest: &[u8]) -> Option<HostKey> {
    let kind = word(&mut rest);
    let encoded: Vec<u8> =
        word(&mut rest).iter().copied().filter(|byte| !matches!(byte, b'\r' | 0x0b | 0x0c)).collect();
    let key = HostKey::from_blob(BASE64.decode(&encoded).ok()?)?;
    let fits = match kind {
        // OpenSSH takes the names of the signatures for the type as well.
        b"rsa-sha2-256" | b"rsa-sha2-512" => key.kind() == "ssh-rsa",
        kind => kind == key.kind().as_bytes(),
    };
    (fits && is_well_formed(&key.blob)).then_some(key)
}

/// Whether a key is whole, as far as its shape tells: the right fields of its type, and nothing behind them.
///
/// A line that was cut off in the middle of its key must not pass for another key of the host. Whatever OpenSSH takes
/// for a key passes here as well.
fn is_well_formed(blob: &[u8]) -> bool {
    let mut fields = Vec::new();
    let mut rest = blob;
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let Some((field, behind)) = behind.split_at_checked(length) else { return false };
        fields.push(field);
        rest = behind;
    }
    let Some((kind, fields)) = fields.split_first() else { return false };
    rest.is_empty()
        && match (*kind, fields) {
            (b"ssh-ed25519", [key]) | (b"sk-ssh-ed25519@openssh.com", [key, _]) => key.len() == 32,
            (b"ecdsa-sha2-nistp256", [curve, _]) => *curve == b"nistp256",
            (b"ecdsa-sha2-nistp384", [curve, _]) => *curve == b"nistp384",
            (b"ecdsa-sha2-nistp521", [curve, _]) => *curve == b"nistp521",
            (b"sk-ecdsa-sha2-nistp256@openssh.com", [_, _, _]) | (b"ssh-rsa", [_, _]) | (b"ssh-dss", [_, _, _, _]) => {
                true
            }
            (kind, _) => kind.ends_with(b"-cert-v01@openssh.com"),
        }
}

/// Whether the first field of a line names the host; `None` where the field is no list of names at all.
fn names(name: &str, hosts: &[u8]) -> Option<bool> {
    if hosts.first() == Some(&b'|') {
        return hashed(name, hosts);
    }
    let mut found = false;
    for pattern in hosts.split(|byte| *byte == b',') {
        let (negated, pattern) = match pattern.strip_prefix(b"!") {
            Some(pattern) => (true, pattern),
            None => (false, pattern),
        };
        // OpenSSH gives up on a list at a pattern that does not fit its buffer.
        if pattern.len() >= 1023 {
            return Some(false);
        }
        if matches(name.as_bytes(), &pattern.to_ascii_lowercase()) {
            if negated {
                return Some(false);
            }
            found = true;
        }
    }
    Some(found)
}

/// Compares with `|1|salt|hash`, text with text as OpenSSH does.
fn hashed(name: &str, field: &[u8]) -> Option<bool> {
    let rest = field.strip_prefix(b"|1|")?;
    let end = rest.iter().position(|byte| *byte == b'|')?;
    let salt = BASE64.decode(&rest[..end]).ok().filter(|salt| salt.len() == 20)?;
    let mut mac = Hmac::<Sha1>::new_from_slice(&salt).ok()?;
    mac.update(name.as_bytes());
    let again = format!("|1|{}|{}", BASE64.encode(&salt), BASE64.encode(&mac.finalize().into_bytes()));
    Some(again.as_bytes() == field)
}

/// Matches a pattern with `*` and `?`.
fn matches(text: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut in_pattern) = (0, 0);
    // Where to go on when the last star has to take one byte more.
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(in_pattern) {
            Some(b'*') => {
                star = Some((at, in_pattern + 1));
                in_pattern += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[at] => {
                at += 1;
                in_pattern += 1;
            }
            _ => match star {
                Some((from, after)) => {
                    star = Some((from + 1, after));
                    at = from + 1;
                    in_pattern = after;
                }
                None => return false,
            },
        }
    }
    pattern[in_pattern..].iter().all(|byte| *byte == b'*')
}

/// What all files say about a host on a port.
#[derive(Clone, Debug)]
pub(crate) struct HostKeys {
    /// The host's name in known_hosts.
    pub(crate) name: String,
    /// What is said about that name.
    pub(crate) known: ListedKeys,
    /// What is said about the name without its port, where that is another name.
    bare: Option<ListedKeys>,
}

impl HostKeys {
    /// Looks a host up.
    pub(crate) fn of(address: &str, port: u16, sources: &[KnownHostsFile]) -> Self {
        let name = host_name(address, port);
        let bare = (port != 22).then(|| lookup(&host_name(address, 22), sources));
        Self { known: lookup(&name, sources), name, bare }
    }

    /// Judges a key that the host shows.
    ///
    /// A host on another port that is not known by name and port may show the key that is known for the bare name; so
    /// OpenSSH has it.
    pub(crate) fn judge(&self, shown: &HostKey) -> Judgement {
        let bare = self.bare.as_ref().map(|bare| bare.judge(shown));
        match (self.known.judge(shown), bare) {
            (revoked @ Judgement::Revoked(_), _) | (_, Some(revoked @ Judgement::Revoked(_))) => revoked,
            (strange @ Judgement::Strange(_), _) | (_, Some(strange @ Judgement::Strange(_))) => strange,
            (Judgement::New, Some(Judgement::Match)) => Judgement::Match,
            (verdict, _) => verdict,
        }
    }

    /// The types of the keys by which the host is known: those it should be asked for first.
    pub(crate) fn known_types(&self) -> Vec<&str> {
        let known = if self.known.keys.is_empty() { self.bare.as_ref().unwrap_or(&self.known) } else { &self.known };
        known.keys.iter().map(|listed| listed.key.kind()).collect()
    }

    /// The error for a key that is not simply known or new.
    pub(crate) fn refuse(&self, verdict: &Judgement, shown: &HostKey) -> Option<Error> {
        let name = sanitize::escaped(self.name.as_bytes(), 300);
        let key = format!("{} {}", sanitize::escaped(shown.kind().as_bytes(), 64), shown.fingerprint());
        let error = |message: String| Error::new(ErrorKind::HostKey, message);
        match verdict {
            Judgement::Match | Judgement::New => None,
            Judgement::Changed(listed) => {
                let file = sanitize::shell_word(&listed.place.path);
                let old = sanitize::escaped(listed.key.kind().as_bytes(), 64);
                Some(
                    error(format!(
                        "the host key of {name} has changed: {} knows it by {old} {}, it shows {key}",
                        listed.place.text(),
                        listed.key.fingerprint(),
                    ))
                    .with_hint(format!(
                        "somebody may stand between you and the host; if its instance was replaced, compare {} with its \
                         system log in the EC2 console, then forget the old key: ssh-keygen -f {file} -R '{}'",
                        shown.fingerprint(),
                        self.name.replace('\'', ""),
                    )),
                )
            }
            Judgement::Revoked(place) => {
                Some(error(format!("the host key of {name}, {key}, is revoked by {}", place.text())).with_hint(
                    "a revoked key is one that somebody else may hold: do not connect; ask whoever revoked it",
                ))
            }
            Judgement::Strange(place) => Some(
                error(format!("{} names {name} under a marker that pinboot does not know", place.text())).with_hint(
                    "only @revoked and @cert-authority have a meaning; mend or delete that line (shown key: "
                        .to_owned()
                        + &key
                        + ")",
                ),
            ),
        }
    }

    /// The error for a key that is good, and not the one that is expected.
    pub(crate) fn other_host(&self, shown: &HostKey, expected: &ExpectedKey) -> Error {
        let clean = |text: &str| sanitize::escaped(text.as_bytes(), 300);
        let whose = clean(&expected.whose);
        let message = format!(
            "{} is not the host of {whose}: it shows the key {} {}, and that host had {} {}",
            clean(&self.name),
            clean(shown.kind()),
            shown.fingerprint(),
            clean(&expected.key_type),
            clean(&expected.fingerprint),
        );
        Error::new(ErrorKind::OtherHost, message).with_hint(expected.hint.clone())
    }

    /// The error for a key that nobody has vouched for.
    pub(crate) fn unknown(&self, shown: &HostKey, file: Option<&Path>) -> Error {
        let name = sanitize::escaped(self.name.as_bytes(), 300);
        let kind = sanitize::escaped(shown.kind().as_bytes(), 64);
        let mut message = format!("the host key of {name} is not known: it shows {kind} {}", shown.fingerprint());
        if self.known.authority {
            message.push_str(" (known_hosts has a certificate authority for it, which pinboot does not use)");
        }
        let file = file.map_or(Cow::Borrowed("your known_hosts"), |file| Cow::Owned(sanitize::path(file)));
        Error::new(ErrorKind::HostKey, message).with_hint(format!(
            "compare the fingerprint with the one in the instance's system log (EC2 console: Actions, Monitor and \
             troubleshoot, Get system log); if it is the same, add this line to {file}: {} (or take it as it is: \
             --host-key accept-new)",
            sanitize::escaped(format!("{} {}", self.name, shown.words()).as_bytes(), 8192),
        ))
    }
}

/// Reads the files that are there; one that is there and cannot be read refuses every host.
pub(crate) fn read_all<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Result<Vec<KnownHostsFile>, Error> {
    let mut sources = Vec::new();
    for path in paths {
        match read(path) {
            Ok(bytes) => sources.push(KnownHostsFile { path: path.clone(), bytes }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let message = format!("the known hosts file {} cannot be read: {error}", sanitize::path(path));
                let hint = "without it nobody can tell a changed or revoked key; mend the file or name another with --known-hosts";
                return Err(Error::new(ErrorKind::HostKey, message).with_hint(hint));
            }
        }
    }
    Ok(sources)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    let stat = rustix::fs::fstat(&file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        // /dev/null is the usual way of saying "no file".
        FileType::RegularFile | FileType::CharacterDevice => {}
        FileType::Directory => return Err(io::Error::other("it is a directory")),
        _ => return Err(io::Error::other("it is not a regular file")),
    }
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(io::Error::other("it is larger than 64 MiB"));
    }
    Ok(bytes)
}

/// How the learning of a key went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Learned {
    /// The line is in the file and synced.
    Added,
    /// Somebody else had just added it.
    AlreadyThere,
    /// Somebody else had just added another key for this name.
    Conflict(Judgement),
}

/// Adds a line for a host, unless another process has done so since the file was read.
///
/// The file is locked meanwhile, so of fifty runs that learn at once none tears the line of another; what could not be
/// written whole is taken back.
pub(crate) fn learn(path: &Path, name: &str, key: &HostKey) -> Result<Learned, Error> {
    let failed = |what: &str| {
        let message = format!(
            "the host key of {} cannot be added to {}: {what}",
            sanitize::escaped(name.as_bytes(), 300),
            sanitize::path(path)
        );
        Error::new(ErrorKind::Local, message)
            .with_hint("free some space or mend the file's permissions, then run again")
    };
    // A name that would be read as a pattern, a list or two lines is never written.
    if name.is_empty() || name.chars().any(|c| c.is_control() || c.is_whitespace() || ",*?!|#@\"'\\".contains(c)) {
        return Err(failed("its name has characters that mean something else there"));
    }
    append(path, name, key).map_err(|error| failed(&error.to_string()))
}

fn append(path: &Path, name: &str, key: &HostKey) -> io::Result<Learned> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice {
        // Somebody who says /dev/null does not want to learn.
        return Ok(Learned::AlreadyThere);
    }
    rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
    let mut bytes = Vec::new();
    file.rewind()?;
    (&mut file).take(LIMIT + 1).read_to_end(&mut bytes)?;
    let length = bytes.len() as u64;
    let torn = bytes.last().is_some_and(|byte| *byte != b'\n');
    let sources = [KnownHostsFile { path: path.to_owned(), bytes }];
    match lookup(name, &sources).judge(key) {
        Judgement::New => {}
        Judgement::Match => return Ok(Learned::AlreadyThere),
        verdict => return Ok(Learned::Conflict(verdict)),
    }
    let line = format!("{}{name} {}\n", if torn { "\n" } else { "" }, key.words());
    if let Err(error) = file.write_all(line.as_bytes()).and_then(|()| file.sync_all()) {
        // Best effort: the file is as it was, or the next writer begins a new line after the torn one.
        let _ = file.set_len(length);
        return Err(error);
    }
    if length == 0
        && let Some(parent) = parent
    {
        File::open(parent)?.sync_all()?;
    }
    Ok(Learned::Added)
}

#[cfg(test)]
#[path = "known_hosts_tests.rs"]
mod tests;
