//! A process that enters a user's namespaces and becomes the user's shell or command.
//!
//! Only a process with one thread can enter namespaces, and the host process has several.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use rustix::fs::{FileType, fchown, fstat};
use rustix::process::{Gid, Uid};
use rustix::termios::isatty;
use rustix::thread::{
    LinkNameSpaceType, move_into_link_name_space, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use super::places::PROGRAM;
use super::shared::{Shared, Users, fail};
use super::users::{User, groups};
use crate::rehearse::role::HIDDEN;

/// The namespaces of a user of a host with one id.
const OF_LOGIN: &[(&str, LinkNameSpaceType)] = &[("user", LinkNameSpaceType::User), ("mnt", LinkNameSpaceType::Mount)];

/// The namespaces of all users of a host with many ids.
const OF_ALL: &[(&str, LinkNameSpaceType)] = &[
    ("user", LinkNameSpaceType::User),
    ("mnt", LinkNameSpaceType::Mount),
    ("net", LinkNameSpaceType::Network),
    ("uts", LinkNameSpaceType::HostNameAndNISDomainName),
];

/// The command that becomes a program of this user; what follows are further options, the program, its zeroth argument and
/// all others.
pub(super) fn command(shared: &Shared, user: &User) -> Command {
    let mut command = Command::new(PROGRAM);
    match &shared.users {
        Users::OwnIds(holder) => {
            let ids: Vec<String> = groups(user).iter().map(|group| group.id.to_string()).collect();
            command.args([HIDDEN, "session", "--among", &holder.pid.to_string()]);
            command.args(["--as", &format!("{}:{}", user.id, ids.join(","))]);
        }
        Users::OneId(_) if user.id == 0 => {
            command.args([HIDDEN, "session"]);
        }
        Users::OneId(Some(holder)) if user.id == shared.login.id => {
            command.args([HIDDEN, "session", "--holder", &holder.pid.to_string()]);
        }
        Users::OneId(_) => {
            let (id, group) = (format!("--map-user={}", user.id), format!("--map-group={}", user.group));
            command = Command::new("unshare");
            command.args(["--user", &id, &group, "--", PROGRAM, HIDDEN, "session"]);
        }
    }
    command
}

/// Moves this thread to the network of that process.
pub(super) fn enter_network(holder: u32) -> Result<(), String> {
    enter_namespaces(&holder.to_string(), &[("net", LinkNameSpaceType::Network)])
}

/// Runs a program in a session. Its arguments are `--holder PID` or `--among PID` to enter that process's namespaces, `--as
/// ID:GROUPS` to become that user, `--leader` to lead a session, `--tty PATH` to take a terminal, `--cwd DIR`; then the
/// program, its zeroth argument, and all others.
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
    let mut ids = None;
    let mut is_leader = false;
    let program = loop {
        let arg = args.next().ok_or("a session needs a program")?;
        let mut value = || args.next().ok_or_else(|| format!("{} needs a value", arg.display()));
        match arg.to_str() {
            Some("--leader") => {
                rustix::process::setsid().map_err(|error| format!("cannot lead a session: {error}"))?;
                is_leader = true;
            }
            Some("--holder") => enter_namespaces(&value()?.to_string_lossy(), OF_LOGIN)?,
            Some("--among") => enter_namespaces(&value()?.to_string_lossy(), OF_ALL)?,
            Some("--as") => ids = Some(value()?.to_string_lossy().into_owned()),
            Some("--tty") => tty = Some(value()?),
            Some("--cwd") => cwd = Some(value()?),
            _ => break arg,
        }
    };
    if let Some(tty) = tty {
        take_terminal(tty)?;
    }
    if let Some(ids) = ids {
        become_user(&ids, is_leader)?;
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

/// Becomes a user, given as its id and its groups; `owns_streams` also gives it the pipes or the terminal of the session, as
/// under sshd, where `/dev/stderr` can be opened.
fn become_user(ids: &str, owns_streams: bool) -> Result<(), String> {
    let invalid = || format!("invalid ids `{ids}`");
    let (id, groups) = ids.split_once(':').ok_or_else(invalid)?;
    let uid = id.parse().map(Uid::from_raw).map_err(|_| invalid())?;
    let groups: Vec<Gid> =
        groups.split(',').map(|id| id.parse().map(Gid::from_raw)).collect::<Result<_, _>>().map_err(|_| invalid())?;
    let group = *groups.first().ok_or_else(invalid)?;
    if owns_streams {
        for stream in [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()] {
            give_stream(stream, uid)?;
        }
    }
    set_thread_groups(&groups)
        .and_then(|()| set_thread_res_gid(group, group, group))
        .and_then(|()| set_thread_res_uid(uid, uid, uid))
        .map_err(|error| format!("cannot become the user with the id {id}: {error}"))
}

fn give_stream(stream: BorrowedFd<'_>, uid: Uid) -> Result<(), String> {
    let is_pipe = fstat(stream).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
    if is_pipe || isatty(stream) {
        fchown(stream, Some(uid), None).map_err(|error| format!("cannot give the session its streams: {error}"))?;
    }
    Ok(())
}

fn enter_namespaces(holder: &str, wanted: &[(&str, LinkNameSpaceType)]) -> Result<(), String> {
    // In the new namespaces these paths lead elsewhere.
    let spaces = wanted.iter().map(|(name, kind)| {
        let path = format!("/proc/{holder}/ns/{name}");
        File::open(&path).map(|file| (file, *kind)).map_err(|error| format!("{path}: {error}"))
    });
    for (space, kind) in spaces.collect::<Result<Vec<_>, _>>()? {
        move_into_link_name_space(space.as_fd(), Some(kind))
            .map_err(|error| format!("cannot enter the namespaces of the host's users: {error}"))?;
    }
    Ok(())
}
