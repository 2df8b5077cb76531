//! The host where there is none: on systems without Linux's namespaces.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use super::{Refused, Used, World, Written};

/// A throw-away host; on this system there is never one.
#[derive(Debug)]
pub struct Host {
    never: Infallible,
}

impl Host {
    /// Refuses: namespaces are Linux's.
    pub fn start(_: &World) -> Result<Self, Refused> {
        Err(Refused::not_linux())
    }

    /// Refuses: namespaces are Linux's.
    pub fn start_with(_: &World, _: &Path) -> Result<Self, Refused> {
        Err(Refused::not_linux())
    }

    /// Where its SSH server listens.
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

    /// A known_hosts file that knows it.
    pub fn known_hosts_path(&self) -> &Path {
        match self.never {}
    }

    /// The `ssh` command to look around in it.
    pub fn ssh_command(&self) -> String {
        match self.never {}
    }

    /// Forgets what was written so far.
    pub fn mark(&self) -> io::Result<()> {
        match self.never {}
    }

    /// What was written since the last mark.
    pub fn upper(&self) -> io::Result<Vec<Written>> {
        match self.never {}
    }

    /// Which stand-ins were used.
    pub fn used(&self) -> io::Result<Used> {
        match self.never {}
    }

    /// Cuts every connection, at once or after so many more bytes.
    pub fn cut(&self, _: Option<u64>) -> io::Result<()> {
        match self.never {}
    }
}
