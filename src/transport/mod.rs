//! Bytes to a host and back. Knows nothing of plans, steps or events: another transport is one more file.

use std::future::Future;
use std::time::Duration;

use crate::exit::Exit;
use crate::inventory::Host;

pub mod ssh;

/// A command for the host and the bytes for its standard input, which is closed behind them.
#[derive(Clone, Debug, Default)]
pub struct Exec {
    /// The exec string, at most 131,071 bytes (OpenSSH's limit for one argument, measured).
    pub command: Vec<u8>,
    /// Standard input; empty: closed at once.
    pub stdin: Vec<u8>,
}

/// What comes back from a command.
#[derive(Debug)]
pub enum Chunk {
    /// Bytes of its standard output.
    Stdout(Vec<u8>),
    /// Bytes of its standard error.
    Stderr(Vec<u8>),
    /// Its exit status, or the signal's name it died of. The end of output may come before or after it.
    Exit(Result<u32, String>),
    /// The command's channel is closed: nothing more will come.
    Closed,
    /// The connection is gone, for this reason; whether the command goes on is not known.
    Lost(String),
}

/// Who answered, as the key exchange proved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Algorithm of the host key, such as `ssh-ed25519`.
    pub key_type: String,
    /// `SHA256:…` as OpenSSH writes it.
    pub fingerprint: String,
    /// Whether known_hosts had it (or it has been added on this occasion).
    pub added: bool,
}

/// A live connection on which one command is running.
pub trait Session: Send {
    /// Who answered.
    fn peer(&self) -> &Peer;
    /// The next thing that the first command says. Cancel-safe.
    fn next(&mut self) -> impl Future<Output = Chunk> + Send;
    /// Runs another command on the same connection and gives what it said on standard output, at most 64 KiB of it.
    fn exec(&mut self, exec: Exec) -> impl Future<Output = Result<Vec<u8>, Error>> + Send;
    /// Ends the connection in good order.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// A way to reach hosts.
pub trait Connect: Send + Sync + 'static {
    /// Its sessions.
    type Session: Session;
    /// Connects, authenticates and starts a command, in as few round trips as the server allows.
    fn connect(&self, host: &Host, exec: &Exec) -> impl Future<Output = Result<Self::Session, Error>> + Send;
}

/// What kept a host from being reached. Every variant is one exit code's family.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Which family.
    pub kind: ErrorKind,
    /// What is wrong, a sentence's text that names the thing; bytes of the peer escaped.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Whether trying again by itself is harmless (nothing was sent, nothing was refused).
    pub retry: bool,
    /// Whether the command may have gone out, and been begun, before it came to this.
    pub may_have_begun: bool,
    /// Wait at least so long before that.
    pub retry_after: Option<Duration>,
}

impl Error {
    /// An error without a hint that is not worth another try.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, retry: false, may_have_begun: false, retry_after: None }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Marks that trying again by itself is harmless.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retry = true;
        self
    }
}

/// The families of [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// DNS, TCP, banner, key exchange, dropped before authentication.
    Unreachable,
    /// Authentication refused, or the key is unusable.
    Auth,
    /// The host key is unknown, changed or revoked.
    HostKey,
    /// The host key is good, but another one than that of the host that is meant.
    OtherHost,
    /// The channel or command was refused.
    Refused,
    /// This machine: known_hosts could not be written.
    Local,
}

impl ErrorKind {
    /// The exit code that says so.
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
