//! Login: with the key that was given and no other, or with what ssh-agent holds.

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

use super::handler::End;
use super::handshake::Verified;
use super::sanitize;
use crate::inventory::Host;
use crate::transport::{Error, ErrorKind};

/// What to log in with.
pub(crate) enum Credentials {
    /// The key from the file that was named; ssh-agent is not asked then.
    Key(Arc<PrivateKey>),
    /// Each of the keys that an agent holds.
    Agent(Agent),
}

/// An agent and the keys it holds.
pub(crate) struct Agent {
    client: AgentClient<UnixStream>,
    keys: Vec<PublicKey>,
}

/// Asks the agent behind a socket which keys it holds.
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
            AgentIdentity::Certificate { .. } => tracing::debug!("a certificate in the agent is left out"),
        }
    }
    if keys.is_empty() {
        return Err(auth(format!("no key is named and the ssh-agent at {place} holds no keys")));
    }
    Ok(Agent { client, keys })
}

/// Logs in, on this one connection and without another try.
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
        .with_hint("the host is overloaded, or its login waits for something (a name server, a directory)")
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
            // The server takes this kind of key in no good way; the agent may hold others.
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
                let over = connection.shared.facts().end.is_some();
                if over || partial_success {
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

/// Waits until a connection that may have ended has said how.
///
/// The library reports a connection that died as a refusal without methods, and it does so a little earlier than it
/// tells why.
async fn settle(connection: &mut Verified, methods: &MethodSet) {
    if methods.is_empty() && connection.shared.facts().end.is_none() {
        let ended = timeout(Duration::from_secs(1), &mut connection.handle).await.is_ok();
        let mut facts = connection.shared.facts();
        if ended && facts.end.is_none() {
            facts.end = Some(End::Broken("its task has died".to_owned()));
        }
    }
}

/// The hash that an RSA key signs with; nothing to choose for other keys.
///
/// A server that has more to say about itself sends it right behind the key exchange, so OpenSSH and dropbear are known
/// by the time that anybody asks. A server that says nothing must not cost the second that the library would wait for it:
/// then SHA-256 is chosen, which every server since 2016 knows (dropbear knows no other).
async fn hash_for(connection: &Verified, key: &PublicKey, host: &Host) -> Result<Option<HashAlg>, Error> {
    if !key.algorithm().is_rsa() {
        return Ok(None);
    }
    let known_to_tell = ["OpenSSH", "dropbear"].iter().any(|name| connection.server.contains(name));
    let patience =
        if known_to_tell { Duration::from_secs(1) } else { connection.round_trip * 2 + Duration::from_millis(100) };
    match timeout(patience, connection.handle.best_supported_rsa_hash()).await {
        Ok(Ok(Some(Some(hash)))) => Ok(Some(hash)),
        Ok(Ok(Some(None))) => Err(Error::new(
            ErrorKind::Auth,
            format!("{} accepts RSA keys only with SHA-1 signatures, which pinboot does not make", who(host)),
        )
        .with_hint("use an ed25519 key, or renew the host's SSH server")),
        // Nothing was said, or what was said has no RSA in it: a try costs a refusal at most.
        Ok(_) | Err(_) => Ok(Some(HashAlg::Sha256)),
    }
}

/// Who was to be logged in where.
fn who(host: &Host) -> String {
    let (user, address) =
        (sanitize::escaped(host.user.as_bytes(), 100), sanitize::escaped(host.address.as_bytes(), 300));
    if host.port == 22 { format!("{user}@{address}") } else { format!("{user}@{address} (port {})", host.port) }
}

/// The error for a login that came to nothing: refused, or cut short by the server.
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
    let end = facts.end.as_ref().filter(|end| **end != End::NoMethodLeft);
    if let (Some(end), true) = (end, methods.is_empty()) {
        return cut_short(end, &who, &with, &said);
    }
    let offered: Vec<String> =
        methods.iter().map(|method| sanitize::escaped(String::from(method).as_bytes(), 64)).collect();
    let offered = offered.join(", ");
    if partial {
        let message = format!("{who} accepts the login {with}, but asks for more: {offered}{said}");
        let hint = "pinboot logs in with a key alone; leave the second factor out for this user (AuthenticationMethods in sshd_config)";
        return Error::new(ErrorKind::Auth, message).with_hint(hint);
    }
    let still = if offered.is_empty() { "no other way to log in".to_owned() } else { offered };
    let message = format!("{who} refuses the login {with} (it still offers: {still}){said}");
    Error::new(ErrorKind::Auth, message).with_hint(hint(connection, host, keys, &facts.banner))
}

