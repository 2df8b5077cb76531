//! The roles that this binary plays on the host, one process each.

use std::ffi::OsString;
use std::process::ExitCode;

use super::shared::fail;
use super::{holder, host_process, init, session, sudo};
use crate::exit::Exit;

/// Runs the role that the arguments of the hidden command name.
pub(in crate::rehearse) fn run_role(args: &[OsString]) -> ExitCode {
    let role = args.first().and_then(|role| role.to_str()).unwrap_or_default();
    let rest = args.get(1..).unwrap_or_default();
    match role {
        "init" => init::run(),
        "host" => host_process::run(),
        "hold" => holder::run(rest),
        "session" => session::run(rest),
        "sudo" => sudo::run(rest),
        _ => fail("only `pinboot rehearse` may call this command", Exit::BadInput),
    }
}
