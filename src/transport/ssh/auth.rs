//! Login: with the key file that was named, or with the keys of ssh-agent.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use russh::MethodSet;
use russh::client::AuthResult;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::facts::Disconnection;
use super::handshake::Verified;
use super::sanitize;
use crate::inventory::Host;
use crate::transport::{Error, ErrorKind, user_to_use};

/// What to log in with.
pub(crate) enum Credentials {
    /// The key from the file that was named; ssh-agent is not used.
    Key(Arc<PrivateKey>),
    /// All keys of an agent, one after the other.
    Agent(Agent),
}

/// An agent and its keys.
pub(crate) struct Agent {
    client: AgentClient<UnixStream>,
    keys: Vec<PublicKey>,
}

/// Asks the agent at a socket for its keys.
pub(crate) async fn agent(socket: Option<&Path>) -> Result<Agent, Error> {
    const NAME_A_KEY: &str = "name the .pem file with --key, or load it into the agent: ssh-add FILE";
    let auth = |message: String| Error::new(ErrorKind::Auth, message).with_hint(NAME_A_KEY);
    let Some(socket) = socket else {
        return Err(auth("no key is named and there is no ssh-agent (SSH_AUTH_SOCK is not set)".to_owned()));
    };
    let place = sanitize::path(socket);
    let asking = async {
        let mut client = AgentClient::connect_uds(socket).await?;
        let identities = client.request_identities().await?;
        Ok::<_, russh::keys::Error>((client, identities))
    };
    let (client, identities) = match timeout(Duration::from_secs(5), asking).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            let error = sanitize::escaped(error.to_string().as_bytes(), 300);
            return Err(auth(format!("no key is named and the ssh-agent at {place} does not answer: {error}")));
        }
        Err(_) => return Err(auth(format!("no key is named and the ssh-agent at {place} does not answer in 5 s"))),
    };
    let mut keys = Vec::new();
    for identity in identities {
        match identity {
            AgentIdentity::PublicKey { key, .. } => keys.push(key),
            AgentIdentity::Certificate { .. } => tracing::debug!("a certificate in the agent is not used"),
        }
    }
    if keys.is_empty() {
        return Err(auth(format!("no key is named and the ssh-agent at {place} holds no keys")));
    }
    Ok(Agent { client, keys })
}

/// Logs in on this connection, without a second attempt.
pub(crate) async fn login(
    connection: &mut Verified,
    identity: Credentials,
    host: &Host,
    limit: Duration,
) -> Result<(), Error> {
    let logging_in = async {
        match identity {
            Credentials::Key(key) => with_key(connection, key, host).await,
            Credentials::Agent(agent) => with_agent(connection, agent, host).await,
        }
    };
    match timeout(limit, logging_in).await {
        Ok(result) => result,
        Err(_) => Err(Error::new(
            ErrorKind::Unreachable,
            format!("{} answered, but did not finish the login in {} s", who(host), limit.as_secs()),
        )
        .with_hint("the host may be overloaded, or its login may wait for something, such as a name server")
        .retryable()),
    }
}

async fn with_key(connection: &mut Verified, key: Arc<PrivateKey>, host: &Host) -> Result<(), Error> {
    let public = key.public_key().clone();
    let hash = hash_for(connection, &public, host).await?;
    tracing::debug!(user = host.user, key = %public.fingerprint(HashAlg::Sha256), ?hash, "offering the key");
    let key = PrivateKeyWithHashAlg::new(key, hash);
    match connection.handle.authenticate_publickey(host.user.clone(), key).await {
        Ok(AuthResult::Success) => Ok(()),
        Ok(AuthResult::Failure { remaining_methods, partial_success }) => {
            settle(connection, &remaining_methods).await;
            Err(refused(connection, host, &[public], &remaining_methods, partial_success))
        }
        Err(_) => {
            settle(connection, &MethodSet::empty()).await;
            Err(refused(connection, host, &[public], &MethodSet::empty(), false))
        }
    }
}

