//! What a call of `sudo` asks of the host, and how it travels: as JSON, together with three open streams.

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

/// A larger request exceeds the kernel's limit for arguments anyway; a byte takes up to four in JSON.
const MAX_REQUEST: u32 = 16 << 20;

/// A command to run; the three standard streams travel beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SudoRequest {
    /// The user to run it as; `root` by default.
    pub(super) user: String,
    /// The command and its arguments as bytes; empty for the user's shell.
    pub(super) argv: Vec<Vec<u8>>,
    /// Whether the user's shell runs the command (`-s`, `-i`).
    pub(super) shell: bool,
    /// Whether that shell is a login shell in the user's home (`-i`).
    pub(super) login: bool,
    /// The working directory.
    pub(super) cwd: Vec<u8>,
    /// The variables that the command sees.
    pub(super) env: Vec<(Vec<u8>, Vec<u8>)>,
    /// The calling user, for `SUDO_USER`.
    pub(super) caller: String,
}

impl SudoRequest {
    /// Sends the request and this process's standard streams.
    pub(super) fn send(&self, socket: &UnixStream) -> io::Result<()> {
        let body = serde_json::to_vec(self)?;
        let length = u32::try_from(body.len()).map_err(io::Error::other)?.to_be_bytes();
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        let streams = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&streams));
        let sent = sendmsg(socket, &[IoSlice::new(&length)], &mut control, SendFlags::empty())?;
        if sent != length.len() {
            return Err(io::Error::other("the request was only partly sent"));
        }
        (&*socket).write_all(&body)
    }

    /// Receives a request and the caller's standard input, output and error.
    pub(super) fn receive(socket: &UnixStream) -> io::Result<(Self, [OwnedFd; 3])> {
        let mut length = [0; 4];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = recvmsg(socket, &mut [IoSliceMut::new(&mut length)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
        let mut streams: Vec<OwnedFd> = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                streams.extend(fds);
            }
        }
        let streams: [OwnedFd; 3] =
            streams.try_into().map_err(|_| io::Error::other("the request came without its streams"))?;
        let size = u32::from_be_bytes(length);
        if received.bytes != length.len() || size > MAX_REQUEST {
            return Err(io::Error::other("the request has an invalid length"));
        }
        let mut body = vec![0; size as usize];
        (&*socket).read_exact(&mut body)?;
        Ok((serde_json::from_slice(&body)?, streams))
    }
}
