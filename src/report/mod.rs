//! What a person or a program sees of a run while it runs: one reporter each, all of them read the view.
//!
//! [`lines`] makes the lines, in pure functions; [`Plain`] writes them one by one, [`Terminal`] writes the same lines above
//! those of the current steps, [`Jsonl`] writes events for programs. A reporter only writes to what it was given.

mod failure;
pub mod format;
mod jsonl;
pub mod lines;
mod plain;
mod terminal;

use std::io::{self, Write};

use crate::event::Event;
use crate::ids::{HostId, StepId};
use crate::view::RunView;

pub use failure::failure_block;
pub use jsonl::Jsonl;
pub use plain::Plain;
pub use terminal::{Size, Terminal};

/// Shows a run. `run` is the view after `event`.
pub trait Reporter {
    /// Shows one event. An error is that of the sink (a closed pipe).
    fn event(&mut self, event: &Event, run: &RunView) -> io::Result<()>;
    /// Shows a message to the person at the keyboard that is no event of the run.
    fn note(&mut self, text: &str) -> io::Result<()>;
}

/// Where a reporter writes.
pub type Sink = Box<dyn Write + Send>;

/// Gives the command that a step runs, as it is shown when it failed; secrets masked.
pub type Commands = Box<dyn Fn(&HostId, StepId) -> Option<String> + Send>;

/// How [`Plain`] and [`Terminal`] tell.
pub struct Style {
    /// Show the output of every step as it comes, and whole diffs.
    pub verbose: bool,
    /// Colour the outcomes. Nothing is said by colour alone.
    pub color: bool,
    /// The run can be taken up again with `pinboot rerun`, and failures say so.
    pub rerun: bool,
    /// What the steps run.
    pub commands: Commands,
}

#[cfg(test)]
mod tests;
