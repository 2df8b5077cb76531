//! `/dev`, `/proc` and `/sys` of the private root.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::mount::{MountFlags, mount, mount_remount};

use super::files::{bind, bind_read_only, make_directory, trouble};
use crate::rehearse::refused::Refused;

/// Mounts a `/dev` with the usual harmless devices, terminals of its own and shared memory.
pub(super) fn devices(stage: &Path, root: &Path) -> Result<(), Refused> {
    let dev = root.join("dev");
    mount("tmpfs", &dev, "tmpfs", MountFlags::NOSUID, c"mode=0755").map_err(|error| trouble("mount /dev", error))?;
    for name in ["null", "zero", "full", "random", "urandom", "tty"] {
        let (from, to) = (Path::new("/dev").join(name), dev.join(name));
        if from.exists() {
            fs::write(&to, []).map_err(|error| trouble(&to.display(), error))?;
            bind_read_only(&from, &to)?;
        }
    }
    make_directory(&dev.join("pts"), 0o755)?;
    let options = c"newinstance,ptmxmode=0666,mode=0620";
    mount("devpts", dev.join("pts"), "devpts", MountFlags::NOSUID | MountFlags::NOEXEC, options)
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

/// Mounts `/proc`, and makes those parts read-only through which root could harm the machine if root runs the rehearsal.
pub(super) fn processes(root: &Path) -> Result<(), Refused> {
    let proc = root.join("proc");
    mount("proc", &proc, "proc", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None).map_err(
        |error| {
            Refused::new(
                format!("the kernel refuses a /proc of its own: {error}"),
                "usually a container hides parts of /proc: rehearse outside of it; the playbook was not run anywhere",
            )
        },
    )?;
    // In a cgroup namespace of its own, root's host could change the machine's limits for the processes beside it.
    let _ = fs::write(proc.join("sys/user/max_cgroup_namespaces"), "0");
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

/// Mounts `/sys` if the kernel allows it; some refuse it if the machine's own is partly covered, and few programs need it.
pub(super) fn system(root: &Path) {
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let _ = mount("sysfs", root.join("sys"), "sysfs", flags, None);
}
