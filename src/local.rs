//! Files and folders of this machine that a run sends: what is in them, and their bytes.

#![expect(clippy::disallowed_methods, reason = "edge: reads local files and folders")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use crate::ids::hex;
use crate::kinds::{LocalEntry, LocalFile, LocalSort, Tree, leaves_out};

/// The most entries that a folder may have.
const MAX_ENTRIES: usize = 100_000;
/// The most bytes that its files may have.
const MAX_BYTES: u64 = 1 << 40;
/// The most folders within each other.
const MAX_DEPTH: usize = 100;
/// How many faults of a folder are named.
const MAX_FAULTS: usize = 10;

/// Opening waits for nothing, and makes no terminal ours.
const NO_WAIT: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY);

/// Reads what a path leads to; `shown` is the path as the playbook has it, and `exclude` says which entries of a folder are left out.
///
/// # Errors
/// What is wrong with it, each fault with the path that it is about.
pub fn read_tree(path: &Path, shown: &str, exclude: &[String]) -> Result<Tree, Vec<String>> {
    let found = fs::metadata(path).map_err(|error| vec![error.to_string()])?;
    let mut reader = Reader { exclude, entries: Vec::new(), faults: Vec::new(), bytes: 0 };
    if found.is_dir() {
        reader.entries.push(LocalEntry { name: String::new(), mode: mode(&found), sort: LocalSort::Folder });
        reader.folder(path, "", 0);
    } else {
        match file(path) {
            Ok((file, mode)) => {
                reader.entries.push(LocalEntry { name: String::new(), mode, sort: LocalSort::File(file) });
            }
            Err(why) => reader.faults.push(why),
        }
    }
    if !reader.faults.is_empty() {
        let more = reader.faults.len().saturating_sub(MAX_FAULTS);
        reader.faults.truncate(MAX_FAULTS);
        if more > 0 {
            reader.faults.push(format!("{more} more entries cannot be sent"));
        }
        return Err(reader.faults);
    }
    Ok(Tree { path: shown.to_owned(), is_folder: found.is_dir(), entries: reader.entries })
}

struct Reader<'a> {
    exclude: &'a [String],
    entries: Vec<LocalEntry>,
    faults: Vec<String>,
    bytes: u64,
}

impl Reader<'_> {
    /// Reads a folder whose path from the top is `below`, in the order of names.
    fn folder(&mut self, path: &Path, below: &str, depth: usize) {
        let listed = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<fs::DirEntry>>>);
        let mut listed = match listed {
            Ok(listed) => listed,
            Err(error) => return self.fault(below, &format!("the folder cannot be read: {error}")),
        };
        listed.sort_by_key(fs::DirEntry::file_name);
        for entry in listed {
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                let shown = name.to_string_lossy().into_owned();
                self.fault(&join(below, &shown), "its name is not UTF-8");
                continue;
            };
            let name = join(below, name);
            if leaves_out(self.exclude, &name) {
                continue;
            }
            if name.contains(['\n', '\r', '\0', '\x1e']) {
                self.fault(&name, "its name holds a line feed or another control character");
                continue;
            }
            if self.entries.len() >= MAX_ENTRIES {
                return self.too_much(&format!("it has more than {MAX_ENTRIES} entries"));
            }
            self.entry(&entry.path(), name, depth);
            if self.bytes > MAX_BYTES {
                return self.too_much("it has more than 1 TiB of files");
            }
        }
    }

    fn entry(&mut self, path: &Path, name: String, depth: usize) {
        let found = match fs::symlink_metadata(path) {
            Ok(found) => found,
            Err(error) => return self.fault(&name, &error.to_string()),
        };
        if found.is_symlink() {
            let held = fs::read_link(path).ok().and_then(|held| held.into_os_string().into_string().ok());
            match held.filter(|held| !held.contains(['\n', '\r', '\x1e'])) {
                Some(held) => self.entries.push(LocalEntry { name, mode: 0o777, sort: LocalSort::Link(held) }),
                None => self.fault(&name, "what this link holds is not one line of UTF-8"),
            }
        } else if found.is_dir() {
            if depth >= MAX_DEPTH {
                return self.fault(&name, "more than 100 folders within each other");
            }
            self.entries.push(LocalEntry { name: name.clone(), mode: mode(&found), sort: LocalSort::Folder });
            self.folder(path, &name, depth + 1);
        } else {
            match file(path) {
                Ok((file, mode)) => {
                    self.bytes = self.bytes.saturating_add(file.size);
                    self.entries.push(LocalEntry { name, mode, sort: LocalSort::File(file) });
                }
                Err(why) => self.fault(&name, &why),
            }
        }
    }

    fn fault(&mut self, name: &str, why: &str) {
        let shown: String =
            name.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect();
        self.faults.push(if shown.is_empty() { why.to_owned() } else { format!("{shown}: {why}") });
    }

    fn too_much(&mut self, why: &str) {
        if !self.faults.iter().any(|fault| fault == why) {
            self.faults.push(why.to_owned());
        }
    }
}

