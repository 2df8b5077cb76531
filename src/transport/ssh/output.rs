//! What a command says, on its way from the connection's task to whoever reads it: bounded by bytes.
//!
//! When the reader falls behind by [`ROOM`] bytes the connection's task waits, TCP holds the host back, and memory stays
//! where it is. Such a connection does not answer the server's own keepalives meanwhile. That is the better half of the
//! choice: dropping output would lose what the host said, and a connection that a server gives up on can be made again.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use crate::transport::Chunk;

/// How many bytes may wait.
pub(crate) const ROOM: usize = 8 * 1024 * 1024;

/// What a chunk costs beyond its bytes, so that a host that sends single bytes is bounded as well.
const OVERHEAD: usize = 256;

/// The connection's end.
#[derive(Debug)]
pub(crate) struct OutputSender {
    sender: mpsc::UnboundedSender<Chunk>,
    room: Arc<Semaphore>,
}

/// The reader's end.
#[derive(Debug)]
pub(crate) struct OutputReceiver {
    receiver: mpsc::UnboundedReceiver<Chunk>,
    room: Arc<Semaphore>,
    /// The last word, once it has been said: it stays the answer.
    last: Option<Last>,
}

#[derive(Clone, Debug)]
enum Last {
    Closed,
    Lost(String),
}

/// A queue.
pub(crate) fn channel() -> (OutputSender, OutputReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(ROOM));
    (OutputSender { sender, room: Arc::clone(&room) }, OutputReceiver { receiver, room, last: None })
}

/// What a chunk takes of the room; nothing for those that carry no bytes of the host.
pub(crate) fn cost(chunk: &Chunk) -> usize {
    match chunk {
        Chunk::Stdout(bytes) | Chunk::Stderr(bytes) => bytes.len().saturating_add(OVERHEAD).min(ROOM),
        Chunk::Exit(_) | Chunk::Closed | Chunk::Lost(_) => 0,
    }
}

impl OutputSender {
    /// Puts a chunk in, waiting for room; without effect when nobody reads any more.
    pub(crate) async fn put(&self, chunk: Chunk) {
        let cost = u32::try_from(cost(&chunk)).unwrap_or(u32::MAX);
        let Ok(permit) = self.room.acquire_many(cost).await else { return };
        permit.forget();
        let _ = self.sender.send(chunk);
    }
}

impl OutputReceiver {
    /// The next chunk; after the last word, that again. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Chunk {
        match &self.last {
            Some(Last::Closed) => return Chunk::Closed,
            Some(Last::Lost(why)) => return Chunk::Lost(why.clone()),
            None => {}
        }
        let chunk = match self.receiver.recv().await {
            Some(chunk) => chunk,
            // The connection's task always says how it ends; if it is gone without a word, it died.
            None => Chunk::Lost("the connection's task has died".to_owned()),
        };
        self.room.add_permits(cost(&chunk));
        match &chunk {
            Chunk::Closed => self.last = Some(Last::Closed),
            Chunk::Lost(why) => self.last = Some(Last::Lost(why.clone())),
            Chunk::Stdout(_) | Chunk::Stderr(_) | Chunk::Exit(_) => {}
        }
        chunk
    }

    /// Whether the last word has been said.
    pub(crate) fn is_over(&self) -> bool {
        self.last.is_some()
    }
}

impl Drop for OutputReceiver {
    fn drop(&mut self) {
        // Whoever waits for room must not wait for somebody who is gone.
        self.room.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_writer_waits_for_a_reader_that_falls_behind() {
        let (intake, mut outlet) = channel();
        let half = ROOM / 2;
        intake.put(Chunk::Stdout(vec![0; half])).await;
        let mut second = Box::pin(intake.put(Chunk::Stdout(vec![1; half])));
        assert!(futures_poll(second.as_mut()), "the overhead counts, so two halves do not fit");
        assert!(matches!(outlet.next().await, Chunk::Stdout(bytes) if bytes.len() == half));
        second.await;
        assert!(matches!(outlet.next().await, Chunk::Stdout(bytes) if bytes[0] == 1));
    }

    #[tokio::test]
    async fn the_last_word_stays_and_a_vanished_writer_is_a_loss() {
        let (intake, mut outlet) = channel();
        intake.put(Chunk::Closed).await;
        intake.put(Chunk::Lost("x".into())).await;
        for _ in 0..3 {
            assert!(matches!(outlet.next().await, Chunk::Closed));
        }
        let (intake, mut outlet) = channel();
        drop(intake);
        for _ in 0..2 {
            assert!(matches!(outlet.next().await, Chunk::Lost(_)));
        }
    }

    #[tokio::test]
    async fn a_reader_that_leaves_frees_the_writer() {
        let (intake, outlet) = channel();
        intake.put(Chunk::Stdout(vec![0; ROOM])).await;
        let mut second = Box::pin(intake.put(Chunk::Stdout(vec![1; ROOM])));
        assert!(futures_poll(second.as_mut()));
        drop(outlet);
        second.await;
    }

    /// Polls once and says whether the future still waits.
    fn futures_poll(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        future.poll(&mut cx).is_pending()
    }
}
