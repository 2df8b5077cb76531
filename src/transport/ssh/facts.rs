//! What the connection's task finds out and the caller wants to know.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::sanitize;
use crate::transport::{Error, Peer};

/// What ends a connection: an error of russh, or one that is ready to be shown.
#[derive(Debug)]
pub(crate) enum HandlerError {
    Ssh(russh::Error),
    Final(Box<Error>),
}

impl From<russh::Error> for HandlerError {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Disconnection {
    /// The host closed it with this text, which is escaped already.
    ByHost(String),
    /// pinboot closed it, with everything done.
    ByUs,
    /// It broke, for this reason.
    Broken(String),
    /// The host refused the key and offers no other way to log in.
    NoMethodLeft,
}

impl Disconnection {
    /// The rest of a sentence that starts with "the connection".
    pub(crate) fn text(&self) -> String {
        match self {
            Self::ByHost(text) if text.is_empty() => "was closed by the host without a reason".to_owned(),
            Self::ByHost(text) => format!("was closed by the host: {text}"),
            Self::ByUs => "was closed".to_owned(),
            Self::Broken(why) => format!("was lost: {why}"),
            Self::NoMethodLeft => "was closed: the host offers no way to log in".to_owned(),
        }
    }
}

/// What the connection's task has found out.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The host's proven identity.
    pub(crate) peer: Option<Peer>,
    /// What the server wants to be shown before login, unescaped.
    pub(crate) banner: String,
    /// How the connection ended.
    pub(crate) end: Option<Disconnection>,
    /// pinboot is closing it.
    pub(crate) is_closing: bool,
    /// Whether a task has claimed opening the first channel.
    opening: bool,
}

/// The facts, shared between the connection's task and its caller.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedFacts(Arc<Mutex<Facts>>);

impl SharedFacts {
    /// The current facts.
    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims opening the first channel; false if another task has claimed it.
    pub(crate) fn claim_opening(&self) -> bool {
        let mut facts = self.facts();
        !std::mem::replace(&mut facts.opening, true)
    }
}

/// Why a connection broke, as part of a sentence.
pub(crate) fn reason_text(error: &russh::Error) -> String {
    use russh::Error as E;
    match error {
        E::IO(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => "the host closed it".to_owned(),
        E::IO(error) => error.to_string(),
        E::Disconnect | E::HUP | E::RecvError | E::SendError => "the host closed it".to_owned(),
        E::KeepaliveTimeout => "the host does not answer any more".to_owned(),
        E::PacketAuth | E::DecryptionError | E::PacketSize(_) => format!("data was damaged on the way ({error})"),
        other => sanitize::escaped(other.to_string().as_bytes(), 1000),
    }
}
