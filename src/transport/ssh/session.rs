//! A connection on which a command runs.

use std::collections::VecDeque;
use std::time::Duration;

use russh::client::{Handle, Msg};
use russh::{Channel, ChannelMsg, Disconnect};
use tokio::time::timeout;

use super::handler::{self, Handler, SharedFacts};
use super::handshake::Verified;
use super::output::{self, OutputReceiver};
use super::sanitize;
use super::socket::Lease;
use crate::inventory::Host;
use crate::transport::{Chunk, Error, ErrorKind, Exec, Peer, Session};

/// How much of what the first command says is set aside while another command runs.
const SET_ASIDE: usize = 32 * 1024 * 1024;

/// How much of a further command's output is given.
const ANSWER: usize = 64 * 1024;

/// How long a further command's channel may stay open behind its exit: a child may hold it.
const AFTER_EXIT: Duration = Duration::from_millis(500);

/// How long an orderly end may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// A live SSH connection; dropping it cuts it.
pub struct SshSession {
    handle: Handle<Handler>,
    shared: SharedFacts,
    peer: Peer,
    outlet: OutputReceiver,
    backlog: VecDeque<Chunk>,
    lease: Lease,
}

impl std::fmt::Debug for SshSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SshSession").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// Starts the first command on a connection that is logged in.
pub(crate) async fn start(connection: Verified, host: &Host, limit: Duration) -> Result<SshSession, Error> {
    let Verified { handle, shared, server, round_trip, outlet, mut started, lease } = connection;
    let starting = async {
        // OpenSSH announces its host keys right behind the login, and from there the command has gone out already. A
        // server that does not, or not soon, gets it the plain way.
        if server.contains("OpenSSH") {
            let patience = (round_trip * 2 + Duration::from_millis(200)).min(Duration::from_secs(2));
            if let Ok(told) = timeout(patience, &mut started).await {
                return told;
            }
        }
        if shared.claim_opening() {
            // The callbacks take the channel over as soon as it is open; what this end of it hears is of no use.
            if let Err(error) = handle.channel_open_session().await
                && !matches!(error, russh::Error::ChannelOpenFailure(_))
            {
                tracing::debug!(%error, "the first channel did not open");
            }
        }
        started.await
    };
    let lost = |shared: &SharedFacts| {
        let why = shared.facts().end.as_ref().map_or_else(|| "was lost".to_owned(), handler::End::text);
        let banner = sanitize::one_line(&shared.facts().banner, 500);
        let said = if banner.is_empty() { String::new() } else { format!("; the host said “{banner}” before") };
        let name = sanitize::escaped(host.address.as_bytes(), 300);
        let message = format!("the connection to {name} {why}, after the login and before the command answered{said}");
        let hint =
            "see the host's own log: journalctl -u sshd; the account may have expired or logins may be shut (nologin)";
        Error { may_have_begun: true, ..Error::new(ErrorKind::Unreachable, message).with_hint(hint) }
    };
    match timeout(limit, starting).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => return Err(error),
        Ok(Err(_)) => return Err(lost(&shared)),
        Err(_) => {
            let name = sanitize::escaped(host.address.as_bytes(), 300);
            let message = format!(
                "{name} logged {} in, but did not begin the command in {} s",
                sanitize::escaped(host.user.as_bytes(), 100),
                limit.as_secs()
            );
            return Err(Error::new(ErrorKind::Unreachable, message).with_hint("the host is overloaded or hangs"));
        }
    }
    let Some(peer) = shared.facts().peer.clone() else {
        return Err(lost(&shared));
    };
    Ok(SshSession { handle, shared, peer, outlet, backlog: VecDeque::new(), lease })
}

impl Session for SshSession {
    fn peer(&self) -> &Peer {
        &self.peer
    }

    async fn next(&mut self) -> Chunk {
        match self.backlog.pop_front() {
            Some(chunk) => chunk,
            None => self.outlet.next().await,
        }
    }

    async fn exec(&mut self, exec: Exec) -> Result<Vec<u8>, Error> {
        let Self { handle, shared, outlet, backlog, .. } = self;
        let running = run(handle, shared, exec);
        tokio::pin!(running);
        // The first command goes on talking meanwhile; were it not heard, the whole connection would stand still.
        let mut aside: usize = backlog.iter().map(output::cost).sum();
        loop {
            tokio::select! {
                answer = &mut running => return answer,
                chunk = outlet.next(), if !outlet.is_over() => {
                    aside += output::cost(&chunk);
                    backlog.push_back(chunk);
                    if aside > SET_ASIDE {
                        let message = "the first command says so much that another beside it cannot be waited for";
                        return Err(Error::new(ErrorKind::Refused, message));
                    }
                }
            }
        }
    }

    async fn close(self) {
        let Self { mut handle, outlet, lease, .. } = self;
        // Whoever waits for room in the queue would not hear the goodbye.
        drop(outlet);
        let goodbye = async {
            if handle.disconnect(Disconnect::ByApplication, "", "en").await.is_ok() {
                let _ = (&mut handle).await;
            }
        };
        if timeout(GOODBYE, goodbye).await.is_err() {
            tracing::debug!("the connection did not end in good order in time; it is cut");
        }
        drop(lease);
    }
}

/// Runs a command on a channel of its own and gathers the beginning of its output.
async fn run(handle: &Handle<Handler>, shared: &SharedFacts, exec: Exec) -> Result<Vec<u8>, Error> {
    let lost = || {
        let why = shared.facts().end.as_ref().map_or_else(|| "was lost".to_owned(), handler::End::text);
        Error::new(ErrorKind::Unreachable, format!("the connection {why}, while a command ran"))
    };
    let channel = handle.channel_open_session().await.map_err(|error| match error {
        russh::Error::ChannelOpenFailure(reason) => handler::channel_refused(&reason, ""),
        _ => lost(),
    })?;
    let (mut read, write) = Channel::<Msg>::split(channel);
    let sending = async {
        let sent = async {
            write.exec(true, exec.command).await?;
            if !exec.stdin.is_empty() {
                write.data_bytes(exec.stdin).await?;
            }
            write.eof().await
        };
        if let Err(error) = sent.await {
            // The reading end hears why.
            tracing::debug!(%error, "the command's input did not go out");
        }
        std::future::pending::<()>().await;
    };
    let receiving = async {
        let mut answer = Vec::new();
        let mut exited = false;
        loop {
            let message = if exited {
                match timeout(AFTER_EXIT, read.wait()).await {
                    Ok(message) => message,
                    Err(_) => return Ok(answer),
                }
            } else {
                read.wait().await
            };
            match message {
                Some(ChannelMsg::Data { data }) => {
                    let room = ANSWER - answer.len();
                    answer.extend_from_slice(&data[..data.len().min(room)]);
                }
                Some(ChannelMsg::ExitStatus { .. } | ChannelMsg::ExitSignal { .. }) => exited = true,
                Some(ChannelMsg::Failure) => return Err(handler::exec_refused()),
                Some(ChannelMsg::Close) => return Ok(answer),
                Some(_) => {}
                None => return Err(lost()),
            }
        }
    };
    let result = tokio::select! {
        result = receiving => result,
        () = sending => Err(lost()),
    };
    // Without effect where the channel is closed already.
    let _ = write.close().await;
    result
}
