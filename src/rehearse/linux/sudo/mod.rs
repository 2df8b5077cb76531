//! The host's `sudo`: the program that a session calls, and the part of the host that runs the command.
//!
//! A session cannot become root by itself. The program therefore asks the host over a socket to run the command, and
//! hands over its standard streams.

mod broker;
mod client;
mod command_line;
mod policy;
mod request;
mod target;

pub(super) use self::broker::serve;
pub(super) use self::client::run;
