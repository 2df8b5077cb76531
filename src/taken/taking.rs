//! Taking what a host offers: which of its bytes are lacking here, and each file into place once it is whole.

use std::fs::{File, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::error::TakeError;
use super::index::{self, MAX_INDEX, Offered, What};
use super::local::digest_of;
use super::place::{Spot, TargetRoot};
use crate::ids::hex;
use crate::kinds::Takes;

/// The mode of a new file where the step says none.
const PRIVATE: u32 = 0o600;

/// What a host offers, while it is taken.
#[derive(Debug)]
pub struct Taking {
    root: TargetRoot,
    entries: std::vec::IntoIter<Offered>,
    /// The file whose bytes come next.
    current: Option<Current>,
    offered: u64,
}

/// A file whose bytes come.
#[derive(Debug)]
struct Current {
    place: Spot,
    digest: String,
    mode: Option<u32>,
    left: u64,
    /// Where it is written; `None` where the bytes are here already.
    writing: Option<Writing>,
}

#[derive(Debug)]
struct Writing {
    file: File,
    work: Spot,
    sum: Sha256,
    /// Whether an earlier attempt has left the first of its bytes.
    continued: bool,
}

impl Taking {
    /// The largest index that is read.
    pub const MAX_INDEX: u64 = MAX_INDEX;

    /// Reads the index of what is offered: so many bytes.
    ///
    /// # Errors
    /// The index says what cannot be, or the target cannot be opened.
    pub fn new(takes: &Takes, index: &[u8], offered: u64) -> Result<Self, TakeError> {
        let entries = index::read(index, takes, offered).map_err(TakeError::Host)?;
        let root = TargetRoot::open(Path::new(&takes.to))?;
        Ok(Self { root, entries: entries.into_iter(), current: None, offered })
    }

    /// How many bytes are offered.
    pub fn offered(&self) -> u64 {
        self.offered
    }

    /// Does what can be done without more bytes, and says at which byte the rest begins; `None` where nothing is lacking.
    ///
    /// # Errors
    /// Something could not be written here.
    pub fn start(&mut self) -> Result<Option<u64>, TakeError> {
        loop {
            let Some(Offered { parts, what }) = self.entries.next() else { return Ok(None) };
            let What::File { size, digest, mode, offset: Some(offset) } = what else {
                self.without_bytes(&parts, what)?;
                continue;
            };
            let place = self.root.place(&parts)?;
            let current = Current::new(place, digest, mode, size)?;
            let had = size - current.left;
            if current.writing.is_some() && current.left > 0 {
                self.current = Some(current);
                return Ok(Some(offset + had));
            }
            current.end()?;
        }
    }

    /// Takes the next bytes; false where nothing is lacking any more.
    ///
    /// # Errors
    /// They could not be written here, or are not what was announced.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<bool, TakeError> {
        loop {
            if self.current.as_ref().is_some_and(|current| current.left == 0)
                && let Some(current) = self.current.take()
            {
                current.end()?;
            }
            if self.current.is_none() && !self.advance()? {
                return if bytes.is_empty() {
                    Ok(false)
                } else {
                    Err(TakeError::Host("more than it has announced".to_owned()))
                };
            }
            let Some(current) = &mut self.current else { continue };
            if current.left == 0 {
                continue;
            }
            if bytes.is_empty() {
                return Ok(true);
            }
            let (now, later) = bytes.split_at(usize::try_from(current.left).unwrap_or(usize::MAX).min(bytes.len()));
            current.write(now)?;
            bytes = later;
        }
    }

    /// Goes on to the next file whose bytes come; false where there is none.
    fn advance(&mut self) -> Result<bool, TakeError> {
        while let Some(Offered { parts, what }) = self.entries.next() {
            let What::File { size, digest, mode, offset: Some(_) } = what else {
                self.without_bytes(&parts, what)?;
                continue;
            };
            let place = self.root.place(&parts)?;
            // All of its bytes come, whatever an earlier attempt has left of it.
            self.current = Some(Current::anew(place, digest, mode, size)?);
            return Ok(true);
        }
        Ok(false)
    }

    /// A directory, or a file of which only the mode differs.
    fn without_bytes(&self, parts: &[String], what: What) -> Result<(), TakeError> {
        match what {
            What::Directory if parts.is_empty() => self.root.make(),
            What::Directory => self.root.place(parts)?.make(),
            What::File { size, digest, mode, .. } => {
                let place = self.root.place(parts)?;
                if !is_whole(&place, size, &digest)? {
                    return Err(TakeError::Here(format!(
                        "{} has changed since the run was started",
                        place.path().display()
                    )));
                }
                set_mode(&place, mode)
            }
        }
    }
}

