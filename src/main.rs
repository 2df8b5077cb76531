//! The pinboot command: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all: a session of a rehearsal's host enters namespaces, which takes a process with one thread.
    pinboot::rehearse::inside(std::env::args_os()).unwrap_or_else(|| pinboot::cli::main().into())
}
