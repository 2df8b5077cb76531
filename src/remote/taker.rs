//! The command that gives the files of a step from the host, and what it says.

use super::exec_string::wrap;
use super::identity::Identity;
use super::minify::minified;
use crate::ids::StepId;
use crate::transport::Exec;

const TAKE: &str = include_str!("take.sh");

/// What a step offers: where the index is in what it has written, which is how many bytes stand in front of it, and how many it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The bytes of the files.
    pub files: u64,
    /// The bytes of the index.
    pub index: u64,
}

/// The command that gives what a step offers.
pub fn taker(identity: &Identity, step: StepId, offer: Offer) -> Exec {
    let script = format!(
        "pb_run={} pb_nonce={} pb_taken_step={step} pb_index_first={} pb_index_bytes={}\n{}",
        identity.run,
        identity.nonce,
        offer.files + 1,
        offer.index,
        minified(TAKE)
    );
    Exec { command: wrap(&identity.shell, &[script.as_bytes()]), stdin: Vec::new() }
}

/// What the command says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakerWord {
    /// The index follows, and the bytes are there.
    Index,
    /// The index follows, and the bytes are gone: they have been taken.
    Took,
    /// Neither is there.
    None,
}

/// Finds the first word of the command behind whatever a login prints: the word, and how many bytes end with it.
pub fn taker_word(nonce: &str, output: &[u8]) -> Option<(TakerWord, usize)> {
    let mark = format!("\x1epb:{nonce} ").into_bytes();
    let from = output.windows(mark.len()).position(|found| found == mark)? + mark.len();
    let words: [(&[u8], TakerWord); 3] =
        [(b"index\x1e\n", TakerWord::Index), (b"took\x1e\n", TakerWord::Took), (b"none\x1e\n", TakerWord::None)];
    words
        .into_iter()
        .find(|(word, _)| output[from..].starts_with(word))
        .map(|(word, meaning)| (meaning, from + word.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_found_behind_what_a_login_prints() {
        let output = b"Welcome!\nhalf a line \x1epb:abc index\x1e\nd .\n";
        assert_eq!(taker_word("abc", output), Some((TakerWord::Index, output.len() - 4)));
        assert_eq!(taker_word("abd", output), None);
        assert_eq!(taker_word("abc", b"\x1epb:abc inde"), None);
        assert_eq!(taker_word("abc", b"\x1epb:abc none\x1e\n"), Some((TakerWord::None, 14)));
    }
}
