//! The files of this machine that the steps of a plan send.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use crate::engine::LocalFiles;
use crate::kinds::{LocalFile, Tree};
use crate::local::open_at;
use crate::plan::{Action, Plan};

/// What a plan sends, by digest.
#[derive(Debug)]
pub(super) struct SentFiles {
    trees: Vec<Arc<Tree>>,
    /// The tree and the entry of each.
    places: HashMap<String, (usize, usize)>,
}

/// The files that the steps of a plan send; none where none does.
pub(super) fn sent_files(plan: &Plan) -> Option<Arc<dyn LocalFiles>> {
    let upload = |action: &Action| match action {
        Action::Apply(spec) => spec.recipe.upload().map(|upload| Arc::clone(&upload.tree)),
        Action::Skip { .. } => None,
    };
    let trees: Vec<Arc<Tree>> = plan.steps.iter().filter_map(|step| upload(&step.action)).collect();
    if trees.is_empty() {
        return None;
    }
    let places = trees
        .iter()
        .enumerate()
        .flat_map(|(of, tree)| tree.files().enumerate().map(move |(at, file)| (file.digest.clone(), (of, at))));
    let places = places.collect();
    Some(Arc::new(SentFiles { trees, places }))
}

impl SentFiles {
    fn find(&self, digest: &str) -> Option<&LocalFile> {
        let (of, at) = *self.places.get(digest)?;
        self.trees.get(of)?.files().nth(at)
    }
}

impl LocalFiles for SentFiles {
    fn has(&self, digest: &str) -> bool {
        self.places.contains_key(digest)
    }

    fn open(&self, digest: &str, offset: u64) -> Result<Box<dyn Read + Send>, String> {
        let file = self.find(digest).ok_or_else(|| "it is not in the playbook".to_owned())?;
        open_at(file, offset)
    }
}
