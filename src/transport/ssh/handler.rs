//! The callbacks of one connection: the host key is judged here, and the first command lives here.
//!
//! The first command is driven from the callbacks and not through a `Channel`, for one round trip: OpenSSH announces its
//! host keys right after login, and from that callback the channel can be opened and the command sent in one flight. The
//! server gives the first channel the number 0, which is also what russh writes for a channel that is not confirmed yet;
//! so this is for the first channel of a connection only.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use russh::client::{self, DisconnectReason, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{ChannelId, ChannelOpenFailure, Names, Sig, cipher};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::exec_limit;
use super::known_hosts::{self, HostKey, HostKeys, Judgement, Learned};
use super::output::OutputSender;
use super::prompt::HostKeyQuestion;
use super::sanitize;
use super::socket::Greeting;
use super::{ExpectedKey, HostKeyMode};
use crate::transport::{Chunk, Error, ErrorKind, Exec, Peer};

/// How much of a server's banner is kept.
const BANNER: usize = 4096;
/// How the names of those MACs end that are made over what is encrypted.
const ETM: &str = "-etm@openssh.com";

/// What ends a connection: russh's own reasons, or an error that is ready to be told.
#[derive(Debug)]
pub(crate) enum HandlerError {
    Ssh(russh::Error),
    Final(Box<Error>),
}

impl From<russh::Error> for HandlerError {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The server said goodbye with this text, escaped already.
    Disconnected(String),
    /// It broke.
    Broken(String),
    /// The server refused the key and offers no other way to log in.
    NoMethodLeft,
}

impl End {
    /// The rest of a sentence that begins with "the connection".
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Disconnected(said) if said.is_empty() => "was ended by the host without a word".to_owned(),
            Self::Disconnected(said) => format!("was ended by the host: {said}"),
            Self::Broken(why) => format!("was lost: {why}"),
            Self::NoMethodLeft => "was ended: the host offers no way to log in".to_owned(),
        }
    }
}

/// What the connection's task tells the one who connects.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Who answered.
    pub(crate) peer: Option<Peer>,
    /// What the server wanted to have shown before login, unescaped.
    pub(crate) banner: String,
    /// How the connection ended.
    pub(crate) end: Option<End>,
    /// Whether somebody has taken it upon himself to open the first channel.
    opening: bool,
}

/// The same facts for both ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedFacts(Arc<Mutex<Facts>>);

impl SharedFacts {
    /// The facts at this moment.
    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes it upon the caller to open the first channel; false where somebody else has.
    pub(crate) fn claim_opening(&self) -> bool {
        let mut facts = self.facts();
        !std::mem::replace(&mut facts.opening, true)
    }
}

/// How a host key is judged on this connection.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) mode: HostKeyMode,
    pub(crate) host_keys: HostKeys,
    /// The one key that will do.
    pub(crate) expected: Option<ExpectedKey>,
    /// Where a new key is added; none where there is no such file.
    pub(crate) learn_to: Option<PathBuf>,
    pub(crate) address: SocketAddr,
}

impl Judge {
    /// Decides about a key that the host has proved to hold, and remembers a new one; may wait for a person or a lock.
    fn decide(&self, shown: &HostKey) -> Result<bool, Error> {
        let verdict = self.host_keys.judge(shown);
        if let Some(error) = self.host_keys.refuse(&verdict, shown) {
            return Err(error);
        }
        if let Some(expected) = self.expected.as_ref().filter(|expected| expected.fingerprint != shown.fingerprint()) {
            return Err(self.host_keys.other_host(shown, expected));
        }
        if verdict == Judgement::Match {
            return Ok(false);
        }
        let unknown = || self.host_keys.unknown(shown, self.learn_to.as_deref());
        match &self.mode {
            HostKeyMode::Strict => return Err(unknown()),
            HostKeyMode::AcceptNew => {}
            HostKeyMode::Ask(ask) => {
                let question = HostKeyQuestion {
                    host: self.host_keys.name.clone(),
                    address: self.address.to_string(),
                    key_type: shown.kind().to_owned(),
                    fingerprint: shown.fingerprint(),
                };
                if !ask.about(&question) {
                    return Err(unknown());
                }
            }
        }
        let Some(file) = &self.learn_to else {
            let name = sanitize::escaped(self.host_keys.name.as_bytes(), 300);
            return Err(Error::new(
                ErrorKind::Local,
                format!("the host key of {name} cannot be added: there is no known_hosts file of yours"),
            )
            .with_hint("name one with --known-hosts, or set HOME"));
        };
        match known_hosts::learn(file, &self.host_keys.name, shown)? {
            Learned::Added => Ok(true),
            Learned::AlreadyThere => Ok(false),
            Learned::Conflict(verdict) => Err(self.host_keys.refuse(&verdict, shown).unwrap_or_else(unknown)),
        }
    }
}

