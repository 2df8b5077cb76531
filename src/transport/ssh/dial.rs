//! From a name to a TCP connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::sanitize;
use crate::inventory::Host;
use crate::transport::{Error, ErrorKind};

/// What to check if nothing answers.
const SILENT: &str = "check that the security group allows port 22 from your address, that the instance is running, and that \
                      it still has this public DNS name (a stopped instance gets a new one when it starts)";

/// What to check if this machine does not reach itself.
const LOOPBACK: &str = "this is a loopback address of your own machine: check that its loopback interface is up (`ip link show \
                        lo`), and that no firewall rule drops its packets";

/// What to check if this machine has no way to the address.
const NO_ROUTE: &str = "your own machine has no network, or no route there: check its connection, and whether the address is \
                        of a kind (IPv4, IPv6) that it has";

/// A socket to a host.
#[derive(Debug)]
pub(crate) struct Dialled {
    pub(crate) socket: TcpStream,
    pub(crate) address: SocketAddr,
    /// The time of one round trip, measured by the TCP handshake.
    pub(crate) round_trip: Duration,
}

/// Tries a host's addresses one after the other before the deadline, and connects to the first one that answers.
pub(crate) async fn dial(host: &Host, deadline: Instant) -> Result<Dialled, Error> {
    let name = sanitize::escaped(host.address.as_bytes(), 300);
    let addresses = resolve(host, &name, deadline).await?;
    let mut tried = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        // Every address gets its share of the remaining time, so that a dead first one does not use it up.
        let share =
            deadline.saturating_duration_since(Instant::now()) / u32::try_from(addresses.len() - index).unwrap_or(1);
        let started = Instant::now();
        match timeout_at(started + share, TcpStream::connect(address)).await {
            Ok(Ok(socket)) => {
                let round_trip = started.elapsed();
                // Without this, each small packet waits for the answer to the one before.
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
            "check its spelling and your network; a stopped instance loses its public DNS name and gets a new one when it \
             starts",
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
    let reason = |error: &Option<io::Error>| match error {
        Some(error) if error.kind() == io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        Some(error) => plain(error),
        None => "no answer".to_owned(),
    };
    let all =
        tried.iter().map(|(address, error)| format!("{address}: {}", reason(error))).collect::<Vec<_>>().join("; ");
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
    let is_local = |error: &Option<io::Error>| {
        let kinds = [io::ErrorKind::NetworkUnreachable, io::ErrorKind::NetworkDown, io::ErrorKind::AddrNotAvailable];
        error.as_ref().is_some_and(|error| kinds.contains(&error.kind()))
    };
    if !tried.is_empty() && tried.iter().all(|(address, _)| address.ip().is_loopback()) {
        return error.with_hint(LOOPBACK);
    }
    if !tried.is_empty() && tried.iter().all(|(_, error)| is_local(error)) {
        return error.with_hint(NO_ROUTE);
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
