//! A throw-away host on the user's own machine that lives as long as one command.
//!
//! It needs neither root nor Docker nor a cloud. [`world`] is what the rehearsal file declares, [`verdict`] and [`cut`]
//! judge what the runs showed, and [`RehearsalHost`] is the host itself. The host is made of Linux namespaces:
//! everything that needs Linux is in `linux`, and every other system gets one error from `unsupported`.

pub mod cut;
pub mod verdict;
pub mod world;

mod changes;
mod refused;
mod role;

#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "unsupported.rs"]
mod system;

use std::ffi::OsString;
use std::process::ExitCode;

pub use changes::{ChangedPath, PathKind, Used};
pub use refused::Refused;
pub use role::HIDDEN;
pub use system::RehearsalHost;
pub use world::World;

/// Runs one of the host's own processes if the command line asks for it; `None` for an ordinary invocation.
///
/// `main` must call this first, while the process has one thread: a session enters namespaces, which the kernel refuses
/// to a process with several threads.
pub fn inside(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    role::arguments(args).map(|arguments| system::run_role(&arguments))
}