/// The connection's callbacks.
pub(crate) struct Handler {
    pub(crate) shared: SharedFacts,
    pub(crate) judge: Option<Judge>,
    /// Until when the key exchange must be done; none while a person is asked.
    pub(crate) deadline: watch::Sender<Option<Instant>>,
    pub(crate) first: First,
}

/// The first command and its channel.
pub(crate) struct First {
    pub(crate) intake: OutputSender,
    /// Told once whether the command runs.
    pub(crate) started: Option<oneshot::Sender<Result<(), Error>>>,
    /// The command, until it is sent.
    pub(crate) exec: Option<Exec>,
    /// How the server introduced itself: not all take a long command.
    greeting: Greeting,
    channel: Option<ChannelId>,
    stdin: Vec<u8>,
    sent: usize,
    eof_sent: bool,
    closed: bool,
}

impl First {
    /// A command that waits for its channel.
    pub(crate) fn new(
        exec: Exec,
        greeting: Greeting,
        intake: OutputSender,
        started: oneshot::Sender<Result<(), Error>>,
    ) -> Self {
        Self {
            intake,
            started: Some(started),
            exec: Some(exec),
            greeting,
            channel: None,
            stdin: Vec::new(),
            sent: 0,
            eof_sent: false,
            closed: false,
        }
    }

    fn is(&self, channel: ChannelId) -> bool {
        self.channel == Some(channel)
    }

    fn tell(&mut self, result: Result<(), Error>) {
        if let Some(started) = self.started.take() {
            // Nobody listens any more: then the connection is being given up.
            let _ = started.send(result);
        }
    }

    /// Sends the command on its channel.
    ///
    /// An answer is asked for. It comes in the same flight as the first output and nobody waits for it alone, and
    /// without it a server that cannot run the command leaves the channel open and silent for ever.
    fn send_exec(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        self.channel = Some(channel);
        if let Some(exec) = self.exec.take() {
            let exec = exec_limit::fit(exec, self.greeting.id().as_deref());
            session.exec(channel, true, &exec.command)?;
            self.stdin = exec.stdin;
        }
        Ok(())
    }

    /// Sends as much of standard input as the server's window takes, and its end behind it.
    ///
    /// Never more than the window: what russh has to keep pending holds up everything else that is to be sent.
    fn send_stdin(&mut self, channel: ChannelId, window: u32, session: &mut Session) -> Result<(), russh::Error> {
        let room = usize::try_from(window).unwrap_or(usize::MAX);
        let end = self.stdin.len().min(self.sent.saturating_add(room));
        if end > self.sent {
            session.data(channel, self.stdin[self.sent..end].to_vec())?;
            self.sent = end;
        }
        if self.sent == self.stdin.len() && !self.eof_sent {
            self.eof_sent = true;
            self.stdin = Vec::new();
            self.sent = 0;
            session.eof(channel)?;
        }
        Ok(())
    }
}

impl client::Handler for Handler {
    type Error = HandlerError;

