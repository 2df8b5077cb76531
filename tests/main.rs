//! All tests that can share one process: one binary, because each one links the whole tree.
//!
//! Four suites stay apart, because each of them keeps the whole machine busy, and beside them the tests here that watch a clock
//! (`transport`, `faults`) would measure that load instead of pinboot: `fuzz` (all processors), `torture` (ten cases at once),
//! `host` (real package managers and a real Kafka) and `machine` (a guest in qemu). Cargo runs binaries one after another.
//!
//! Tests run side by side, so none may change what belongs to the process: the working directory, the environment, the umask,
//! signal handlers. A program that a test starts gets its own through `Command`. `architecture` looks for that.

#![expect(clippy::disallowed_methods, reason = "tests work on real files, programs and clocks")]

mod architecture;
#[path = "support/command.rs"]
mod command;
mod commands;
mod docs;
mod drift;
mod export;
mod faults;
mod import;
mod kinds;
mod language;
mod lints;
mod lock;
mod milestone;
#[path = "support/parallel.rs"]
mod parallel;
#[path = "support/plans.rs"]
mod plans;
mod playbooks;
mod rehearsals;
mod rehearse_cli;
mod rehearse_host;
mod rehearse_world;
mod support;
mod survive;
mod transport;
mod users;
mod wire;
