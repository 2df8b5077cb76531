//! Whether a host key is accepted on this connection.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::config::{ExpectedKey, HostKeyMode};
use super::known_hosts::{self, HostKeys, HostPublicKey, KeyJudgement, Learned};
use super::prompt::HostKeyQuestion;
use super::sanitize;
use crate::transport::{Error, ErrorKind};

/// What decides about a host key.
#[derive(Debug)]
pub(crate) struct HostKeyCheck {
    pub(crate) mode: HostKeyMode,
    pub(crate) host_keys: HostKeys,
    /// The only accepted key, if one is expected.
    pub(crate) expected: Option<ExpectedKey>,
    /// The file that a new key is added to; `None` if the user has no known_hosts file.
    pub(crate) learn_to: Option<PathBuf>,
    pub(crate) address: SocketAddr,
}

impl HostKeyCheck {
    /// Decides about a key that the host has proved to hold, and adds a new one; returns whether it was added.
    ///
    /// This may wait for the user or for a lock.
    pub(crate) fn decide(&self, shown: &HostPublicKey) -> Result<bool, Error> {
        let judgement = self.host_keys.judge(shown);
        if let Some(error) = self.host_keys.refuse(&judgement, shown) {
            return Err(error);
        }
        if let Some(expected) = self.expected.as_ref().filter(|expected| expected.fingerprint != shown.fingerprint()) {
            return Err(self.host_keys.other_host(shown, expected));
        }
        if judgement == KeyJudgement::Match {
            return Ok(false);
        }
        let unknown = || self.host_keys.unknown(shown, self.learn_to.as_deref());
        match &self.mode {
            HostKeyMode::Strict => return Err(unknown()),
            HostKeyMode::AcceptNew => {}
            HostKeyMode::Ask(ask) => {
                let question = HostKeyQuestion {
                    host: self.host_keys.name.clone(),
                    address: self.address.to_string(),
                    key_type: shown.kind().to_owned(),
                    fingerprint: shown.fingerprint(),
                };
                if !ask.about(&question) {
                    return Err(unknown());
                }
            }
        }
        let Some(file) = &self.learn_to else {
            let name = sanitize::escaped(self.host_keys.name.as_bytes(), 300);
            let message = format!("the host key of {name} cannot be added: you have no known_hosts file");
            return Err(Error::new(ErrorKind::Local, message).with_hint("name one with --known-hosts, or set HOME"));
        };
        match known_hosts::learn(file, &self.host_keys.name, shown)? {
            Learned::Added => Ok(true),
            Learned::AlreadyThere => Ok(false),
            Learned::Conflict(judgement) => Err(self.host_keys.refuse(&judgement, shown).unwrap_or_else(unknown)),
        }
    }
}
