//! A step's own word on how far it is: `RS progress BYTES TOTAL RS newline` in its output.
//!
//! Any program of the step can print it, and bends the step's own progress with it, and nothing else.

use crate::remote::output_word::{OutputWord, RS, output_word};

/// A part of a step's output.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OutputPart {
    /// What it prints.
    Text(Vec<u8>),
    /// How many bytes it has, and of how many; 0 where that is not known.
    Progress(u64, u64),
}

/// Takes these words out of an output, whatever its chunks.
#[derive(Debug, Default)]
pub(super) struct ProgressWords {
    /// What may be the beginning of one.
    held: Vec<u8>,
}

impl ProgressWords {
    /// Takes the next bytes.
    pub(super) fn push(&mut self, raw: &[u8]) -> Vec<OutputPart> {
        self.held.extend_from_slice(raw);
        let mut parts = Vec::new();
        let mut text = Vec::new();
        let bytes = std::mem::take(&mut self.held);
        let mut rest = bytes.as_slice();
        while let Some(at) = rest.iter().position(|byte| *byte == RS) {
            text.extend_from_slice(&rest[..at]);
            rest = &rest[at..];
            match output_word(rest, "progress ", numbers) {
                OutputWord::Whole { value: (bytes, total), length } => {
                    if !text.is_empty() {
                        parts.push(OutputPart::Text(std::mem::take(&mut text)));
                    }
                    parts.push(OutputPart::Progress(bytes, total));
                    rest = &rest[length..];
                }
                OutputWord::Cut => {
                    self.held = rest.to_vec();
                    rest = &[];
                }
                OutputWord::Other => {
                    text.push(RS);
                    rest = &rest[1..];
                }
            }
        }
        text.extend_from_slice(rest);
        if !text.is_empty() {
            parts.push(OutputPart::Text(text));
        }
        parts
    }

    /// What is held is not such a word.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

/// What a word about progress says: the bytes, and of how many.
fn numbers(body: &str) -> Option<(u64, u64)> {
    let (bytes, total) = body.split_once(' ')?;
    Some((bytes.parse().ok()?, total.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], chunk: usize) -> (String, Vec<(u64, u64)>) {
        let (mut words, mut text, mut numbers) = (ProgressWords::default(), Vec::new(), Vec::new());
        for part in bytes.chunks(chunk).flat_map(|chunk| words.push(chunk)).collect::<Vec<_>>() {
            match part {
                OutputPart::Text(part) => text.extend(part),
                OutputPart::Progress(bytes, total) => numbers.push((bytes, total)),
            }
        }
        text.extend(words.finish());
        (String::from_utf8(text).expect("text"), numbers)
    }

    #[test]
    fn words_are_taken_out_whatever_the_chunks() {
        let said = "a\x1eprogress 5 10\x1e\nb \x1e\x1eprogress x y\x1e\n\x1eprogress 7 0\x1e\n\x1eprogress";
        for chunk in 1..said.len() {
            let right = "ab \x1e\x1eprogress x y\x1e\n\x1eprogress".to_owned();
            assert_eq!(all(said.as_bytes(), chunk), (right, vec![(5, 10), (7, 0)]), "chunks of {chunk}");
        }
    }

    #[test]
    fn what_only_starts_so_is_not_held_for_ever() {
        let said = format!("\x1eprogress {}", "1".repeat(200));
        let mut words = ProgressWords::default();
        assert_eq!(words.push(said.as_bytes()), [OutputPart::Text(said.into_bytes())]);
    }
}
