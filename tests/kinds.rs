//! Every kind's shell under real shells, in a home directory of its own: the check changes nothing, the step brings the
//! host to its state, and a second run has nothing to do.

mod archives;
mod case;
mod cases;
mod commands;
mod downloads;
mod equivalent;
mod exports;
mod files;
mod forms;
mod harness;
mod packages;
mod server;
mod topics;
mod web;
mod world;
