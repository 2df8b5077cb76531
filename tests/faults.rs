//! Everything that can go wrong, as its user sees it: the built program, a real OpenSSH server, and a person who reads.
//!
//! Each test says what happens, and then looks at the exit code, at every line that was printed, at the host and at the
//! journal. What a person sees is kept whole in `tests/faults/snapshots`, with the names of this machine taken out.

#![expect(clippy::disallowed_methods, reason = "it works on real files, programs and clocks")]

#[path = "faults/rows.rs"]
#[macro_use]
mod rows;

#[path = "faults/clock.rs"]
mod clock;
#[path = "faults/connect.rs"]
mod connect;
#[path = "faults/host.rs"]
mod host;
#[path = "faults/identity.rs"]
mod identity;
#[path = "faults/input.rs"]
mod input;
#[path = "faults/link.rs"]
mod link;
#[path = "faults/report.rs"]
mod report;
#[path = "faults/rerun.rs"]
mod rerun;
#[path = "faults/restart.rs"]
mod restart;
#[path = "faults/running.rs"]
mod running;
#[path = "faults/secrets.rs"]
mod secrets;
#[path = "faults/servers.rs"]
mod servers;
#[path = "faults/stream.rs"]
mod stream;
mod support;
#[path = "faults/terminal.rs"]
mod terminal;
#[path = "faults/world.rs"]
mod world;
