//! Every kind's shell under real shells, in a home directory of its own: the check changes nothing, the step brings the
//! host to its state, and a second run has nothing to do.

#![expect(clippy::disallowed_methods, reason = "it works on real files, programs and clocks")]

#[path = "kinds/archives.rs"]
mod archives;
#[path = "kinds/commands.rs"]
mod commands;
#[path = "kinds/downloads.rs"]
mod downloads;
#[path = "kinds/exports.rs"]
mod exports;
#[path = "kinds/files.rs"]
mod files;
#[path = "kinds/forms.rs"]
mod forms;
#[path = "kinds/harness.rs"]
mod harness;
#[path = "kinds/packages.rs"]
mod packages;
#[path = "kinds/server.rs"]
mod server;
#[path = "kinds/topics.rs"]
mod topics;
