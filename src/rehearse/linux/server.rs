//! The host's SSH server: lets one key in, and runs what is asked through the login shell, as sshd does.

mod command;

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{PrivateKey, PublicKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey, run_stream,
};
use russh::{Channel, ChannelId, Pty, Sig};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::task::AbortHandle;

use self::command::Terminal;
use super::cut::Metered;
use super::init::Shared;

/// The host's key and the only one that it lets in.
#[derive(Debug)]
pub(super) struct Keys {
    host: PrivateKey,
    client: PublicKey,
}

impl Keys {
    /// Reads both in OpenSSH's form.
    pub(super) fn read(host: &str, client: &str) -> Result<Self, russh::keys::ssh_key::Error> {
        Ok(Self { host: PrivateKey::from_openssh(host)?, client: PublicKey::from_openssh(client)? })
    }
}

/// Accepts connections from now on.
pub(super) fn serve(listener: TcpListener, shared: Arc<Shared>, keys: Keys) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let client = Arc::new(keys.client);
    let config = Arc::new(Config {
        keys: vec![keys.host],
        auth_rejection_time: Duration::from_millis(200),
        auth_rejection_time_initial: Some(Duration::ZERO),
        inactivity_timeout: None,
        nodelay: true,
        ..Config::default()
    });
    tokio::spawn(async move {
        loop {
            let Ok((stream, peer)) = listener.accept().await else { continue };
            let Ok(local) = stream.local_addr() else { continue };
            // Without it the answers wait for one another; the kernel may refuse, and then they do.
            let _ = stream.set_nodelay(true);
            let Ok(stream) = Metered::new(stream, shared.cut.clone()) else { continue };
            let connection = Connection {
                shared: Arc::clone(&shared),
                client: Arc::clone(&client),
                place: (peer, local),
                open: HashMap::new(),
                tasks: Vec::new(),
            };
            let config = Arc::clone(&config);
            tokio::spawn(async move {
                // A client that goes away in whatever way ends its own connection and nothing else.
                if let Ok(session) = run_stream(config, stream, connection).await {
                    let _ = session.await;
                }
            });
        }
    });
    Ok(())
}

/// One client.
struct Connection {
    shared: Arc<Shared>,
    client: Arc<PublicKey>,
    place: (SocketAddr, SocketAddr),
    open: HashMap<ChannelId, Open>,
    tasks: Vec<AbortHandle>,
}

/// One session channel.
#[derive(Default)]
struct Open {
    /// Until something runs on it.
    channel: Option<Channel<Msg>>,
    env: Vec<(String, String)>,
    terminal: Option<Terminal>,
    /// To change the size of its terminal.
    master: Option<OwnedFd>,
    /// The process group that runs on it.
    group: Option<Pid>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The pipes are closed with the tasks that feed them: what still writes gets SIGPIPE, what reads an end, and
        // what does neither lives on, as under sshd.
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Connection {
    /// Runs a command, or the login shell, on a channel.
    fn start(&mut self, id: ChannelId, line: Option<&[u8]>, session: &mut Session) -> Result<(), russh::Error> {
        let Some(open) = self.open.get_mut(&id) else { return session.channel_failure(id) };
        let Some(channel) = open.channel.take() else { return session.channel_failure(id) };
        let place = self.place;
        let spawned = command::spawn(&self.shared, place, &open.env, open.terminal.take(), line);
        let Ok(running) = spawned else { return session.channel_failure(id) };
        open.group = running.group();
        open.master = running.master().and_then(|master| rustix::io::fcntl_dupfd_cloexec(master, 0).ok());
        session.channel_success(id)?;
        self.tasks.extend(command::follow(running, channel, session.handle()));
        Ok(())
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        let known = user == self.shared.login.user && offer.public_key.key_data() == self.client.key_data();
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let known = user == self.shared.login.user && key.public_key.key_data() == self.client.key_data();
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.open.insert(channel.id(), Open { channel: Some(channel), ..Open::default() });
        reply.accept().await;
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.open.remove(&channel);
        Ok(())
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        // What the usual sshd_config accepts.
        let accepted = name == "LANG" || name.starts_with("LC_");
        match self.open.get_mut(&id).filter(|_| accepted && !value.contains('\0') && !name.contains(['\0', '='])) {
            Some(open) => {
                open.env.push((name.to_owned(), value.to_owned()));
                session.channel_success(id)
            }
            None => session.channel_failure(id),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "cut to what a terminal can have")]
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
        let size = (columns.min(u32::from(u16::MAX)) as u16, rows.min(u32::from(u16::MAX)) as u16);
        match (self.open.get_mut(&id), Terminal::open(term, size)) {
            (Some(open), Ok(terminal)) => {
                open.terminal = Some(terminal);
                session.channel_success(id)
            }
            _ => session.channel_failure(id),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "cut to what a terminal can have")]
    async fn window_change_request(
        &mut self,
        id: ChannelId,
        columns: u32,
        rows: u32,
        _: u32,
        _: u32,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(master) = self.open.get(&id).and_then(|open| open.master.as_ref()) {
            let (columns, rows) = (columns.min(u32::from(u16::MAX)) as u16, rows.min(u32::from(u16::MAX)) as u16);
            // A terminal whose shell has just ended has no size any more.
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
        if let Some(group) = self.open.get(&id).and_then(|open| open.group) {
            // It may have ended in this very moment.
            let _ = kill_process_group(group, signal);
        }
        Ok(())
    }
}
