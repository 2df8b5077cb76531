//! A command beside the first one of a connection, whose standard input and output are streamed.
//!
//! Both directions hold a few pieces at most: who writes waits for who reads, down to the window of the channel and to the program on
//! the host. Whatever is streamed, memory does not grow with it.

use tokio::sync::mpsc;

use super::chunk::Chunk;

/// How many pieces wait in each direction.
const PIECES: usize = 4;

/// The largest piece that is worth sending at once.
pub const PIECE_BYTES: usize = 64 * 1024;

/// A command that runs beside the first one. Dropping it closes its channel.
#[derive(Debug)]
pub struct Beside {
    input: Option<mpsc::Sender<Vec<u8>>>,
    output: mpsc::Receiver<Chunk>,
    last: Option<Chunk>,
}

/// The transport's end of such a command.
#[derive(Debug)]
pub struct BesideEnds {
    /// What the command is to get on standard input; it ends there where this ends.
    pub input: mpsc::Receiver<Vec<u8>>,
    /// What the command says. Where nothing takes it any more, the command is not wanted any more.
    pub output: mpsc::Sender<Chunk>,
}

impl Beside {
    /// Both ends of a command's streams.
    pub fn new() -> (Self, BesideEnds) {
        let (to_command, input) = mpsc::channel(PIECES);
        let (output, from_command) = mpsc::channel(PIECES);
        (Self { input: Some(to_command), output: from_command, last: None }, BesideEnds { input, output })
    }

    /// Sends a piece to the command's standard input, and waits until there is room for it; false where the command takes no more.
    pub async fn send(&self, piece: Vec<u8>) -> bool {
        match &self.input {
            Some(input) => input.send(piece).await.is_ok(),
            None => false,
        }
    }

    /// Ends the command's standard input behind what was sent.
    pub fn finish(&mut self) {
        self.input = None;
    }

    /// What the command says next; after its end, that end again. Cancel-safe.
    pub async fn next(&mut self) -> Chunk {
        match &self.last {
            Some(Chunk::Closed) => return Chunk::Closed,
            Some(Chunk::Lost(why)) => return Chunk::Lost(why.clone()),
            _ => {}
        }
        let chunk = self.output.recv().await.unwrap_or_else(|| Chunk::Lost("the connection was lost".to_owned()));
        match &chunk {
            Chunk::Closed => self.last = Some(Chunk::Closed),
            Chunk::Lost(why) => self.last = Some(Chunk::Lost(why.clone())),
            _ => {}
        }
        chunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_writer_waits_for_a_slow_command_and_ends_with_it() {
        let (beside, mut ends) = Beside::new();
        for _ in 0..PIECES {
            assert!(beside.send(vec![1]).await);
        }
        {
            let mut more = Box::pin(beside.send(vec![2]));
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(more.as_mut().poll(&mut cx).is_pending());
            assert_eq!(ends.input.recv().await, Some(vec![1]));
            assert!(more.await);
        }
        drop(ends);
        assert!(!beside.send(vec![3]).await);
    }

    #[tokio::test]
    async fn the_end_of_a_command_is_repeated() {
        let (mut beside, ends) = Beside::new();
        ends.output.send(Chunk::Closed).await.expect("it is read");
        for _ in 0..2 {
            assert!(matches!(beside.next().await, Chunk::Closed));
        }
        let (mut beside, ends) = Beside::new();
        drop(ends);
        assert!(matches!(beside.next().await, Chunk::Lost(_)));
        beside.finish();
        assert!(!beside.send(Vec::new()).await);
    }
}
