//! What a path on this machine leads to, as it was when the playbook was compiled: one file, or everything in a folder.

use std::path::PathBuf;

/// A file or a folder of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tree {
    /// The path, as the playbook has it.
    pub path: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// What is in it, a folder before what it holds; the file or the folder itself is the first, without a name.
    pub entries: Vec<LocalEntry>,
}

/// One entry of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalEntry {
    /// Its path from the folder; empty for the folder or the file itself.
    pub name: String,
    /// Its mode.
    pub mode: u32,
    /// What it is.
    pub sort: LocalSort,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LocalSort {
    /// A folder.
    Folder,
    /// A file.
    File(LocalFile),
    /// A symbolic link, with what it holds.
    Link(String),
}

/// A file of this machine, by what it held when the playbook was compiled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalFile {
    /// Where it is.
    pub path: PathBuf,
    /// How many bytes it has.
    pub size: u64,
    /// The SHA-256 of its bytes.
    pub digest: String,
}

impl Tree {
    /// Its files.
    pub fn files(&self) -> impl Iterator<Item = &LocalFile> {
        self.entries.iter().filter_map(|entry| match &entry.sort {
            LocalSort::File(file) => Some(file),
            LocalSort::Folder | LocalSort::Link(_) => None,
        })
    }
}

/// Whether some pattern leaves an entry out. One without a `/` is for its name, wherever it is; one with a `/` for its path from the
/// folder. What is in a folder that is left out is not looked at.
pub fn leaves_out(exclude: &[String], path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    exclude.iter().any(|pattern| {
        let pattern = pattern.trim_end_matches('/');
        match pattern.strip_prefix('/') {
            Some(from_top) => fits(from_top.as_bytes(), path.as_bytes()),
            None if pattern.contains('/') => fits(pattern.as_bytes(), path.as_bytes()),
            None => fits(pattern.as_bytes(), name.as_bytes()),
        }
    })
}

/// Whether a text is what a pattern says: `*` is any characters, also none and `/`. `find` on the host reads it alike.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(byte) if *byte == text[from] => {
                at += 1;
                from += 1;
            }
            _ => match star {
                Some((starred, tried)) => {
                    star = Some((starred, tried + 1));
                    at = starred + 1;
                    from = tried + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_for_names_or_for_paths() {
        for (pattern, path, is_left_out) in [
            ("*.pyc", "a/b.pyc", true),
            ("*.pyc", "b.pyc/x", false),
            (".git", ".git", true),
            (".git", "a/.git", true),
            (".git/", "a/.git", true),
            ("a/b", "a/b", true),
            ("a/b", "c/a/b", false),
            ("/b", "b", true),
            ("/b", "a/b", false),
            ("a/*.log", "a/x.log", true),
            ("*", "x", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
        ] {
            assert_eq!(leaves_out(&[pattern.to_owned()], path), is_left_out, "{pattern} {path}");
        }
    }
}
