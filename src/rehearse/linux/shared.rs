//! What the threads of the host process share, and how a process of the host reports that it failed.

use std::io::{self, Write as _};
use std::process::{Child, ChildStdin, ExitCode};
use std::sync::Mutex;

use super::cut::Cutter;
use super::mirror::Mirror;
use super::overlay_diff::Snapshot;
use super::provision::Login;
use super::root::Root;
use crate::rehearse::world::World;

/// Everything that the threads of the host process share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The login user.
    pub(super) login: Login,
    /// Which ids the users of the host have.
    pub(super) users: Users,
    pub(super) mirror: Mirror,
    pub(super) cutter: Cutter,
    pub(super) world: World,
    pub(super) root: Root,
    /// The state of the root at the last mark.
    pub(super) mark: Mutex<Snapshot>,
}

/// Which ids the users of a host have.
#[derive(Debug)]
pub(super) enum Users {
    /// They share one id, which shows as the login user's in the namespaces of a process; without one, root logs in.
    OneId(Option<Holder>),
    /// Each has an id of its own, and all are in the namespaces of one process.
    OwnIds(Holder),
}

/// A process that keeps namespaces open; it ends when its standard input is closed.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) pid: u32,
    _stdin: ChildStdin,
    _child: Child,
}

impl Holder {
    /// Takes over a process that has entered its namespaces.
    pub(super) fn new(child: Child, stdin: ChildStdin) -> Self {
        Self { pid: child.id(), _stdin: stdin, _child: child }
    }
}

/// Reports on standard error why a process of the host failed, and returns the exit code.
pub(super) fn fail(what: &str, exit: impl Into<ExitCode>) -> ExitCode {
    // If standard error is closed, the message has no reader.
    let _ = writeln!(io::stderr(), "pinboot: {what}");
    exit.into()
}
