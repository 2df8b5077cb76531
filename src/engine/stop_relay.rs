//! Passing the user's stop request on to a host.

use std::time::Duration;

use tokio::time::timeout;

use super::job::{Job, StopRequest};
use crate::remote::{Stopped, stop, stopped};
use crate::secret::HostText;
use crate::transport::{Chunk, Connect, Error, ErrorKind, Session};

/// How long a stop that needs a connection of its own may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
/// More than any answer to a stop.
const MAX_ANSWER: usize = 4096;

/// Passes a request on, over the connection that follows the run; false where the host does not know the run yet.
pub(super) async fn relay<C: Connect>(connect: &C, job: &Job, session: &mut C::Session, request: StopRequest) -> bool {
    let level = match request {
        StopRequest::AfterStep => 1,
        StopRequest::Now => 2,
        StopRequest::None | StopRequest::Detach(_) => return true,
    };
    let asking = timeout(STOP_TIMEOUT, session.exec(stop(&job.identity, level))).await;
    let mut answer = asking.unwrap_or_else(|_| Err(no_answer()));
    if let Err(Error { kind: ErrorKind::Refused, message, .. }) = &answer {
        // Some hosts allow one command on a connection (MaxSessions 1).
        tracing::debug!(host = %job.host.id, "stopping over a connection of its own: {message}");
        answer = over_its_own_connection(connect, job, level).await;
    }
    match answer {
        Ok(answer) => match stopped(&answer) {
            Some(Stopped::Unknown) => return false,
            Some(Stopped::Left(left)) => {
                let left = if job.muted { String::new() } else { left.cut(&job.masker) };
                tracing::warn!(host = %job.host.id, "still alive on the host: {left}");
            }
            Some(stopped) => tracing::debug!(host = %job.host.id, "stop {level}: {stopped:?}"),
            None => {
                let said = HostText::new(answer).cut(&job.masker);
                tracing::warn!(host = %job.host.id, "the host did not understand the stop and says: {}", said.trim_end());
            }
        },
        Err(error) => tracing::warn!(host = %job.host.id, "the host could not be stopped: {}", error.message),
    }
    true
}

/// Stops over a second connection, and gives the host's answer.
async fn over_its_own_connection<C: Connect>(connect: &C, job: &Job, level: u8) -> Result<Vec<u8>, Error> {
    let stopping = async {
        let mut session = connect.connect(&job.host, &stop(&job.identity, level)).await?;
        let mut answer = Vec::new();
        while answer.len() < MAX_ANSWER {
            match session.next().await {
                Chunk::Stdout(bytes) => answer.extend(bytes),
                Chunk::Stderr(_) | Chunk::Exit(_) => {}
                Chunk::Closed => break,
                Chunk::Lost(why) => return Err(Error::new(ErrorKind::Unreachable, why)),
            }
        }
        session.close().await;
        Ok(answer)
    };
    timeout(STOP_TIMEOUT, stopping).await.unwrap_or_else(|_| Err(no_answer()))
}

fn no_answer() -> Error {
    Error::new(ErrorKind::Unreachable, format!("no answer in {} s", STOP_TIMEOUT.as_secs()))
}
