//! A small file system in a mount namespace of its own, on which a host meets a full disk and the like.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::case::Trouble;
use super::world::which;

/// The namespace, and what keeps it.
pub(crate) struct Namespace {
    keeper: Child,
    at: PathBuf,
    trouble: Trouble,
}

impl Namespace {
    /// Mounts the file system at a place, which is made.
    pub(crate) fn new(at: &Path, trouble: &Trouble) -> Self {
        std::fs::create_dir_all(at).expect("a folder");
        let mount = "mount -t tmpfs -o \"mode=755,$1\" none \"$2\"; echo ready; exec cat";
        let mut keeper = Command::new("unshare")
            .args(["-m", "--propagation", "private", "sh", "-euc", mount, "sh", &trouble.options])
            .arg(at)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare starts");
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().expect("piped")).read_line(&mut line).expect("it says");
        assert_eq!(line, "ready\n", "{}: {}", at.display(), trouble.options);
        Self { keeper, at: at.to_owned(), trouble: trouble.clone() }
    }

    /// The path by which this machine sees a place in there.
    pub(crate) fn view(&self, place: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.keeper.id()));
        root.join(place.strip_prefix("/").expect("a whole path"))
    }

    /// A program that is started in there, without its arguments.
    pub(crate) fn enter(&self, program: &Path) -> Command {
        // The host may lack it.
        let mut command = Command::new(which("nsenter").expect("nsenter, which comes with unshare"));
        command.args(["-t", &self.keeper.id().to_string(), "-m", "--"]).arg(program);
        command
    }

    pub(crate) fn start_trouble(&self) {
        self.shell(&self.trouble.starts);
    }

    pub(crate) fn end_trouble(&self) {
        self.shell(&self.trouble.ends);
    }

    fn shell(&self, text: &str) {
        let mut command = self.enter(Path::new("/bin/sh"));
        let text = format!("cd \"$1\"; {text}");
        let output = command.args(["-euc", &text, "sh"]).arg(&self.at).output().expect("sh");
        assert!(output.status.success(), "{text}: {output:?}");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
