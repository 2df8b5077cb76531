//! From a name to a TCP connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::sanitize;
use crate::inventory::Host;
use crate::transport::{Error, ErrorKind};

/// What to look at when nothing answers.
const SILENT: &str = "does the security group let port 22 in from your address, is the instance running, and does it still \
                      have this public DNS name? (a stopped instance gets a new one at its next start)";

/// A socket to a host.
#[derive(Debug)]
pub(crate) struct Dialled {
    pub(crate) socket: TcpStream,
    pub(crate) address: SocketAddr,
    /// What one round trip took, as the TCP handshake showed it.
    pub(crate) round_trip: Duration,
}

/// Connects to the first of a host's addresses that answers, each in its turn, all before the deadline.
pub(crate) async fn dial(host: &Host, deadline: Instant) -> Result<Dialled, Error> {
    let name = sanitize::escaped(host.address.as_bytes(), 300);
    let addresses = resolve(host, &name, deadline).await?;
    let mut tried = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        // Those that are still to come get their share of the time, so that a dead first address does not take it all.
        let share =
            deadline.saturating_duration_since(Instant::now()) / u32::try_from(addresses.len() - index).unwrap_or(1);
        let begun = Instant::now();
        match timeout_at(begun + share, TcpStream::connect(address)).await {
            Ok(Ok(socket)) => {
                let round_trip = begun.elapsed();
                // Without this each small packet waits for the answer to the one before.
                if let Err(error) = socket.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY cannot be set");
                }
                tracing::debug!(%address, ?round_trip, "connected");
                return Ok(Dialled { socket, address: *address, round_trip });
            }
            Ok(Err(error)) => tried.push((*address, Some(error))),
            Err(_) => tried.push((*address, None)),
        }
    }
    Err(unreachable(&name, host.port, &tried, deadline))
}

async fn resolve(host: &Host, name: &str, deadline: Instant) -> Result<Vec<SocketAddr>, Error> {
    let unresolved = |why: &str| {
        Error::new(ErrorKind::Unreachable, format!("the name {name} cannot be resolved: {why}")).with_hint(
            "check its spelling and your network; an instance that was stopped has lost its public DNS name and gets a new \
             one at its next start",
        )
    };
    let looking = tokio::net::lookup_host((host.address.as_str(), host.port));
    let mut addresses: Vec<SocketAddr> = match timeout_at(deadline, looking).await {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(error)) => {
            let error = error.to_string();
            let why = error.strip_prefix("failed to lookup address information: ").unwrap_or(&error);
            return Err(unresolved(&sanitize::escaped(why.as_bytes(), 300)));
        }
        Err(_) => return Err(unresolved("no answer in time")),
    };
    let mut seen = Vec::new();
    addresses.retain(|address| {
        !seen.contains(address) && {
            seen.push(*address);
            true
        }
    });
    if addresses.is_empty() {
        return Err(unresolved("it has no address"));
    }
    Ok(addresses)
}

fn unreachable(name: &str, port: u16, tried: &[(SocketAddr, Option<io::Error>)], deadline: Instant) -> Error {
    let one = |error: &Option<io::Error>| match error {
        Some(error) if error.kind() == io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        Some(error) => plain(error),
        None => "no answer".to_owned(),
    };
    let all = tried.iter().map(|(address, error)| format!("{address}: {}", one(error))).collect::<Vec<_>>().join("; ");
    let refused = |error: &Option<io::Error>| {
        error.as_ref().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    };
    let error = Error::new(ErrorKind::Unreachable, format!("cannot reach {name} on port {port}: {all}"));
    if !tried.is_empty() && tried.iter().all(|(_, error)| refused(error)) {
        return error.with_hint(
            "the machine answers, but no SSH server listens on this port: an instance that has just started needs a minute; \
             otherwise check the port",
        );
    }
    tracing::debug!(late = ?Instant::now().saturating_duration_since(deadline), "nothing answered");
    error.with_hint(SILENT)
}

/// A system error without its number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}
