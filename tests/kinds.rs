//! Every kind under real shells, in a home directory of its own: the check changes nothing, the step brings the host to its
//! state, and a second run has nothing to do. `kinds/README.md` says how.

mod accept;
pub(crate) mod case;
mod cases;
mod compare;
mod databases;
mod downloads;
mod equivalent;
mod exports;
mod files;
mod forms;
mod heard;
mod hostile;
mod https;
mod namespace;
mod odd_values;
mod packages;
mod password;
#[path = "host/process.rs"]
mod process;
mod read;
#[path = "host/root.rs"]
#[expect(dead_code, reason = "the tests of hosts take more of it")]
mod root;
mod tree;
pub(crate) mod web;
mod world;