/// The error for a connection that the server ended in the middle of the login.
fn cut_short(end: &End, who: &str, with: &str, said: &str) -> Error {
    let message = format!("the login to {who} {with} came to nothing: the connection {}{said}", end.text());
    match end {
        End::Disconnected(why) if why.contains("Too many authentication failures") => {
            Error::new(ErrorKind::Auth, message)
                .with_hint("the agent holds more keys than the host wants to try; name the right one with --key")
        }
        // It said something before it hung up: an account that has expired, a host that lets nobody in (nologin).
        _ if !said.is_empty() => {
            let how = match end {
                End::Disconnected(_) => format!(" (the connection {})", end.text()),
                End::Broken(_) | End::NoMethodLeft => String::new(),
            };
            let message = format!("{who} is not let in {with}{said}{how}");
            Error::new(ErrorKind::Auth, message)
                .with_hint("the key was not the trouble; see what the host says about the account")
        }
        End::Disconnected(_) => {
            Error::new(ErrorKind::Auth, message).with_hint("see the host's own log: journalctl -u sshd")
        }
        End::Broken(_) | End::NoMethodLeft => Error::new(ErrorKind::Unreachable, message)
            .with_hint("the host or the way to it failed during the login; see journalctl -u sshd there"),
    }
}

fn hint(connection: &Verified, host: &Host, keys: &[PublicKey], banner: &str) -> String {
    if let Some(user) = user_to_use(banner) {
        return format!("log in as {user}: --user {user}");
    }
    let mut hint =
        "is this the key pair that the instance was started with, and is the user right? Amazon Linux and RHEL: \
                    ec2-user, Ubuntu: ubuntu, Debian: admin, Rocky: rocky, Bitnami: bitnami"
            .to_owned();
    if host.user == "root" {
        hint.push_str("; EC2 images do not let root log in");
    }
    if keys.iter().all(|key| key.algorithm().is_rsa()) && !connection.server.contains("OpenSSH") {
        let server = sanitize::escaped(connection.server.as_bytes(), 100);
        hint = format!("this server ({server}) may take no RSA keys at all: try an ed25519 key; or: {hint}");
    }
    hint.push_str("; a user whose account has expired or whose login shell does not exist is refused as well");
    hint
}

/// The user that EC2 images name when somebody tries to be root.
fn user_to_use(banner: &str) -> Option<&str> {
    let (_, rest) = banner.split_once("Please login as the user \"")?;
    let (user, _) = rest.split_once('"')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (!user.is_empty() && user.len() <= 32 && user.chars().all(plain)).then_some(user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_that_an_image_names_is_taken_only_when_it_is_a_plain_name() {
        let text = |user: &str| format!("Please login as the user \"{user}\" rather than the user \"root\".\n");
        assert_eq!(user_to_use(&text("ec2-user")), Some("ec2-user"));
        assert_eq!(user_to_use(&text("a; rm -rf ~")), None);
        assert_eq!(user_to_use("Welcome"), None);
    }

    #[test]
    fn a_login_that_is_cut_short_says_why() {
        let expired = " the host says “Your account has expired”";
        for (end, said, kind) in [
            (End::Disconnected("Too many authentication failures".into()), "", ErrorKind::Auth),
            (End::Disconnected(String::new()), "", ErrorKind::Auth),
            (End::Broken("the host closed it".into()), expired, ErrorKind::Auth),
            (End::Broken("the host closed it".into()), "", ErrorKind::Unreachable),
        ] {
            let error = cut_short(&end, "me@h", "with the key k", said);
            assert_eq!(error.kind, kind, "{error}");
            let told = if said.is_empty() { end.text() } else { said.to_owned() };
            assert!(error.message.contains(&told), "{error}");
            assert!(!error.retry, "what may count as a failed login is not repeated");
        }
    }
}
