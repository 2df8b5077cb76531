//! What a playbook is read with: the command line, the environment and the local files.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use crate::flags::Flags;
use crate::ids::Digest;
use crate::kinds::{LocalEntry, LocalFile, LocalSort, Tree};
use crate::lock::Lock;
use crate::render::Loader;

/// Gives the whole path for a path on this machine, as a playbook has it, and where that is wanted what is there already, as
/// [`crate::kinds::Takes`] has it.
pub(super) type FindTarget = dyn Fn(&str, bool) -> Result<(String, String), String>;

/// How what a local path leads to is read: the path, and the patterns of what is left out. The error names each fault.
pub type TreeReader = dyn Fn(&str, &[String]) -> Result<Arc<Tree>, Vec<String>>;

/// What the command line and the surroundings add to a playbook.
pub struct Inputs {
    /// What the user gave on the command line.
    pub flags: Flags,
    /// The files of `--vars-file`, in order: each file's name and its bytes.
    pub vars_files: Vec<(String, Vec<u8>)>,
    /// The user of this machine: the login user where nothing else is given.
    pub local_user: String,
    /// The environment of this machine.
    pub env: BTreeMap<String, String>,
    /// The digests that are locked beside the playbook.
    pub lock: Lock,
    /// How local files are read.
    pub loader: Box<Loader>,
    /// How the place is found that a step writes to here.
    pub find_target: Box<FindTarget>,
    /// How local folders are read, and files that are not held in memory.
    pub trees: Box<TreeReader>,
}

impl Inputs {
    /// Inputs that add nothing. Without another reader of folders, each path is that of a file, or of a folder of
    /// nothing but that file where something is left out.
    pub fn new(local_user: impl Into<String>, loader: impl Fn(&str) -> Result<Vec<u8>, String> + 'static) -> Self {
        let loader = Rc::new(loader);
        let of_trees = Rc::clone(&loader);
        Self {
            flags: Flags::default(),
            vars_files: Vec::new(),
            local_user: local_user.into(),
            env: BTreeMap::new(),
            lock: Lock::default(),
            loader: Box::new(move |path: &str| loader(path)),
            trees: Box::new(move |path, exclude| one_file(path, exclude, &of_trees(path).map_err(|why| vec![why])?)),
            find_target: Box::new(|path, _| Ok((path.to_owned(), String::new()))),
        }
    }
}

impl fmt::Debug for Inputs {
    /// Leaves values and environment out: secrets may be among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Flags { host, limit, .. } = &self.flags;
        f.debug_struct("Inputs").field("host", host).field("limit", limit).finish_non_exhaustive()
    }
}

/// A tree of one file with these bytes, or a folder with it in it.
#[expect(clippy::unnecessary_wraps, reason = "the form of a reader")]
fn one_file(path: &str, exclude: &[String], bytes: &[u8]) -> Result<Arc<Tree>, Vec<String>> {
    let digest = Digest::of(bytes).as_str().to_owned();
    let file = LocalFile { path: PathBuf::from(path), size: bytes.len() as u64, digest };
    let entry = |name: &str, mode, sort| LocalEntry { name: name.to_owned(), mode, sort };
    let entries = if exclude.is_empty() {
        vec![entry("", 0o644, LocalSort::File(file))]
    } else {
        vec![entry("", 0o755, LocalSort::Folder), entry("file", 0o644, LocalSort::File(file))]
    };
    Ok(Arc::new(Tree { path: path.to_owned(), is_folder: !exclude.is_empty(), entries }))
}
