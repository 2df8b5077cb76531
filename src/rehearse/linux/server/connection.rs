//! One client's connection: the requests of the SSH protocol.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use russh::keys::PublicKey;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, Pty, Sig};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::task::AbortHandle;

use super::super::shared::Shared;
use super::terminal::PseudoTerminal;
use super::{process, streams};

/// One client.
pub(super) struct Connection {
    shared: Arc<Shared>,
    client: Arc<PublicKey>,
    /// The client's address and the server's.
    addresses: (SocketAddr, SocketAddr),
    channels: HashMap<ChannelId, SessionChannel>,
    tasks: Vec<AbortHandle>,
}

/// One session channel.
#[derive(Default)]
struct SessionChannel {
    /// The channel itself, until a process runs on it.
    channel: Option<Channel<Msg>>,
    env: Vec<(String, String)>,
    terminal: Option<PseudoTerminal>,
    /// The client's end of the terminal, kept so that its size can be changed.
    master: Option<OwnedFd>,
    /// The process group that runs on it.
    group: Option<Pid>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The tasks own the pipes. A process that still writes gets SIGPIPE, one that reads sees the end, and one that
        // does neither keeps running, as under sshd.
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Connection {
    /// A client that has just connected.
    pub(super) fn new(shared: Arc<Shared>, client: Arc<PublicKey>, peer: SocketAddr, local: SocketAddr) -> Self {
        Self { shared, client, addresses: (peer, local), channels: HashMap::new(), tasks: Vec::new() }
    }

    /// Runs a command on a channel, or the login shell if there is no command.
    fn start(&mut self, id: ChannelId, line: Option<&[u8]>, session: &mut Session) -> Result<(), russh::Error> {
        let Some(open) = self.channels.get_mut(&id) else { return session.channel_failure(id) };
        let Some(channel) = open.channel.take() else { return session.channel_failure(id) };
        let spawned = process::spawn(&self.shared, self.addresses, &open.env, open.terminal.take(), line);
        let Ok(running) = spawned else { return session.channel_failure(id) };
        open.group = running.group();
        open.master = running.master().and_then(|master| rustix::io::fcntl_dupfd_cloexec(master, 0).ok());
        session.channel_success(id)?;
        self.tasks.extend(streams::connect(running, channel, session.handle()));
        Ok(())
    }

    /// Whether this user may log in with this key.
    fn judge(&self, user: &str, key: &PublicKey) -> Auth {
        let accepted = user == self.shared.login.user && key.key_data() == self.client.key_data();
        if accepted { Auth::Accept } else { Auth::reject() }
    }
}

/// A terminal size, limited to what a terminal can have.
fn size(columns: u32, rows: u32) -> (u16, u16) {
    (u16::try_from(columns).unwrap_or(u16::MAX), u16::try_from(rows).unwrap_or(u16::MAX))
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        Ok(self.judge(user, offer.public_key))
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        Ok(self.judge(user, key.public_key))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), SessionChannel { channel: Some(channel), ..SessionChannel::default() });
        reply.accept().await;
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.channels.remove(&channel);
        Ok(())
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        // The usual sshd_config accepts these.
        let accepted = name == "LANG" || name.starts_with("LC_");
        match self.channels.get_mut(&id).filter(|_| accepted && !value.contains('\0') && !name.contains(['\0', '='])) {
            Some(open) => {
                open.env.push((name.to_owned(), value.to_owned()));
                session.channel_success(id)
            }
            None => session.channel_failure(id),
        }
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        term: &str,
        columns: u32,
        rows: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        match (self.channels.get_mut(&id), PseudoTerminal::open(term, size(columns, rows))) {
            (Some(open), Ok(terminal)) => {
                open.terminal = Some(terminal);
                session.channel_success(id)
            }
            _ => session.channel_failure(id),
        }
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        columns: u32,
        rows: u32,
        _: u32,
        _: u32,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(master) = self.channels.get(&id).and_then(|open| open.master.as_ref()) {
            let (columns, rows) = size(columns, rows);
            // This fails if the shell has just ended.
            let _ = tcsetwinsize(master, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 });
        }
        Ok(())
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        self.start(id, None, session)
    }

    async fn exec_request(&mut self, id: ChannelId, line: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        self.start(id, Some(line), session)
    }

    async fn subsystem_request(&mut self, id: ChannelId, _: &str, session: &mut Session) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn signal(&mut self, id: ChannelId, signal: Sig, _: &mut Session) -> Result<(), Self::Error> {
        let signal = match signal {
            Sig::ABRT => Signal::ABORT,
            Sig::ALRM => Signal::ALARM,
            Sig::HUP => Signal::HUP,
            Sig::INT => Signal::INT,
            Sig::KILL => Signal::KILL,
            Sig::QUIT => Signal::QUIT,
            Sig::TERM => Signal::TERM,
            Sig::USR1 => Signal::USR1,
            _ => return Ok(()),
        };
        if let Some(group) = self.channels.get(&id).and_then(|open| open.group) {
            // This fails if the process has just ended.
            let _ = kill_process_group(group, signal);
        }
        Ok(())
    }
}
