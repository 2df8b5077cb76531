//! The first command of a connection and its channel.

use russh::client::Session;
use russh::{ChannelId, ChannelOpenFailure};
use tokio::sync::oneshot;

use super::output::OutputSender;
use super::socket::Greeting;
use super::{exec_limit, sanitize};
use crate::transport::{Error, ErrorKind, Exec};

/// The first command and its channel.
pub(crate) struct FirstCommand {
    pub(crate) output: OutputSender,
    /// The command, until it is sent.
    exec: Option<Exec>,
    /// Receives once whether the command runs.
    started: Option<oneshot::Sender<Result<(), Error>>>,
    /// How the server introduced itself: not every server accepts a long command.
    greeting: Greeting,
    channel: Option<ChannelId>,
    stdin: Vec<u8>,
    /// How much of standard input is sent.
    sent: usize,
    eof_sent: bool,
    pub(crate) closed: bool,
}

impl FirstCommand {
    /// A command that waits for its channel.
    pub(crate) fn new(
        exec: Exec,
        greeting: Greeting,
        output: OutputSender,
        started: oneshot::Sender<Result<(), Error>>,
    ) -> Self {
        Self {
            output,
            exec: Some(exec),
            started: Some(started),
            greeting,
            channel: None,
            stdin: Vec::new(),
            sent: 0,
            eof_sent: false,
            closed: false,
        }
    }

    /// Whether the command is not sent yet.
    pub(crate) fn is_waiting(&self) -> bool {
        self.exec.is_some()
    }

    /// Whether its channel is not known yet.
    pub(crate) fn has_no_channel(&self) -> bool {
        self.channel.is_none()
    }

    /// Whether this is its channel.
    pub(crate) fn is_on(&self, channel: ChannelId) -> bool {
        self.channel == Some(channel)
    }

    /// Reports whether the command runs; only the first report counts.
    pub(crate) fn report(&mut self, result: Result<(), Error>) {
        if let Some(started) = self.started.take() {
            // If the receiver is gone, the connection is being given up.
            let _ = started.send(result);
        }
    }

    /// Sends the command on its channel.
    ///
    /// It asks for a reply: without one, a server that cannot run the command leaves the channel open and silent forever.
    /// The reply comes together with the first output, so it costs no time.
    pub(crate) fn send_exec(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        self.channel = Some(channel);
        if let Some(exec) = self.exec.take() {
            let exec = exec_limit::fit(exec, self.greeting.id().as_deref());
            session.exec(channel, true, &exec.command)?;
            self.stdin = exec.stdin;
        }
        Ok(())
    }

    /// Sends as much of standard input as the server's window allows, and its end after it.
    ///
    /// It never sends more than the window: what russh keeps pending would delay everything else that is to be sent.
    pub(crate) fn send_stdin(
        &mut self,
        channel: ChannelId,
        window: u32,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        if self.eof_sent {
            return Ok(());
        }
        let room = usize::try_from(window).unwrap_or(usize::MAX);
        let end = self.stdin.len().min(self.sent.saturating_add(room));
        if end > self.sent {
            session.data(channel, self.stdin[self.sent..end].to_vec())?;
            self.sent = end;
        }
        if self.sent == self.stdin.len() {
            self.eof_sent = true;
            self.stdin = Vec::new();
            self.sent = 0;
            session.eof(channel)?;
        }
        Ok(())
    }
}

/// The error for a channel that the server does not open.
pub(crate) fn channel_refused(reason: &ChannelOpenFailure, description: &str) -> Error {
    let text = sanitize::one_line(description, 300);
    let text = if text.is_empty() { format!("{reason:?}") } else { text };
    Error::new(ErrorKind::Refused, format!("the host refuses to open a session: {text}"))
        .with_hint("MaxSessions in its sshd_config may be too low, or this user may only forward ports there")
}

/// The error for a command that the server does not run.
pub(crate) fn exec_refused() -> Error {
    Error::new(ErrorKind::Refused, "the host refuses to run a command").with_hint(
        "this user may only be allowed something else, such as sftp: check sshd_config and authorized_keys on the host",
    )
}
