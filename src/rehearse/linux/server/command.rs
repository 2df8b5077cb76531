//! What runs on a channel: the login shell with a command or without, on pipes or on a terminal.

use std::ffi::{CString, OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use russh::server::{Handle, Msg};
use russh::{Channel, ChannelId, ChannelMsg, ChannelReadHalf, Sig};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};
use rustix::process::Pid;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

use super::super::init::Shared;
use super::super::root::OWN;
use crate::rehearse::role::HIDDEN;

/// Where the login user's commands are looked for.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// A pseudo-terminal that a client asked for.
#[derive(Debug)]
pub(super) struct Terminal {
    kind: String,
    master: OwnedFd,
    /// Kept open until the shell has it: a terminal that nobody has open counts as hung up.
    slave: OwnedFd,
    path: OsString,
}

impl Terminal {
    /// Opens one of this kind and size (columns, rows).
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

/// A process on a channel.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    master: Option<OwnedFd>,
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
    terminal: Option<Terminal>,
    line: Option<&[u8]>,
) -> io::Result<Running> {
    let login = &shared.login;
    let mut command = Command::new(format!("{OWN}/pinboot"));
    command.args([HIDDEN, "session", "--leader"]);
    if let Some(holder) = &shared.holder {
        command.args(["--holder", &holder.pid.to_string()]);
    }
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
    let master = if let Some(Terminal { kind, master, slave, path }) = terminal {
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

/// Carries bytes between a process and its channel until both are done; the tasks may be aborted at any time.
pub(super) fn follow(running: Running, channel: Channel<Msg>, handle: Handle) -> Vec<AbortHandle> {
    let Running { mut child, master } = running;
    let id = channel.id();
    let (input, given) = unbounded_channel();
    let mut tasks = Vec::new();
    let mut outputs = Vec::new();
    if let Some(master) = master {
        // Without a bridge the channel is simply silent: the process is there, and ends as it likes.
        if let Ok((from_terminal, to_terminal)) = bridge(master) {
            outputs.push(tokio::spawn(copy(from_terminal, channel.make_writer())));
            tasks.push(tokio::spawn(to_pipe(to_terminal, given)).abort_handle());
        }
    } else {
        if let Some(stdout) = child.stdout.take() {
            outputs.push(tokio::spawn(copy(stdout, channel.make_writer())));
        }
        if let Some(stderr) = child.stderr.take() {
            outputs.push(tokio::spawn(copy(stderr, channel.make_writer_ext(Some(1)))));
        }
        if let Some(stdin) = child.stdin.take() {
            tasks.push(tokio::spawn(to_pipe(stdin, given)).abort_handle());
        }
    }
    let (from_client, _) = channel.split();
    tasks.push(tokio::spawn(take_input(from_client, input)).abort_handle());
    tasks.extend(outputs.iter().map(tokio::task::JoinHandle::abort_handle));
    tasks.push(
        tokio::spawn(async move {
            // The status goes out when the process ends, although its children may go on writing: as sshd does it.
            let status = child.wait().await;
            report(&handle, id, status).await;
            for output in outputs {
                let _ = output.await;
            }
            let _ = handle.eof(id).await;
            let _ = handle.close(id).await;
        })
        .abort_handle(),
    );
    tasks
}

async fn report(handle: &Handle, id: ChannelId, status: io::Result<std::process::ExitStatus>) {
    // A client that is gone is told nothing.
    let _ = match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => handle.exit_status_request(id, u32::try_from(code).unwrap_or(255)).await,
            (None, signal) => {
                let name = signal_name(signal.unwrap_or_default());
                handle.exit_signal_request(id, name, status.core_dumped(), String::new(), String::new()).await
            }
        },
        Err(_) => handle.exit_status_request(id, 255).await,
    };
}

fn signal_name(number: i32) -> Sig {
    match number {
        1 => Sig::HUP,
        2 => Sig::INT,
        3 => Sig::QUIT,
        4 => Sig::ILL,
        6 => Sig::ABRT,
        8 => Sig::FPE,
        9 => Sig::KILL,
        11 => Sig::SEGV,
        13 => Sig::PIPE,
        14 => Sig::ALRM,
        15 => Sig::TERM,
        other => Sig::Custom(format!("{other}@pinboot")),
    }
}

/// Takes what the client sends off its hands at once: a channel that is not read holds up the whole connection, and
/// with it the room for output that a process may be waiting for.
async fn take_input(mut from_client: ChannelReadHalf, input: UnboundedSender<Vec<u8>>) {
    let mut input = Some(input);
    while let Some(message) = from_client.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                // A process that closed its standard input gets no more.
                let _ = input.as_ref().map(|input| input.send(data.to_vec()));
            }
            ChannelMsg::Eof => input = None,
            ChannelMsg::Close => break,
            _ => {}
        }
    }
}

async fn to_pipe(mut stdin: impl AsyncWrite + Unpin, mut given: UnboundedReceiver<Vec<u8>>) {
    while let Some(bytes) = given.recv().await {
        if stdin.write_all(&bytes).await.is_err() {
            break;
        }
    }
}

async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    tokio::io::copy(&mut from, &mut to).await.map(|_| ())
}

/// Leads a terminal into a socket pair, whose other end is read and written without blocking.
fn bridge(master: OwnedFd) -> io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
    let (ours, theirs) = UnixStream::pair()?;
    theirs.set_nonblocking(true)?;
    let theirs = tokio::net::UnixStream::from_std(theirs)?;
    std::thread::spawn(move || {
        // Its end, whichever side it comes from, closes both: the shell is hung up, or the channel sees the end.
        let _ = carry(&master, &ours);
    });
    Ok(theirs.into_split())
}

fn carry(master: &OwnedFd, mut socket: &UnixStream) -> io::Result<()> {
    let mut bytes = vec![0; 16 << 10];
    let mut typed: Vec<u8> = Vec::new();
    let mut all_typed = false;
    loop {
        // What was typed is fetched only when the terminal took what was typed before.
        let wanted = if typed.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        let more = if typed.is_empty() && !all_typed { PollFlags::IN } else { PollFlags::empty() };
        let mut watched = [PollFd::new(master, wanted), PollFd::new(&socket, more)];
        match poll(&mut watched, None) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        let (terminal, client) = (watched[0].revents(), watched[1].revents());
        if terminal.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            // The kernel answers with an error where the last process has closed the terminal.
            match rustix::io::read(master, &mut bytes[..]) {
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Ok(length @ 1..) => socket.write_all(&bytes[..length])?,
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
                // A terminal has no end of input: the shell stays, as under sshd, until it is left or hung up.
                0 => all_typed = true,
                length => typed.extend_from_slice(&bytes[..length]),
            }
        }
        if client.intersects(PollFlags::HUP | PollFlags::ERR) {
            return Ok(());
        }
    }
}
