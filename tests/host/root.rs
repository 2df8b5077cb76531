//! A private root: a machine for one test, which starts in a tenth of a second.
//!
//! It is an overlay of this machine's file system in mount, process and network namespaces. Its upper layer is in memory and
//! contains exactly what was written. Its process 1 waits for the end of standard input, so that everything ends with the
//! test process, even if that is killed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use pinboot::ids::Digest;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::process::Process;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The directories of a private root that are not in its upper layer, because they are empty at every start.
const IN_MEMORY: [&str; 3] = ["tmp", "run", "dev/shm"];

/// A private root.
pub(crate) struct Root {
    init: u32,
    base: PathBuf,
    // The last field, so that it is dropped after everything else of a test.
    _holder: Process,
}

impl Root {
    /// Starts a root with a network of its own, or in the network of another root.
    pub(crate) fn start(name: &str, base: &Path, kit: &Path, network: Option<&Root>) -> Self {
        fs::create_dir_all(base).expect("a folder to mount on");
        let mut command = match network {
            None => outside("unshare"),
            Some(other) => {
                let mut command = other.in_network("unshare");
                command.env("PATH", PATH);
                command
            }
        };
        command.args(["--mount", "--pid", "--fork", "--kill-child"]);
        if network.is_none() {
            command.arg("--net");
        }
        command.args(["/bin/sh", "-c", include_str!("namespaces.sh"), "private-root"]).arg(base).arg(kit);
        command.arg(if network.is_none() { "own" } else { "joined" });
        let holder = Process::start(name, &mut command);
        holder.wait_for("ready\n", Duration::from_secs(20));
        let children = format!("/proc/{0}/task/{0}/children", holder.id());
        let children = fs::read_to_string(children).expect("the children of unshare");
        let init = children.trim().parse().unwrap_or_else(|e| panic!("{e}: process 1 of {name} in {children:?}"));
        Self { init, base: base.to_owned(), _holder: holder }
    }

    /// A program inside, started by root.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = outside("nsenter");
        command.args(["--target", &self.init.to_string(), "--mount", "--pid", "--net", "--", "chroot"]);
        command.arg(self.base.join("root")).arg(program).env("HOME", "/root").stdin(Stdio::null());
        command
    }

    /// Runs a program inside, which must succeed.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> String {
        succeed(program, &self.command(program).args(args).output())
    }

    /// A program of this machine in the private network, with an empty environment.
    pub(crate) fn in_network(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = outside("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.init)).arg("--").arg(program).stdin(Stdio::null());
        command
    }

    /// Sockets that listen in the private network, for servers in the test process.
    ///
    /// A socket belongs to the network in which it was made, so a thread enters the network and makes them there.
    pub(crate) fn listen(&self, addresses: &[SocketAddr]) -> Vec<TcpListener> {
        let network = fs::File::open(format!("/proc/{}/ns/net", self.init)).expect("the private network");
        let addresses = addresses.to_vec();
        let thread = std::thread::spawn(move || {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
            addresses.iter().map(TcpListener::bind).collect::<io::Result<Vec<_>>>()
        });
        thread.join().expect("a thread in the private network").expect("addresses of the private network")
    }

    /// A file inside, as this process can read it.
    pub(crate) fn place(&self, path: &str) -> PathBuf {
        self.in_mount_namespace().join("root").join(path.trim_start_matches('/'))
    }

    /// Everything that was written so far: the path, kind, mode, owner, time and digest of each entry, and what was removed.
    /// Directories have no time, since it changes with every file in them.
    pub(crate) fn written(&self) -> BTreeMap<String, String> {
        let mut layer = BTreeMap::new();
        let upper = self.in_mount_namespace().join("upper");
        walk(&upper, &upper, &mut layer);
        let root = self.in_mount_namespace().join("root");
        for folder in IN_MEMORY {
            walk(&root, &root.join(folder), &mut layer);
        }
        layer
    }

    fn in_mount_namespace(&self) -> PathBuf {
        let base = self.base.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.init.to_string()).join("root").join(base)
    }
}

/// The paths that were added, removed or changed between two states of the written layer.
pub(crate) fn differences(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let changed = after.iter().filter(|(path, entry)| before.get(*path) != Some(entry));
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    changed.map(|(path, _)| path).chain(gone).cloned().collect()
}

fn outside(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", PATH);
    command
}

fn succeed(program: &str, output: &io::Result<Output>) -> String {
    let output = output.as_ref().unwrap_or_else(|e| panic!("{program} starts: {e}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program}: {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}

fn walk(base: &Path, folder: &Path, layer: &mut BTreeMap<String, String>) {
    // A directory that was removed meanwhile has no entries.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(meta) = path.symlink_metadata() else { continue };
        let mut line = format!("{:o} {}:{}", meta.mode(), meta.uid(), meta.gid());
        let kind = meta.file_type();
        if kind.is_char_device() && meta.rdev() == 0 {
            "gone".clone_into(&mut line);
        } else if !kind.is_dir() {
            write!(line, " {}.{:09}", meta.mtime(), meta.mtime_nsec()).expect("text grows");
        }
        if kind.is_file() {
            let digest = fs::read(&path).map_or_else(|_| "deleted".to_owned(), |bytes| Digest::of(&bytes).to_string());
            write!(line, " {digest}").expect("text grows");
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).unwrap_or_default();
            write!(line, " -> {}", target.display()).expect("text grows");
        }
        let name = Path::new("/").join(path.strip_prefix(base).expect("a path below its base"));
        layer.insert(name.to_string_lossy().into_owned(), line);
        if kind.is_dir() {
            walk(base, &path, layer);
        }
    }
}
