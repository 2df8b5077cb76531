//! The hidden command under which this binary runs the host's own processes.

use std::ffi::OsString;

/// The hidden command; the role and its arguments follow it.
pub const HIDDEN: &str = "__rehearse-host";

/// The arguments behind [`HIDDEN`]; `None` if the command line is an ordinary one.
pub(super) fn arguments(args: impl IntoIterator<Item = OsString>) -> Option<Vec<OsString>> {
    let mut args = args.into_iter().skip(1);
    (args.next()? == HIDDEN).then(|| args.collect())
}
