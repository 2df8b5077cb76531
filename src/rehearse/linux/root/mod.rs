//! The private root: a tree in memory that contains the machine's own directories as overlays.
//!
//! One tmpfs, the *store*, holds everything that is ever written: `root/` is the new root itself, `upper/usr` what is
//! written over `/usr`, and so on. The kernel refuses a user namespace an overlay over `/` as a whole, because the
//! machine's other mounts below it are locked; it allows one over each directory. After the pivot nothing of the old
//! root can be reached. The store can be reached only through a descriptor, which is how written paths are listed.

mod files;
mod kernel_mounts;
mod overlays;

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::process::{chdir, pivot_root, umask};

use self::overlays::{copy_tree, overlay_machine};
use super::ids;
use super::places::{OWN, PROGRAM};
use crate::rehearse::refused::Refused;

pub(super) use self::files::{bind, bind_read_only, make_directory, trouble};

/// Fresh directories and their permission bits.
const FRESH: &[(&str, u32)] = &[
    ("boot", 0o755),
    ("dev", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("media", 0o755),
    ("mnt", 0o755),
    ("opt", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("srv", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("var", 0o755),
];

/// Where the store can be mounted while the root is set up: any directory that the host does not take from the machine.
const STAGES: &[&str] = &["/mnt", "/media", "/srv", "/tmp"];

/// The private root of this process.
#[derive(Debug)]
pub(super) struct Root {
    /// The store's own directory, which has no path any more.
    store: OwnedFd,
    /// The name of each overlaid directory, and the machine's own directory below it.
    overlaid: Vec<(&'static str, OwnedFd)>,
}

impl Root {
    /// A path to the store that works in this process alone.
    pub(super) fn store(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.store.as_raw_fd()))
    }

    /// The names of the directories that are overlays.
    pub(super) fn overlaid(&self) -> impl Iterator<Item = &'static str> {
        self.overlaid.iter().map(|(name, _)| *name)
    }

    /// Whether the machine has a directory with these permission bits and this owner at an overlaid path of the host.
    ///
    /// An overlay repeats the directories above every written path in its upper layer; such a copy was not written by
    /// anyone.
    pub(super) fn machine_has_directory(&self, path: &str, mode: u32, owner: (u32, u32)) -> bool {
        self.overlaid.iter().any(|(name, lower)| {
            let rest =
                path.strip_prefix('/').and_then(|path| path.strip_prefix(name)).and_then(|path| path.strip_prefix('/'));
            let real = rest.map(|rest| format!("/proc/self/fd/{}/{rest}", lower.as_raw_fd()));
            let meta = real.and_then(|real| fs::symlink_metadata(real).ok());
            meta.is_some_and(|meta| meta.is_dir() && meta.mode() & 0o7777 == mode && (meta.uid(), meta.gid()) == owner)
        })
    }

    /// The mounts that only root may write to.
    pub(super) fn guarded(&self) -> Vec<String> {
        let mut out = vec!["/".to_owned(), "/dev".to_owned()];
        out.extend(self.overlaid().map(|name| format!("/{name}")));
        out
    }
}

/// Sets the private root up and enters it; the process must be alone in fresh user, mount and pid namespaces.
pub(super) fn enter() -> Result<Root, Refused> {
    umask(Mode::empty());
    let program = open("/proc/self/exe", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| trouble("open this program", error))?;
    let (stage, store) = mount_store()?;
    let root = stage.join("root");
    bind(&root, &root)?;
    let overlaid = overlay_machine(stage, &root)?;
    for (name, mode) in FRESH {
        if fs::symlink_metadata(root.join(name)).is_err() {
            make_directory(&root.join(name), *mode)?;
        }
    }
    copy_tree(Path::new("/etc"), &root.join("etc"), ids::are_many())?;
    kernel_mounts::devices(stage, &root)?;
    kernel_mounts::processes(&root)?;
    kernel_mounts::system(&root);
    bind_program(&root, &program)?;
    pivot(&root)?;
    umask(Mode::from_raw_mode(0o022));
    Ok(Root { store, overlaid })
}

/// Mounts the store and makes its directories; returns where it is mounted until the pivot, and its descriptor.
fn mount_store() -> Result<(&'static Path, OwnedFd), Refused> {
    let stage = STAGES
        .iter()
        .find(|dir| fs::symlink_metadata(dir).is_ok_and(|meta| meta.is_dir()))
        .ok_or_else(|| Refused::without_hint(format!("none of {} is a directory here", STAGES.join(", "))))?;
    mount("tmpfs", *stage, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=0755")
        .map_err(|error| trouble("mount a file system in memory", error))?;
    let store = open(*stage, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| trouble("open the file system in memory", error))?;
    let stage = Path::new(stage);
    for name in ["root", "upper", "work"] {
        make_directory(&stage.join(name), 0o755)?;
    }
    make_directory(&stage.join("shm"), 0o1777)?;
    Ok((stage, store))
}

/// Makes this program available in the private root. A copy takes its place if the machine lets only some users run it.
fn bind_program(root: &Path, program: &OwnedFd) -> Result<(), Refused> {
    make_directory(&root.join(OWN.trim_start_matches('/')), 0o755)?;
    let place = root.join(PROGRAM.trim_start_matches('/'));
    let program = PathBuf::from(format!("/proc/self/fd/{}", program.as_raw_fd()));
    let failed = |error: io::Error| trouble(&place.display(), error);
    if fs::metadata(&program).is_ok_and(|meta| meta.mode() & 0o005 != 0o005) {
        fs::copy(&program, &place).map_err(failed)?;
        return fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).map_err(failed);
    }
    fs::write(&place, []).map_err(failed)?;
    bind_read_only(&program, &place)
}

/// Makes the private root the root of this process.
fn pivot(root: &Path) -> Result<(), Refused> {
    chdir(root).map_err(|error| trouble("enter the private root", error))?;
    pivot_root(".", ".").map_err(|error| trouble("make the private root the root", error))?;
    unmount(".", UnmountFlags::DETACH).map_err(|error| trouble("unmount the machine's root", error))?;
    chdir("/").map_err(|error| trouble("enter the private root", error))
}
