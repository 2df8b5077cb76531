//! Everything that can go wrong, as the user sees it: the built program, a real OpenSSH server, and a person who reads.
//!
//! Each test says what happens, and then looks at the exit code, at every line that was printed, at the host and at the
//! journal. What a person sees is kept whole in `tests/faults/snapshots`, with the names of this machine taken out.

#[macro_use]
mod rows;

mod clock;
mod connect;
mod elsewhere;
mod host;
mod hostile;
mod identity;
mod input;
pub(crate) mod link;
mod matrix;
mod report;
mod rerun;
mod restart;
mod running;
mod secrets;
mod servers;
mod stream;
mod terminal;
mod waits;
mod words;
pub(crate) mod world;
