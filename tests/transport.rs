//! The transport against real servers.

#[path = "ssh/keys.rs"]
mod keys;
#[path = "ssh/known_hosts.rs"]
mod known_hosts;
#[path = "ssh/login.rs"]
mod login;
#[path = "ssh/streams.rs"]
mod streams;
#[path = "ssh/unreachable.rs"]
mod unreachable;

use std::path::Path;

use crate::support::sshd::{PATIENCE, Sshd};
use pinboot::ids::HostId;
use pinboot::inventory::Host;
use pinboot::secret::Secret;
use pinboot::transport::ssh::{Config, NoPassphrase, Passphrase, Ssh, SshSession};
use pinboot::transport::{Chunk, Connect, Error, ErrorKind, Exec, Session};

/// Settings with this server's known_hosts and without a terminal.
fn config(known_hosts: &Path) -> Config {
    let mut config = Config::for_home(None, Passphrase::new(|_| Err(NoPassphrase::NoTerminal)));
    config.known_hosts = vec![known_hosts.to_owned()];
    config.known_hosts_read_only.clear();
    config
}

/// The server as a host, with the key that it accepts.
fn host(server: &Sshd) -> Host {
    Host {
        id: HostId("h".to_owned()),
        address: "127.0.0.1".to_owned(),
        port: server.port,
        user: server.user.clone(),
        key: Some(server.key()),
    }
}

fn command(text: &str) -> Exec {
    Exec { command: text.as_bytes().to_vec(), stdin: Vec::new() }
}

async fn connect(server: &Sshd, exec: &Exec) -> Result<SshSession, Error> {
    Ssh::new(config(&server.known_hosts())).connect(&host(server), exec).await
}

/// A command's complete output and its end.
#[derive(Debug, Default)]
struct Outcome {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    exit: Option<Result<u32, String>>,
    lost: Option<String>,
}

async fn outcome_of(session: &mut SshSession) -> Outcome {
    let mut outcome = Outcome::default();
    loop {
        match tokio::time::timeout(PATIENCE, session.next()).await.expect("the command writes output or ends") {
            Chunk::Stdout(bytes) => outcome.stdout.extend(bytes),
            Chunk::Stderr(bytes) => outcome.stderr.extend(bytes),
            Chunk::Exit(exit) => outcome.exit = Some(exit),
            Chunk::Closed => return outcome,
            Chunk::Lost(why) => {
                outcome.lost = Some(why);
                return outcome;
            }
        }
    }
}
