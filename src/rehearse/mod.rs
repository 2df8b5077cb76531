//! A throw-away host on the user's own machine, for as long as one command lives.
//!
//! Without root, Docker or a cloud: user, mount, pid and network namespaces over an overlay of the machine's own file
//! system, whose upper layer is in memory. Inside run an SSH server (russh), a mirror that answers the rehearsal
//! file's URLs over HTTPS under their real names, and a `sudo`. The listening socket is opened outside, in the
//! machine's own network, and inherited, so that the host is reached on a loopback port and reaches nothing itself.
//!
//! ```text
//! pinboot rehearse ── unshare ── init (pid 1: reaps, watches the parent)
//!     │ control socket             └─ host: SSH server, mirror, sudo's other half
//!     │                                 ├─ hold: keeps the login user's namespaces open
//!     └── TCP 127.0.0.1:port ──────────├─ session → the login user's shell
//!                                       └─ whatever `sudo` runs
//! ```
//!
//! All of these are this one binary under the hidden command [`HIDDEN`], told apart by [`inside`]. Every process dies
//! with the parent, by SIGKILL too: the control socket closes, pid 1 ends, and with it the pid namespace; the mounts
//! go with their namespace, and nothing was written anywhere else.
//!
//! What is not true to life:
//! - Only one user id is to be had without root. Whatever the host's users write belongs to the same id, shown as the
//!   login user's in a session and as root's under `sudo`; `chown` to any other user fails. That a session cannot
//!   write where root's rights are needed comes from read-only mounts: *Read-only file system* instead of *Permission
//!   denied*. Files that came with the machine belong to `nobody` (to root, where root rehearses).
//! - A file below `/usr`, `/var` or `/opt` that came with the machine can be replaced or removed by `sudo`, but not
//!   changed in place, unless root rehearses. `/etc` is a copy and free of this.
//! - `sudo` is a stand-in: it always agrees; its command belongs to a session of its own without a terminal. Other
//!   setuid programs (`su`, `passwd`) do nothing, and nobody can change their groups.
//! - On Linux before 6.6 files in memory have no attributes of the user's, and a directory of the machine's that was
//!   removed cannot be made again.
//! - Java keeps its own trust store, which does not learn of the mirror's certificate.

pub mod verdict;
pub mod world;

mod refusal;

#[cfg(target_os = "linux")]
mod archive;
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "edge: it makes a host out of this machine")]
mod broker;
#[cfg(target_os = "linux")]
mod control;
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "edge: it makes a host out of this machine")]
mod furnish;
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "edge: it makes a host out of this machine")]
mod host;
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "edge: it makes a host out of this machine")]
mod init;
#[cfg(target_os = "linux")]
mod loopback;
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "edge: it makes a host out of this machine")]
mod mirror;
#[cfg(target_os = "linux")]
mod names;
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "edge: it makes a host out of this machine")]
mod root;
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "edge: it makes a host out of this machine")]
mod server;
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "edge: it makes a host out of this machine")]
mod session;
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "edge: it makes a host out of this machine")]
mod sudo;
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "edge: it makes a host out of this machine")]
mod upper;

#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
mod host;

use std::ffi::OsString;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use crate::ids::Digest;

pub use host::Host;
pub use refusal::Refused;
pub use world::World;

/// The hidden command under which the binary plays the host's own parts.
pub const HIDDEN: &str = "__rehearse-host";

/// Plays a part of the host where the command line says so; `None`: this is an ordinary invocation.
///
/// To be called first thing in `main`, while the process has one thread: a session enters namespaces, which the
/// kernel refuses to a process with several.
pub fn inside(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut args = args.into_iter().skip(1);
    if args.next()? != HIDDEN {
        return None;
    }
    let args: Vec<OsString> = args.collect();
    #[cfg(target_os = "linux")]
    return Some(init::play(&args));
    #[cfg(not(target_os = "linux"))]
    return Some(ExitCode::from(u8::try_from(args.len().min(1)).unwrap_or(1).max(6)));
}

/// One thing that was written on the host since the last mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Its absolute path on the host.
    pub path: String,
    /// What stands there now.
    pub kind: WrittenKind,
    /// Its permission bits; 0 for what is gone.
    pub mode: u32,
    /// Its size in bytes; 0 for what is no file.
    pub size: u64,
    /// A file's digest, or that of a link's target.
    pub sha256: Option<Digest>,
}

/// What stands at a path that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrittenKind {
    /// A regular file.
    File,
    /// A directory, new or with new permission bits.
    Directory,
    /// A symbolic link.
    Link,
    /// Nothing any more.
    Gone,
    /// A socket, a pipe or a device.
    Other,
}

/// Which stand-ins were used, and what was asked for in vain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// The rehearsal file's URLs that were asked for, each with how often, in the file's order.
    pub urls: Vec<(String, u64)>,
    /// The stand-ins for commands that ran, each with how often, in the file's order.
    pub commands: Vec<(String, u64)>,
    /// URLs that were asked for and that the rehearsal file does not have, each once.
    pub missing: Vec<String>,
}
