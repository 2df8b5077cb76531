//! Where the host keeps what belongs to the rehearsal and not to a real host.

/// The directory for all of it.
pub(super) const OWN: &str = "/run/rehearsal";

/// This binary, bound into the host.
pub(super) const PROGRAM: &str = "/run/rehearsal/pinboot";

/// The directory of the used stand-ins' record; the login user may write to it.
pub(super) const LOG: &str = "/run/rehearsal/log";

/// The names of the stand-in commands that ran, one per line.
pub(super) const USED_COMMANDS: &str = "/run/rehearsal/log/used";

/// This file exists if a program failed that wanted to give a file to another user.
pub(super) const MISSED_ID: &str = "/run/rehearsal/log/missed-id";

/// The socket on which the host answers `sudo`.
pub(super) const SUDO_SOCKET: &str = "/run/rehearsal/sudo";