async fn with_agent(connection: &mut Verified, mut agent: Agent, host: &Host) -> Result<(), Error> {
    let mut offered = Vec::new();
    let mut methods = MethodSet::empty();
    let (mut unsigned, mut unusable) = (None, None);
    for public in agent.keys {
        let hash = match hash_for(connection, &public, host).await {
            Ok(hash) => hash,
            // The server does not accept this type of key safely; the agent may have others.
            Err(error) => {
                unusable = Some(error);
                continue;
            }
        };
        offered.push(public.clone());
        let trying = connection.handle.authenticate_publickey_with(host.user.clone(), public, hash, &mut agent.client);
        match trying.await {
            Ok(AuthResult::Success) => return Ok(()),
            Ok(AuthResult::Failure { remaining_methods, partial_success }) => {
                settle(connection, &remaining_methods).await;
                let ended = connection.shared.facts().end.is_some();
                if ended || partial_success {
                    return Err(refused(connection, host, &offered, &remaining_methods, partial_success));
                }
                methods = remaining_methods;
            }
            Err(error) => unsigned = Some(sanitize::escaped(error.to_string().as_bytes(), 300)),
        }
    }
    if let (true, Some(error)) = (offered.is_empty(), unusable) {
        return Err(error);
    }
    let mut error = refused(connection, host, &offered, &methods, false);
    if let Some(why) = unsigned {
        error.message = format!("{}; the agent could not sign with one of its keys: {why}", error.message);
    }
    Err(error)
}

/// Waits until it is known how the connection ended, if it has ended.
///
/// The library reports a lost connection as a refusal without methods, a little earlier than it reports the reason.
async fn settle(connection: &mut Verified, methods: &MethodSet) {
    if methods.is_empty() && connection.shared.facts().end.is_none() {
        let ended = timeout(Duration::from_secs(1), &mut connection.handle).await.is_ok();
        let mut facts = connection.shared.facts();
        if ended && facts.end.is_none() {
            facts.end = Some(Disconnection::Broken("its task panicked".to_owned()));
        }
    }
}

/// The hash that an RSA key signs with; `None` for other keys.
///
/// OpenSSH and dropbear announce the hashes that they accept right after the key exchange. The library would wait a whole
/// second for a server that announces nothing. Such a server gets SHA-256, which every server since 2016 accepts and
/// which is the only one that dropbear accepts.
async fn hash_for(connection: &Verified, key: &PublicKey, host: &Host) -> Result<Option<HashAlg>, Error> {
    if !key.algorithm().is_rsa() {
        return Ok(None);
    }
    let announces = ["OpenSSH", "dropbear"].iter().any(|name| connection.server.contains(name));
    let patience =
        if announces { Duration::from_secs(1) } else { connection.round_trip * 2 + Duration::from_millis(100) };
    match timeout(patience, connection.handle.best_supported_rsa_hash()).await {
        Ok(Ok(Some(Some(hash)))) => Ok(Some(hash)),
        Ok(Ok(Some(None))) => Err(Error::new(
            ErrorKind::Auth,
            format!("{} accepts RSA keys only with SHA-1 signatures, which pinboot does not make", who(host)),
        )
        .with_hint("use an ed25519 key, or update the host's SSH server")),
        // Nothing was announced, or nothing about RSA. In the worst case the attempt is refused.
        Ok(_) | Err(_) => Ok(Some(HashAlg::Sha256)),
    }
}

/// The user and the host, for a message.
fn who(host: &Host) -> String {
    let (user, address) =
        (sanitize::escaped(host.user.as_bytes(), 100), sanitize::escaped(host.address.as_bytes(), 300));
    if host.port == 22 { format!("{user}@{address}") } else { format!("{user}@{address} (port {})", host.port) }
}

