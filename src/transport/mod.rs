//! Carries bytes to a host and back. It knows nothing of plans, steps and events, so that another transport is one more
//! file.

use std::future::Future;
use std::time::Duration;

use crate::exit::Exit;
use crate::inventory::Host;

mod advice;
mod beside;
mod chunk;
pub mod ssh;

pub use advice::{login_as, user_to_use};
pub use beside::{Beside, BesideEnds, PIECE_BYTES};
pub use chunk::Chunk;

/// What is printed instead of running a long command that a server takes over standard input only, and of which a part is missing.
pub const CUT_OFF: &str = "pinboot: the command did not arrive complete";

/// A command for the host, and its standard input, which is closed after these bytes.
#[derive(Clone, Debug, Default)]
pub struct Exec {
    /// The exec string, at most 131,071 bytes (OpenSSH's limit for one argument, measured).
    pub command: Vec<u8>,
    /// Standard input; if it is empty, it is closed at once.
    pub stdin: Vec<u8>,
}

/// The host's identity, proved by the key exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The algorithm of the host key, such as `ssh-ed25519`.
    pub key_type: String,
    /// `SHA256:…` as OpenSSH writes it.
    pub fingerprint: String,
    /// Whether this connection added it to known_hosts.
    pub added: bool,
}

/// A live connection on which one command is running.
pub trait Session: Send {
    /// The host's identity.
    fn peer(&self) -> &Peer;
    /// What the host showed before the login, as one safe line.
    fn banner(&self) -> String {
        String::new()
    }
    /// The next chunk of the first command. Cancel-safe.
    fn next(&mut self) -> impl Future<Output = Chunk> + Send;
    /// Runs another command on the same connection and returns its standard output, at most 64 KiB.
    fn exec(&mut self, exec: Exec) -> impl Future<Output = Result<Vec<u8>, Error>> + Send;
    /// Starts another command on the same connection, whose streams go beside those of the first one. Its standard input stays open
    /// behind the bytes that `exec` has.
    fn beside(&mut self, exec: Exec) -> impl Future<Output = Result<Beside, Error>> + Send {
        let _ = exec;
        std::future::ready(Err(Error::new(ErrorKind::Refused, "this transport runs one command at a time")))
    }
    /// Disconnects in an orderly way.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// A way to reach hosts.
pub trait Connect: Send + Sync + 'static {
    /// Its sessions.
    type Session: Session;
    /// Connects, authenticates and starts a command, in as few round trips as the server allows.
    fn connect(&self, host: &Host, exec: &Exec) -> impl Future<Output = Result<Self::Session, Error>> + Send;
}

/// Why a host could not be reached.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The kind, which determines the exit code.
    pub kind: ErrorKind,
    /// What is wrong, without a full stop; bytes of the host are escaped.
    pub message: String,
    /// What to do, without a full stop.
    pub hint: Option<String>,
    /// Whether an automatic retry is harmless: nothing was sent, and nothing was refused.
    pub retry: bool,
    /// Whether the command may have been sent and started.
    pub may_have_started: bool,
    /// The shortest time before a retry.
    pub retry_after: Option<Duration>,
}

impl Error {
    /// An error without a hint, that is not retried.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, retry: false, may_have_started: false, retry_after: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Marks the error as harmless to retry.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retry = true;
        self
    }
}

/// The kinds of [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// DNS, TCP, banner, key exchange, dropped before authentication.
    Unreachable,
    /// Authentication refused, or the key is unusable.
    Auth,
    /// The host key is unknown, changed or revoked.
    HostKey,
    /// The host key is accepted, but it is not the expected one.
    OtherHost,
    /// The channel or command was refused.
    Refused,
    /// This machine failed: known_hosts could not be written.
    Local,
}

impl ErrorKind {
    /// The exit code for errors of this kind.
    pub fn exit(self) -> Exit {
        match self {
            Self::Unreachable => Exit::Unreachable,
            Self::Auth => Exit::LoginRefused,
            Self::HostKey => Exit::HostKeyRefused,
            Self::Refused => Exit::HostUnfit,
            Self::OtherHost => Exit::Mismatch,
            Self::Local => Exit::LocalError,
        }
    }
}
