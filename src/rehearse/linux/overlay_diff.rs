//! Which paths of the host changed: the store's files now, compared with those at the last state.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::ids;
use super::places::OWN;
use super::root::Root;
use super::users::OwnerNames;
use crate::ids::{Digest, hex};
use crate::rehearse::changes::{ChangedPath, PathKind};

/// What is compared to find out whether a path was written to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PathState {
    kind: PathKind,
    mode: u32,
    owner: (u32, u32),
    size: u64,
    inode: u64,
    changed: (i64, i64),
}

/// The state of every path of the store at one moment.
#[derive(Debug, Default)]
pub(super) struct Snapshot(BTreeMap<String, (PathState, PathBuf)>);

impl Snapshot {
    /// Reads the state of every path of the store.
    pub(super) fn take(root: &Root) -> io::Result<Self> {
        let store = root.store();
        let mut out = Self::default();
        // These are mounts, or belong to the rehearsal itself.
        let ignored: Vec<&str> = root.overlaid().chain(["proc", "sys", "dev", OWN.trim_start_matches('/')]).collect();
        out.walk(&store.join("root"), "", &ignored)?;
        for name in root.overlaid() {
            out.walk(&store.join("upper").join(name), &format!("/{name}"), &[])?;
        }
        out.walk(&store.join("shm"), "/dev/shm", &[])?;
        Ok(out)
    }

    fn walk(&mut self, directory: &Path, shown: &str, ignored: &[&str]) -> io::Result<()> {
        let entries = match fs::read_dir(directory) {
            // A directory may be removed before it is read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        for entry in entries {
            let entry = entry?;
            let path = format!("{shown}/{}", escaped(entry.file_name().as_bytes()));
            if ignored.contains(&path.trim_start_matches('/')) {
                continue;
            }
            let meta = match entry.metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            let kind = match meta.file_type() {
                kind if kind.is_file() => PathKind::File,
                kind if kind.is_dir() => PathKind::Directory,
                kind if kind.is_symlink() => PathKind::Link,
                // An overlay marks a removed file of the machine with such a device.
                kind if kind.is_char_device() && meta.rdev() == 0 => PathKind::Gone,
                _ => PathKind::Other,
            };
            let owner = (meta.uid(), meta.gid());
            let mut state = PathState { kind, mode: meta.mode() & 0o7777, owner, size: 0, inode: 0, changed: (0, 0) };
            if kind != PathKind::Directory && kind != PathKind::Gone {
                state.size = if kind == PathKind::File { meta.len() } else { 0 };
                state.inode = meta.ino();
                state.changed = (meta.ctime(), meta.ctime_nsec());
            }
            if kind == PathKind::Directory {
                self.walk(&entry.path(), &path, ignored)?;
            }
            self.0.insert(path, (state, entry.path()));
        }
        Ok(())
    }

    /// The paths that changed since an earlier snapshot, ordered by path.
    pub(super) fn since(&self, earlier: &Self, root: &Root) -> io::Result<Vec<ChangedPath>> {
        let mut out = Vec::new();
        let names = ids::are_many().then(OwnerNames::read);
        for (path, (state, real)) in &self.0 {
            if earlier.0.get(path).is_some_and(|(before, _)| before == state) {
                continue;
            }
            if state.kind == PathKind::Directory
                && !earlier.0.contains_key(path)
                && root.machine_has_directory(path, state.mode, state.owner)
            {
                continue;
            }
            let sha256 = match state.kind {
                PathKind::File => match digest(real) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    other => Some(other?),
                },
                PathKind::Link => fs::read_link(real).ok().map(|aim| Digest::of(aim.as_os_str().as_bytes())),
                _ => None,
            };
            let mode = if state.kind == PathKind::Gone { 0 } else { state.mode };
            let owner = names.as_ref().filter(|_| state.kind != PathKind::Gone);
            out.push(ChangedPath {
                path: path.clone(),
                kind: state.kind,
                mode,
                owner: owner.map(|names| names.user(state.owner.0)),
                group: owner.map(|names| names.group(state.owner.1)),
                size: state.size,
                sha256,
            });
        }
        for (path, (before, _)) in &earlier.0 {
            if before.kind != PathKind::Gone && !self.0.contains_key(path) {
                out.push(ChangedPath::gone(path.clone()));
            }
        }
        out.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(out)
    }
}

fn digest(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            length => hash.update(&buffer[..length]),
        }
    }
    Ok(Digest::from_hash(hash.finalize().into()))
}

/// A file name as text that is safe to print: invalid UTF-8, control characters, characters that hide or reorder others,
/// and backslashes are escaped.
fn escaped(name: &[u8]) -> String {
    let mut out = String::new();
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            let misleading = matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
            if character.is_control() || misleading || character == '\\' {
                out.extend(character.escape_default());
            } else {
                out.push(character);
            }
        }
        for byte in chunk.invalid() {
            out.push_str("\\x");
            out.push_str(&hex(&[*byte]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misleading_characters_of_a_name_are_escaped() {
        assert_eq!(escaped("käse 1.txt".as_bytes()), "käse 1.txt");
        assert_eq!(escaped(b"a\x1b[31m\n\\\xff"), "a\\u{1b}[31m\\n\\\\\\xff");
        assert_eq!(escaped("a\u{202e}b".as_bytes()), "a\\u{202e}b");
    }
}
