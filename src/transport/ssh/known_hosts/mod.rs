//! known_hosts: which key a host must show, never judged less strictly than by OpenSSH.
//!
//! [`ListedKeys::lookup`] and [`HostKeys::judge`] are pure and follow OpenSSH's `hostfile.c` and `check_host_key` in every
//! detail; the tests compare them with `ssh-keygen -F` and with `ssh` itself. They differ only by being stricter: a line
//! that names the host with an unknown marker refuses the host, a revocation also applies to the name without its port,
//! and a tab after `@revoked` counts as a space. [`read_all`] and [`learn`] touch the disk, and refuse the host if they
//! fail.

mod files;
mod host_key;
mod line;
mod lookup;
mod refusals;

pub(crate) use self::files::{Learned, learn, read_all};
pub(crate) use self::host_key::HostPublicKey;
pub(crate) use self::lookup::{HostKeys, KeyJudgement};

#[cfg(test)]
mod tests;
