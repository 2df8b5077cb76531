//! Places below a target: opened part by part, and never through a link.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::error::TakeError;
use crate::ids::hex;

/// How the names begin under which files are written before they are whole.
pub(super) const WORK: &str = ".pinboot-take-";

/// A target: the folder that it lies in, and its name there.
#[derive(Debug)]
pub(super) struct TargetRoot {
    path: PathBuf,
    parent: OwnedFd,
    name: String,
}

/// A name in a folder that is open.
#[derive(Debug)]
pub(super) struct Spot {
    folder: OwnedFd,
    name: String,
    /// For messages.
    path: PathBuf,
}

/// What is at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum There {
    Nothing,
    /// A file with these rights and so many bytes.
    File(u32, u64),
    Directory,
    Other,
}

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC).union(OFlags::RDONLY);

impl TargetRoot {
    /// Opens the folder of a target, and makes it where it is missing. The user named it, and it may lead through links.
    pub(super) fn open(target: &Path) -> Result<Self, TakeError> {
        let (Some(parent), Some(name)) = (target.parent(), target.file_name().and_then(|name| name.to_str())) else {
            return Err(TakeError::Here(format!("{} names no file and no folder", target.display())));
        };
        let failed = |error: io::Error| TakeError::here("make the folder", parent, &error);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed)?;
        let folder = fs::OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::DIRECTORY.bits().cast_signed())
            .open(parent)
            .map_err(|error| TakeError::here("open the folder", parent, &error))?;
        Ok(Self { path: target.to_owned(), parent: folder.into(), name: name.to_owned() })
    }

    /// The place of an entry with these parts; folders on the way are made where they are missing.
    pub(super) fn place(&self, parts: &[String]) -> Result<Spot, TakeError> {
        let failed = |path: &Path, error: Errno| TakeError::here("open", path, &error.into());
        let mut folder = self.parent.try_clone().map_err(|error| TakeError::here("open", &self.path, &error))?;
        let Some((name, above)) = parts.split_last() else {
            return Ok(Spot { folder, name: self.name.clone(), path: self.path.clone() });
        };
        let mut path = self.path.clone();
        // The target itself is the user's word, and may be a link to a folder.
        folder = enter(&folder, &self.name, OFlags::empty()).map_err(|error| failed(&path, error))?;
        for part in above {
            path.push(part);
            folder = match enter(&folder, part, OFlags::NOFOLLOW) {
                Err(Errno::LOOP | Errno::NOTDIR) => return Err(in_the_way(&path)),
                entered => entered.map_err(|error| failed(&path, error))?,
            };
        }
        path.push(name);
        Ok(Spot { folder, name: name.clone(), path })
    }

    /// The target itself as a folder, which may be a link to one.
    pub(super) fn make(&self) -> Result<(), TakeError> {
        enter(&self.parent, &self.name, OFlags::empty()).map(drop).map_err(|error| match error {
            Errno::NOTDIR => in_the_way(&self.path),
            error => TakeError::here("make the folder", &self.path, &error.into()),
        })
    }
}

/// Opens a folder in another one, and makes it where it is missing.
fn enter(folder: &OwnedFd, name: &str, more: OFlags) -> Result<OwnedFd, Errno> {
    match openat(folder, name, FOLDER | more, Mode::empty()) {
        Err(Errno::NOENT) => {
            match mkdirat(folder, name, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
            openat(folder, name, FOLDER | more, Mode::empty())
        }
        opened => opened,
    }
}

fn in_the_way(path: &Path) -> TakeError {
    TakeError::Here(format!("{} is a link, or no folder, and is not followed: move it away", path.display()))
}

impl Spot {
    /// The path, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is there; a link is not followed.
    pub(super) fn there(&self) -> Result<There, TakeError> {
        match statat(&self.folder, self.name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(There::Nothing),
            Err(error) => Err(self.failed("look at", error)),
            Ok(found) => Ok(match FileType::from_raw_mode(found.st_mode) {
                FileType::RegularFile => {
                    There::File(found.st_mode & 0o7777, u64::try_from(found.st_size).unwrap_or_default())
                }
                FileType::Directory => There::Directory,
                _ => There::Other,
            }),
        }
    }

    /// What is there as a file; an error where something else is in the way.
    pub(super) fn file_there(&self) -> Result<Option<(u32, u64)>, TakeError> {
        match self.there()? {
            There::Nothing => Ok(None),
            There::File(mode, size) => Ok(Some((mode, size))),
            There::Directory => {
                Err(TakeError::Here(format!("{} is a folder, and a file is wanted there", self.path.display())))
            }
            There::Other => Err(in_the_way(&self.path)),
        }
    }

    /// Makes a folder there.
    pub(super) fn make(&self) -> Result<(), TakeError> {
        match enter(&self.folder, &self.name, OFlags::NOFOLLOW) {
            Ok(_) => Ok(()),
            Err(Errno::LOOP | Errno::NOTDIR) => Err(in_the_way(&self.path)),
            Err(error) => Err(self.failed("make the folder", error)),
        }
    }

    /// Opens the file that is there.
    pub(super) fn open(&self) -> Result<File, TakeError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = openat(&self.folder, self.name.as_str(), flags, Mode::empty());
        opened.map(File::from).map_err(|error| self.failed("read", error))
    }

    /// The place beside it where its bytes are written before they are whole: the same one for the same bytes, so that what a connection
    /// cut off is continued, and two versions are never joined.
    pub(super) fn work(&self, digest: &str) -> Result<Self, TakeError> {
        let name = Sha256::digest(format!("{digest} {}", self.name));
        let name = format!("{WORK}{}", &hex(&name)[..24]);
        let folder = self.folder.try_clone().map_err(|error| TakeError::here("open", &self.path, &error))?;
        Ok(Self { folder, path: self.path.with_file_name(&name), name })
    }

    /// Opens it to be written at its end, for its owner alone.
    pub(super) fn append(&self) -> Result<File, TakeError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(&self.folder, self.name.as_str(), flags, Mode::RUSR | Mode::WUSR);
        let file = opened.map_err(|error| self.failed("write", error))?;
        let found = fstat(&file).map_err(|error| self.failed("write", error))?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile || found.st_nlink != 1 {
            return Err(in_the_way(&self.path));
        }
        Ok(File::from(file))
    }

    /// Gives it another name in the same folder, and brings that to the disk.
    pub(super) fn rename(&self, to: &Self) -> Result<(), TakeError> {
        renameat(&self.folder, self.name.as_str(), &to.folder, to.name.as_str())
            .map_err(|error| to.failed("write", error))?;
        // Some file systems cannot do that for a folder.
        let _ = rustix::fs::fsync(&to.folder);
        Ok(())
    }

    /// Removes it.
    pub(super) fn remove(&self) {
        let _ = unlinkat(&self.folder, self.name.as_str(), AtFlags::empty());
    }

    /// The error of something that could not be done here.
    pub(super) fn failed(&self, what: &str, error: Errno) -> TakeError {
        TakeError::here(what, &self.path, &error.into())
    }
}
