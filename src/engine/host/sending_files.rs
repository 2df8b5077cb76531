//! Sending files that a step on the host waits for.
//!
//! The host's side (`send.sh`) says which bytes it lacks. They go there in blocks, each behind a line that names the file and the
//! length; what cannot be read any more goes as a line that says why.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::job::LocalFiles;
use crate::engine::messages;
use crate::engine::transfer::{Transfer, TransferEnd};
use crate::ids::{RunId, StepId};
use crate::remote::{Identity, Lacking, SenderEnd, SenderWords, sender};
use crate::transport::{Beside, Chunk, PIECE_BYTES};

/// How long to wait before files are offered again.
const AGAIN: Duration = Duration::from_secs(5);
/// How much goes behind one line.
const BLOCK: u64 = 16 * 1024 * 1024;

/// The transfer of the files that a step waits for.
pub(super) fn send_files(identity: &Identity, step: StepId, files: &Arc<dyn LocalFiles>) -> Transfer {
    let (files, words, run) = (Arc::clone(files), SenderWords::new(&identity.nonce), identity.run.clone());
    Transfer {
        exec: sender(identity, step),
        work: Box::new(move |beside| Box::pin(async move { Sending { beside, words, files, run }.all().await })),
    }
}

/// A transfer that is on its way.
struct Sending {
    beside: Beside,
    words: SenderWords,
    files: Arc<dyn LocalFiles>,
    run: RunId,
}

impl Sending {
    async fn all(mut self) -> TransferEnd {
        while !self.words.are_known() {
            match self.beside.next().await {
                Chunk::Stdout(bytes) => self.words.take(&bytes),
                Chunk::Stderr(bytes) => {
                    tracing::debug!("the host says: {}", String::from_utf8_lossy(&bytes).escape_debug());
                }
                Chunk::Exit(_) => {}
                Chunk::Closed | Chunk::Lost(_) => return self.end(),
            }
        }
        if self.words.end().is_some() {
            return self.end();
        }
        let lacking = self.words.lacking();
        let missing: Vec<&Lacking> = lacking.iter().filter(|file| !self.files.has(&file.digest)).collect();
        if let Some(first) = missing.first() {
            let (message, hint) = messages::files_are_not_here(&self.run, &first.name, missing.len());
            return TransferEnd::Impossible { message, hint };
        }
        for file in &lacking {
            if !self.one(file).await {
                return TransferEnd::Later(AGAIN);
            }
        }
        self.beside.send(b"end\n".to_vec()).await;
        self.beside.finish();
        loop {
            match self.beside.next().await {
                Chunk::Stdout(bytes) => self.words.take(&bytes),
                Chunk::Stderr(_) | Chunk::Exit(_) => {}
                Chunk::Closed | Chunk::Lost(_) => return self.end(),
            }
        }
    }

    /// What the end of the host's side means.
    fn end(&self) -> TransferEnd {
        match self.words.end() {
            Some(SenderEnd::Done) => TransferEnd::Done,
            Some(SenderEnd::Again) => TransferEnd::Later(Duration::ZERO),
            Some(SenderEnd::Busy) | None => TransferEnd::Later(AGAIN),
        }
    }

    /// Sends what the host lacks of one file; false where the host takes no more.
    async fn one(&mut self, file: &Lacking) -> bool {
        let mut at = file.offset;
        let mut reader = match self.files.open(&file.digest, at) {
            Ok(reader) => reader,
            Err(why) => return self.fault(file, &why).await,
        };
        loop {
            let block = (file.size - at).min(BLOCK);
            let last = if at + block >= file.size { " last" } else { "" };
            if !self.beside.send(format!("block {} {at} {block}{last}\n", file.digest).into_bytes()).await {
                return false;
            }
            let mut left = block;
            let mut fault = None;
            while left > 0 {
                let mut piece = vec![0; usize::try_from(left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES))];
                if fault.is_none() {
                    // What was promised is sent, so that the host can read what follows.
                    fault = reader.read_exact(&mut piece).err();
                }
                left -= piece.len() as u64;
                if !self.beside.send(piece).await {
                    return false;
                }
            }
            if let Some(error) = fault {
                return self.fault(file, &messages::file_shrank(&error)).await;
            }
            at += block;
            if at >= file.size {
                return true;
            }
        }
    }

    /// Says that a file cannot be sent: the step fails.
    async fn fault(&mut self, file: &Lacking, why: &str) -> bool {
        let why: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.beside.send(format!("fault {} {why}\n", file.digest).into_bytes()).await
    }
}