    async fn kex_done(&mut self, _: Option<&[u8]>, names: &Names, _: &mut Session) -> Result<(), HandlerError> {
        let (cipher, mac) = (names.cipher.as_ref(), names.server_mac.as_ref());
        if !names.strict_kex() {
            // (As with OpenSSH's client, that is no reason to refuse a server.)
            let can_be_harmed = names.cipher == cipher::CHACHA20_POLY1305 || mac.ends_with(ETM);
            tracing::info!(cipher, can_be_harmed, "the server knows no strict key exchange");
        }
        Ok(())
    }

    async fn auth_banner(&mut self, banner: &str, _session: &mut Session) -> Result<(), HandlerError> {
        tracing::info!(banner = sanitize::one_line(banner, BANNER), "the host says before login");
        let mut facts = self.shared.facts();
        if facts.banner.len() < BANNER {
            facts.banner.push_str(banner);
        }
        Ok(())
    }

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, HandlerError> {
        let blob = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => key.to_bytes().ok().and_then(HostKey::from_blob),
            // Certificates are never asked for.
            PublicKeyOrCertificate::Certificate(_) => None,
        };
        let (Some(key), Some(judge)) = (blob, self.judge.take()) else {
            return Ok(false);
        };
        let mut peer = Peer { key_type: key.kind().to_owned(), fingerprint: key.fingerprint(), added: false };
        // A person may be asked and a lock waited for: neither counts as the host's time.
        let begun = Instant::now();
        let deadline = self.deadline.send_replace(None);
        let decided = tokio::task::spawn_blocking(move || judge.decide(&key)).await;
        self.deadline.send_replace(deadline.map(|deadline| deadline + begun.elapsed()));
        match decided {
            Ok(Ok(added)) => {
                peer.added = added;
                tracing::debug!(
                    key_type = peer.key_type,
                    fingerprint = peer.fingerprint,
                    added,
                    "the host key is good"
                );
                self.shared.facts().peer = Some(peer);
                Ok(true)
            }
            Ok(Err(error)) => Err(HandlerError::Final(Box::new(error))),
            Err(died) => Err(HandlerError::Final(Box::new(Error::new(
                ErrorKind::HostKey,
                format!("the host key could not be judged: {died}"),
            )))),
        }
    }

    async fn openssh_ext_host_keys_announced(
        &mut self,
        _keys: Vec<PublicKey>,
        session: &mut Session,
    ) -> Result<(), HandlerError> {
        if self.first.exec.is_some() && self.shared.claim_opening() {
            let channel = session.channel_open_session()?;
            self.first.send_exec(channel, session)?;
            tracing::debug!("the command went out with the opening of its channel");
        }
        Ok(())
    }

    async fn channel_open_confirmation(
        &mut self,
        id: ChannelId,
        _max_packet_size: u32,
        window_size: u32,
        session: &mut Session,
    ) -> Result<(), HandlerError> {
        if self.first.channel.is_none() {
            self.first.send_exec(id, session)?;
        }
        if self.first.is(id) {
            self.first.send_stdin(id, window_size, session)?;
        }
        Ok(())
    }

    async fn channel_open_failure(
        &mut self,
        channel: ChannelId,
        reason: ChannelOpenFailure,
        description: &str,
        _language: &str,
        _session: &mut Session,
    ) -> Result<(), HandlerError> {
        if self.first.channel.is_none() || self.first.is(channel) {
            self.first.tell(Err(channel_refused(&reason, description)));
        }
        Ok(())
    }

    async fn channel_success(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), HandlerError> {
        if self.first.is(channel) {
            self.first.tell(Ok(()));
        }
        Ok(())
    }

    async fn channel_failure(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), HandlerError> {
        if self.first.is(channel) {
            self.first.tell(Err(exec_refused()));
        }
        Ok(())
    }

    async fn window_adjusted(
        &mut self,
        channel: ChannelId,
        new_size: u32,
        session: &mut Session,
    ) -> Result<(), HandlerError> {
        if self.first.is(channel) && !self.first.eof_sent {
            self.first.send_stdin(channel, new_size, session)?;
        }
        Ok(())
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], _session: &mut Session) -> Result<(), HandlerError> {
        if self.first.is(channel) {
            self.first.tell(Ok(()));
            self.first.intake.put(Chunk::Stdout(data.to_vec())).await;
        }
        Ok(())
    }

    async fn extended_data(
        &mut self,
        channel: ChannelId,
        ext: u32,
        data: &[u8],
        _session: &mut Session,
    ) -> Result<(), HandlerError> {
        // Only one kind of extended data has ever been defined: 1, standard error.
        if self.first.is(channel) && ext == 1 {
            self.first.tell(Ok(()));
            self.first.intake.put(Chunk::Stderr(data.to_vec())).await;
        }
        Ok(())
    }

    async fn exit_status(
        &mut self,
        channel: ChannelId,
        status: u32,
        _session: &mut Session,
    ) -> Result<(), HandlerError> {
        if self.first.is(channel) {
            self.first.tell(Ok(()));
            self.first.intake.put(Chunk::Exit(Ok(status))).await;
        }
        Ok(())
    }

    async fn exit_signal(
        &mut self,
        channel: ChannelId,
        signal: Sig,
        _core_dumped: bool,
        _error_message: &str,
        _lang_tag: &str,
        _session: &mut Session,
    ) -> Result<(), HandlerError> {
        if self.first.is(channel) {
            self.first.tell(Ok(()));
            self.first.intake.put(Chunk::Exit(Err(signal_name(&signal)))).await;
        }
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), HandlerError> {
        if self.first.is(channel) && !self.first.closed {
            self.first.closed = true;
            self.first.tell(Err(exec_refused()));
            self.first.intake.put(Chunk::Closed).await;
        }
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<HandlerError>) -> Result<(), HandlerError> {
        let (end, result) = match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                (End::Disconnected(sanitize::one_line(&info.message, 1000)), Ok(()))
            }
            DisconnectReason::Error(HandlerError::Ssh(russh::Error::NoAuthMethod)) => {
                (End::NoMethodLeft, Err(HandlerError::Ssh(russh::Error::NoAuthMethod)))
            }
            DisconnectReason::Error(HandlerError::Ssh(error)) => {
                (End::Broken(reason_text(&error)), Err(HandlerError::Ssh(error)))
            }
            DisconnectReason::Error(told) => (End::Broken("it was refused here".to_owned()), Err(told)),
        };
        tracing::debug!(end = end.text(), "the connection is over");
        let why = end.text();
        self.shared.facts().end = Some(end);
        if !self.first.closed {
            self.first.intake.put(Chunk::Lost(format!("the connection {why}"))).await;
        }
        result
    }
}

