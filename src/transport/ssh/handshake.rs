//! Banner, key exchange and host key: from a host to a connection that is proved but not logged in.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, Handle};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Preferred, SshId, cipher, compression};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::dial::{self, Dialled};
use super::handler::{self, End, First, Handler, HandlerError, Judge, SharedFacts};
use super::known_hosts::{self, HostKeys};
use super::output::{self, OutputReceiver};
use super::sanitize;
use super::socket::{Greeting, Lease, MonitoredSocket};
use super::{Config, ExpectedKey};
use crate::inventory::Host;
use crate::transport::{Error, ErrorKind, Exec};

/// How long a server that has had enough of an address is left alone.
const PENALTY: Duration = Duration::from_secs(15);

/// A connection whose host has proved who it is.
pub(crate) struct Verified {
    pub(crate) handle: Handle<Handler>,
    pub(crate) shared: SharedFacts,
    /// How the server introduced itself.
    pub(crate) server: String,
    pub(crate) round_trip: Duration,
    pub(crate) outlet: OutputReceiver,
    /// Tells once whether the first command runs.
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
    let sources = known_hosts::read_all(config.known_hosts.iter().chain(&config.known_hosts_read_only))?;
    let host_keys = HostKeys::of(&host.address, host.port, &sources);
    for place in &host_keys.known.bad {
        tracing::debug!(file = %place.path.display(), line = place.line, "a line of known_hosts cannot be read");
    }
    if let Some(first) = host_keys.known.bad.first() {
        let (file, lines) = (first.path.display(), host_keys.known.bad.len());
        tracing::warn!(%file, line = first.line, lines, "known_hosts has lines that cannot be read; they are skipped");
    }
    let settings = Arc::new(settings(config, expected, &host_keys));
    let deadline = Instant::now() + config.connect_timeout;
    let Dialled { socket, address, round_trip } = dial::dial(host, deadline).await?;

    let (wire, greeting, lease) = MonitoredSocket::new(socket, config.keepalive * 3);
    let (intake, outlet) = output::channel();
    let (tell, started) = oneshot::channel();
    let (deadline, mut limit) = watch::channel(Some(deadline));
    let shared = SharedFacts::default();
    let learn_to = config.known_hosts.first().cloned();
    let handler = Handler {
        shared: shared.clone(),
        judge: Some(Judge {
            mode: config.host_key_mode.clone(),
            host_keys,
            expected: expected.cloned(),
            learn_to,
            address,
        }),
        deadline,
        first: First::new(exec.clone(), greeting.clone(), intake, tell),
    };
    let connecting = client::connect_stream(settings, wire, handler);
    tokio::pin!(connecting);
    let outcome = loop {
        let now = *limit.borrow_and_update();
        let too_late = async {
            match now {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            outcome = &mut connecting => break Some(outcome),
            () = too_late => break None,
            Ok(()) = limit.changed() => {}
        }
    };
    let fault = match outcome {
        Some(Ok(handle)) => {
            let server = greeting.id().unwrap_or_default();
            tracing::debug!(server = sanitize::escaped(server.as_bytes(), 255), "key exchange done");
            return Ok(Verified { handle, shared, server, round_trip, outlet, started, lease });
        }
        Some(Err(fault)) => Some(fault),
        None => None,
    };
    drop(lease);
    let end = shared.facts().end.clone();
    Err(explain(host, &greeting, fault, end.as_ref(), config.connect_timeout))
}

/// The protocol's settings for one host.
fn settings(config: &Config, expected: Option<&ExpectedKey>, host_keys: &HostKeys) -> client::Config {
    client::Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-pinboot_", env!("CARGO_PKG_VERSION")))),
        nodelay: true,
        keepalive_interval: Some(config.keepalive),
        // One span of silence, then two questions without an answer: the third span ends it.
        keepalive_max: 2,
        inactivity_timeout: None,
        preferred: Preferred {
            key: Cow::Owned(host_key_algorithms(
                &host_keys.known_types(),
                expected.map(|expected| expected.key_type.as_str()),
            )),
            // By measured speed, and ChaCha20 last: it alone can be harmed where a server knows no strict key exchange
            // (docs/decisions/0013-strict-key-exchange.md).
            cipher: Cow::Borrowed(&[
                cipher::AES_128_GCM,
                cipher::AES_256_GCM,
                cipher::AES_256_CTR,
                cipher::CHACHA20_POLY1305,
            ]),
            compression: Cow::Borrowed(&[compression::NONE]),
            ..Preferred::DEFAULT
        },
        ..client::Config::default()
    }
}