fn join(below: &str, name: &str) -> String {
    if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") }
}

fn mode(found: &fs::Metadata) -> u32 {
    found.permissions().mode() & 0o7777
}

/// Reads a regular file once, without holding it in memory.
fn file(path: &Path) -> Result<(LocalFile, u32), String> {
    regular(&fs::metadata(path).map_err(|error| error.to_string())?)?;
    let (mut opened, found) = open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        match opened.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    let after = opened.metadata().map_err(|error| error.to_string())?;
    if size != found.len() || changed(&found) != changed(&after) {
        return Err("it changes while it is read".to_owned());
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Ok((LocalFile { path, size, digest: hex(&hasher.finalize()) }, mode(&found)))
}

/// When a file was changed, and how long it was then.
fn changed(found: &fs::Metadata) -> (i64, i64, u64) {
    (found.mtime(), found.mtime_nsec(), found.len())
}

/// Opens a regular file. What takes its place in the meantime is refused as well.
fn open(path: &Path) -> Result<(File, fs::Metadata), String> {
    let options = OpenOptions::new().read(true).custom_flags(NO_WAIT.bits().cast_signed()).open(path);
    let opened = options.map_err(|error| error.to_string())?;
    let found = opened.metadata().map_err(|error| error.to_string())?;
    regular(&found)?;
    Ok((opened, found))
}

fn regular(found: &fs::Metadata) -> Result<(), String> {
    let sort = found.file_type();
    let what = match sort {
        sort if sort.is_file() => return Ok(()),
        sort if sort.is_fifo() => "it is a pipe",
        sort if sort.is_socket() => "it is a socket",
        sort if sort.is_block_device() || sort.is_char_device() => "it is a device",
        _ => "it is not a file",
    };
    Err(format!("{what}; files, folders and links can be sent"))
}

/// Opens a file at an offset, to be sent.
///
/// # Errors
/// It is not there any more, or has another length than when the playbook was compiled.
pub fn open_at(file: &LocalFile, offset: u64) -> Result<Box<dyn Read + Send>, String> {
    let (mut opened, found) = open(&file.path).map_err(|why| format!("it cannot be read any more: {why}"))?;
    if found.len() != file.size {
        return Err(format!(
            "it was changed after the plan was made: it has {} bytes now, and had {}",
            found.len(),
            file.size
        ));
    }
    opened.seek(SeekFrom::Start(offset)).map_err(|error| format!("it cannot be read any more: {error}"))?;
    Ok(Box::new(opened))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_folder_is_read_in_order_with_modes_and_links() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(dir.path().join("b/c")).expect("made");
        fs::write(dir.path().join("b/x"), "abc").expect("written");
        fs::write(dir.path().join("a"), "").expect("written");
        fs::write(dir.path().join("b/x.pyc"), "no").expect("written");
        symlink("../x y", dir.path().join("b/c/l")).expect("a link");
        let tree = read_tree(dir.path(), "t", &["*.pyc".to_owned()]).expect("it can be read");
        let names: Vec<&str> = tree.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["", "a", "b", "b/c", "b/c/l", "b/x"]);
        assert_eq!(tree.entries[4].sort, LocalSort::Link("../x y".to_owned()));
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(tree.files().map(|file| (file.size, file.digest.as_str())).collect::<Vec<_>>()[1], (3, of_abc));
        let file = tree.files().nth(1).expect("it is there");
        let mut rest = String::new();
        open_at(file, 1).expect("opened").read_to_string(&mut rest).expect("read");
        assert_eq!(rest, "bc");
        fs::write(&file.path, "abcd").expect("written");
        let why = open_at(file, 0).err().expect("it has changed");
        assert_eq!(why, "it was changed after the plan was made: it has 4 bytes now, and had 3");
    }

    #[test]
    fn what_cannot_be_sent_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let _socket = UnixListener::bind(dir.path().join("s")).expect("a socket");
        fs::write(dir.path().join("a\nb"), "").expect("written");
        fs::write(dir.path().join("good"), "").expect("written");
        let faults = read_tree(dir.path(), "t", &[]).expect_err("it cannot be sent");
        assert_eq!(
            faults,
            [
                "a\\nb: its name holds a line feed or another control character",
                "s: it is a socket; files, folders and links can be sent"
            ]
        );
        let faults = read_tree(&dir.path().join("s"), "t", &[]).expect_err("it cannot be sent");
        assert_eq!(faults, ["it is a socket; files, folders and links can be sent"]);
    }
}
