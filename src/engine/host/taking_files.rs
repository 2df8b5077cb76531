//! Taking the files that a step on the host has written down.
//!
//! The host's side (`take.sh`) gives the index first. What is lacking here comes in one piece from the first byte that is lacking on, and
//! each file gets its name when it is complete. The host forgets the bytes when all of that is on the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::engine::messages;
use crate::engine::transfer::{Transfer, TransferEnd};
use crate::exit::Exit;
use crate::ids::StepId;
use crate::kinds::Takes;
use crate::remote::{Identity, Offer, TakerWord, taker, taker_word};
use crate::taken::{TakeError, Taking};
use crate::transport::{Beside, Chunk};

/// How long to wait before files are asked for again.
const AGAIN: Duration = Duration::from_secs(2);
/// How long the host may be silent.
const SILENCE: Duration = Duration::from_mins(1);
/// How long the host may take to forget what has been taken.
const FORGET_TIMEOUT: Duration = Duration::from_secs(10);
/// How much a login may print in front of the index.
const MAX_NOISE: usize = 1024 * 1024;

/// How much has been taken, for those who watch.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Bytes that came, over all transfers.
    pub(super) came: AtomicU64,
    /// Of the present transfer, the bytes that are here.
    pub(super) here: AtomicU64,
}

/// The transfer of the files that a step offers.
pub(super) fn take_files(
    identity: &Identity,
    step: StepId,
    offer: Offer,
    takes: &Takes,
    taken: &Arc<Taken>,
) -> Transfer {
    let (nonce, takes, taken) = (identity.nonce.clone(), takes.clone(), Arc::clone(taken));
    Transfer {
        exec: taker(identity, step, offer),
        work: Box::new(move |beside| {
            Box::pin(async move {
                match (TakingFiles { beside, nonce, offer, takes, taken }).all().await {
                    Ok(()) => TransferEnd::Done,
                    Err(end) => end,
                }
            })
        }),
    }
}

struct TakingFiles {
    beside: Beside,
    nonce: String,
    offer: Offer,
    takes: Takes,
    taken: Arc<Taken>,
}

impl TakingFiles {
    async fn all(&mut self) -> Result<(), TransferEnd> {
        if self.offer.index > Taking::MAX_INDEX {
            return Err(of_host("an index of more bytes than any plan needs"));
        }
        let (word, mut index) = self.word().await?;
        if word == TakerWord::None {
            return Err(failed(Exit::Mismatch, messages::NOT_OFFERED.to_owned()));
        }
        let wanted = usize::try_from(self.offer.index).unwrap_or(usize::MAX);
        while index.len() < wanted {
            index.extend(self.next().await?);
        }
        if index.len() > wanted {
            return Err(of_host("more than it has announced"));
        }
        let (takes, files) = (self.takes.clone(), self.offer.files);
        let (mut taking, from) = blocking(move || {
            let mut taking = Taking::new(&takes, &index, files)?;
            let from = taking.start()?;
            Ok((taking, from))
        })
        .await?;
        if let Some(from) = from {
            if word == TakerWord::Took {
                return Err(failed(Exit::Mismatch, messages::TAKEN_ELSEWHERE.to_owned()));
            }
            self.taken.here.store(from, Ordering::Relaxed);
            let line = format!("from {} {}\n", from + 1, files - from);
            self.beside.send(line.into_bytes()).await;
            let mut is_lacking = true;
            while is_lacking {
                let bytes = self.next().await?;
                let count = bytes.len() as u64;
                (taking, is_lacking) = blocking(move || {
                    let is_lacking = taking.write(&bytes)?;
                    Ok((taking, is_lacking))
                })
                .await?;
                self.taken.came.fetch_add(count, Ordering::Relaxed);
                self.taken.here.fetch_add(count, Ordering::Relaxed);
            }
        }
        // What the host does not forget goes with its record.
        self.beside.send(b"done\n".to_vec()).await;
        self.beside.finish();
        let _ = timeout(FORGET_TIMEOUT, async { while self.next().await.is_ok() {} }).await;
        Ok(())
    }

    /// The first word of the host's side, and the bytes behind it.
    async fn word(&mut self) -> Result<(TakerWord, Vec<u8>), TransferEnd> {
        let mut output = Vec::new();
        loop {
            if let Some((word, end)) = taker_word(&self.nonce, &output) {
                return Ok((word, output.split_off(end)));
            }
            if output.len() > MAX_NOISE {
                return Err(of_host("nothing that can be read"));
            }
            output.extend(self.next().await?);
        }
    }

    /// The next bytes of the host.
    async fn next(&mut self) -> Result<Vec<u8>, TransferEnd> {
        loop {
            match timeout(SILENCE, self.beside.next()).await {
                Ok(Chunk::Stdout(bytes)) => return Ok(bytes),
                Ok(Chunk::Stderr(bytes)) => {
                    tracing::debug!("the host says: {}", String::from_utf8_lossy(&bytes).escape_debug());
                }
                Ok(Chunk::Exit(_)) => {}
                Ok(Chunk::Closed | Chunk::Lost(_)) | Err(_) => return Err(TransferEnd::Later(AGAIN)),
            }
        }
    }
}

/// Does what may wait for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TakeError> + Send + 'static,
) -> Result<T, TransferEnd> {
    let done = spawn_blocking(work)
        .await
        .map_err(|_| failed(Exit::LocalError, "the files could not be written".to_owned()))?;
    done.map_err(|error| match error {
        TakeError::Here(_) => failed(Exit::LocalError, error.to_string()),
        TakeError::Host(_) => failed(Exit::Mismatch, error.to_string()),
        TakeError::Again(_) => TransferEnd::Later(Duration::ZERO),
    })
}

fn of_host(what: &str) -> TransferEnd {
    failed(Exit::Mismatch, TakeError::Host(what.to_owned()).to_string())
}

fn failed(exit: Exit, message: String) -> TransferEnd {
    TransferEnd::Failed { exit, message }
}
