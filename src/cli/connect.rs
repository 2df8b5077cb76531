//! How the commands reach hosts: the SSH client that the flags and the environment describe.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::time::Duration;

use super::args::{ConnectArgs, HostKey};
use super::error::CommandError;
use super::files::near_file;
use super::signals::unless_signalled;
use crate::flags::Flags;
use crate::inventory::Host;
use crate::secret::Secret;
use crate::transport::Error;
use crate::transport::ssh::{Ask, Config, HostKeyMode, Passphrase, Questions, Ssh};

/// A shorter time would take every slow answer for a lost connection.
const MIN_KEEPALIVE: Duration = Duration::from_millis(100);

/// A longer time would not keep anything alive.
const MAX_KEEPALIVE: Duration = Duration::from_hours(1);

/// An SSH client as the flags describe it.
pub(super) fn connector(flags: &Flags, connect: &ConnectArgs) -> Result<Ssh, CommandError> {
    let passphrase = std::env::var("PINBOOT_KEY_PASSPHRASE").ok().map(Secret::new);
    let questions = Questions::default();
    let mut config =
        Config::for_home(std::env::home_dir().as_deref(), Passphrase::standard(passphrase, questions.clone()));
    config.questions = questions.clone();
    if let Some(file) = &flags.known_hosts {
        config.known_hosts = vec![file.clone()];
    }
    let mode = match flags.host_key.as_deref() {
        Some(name) => <HostKey as clap::ValueEnum>::from_str(name, true).map_err(CommandError::input)?,
        None if connect.yes => HostKey::AcceptNew,
        None if io::stdin().is_terminal() && io::stderr().is_terminal() => HostKey::Ask,
        None => HostKey::Strict,
    };
    config.host_key_mode = match mode {
        HostKey::Strict => HostKeyMode::Strict,
        HostKey::AcceptNew => HostKeyMode::AcceptNew,
        HostKey::Ask => HostKeyMode::Ask(Ask::terminal(questions)),
    };
    config.agent = std::env::var_os("SSH_AUTH_SOCK").map(Into::into);
    if let Some(time) = keepalive()? {
        config.keepalive = time;
    }
    Ok(Ssh::new(config))
}

/// The time that `PINBOOT_KEEPALIVE` gives, in seconds: after that much silence a host is asked whether it is there.
fn keepalive() -> Result<Option<Duration>, CommandError> {
    let Some(text) = std::env::var_os("PINBOOT_KEEPALIVE").filter(|text| !text.is_empty()) else { return Ok(None) };
    let time = text.to_str().and_then(|text| text.parse().ok()).and_then(|time| Duration::try_from_secs_f64(time).ok());
    match time {
        Some(time) if (MIN_KEEPALIVE..=MAX_KEEPALIVE).contains(&time) => Ok(Some(time)),
        _ => {
            let given = text.to_string_lossy();
            let message = format!(
                "invalid PINBOOT_KEEPALIVE `{}`: expected a number of seconds from 0.1 to 3600",
                given.escape_debug()
            );
            Err(CommandError::input(message)
                .hint("the default is 9: a silent host is given up after three times as long"))
        }
    }
}

/// Refuses keys that cannot be used, before anything else happens. The user may be asked for passphrases.
pub(super) async fn check_keys(ssh: &Ssh, hosts: impl IntoIterator<Item = &Host>) -> Result<(), CommandError> {
    let checking = async {
        for host in hosts {
            if let Some(key) = &host.key {
                let shown = ssh.load_key(Path::new(key)).await.map_err(|mut error| {
                    error.hint = near_file(key).or(error.hint);
                    error
                })?;
                tracing::debug!(host = %host.id, "key {}: {shown}", key.display());
            }
        }
        Ok::<(), Error>(())
    };
    unless_signalled(ssh.questions(), "nothing was started", checking).await
}
