//! The runner's notes in what steps print: `RS step N RS newline` stands where the output of step N begins.
//!
//! What comes behind such a note waits for the frame that starts the step. Any program of a step can print one too: its own text
//! then waits, at most for as long as anything may.

use std::collections::VecDeque;

use crate::ids::StepId;
use crate::remote::output_word::{OutputWord, RS, output_word};

/// How many of them are remembered, however many a step prints.
const MOST: usize = 10_000;
/// How many moments what stands behind a note waits for its step.
const MAX_TICKS: u16 = 120;

/// The notes that have come and whose steps have not started.
#[derive(Debug, Default)]
pub(super) struct Markers {
    /// Where each of them begins, counted in bytes of output, and its step.
    ahead: VecDeque<(u64, StepId)>,
    /// From which byte to which they stand in the output that has not been passed on.
    spans: VecDeque<(u64, u64)>,
    /// What may be the beginning of one: the last bytes that came.
    part: Vec<u8>,
    /// How many moments the first of them has waited.
    ticks: u16,
    /// The step that started last.
    current: Option<StepId>,
}

impl Markers {
    /// Takes the bytes that come behind so many others.
    pub(super) fn came(&mut self, before: u64, bytes: &[u8]) {
        let first = before - self.part.len() as u64;
        self.part.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(found) = self.part[at..].iter().position(|byte| *byte == RS) {
            at += found;
            match output_word(&self.part[at..], "step ", |step| step.parse().ok().map(StepId)) {
                OutputWord::Whole { value: step, length } => {
                    if self.spans.len() < MOST {
                        if self.current != Some(step) {
                            self.ahead.push_back((first + at as u64, step));
                        }
                        self.spans.push_back((first + at as u64, first + (at + length) as u64));
                    }
                    at += length;
                }
                OutputWord::Cut => {
                    self.part.drain(..at);
                    return;
                }
                OutputWord::Other => at += 1,
            }
        }
        self.part.clear();
    }

    /// A step has started: what stands behind its note and those before it may be shown.
    pub(super) fn started(&mut self, step: StepId) {
        self.current = Some(step);
        if let Some(last) = self.ahead.iter().rposition(|(_, of)| *of == step) {
            self.ahead.drain(..=last);
            self.ticks = 0;
        }
    }

    /// Takes the notes out of bytes that are passed on now, and that stand behind so many others.
    pub(super) fn cut(&mut self, before: u64, bytes: &mut Vec<u8>) {
        let behind = before + bytes.len() as u64;
        let place = |at: u64| usize::try_from(at.clamp(before, behind) - before).unwrap_or(usize::MAX);
        for (from, to) in self.spans.iter().rev() {
            bytes.drain(place(*from)..place(*to));
        }
        self.spans.retain(|(_, to)| *to > behind);
        while self.ahead.front().is_some_and(|(at, _)| *at < behind) {
            self.ahead.pop_front();
            self.ticks = 0;
        }
    }

    /// A moment has passed. What has waited too long waits for its step no longer.
    pub(super) fn tick(&mut self) {
        self.ticks += 1;
        if self.ahead.is_empty() || self.ticks > MAX_TICKS {
            self.ahead.clear();
            self.ticks = 0;
        }
    }

    /// Up to which byte output can be shown now; `came` is how much there is.
    pub(super) fn limit(&self, came: u64) -> u64 {
        self.ahead.front().map_or(self.whole(came), |(at, _)| *at)
    }

    /// Up to which byte no note is cut off.
    pub(super) fn whole(&self, came: u64) -> u64 {
        came - self.part.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_found_whatever_the_chunks() {
        let said = b"a\x1estep 1\x1e\nbc\x1estep x\x1e\n\x1e\x1estep 2\x1e\nd";
        for chunk in 1..said.len() {
            let (mut markers, mut came) = (Markers::default(), 0);
            for part in said.chunks(chunk) {
                markers.came(came, part);
                came += part.len() as u64;
            }
            assert_eq!(markers.ahead, [(1, StepId(1)), (22, StepId(2))], "chunks of {chunk}");
            assert_eq!(markers.limit(came), 1);
            markers.started(StepId(1));
            assert_eq!(markers.limit(came), 22);
            let mut all = said.to_vec();
            markers.cut(0, &mut all);
            assert_eq!(all, b"abc\x1estep x\x1e\n\x1ed");
            assert_eq!(markers.limit(came), came);
        }
    }

    #[test]
    fn a_note_of_a_step_that_does_not_start_is_waited_for_only_so_long() {
        let mut markers = Markers::default();
        markers.came(0, b"\x1estep 9\x1e\nforged");
        for _ in 0..MAX_TICKS {
            markers.tick();
            assert_eq!(markers.limit(16), 0);
        }
        markers.tick();
        assert_eq!(markers.limit(16), 16);
    }

    #[test]
    fn what_may_be_the_beginning_of_a_note_waits() {
        let mut markers = Markers::default();
        markers.came(0, b"abc\x1este");
        assert_eq!(markers.limit(7), 3);
        markers.came(7, b"am");
        assert_eq!(markers.limit(9), 9);
    }
}
