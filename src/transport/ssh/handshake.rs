//! Banner, key exchange and host key: from a host to a connection whose host is verified, before the login.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, Handle};
use russh::{Preferred, SshId, compression};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::algorithms;
use super::config::{Config, ExpectedKey};
use super::dial::{self, Dialled};
use super::facts::{Disconnection, HandlerError, SharedFacts, reason_text};
use super::first_command::FirstCommand;
use super::handler::Handler;
use super::host_key_check::HostKeyCheck;
use super::known_hosts::{self, HostKeys};
use super::output::{self, OutputReceiver};
use super::sanitize;
use super::socket::{Greeting, Lease, MonitoredSocket};
use crate::inventory::Host;
use crate::transport::{Error, ErrorKind, Exec};

/// How long to wait before the next connection to a server that rejects an address for a while.
const PENALTY: Duration = Duration::from_secs(15);

/// A connection whose host is verified.
pub(crate) struct Verified {
    pub(crate) handle: Handle<Handler>,
    pub(crate) shared: SharedFacts,
    /// How the server introduced itself.
    pub(crate) server: String,
    pub(crate) round_trip: Duration,
    pub(crate) output: OutputReceiver,
    /// Receives once whether the first command runs.
    pub(crate) started: oneshot::Receiver<Result<(), Error>>,
    pub(crate) lease: Lease,
}

/// Connects and checks the host key.
pub(crate) async fn connect(
    config: &Config,
    expected: Option<&ExpectedKey>,
    host: &Host,
    exec: &Exec,
) -> Result<Verified, Error> {
    let host_keys = listed_keys(config, host)?;
    let settings = Arc::new(settings(config, expected, &host_keys));
    let deadline = Instant::now() + config.connect_timeout;
    let Dialled { socket, address, round_trip } = dial::dial(host, deadline).await?;

    let (socket, greeting, lease) = MonitoredSocket::new(socket, config.keepalive * 3);
    let (sender, output) = output::channel();
    let (started_sender, started) = oneshot::channel();
    let (deadline, limit) = watch::channel(Some(deadline));
    let shared = SharedFacts::default();
    let handler = Handler {
        shared: shared.clone(),
        host_key_check: Some(HostKeyCheck {
            mode: config.host_key_mode.clone(),
            host_keys,
            expected: expected.cloned(),
            learn_to: config.known_hosts.first().cloned(),
            address,
        }),
        deadline,
        first: FirstCommand::new(exec.clone(), greeting.clone(), sender, started_sender),
    };
    let error = match exchange_keys(settings, socket, handler, limit).await {
        Some(Ok(handle)) => {
            let server = greeting.id().unwrap_or_default();
            tracing::debug!(server = sanitize::escaped(server.as_bytes(), 255), "key exchange done");
            return Ok(Verified { handle, shared, server, round_trip, output, started, lease });
        }
        Some(Err(HandlerError::Final(error))) => return Err(*error),
        Some(Err(HandlerError::Ssh(error))) => Some(error),
        None => None,
    };
    drop(lease);
    let end = shared.facts().end.clone();
    Err(explain(host, &greeting, error, end.as_ref(), config.connect_timeout))
}

/// Reads the known_hosts files and looks the host up; lines that cannot be read are logged.
fn listed_keys(config: &Config, host: &Host) -> Result<HostKeys, Error> {
    let files = known_hosts::read_all(config.known_hosts.iter().chain(&config.known_hosts_read_only))?;
    let host_keys = HostKeys::of(&host.address, host.port, &files);
    for place in &host_keys.listed.bad {
        tracing::debug!(file = %place.path.display(), line = place.line, "a line of known_hosts cannot be read");
    }
    if let Some(first) = host_keys.listed.bad.first() {
        let (file, lines) = (first.path.display(), host_keys.listed.bad.len());
        tracing::warn!(%file, line = first.line, lines, "known_hosts has lines that cannot be read; they are skipped");
    }
    Ok(host_keys)
}

