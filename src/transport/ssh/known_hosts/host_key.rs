//! Public keys of hosts.

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

/// A public key of a host, as in known_hosts and in the key exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPublicKey {
    blob: Vec<u8>,
}

impl HostPublicKey {
    /// Takes a key's bytes; `None` if they do not start with the name of a type.
    pub(crate) fn from_blob(blob: Vec<u8>) -> Option<Self> {
        type_of(&blob)?;
        Some(Self { blob })
    }

    /// Its type, such as `ssh-ed25519`.
    pub(crate) fn kind(&self) -> &str {
        type_of(&self.blob).unwrap_or_default()
    }

    /// Its fingerprint as OpenSSH writes it: `SHA256:…`.
    pub(crate) fn fingerprint(&self) -> String {
        let digest = Sha256::digest(&self.blob);
        format!("SHA256:{}", data_encoding::BASE64_NOPAD.encode(&digest))
    }

    /// Type and key in base64, as in a public key file.
    pub(crate) fn words(&self) -> String {
        format!("{} {}", self.kind(), BASE64.encode(&self.blob))
    }

    /// Whether it has the fields of its type and nothing after them.
    pub(super) fn is_well_formed(&self) -> bool {
        is_well_formed(&self.blob)
    }
}

/// The name of the type at the start of a key's bytes.
fn type_of(blob: &[u8]) -> Option<&str> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let name = std::str::from_utf8(rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?).ok()?;
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())).then_some(name)
}

/// Whether a key has the fields of its type and nothing after them.
///
/// A line that ends in the middle of its key must not count as another key of the host. Every key that OpenSSH accepts
/// passes here as well.
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
