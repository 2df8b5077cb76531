//! What the commands need of this machine: random bytes, threads, the state folder, the user's name.

use std::fs::File;
use std::io::Read as _;

use super::error::CommandError;
use crate::journal::{StateDir, state_dir};

/// Random bytes from the system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], CommandError> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| CommandError::local(format!("cannot read /dev/urandom: {error}")))?;
    Ok(bytes)
}

/// A run on one host opens fewer files and sockets than this at once.
const DESCRIPTORS: usize = 32;

/// The runtime for everything asynchronous. Two threads are enough: the work is waiting.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    // Tokio panics if it cannot open its files, so make sure first that there is room for them.
    let files: Result<Vec<_>, _> = (0..DESCRIPTORS).map(|_| File::open("/dev/null")).collect();
    if let Err(error) = files {
        let message = format!("this process may not open {DESCRIPTORS} files at once: {error}");
        return Err(CommandError::local(message).hint("raise the limit with `ulimit -n 256`; nothing was sent"));
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(2)
        .build()
        .map_err(|error| CommandError::local(format!("cannot start threads: {error}")))
}

/// The state folder, which holds the journals.
pub(super) fn state() -> Result<StateDir, CommandError> {
    let dir = state_dir(|name| std::env::var_os(name)).ok_or_else(|| {
        CommandError::local("there is no place for the journal: HOME is not set").hint("set PINBOOT_STATE_DIR")
    })?;
    Ok(StateDir::open(&dir)?)
}

/// The name of the user who runs this program.
pub(super) fn local_user() -> String {
    let from_env =
        ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    from_env.unwrap_or_else(|| {
        // Cron sets neither variable: the user database has the name of the user id.
        let uid = rustix::process::getuid().as_raw().to_string();
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let mut fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let user = fields.find(|fields| fields.get(2) == Some(&uid.as_str())).map(|fields| fields[0].to_owned());
        user.unwrap_or(uid)
    })
}
