//! A process that enters a user's namespaces and becomes the user's shell or command.
//!
//! Only a process with one thread can enter namespaces, and the host process has several.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::shared::fail;

/// Runs a program in a session. Its arguments are `--holder PID` to enter that process's namespaces, `--leader` to lead a
/// session, `--tty PATH` to take a terminal, `--cwd DIR`; then the program, its zeroth argument, and all others.
pub(super) fn run(args: &[OsString]) -> ExitCode {
    match prepare(args) {
        Ok(mut command) => {
            let program = command.get_program().to_owned();
            let error = command.exec();
            let code = if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
            fail(&format!("{}: {error}", program.display()), code)
        }
        Err(what) => fail(&what, 254),
    }
}

fn prepare(args: &[OsString]) -> Result<Command, String> {
    let mut args = args.iter();
    let mut cwd = None;
    let mut tty = None;
    let program = loop {
        let arg = args.next().ok_or("a session needs a program")?;
        let mut value = || args.next().ok_or_else(|| format!("{} needs a value", arg.display()));
        match arg.to_str() {
            Some("--leader") => {
                rustix::process::setsid().map_err(|error| format!("cannot lead a session: {error}"))?;
            }
            Some("--holder") => enter_namespaces(&value()?.to_string_lossy())?,
            Some("--tty") => tty = Some(value()?),
            Some("--cwd") => cwd = Some(value()?),
            _ => break arg,
        }
    };
    if let Some(tty) = tty {
        take_terminal(tty)?;
    }
    if let Some(cwd) = cwd {
        // As under sshd, a session without a home starts in the root directory.
        if std::env::set_current_dir(cwd).is_err() {
            std::env::set_current_dir("/").map_err(|error| format!("/: {error}"))?;
        }
    }
    let mut command = Command::new(program);
    command.arg0(args.next().ok_or("a session needs a zeroth argument")?).args(args);
    Ok(command)
}

/// Makes a terminal the session's own: the first one that the leader of a session opens.
fn take_terminal(tty: &OsString) -> Result<(), String> {
    let opened =
        File::options().read(true).write(true).open(tty).map_err(|error| format!("{}: {error}", tty.display()))?;
    rustix::stdio::dup2_stdin(&opened)
        .and_then(|()| rustix::stdio::dup2_stdout(&opened))
        .and_then(|()| rustix::stdio::dup2_stderr(&opened))
        .map_err(|error| format!("cannot take the terminal: {error}"))
}

fn enter_namespaces(holder: &str) -> Result<(), String> {
    let open = |name: &str| {
        let path = format!("/proc/{holder}/ns/{name}");
        File::open(&path).map_err(|error| format!("{path}: {error}"))
    };
    let (user, mount) = (open("user")?, open("mnt")?);
    for (space, kind) in [(user, LinkNameSpaceType::User), (mount, LinkNameSpaceType::Mount)] {
        move_into_link_name_space(space.as_fd(), Some(kind))
            .map_err(|error| format!("cannot enter the login user's namespaces: {error}"))?;
    }
    Ok(())
}
