//! The host's SSH server: it accepts one key, and runs commands through the login shell, as sshd does.

mod connection;
mod process;
mod streams;
mod terminal;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{PrivateKey, PublicKey};
use russh::server::{Config, run_stream};

use self::connection::Connection;
use super::cut::Metered;
use super::shared::Shared;

/// The host's key and the only client key that it accepts.
#[derive(Debug)]
pub(super) struct Keys {
    host: PrivateKey,
    client: PublicKey,
}

impl Keys {
    /// Reads both in OpenSSH's format.
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
            // Without it each small packet waits for the answer to the one before. A refusal only costs time.
            let _ = stream.set_nodelay(true);
            let Ok(stream) = Metered::new(stream, shared.cutter.clone()) else { continue };
            let connection = Connection::new(Arc::clone(&shared), Arc::clone(&client), peer, local);
            let config = Arc::clone(&config);
            tokio::spawn(async move {
                // An error ends this connection and nothing else.
                if let Ok(session) = run_stream(config, stream, connection).await {
                    let _ = session.await;
                }
            });
        }
    });
    Ok(())
}
