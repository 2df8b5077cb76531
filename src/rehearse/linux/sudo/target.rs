//! The process that carries out a request: its user, its program and its variables.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::net::UCred;

use super::super::provision::Login;
use super::super::session;
use super::super::shared::{Shared, Users};
use super::super::users::{User, user};
use super::policy::{Permission, permission};
use super::request::SudoRequest;

/// Where root's commands are looked for, as the usual `secure_path` has it.
const SECURE_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Prepares the process that a request asks for.
pub(super) fn command(shared: &Shared, request: &SudoRequest, caller: &UCred) -> Result<Command, String> {
    let caller = caller_of(shared, request, caller)?;
    let target = user(&request.user).ok_or_else(|| format!("unknown user {}", request.user))?;
    let (argv, zeroth) = arguments(request, &target);
    let program = find(argv.first().ok_or("a command is required")?, &request.cwd)?;
    let zeroth = zeroth.unwrap_or_else(|| argv[0].clone());
    let cwd = if request.login { OsString::from(&target.home) } else { OsString::from_vec(request.cwd.clone()) };

    let mut command = session::command(shared, &target);
    command.arg("--cwd").arg(&cwd).arg(&program).arg(&zeroth);
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
    command.env("USER", &target.name).env("LOGNAME", &target.name).env("SUDO_USER", &caller.name);
    command.env("SUDO_UID", caller.id.to_string()).env("SUDO_GID", caller.group.to_string());
    command.env("SUDO_COMMAND", argv.join(OsStr::new(" ")));
    Ok(command)
}

/// Who calls `sudo`, if that user may.
fn caller_of(shared: &Shared, request: &SudoRequest, caller: &UCred) -> Result<User, String> {
    let login = &shared.login;
    if matches!(shared.users, Users::OneId(_)) {
        let Login { home, shell, id, .. } = login.clone();
        return Ok(User { name: request.caller.clone(), id, group: id, home, shell });
    }
    let id = caller.uid.as_raw();
    let caller = user(&format!("#{id}")).ok_or_else(|| format!("you do not exist in the passwd database ({id})"))?;
    match permission(&login.user, &caller) {
        Permission::Granted => Ok(caller),
        Permission::WithPassword => Err("a password is required".to_owned()),
        Permission::Refused => Err(format!("{} is not in the sudoers file.", caller.name)),
    }
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
