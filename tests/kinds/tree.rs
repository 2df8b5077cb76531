//! Everything in a home, and everything that was written to a private root, to be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use pinboot::ids::Digest;

/// Everything in a home, and in the layer of a private root: path to what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree(pub(crate) BTreeMap<String, Thing>);

/// A file, folder or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thing {
    pub(crate) kind: char,
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
    /// What a link leads to, or the digest of a file's bytes.
    pub(crate) content: String,
    pub(crate) modified: (i64, i64),
    pub(crate) inode: u64,
    /// In a private root: the machine below it has the same, written again or not.
    pub(crate) is_below: bool,
}

impl Tree {
    /// Of a host whose own folder is `own`: everything in its home and in the layers of a private root but pinboot's own record.
    pub(crate) fn of(home: &Path, layers: &[(PathBuf, &str)], own: &Path) -> Self {
        let mut walk = Walk { base: home, name: "~".to_owned(), own, tree: BTreeMap::new() };
        walk.add(home);
        for (layer, name) in layers {
            walk.name = if name.is_empty() { String::new() } else { format!("/{name}") };
            walk.base = layer;
            walk.add_entries(layer);
        }
        Self(walk.tree)
    }

    /// One path as it is now, which this machine sees in another place.
    pub(crate) fn thing(place: &Path, own: &Path) -> Option<Thing> {
        place.symlink_metadata().ok().map(|_| thing(place, own))
    }

    /// What differs in another tree, one line each; with `times`, also where only the time of the last change does.
    pub(crate) fn differences(&self, other: &Self, times: bool) -> String {
        let mut out = String::new();
        let paths: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        for path in paths {
            let show = |thing: &Thing| {
                let (user, group) = thing.owner;
                format!("{}{:04o} {user}:{group} {}", thing.kind, thing.mode, thing.content)
            };
            match (self.0.get(path), other.0.get(path)) {
                (Some(first), Some(second)) if show(first) != show(second) => {
                    let _ = writeln!(out, "  {path}: {} -> {}", show(first), show(second));
                }
                (Some(first), Some(second)) if times && first.modified != second.modified => {
                    let _ = writeln!(out, "  {path}: written again");
                }
                (Some(_), Some(_)) | (None, None) => {}
                (Some(only), None) | (None, Some(only)) if !times && only.is_below => {}
                (Some(first), None) => {
                    let _ = writeln!(out, "  {path}: {} -> nothing", show(first));
                }
                (None, Some(second)) => {
                    let _ = writeln!(out, "  {path}: nothing -> {}", show(second));
                }
            }
        }
        out
    }

    /// Private folders and half-written files that were left behind.
    pub(crate) fn leftovers(&self) -> Vec<&str> {
        let is_leftover = |path: &&String| path.rsplit('/').next().is_some_and(|name| name.contains(".pinboot-"));
        self.0.keys().filter(is_leftover).map(String::as_str).collect()
    }
}

/// Goes through folders, and names what it finds there.
struct Walk<'a> {
    base: &'a Path,
    /// What stands for the base.
    name: String,
    /// The folder of the host, which has a path of its own.
    own: &'a Path,
    tree: BTreeMap<String, Thing>,
}

/// Pinboot's own records.
const RECORDS: &[&str] = &["~/.pinboot", "/root/.pinboot", "/run/pinboot"];

impl Walk<'_> {
    fn add(&mut self, place: &Path) {
        let relative = place.strip_prefix(self.base).expect("inside the base").display().to_string();
        let name = if relative.is_empty() { self.name.clone() } else { format!("{}/{relative}", self.name) };
        if RECORDS.contains(&name.as_str()) {
            return;
        }
        let mut found = thing(place, self.own);
        if name.starts_with('/') {
            // A private root has this machine's own files below it, but for the folders that are empty at first.
            let below = Tree::thing(Path::new(&name), self.own)
                .filter(|_| !["/run/", "/tmp/", "/proc/"].iter().any(|empty| name.starts_with(empty)));
            found.is_below = below.is_some_and(|below| below.is_like(&found));
        }
        let is_folder = found.kind == 'd';
        self.tree.insert(name, found);
        if is_folder {
            self.add_entries(place);
        }
    }

    fn add_entries(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).expect("a folder") {
            self.add(&entry.expect("an entry").path());
        }
    }
}

impl Thing {
    fn is_like(&self, other: &Self) -> bool {
        (self.kind, self.mode, self.owner, &self.content) == (other.kind, other.mode, other.owner, &other.content)
    }
}

fn thing(place: &Path, own: &Path) -> Thing {
    let meta = place.symlink_metadata().expect("metadata");
    let own = own.display().to_string();
    let (kind, content) = if meta.is_dir() {
        ('d', String::new())
    } else if meta.is_symlink() {
        let target = fs::read_link(place).expect("a link").display().to_string();
        ('l', target.replace(&format!("{own}/the user's home"), "~"))
    } else if meta.file_type().is_char_device() && meta.rdev() == 0 {
        ('-', "removed".to_owned())
    } else if !meta.is_file() {
        // A pipe would be waited for, and a device may have no end.
        ('s', format!("{:o} {}", meta.mode(), meta.rdev()))
    } else {
        // Two hosts are the same although each has a path of its own.
        let bytes = match String::from_utf8(fs::read(place).expect("a file")) {
            Ok(text) => text.replace(&own, "@").into_bytes(),
            Err(binary) => binary.into_bytes(),
        };
        ('f', Digest::of(&bytes).to_string())
    };
    Thing {
        kind,
        mode: if kind == 'l' { 0 } else { meta.mode() & 0o7777 },
        owner: (meta.uid(), meta.gid()),
        content,
        modified: (meta.mtime(), meta.mtime_nsec()),
        inode: meta.ino(),
        is_below: false,
    }
}
