//! How hosts are reached: files, time limits, and what happens to unknown host keys.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::prompt::{Ask, Passphrase};
use super::questions::Questions;

/// What happens to the key of a host that known_hosts does not list.
///
/// A key that has changed or is revoked is refused in every mode.
#[derive(Clone, Debug)]
pub enum HostKeyMode {
    /// It is refused.
    Strict,
    /// It is added to known_hosts and accepted.
    AcceptNew,
    /// The user is asked; the key is added if the answer is yes.
    Ask(Ask),
}

/// How hosts are reached.
#[derive(Clone, Debug)]
pub struct Config {
    /// The user's own known_hosts files; a new key is added to the first one.
    pub known_hosts: Vec<PathBuf>,
    /// Further known_hosts files, which are only read.
    pub known_hosts_read_only: Vec<PathBuf>,
    /// What happens to unknown host keys.
    pub host_key_mode: HostKeyMode,
    /// The time limit for name lookup, TCP, banner and key exchange together; the time in which the user answers a
    /// question does not count.
    pub connect_timeout: Duration,
    /// The time limit for the login, and again for the start of the command.
    pub login_timeout: Duration,
    /// After this much silence the host is asked for a sign of life; after three such spans without one the connection
    /// is lost.
    pub keepalive: Duration,
    /// Where passphrases come from.
    pub passphrase: Passphrase,
    /// Where the user is asked, if it is the user who is asked.
    pub questions: Questions,
    /// The socket of ssh-agent, for hosts without a key file.
    pub agent: Option<PathBuf>,
}

impl Config {
    /// What OpenSSH would use for a user with this home: its known_hosts files there and in /etc/ssh, in strict mode.
    pub fn for_home(home: Option<&Path>, passphrase: Passphrase) -> Self {
        let own = |name: &str| home.map(|home| home.join(".ssh").join(name));
        Self {
            known_hosts: ["known_hosts", "known_hosts2"].into_iter().filter_map(own).collect(),
            known_hosts_read_only: ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"]
                .map(PathBuf::from)
                .to_vec(),
            host_key_mode: HostKeyMode::Strict,
            connect_timeout: Duration::from_secs(10),
            login_timeout: Duration::from_mins(1),
            // A black hole is noticed after three spans, within 27 seconds.
            keepalive: Duration::from_secs(9),
            passphrase,
            questions: Questions::default(),
            agent: None,
        }
    }
}

/// The host key that a caller has seen before and requires again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedKey {
    /// Its algorithm, such as `ssh-ed25519`.
    pub key_type: String,
    /// `SHA256:…`.
    pub fingerprint: String,
    /// Who has seen it, such as `run 3f9c00ff`.
    pub whose: String,
    /// What to do if the host shows another key.
    pub hint: String,
}
