//! The host on systems other than Linux: there is none, and [`RehearsalHost::start`] says so.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use super::changes::{ChangedPath, Used};
use super::refused::Refused;
use super::world::World;
use crate::exit::Exit;

/// A throw-away host; a value of this type never exists on this system.
#[derive(Debug)]
pub struct RehearsalHost {
    never: Infallible,
}

/// The one error of this system.
fn refused() -> Refused {
    Refused::new(
        "a rehearsal needs Linux: its host is made of user, mount, pid and network namespaces, which this system does \
         not have",
        "use a Linux machine or a Linux virtual machine; the playbook was not run anywhere",
    )
}

/// Fails: no process of a host runs on this system.
pub(super) fn run_role(_: &[OsString]) -> ExitCode {
    Exit::HostUnfit.into()
}

impl RehearsalHost {
    /// Refuses: namespaces need Linux.
    pub fn start(_: &World) -> Result<Self, Refused> {
        Err(refused())
    }

    /// Refuses: namespaces need Linux.
    pub fn start_with(_: &World, _: &Path) -> Result<Self, Refused> {
        Err(refused())
    }

    /// Whether it is ending by itself.
    pub fn ends_soon(&self) -> bool {
        match self.never {}
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&self) -> bool {
        match self.never {}
    }

    /// The address of its SSH server.
    pub fn address(&self) -> SocketAddr {
        match self.never {}
    }

    /// The login user's name.
    pub fn user(&self) -> &str {
        match self.never {}
    }

    /// The private key that it accepts.
    pub fn key_path(&self) -> &Path {
        match self.never {}
    }

    /// A known_hosts file with its host key.
    pub fn known_hosts_path(&self) -> &Path {
        match self.never {}
    }

    /// The `ssh` command that opens a session on it.
    pub fn ssh_command(&self) -> String {
        match self.never {}
    }

    /// Starts a new list of changed paths.
    pub fn mark(&self) -> io::Result<()> {
        match self.never {}
    }

    /// The paths that changed since the last mark.
    pub fn changes(&self) -> io::Result<Vec<ChangedPath>> {
        match self.never {}
    }

    /// Which stand-ins were used.
    pub fn used(&self) -> io::Result<Used> {
        match self.never {}
    }

    /// Cuts every connection, at once or after this many bytes.
    pub fn cut(&self, _: Option<u64>) -> io::Result<()> {
        match self.never {}
    }
}
