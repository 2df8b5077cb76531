//! The pinboot command: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // This must come first: a session on a rehearsal's host enters namespaces, which only a process with one thread may do.
    pinboot::rehearse::inside(std::env::args_os()).unwrap_or_else(|| pinboot::cli::main().into())
}
