//! The other half of `sudo`: runs commands as the host's root, or as whom root may be, with the caller's streams.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{Pid, Signal, kill_process_group};

use super::init::Shared;
use super::root::OWN;
use super::sudo::Ask;
use crate::rehearse::role::HIDDEN;

/// Where root's commands are looked for, as the usual `secure_path` has it.
const SECURE_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// A request larger than the kernel's limit for arguments cannot be carried out anyway (a JSON byte takes up to four).
const LARGEST_ASK: u32 = 16 << 20;

/// Answers `sudo` from now on, each call in a thread of its own.
pub(super) fn serve(shared: Arc<Shared>) -> io::Result<()> {
    let path = format!("{OWN}/sudo");
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
    std::thread::spawn(move || {
        for caller in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                // A caller that went away in the middle is told nothing.
                let _ = serve_one(&shared, &caller);
            });
        }
    });
    Ok(())
}

fn serve_one(shared: &Shared, mut caller: &UnixStream) -> io::Result<()> {
    let (ask, [stdin, stdout, stderr]) = receive_ask(caller)?;
    let mut complaints = fs::File::from(stderr.try_clone()?);
    let spawned = command(shared, &ask).and_then(|mut command| {
        command.stdin(Stdio::from(stdin)).stdout(Stdio::from(stdout)).stderr(Stdio::from(stderr)).process_group(0);
        command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("{}: command not found", command.get_program().display()),
            _ => format!("unable to execute {}: {error}", command.get_program().display()),
        })
    });
    let mut child = match spawned {
        Ok(child) => child,
        Err(what) => {
            let _ = writeln!(complaints, "sudo: {what}");
            return caller.write_all(&[1]);
        }
    };
    drop(complaints);
    let group = Pid::from_child(&child);
    let ended = Arc::new(AtomicBool::new(false));
    let (mut signals, over) = (caller.try_clone()?, Arc::clone(&ended));
    std::thread::spawn(move || {
        let mut number = [0];
        loop {
            let signal = match signals.read(&mut number) {
                Ok(1) => Signal::from_named_raw(i32::from(number[0])),
                // The caller was killed: what kills the whole group of a step kills a real sudo's command as well.
                _ => Some(Signal::KILL),
            };
            if over.load(Ordering::Acquire) {
                return;
            }
            if let Some(signal) = signal {
                let _ = kill_process_group(group, signal);
                if signal == Signal::KILL {
                    return;
                }
            }
        }
    });
    let status = child.wait()?;
    ended.store(true, Ordering::Release);
    caller.write_all(&[code(status)])?;
    caller.shutdown(std::net::Shutdown::Both)
}

/// The exit code as a shell would give it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

fn receive_ask(socket: &UnixStream) -> io::Result<(Ask, [OwnedFd; 3])> {
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
    let streams: [OwnedFd; 3] = streams.try_into().map_err(|_| io::Error::other("a request without its streams"))?;
    let size = u32::from_be_bytes(length);
    if received.bytes != length.len() || size > LARGEST_ASK {
        return Err(io::Error::other("a request that is none"));
    }
    let mut body = vec![0; size as usize];
    (&*socket).read_exact(&mut body)?;
    Ok((serde_json::from_slice(&body)?, streams))
}

/// One line of `/etc/passwd`.
struct User {
    name: String,
    id: u32,
    group: u32,
    home: String,
    shell: String,
}

fn user(wanted: &str) -> Option<User> {
    // `#1000` names a user by id.
    let by_id = wanted.strip_prefix('#').and_then(|id| id.parse::<u32>().ok());
    fs::read_to_string("/etc/passwd").ok()?.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, id, group, _, home, shell] = fields[..] else { return None };
        let (id, group) = (id.parse().ok()?, group.parse().ok()?);
        (name == wanted || by_id == Some(id)).then(|| User {
            name: name.to_owned(),
            id,
            group,
            home: home.to_owned(),
            shell: if shell.is_empty() { "/bin/sh".to_owned() } else { shell.to_owned() },
        })
    })
}

