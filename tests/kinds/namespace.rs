//! A mount namespace of its own for a host: a private root, where nothing of this machine is written, and a small file system on which
//! the host meets a full disk and the like.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::case::Trouble;
use super::world::which;

/// Mounts what `namespace.sh` says, and keeps it until standard input ends.
const SETUP: &str = include_str!("namespace.sh");

/// Parts of a private root that are not in its upper layer: they are empty at first.
const EMPTY: [&str; 2] = ["tmp", "run"];

/// The namespace, and what keeps it.
pub(crate) struct Namespace {
    keeper: Child,
    is_private: bool,
    home: PathBuf,
    trouble: Option<(PathBuf, Trouble)>,
}

impl Namespace {
    /// Makes a namespace for the host in a folder: with a private root, with trouble at a place, or with both.
    pub(crate) fn new(dir: &Path, home: &Path, is_private: bool, trouble: Option<(PathBuf, Trouble)>) -> Self {
        let (at, options) =
            trouble.as_ref().map_or((Path::new(""), ""), |(at, trouble)| (at, trouble.options.as_str()));
        let mut keeper = Command::new("unshare")
            .args(["-m", "-u", "--propagation", "private", "sh", "-c", SETUP, "sh"])
            .arg(dir)
            .arg(if is_private { "private" } else { "shared" })
            .args([at.as_os_str(), options.as_ref()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare starts");
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().expect("piped")).read_line(&mut line).expect("it says");
        assert_eq!(line, "ready\n", "{}: {} {options}", dir.display(), at.display());
        Self { keeper, is_private, home: home.to_owned(), trouble }
    }

    pub(crate) fn is_private(&self) -> bool {
        self.is_private
    }

    /// The host's root, as this machine sees it.
    fn root(&self) -> PathBuf {
        let root = if self.is_private { "cwd/root" } else { "root" };
        PathBuf::from(format!("/proc/{}/{root}", self.keeper.id()))
    }

    /// The path by which this machine sees a place in there.
    pub(crate) fn view(&self, place: &Path) -> PathBuf {
        self.root().join(place.strip_prefix("/").expect("a whole path"))
    }

    /// The folders in which everything lies that was written to a private root, each with the place where the host has it.
    pub(crate) fn layers(&self) -> Vec<(PathBuf, &'static str)> {
        if !self.is_private {
            return Vec::new();
        }
        let base = PathBuf::from(format!("/proc/{}/cwd", self.keeper.id()));
        let empty = EMPTY.map(|name| (base.join("root").join(name), name));
        std::iter::once((base.join("upper"), "")).chain(empty).collect()
    }

    /// A program that is started in there, without its arguments.
    pub(crate) fn enter(&self, program: &Path) -> Command {
        // The host may lack it.
        let mut command = Command::new(which("nsenter").expect("nsenter, which comes with unshare"));
        command.args(["-t", &self.keeper.id().to_string(), "-m", "-u"]);
        if self.is_private {
            let (mut root, mut home) = (std::ffi::OsString::from("--root="), std::ffi::OsString::from("--wd="));
            root.push(self.root());
            home.push(self.view(&self.home));
            command.args([root, home]);
        }
        command.arg("--").arg(program);
        command
    }

    /// Lays a file over one of the kernel's under `/proc`.
    pub(crate) fn cover(&self, file: &Path, place: &Path) {
        let output = self.enter(Path::new("/bin/mount")).arg("--bind").args([file, place]).output().expect("mount");
        assert!(output.status.success(), "{}: {output:?}", place.display());
    }

    pub(crate) fn start_trouble(&self) {
        if let Some((at, trouble)) = &self.trouble {
            self.shell(at, &trouble.starts);
        }
    }

    pub(crate) fn end_trouble(&self) {
        let (at, trouble) = self.trouble.as_ref().expect("a host with trouble");
        self.shell(at, &trouble.ends);
    }

    fn shell(&self, at: &Path, text: &str) {
        let mut command = self.enter(Path::new("/bin/sh"));
        let text = format!("cd \"$1\"; {text}");
        let output = command.args(["-euc", &text, "sh"]).arg(at).output().expect("sh");
        assert!(output.status.success(), "{text}: {output:?}");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
