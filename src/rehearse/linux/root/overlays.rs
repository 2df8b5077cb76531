//! The machine's own directories in the private root: most through overlays, `/etc` as a copy.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use rustix::mount::{MountFlags, mount};

use super::files::{make_directory, trouble};
use crate::rehearse::refused::Refused;

/// Directories of the machine that the host sees through an overlay, and down to which depth `sudo` can add entries to
/// the machine's own directories below them.
const OVERLAID: &[(&str, usize)] = &[
    ("usr", 4),
    ("var", 3),
    ("opt", 2),
    ("bin", 0),
    ("sbin", 0),
    ("lib", 3),
    ("lib32", 1),
    ("lib64", 1),
    ("libx32", 1),
    ("nix", 1),
];

/// The id that the kernel shows instead of one that has no number in a user namespace.
const UNKNOWN_ID: u32 = 65_534;

/// Files of `/etc` above this size are not configuration (the hardware database is one) and are not copied.
const MAX_COPIED_FILE: u64 = 4 << 20;

/// Mounts an overlay over each of the machine's directories, and returns their names and the directories below them.
pub(super) fn overlay_machine(stage: &Path, root: &Path) -> Result<Vec<(&'static str, OwnedFd)>, Refused> {
    // Unless root runs the rehearsal, the machine's directories belong to an id that has no name in this user namespace,
    // so that not even the host's root may write into them. A directory of the same name in the upper layer gives the
    // merged one its own owner.
    let foreign = fs::metadata("/usr").is_ok_and(|meta| meta.uid() != 0);
    let mut overlaid = Vec::new();
    for (name, depth) in OVERLAID {
        let lower = Path::new("/").join(name);
        let Ok(meta) = fs::symlink_metadata(&lower) else { continue };
        let target = root.join(name);
        if meta.is_symlink() {
            let to = fs::read_link(&lower).map_err(|error| trouble(&lower.display(), error))?;
            symlink(to, &target).map_err(|error| trouble(&target.display(), error))?;
            continue;
        }
        let (upper, work) = (stage.join("upper").join(name), stage.join("work").join(name));
        make_directory(&target, 0o755)?;
        make_directory(&work, 0o700)?;
        make_directory(&upper, meta.mode() & 0o7777)?;
        if foreign {
            repeat_directories(&lower, &upper, *depth)?;
        }
        mount_overlay(&lower, &upper, &work, &target)?;
        let lower = open(&lower, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| trouble(&lower.display(), error))?;
        overlaid.push((*name, lower));
    }
    Ok(overlaid)
}

fn mount_overlay(lower: &Path, upper: &Path, work: &Path, target: &Path) -> Result<(), Refused> {
    let options =
        format!("lowerdir={},upperdir={},workdir={},userxattr", lower.display(), upper.display(), work.display());
    let options = std::ffi::CString::new(options).expect("fixed names have no NUL");
    mount("overlay", target, "overlay", MountFlags::empty(), options.as_c_str()).map_err(|error| {
        Refused::new(
            format!("the kernel refuses an overlay over {} without root: {error}", lower.display()),
            "this needs Linux 5.11 or newer with overlayfs built in or loaded (`sudo modprobe overlay`); the playbook was \
             not run anywhere",
        )
    })
}

/// Repeats the directories of `lower` in `upper`, so that the host's root owns them.
fn repeat_directories(lower: &Path, upper: &Path, depth: usize) -> Result<(), Refused> {
    if depth == 0 {
        return Ok(());
    }
    // A directory that the caller cannot read stays as it is.
    let Ok(entries) = fs::read_dir(lower) else { return Ok(()) };
    for entry in entries.flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) || fs::read_dir(entry.path()).is_err() {
            continue;
        }
        let mode = entry.metadata().map_or(0o755, |meta| meta.mode() & 0o7777);
        let copy = upper.join(entry.file_name());
        make_directory(&copy, mode)?;
        repeat_directories(&entry.path(), &copy, depth - 1)?;
    }
    Ok(())
}

/// Copies directories, files and links, except those that cannot be read or are too large for configuration; with their
/// owners if `owned`.
pub(super) fn copy_tree(from: &Path, to: &Path, owned: bool) -> Result<(), Refused> {
    let Ok(entries) = fs::read_dir(from) else { return Ok(()) };
    for entry in entries.flatten() {
        let (Ok(kind), source, target) = (entry.file_type(), entry.path(), to.join(entry.file_name())) else {
            continue;
        };
        if kind.is_dir() {
            let mode = entry.metadata().map_or(0o755, |meta| meta.mode() & 0o7777);
            make_directory(&target, mode | 0o700)?;
            copy_tree(&source, &target, owned)?;
        } else if kind.is_symlink() {
            if let Ok(aim) = fs::read_link(&source) {
                symlink(aim, &target).map_err(|error| trouble(&target.display(), error))?;
            }
        } else if kind.is_file() && entry.metadata().is_ok_and(|meta| meta.len() <= MAX_COPIED_FILE) {
            match fs::copy(&source, &target) {
                Err(error) if error.kind() != io::ErrorKind::PermissionDenied => {
                    return Err(trouble(&target.display(), error));
                }
                Err(_) => continue,
                Ok(_) => {}
            }
        } else {
            continue;
        }
        if owned && !kind.is_symlink() {
            // An owner without an id on the host stands for the machine's root.
            let meta = entry.metadata().map_err(|error| trouble(&source.display(), error))?;
            let known = |id: u32| Some(if id == UNKNOWN_ID { 0 } else { id });
            chown(&target, known(meta.uid()), known(meta.gid())).map_err(|error| trouble(&target.display(), error))?;
        }
    }
    Ok(())
}
