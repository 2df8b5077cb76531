//! SSH in this process, on russh: one connection a host, the command sent in as few round trips as the server allows.
//!
//! [`Ssh`] is the [`Connect`] of the real world. A connection goes through `dial` (name and TCP), `greet` (banner,
//! key exchange and host key), `auth` and the first command, which `handler` drives; `session` is what comes out.
//! Every fault on the way becomes an [`Error`] with its own sentence.

#![expect(clippy::disallowed_methods, reason = "edge: key files, known_hosts and the network's clocks")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{HashAlg, PrivateKey};
use tokio::sync::Mutex;

use super::{Connect, Error, ErrorKind, Exec};
use crate::inventory::Host;

mod auth;
mod dial;
mod exec_limit;
mod handler;
mod handshake;
mod key;
mod known_hosts;
mod output;
mod prompt;
mod sanitize;
mod session;
mod socket;

#[cfg(test)]
#[path = "../../../tests/support/mod.rs"]
#[expect(dead_code, reason = "the suites take more of it")]
mod support;

pub use prompt::{Ask, HostKeyQuestion, NoPassphrase, Passphrase};
pub use session::SshSession;

/// What happens when a host shows a key that nobody has vouched for yet.
///
/// A key that has changed or is revoked is refused in every mode.
#[derive(Clone, Debug)]
pub enum HostKeyMode {
    /// It is refused.
    Strict,
    /// It is added to known_hosts and good from then on.
    AcceptNew,
    /// Somebody is asked, and it is added when the answer is yes.
    Ask(Ask),
}

/// How hosts are reached.
#[derive(Clone, Debug)]
pub struct Config {
    /// The user's own known_hosts files; a new key is added to the first.
    pub known_hosts: Vec<PathBuf>,
    /// Further known_hosts files, which are only read.
    pub known_hosts_read_only: Vec<PathBuf>,
    /// What happens to unknown host keys.
    pub host_key_mode: HostKeyMode,
    /// The time for name lookup, TCP, banner and key exchange together; the time that a person takes to answer is not
    /// counted.
    pub connect_timeout: Duration,
    /// The time for login, and again for the start of the command.
    pub login_timeout: Duration,
    /// After so much silence the host is asked whether it is there; after three such spans without a sign of life the
    /// connection is lost.
    pub keepalive: Duration,
    /// Where passphrases come from.
    pub passphrase: Passphrase,
    /// The socket of ssh-agent, for hosts without a key file.
    pub agent: Option<PathBuf>,
}

impl Config {
    /// What OpenSSH would use for a user with this home: its known_hosts files there and in /etc/ssh, strict.
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
            // Three spans: a black hole is noticed within 27 seconds.
            keepalive: Duration::from_secs(9),
            passphrase,
            agent: None,
        }
    }
}

/// The key by which a host was known to somebody who means that host and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedKey {
    /// Its algorithm, such as `ssh-ed25519`.
    pub key_type: String,
    /// `SHA256:…`.
    pub fingerprint: String,
    /// Who was shown it, such as `run 3f9c00ff`.
    pub whose: String,
    /// What to do where the host shows another one.
    pub hint: String,
}

/// A key file that has been loaded, or the message and hint of why it could not be.
type Loaded = Result<Arc<PrivateKey>, (String, Option<String>)>;

/// Reaches hosts by SSH.
#[derive(Debug)]
pub struct Ssh {
    config: Config,
    /// Key files are loaded once: with many hosts, and over reconnects, a passphrase is asked for once.
    keys: Mutex<HashMap<PathBuf, Loaded>>,
    /// By address and port.
    expected: HashMap<(String, u16), ExpectedKey>,
}

impl Ssh {
    /// A way to reach hosts, with no connection yet.
    pub fn new(config: Config) -> Self {
        Self { config, keys: Mutex::default(), expected: HashMap::new() }
    }

    /// Refuses the host where it shows another key than this one, however good known_hosts finds that.
    pub fn expect(&mut self, host: &Host, key: ExpectedKey) {
        self.expected.insert((host.address.clone(), host.port), key);
    }

    /// Loads a key file, or gives what came of it the first time: its type and fingerprint, as `ssh-keygen -l` has them.
    ///
    /// Callers that want a bad key refused before anything else happens may call this first.
    pub async fn load_key(&self, path: &Path) -> Result<String, Error> {
        let key = self.key(path).await?;
        Ok(format!("{} {}", key.algorithm().as_str(), key.fingerprint(HashAlg::Sha256)))
    }

    async fn key(&self, path: &Path) -> Result<Arc<PrivateKey>, Error> {
        let mut keys = self.keys.lock().await;
        let loaded = if let Some(loaded) = keys.get(path) {
            loaded.clone()
        } else {
            let (file, passphrase) = (path.to_owned(), self.config.passphrase.clone());
            // Deriving a key from a passphrase takes as long as its owner wished, and a person may be asked.
            let loaded = match tokio::task::spawn_blocking(move || key::load(&file, &passphrase)).await {
                Ok(loaded) => loaded.map(Arc::new).map_err(|error| (error.message, error.hint)),
                Err(died) => Err((format!("the key {} cannot be loaded: {died}", sanitize::path(path)), None)),
            };
            keys.insert(path.to_owned(), loaded.clone());
            loaded
        };
        loaded.map_err(|(message, hint)| Error { hint, ..Error::new(ErrorKind::Auth, message) })
    }
}

impl Connect for Ssh {
    type Session = SshSession;

    async fn connect(&self, host: &Host, exec: &Exec) -> Result<SshSession, Error> {
        // All that can be refused without a connection comes before it: an aborted login counts against the caller's
        // address on newer servers.
        let identity = match &host.key {
            Some(path) => auth::Credentials::Key(self.key(path).await?),
            None => auth::Credentials::Agent(auth::agent(self.config.agent.as_deref()).await?),
        };
        let expected = self.expected.get(&(host.address.clone(), host.port));
        let mut connection = handshake::connect(&self.config, expected, host, exec).await?;
        auth::login(&mut connection, identity, host, self.config.login_timeout).await?;
        session::start(connection, host, self.config.login_timeout).await
    }
}
