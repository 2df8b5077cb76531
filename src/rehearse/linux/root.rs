//! The private root: a tree in memory, with the machine's own directories below it as overlays.
//!
//! One tmpfs, the *store*, holds all that is ever written: `root/` is the new root itself, `upper/usr` what is written
//! over `/usr`, and so on. An overlay over `/` as a whole is refused to a user namespace (the machine's other mounts
//! below it are locked), over each directory by itself it is granted. After the pivot nothing of the old root can be
//! reached, and the store only through the descriptor that is kept: that is how what was written is listed.

use std::fmt::Display;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, mount_remount, unmount};
use rustix::process::{chdir, pivot_root, umask};

use crate::rehearse::refused::Refused;

/// Directories of the machine that the host sees, each through an overlay of its own, and how deep below it `sudo`
/// can write beside what is there.
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

/// Where the store is mounted while the root is put together: any directory will do that nothing is taken from.
const STAGES: &[&str] = &["/mnt", "/media", "/srv", "/tmp"];

/// Where the host keeps what belongs to the rehearsal and not to a real host.
pub(super) const OWN: &str = "/run/rehearsal";

/// A larger file of `/etc` is no configuration (the hardware database is one) and stays out.
const LARGEST_COPY: u64 = 4 << 20;

/// The private root, entered.
#[derive(Debug)]
pub(super) struct Root {
    /// The store's own directory, which no path leads to any more.
    store: OwnedFd,
    /// The overlaid directories: each one's name, and the machine's own directory below it.
    overlaid: Vec<(&'static str, OwnedFd)>,
}

impl Root {
    /// The store as a path that works in this process alone.
    pub(super) fn store(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.store.as_raw_fd()))
    }

    /// The names of the directories that are overlays.
    pub(super) fn overlaid(&self) -> impl Iterator<Item = &'static str> {
        self.overlaid.iter().map(|(name, _)| *name)
    }

    /// Whether the machine itself has a directory with these permission bits at an overlaid path of the host: an
    /// overlay repeats the directories above whatever is written, and such a copy is nothing that was written.
    pub(super) fn machine_has_directory(&self, path: &str, mode: u32) -> bool {
        self.overlaid.iter().any(|(name, lower)| {
            let rest =
                path.strip_prefix('/').and_then(|path| path.strip_prefix(name)).and_then(|path| path.strip_prefix('/'));
            let real = rest.map(|rest| format!("/proc/self/fd/{}/{rest}", lower.as_raw_fd()));
            let meta = real.and_then(|real| fs::symlink_metadata(real).ok());
            meta.is_some_and(|meta| meta.is_dir() && meta.mode() & 0o7777 == mode)
        })
    }

    /// The mounts that only root may write to.
    pub(super) fn guarded(&self) -> Vec<String> {
        let mut out = vec!["/".to_owned(), "/dev".to_owned()];
        out.extend(self.overlaid().map(|name| format!("/{name}")));
        out
    }
}

/// Puts the private root together and enters it; the process must be alone in fresh user, mount and pid namespaces.
pub(super) fn enter() -> Result<Root, Refused> {
    umask(Mode::empty());
    let program = open("/proc/self/exe", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| trouble("open this program", error))?;
    let stage = STAGES
        .iter()
        .find(|dir| fs::symlink_metadata(dir).is_ok_and(|meta| meta.is_dir()))
        .ok_or_else(|| Refused::without_hint(format!("none of {} is a directory here", STAGES.join(", "))))?;
    mount("tmpfs", *stage, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=0755")
        .map_err(|error| trouble("mount a file system in memory", error))?;
    let store = open(*stage, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| trouble("open the file system in memory", error))?;
    let stage = Path::new(stage);
    let root = stage.join("root");
    for name in ["root", "upper", "work"] {
        make_directory(&stage.join(name), 0o755)?;
    }
    make_directory(&stage.join("shm"), 0o1777)?;
    bind(&root, &root)?;
    let overlaid = overlay_the_machine(stage, &root)?;
    for (name, mode) in FRESH {
        if fs::symlink_metadata(root.join(name)).is_err() {
            make_directory(&root.join(name), *mode)?;
        }
    }
    copy_tree(Path::new("/etc"), &root.join("etc"))?;
    devices(stage, &root)?;
    processes(&root)?;
    // Some kernels refuse a fresh sysfs where the machine's own is covered in part; few programs miss it.
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let _ = mount("sysfs", root.join("sys"), "sysfs", flags, None);

    let own = root.join(OWN.trim_start_matches('/'));
    make_directory(&own, 0o755)?;
    let placed = own.join("pinboot");
    fs::write(&placed, []).map_err(|error| trouble(&placed.display(), error))?;
    mount_bind(format!("/proc/self/fd/{}", program.as_raw_fd()), &placed)
        .map_err(|error| trouble("bind this program into the private root", error))?;

    chdir(&root).map_err(|error| trouble("enter the private root", error))?;
    pivot_root(".", ".").map_err(|error| trouble("make the private root the root", error))?;
    unmount(".", UnmountFlags::DETACH).map_err(|error| trouble("let go of the machine's root", error))?;
    chdir("/").map_err(|error| trouble("enter the private root", error))?;
    umask(Mode::from_raw_mode(0o022));
    Ok(Root { store, overlaid })
}

fn overlay_the_machine(stage: &Path, root: &Path) -> Result<Vec<(&'static str, OwnedFd)>, Refused> {
    // Directories that came with the machine belong to an id that has no name in here (unless root rehearses), so
    // that even the host's root may not write into them. A directory of the same name in the upper layer lends the
    // merged one its owner.
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
            skeleton(&lower, &upper, *depth)?;
        }
        let options =
            format!("lowerdir={},upperdir={},workdir={},userxattr", lower.display(), upper.display(), work.display());
        let options = std::ffi::CString::new(options).expect("fixed names hold no NUL");
        mount("overlay", &target, "overlay", MountFlags::empty(), options.as_c_str()).map_err(|error| {
            Refused::new(
                format!("the kernel refuses an overlay over {} without root: {error}", lower.display()),
                "that needs Linux 5.11 or newer with overlayfs built in or loaded (`sudo modprobe overlay`); the playbook was not run anywhere",
            )
        })?;
        let lower = open(&lower, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| trouble(&lower.display(), error))?;
        overlaid.push((*name, lower));
    }
    Ok(overlaid)
}

