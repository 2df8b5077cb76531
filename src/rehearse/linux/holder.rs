//! The process that keeps the namespaces of the host's users open.
//!
//! Where the host has one id, these are the login user's, in which everything is read-only that needs root's rights. Where
//! it has many, all users of the host live in them, its root too: the mounts that protect the machine cannot be undone
//! from there, and no process there has the rights of the namespaces around it.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use rustix::mount::{MountFlags, mount_remount};
use rustix::process::umask;

use super::ids;
use super::namespaces::explain;
use super::places::PROGRAM;
use super::provision::Login;
use super::root::{Root, trouble};
use super::shared::{Holder, fail};
use crate::exit::Exit;
use crate::rehearse::refused::Refused;
use crate::rehearse::role::HIDDEN;

/// What the process prints once its namespaces can be entered.
const READY: &str = "ready";

/// Starts the process for a host with one id.
pub(super) fn for_login(login: &Login, root: &Root) -> Result<Holder, Refused> {
    let id = login.id;
    let mut command = Command::new("unshare");
    command
        .args(["--user", &format!("--map-user={id}"), &format!("--map-group={id}"), "--mount", "--keep-caps", "--"])
        .args([PROGRAM, HIDDEN, "hold"])
        .args(root.guarded());
    start(command)
}

/// Starts the process for a host whose users have ids of their own. Its network and its host name belong to these users.
pub(super) fn for_all() -> Result<Holder, Refused> {
    let mut command = Command::new("unshare");
    command.args(["--user", "--mount", "--net", "--uts", "--", PROGRAM, HIDDEN, "hold"]);
    let holder = start(command)?;
    ids::share(holder.pid).map_err(|error| trouble("give the host's users their ids", error))?;
    Ok(holder)
}

/// Starts the process and waits until its namespaces can be entered.
fn start(mut command: Command) -> Result<Holder, Refused> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| trouble("start `unshare` for the host's users", error))?;
    let stdin = child.stdin.take().expect("a pipe");
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    if out.read_line(&mut line).is_ok() && line.trim_end() == READY {
        return Ok(Holder::new(child, stdin));
    }
    let _ = child.kill();
    let mut errors = String::new();
    let _ = child.stderr.take().expect("a pipe").read_to_string(&mut errors);
    let _ = child.wait();
    Err(explain(&errors, &|file| fs::read_to_string(file).ok()))
}

/// Makes everything read-only that needs root's rights, then waits for the end of standard input.
pub(super) fn run(guarded: &[OsString]) -> ExitCode {
    umask(rustix::fs::Mode::from_raw_mode(0o022));
    for mount in guarded {
        // A remount has to repeat the flags that the mount was made with.
        let kept = match mount.to_str() {
            Some("/") => MountFlags::NOSUID | MountFlags::NODEV,
            Some("/dev") => MountFlags::NOSUID,
            _ => MountFlags::empty(),
        };
        if let Err(error) = mount_remount(Path::new(mount), MountFlags::BIND | MountFlags::RDONLY | kept, "") {
            return fail(
                &format!("cannot make {} read-only for the login user: {error}", mount.display()),
                Exit::HostUnfit,
            );
        }
    }
    if writeln!(io::stdout(), "{READY}").is_err() {
        return Exit::HostUnfit.into();
    }
    let mut rest = Vec::new();
    let _ = io::stdin().read_to_end(&mut rest);
    ExitCode::SUCCESS
}
