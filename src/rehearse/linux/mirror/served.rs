//! What the mirror serves: every URL of the rehearsal file with bodies that are ready to be sent.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use super::super::archive;
use crate::rehearse::refused::Refused;
use crate::rehearse::world::{Body, Url};

/// A body that is ready to be sent.
#[derive(Debug)]
pub(super) enum ReadyBody {
    Bytes(Vec<u8>),
    /// An open file and its length.
    File(File, u64),
}

impl ReadyBody {
    fn new(body: &Body) -> Result<Self, Refused> {
        Ok(match body {
            Body::Text(text) => Self::Bytes(text.clone().into_bytes()),
            Body::Tgz(tree) => Self::Bytes(archive::tgz(tree)),
            Body::Zip(tree) => Self::Bytes(archive::zip(tree)),
            Body::File(path) => Self::open(path)?,
        })
    }

    fn open(path: &PathBuf) -> Result<Self, Refused> {
        let opened = File::open(path).and_then(|file| file.metadata().map(|meta| (file, meta.len())));
        match opened {
            Ok((file, length)) => Ok(Self::File(file, length)),
            Err(error) => Err(Refused::new(
                format!("the stand-in {} cannot be read: {error}", path.display()),
                "create the file, or name another one in the rehearsal file",
            )),
        }
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(_, length) => *length,
        }
    }

    /// Reads at most this many bytes at an offset; no bytes mean the end.
    pub(super) fn piece(&self, at: u64, most: usize) -> io::Result<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => {
                let from = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes[from..(from + most).min(bytes.len())].to_vec())
            }
            Self::File(file, _) => {
                let mut piece = vec![0; most];
                let length = file.read_at(&mut piece, at)?;
                piece.truncate(length);
                Ok(piece)
            }
        }
    }
}

/// One URL and the bodies of its answers.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) url: Url,
    pub(super) bodies: Vec<ReadyBody>,
}

impl Served {
    /// Makes the bodies and opens local files.
    pub(super) fn new(url: &Url) -> Result<Self, Refused> {
        let bodies = url.answers.iter().map(|answer| ReadyBody::new(&answer.body)).collect::<Result<_, _>>()?;
        Ok(Self { url: url.clone(), bodies })
    }
}