/// Repeats the directories of `lower` in `upper`, so that the host's root owns them.
fn skeleton(lower: &Path, upper: &Path, depth: usize) -> Result<(), Refused> {
    if depth == 0 {
        return Ok(());
    }
    // What the caller cannot read is left to itself.
    let Ok(entries) = fs::read_dir(lower) else { return Ok(()) };
    for entry in entries.flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) || fs::read_dir(entry.path()).is_err() {
            continue;
        }
        let mode = entry.metadata().map_or(0o755, |meta| meta.mode() & 0o7777);
        let copy = upper.join(entry.file_name());
        make_directory(&copy, mode)?;
        skeleton(&entry.path(), &copy, depth - 1)?;
    }
    Ok(())
}

/// Copies directories, files and links; what cannot be read or is no configuration stays out.
fn copy_tree(from: &Path, to: &Path) -> Result<(), Refused> {
    let Ok(entries) = fs::read_dir(from) else { return Ok(()) };
    for entry in entries.flatten() {
        let (Ok(kind), source, target) = (entry.file_type(), entry.path(), to.join(entry.file_name())) else {
            continue;
        };
        if kind.is_dir() {
            let mode = entry.metadata().map_or(0o755, |meta| meta.mode() & 0o7777);
            make_directory(&target, mode | 0o700)?;
            copy_tree(&source, &target)?;
        } else if kind.is_symlink() {
            if let Ok(aim) = fs::read_link(&source) {
                symlink(aim, &target).map_err(|error| trouble(&target.display(), error))?;
            }
        } else if kind.is_file() && entry.metadata().is_ok_and(|meta| meta.len() <= LARGEST_COPY) {
            match fs::copy(&source, &target) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                Err(error) => return Err(trouble(&target.display(), error)),
            }
        }
    }
    Ok(())
}

fn devices(stage: &Path, root: &Path) -> Result<(), Refused> {
    let dev = root.join("dev");
    mount("tmpfs", &dev, "tmpfs", MountFlags::NOSUID, c"mode=0755").map_err(|error| trouble("mount /dev", error))?;
    for name in ["null", "zero", "full", "random", "urandom", "tty"] {
        let (from, to) = (Path::new("/dev").join(name), dev.join(name));
        if from.exists() {
            fs::write(&to, []).map_err(|error| trouble(&to.display(), error))?;
            bind(&from, &to)?;
        }
    }
    make_directory(&dev.join("pts"), 0o755)?;
    mount(
        "devpts",
        dev.join("pts"),
        "devpts",
        MountFlags::NOSUID | MountFlags::NOEXEC,
        c"newinstance,ptmxmode=0666,mode=0620",
    )
    .map_err(|error| trouble("mount /dev/pts", error))?;
    make_directory(&dev.join("shm"), 0o1777)?;
    bind(&stage.join("shm"), &dev.join("shm"))?;
    for (name, to) in [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        symlink(to, dev.join(name)).map_err(|error| trouble(name, error))?;
    }
    Ok(())
}

/// Mounts `/proc` and shuts the parts through which the machine's own root (where root rehearses) could harm it.
fn processes(root: &Path) -> Result<(), Refused> {
    let proc = root.join("proc");
    mount("proc", &proc, "proc", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None).map_err(|error| {
        Refused::new(
            format!("the kernel refuses a /proc of its own: {error}"),
            "a container that hides parts of /proc is the usual reason: rehearse outside of it; the playbook was not run anywhere",
        )
    })?;
    let kept = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    for name in ["sys", "irq", "bus", "acpi", "fs", "scsi", "mtrr", "sysrq-trigger"] {
        let path = proc.join(name);
        if path.exists() {
            bind(&path, &path)?;
            mount_remount(&path, kept, "").map_err(|error| trouble(&path.display(), error))?;
        }
    }
    Ok(())
}

/// Makes a directory with exactly these permission bits (the umask is empty meanwhile) and what is missing above it.
pub(super) fn make_directory(path: &Path, mode: u32) -> Result<(), Refused> {
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => DirBuilder::new()
            .mode(0o755)
            .recursive(true)
            .create(path.parent().unwrap_or(path))
            .and_then(|()| DirBuilder::new().mode(mode).create(path))
            .map_err(|error| trouble(&path.display(), error)),
        other => other.map_err(|error| trouble(&path.display(), error)),
    }
}

/// Mounts what is at one place at another one as well.
pub(super) fn bind(from: &Path, to: &Path) -> Result<(), Refused> {
    mount_bind(from, to).map_err(|error| trouble(&format_args!("bind {} to {}", from.display(), to.display()), error))
}

/// A step of putting the root together that the kernel did not grant.
pub(super) fn trouble(what: &(impl Display + ?Sized), error: impl Into<io::Error>) -> Refused {
    let error: io::Error = error.into();
    Refused::new(
        format!("the private root could not be put together: {what}: {error}"),
        "the kernel or a container's rules forbid it; the playbook was not run anywhere",
    )
}
