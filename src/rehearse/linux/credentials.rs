//! The keys of one host, in files that are on no disk.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use rustix::fs::{MemfdFlags, memfd_create};

/// A file in memory that other programs can open by its path while this value lives.
#[derive(Debug)]
pub(super) struct MemoryFile {
    path: PathBuf,
    _file: File,
}

impl MemoryFile {
    /// Makes a file with this content that only its owner can read.
    pub(super) fn new(name: &str, bytes: &[u8]) -> io::Result<Self> {
        let mut file = File::from(memfd_create(name, MemfdFlags::CLOEXEC)?);
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        file.write_all(bytes)?;
        let path = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()));
        Ok(Self { path, _file: file })
    }

    /// Its path, below `/proc`.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// A key pair in OpenSSH's format.
pub(super) struct KeyPair {
    pub(super) private: String,
    pub(super) public: String,
}

impl KeyPair {
    /// Makes a fresh ed25519 key.
    pub(super) fn generate(comment: &str) -> io::Result<Self> {
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        File::open("/dev/urandom")?.read_exact(&mut *seed)?;
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed));
        let key = PrivateKey::new(pair, comment).map_err(io::Error::other)?;
        let private = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?.as_str().to_owned();
        let public = key.public_key().to_openssh().map_err(io::Error::other)?;
        Ok(Self { private, public })
    }
}
