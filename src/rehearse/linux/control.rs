//! What the command and its host say to one another: one JSON object a line over a socket pair.

use std::io::{self, BufRead, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::rehearse::changes::{ChangedPath, Used};
use crate::rehearse::world::World;

/// From the command to the host.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// The first word: who to be. The private key is the host's own, in OpenSSH's form, as is the public one of the
    /// only client that is let in.
    BeUp { world: Box<World>, host_key: String, client_key: String },
    /// Forget what was written so far.
    Mark,
    /// What was written since the last mark?
    Changes,
    /// Which stand-ins were used?
    Used,
    /// Cut every connection, at once or after so many more bytes towards the client.
    Cut { after: Option<u64> },
}

/// From the host to the command, one for each request.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// Done.
    Done,
    /// There will be no host.
    Refused { message: String, hint: Option<String> },
    /// What was written.
    Changes(Vec<ChangedPath>),
    /// What was used.
    Used(Used),
    /// The request could not be carried out.
    Failed(String),
}

/// Writes one message.
pub(super) fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Reads one message; `None`: the other side is gone.
pub(super) fn receive<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    match line.last() {
        Some(b'\n') => Ok(Some(serde_json::from_slice(&line)?)),
        // The other side has ended, or died in the middle of a word.
        _ => Ok(None),
    }
}
