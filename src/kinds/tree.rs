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
    pub entries: Vec<Entry>,
}

/// One entry of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Its path from the folder; empty for the folder or the file itself.
    pub name: String,
    /// Its mode.
    pub mode: u32,
    /// What it is.
    pub sort: Sort,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sort {
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
            Sort::File(file) => Some(file),
            Sort::Folder | Sort::Link(_) => None,
        })
    }
}
