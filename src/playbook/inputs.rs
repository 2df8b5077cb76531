//! What a playbook is read with: the command line, the environment and the local files.

use std::collections::BTreeMap;
use std::fmt;

use crate::flags::Flags;
use crate::lock::Lock;
use crate::render::Loader;

/// Gives the whole path for a path on this machine, as a playbook has it, and where that is wanted what is there already, as
/// [`crate::kinds::Takes`] has it.
pub(super) type FindTarget = dyn Fn(&str, bool) -> Result<(String, String), String>;

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
}

impl Inputs {
    /// Inputs that add nothing.
    pub fn new(local_user: impl Into<String>, loader: impl Fn(&str) -> Result<Vec<u8>, String> + 'static) -> Self {
        Self {
            flags: Flags::default(),
            vars_files: Vec::new(),
            local_user: local_user.into(),
            env: BTreeMap::new(),
            lock: Lock::default(),
            loader: Box::new(loader),
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
