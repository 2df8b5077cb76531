//! Pseudo-terminals, and the bridge from one to a socket that tokio can read and write.

use std::ffi::{CString, OsString};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// A pseudo-terminal that a client asked for.
#[derive(Debug)]
pub(super) struct PseudoTerminal {
    /// The value of `TERM`.
    pub(super) kind: String,
    pub(super) master: OwnedFd,
    /// Kept open until the shell has it: a terminal that no process has open counts as hung up.
    pub(super) slave: OwnedFd,
    pub(super) path: OsString,
}

impl PseudoTerminal {
    /// Opens a terminal of this kind and size (columns, rows).
    pub(super) fn open(kind: &str, size: (u16, u16)) -> io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let path: CString = ptsname(&master, Vec::new())?;
        let slave = open(&path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        tcsetwinsize(&master, Winsize { ws_row: size.1, ws_col: size.0, ws_xpixel: 0, ws_ypixel: 0 })?;
        fcntl_setfl(&master, fcntl_getfl(&master)? | OFlags::NONBLOCK)?;
        let path = OsString::from_vec(path.into_bytes());
        let kind = if kind.is_empty() || kind.contains('\0') { "dumb".to_owned() } else { kind.to_owned() };
        Ok(Self { kind, master, slave, path })
    }
}

/// Connects a terminal to a socket pair, and returns the other end of the pair.
pub(super) fn bridge(master: OwnedFd) -> io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
    let (ours, theirs) = UnixStream::pair()?;
    theirs.set_nonblocking(true)?;
    let theirs = tokio::net::UnixStream::from_std(theirs)?;
    std::thread::spawn(move || {
        // When one side ends, both are closed: the shell is hung up, or the channel sees the end.
        let _ = carry(&master, &ours);
    });
    Ok(theirs.into_split())
}

/// Carries bytes between a terminal and a socket until one of them ends.
fn carry(master: &OwnedFd, mut socket: &UnixStream) -> io::Result<()> {
    let mut bytes = vec![0; 16 << 10];
    let mut typed: Vec<u8> = Vec::new();
    let mut all_typed = false;
    loop {
        // More input is read only when the terminal has taken the input before it.
        let wanted = if typed.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        let more = if typed.is_empty() && !all_typed { PollFlags::IN } else { PollFlags::empty() };
        let mut watched = [PollFd::new(master, wanted), PollFd::new(&socket, more)];
        match poll(&mut watched, None) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        let (terminal, client) = (watched[0].revents(), watched[1].revents());
        if terminal.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            match rustix::io::read(master, &mut bytes[..]) {
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Ok(length @ 1..) => socket.write_all(&bytes[..length])?,
                // The kernel reports an error once the last process has closed the terminal.
                _ => return Ok(()),
            }
        }
        if terminal.contains(PollFlags::OUT) {
            match rustix::io::write(master, &typed) {
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                other => drop(typed.drain(..other?)),
            }
        }
        if client.contains(PollFlags::IN) {
            match socket.read(&mut bytes)? {
                // A terminal has no end of input. As under sshd, the shell stays until it exits or is hung up.
                0 => all_typed = true,
                length => typed.extend_from_slice(&bytes[..length]),
            }
        }
        if client.intersects(PollFlags::HUP | PollFlags::ERR) {
            return Ok(());
        }
    }
}
