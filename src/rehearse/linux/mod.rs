//! The host on Linux: user, mount, pid and network namespaces over the machine's own file system.
//!
//! The machine's directories are seen through overlays whose upper layers are in memory. Inside run an SSH server, a
//! mirror that answers the rehearsal file's URLs over HTTPS under their real names, and a `sudo`. The SSH server's
//! socket is opened outside, in the machine's own network, and inherited: the host can be reached on a loopback port and
//! can reach nothing itself.
//!
//! ```text
//! pinboot rehearse ── unshare ── init (pid 1: reaps processes, watches the parent)
//!     │ control socket             └─ host: SSH server, mirror, the serving half of sudo
//!     │                                 ├─ hold: keeps the namespaces of the host's users open
//!     └── TCP 127.0.0.1:port ───────────├─ session → the login user's shell
//!                                       └─ whatever `sudo` runs
//! ```
//!
//! All of these processes are this one binary under a hidden command; [`run_role`] tells them apart. All of them end
//! with the parent, even if it is killed: the control socket closes, pid 1 ends, and the pid namespace ends with it. The
//! mounts go with their namespace, and nothing was written anywhere else.
//!
//! Where the host differs from a real one:
//! - Where the caller may give only one user id, everything that the host's users write belongs to it. It is shown as the
//!   login user's in a session and as root's under `sudo`; `chown` to any other user fails. A session cannot write where
//!   root's rights are needed because those mounts are read-only, and the error is *Read-only file system* instead of
//!   *Permission denied*. Setuid programs (`su`, `passwd`) have no effect. Elsewhere each user has an id of its own: `ids` decides.
//! - Files of the machine belong to `nobody`, unless root runs the rehearsal.
//! - `sudo` can replace or remove a file of the machine below `/usr`, `/var` or `/opt`, but cannot change it in place,
//!   unless root runs the rehearsal. `/etc` is a copy, where this does not matter.
//! - `sudo` never asks for a password, and its command has a session of its own without a terminal.
//! - Before Linux 6.6, files in memory have no user-defined attributes, and a directory of the machine that was removed
//!   cannot be created again.
//! - Java has a trust store of its own and does not trust the mirror's certificate.

#![expect(clippy::disallowed_methods, reason = "edge: it makes a host out of this machine")]

mod archive;
mod control;
mod credentials;
mod cut;
mod dns;
mod holder;
mod host;
mod host_process;
mod ids;
mod init;
mod loopback;
mod mirror;
mod namespaces;
mod overlay_diff;
mod places;
mod provision;
mod roles;
mod root;
mod server;
mod session;
mod shared;
mod sudo;
mod users;

pub use host::RehearsalHost;
pub(super) use roles::run_role;
