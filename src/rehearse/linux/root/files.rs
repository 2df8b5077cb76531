//! Directories and bind mounts of the private root, and the error if the kernel does not allow them.

use std::fmt::Display;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rustix::mount::mount_bind;

use crate::rehearse::refused::Refused;

/// Makes a directory with exactly these permission bits (the caller has cleared the umask), and its missing parents.
pub(in crate::rehearse::system) fn make_directory(path: &Path, mode: u32) -> Result<(), Refused> {
    let made = match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => DirBuilder::new()
            .mode(0o755)
            .recursive(true)
            .create(path.parent().unwrap_or(path))
            .and_then(|()| DirBuilder::new().mode(mode).create(path)),
        other => other,
    };
    made.map_err(|error| trouble(&path.display(), error))
}

/// Makes what is at `from` visible at `to` as well.
pub(in crate::rehearse::system) fn bind(from: &Path, to: &Path) -> Result<(), Refused> {
    mount_bind(from, to).map_err(|error| trouble(&format_args!("bind {} to {}", from.display(), to.display()), error))
}

/// The error for an operation on the private root that failed.
pub(in crate::rehearse::system) fn trouble(what: &(impl Display + ?Sized), error: impl Into<io::Error>) -> Refused {
    let error: io::Error = error.into();
    Refused::new(
        format!("the private root could not be set up: {what}: {error}"),
        "the kernel or the rules of a container forbid it; the playbook was not run anywhere",
    )
}