/// Exchanges keys within a time limit that the handler can extend; `None` if the time is over.
async fn exchange_keys(
    settings: Arc<client::Config>,
    socket: MonitoredSocket<TcpStream>,
    handler: Handler,
    mut limit: watch::Receiver<Option<Instant>>,
) -> Option<Result<Handle<Handler>, HandlerError>> {
    let connecting = client::connect_stream(settings, socket, handler);
    tokio::pin!(connecting);
    loop {
        let now = *limit.borrow_and_update();
        let too_late = async {
            match now {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            outcome = &mut connecting => return Some(outcome),
            () = too_late => return None,
            Ok(()) = limit.changed() => {}
        }
    }
}

/// The protocol's settings for one host.
fn settings(config: &Config, expected: Option<&ExpectedKey>, host_keys: &HostKeys) -> client::Config {
    client::Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-pinboot_", env!("CARGO_PKG_VERSION")))),
        nodelay: true,
        keepalive_interval: Some(config.keepalive),
        // The connection ends after three spans: one of silence, then two with a question that got no answer.
        keepalive_max: 2,
        inactivity_timeout: None,
        preferred: Preferred {
            kex: Cow::Borrowed(algorithms::KEX),
            key: Cow::Owned(algorithms::of_host_keys(
                &host_keys.known_types(),
                expected.map(|expected| expected.key_type.as_str()),
            )),
            cipher: Cow::Borrowed(algorithms::CIPHERS),
            compression: Cow::Borrowed(&[compression::NONE]),
            ..Preferred::DEFAULT
        },
        ..client::Config::default()
    }
}

/// The error for a connection that failed before login; without an error of russh, the time was over.
fn explain(
    host: &Host,
    greeting: &Greeting,
    error: Option<russh::Error>,
    end: Option<&Disconnection>,
    limit: Duration,
) -> Error {
    let name = sanitize::escaped(host.address.as_bytes(), 300);
    let place = format!("{name} on port {}", host.port);
    let unreachable = |message: String| Error::new(ErrorKind::Unreachable, message);
    if greeting.id().is_none() {
        return no_banner(&place, &greeting.bytes(), error.as_ref(), limit);
    }
    match error {
        None => unreachable(format!("the key exchange with {place} did not finish in {} s", limit.as_secs()))
            .with_hint("the host or the network is very slow, or something between you and the host delays packets")
            .retryable(),
        Some(russh::Error::NoCommonAlgo { kind, ours, theirs }) => {
            let list = |names: &[String]| sanitize::one_line(&names.join(", "), 600);
            unreachable(format!(
                "{place} and pinboot have no {} in common: the host offers {}, pinboot {}",
                format!("{kind:?}").to_lowercase(),
                list(&theirs),
                list(&ours),
            ))
            .with_hint("the host's SSH server is very old, or its policy is too strict")
        }
        // The host key may be the right one: the signature covers everything that was exchanged before it.
        Some(russh::Error::WrongServerSig) => unreachable(format!(
            "{place} could not prove its host key: its signature does not match. Either the connection was changed on \
             the way, or the machine that answers does not have this key"
        ))
        .with_hint(
            "nothing was sent, and no key was added to known_hosts; a proxy, a middlebox or an attacker between you and \
             the host changes the connection: try another network",
        ),
        Some(error) => {
            let why = match end {
                Some(end) => end.text(),
                None => format!("was lost: {}", reason_text(&error)),
            };
            unreachable(format!("the connection to {place} {why}, during the key exchange"))
                .with_hint("the host may be overloaded or may reject new connections; try again later")
                .retryable()
        }
    }
}

/// The error for a server that did not send an SSH banner.
fn no_banner(place: &str, bytes: &[u8], error: Option<&russh::Error>, limit: Duration) -> Error {
    let unreachable = |message: String| Error::new(ErrorKind::Unreachable, message);
    let said = sanitize::escaped(bytes.trim_ascii(), 200);
    let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    if has(b"Exceeded MaxStartups") {
        return unreachable(format!("{place} has too many logins at once: it says “{said}”"))
            .with_hint("wait a little, run with fewer --forks, or raise MaxStartups in its sshd_config")
            .retryable();
    }
    if has(b"Not allowed at this time") {
        let mut error = unreachable(format!("{place} rejects your address for a while: it says “{said}”"))
            .with_hint("this is a penalty for earlier failed logins (PerSourcePenalties); wait, then run again")
            .retryable();
        error.retry_after = Some(PENALTY);
        return error;
    }
    match (bytes.is_empty(), error) {
        (true, None) => {
            unreachable(format!("{place} accepts the connection, but sends no SSH banner in {} s", limit.as_secs()))
                .with_hint("the host is overloaded or hangs, or this port belongs to another service")
        }
        (true, Some(error)) => {
            unreachable(format!("the connection to {place} ended before the SSH banner: {}", reason_text(error)))
                .with_hint(
                    "the host may be starting or overloaded, or it blocks your address after failed logins (fail2ban, \
                     PerSourcePenalties)",
                )
                .retryable()
        }
        (false, _) => unreachable(format!("{place} is not an SSH server: it says “{said}”"))
            .with_hint("check the port: it belongs to another service"),
    }
}
