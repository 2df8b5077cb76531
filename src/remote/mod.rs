//! The wire: a plan becomes one program for the host, and bytes from the host become frames.
//!
//! [`program`] writes the file that the host keeps as `plan`: the runner (`runner.sh`), the helper functions that the
//! plan's recipes mention, and one shell function a step. [`delivery`] wraps it for one exec with `deliver.sh`, which
//! claims the run's folder, starts the runner detached and follows its log. [`frame`] reads what comes back.
//! [`record`] asks a host for a run that another machine began; [`stop`] tells one to stop.

pub mod frame;
mod program;
pub mod record;
mod stop;

#[doc(hidden)]
pub use program::points;
pub use program::{ExpectedHost, Identity, Stored, delivery, follow, program};
pub use stop::{Stopped, stop, stopped};
