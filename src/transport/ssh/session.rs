//! A connection on which a command runs.

use std::collections::VecDeque;
use std::time::Duration;

use russh::client::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelReadHalf, Disconnect};
use tokio::time::timeout;

use super::facts::{Disconnection, SharedFacts};
use super::first_command::{channel_refused, exec_refused};
use super::handler::Handler;
use super::handshake::Verified;
use super::output::{self, OutputReceiver};
use super::sanitize;
use super::socket::Lease;
use crate::inventory::Host;
use crate::transport::{Beside, BesideEnds, Chunk, Error, ErrorKind, Exec, Peer, Session};

/// How many bytes of the first command's output are set aside while another command runs.
const MAX_SET_ASIDE: usize = 32 * 1024 * 1024;

/// How many bytes of a further command's output are returned.
const MAX_ANSWER: usize = 64 * 1024;

/// How long a further command's channel may stay open after its exit: a child process may keep it open.
const AFTER_EXIT: Duration = Duration::from_millis(500);

/// The time limit for an orderly end.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A live SSH connection; dropping it cuts it.
pub struct SshSession {
    handle: Handle<Handler>,
    shared: SharedFacts,
    peer: Peer,
    output: OutputReceiver,
    /// Output of the first command that came while another one ran.
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
    let Verified { handle, shared, server, round_trip, output, mut started, lease } = connection;
    let starting = async {
        // OpenSSH announces its host keys right after the login, and the command is sent in that callback. Other servers
        // do not announce them, or later; then the command is sent from here.
        if server.contains("OpenSSH") {
            let patience = (round_trip * 2 + Duration::from_millis(200)).min(Duration::from_secs(2));
            if let Ok(result) = timeout(patience, &mut started).await {
                return result;
            }
        }
        if shared.claim_opening() {
            // The callbacks take the channel over as soon as it is open; the value returned here is not needed.
            if let Err(error) = handle.channel_open_session().await
                && !matches!(error, russh::Error::ChannelOpenFailure(_))
            {
                tracing::debug!(%error, "the first channel did not open");
            }
        }
        started.await
    };
    match timeout(limit, starting).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => return Err(error),
        Ok(Err(_)) => return Err(lost_before_answer(&shared, host)),
        Err(_) => {
            let name = sanitize::escaped(host.address.as_bytes(), 300);
            let message = format!(
                "{name} logged {} in, but did not start the command in {} s",
                sanitize::escaped(host.user.as_bytes(), 100),
                limit.as_secs()
            );
            return Err(Error::new(ErrorKind::Unreachable, message).with_hint("the host is overloaded or hangs"));
        }
    }
    let Some(peer) = shared.facts().peer.clone() else {
        return Err(lost_before_answer(&shared, host));
    };
    Ok(SshSession { handle, shared, peer, output, backlog: VecDeque::new(), lease })
}

/// The error for a connection that ended between the login and the command's first answer.
fn lost_before_answer(shared: &SharedFacts, host: &Host) -> Error {
    let why = how_it_ended(shared);
    let banner = sanitize::one_line(&shared.facts().banner, 500);
    let said = if banner.is_empty() { String::new() } else { format!("; before that, the host said “{banner}”") };
    let name = sanitize::escaped(host.address.as_bytes(), 300);
    let message = format!("the connection to {name} {why}, after the login and before the command answered{said}");
    let hint = "check the log on the host: journalctl -u sshd; the account may have expired, or logins may be disabled \
                (nologin)";
    Error { may_have_started: true, ..Error::new(ErrorKind::Unreachable, message).with_hint(hint) }
}

/// How the connection ended, as part of a sentence.
fn how_it_ended(shared: &SharedFacts) -> String {
    shared.facts().end.as_ref().map_or_else(|| "was lost".to_owned(), Disconnection::text)
}

impl Session for SshSession {
    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn banner(&self) -> String {
        sanitize::one_line(&self.shared.facts().banner, 500)
    }

    async fn next(&mut self) -> Chunk {
        match self.backlog.pop_front() {
            Some(chunk) => chunk,
            None => self.output.next().await,
        }
    }

    async fn exec(&mut self, exec: Exec) -> Result<Vec<u8>, Error> {
        let Self { handle, shared, output, backlog, .. } = self;
        setting_aside(run(handle, shared, exec), output, backlog).await
    }

    async fn beside(&mut self, exec: Exec) -> Result<Beside, Error> {
        let Self { handle, shared, output, backlog, .. } = self;
        let channel = setting_aside(open(handle, shared), output, backlog).await?;
        let (beside, ends) = Beside::new();
        tokio::spawn(carry(channel, exec, ends, shared.clone()));
        Ok(beside)
    }

    async fn close(self) {
        let Self { mut handle, shared, output, lease, .. } = self;
        shared.facts().is_closing = true;
        // A task that waits for room in the queue would not process the disconnection.
        drop(output);
        let disconnecting = async {
            if handle.disconnect(Disconnect::ByApplication, "", "en").await.is_ok() {
                let _ = (&mut handle).await;
            }
        };
        if timeout(DISCONNECT_TIMEOUT, disconnecting).await.is_err() {
            tracing::debug!("the connection did not end in time and is cut");
        }
        drop(lease);
    }
}

