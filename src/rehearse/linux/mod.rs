//! The host on Linux.

#![expect(clippy::disallowed_methods, reason = "edge: it makes a host out of this machine")]

mod archive;
mod broker;
mod control;
mod cut;
mod dns;
mod host;
mod init;
mod loopback;
mod mirror;
mod namespaces;
mod overlay_diff;
mod provision;
mod root;
mod server;
mod session;
mod sudo;

pub use host::Host;
pub(super) use init::run_role;
