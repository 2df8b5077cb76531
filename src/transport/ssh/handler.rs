//! The callbacks of one connection: they check the host key and drive the first command.
//!
//! The first command is driven by the callbacks and not by a `Channel`, because this saves a round trip: OpenSSH announces
//! its host keys right after the login, and in that callback the channel can be opened and the command sent at once. The
//! server gives the first channel the number 0, which is also what russh writes for a channel that is not confirmed yet,
//! so this works only for the first channel of a connection.

use russh::client::{self, DisconnectReason, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{ChannelId, ChannelOpenFailure, Names, Sig, cipher};
use tokio::sync::watch;
use tokio::time::Instant;

use super::algorithms::{Strength, strength};
use super::facts::{Disconnection, HandlerError, SharedFacts, reason_text};
use super::first_command::{FirstCommand, channel_refused, exec_refused};
use super::host_key_check::HostKeyCheck;
use super::known_hosts::HostPublicKey;
use super::sanitize;
use crate::transport::{Chunk, Error, ErrorKind, Peer};

/// How much of a server's banner is kept.
const MAX_BANNER: usize = 4096;

/// How the names of encrypt-then-MAC algorithms end.
const ETM: &str = "-etm@openssh.com";

/// The connection's callbacks.
pub(crate) struct Handler {
    pub(crate) shared: SharedFacts,
    /// Taken when the host shows its key.
    pub(crate) host_key_check: Option<HostKeyCheck>,
    /// When the key exchange must be finished; `None` while the user is asked.
    pub(crate) deadline: watch::Sender<Option<Instant>>,
    pub(crate) first: FirstCommand,
}

impl client::Handler for Handler {
    type Error = HandlerError;

    async fn kex_done(&mut self, _: Option<&[u8]>, names: &Names, _: &mut Session) -> Result<(), HandlerError> {
        let (cipher, mac) = (names.cipher.as_ref(), names.server_mac.as_ref());
        if !names.strict_kex() {
            // Like OpenSSH's client, pinboot accepts such a server.
            let can_be_harmed = names.cipher == cipher::CHACHA20_POLY1305 || mac.ends_with(ETM);
            tracing::info!(cipher, can_be_harmed, "the server does not support strict key exchange");
        }
        Ok(())
    }

    async fn auth_banner(&mut self, banner: &str, _session: &mut Session) -> Result<(), HandlerError> {
        tracing::info!(banner = sanitize::one_line(banner, MAX_BANNER), "banner before login");
        let mut facts = self.shared.facts();
        if facts.banner.len() < MAX_BANNER {
            facts.banner.push_str(banner);
        }
        Ok(())
    }

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, HandlerError> {
        let blob = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => key.to_bytes().ok().and_then(HostPublicKey::from_blob),
            // Certificates are never requested.
            PublicKeyOrCertificate::Certificate(_) => None,
        };
        let (Some(key), Some(check)) = (blob, self.host_key_check.take()) else {
            return Ok(false);
        };
        if let PublicKeyOrCertificate::PublicKey { key, .. } = shown {
            match strength(key) {
                Strength::Good => {}
                Strength::Weak(what) => tracing::warn!(address = %check.address, "the host key {what}"),
                Strength::TooWeak(what) => {
                    let error = Error::new(ErrorKind::HostKey, format!("the host key of {} {what}", check.address));
                    let hint = "make another host key on the host: ssh-keygen -A; nothing was sent";
                    return Err(HandlerError::Final(Box::new(error.with_hint(hint))));
                }
            }
        }
        let mut peer = Peer { key_type: key.kind().to_owned(), fingerprint: key.fingerprint(), added: false };
        // The user's answer and the lock on known_hosts may take long; this time does not count as the host's.
        let started = Instant::now();
        let deadline = self.deadline.send_replace(None);
        let decided = tokio::task::spawn_blocking(move || check.decide(&key)).await;
        self.deadline.send_replace(deadline.map(|deadline| deadline + started.elapsed()));
        match decided {
            Ok(Ok(added)) => {
                peer.added = added;
                tracing::debug!(
                    key_type = peer.key_type,
                    fingerprint = peer.fingerprint,
                    added,
                    "the host key is accepted"
                );
                self.shared.facts().peer = Some(peer);
                Ok(true)
            }
            Ok(Err(error)) => Err(HandlerError::Final(Box::new(error))),
            Err(died) => Err(HandlerError::Final(Box::new(Error::new(
                ErrorKind::HostKey,
                format!("the host key could not be checked: {died}"),
            )))),
        }
    }

    async fn openssh_ext_host_keys_announced(
        &mut self,
        _keys: Vec<PublicKey>,
        session: &mut Session,
    ) -> Result<(), HandlerError> {
        if self.first.is_waiting() && self.shared.claim_opening() {
            let channel = session.channel_open_session()?;
            self.first.send_exec(channel, session)?;
            tracing::debug!("the command was sent together with the request for its channel");
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
        if self.first.has_no_channel() {
            self.first.send_exec(id, session)?;
        }
        if self.first.is_on(id) {
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
        if self.first.has_no_channel() || self.first.is_on(channel) {
            self.first.report(Err(channel_refused(&reason, description)));
        }
        Ok(())
    }

    async fn channel_success(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), HandlerError> {
        if self.first.is_on(channel) {
            self.first.report(Ok(()));
        }
        Ok(())
    }

    async fn channel_failure(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), HandlerError> {
        if self.first.is_on(channel) {
            self.first.report(Err(exec_refused()));
        }
        Ok(())
    }

    async fn window_adjusted(
        &mut self,
        channel: ChannelId,
        new_size: u32,
        session: &mut Session,
    ) -> Result<(), HandlerError> {
        if self.first.is_on(channel) {
            self.first.send_stdin(channel, new_size, session)?;
        }
        Ok(())
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], _session: &mut Session) -> Result<(), HandlerError> {
        if self.first.is_on(channel) {
            self.first.report(Ok(()));
            self.first.output.put(Chunk::Stdout(data.to_vec())).await;
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
        // The protocol defines only one kind of extended data: 1, standard error.
        if self.first.is_on(channel) && ext == 1 {
            self.first.report(Ok(()));
            self.first.output.put(Chunk::Stderr(data.to_vec())).await;
        }
        Ok(())
    }

    async fn exit_status(
        &mut self,
        channel: ChannelId,
        status: u32,
        _session: &mut Session,
    ) -> Result<(), HandlerError> {
        if self.first.is_on(channel) {
            self.first.report(Ok(()));
            self.first.output.put(Chunk::Exit(Ok(status))).await;
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
        if self.first.is_on(channel) {
            self.first.report(Ok(()));
            self.first.output.put(Chunk::Exit(Err(signal_name(&signal)))).await;
        }
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), HandlerError> {
        if self.first.is_on(channel) && !self.first.closed {
            self.first.closed = true;
            self.first.report(Err(exec_refused()));
            self.first.output.put(Chunk::Closed).await;
        }
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<HandlerError>) -> Result<(), HandlerError> {
        let (end, result) = match reason {
            DisconnectReason::Error(HandlerError::Ssh(_)) if self.shared.facts().is_closing => {
                (Disconnection::ByUs, Ok(()))
            }
            DisconnectReason::ReceivedDisconnect(info) => {
                (Disconnection::ByHost(sanitize::one_line(&info.message, 1000)), Ok(()))
            }
            DisconnectReason::Error(HandlerError::Ssh(russh::Error::NoAuthMethod)) => {
                (Disconnection::NoMethodLeft, Err(HandlerError::Ssh(russh::Error::NoAuthMethod)))
            }
            DisconnectReason::Error(HandlerError::Ssh(error)) => {
                (Disconnection::Broken(reason_text(&error)), Err(HandlerError::Ssh(error)))
            }
            DisconnectReason::Error(error) => {
                (Disconnection::Broken("pinboot refused the host".to_owned()), Err(error))
            }
        };
        tracing::debug!(end = end.text(), "the connection has ended");
        let why = end.text();
        self.shared.facts().end = Some(end);
        if !self.first.closed {
            self.first.output.put(Chunk::Lost(format!("the connection {why}"))).await;
        }
        result
    }
}

/// A signal's name as the protocol writes it, without the leading SIG.
fn signal_name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => sanitize::escaped(name.as_bytes(), 32),
        known => format!("{known:?}"),
    }
}
