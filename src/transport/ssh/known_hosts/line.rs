//! The lines of known_hosts, read and matched as OpenSSH does.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::host_key::HostPublicKey;

/// The marker in front of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    None,
    Revoked,
    Authority,
    /// A marker that OpenSSH does not know either.
    Unknown,
}

/// One line of a known_hosts file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KnownHostsLine<'a> {
    Blank,
    Bad,
    /// `key` is `None` if it cannot be read.
    Entry {
        marker: Marker,
        /// The first field, see [`names`].
        hosts: &'a [u8],
        key: Option<HostPublicKey>,
    },
}

/// Removes the next word from a line.
fn word<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = rest.iter().position(|byte| !blank(byte)).unwrap_or(rest.len());
    let line = &rest[start..];
    let end = line.iter().position(blank).unwrap_or(line.len());
    *rest = &line[end..];
    &line[..end]
}

/// Reads one line.
pub(super) fn parse(line: &[u8]) -> KnownHostsLine<'_> {
    // OpenSSH reads a line as a C string, which ends at a NUL. A CR at the end belongs to the last word, where the
    // decoder of base64 skips it.
    let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
    let mut rest = line;
    let mut first = word(&mut rest);
    if first.is_empty() || first.starts_with(b"#") || first == b"\r" {
        return KnownHostsLine::Blank;
    }
    let mut marker = Marker::None;
    while first.starts_with(b"@") {
        marker = match (marker, first) {
            (Marker::None, b"@revoked") => Marker::Revoked,
            (Marker::None, b"@cert-authority") => Marker::Authority,
            _ => Marker::Unknown,
        };
        first = word(&mut rest);
    }
    if first.is_empty() {
        return KnownHostsLine::Bad;
    }
    KnownHostsLine::Entry { marker, hosts: first, key: read_key(rest) }
}

/// Reads `TYPE BASE64 comment`.
fn read_key(mut rest: &[u8]) -> Option<HostPublicKey> {
    let kind = word(&mut rest);
    let encoded: Vec<u8> =
        word(&mut rest).iter().copied().filter(|byte| !matches!(byte, b'\r' | 0x0b | 0x0c)).collect();
    let key = HostPublicKey::from_blob(BASE64.decode(&encoded).ok()?)?;
    let fits = match kind {
        // OpenSSH accepts the names of the signature algorithms as the type, too.
        b"rsa-sha2-256" | b"rsa-sha2-512" => key.kind() == "ssh-rsa",
        kind => kind == key.kind().as_bytes(),
    };
    (fits && key.is_well_formed()).then_some(key)
}

/// Whether the first field of a line names the host; `None` if the field is not a list of names.
pub(super) fn names(name: &str, hosts: &[u8]) -> Option<bool> {
    if hosts.first() == Some(&b'|') {
        return hashed(name, hosts);
    }
    let mut found = false;
    for pattern in hosts.split(|byte| *byte == b',') {
        let (negated, pattern) = match pattern.strip_prefix(b"!") {
            Some(pattern) => (true, pattern),
            None => (false, pattern),
        };
        // OpenSSH rejects the whole list if a pattern does not fit its buffer.
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

/// Compares the name with `|1|salt|hash`; like OpenSSH, it compares the encoded text.
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
    // Where to continue if the last star has to match one byte more.
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
