//! What is below a target here already, for a plan.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use super::place::WORK;
use crate::ids::hex;

/// The most entries of a folder that a plan names.
const MAX_ENTRIES: usize = 200_000;
/// The most bytes of a plan that say what is here.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// A target here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalTree {
    /// Its whole path.
    pub path: String,
    /// What is there: `f MODE SIZE DIGEST PATH`, `d PATH`, or `o PATH` for what is neither, with a tab behind each. The target itself is
    /// called `.`.
    pub entries: String,
}

/// Reads what is at a whole path. A link that the target itself is leads to a folder; those below it are not followed.
///
/// # Errors
/// Something there cannot be read.
pub fn read(path: &Path) -> Result<LocalTree, String> {
    let Some(name) = path.to_str() else { return Err("the path is not UTF-8".to_owned()) };
    if path.file_name().is_none() {
        return Err("it names no file and no folder".to_owned());
    }
    let mut tree = LocalTree { path: name.to_owned(), entries: String::new() };
    let say = |at: &Path, error: &io::Error| format!("{}: {error}", at.display());
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(tree),
        found => found.map_err(|error| say(path, &error))?,
    };
    if found.is_file() {
        tree.entries = file_line(path, ".").map_err(|error| say(path, &error))?;
    } else if fs::metadata(path).is_ok_and(|there| there.is_dir()) {
        tree.entries = folder(path)?;
    } else {
        "o .\t".clone_into(&mut tree.entries);
    }
    Ok(tree)
}

fn folder(root: &Path) -> Result<String, String> {
    let mut entries = "d .\t".to_owned();
    let mut open = vec![(root.to_owned(), String::new())];
    let mut count = 0;
    while let Some((path, prefix)) = open.pop() {
        let say = |at: &Path, error: &io::Error| format!("{}: {error}", at.display());
        for entry in fs::read_dir(&path).map_err(|error| say(&path, &error))? {
            let entry = entry.map_err(|error| say(&path, &error))?;
            // The host has no such names either: it refuses them.
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.chars().any(char::is_control) || name.starts_with(WORK) {
                continue;
            }
            count += 1;
            if count > MAX_ENTRIES || entries.len() > MAX_BYTES {
                return Err(format!(
                    "{} holds more than {MAX_ENTRIES} files; give a folder of its own",
                    root.display()
                ));
            }
            let (at, below) = (path.join(&name), format!("{prefix}{name}"));
            let sort = entry.file_type().map_err(|error| say(&at, &error))?;
            if sort.is_file() {
                entries.push_str(&file_line(&at, &below).map_err(|error| say(&at, &error))?);
            } else if sort.is_dir() {
                entries.push_str(&format!("d {below}\t"));
                open.push((at, format!("{below}/")));
            } else {
                entries.push_str(&format!("o {below}\t"));
            }
        }
    }
    Ok(entries)
}

fn file_line(path: &Path, name: &str) -> io::Result<String> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let mut file = match fs::OpenOptions::new().read(true).custom_flags(flags).open(path) {
        // What cannot be read is not what is wanted; it may be replaced.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(format!("f 0000 0 - {name}\t")),
        opened => opened?,
    };
    let found = file.metadata()?;
    if !found.is_file() {
        return Ok(format!("o {name}\t"));
    }
    let (size, digest) = digest_of(&mut file)?;
    Ok(format!("f {:04o} {size} {digest} {name}\t", found.permissions().mode() & 0o7777))
}

/// How many bytes a file has from here on, and their SHA-256.
pub(super) fn digest_of(file: &mut fs::File) -> io::Result<(u64, String)> {
    let (mut sum, mut size) = (Sha256::new(), 0);
    let mut piece = vec![0; 128 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok((size, hex(&sum.finalize()))),
            bytes => {
                sum.update(&piece[..bytes]);
                size += bytes as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_is_listed_and_links_in_it_are_not_followed() {
        let home = tempfile::tempdir().expect("a folder");
        let at = |name: &str| home.path().join(name);
        assert_eq!(read(&at("none")).expect("it is read").entries, "");
        fs::create_dir_all(at("t/sub")).expect("it is made");
        fs::write(at("t/sub/a"), "x").expect("it is written");
        fs::set_permissions(at("t/sub/a"), fs::Permissions::from_mode(0o640)).expect("it is set");
        symlink("/etc", at("t/link")).expect("it is made");
        fs::write(at(&format!("t/{WORK}1")), "x").expect("it is written");
        let tree = read(&at("t")).expect("it is read");
        let mut lines: Vec<&str> = tree.entries.split_terminator('\t').collect();
        lines.sort_unstable();
        let digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
        assert_eq!(lines, ["d .", "d sub", &format!("f 0640 1 {digest} sub/a"), "o link"]);
        assert_eq!(std::path::PathBuf::from(&tree.path), at("t"));
        symlink(at("t/sub/a"), at("other")).expect("it is made");
        assert_eq!(read(&at("other")).expect("it is read").entries, "o .\t");
        assert!(read(&at("..")).is_err());
    }
}
