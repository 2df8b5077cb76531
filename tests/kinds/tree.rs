//! Everything in a home, to be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use pinboot::ids::Digest;

/// Everything in a home: path to what it is.
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
}

impl Tree {
    /// Everything in a home but pinboot's own record.
    pub(crate) fn of(home: &Path) -> Self {
        let mut tree = BTreeMap::new();
        walk(home, home, &mut tree);
        Self(tree)
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

fn walk(home: &Path, place: &Path, tree: &mut BTreeMap<String, Thing>) {
    let meta = place.symlink_metadata().expect("metadata");
    let relative = place.strip_prefix(home).expect("inside the home").display().to_string();
    let (kind, content) = if meta.is_dir() {
        ('d', String::new())
    } else if meta.is_symlink() {
        let target = fs::read_link(place).expect("a link").display().to_string();
        ('l', target.replace(&home.display().to_string(), "~"))
    } else if !meta.is_file() {
        // A pipe would be waited for, and a device may have no end.
        ('s', format!("{:o} {}", meta.mode(), meta.rdev()))
    } else {
        // Two hosts are the same although each has a path of its own.
        let own = home.parent().expect("a parent").display().to_string();
        let bytes = match String::from_utf8(fs::read(place).expect("a file")) {
            Ok(text) => text.replace(&own, "@").into_bytes(),
            Err(binary) => binary.into_bytes(),
        };
        ('f', Digest::of(&bytes).to_string())
    };
    let thing = Thing {
        kind,
        mode: if kind == 'l' { 0 } else { meta.mode() & 0o7777 },
        owner: (meta.uid(), meta.gid()),
        content,
        modified: (meta.mtime(), meta.mtime_nsec()),
        inode: meta.ino(),
    };
    tree.insert(if relative.is_empty() { "~".to_owned() } else { format!("~/{relative}") }, thing);
    if meta.is_dir() {
        for entry in fs::read_dir(place).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path != home.join(".pinboot") {
                walk(home, &path, tree);
            }
        }
    }
}