impl Current {
    /// A file that is taken from where an earlier attempt ended.
    fn new(place: Spot, digest: String, mode: Option<u32>, size: u64) -> Result<Self, TakeError> {
        if is_whole(&place, size, &digest)? {
            return Ok(Self { place, digest, mode, left: 0, writing: None });
        }
        let work = place.work(&digest)?;
        let mut file = work.append()?;
        let failed = |error: io::Error| TakeError::here("read", work.path(), &error);
        let mut sum = Sha256::new();
        let mut piece = vec![0; 128 * 1024];
        let mut had = 0;
        loop {
            match file.read(&mut piece).map_err(failed)? {
                0 => break,
                bytes => {
                    sum.update(&piece[..bytes]);
                    had += bytes as u64;
                }
            }
        }
        let is_fine = had < size || had == size && hex(&sum.clone().finalize()) == digest;
        if !is_fine {
            (had, sum) = (0, Sha256::new());
            file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0)).map(drop)).map_err(failed)?;
        }
        Ok(Self {
            place,
            digest,
            mode,
            left: size - had,
            writing: Some(Writing { file, work, sum, continued: had > 0 }),
        })
    }

    /// A file of which all bytes come.
    fn anew(place: Spot, digest: String, mode: Option<u32>, size: u64) -> Result<Self, TakeError> {
        if is_whole(&place, size, &digest)? {
            return Ok(Self { place, digest, mode, left: size, writing: None });
        }
        let work = place.work(&digest)?;
        let file = work.append()?;
        file.set_len(0).map_err(|error| TakeError::here("write", work.path(), &error))?;
        Ok(Self {
            place,
            digest,
            mode,
            left: size,
            writing: Some(Writing { file, work, sum: Sha256::new(), continued: false }),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), TakeError> {
        self.left -= bytes.len() as u64;
        let Some(Writing { file, sum, .. }) = &mut self.writing else { return Ok(()) };
        sum.update(bytes);
        file.write_all(bytes).map_err(|error| TakeError::here("write", self.place.path(), &error))
    }

    /// All bytes are here: the file gets its name.
    fn end(self) -> Result<(), TakeError> {
        let Self { place, digest, mode, writing, .. } = self;
        let Some(Writing { file, work, sum, continued }) = writing else { return set_mode(&place, mode) };
        if hex(&sum.finalize()) != digest {
            work.remove();
            if continued {
                return Err(TakeError::Again(place.path().display().to_string()));
            }
            return Err(TakeError::Host(format!("other bytes for {} than it has announced", place.path().display())));
        }
        let mode = mode.or(place.file_there()?.map(|(mode, _)| mode & 0o777)).unwrap_or(PRIVATE);
        let failed = |error: io::Error| TakeError::here("write", place.path(), &error);
        file.set_permissions(Permissions::from_mode(mode)).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        work.rename(&place)
    }
}

/// Whether a file is there with these bytes.
fn is_whole(place: &Spot, size: u64, digest: &str) -> Result<bool, TakeError> {
    if place.file_there()?.is_none_or(|(_, there)| there != size) {
        return Ok(false);
    }
    let Ok(mut file) = place.open() else { return Ok(false) };
    let found = digest_of(&mut file).map_err(|error| TakeError::here("read", place.path(), &error))?;
    Ok(found == (size, digest.to_owned()))
}

fn set_mode(place: &Spot, mode: Option<u32>) -> Result<(), TakeError> {
    let Some(mode) = mode else { return Ok(()) };
    if place.file_there()?.is_some_and(|(there, _)| there == mode) {
        return Ok(());
    }
    let set = place.open()?.set_permissions(Permissions::from_mode(mode));
    set.map_err(|error| match error.raw_os_error() {
        Some(code) => place.failed("set the mode of", Errno::from_raw_os_error(code)),
        None => TakeError::here("set the mode of", place.path(), &error),
    })
}

#[cfg(test)]
mod tests;
