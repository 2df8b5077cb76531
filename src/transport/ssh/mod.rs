//! SSH in this process, on russh: one connection per host; the command is sent in as few round trips as possible.
//!
//! [`Ssh`] implements [`Connect`]. A connection goes through `dial` (name lookup and TCP), `handshake` (banner, key
//! exchange and host key), `auth` (login) and the first command, which `handler` drives; the result is a `session`.
//! Every failure on the way becomes an [`Error`] with its own message.

#![expect(clippy::disallowed_methods, reason = "edge: key files, known_hosts and the network's clocks")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::{HashAlg, PrivateKey};
use tokio::sync::Mutex;

use super::{Connect, Error, ErrorKind, Exec};
use crate::inventory::Host;

mod algorithms;
mod auth;
mod config;
mod dial;
mod exec_limit;
mod facts;
mod first_command;
mod handler;
mod handshake;
mod host_key_check;
mod key;
mod known_hosts;
mod output;
mod prompt;
mod questions;
mod sanitize;
mod session;
mod socket;

#[cfg(test)]
#[path = "../../../tests/support/mod.rs"]
#[expect(dead_code, reason = "the suites use more of it")]
mod support;

pub use config::{Config, ExpectedKey, HostKeyMode};
pub use prompt::{Ask, HostKeyQuestion, NoPassphrase, Passphrase};
pub use questions::Questions;
pub use session::SshSession;

/// A key that has been loaded, or the message and hint that say why it could not be.
type Loaded = Result<Arc<PrivateKey>, (String, Option<String>)>;

/// Reaches hosts by SSH.
#[derive(Debug)]
pub struct Ssh {
    config: Config,
    /// Every key file is loaded once, so that its passphrase is asked for once, even with many hosts and reconnects.
    keys: Mutex<HashMap<PathBuf, Loaded>>,
    /// By address and port.
    expected: HashMap<(String, u16), ExpectedKey>,
}

impl Ssh {
    /// A way to reach hosts, without a connection yet.
    pub fn new(config: Config) -> Self {
        Self { config, keys: Mutex::default(), expected: HashMap::new() }
    }

    /// Where the user is asked.
    pub fn questions(&self) -> &Questions {
        &self.config.questions
    }

    /// Refuses the host if it shows any other key, even one that known_hosts lists.
    pub fn expect(&mut self, host: &Host, key: ExpectedKey) {
        self.expected.insert((host.address.clone(), host.port), key);
    }

    /// Loads a key file, and returns its type and fingerprint as `ssh-keygen -l` shows them.
    ///
    /// Callers may call this first to refuse an unusable key before anything else happens. Later calls return the result
    /// of the first one.
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
            // It may take long to derive a key from a passphrase, and longer until the user has typed it.
            let loaded = match tokio::task::spawn_blocking(move || key::load(&file, &passphrase)).await {
                Ok(loaded) => loaded
                    .and_then(|key| long_enough(key, path))
                    .map(Arc::new)
                    .map_err(|error| (error.message, error.hint)),
                Err(died) => Err((format!("the key {} cannot be loaded: {died}", sanitize::path(path)), None)),
            };
            keys.insert(path.to_owned(), loaded.clone());
            loaded
        };
        loaded.map_err(|(message, hint)| Error { hint, ..Error::new(ErrorKind::Auth, message) })
    }
}

/// Refuses a key that is too short, and warns about one that is short.
fn long_enough(key: PrivateKey, path: &Path) -> Result<PrivateKey, Error> {
    match algorithms::strength(key.public_key()) {
        algorithms::Strength::Good => {}
        algorithms::Strength::Weak(what) => tracing::warn!("the key {} {what}", sanitize::path(path)),
        algorithms::Strength::TooWeak(what) => {
            let error = Error::new(ErrorKind::Auth, format!("the key {} {what}", sanitize::path(path)));
            return Err(error.with_hint("make a new key pair (ed25519) and put its public half on the host"));
        }
    }
    Ok(key)
}

impl Connect for Ssh {
    type Session = SshSession;

    async fn connect(&self, host: &Host, exec: &Exec) -> Result<SshSession, Error> {
        // Everything that can fail without a connection comes first: newer servers count an aborted login against the
        // client's address.
        let credentials = match &host.key {
            Some(path) => auth::Credentials::Key(self.key(path).await?),
            None => auth::Credentials::Agent(auth::agent(self.config.agent.as_deref()).await?),
        };
        let expected = self.expected.get(&(host.address.clone(), host.port));
        let mut connection = handshake::connect(&self.config, expected, host, exec).await?;
        auth::login(&mut connection, credentials, host, self.config.login_timeout).await?;
        session::start(connection, host, self.config.login_timeout).await
    }
}
