//! Directories and bind mounts of the private root, and the error if the kernel does not allow them.

use std::fmt::Display;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::mount::{MountFlags, mount_bind, mount_remount};

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

/// Makes a file of the machine visible at `to` as well. Nothing about it can be changed there; a device can be used.
pub(in crate::rehearse::system) fn bind_read_only(from: &Path, to: &Path) -> Result<(), Refused> {
    bind(from, to)?;
    let failed = |error| trouble(&format_args!("make {} read-only", to.display()), error);
    // The kernel refuses a remount that drops a flag of the machine's own mount.
    let flags = statvfs(to).map_err(failed)?.f_flag;
    let mut kept = MountFlags::BIND | MountFlags::RDONLY;
    for (flag, same) in [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
    ] {
        if flags.contains(flag) {
            kept |= same;
        }
    }
    mount_remount(to, kept, "").map_err(failed)
}

/// The error for an operation on the private root that failed.
pub(in crate::rehearse::system) fn trouble(what: &(impl Display + ?Sized), error: impl Into<io::Error>) -> Refused {
    let error: io::Error = error.into();
    Refused::new(
        format!("the private root could not be set up: {what}: {error}"),
        "the kernel or the rules of a container forbid it; the playbook was not run anywhere",
    )
}
