//! The wire: a plan becomes one program for the host, and bytes from the host become frames.
//!
//! [`program()`] writes the file that the host keeps as `plan`: the runner, the functions of kinds that the plan's recipes
//! mention, and what each step says of itself. [`Delivery`] wraps it for one exec together with `deliver.sh`, which
//! claims the run's folder, starts the runner detached and follows its log. [`splitter`] and [`frame`] read what comes back.
//! [`standalone`] writes the same for a person to run, without pinboot. [`record`] asks a host for a run that another machine started; [`stop()`] tells one to stop.

mod blobs;
mod delivery;
mod exec_string;
pub mod frame;
mod identity;
mod labels;
mod log_position;
mod minify;
pub mod output_word;
mod own_paths;
mod pieces;
#[doc(hidden)]
pub mod points;
mod program;
pub mod record;
mod runner;
pub mod runner_words;
mod sender;
pub mod splitter;
pub mod standalone;
mod step_body;
mod stop;
pub mod streams;
mod taker;
mod values;

pub use delivery::{Delivery, SecretInput, follow};
pub use identity::{ExpectedHost, Identity, Stored};
pub use own_paths::is_own_path;
pub use pieces::{ExecSize, Pieces};
pub use program::program;
pub use sender::{Lacking, SenderEnd, SenderWords, sender};
pub use stop::{Stopped, stop, stopped};
pub use taker::{Offer, TakerWord, taker, taker_word};

/// The runner's shell as it is written, file by file, for tests of what shares a shell with it.
#[cfg(test)]
pub(crate) const fn runner_shell() -> &'static [&'static str] {
    runner::FILES
}