/// The error for a login that was refused, or during which the connection ended.
fn refused(connection: &Verified, host: &Host, keys: &[PublicKey], methods: &MethodSet, partial: bool) -> Error {
    let facts = connection.shared.facts();
    let who = who(host);
    let shown: Vec<String> =
        keys.iter().map(|key| format!("{} {}", key.algorithm().as_str(), key.fingerprint(HashAlg::Sha256))).collect();
    let with = match shown.as_slice() {
        [] => "with no key".to_owned(),
        [one] => format!("with the key {one}"),
        many => format!("with any of the {} keys of the agent ({})", many.len(), many.join(", ")),
    };
    let said = sanitize::one_line(&facts.banner, 500);
    let said = if said.is_empty() { String::new() } else { format!("; the host says “{said}”") };
    let end = facts.end.as_ref().filter(|end| **end != Disconnection::NoMethodLeft);
    if let (Some(end), true) = (end, methods.is_empty()) {
        return interrupted(end, &who, &with, &said);
    }
    let offered: Vec<String> =
        methods.iter().map(|method| sanitize::escaped(String::from(method).as_bytes(), 64)).collect();
    let offered = offered.join(", ");
    if partial {
        let message = format!("{who} accepts the login {with}, but asks for more: {offered}{said}");
        let hint = "pinboot logs in with a key only; disable the second factor for this user (AuthenticationMethods in sshd_config)";
        return Error::new(ErrorKind::Auth, message).with_hint(hint);
    }
    let still = if offered.is_empty() { "no other way to log in".to_owned() } else { offered };
    let message = format!("{who} refuses the login {with} (it still offers: {still}){said}");
    Error::new(ErrorKind::Auth, message).with_hint(hint(connection, host, keys, &facts.banner))
}

/// The error for a connection that ended during the login.
fn interrupted(end: &Disconnection, who: &str, with: &str, said: &str) -> Error {
    let message = format!("the login to {who} {with} failed: the connection {}{said}", end.text());
    match end {
        Disconnection::ByHost(why) if why.contains("Too many authentication failures") => {
            Error::new(ErrorKind::Auth, message)
                .with_hint("the agent has more keys than the host wants to try; name the right one with --key")
        }
        // The host explained itself before it closed the connection: the account has expired, or logins are disabled.
        _ if !said.is_empty() => {
            let how = match end {
                Disconnection::ByHost(_) => format!(" (the connection {})", end.text()),
                Disconnection::ByUs | Disconnection::Broken(_) | Disconnection::NoMethodLeft => String::new(),
            };
            let message = format!("{who} may not log in {with}{said}{how}");
            Error::new(ErrorKind::Auth, message)
                .with_hint("the key is not the problem; see what the host says about the account")
        }
        Disconnection::ByHost(_) => {
            Error::new(ErrorKind::Auth, message).with_hint("check the log on the host: journalctl -u sshd")
        }
        Disconnection::ByUs | Disconnection::Broken(_) | Disconnection::NoMethodLeft => {
            Error::new(ErrorKind::Unreachable, message).with_hint(
                "the host or the network failed during the login; check the log on the host: journalctl -u sshd",
            )
        }
    }
}

fn hint(connection: &Verified, host: &Host, keys: &[PublicKey], banner: &str) -> String {
    if let Some(user) = user_to_use(banner) {
        return format!("log in as {user}: --user {user}");
    }
    let mut hint =
        "check that this is the key pair of the instance, and that the user is right. Amazon Linux and RHEL: \
                    ec2-user, Ubuntu: ubuntu, Debian: admin, Rocky: rocky, Bitnami: bitnami"
            .to_owned();
    if host.user == "root" {
        hint.push_str("; EC2 images do not allow root to log in");
    }
    if keys.iter().all(|key| key.algorithm().is_rsa()) && !connection.server.contains("OpenSSH") {
        let server = sanitize::escaped(connection.server.as_bytes(), 100);
        hint = format!("this server ({server}) may accept no RSA keys: try an ed25519 key; otherwise: {hint}");
    }
    hint.push_str("; a user with an expired account or a missing login shell is refused as well");
    hint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_during_which_the_connection_ends_shows_the_reason() {
        let expired = " the host says “Your account has expired”";
        for (end, said, kind) in [
            (Disconnection::ByHost("Too many authentication failures".into()), "", ErrorKind::Auth),
            (Disconnection::ByHost(String::new()), "", ErrorKind::Auth),
            (Disconnection::Broken("the host closed it".into()), expired, ErrorKind::Auth),
            (Disconnection::Broken("the host closed it".into()), "", ErrorKind::Unreachable),
        ] {
            let error = interrupted(&end, "me@h", "with the key k", said);
            assert_eq!(error.kind, kind, "{error}");
            let reason = if said.is_empty() { end.text() } else { said.to_owned() };
            assert!(error.message.contains(&reason), "{error}");
            assert!(!error.retry, "a login that may count as failed is not repeated");
        }
    }
}
