//! A command's output on its way from the connection's task to its reader: a queue that is limited by bytes.
//!
//! When the reader falls behind by [`MAX_QUEUED_BYTES`], the connection's task waits, TCP slows the host down, and memory
//! does not grow. Meanwhile the connection does not answer the server's keepalives. The alternative would be to drop
//! output, which cannot be restored; a connection that the server ends can.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use crate::transport::Chunk;

/// How many bytes may wait in the queue.
pub(crate) const MAX_QUEUED_BYTES: usize = 8 * 1024 * 1024;

/// What a chunk costs besides its bytes, so that the limit also holds for a host that sends single bytes.
const OVERHEAD: usize = 256;

/// The connection's end of the queue.
#[derive(Debug)]
pub(crate) struct OutputSender {
    sender: mpsc::UnboundedSender<Chunk>,
    room: Arc<Semaphore>,
}

/// The reader's end of the queue.
#[derive(Debug)]
pub(crate) struct OutputReceiver {
    receiver: mpsc::UnboundedReceiver<Chunk>,
    room: Arc<Semaphore>,
    /// The last chunk, once it was received; it is returned again and again.
    last: Option<Last>,
}

#[derive(Clone, Debug)]
enum Last {
    Closed,
    Lost(String),
}

/// Makes a queue.
pub(crate) fn channel() -> (OutputSender, OutputReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(MAX_QUEUED_BYTES));
    (OutputSender { sender, room: Arc::clone(&room) }, OutputReceiver { receiver, room, last: None })
}

/// How many bytes a chunk takes in the queue; 0 for chunks without bytes of the host.
pub(crate) fn cost(chunk: &Chunk) -> usize {
    match chunk {
        Chunk::Stdout(bytes) | Chunk::Stderr(bytes) => bytes.len().saturating_add(OVERHEAD).min(MAX_QUEUED_BYTES),
        Chunk::Exit(_) | Chunk::Closed | Chunk::Lost(_) => 0,
    }
}

impl OutputSender {
    /// Adds a chunk and waits until there is room for it; has no effect if the reader is gone.
    pub(crate) async fn put(&self, chunk: Chunk) {
        let cost = u32::try_from(cost(&chunk)).unwrap_or(u32::MAX);
        let Ok(permit) = self.room.acquire_many(cost).await else { return };
        permit.forget();
        let _ = self.sender.send(chunk);
    }
}

impl OutputReceiver {
    /// The next chunk; after the last one, that one again. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Chunk {
        match &self.last {
            Some(Last::Closed) => return Chunk::Closed,
            Some(Last::Lost(why)) => return Chunk::Lost(why.clone()),
            None => {}
        }
        let chunk = match self.receiver.recv().await {
            Some(chunk) => chunk,
            // The connection's task always reports how it ends, unless it panics.
            None => Chunk::Lost("the connection's task panicked".to_owned()),
        };
        self.room.add_permits(cost(&chunk));
        match &chunk {
            Chunk::Closed => self.last = Some(Last::Closed),
            Chunk::Lost(why) => self.last = Some(Last::Lost(why.clone())),
            Chunk::Stdout(_) | Chunk::Stderr(_) | Chunk::Exit(_) => {}
        }
        chunk
    }

    /// Whether the last chunk was received.
    pub(crate) fn has_ended(&self) -> bool {
        self.last.is_some()
    }
}

impl Drop for OutputReceiver {
    fn drop(&mut self) {
        // A task that waits for room must not wait for a reader that is gone.
        self.room.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_writer_waits_for_a_slow_reader() {
        let (sender, mut receiver) = channel();
        let half = MAX_QUEUED_BYTES / 2;
        sender.put(Chunk::Stdout(vec![0; half])).await;
        let mut second = Box::pin(sender.put(Chunk::Stdout(vec![1; half])));
        assert!(futures_poll(second.as_mut()), "the overhead counts, so two halves do not fit");
        assert!(matches!(receiver.next().await, Chunk::Stdout(bytes) if bytes.len() == half));
        second.await;
        assert!(matches!(receiver.next().await, Chunk::Stdout(bytes) if bytes[0] == 1));
    }

    #[tokio::test]
    async fn the_last_chunk_is_repeated_and_a_missing_writer_is_a_loss() {
        let (sender, mut receiver) = channel();
        sender.put(Chunk::Closed).await;
        sender.put(Chunk::Lost("x".into())).await;
        for _ in 0..3 {
            assert!(matches!(receiver.next().await, Chunk::Closed));
        }
        let (sender, mut receiver) = channel();
        drop(sender);
        for _ in 0..2 {
            assert!(matches!(receiver.next().await, Chunk::Lost(_)));
        }
    }

    #[tokio::test]
    async fn a_writer_does_not_wait_for_a_reader_that_is_gone() {
        let (sender, receiver) = channel();
        sender.put(Chunk::Stdout(vec![0; MAX_QUEUED_BYTES])).await;
        let mut second = Box::pin(sender.put(Chunk::Stdout(vec![1; MAX_QUEUED_BYTES])));
        assert!(futures_poll(second.as_mut()));
        drop(receiver);
        second.await;
    }

    /// Polls a future once, and returns whether it still waits.
    fn futures_poll(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        future.poll(&mut cx).is_pending()
    }
}
