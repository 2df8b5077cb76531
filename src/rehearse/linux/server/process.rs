//! The process on a channel: the login shell with a command or without one, on pipes or on a terminal.

use std::ffi::OsStr;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;

use rustix::process::Pid;
use tokio::process::{Child, Command};

use super::super::provision::Login;
use super::super::session;
use super::super::shared::Shared;
use super::super::users::{User, user};
use super::terminal::PseudoTerminal;

/// The `PATH` of a session.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// A process on a channel.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) child: Child,
    /// The client's end of its terminal, if it has one.
    pub(super) master: Option<OwnedFd>,
}

impl Running {
    /// Its process group.
    pub(super) fn group(&self) -> Option<Pid> {
        self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
    }

    /// The client's end of its terminal.
    pub(super) fn master(&self) -> Option<BorrowedFd<'_>> {
        self.master.as_ref().map(AsFd::as_fd)
    }
}

/// Starts the login shell, with `-c line` or as a login shell.
pub(super) fn spawn(
    shared: &Shared,
    (peer, local): (SocketAddr, SocketAddr),
    env: &[(String, String)],
    terminal: Option<PseudoTerminal>,
    line: Option<&[u8]>,
) -> io::Result<Running> {
    let login = &shared.login;
    let Login { user: name, home, shell, id } = login.clone();
    // The host's root may have changed the user since.
    let user = user(&name).unwrap_or(User { name, id, group: id, home, shell });
    let mut command = Command::from(session::command(shared, &user));
    command.arg("--leader");
    if let Some(terminal) = &terminal {
        command.arg("--tty").arg(&terminal.path);
    }
    let base = login.shell.rsplit('/').next().unwrap_or(&login.shell);
    let zeroth = if line.is_some() { base.to_owned() } else { format!("-{base}") };
    command.args(["--cwd", &login.home, &login.shell, &zeroth]);
    if let Some(line) = line {
        command.arg("-c").arg(OsStr::from_bytes(line));
    }
    command.env_clear();
    command.env("USER", &login.user).env("LOGNAME", &login.user).env("HOME", &login.home).env("SHELL", &login.shell);
    command.env("PATH", PATH).env("XDG_RUNTIME_DIR", format!("/run/user/{}", login.id));
    command.env("SSH_CLIENT", format!("{} {} {}", peer.ip(), peer.port(), local.port()));
    command.env("SSH_CONNECTION", format!("{} {} {} {}", peer.ip(), peer.port(), local.ip(), local.port()));
    command.envs(env.iter().map(|(name, value)| (name, value)));
    command.kill_on_drop(false);
    let master = if let Some(PseudoTerminal { kind, master, slave, path }) = terminal {
        command.env("TERM", kind).env("SSH_TTY", path);
        command
            .stdin(Stdio::from(slave.try_clone()?))
            .stdout(Stdio::from(slave.try_clone()?))
            .stderr(Stdio::from(slave));
        Some(master)
    } else {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        None
    };
    Ok(Running { child: command.spawn()?, master })
}