fn command(shared: &Shared, ask: &Ask) -> Result<Command, String> {
    let target = user(&ask.user).ok_or_else(|| format!("unknown user {}", ask.user))?;
    let mut argv: Vec<OsString> = ask.argv.iter().map(|arg| OsString::from_vec(arg.clone())).collect();
    let mut zeroth = None;
    if ask.shell {
        let base = target.shell.rsplit('/').next().unwrap_or(&target.shell);
        zeroth = Some(OsString::from(if ask.login { format!("-{base}") } else { base.to_owned() }));
        let words = std::mem::take(&mut argv);
        argv.push(target.shell.clone().into());
        if !words.is_empty() {
            argv.push("-c".into());
            argv.push(OsString::from_vec(shell_line(&words)));
        }
    }
    let program = find(argv.first().ok_or("a command is required")?, &ask.cwd)?;
    let zeroth = zeroth.unwrap_or_else(|| argv[0].clone());
    let cwd = if ask.login { OsString::from(&target.home) } else { OsString::from_vec(ask.cwd.clone()) };

    let mut command = if target.id == 0 {
        let mut command = Command::new(&program);
        command.arg0(&zeroth).current_dir(&cwd);
        command
    } else {
        let own = format!("{OWN}/pinboot");
        let mut command = match &shared.holder {
            Some(holder) if target.id == shared.login.id => {
                let mut command = Command::new(&own);
                command.args([HIDDEN, "session", "--holder", &holder.pid.to_string()]);
                command
            }
            _ => {
                let mut command = Command::new("unshare");
                command.args([
                    "--user",
                    &format!("--map-user={}", target.id),
                    &format!("--map-group={}", target.group),
                    "--",
                ]);
                command.args([own.as_str(), HIDDEN, "session"]);
                command
            }
        };
        command.arg("--cwd").arg(&cwd).arg(&program).arg(&zeroth);
        command
    };
    command.args(&argv[1..]).env_clear();
    for (name, value) in &ask.env {
        if !name.is_empty() && !name.contains(&b'=') && !name.contains(&0) && !value.contains(&0) {
            command.env(OsStr::from_bytes(name), OsStr::from_bytes(value));
        }
    }
    let asked = |name: &[u8]| ask.env.iter().any(|(known, _)| known == name);
    for (name, value) in [("PATH", SECURE_PATH), ("HOME", &target.home), ("SHELL", &target.shell)] {
        if !asked(name.as_bytes()) {
            command.env(name, value);
        }
    }
    command.env("USER", &target.name).env("LOGNAME", &target.name).env("SUDO_USER", &ask.caller);
    command.env("SUDO_UID", shared.login.id.to_string()).env("SUDO_GID", shared.login.id.to_string());
    command.env("SUDO_COMMAND", argv.join(OsStr::new(" ")));
    Ok(command)
}

/// The words as one line for a shell's `-c`, every letter that could mean something escaped, as sudo does it.
fn shell_line(words: &[OsString]) -> Vec<u8> {
    let mut line = Vec::new();
    for word in words {
        if !line.is_empty() {
            line.push(b' ');
        }
        for &b in word.as_bytes() {
            if !(b.is_ascii_alphanumeric() || b"_-$".contains(&b)) {
                line.push(b'\\');
            }
            line.push(b);
        }
    }
    line
}

/// Finds the program as sudo does: on the secure path, or where a slash leads from the caller's directory.
fn find(name: &OsStr, cwd: &[u8]) -> Result<OsString, String> {
    if name.as_bytes().contains(&b'/') {
        let path = std::path::Path::new(OsStr::from_bytes(cwd)).join(name);
        return if path.exists() {
            Ok(path.into_os_string())
        } else {
            Err(format!("{}: command not found", name.display()))
        };
    }
    SECURE_PATH
        .split(':')
        .map(|place| std::path::Path::new(place).join(name))
        .find(|path| fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0))
        .map(std::path::PathBuf::into_os_string)
        .ok_or_else(|| format!("{}: command not found", name.display()))
}
