//! What a host reports behind a step whose files are not taken yet: it waits, because that step is not finished for this machine.

use crate::remote::frame::Frame;
use crate::remote::splitter::Piece;

/// How much output of later steps waits; more is not shown.
const MAX_OUTPUT: usize = 8 * 1024 * 1024;
/// How much of frames waits.
const MAX_FRAMES: usize = 32 * 1024 * 1024;
/// What a frame counts besides its bytes.
const FRAME: usize = 256;

/// Pieces of a host's stream that wait.
#[derive(Debug, Default)]
pub(super) struct Held {
    pieces: Vec<Piece>,
    output: usize,
    frames: usize,
    /// Bytes of output that found no room.
    left_out: u64,
}

impl Held {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether a piece belongs behind what waits. What the delivery says of the connection does not.
    pub(super) fn takes(&self, piece: &Piece) -> bool {
        let is_of_run = match piece {
            Piece::Raw(_) => true,
            Piece::Frame(frame, _) => matches!(
                frame,
                Frame::Run
                    | Frame::Out { .. }
                    | Frame::Start { .. }
                    | Frame::So { .. }
                    | Frame::Diff { .. }
                    | Frame::Apply { .. }
                    | Frame::Try { .. }
                    | Frame::Hold { .. }
                    | Frame::Left { .. }
                    | Frame::Progress { .. }
                    | Frame::Want { .. }
                    | Frame::Have { .. }
                    | Frame::Done { .. }
                    | Frame::End(_)
            ),
        };
        is_of_run && !self.is_empty()
    }

    /// Lets a piece wait; false where there is no room for it.
    pub(super) fn push(&mut self, piece: Piece) -> bool {
        match &piece {
            Piece::Raw(bytes) if self.output + bytes.len() > MAX_OUTPUT => {
                self.left_out += bytes.len() as u64;
                return true;
            }
            Piece::Raw(bytes) => self.output += bytes.len(),
            Piece::Frame(_, length) => self.frames += length + FRAME,
        }
        self.pieces.push(piece);
        self.frames <= MAX_FRAMES
    }

    /// What waits, in its order; and how many bytes of output found no room.
    pub(super) fn take(&mut self) -> (Vec<Piece>, u64) {
        let Self { pieces, left_out, .. } = std::mem::take(self);
        (pieces, left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::StepId;

    #[test]
    fn what_waits_is_bounded() {
        let mut held = Held::default();
        let frame = || Piece::Frame(Frame::So { step: StepId(1) }, 20);
        assert!(!held.takes(&frame()));
        assert!(held.push(frame()));
        assert!(held.takes(&frame()) && held.takes(&Piece::Raw(vec![1])) && !held.takes(&Piece::Frame(Frame::Gone, 9)));
        for _ in 0..20 {
            assert!(held.push(Piece::Raw(vec![b'x'; 1024 * 1024])));
        }
        let room = (0..1_000_000).take_while(|_| held.push(frame())).count();
        assert!((10_000..200_000).contains(&room), "{room}");
        let (pieces, left_out) = held.take();
        assert!(held.is_empty() && pieces.len() > 8);
        assert_eq!(left_out, 12 * 1024 * 1024);
    }
}
