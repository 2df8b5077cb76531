//! A login shell that reads standard input, and how a plan gets past it.

use crate::remote::Pieces;

/// How the plan gets past a login shell that reads standard input.
pub(super) struct PastLogin {
    /// The plan in pieces, where it is too long for one command.
    pub(super) pieces: Option<Pieces>,
    /// How many of them the host has stored.
    pub(super) stored: usize,
}

impl PastLogin {
    /// The next piece that the host has not stored.
    pub(super) fn next_piece(&self) -> Option<(&Pieces, usize)> {
        self.pieces.as_ref().filter(|pieces| self.stored < pieces.count()).map(|pieces| (pieces, self.stored + 1))
    }
}
