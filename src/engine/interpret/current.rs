//! The step that is carried out at this moment: what it has printed, and what is kept of it.

use super::keep::Keeper;
use super::progress::ProgressWords;
use crate::event::{Escaper, EventKind, Phase};
use crate::ids::StepId;
use crate::secret::MaskStream;

/// How much of a step's last output is kept for recognising a known error.
const TAIL: usize = 64 * 1024;

/// A step that was started and has not ended.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) step: StepId,
    pub(super) phase: Phase,
    pub(super) mask: MaskStream,
    pub(super) escaper: Escaper,
    pub(super) clock: Option<u64>,
    pub(super) started_ms: u64,
    pub(super) diff: Option<String>,
    pub(super) left: Option<String>,
    pub(super) tail: String,
    pub(super) keeper: Keeper,
    pub(super) progress: ProgressWords,
}

impl Current {
    pub(super) fn new(step: StepId, clock: Option<u64>, started_ms: u64, mask: MaskStream) -> Self {
        Self {
            step,
            phase: Phase::Check,
            mask,
            escaper: Escaper::default(),
            clock,
            started_ms,
            diff: None,
            left: None,
            tail: String::new(),
            keeper: Keeper::default(),
            progress: ProgressWords::default(),
        }
    }

    /// Bytes that the current step printed.
    pub(super) fn printed(&mut self, raw: &[u8], events: &mut Vec<EventKind>) {
        if raw.is_empty() {
            return;
        }
        self.keeper.count(raw);
        let masked = self.mask.push(raw);
        let text = self.escaper.push(&masked);
        self.said(text, events);
    }

    /// Output of the current step as events: the part that is kept, and the part that is only shown.
    pub(super) fn said(&mut self, text: String, events: &mut Vec<EventKind>) {
        if text.is_empty() {
            return;
        }
        self.tail.push_str(&text);
        if self.tail.len() > 2 * TAIL {
            let cut = self.tail.len() - TAIL;
            let cut = (cut..self.tail.len()).find(|at| self.tail.is_char_boundary(*at)).unwrap_or(0);
            self.tail.drain(..cut);
        }
        let (step, phase) = (self.step, self.phase);
        let (first, rest) = self.keeper.divide(text);
        for (text, kept) in [(first, true), (rest, false)] {
            if !text.is_empty() {
                events.push(EventKind::StepOutput { step, text, phase, kept });
            }
        }
    }
}
