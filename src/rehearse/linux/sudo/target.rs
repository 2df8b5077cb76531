//! The process that carries out a request: its user, its program and its variables.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::places::PROGRAM;
use super::super::shared::Shared;
use super::request::SudoRequest;
use crate::rehearse::role::HIDDEN;

/// Where root's commands are looked for, as the usual `secure_path` has it.
const SECURE_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One line of `/etc/passwd`.
struct User {
    name: String,
    id: u32,
    group: u32,
    home: String,
    shell: String,
}

/// Finds a user by name, or by id in the form `#1000`.
fn user(wanted: &str) -> Option<User> {
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

/// Prepares the process that a request asks for.
pub(super) fn command(shared: &Shared, request: &SudoRequest) -> Result<Command, String> {
    let target = user(&request.user).ok_or_else(|| format!("unknown user {}", request.user))?;
    let (argv, zeroth) = arguments(request, &target);
    let program = find(argv.first().ok_or("a command is required")?, &request.cwd)?;
    let zeroth = zeroth.unwrap_or_else(|| argv[0].clone());
    let cwd = if request.login { OsString::from(&target.home) } else { OsString::from_vec(request.cwd.clone()) };

    let mut command = if target.id == 0 {
        let mut command = Command::new(&program);
        command.arg0(&zeroth).current_dir(&cwd);
        command
    } else {
        let mut command = session_of(shared, &target);
        command.arg("--cwd").arg(&cwd).arg(&program).arg(&zeroth);
        command
    };
    command.args(&argv[1..]).env_clear();
    for (name, value) in &request.env {
        if !name.is_empty() && !name.contains(&b'=') && !name.contains(&0) && !value.contains(&0) {
            command.env(OsStr::from_bytes(name), OsStr::from_bytes(value));
        }
    }
    let given = |name: &[u8]| request.env.iter().any(|(known, _)| known == name);
    for (name, value) in [("PATH", SECURE_PATH), ("HOME", &target.home), ("SHELL", &target.shell)] {
        if !given(name.as_bytes()) {
            command.env(name, value);
        }
    }
    command.env("USER", &target.name).env("LOGNAME", &target.name).env("SUDO_USER", &request.caller);
    command.env("SUDO_UID", shared.login.id.to_string()).env("SUDO_GID", shared.login.id.to_string());
    command.env("SUDO_COMMAND", argv.join(OsStr::new(" ")));
    Ok(command)
}

/// The words to run, with the user's shell in front if it was asked for, and the zeroth argument if it is another word.
fn arguments(request: &SudoRequest, target: &User) -> (Vec<OsString>, Option<OsString>) {
    let words: Vec<OsString> = request.argv.iter().map(|arg| OsString::from_vec(arg.clone())).collect();
    if !request.shell {
        return (words, None);
    }
    let base = target.shell.rsplit('/').next().unwrap_or(&target.shell);
    let zeroth = OsString::from(if request.login { format!("-{base}") } else { base.to_owned() });
    let mut argv = vec![OsString::from(&target.shell)];
    if !words.is_empty() {
        argv.push("-c".into());
        argv.push(OsString::from_vec(shell_line(&words)));
    }
    (argv, Some(zeroth))
}

/// The command that enters the namespaces of a user other than root: the login user's, or fresh ones.
fn session_of(shared: &Shared, target: &User) -> Command {
    match &shared.holder {
        Some(holder) if target.id == shared.login.id => {
            let mut command = Command::new(PROGRAM);
            command.args([HIDDEN, "session", "--holder", &holder.pid.to_string()]);
            command
        }
        _ => {
            let (user, group) = (format!("--map-user={}", target.id), format!("--map-group={}", target.group));
            let mut command = Command::new("unshare");
            command.args(["--user", &user, &group, "--", PROGRAM, HIDDEN, "session"]);
            command
        }
    }
}

/// The words as one line for a shell's `-c`, escaped as sudo escapes them.
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

/// Finds the program as sudo does: a path relative to the caller's directory, or a name on the secure path.
fn find(name: &OsStr, cwd: &[u8]) -> Result<OsString, String> {
    let not_found = || format!("{}: command not found", name.display());
    if name.as_bytes().contains(&b'/') {
        let path = Path::new(OsStr::from_bytes(cwd)).join(name);
        return if path.exists() { Ok(path.into_os_string()) } else { Err(not_found()) };
    }
    SECURE_PATH
        .split(':')
        .map(|place| Path::new(place).join(name))
        .find(|path| fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0))
        .map(PathBuf::into_os_string)
        .ok_or_else(not_found)
}
