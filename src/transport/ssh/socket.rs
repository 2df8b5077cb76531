//! The socket under the protocol: it keeps the server's greeting, can be cut from outside, and does not wait forever for a
//! peer that accepts no data.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::Sleep;

/// How many of the server's first bytes are kept.
const KEPT: usize = 8 * 1024;

/// What the server sent before its first packet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Greeting(Arc<Mutex<Vec<u8>>>);

impl Greeting {
    /// The bytes so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The identification line, once it is complete.
    pub(crate) fn id(&self) -> Option<String> {
        identification(&self.bytes())
    }

    fn record(&self, read: &[u8]) {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // After the identification comes the key exchange, which no message shows.
        if bytes.len() < KEPT && identification(&bytes).is_none() {
            let room = KEPT - bytes.len();
            bytes.extend_from_slice(&read[..read.len().min(room)]);
        }
    }
}

/// The identification line of an SSH server; other lines may come before it.
fn identification(bytes: &[u8]) -> Option<String> {
    let (whole, _) = bytes.split_at(bytes.iter().rposition(|byte| *byte == b'\n')?);
    let line = whole.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"SSH-"))?;
    Some(String::from_utf8_lossy(line).trim_end_matches('\r').to_owned())
}

/// Holds the connection open: when it is dropped, the socket fails at once.
#[derive(Debug)]
pub(crate) struct Lease(#[expect(dead_code, reason = "only its drop has an effect")] oneshot::Sender<()>);

/// A socket with a [`Greeting`], a [`Lease`] and a time limit for writes.
#[derive(Debug)]
pub(crate) struct MonitoredSocket<S> {
    socket: S,
    greeting: Greeting,
    lease: oneshot::Receiver<()>,
    cut: bool,
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> MonitoredSocket<S> {
    /// Wraps a socket; a write that the peer does not accept within `patience` fails.
    pub(crate) fn new(socket: S, patience: Duration) -> (Self, Greeting, Lease) {
        let (sender, lease) = oneshot::channel();
        let greeting = Greeting::default();
        let socket = Self { socket, greeting: greeting.clone(), lease, cut: false, patience, stalled: None };
        (socket, greeting, Lease(sender))
    }

    fn check_lease(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.cut = self.cut || Pin::new(&mut self.lease).poll(cx).is_ready();
        if self.cut {
            Err(io::Error::new(io::ErrorKind::ConnectionAborted, "pinboot closed the connection"))
        } else {
            Ok(())
        }
    }

    /// Fails if the peer has accepted no data for too long.
    fn bounded<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.stalled = None;
            return poll;
        }
        let patience = self.patience;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        if timer.as_mut().poll(cx).is_ready() {
            self.stalled = None;
            let message = format!("the host accepted no data for {} s", patience.as_secs());
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)));
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for MonitoredSocket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check_lease(cx)?;
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.socket).poll_read(cx, buf);
        if matches!(poll, Poll::Ready(Ok(()))) {
            self.greeting.record(&buf.filled()[before..]);
        }
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for MonitoredSocket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check_lease(cx)?;
        let poll = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.bounded(cx, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn a_complete_identification_is_found_after_other_lines() {
        assert_eq!(identification(b"hello\r\nSSH-2.0-OpenSSH_9.2 x\r\n\0\0"), Some("SSH-2.0-OpenSSH_9.2 x".into()));
        assert_eq!(identification(b"SSH-2.0-Open"), None);
        assert_eq!(identification(b"HTTP/1.1 400 Bad Request\r\n\r\n"), None);
        assert_eq!(identification(b"HTTP SSH-2.0-x\n"), None);
    }

    #[tokio::test]
    async fn a_dropped_lease_ends_a_waiting_read() {
        let (near, _far) = tokio::io::duplex(64);
        let (mut socket, _, lease) = MonitoredSocket::new(near, Duration::from_secs(30));
        let reading = tokio::spawn(async move { socket.read_u8().await });
        drop(lease);
        let error = reading.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn a_peer_that_accepts_no_data_is_an_error_in_time() {
        let (near, _far) = tokio::io::duplex(16);
        let (mut socket, _, _lease) = MonitoredSocket::new(near, Duration::from_millis(50));
        let started = std::time::Instant::now();
        let error = socket.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(started.elapsed() >= Duration::from_millis(50));
    }

    #[tokio::test]
    async fn the_greeting_ends_with_the_identification() {
        let (near, mut far) = tokio::io::duplex(64);
        let (mut socket, greeting, _lease) = MonitoredSocket::new(near, Duration::from_secs(30));
        let mut buf = [0; 64];
        for piece in ["SSH-2.0-", "x_1\r\n", "secret"] {
            far.write_all(piece.as_bytes()).await.unwrap();
            assert_eq!(socket.read(&mut buf).await.unwrap(), piece.len());
        }
        assert_eq!(greeting.bytes(), b"SSH-2.0-x_1\r\n");
        assert_eq!(greeting.id().as_deref(), Some("SSH-2.0-x_1"));
    }
}
