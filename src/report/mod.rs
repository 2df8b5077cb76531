//! What a person or a program sees of a run while it runs: one reporter each, all of them read the view.
//!
//! [`lines`] makes the lines, in pure functions; [`Plain`] writes them one by one, [`Terminal`] writes the same lines above
//! those of the current steps, [`Jsonl`] writes events for programs. A reporter only writes to what it was given.

mod failure;
pub mod format;
mod host_line;
mod jsonl;
pub mod lines;
mod live;
mod plain;
mod shell_prefix;
mod terminal;

use std::io::{self, Write};

use crate::event::Event;
use crate::ids::{HostId, StepId};
use crate::view::RunView;

pub use failure::failure_block;
pub use jsonl::Jsonl;
pub use plain::Plain;
pub use terminal::{Terminal, terminal_columns};

/// Shows a run. `run` is the view after `event`.
pub trait Reporter {
    /// Shows one event. Fails if the sink does, such as a closed pipe.
    fn event(&mut self, event: &Event, run: &RunView) -> io::Result<()>;
    /// Shows a message to the user that is not an event of the run.
    fn note(&mut self, text: &str) -> io::Result<()>;
    /// Leaves the terminal to a question, or takes it back. What is reported meanwhile is shown afterwards.
    fn pause(&mut self, is_paused: bool) -> io::Result<()>;
}

/// Where a reporter writes.
pub type Sink = Box<dyn Write + Send>;

/// Returns the current rows and columns of a terminal.
pub type Size = Box<dyn Fn() -> (u16, u16) + Send + Sync>;

/// Returns the command that a step runs, or its guard of this name, to show when it failed; secrets are masked.
pub type Commands = Box<dyn Fn(&HostId, StepId, Option<&str>) -> Option<String> + Send>;

/// How [`Plain`] and [`Terminal`] report.
pub struct Style {
    /// Show the output of every step as it arrives, and complete diffs.
    pub verbose: bool,
    /// Colour the outcomes. Colour never carries information on its own.
    pub color: bool,
    /// The run can be resumed with `pinboot rerun`, and failures say so.
    pub rerun: bool,
    /// The commands of the steps.
    pub commands: Commands,
}

#[cfg(test)]
mod tests;
