//! Writing files and directories as the host's root.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::Path;

use super::super::root::{make_directory, trouble};
use crate::rehearse::refused::Refused;

/// Writes a file with exactly this mode, replacing whatever was there.
pub(super) fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Refused> {
    let write = || -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        chown(path, Some(0), Some(0))
    };
    write().map_err(|error| trouble(&path.display(), error))
}

/// Gives a path to a user and its group.
pub(super) fn give(path: &Path, owner: u32) -> Result<(), Refused> {
    chown(path, Some(owner), Some(owner)).map_err(|error| trouble(&path.display(), error))
}

/// Makes the missing directories above a path.
pub(super) fn make_parents(path: &Path) -> Result<(), Refused> {
    make_parents_of(path, 0)
}

/// Makes the missing directories above a path; they belong to this user.
pub(super) fn make_parents_of(path: &Path, owner: u32) -> Result<(), Refused> {
    let Some(parent) = path.parent().filter(|parent| fs::symlink_metadata(parent).is_err()) else { return Ok(()) };
    make_parents_of(parent, owner)?;
    make_directory(parent, 0o755)?;
    give(parent, owner)
}

/// Makes a directory with exactly this mode, unless there is one.
pub(super) fn make_directory_if_missing(path: &Path, mode: u32) -> Result<(), Refused> {
    if path.is_dir() {
        return Ok(());
    }
    make_directory(path, mode)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(|error| trouble(&path.display(), error))
}