/// Waits for something that the host does beside the first command, whose output is set aside meanwhile: if it were not read, the whole
/// connection would stall.
async fn setting_aside<T>(
    working: impl Future<Output = Result<T, Error>>,
    output: &mut OutputReceiver,
    backlog: &mut VecDeque<Chunk>,
) -> Result<T, Error> {
    tokio::pin!(working);
    let mut set_aside: usize = backlog.iter().map(output::cost).sum();
    loop {
        tokio::select! {
            answer = &mut working => return answer,
            chunk = output.next(), if !output.has_ended() => {
                set_aside += output::cost(&chunk);
                backlog.push_back(chunk);
                if set_aside > MAX_SET_ASIDE {
                    let message = "the first command writes too much output to run another command beside it";
                    return Err(Error::new(ErrorKind::Refused, message));
                }
            }
        }
    }
}

/// The error of a connection that is lost while a further command runs.
fn lost_meanwhile(shared: &SharedFacts) -> Error {
    Error::new(ErrorKind::Unreachable, format!("the connection {}, while a command ran", how_it_ended(shared)))
}

/// Opens a channel for a further command.
async fn open(handle: &Handle<Handler>, shared: &SharedFacts) -> Result<Channel<Msg>, Error> {
    handle.channel_open_session().await.map_err(|error| match error {
        russh::Error::ChannelOpenFailure(reason) => channel_refused(&reason, ""),
        _ => lost_meanwhile(shared),
    })
}

/// Carries the streams of a command on a channel of its own, until that is closed or nothing wants its output any more.
async fn carry(channel: Channel<Msg>, exec: Exec, ends: BesideEnds, shared: SharedFacts) {
    let BesideEnds { mut input, output } = ends;
    let (mut read, write) = Channel::<Msg>::split(channel);
    let sending = async {
        let sent = async {
            write.exec(true, exec.command).await?;
            if !exec.stdin.is_empty() {
                write.data_bytes(exec.stdin).await?;
            }
            while let Some(piece) = input.recv().await {
                // Waits for the window of the channel.
                write.data_bytes(piece).await?;
            }
            write.eof().await
        };
        if let Err(error) = sent.await {
            // The receiving half reports the reason.
            tracing::debug!(%error, "the input of a command beside the first one could not be sent");
        }
        std::future::pending::<()>().await;
    };
    let receiving = async {
        loop {
            let chunk = match read.wait().await {
                Some(ChannelMsg::Data { data }) => Chunk::Stdout(data.to_vec()),
                Some(ChannelMsg::ExtendedData { data, ext: 1 }) => Chunk::Stderr(data.to_vec()),
                Some(ChannelMsg::ExitStatus { exit_status }) => Chunk::Exit(Ok(exit_status)),
                Some(ChannelMsg::ExitSignal { signal_name, .. }) => Chunk::Exit(Err(format!("{signal_name:?}"))),
                Some(ChannelMsg::Failure) => Chunk::Lost(exec_refused().message),
                Some(ChannelMsg::Close) => Chunk::Closed,
                Some(_) => continue,
                None => Chunk::Lost(lost_meanwhile(&shared).message),
            };
            let is_last = matches!(chunk, Chunk::Closed | Chunk::Lost(_));
            if output.send(chunk).await.is_err() || is_last {
                break;
            }
        }
    };
    tokio::select! {
        () = receiving => {}
        () = output.closed() => {}
        () = sending => {}
    }
    // This has no effect on a channel that is already closed.
    let _ = write.close().await;
}

/// Runs a command on a channel of its own and returns the beginning of its output.
async fn run(handle: &Handle<Handler>, shared: &SharedFacts, exec: Exec) -> Result<Vec<u8>, Error> {
    let channel = open(handle, shared).await?;
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
            // The receiving half reports the reason.
            tracing::debug!(%error, "the command's input could not be sent");
        }
        std::future::pending::<()>().await;
    };
    let result = tokio::select! {
        result = receive(&mut read) => result.unwrap_or_else(|| Err(lost_meanwhile(shared))),
        () = sending => Err(lost_meanwhile(shared)),
    };
    // This has no effect on a channel that is already closed.
    let _ = write.close().await;
    result
}

/// Reads a command's output until its channel is closed, or a little longer than its exit; `None` if the connection is
/// lost.
async fn receive(read: &mut ChannelReadHalf) -> Option<Result<Vec<u8>, Error>> {
    let mut answer = Vec::new();
    let mut exited = false;
    loop {
        let message = if exited {
            match timeout(AFTER_EXIT, read.wait()).await {
                Ok(message) => message,
                Err(_) => return Some(Ok(answer)),
            }
        } else {
            read.wait().await
        };
        match message? {
            ChannelMsg::Data { data } => {
                let room = MAX_ANSWER - answer.len();
                answer.extend_from_slice(&data[..data.len().min(room)]);
            }
            ChannelMsg::ExitStatus { .. } | ChannelMsg::ExitSignal { .. } => exited = true,
            ChannelMsg::Failure => return Some(Err(exec_refused())),
            ChannelMsg::Close => return Some(Ok(answer)),
            _ => {}
        }
    }
}