/// The algorithms to ask a host key in: first those that known_hosts has a key for, as OpenSSH does, so that a host that
/// is known by one key is not asked for another; of several, the one that is expected.
fn host_key_algorithms(known: &[&str], expected: Option<&str>) -> Vec<Algorithm> {
    let ecdsa = |curve| Algorithm::Ecdsa { curve };
    let mut algorithms = vec![
        ("ssh-ed25519", Algorithm::Ed25519),
        ("ecdsa-sha2-nistp256", ecdsa(EcdsaCurve::NistP256)),
        ("ecdsa-sha2-nistp384", ecdsa(EcdsaCurve::NistP384)),
        ("ecdsa-sha2-nistp521", ecdsa(EcdsaCurve::NistP521)),
        // Never with SHA-1, which the library would offer as well.
        ("ssh-rsa", Algorithm::Rsa { hash: Some(HashAlg::Sha512) }),
        ("ssh-rsa", Algorithm::Rsa { hash: Some(HashAlg::Sha256) }),
    ];
    algorithms.sort_by_key(|(name, _)| (!known.contains(name), expected != Some(*name)));
    algorithms.into_iter().map(|(_, algorithm)| algorithm).collect()
}

/// What a connection that came to nothing before login says about itself.
fn explain(host: &Host, greeting: &Greeting, fault: Option<HandlerError>, end: Option<&End>, limit: Duration) -> Error {
    let name = sanitize::escaped(host.address.as_bytes(), 300);
    let place = format!("{name} on port {}", host.port);
    let unreachable = |message: String| Error::new(ErrorKind::Unreachable, message);
    let fault = match fault {
        Some(HandlerError::Final(error)) => return *error,
        Some(HandlerError::Ssh(error)) => Some(error),
        None => None,
    };
    let bytes = greeting.bytes();
    if greeting.id().is_none() {
        return no_banner(&place, &bytes, fault.as_ref(), limit);
    }
    match fault {
        None => unreachable(format!("the key exchange with {place} was not done in {} s", limit.as_secs()))
            .with_hint("the host or the way to it is very slow, or something in between holds packets back")
            .retryable(),
        Some(russh::Error::NoCommonAlgo { kind, ours, theirs }) => {
            let list = |names: &[String]| sanitize::one_line(&names.join(", "), 600);
            unreachable(format!(
                "{place} and pinboot have no {} in common: the host offers {}, pinboot {}",
                format!("{kind:?}").to_lowercase(),
                list(&theirs),
                list(&ours),
            ))
            .with_hint("the host's SSH server is very old, or its policy leaves too little")
        }
        // (Its host key need not be another one: the signature is over all that was said so far.)
        Some(russh::Error::WrongServerSig) => unreachable(format!(
            "{place} could not prove its host key: what it has signed is not what came here. Either the beginning of the \
             connection was changed on the way, or whoever answers does not own that key"
        ))
        .with_hint(
            "nothing was sent, and no key was added to known_hosts; somebody or something (a proxy, a middlebox) stands \
             between you and the host: try from another network",
        ),
        Some(error) => {
            let why = match end {
                Some(end) => end.text(),
                None => format!("broke: {}", handler::reason_text(&error)),
            };
            unreachable(format!("the connection to {place} {why}, during the key exchange"))
                .with_hint("the host may be overloaded or may shed new connections; wait a little")
                .retryable()
        }
    }
}

/// The error for a server that never introduced itself, by what it said instead.
fn no_banner(place: &str, bytes: &[u8], fault: Option<&russh::Error>, limit: Duration) -> Error {
    let unreachable = |message: String| Error::new(ErrorKind::Unreachable, message);
    let said = sanitize::escaped(bytes.trim_ascii(), 200);
    let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    if has(b"Exceeded MaxStartups") {
        return unreachable(format!("{place} has too many logins going on at once: it says “{said}”"))
            .with_hint("wait a little, run with fewer --forks, or raise MaxStartups in its sshd_config")
            .retryable();
    }
    if has(b"Not allowed at this time") {
        let mut error = unreachable(format!("{place} does not talk to your address for a while: it says “{said}”"))
            .with_hint("that is its penalty for failed logins before (PerSourcePenalties); wait, then run again")
            .retryable();
        error.retry_after = Some(PENALTY);
        return error;
    }
    match (bytes.is_empty(), fault) {
        (true, None) => {
            unreachable(format!("{place} accepts the connection, but sends no SSH banner in {} s", limit.as_secs()))
                .with_hint("the host is overloaded or hangs, or something else listens on this port")
        }
        (true, Some(error)) => unreachable(format!(
            "the connection to {place} ended before the SSH banner: {}",
            handler::reason_text(error)
        ))
        .with_hint(
            "the host is just starting or overloaded, or it shuts your address out after failed logins (fail2ban, \
                     PerSourcePenalties)",
        )
        .retryable(),
        (false, _) => unreachable(format!("{place} is not an SSH server: it says “{said}”"))
            .with_hint("check the port: something else listens there"),
    }
}
