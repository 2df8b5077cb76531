//! Pid 1 of the host.

use std::io;
use std::os::fd::AsFd as _;
use std::process::{Command, ExitCode};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, WaitOptions, wait};

use super::control::{Reply, send};
use super::shared::fail;
use crate::exit::Exit;
use crate::rehearse::role::HIDDEN;

/// Starts the host process, reaps every orphan, and ends the whole pid namespace with the parent or with the host.
pub(super) fn run() -> ExitCode {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return fail(&format!("cannot find this program's own file: {error}"), Exit::HostUnfit),
    };
    // This process has no ids yet, and no rights before the next program starts with them. The command gives them first, and
    // then sends the host its first request.
    if let Err(error) = send(&mut io::stdout(), &Reply::Done) {
        return fail(&format!("the command is gone: {error}"), Exit::HostUnfit);
    }
    wait_for_request();
    // The host inherits standard input (the listening socket) and standard output (the control socket).
    let host = match Command::new(program).args([HIDDEN, "host"]).spawn() {
        Ok(host) => host,
        Err(error) => return fail(&format!("cannot start the host: {error}"), Exit::HostUnfit),
    };
    std::thread::spawn(end_with_parent);
    let host = Pid::from_child(&host);
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == host => {
                let code = status.exit_status().and_then(|code| u8::try_from(code).ok());
                return code.map_or(Exit::HostUnfit.into(), ExitCode::from);
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return fail(&format!("pid 1 cannot wait for its children: {error}"), Exit::HostUnfit),
        }
    }
}

/// Waits until the control socket can be read, and leaves it to the host to read it.
fn wait_for_request() {
    let control = io::stdout();
    let mut watched = [PollFd::from_borrowed_fd(control.as_fd(), PollFlags::IN)];
    while poll(&mut watched, None) == Err(rustix::io::Errno::INTR) {}
}

/// Ends this process as soon as the other end of the control socket is closed.
fn end_with_parent() {
    let control = io::stdout();
    let mut watched = [PollFd::from_borrowed_fd(control.as_fd(), PollFlags::empty())];
    loop {
        if poll(&mut watched, None).is_ok()
            && watched[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)
        {
            // When pid 1 ends, the kernel ends every other process of the namespace.
            std::process::exit(0);
        }
    }
}
