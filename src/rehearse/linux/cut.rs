//! Cutting connections on demand, in the middle of whatever they carry.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use rustix::net::{Shutdown, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The host's connections and when they are cut.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Bytes that may still go to clients before every connection is cut; `None`: no cut is planned.
    left: Option<u64>,
    /// A second descriptor of every live connection, by number.
    live: Vec<(u64, OwnedFd)>,
    next: u64,
}

impl State {
    fn cut(&mut self) {
        self.left = None;
        for (_, socket) in self.live.drain(..) {
            // One that has ended already needs no cutting.
            let _ = shutdown(&socket, Shutdown::Both);
        }
    }
}

impl Cut {
    /// Cuts every connection now, or as soon as so many more bytes went to clients.
    pub(super) fn arm(&self, after: Option<u64>) {
        let mut state = self.state();
        match after {
            None | Some(0) => state.cut(),
            Some(after) => state.left = Some(after),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection whose bytes are counted.
#[derive(Debug)]
pub(super) struct Metered {
    stream: TcpStream,
    number: u64,
    cut: Cut,
}

impl Metered {
    /// Takes a connection in.
    pub(super) fn new(stream: TcpStream, cut: Cut) -> io::Result<Self> {
        let second = rustix::io::fcntl_dupfd_cloexec(&stream, 0)?;
        let number = {
            let mut state = cut.state();
            let number = state.next;
            state.next += 1;
            state.live.push((number, second));
            number
        };
        Ok(Self { stream, number, cut })
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        self.cut.state().live.retain(|(number, _)| *number != self.number);
    }
}

impl AsyncRead for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let left = self.cut.state().left;
        let most = left.map_or(bytes.len(), |left| usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()));
        let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..most]))?;
        let mut state = self.cut.state();
        if let Some(left) = state.left {
            let left = left.saturating_sub(written as u64);
            state.left = Some(left);
            if left == 0 {
                state.cut();
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
