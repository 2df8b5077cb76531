//! Cuts connections on demand, in the middle of what they carry.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use rustix::net::{Shutdown, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Knows the host's connections and when to cut them.
#[derive(Clone, Debug, Default)]
pub(super) struct Cutter(Arc<Mutex<Connections>>);

#[derive(Debug, Default)]
struct Connections {
    /// Bytes that may still go to clients before every connection is cut; `None` if no cut is planned.
    left: Option<u64>,
    /// A second descriptor of every live connection, by number.
    live: Vec<(u64, OwnedFd)>,
    next: u64,
}

impl Connections {
    fn cut(&mut self) {
        self.left = None;
        for (_, socket) in self.live.drain(..) {
            // This fails if the connection has already ended.
            let _ = shutdown(&socket, Shutdown::Both);
        }
    }
}

impl Cutter {
    /// Cuts every connection now, or as soon as this many more bytes went to clients.
    pub(super) fn arm(&self, after: Option<u64>) {
        let mut connections = self.connections();
        match after {
            None | Some(0) => connections.cut(),
            Some(after) => connections.left = Some(after),
        }
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that counts the bytes towards its client.
#[derive(Debug)]
pub(super) struct Metered {
    stream: TcpStream,
    number: u64,
    cutter: Cutter,
}

impl Metered {
    /// Wraps a connection, which can be cut from now on.
    pub(super) fn new(stream: TcpStream, cutter: Cutter) -> io::Result<Self> {
        let second = rustix::io::fcntl_dupfd_cloexec(&stream, 0)?;
        let number = {
            let mut connections = cutter.connections();
            let number = connections.next;
            connections.next += 1;
            connections.live.push((number, second));
            number
        };
        Ok(Self { stream, number, cutter })
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        self.cutter.connections().live.retain(|(number, _)| *number != self.number);
    }
}

impl AsyncRead for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let left = self.cutter.connections().left;
        let most = left.map_or(bytes.len(), |left| usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()));
        let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..most]))?;
        let mut connections = self.cutter.connections();
        if let Some(left) = connections.left {
            let left = left.saturating_sub(written as u64);
            connections.left = Some(left);
            if left == 0 {
                connections.cut();
            }
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
