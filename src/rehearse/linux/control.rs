//! What the command and its host tell each other: one JSON object per line over a socket pair.

use std::io::{self, BufRead, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::rehearse::changes::{ChangedPath, Used};
use crate::rehearse::world::World;

/// From the command to the host.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Always the first request: the host to become. The host's private key and the public key of the only accepted
    /// client are in OpenSSH's format.
    Start { world: Box<World>, host_key: String, client_key: String },
    /// Start a new list of changed paths.
    Mark,
    /// Which paths changed since the last mark?
    Changes,
    /// Which stand-ins were used?
    Used,
    /// Cut every connection, at once or after this many bytes towards the client.
    Cut { after: Option<u64> },
}

/// From the host to the command, one for each request.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// Done.
    Done,
    /// The host cannot be started.
    Refused { message: String, hint: Option<String> },
    /// The changed paths.
    Changes(Vec<ChangedPath>),
    /// The used stand-ins.
    Used(Used),
    /// The request failed.
    Failed(String),
}

/// Writes one message.
pub(super) fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Reads one message; `None` if the other side has ended, even in the middle of a message.
pub(super) fn receive<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    match line.last() {
        Some(b'\n') => Ok(Some(serde_json::from_slice(&line)?)),
        _ => Ok(None),
    }
}
