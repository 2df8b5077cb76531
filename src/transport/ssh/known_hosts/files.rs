//! The known_hosts files on disk; every error refuses the host.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, FlockOperation, OFlags};

use super::host_key::HostPublicKey;
use super::lookup::{KeyJudgement, KnownHostsFile, ListedKeys};
use crate::transport::ssh::sanitize;
use crate::transport::{Error, ErrorKind};

/// The largest known_hosts file that is read.
const MAX_SIZE: u64 = 64 * 1024 * 1024;

/// Reads the files that exist; one that exists but cannot be read refuses every host.
pub(crate) fn read_all<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Result<Vec<KnownHostsFile>, Error> {
    let mut files = Vec::new();
    for path in paths {
        match read(path) {
            Ok(bytes) => files.push(KnownHostsFile { path: path.clone(), bytes }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let message = format!("the known hosts file {} cannot be read: {error}", sanitize::path(path));
                let hint = "without it a changed or revoked key cannot be recognized; fix the file or name another one \
                            with --known-hosts";
                return Err(Error::new(ErrorKind::HostKey, message).with_hint(hint));
            }
        }
    }
    Ok(files)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    let stat = rustix::fs::fstat(&file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        // /dev/null is the usual way to name no file.
        FileType::RegularFile | FileType::CharacterDevice => {}
        FileType::Directory => return Err(io::Error::other("it is a directory")),
        _ => return Err(io::Error::other("it is not a regular file")),
    }
    let mut bytes = Vec::new();
    file.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(io::Error::other("it is larger than 64 MiB"));
    }
    Ok(bytes)
}

/// The result of adding a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Learned {
    /// The line is in the file and synced.
    Added,
    /// Another process has just added it.
    AlreadyThere,
    /// Another process has just added another key for this name.
    Conflict(KeyJudgement),
}

/// Adds a line for a host, unless another process has added one since the file was read.
///
/// The file is locked meanwhile, so runs that add keys at the same time do not damage each other's lines. A line that
/// cannot be written completely is removed again.
pub(crate) fn learn(path: &Path, name: &str, key: &HostPublicKey) -> Result<Learned, Error> {
    let failed = |what: &str| {
        let message = format!(
            "the host key of {} cannot be added to {}: {what}",
            sanitize::escaped(name.as_bytes(), 300),
            sanitize::path(path)
        );
        Error::new(ErrorKind::Local, message).with_hint("free some space or fix the file's permissions, then run again")
    };
    // Such a name would be read as a pattern, a list or two lines.
    if name.is_empty() || name.chars().any(|c| c.is_control() || c.is_whitespace() || ",*?!|#@\"'\\".contains(c)) {
        return Err(failed("the name has characters with a special meaning there"));
    }
    append(path, name, key).map_err(|error| failed(&error.to_string()))
}

fn append(path: &Path, name: &str, key: &HostPublicKey) -> io::Result<Learned> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice {
        // The user who names /dev/null wants no key to be remembered.
        return Ok(Learned::AlreadyThere);
    }
    rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
    let mut bytes = Vec::new();
    file.rewind()?;
    (&mut file).take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
    let length = bytes.len() as u64;
    let torn = bytes.last().is_some_and(|byte| *byte != b'\n');
    let files = [KnownHostsFile { path: path.to_owned(), bytes }];
    match ListedKeys::lookup(name, &files).judge(key) {
        KeyJudgement::New => {}
        KeyJudgement::Match => return Ok(Learned::AlreadyThere),
        judgement => return Ok(Learned::Conflict(judgement)),
    }
    let line = format!("{}{name} {}\n", if torn { "\n" } else { "" }, key.words());
    if let Err(error) = file.write_all(line.as_bytes()).and_then(|()| file.sync_all()) {
        // If this fails as well, the next writer starts a new line after the incomplete one.
        let _ = file.set_len(length);
        return Err(error);
    }
    if length == 0
        && let Some(parent) = parent
    {
        File::open(parent)?.sync_all()?;
    }
    Ok(Learned::Added)
}
