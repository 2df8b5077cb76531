//! The part of the host that answers `sudo`: it runs each command with the caller's streams.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::net::sockopt::socket_peercred;
use rustix::process::{Pid, Signal, kill_process_group};

use super::super::places::SUDO_SOCKET;
use super::super::shared::Shared;
use super::request::SudoRequest;
use super::target;

/// Answers `sudo` from now on, each call in a thread of its own.
pub(in crate::rehearse::system) fn serve(shared: Arc<Shared>) -> io::Result<()> {
    let listener = UnixListener::bind(SUDO_SOCKET)?;
    fs::set_permissions(SUDO_SOCKET, fs::Permissions::from_mode(0o666))?;
    std::thread::spawn(move || {
        for caller in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                // An error here means that the caller is gone.
                let _ = serve_one(&shared, &caller);
            });
        }
    });
    Ok(())
}

fn serve_one(shared: &Shared, mut caller: &UnixStream) -> io::Result<()> {
    let (request, [stdin, stdout, stderr]) = SudoRequest::receive(caller)?;
    let mut errors = fs::File::from(stderr.try_clone()?);
    let asking = socket_peercred(caller)?;
    let spawned = target::command(shared, &request, &asking).and_then(|mut command| {
        command.stdin(Stdio::from(stdin)).stdout(Stdio::from(stdout)).stderr(Stdio::from(stderr)).process_group(0);
        command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("{}: command not found", command.get_program().display()),
            _ => format!("unable to execute {}: {error}", command.get_program().display()),
        })
    });
    let mut child = match spawned {
        Ok(child) => child,
        Err(what) => {
            let _ = writeln!(errors, "sudo: {what}");
            return caller.write_all(&[1]);
        }
    };
    drop(errors);
    let ended = Arc::new(AtomicBool::new(false));
    let (signals, group, over) = (caller.try_clone()?, Pid::from_child(&child), Arc::clone(&ended));
    std::thread::spawn(move || pass_signals(signals, group, &over));
    let status = child.wait()?;
    ended.store(true, Ordering::Release);
    caller.write_all(&[exit_code(status)])?;
    caller.shutdown(std::net::Shutdown::Both)
}

/// Sends the signals that the caller passes on to the command's process group, until the command has ended.
fn pass_signals(mut caller: UnixStream, group: Pid, ended: &AtomicBool) {
    let mut number = [0];
    loop {
        let signal = match caller.read(&mut number) {
            Ok(1) => Signal::from_named_raw(i32::from(number[0])),
            // The caller was killed, probably with the whole process group of a step. A real sudo's command is in that
            // group and dies with it.
            _ => Some(Signal::KILL),
        };
        if ended.load(Ordering::Acquire) {
            return;
        }
        if let Some(signal) = signal {
            let _ = kill_process_group(group, signal);
            if signal == Signal::KILL {
                return;
            }
        }
    }
}

/// The exit code as a shell would report it.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}
