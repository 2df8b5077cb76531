//! A known error, as a kind declares it.

/// The sentence about a full disk, which every program has other words for.
pub(super) const FULL: &str =
    "The host's disk is full: `df -h` shows where; remove old archives or give the volume more room.";

/// A known error.
#[derive(Clone, Copy, Debug)]
pub struct Cause {
    /// What must be in the output, all of it; in lower case, which the output is taken in.
    pub words: &'static [&'static str],
    /// What it means, and what to do.
    pub sentence: &'static str,
}

impl Cause {
    /// Whether the output, which is in lower case, shows this cause.
    pub(super) fn fits(&self, output: &str) -> bool {
        self.words.iter().all(|words| output.contains(words))
    }

    /// How much of the output it accounts for.
    pub(super) fn weight(&self) -> usize {
        self.words.iter().map(|words| words.len()).sum()
    }
}