/// The error for a channel that the server does not open.
pub(crate) fn channel_refused(reason: &ChannelOpenFailure, description: &str) -> Error {
    let said = sanitize::one_line(description, 300);
    let said = if said.is_empty() { format!("{reason:?}") } else { said };
    Error::new(ErrorKind::Refused, format!("the host refuses to open a session: {said}"))
        .with_hint("MaxSessions in its sshd_config may be too low, or this user may only forward ports there")
}

/// The error for a command that the server does not run.
pub(crate) fn exec_refused() -> Error {
    Error::new(ErrorKind::Refused, "the host refuses to run a command").with_hint(
        "this user may be allowed something else only, such as sftp: look at sshd_config and authorized_keys there",
    )
}

/// A signal's name as the protocol writes it, without SIG in front.
fn signal_name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => sanitize::escaped(name.as_bytes(), 32),
        known => format!("{known:?}"),
    }
}

/// Why a connection broke, for a sentence.
pub(crate) fn reason_text(error: &russh::Error) -> String {
    use russh::Error as E;
    match error {
        E::IO(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => "the host closed it".to_owned(),
        E::IO(error) => error.to_string(),
        E::Disconnect | E::HUP | E::RecvError | E::SendError => "the host closed it".to_owned(),
        E::KeepaliveTimeout => "the host does not answer any more".to_owned(),
        E::PacketAuth | E::DecryptionError | E::PacketSize(_) => format!("what came was damaged on the way ({error})"),
        other => sanitize::escaped(other.to_string().as_bytes(), 1000),
    }
}
