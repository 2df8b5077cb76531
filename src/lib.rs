//! pinboot: from a `.pem` key and a YAML playbook to a configured host, over SSH.
//!
//! The way of a run, from module to module; `docs/architecture.md` says who may know whom.
//!
//! 1. [`playbook::load`] reads a playbook and all that the command line adds; every fault is a [`source::Diagnostic`].
//! 2. [`compile::compile_all`] makes one [`plan::Plan`] for each [`inventory::Host`]; each step's kind (see [`kinds::KINDS`]) has
//!    turned its fields into a [`kinds::Recipe`] of two [`script::Script`]s, *check* and *apply*.
//! 3. [`remote::program`] writes the plan as one program for the host's `sh`, with the runner that carries it out there.
//! 4. [`engine::run`] delivers the programs by a [`transport::Connect`], follows what the hosts say, and makes
//!    [`event::Event`]s of it.
//! 5. Each event is folded into a [`view::RunView`], written down by a [`journal::Journal`] and shown by a
//!    [`report::Reporter`]. Both are called by [`cli`], which the engine knows nothing of.

pub mod cli;
pub mod compile;
mod crc32;
pub mod engine;
pub mod event;
pub mod exit;
pub mod export;
pub mod flags;
mod gzip;
pub mod host_value;
pub mod ids;
pub mod import;
pub mod inventory;
pub mod journal;
pub mod kinds;
pub mod local;
pub mod lock;
pub mod node;
pub mod plan;
pub mod playbook;
pub mod rehearse;
pub mod remote;
mod render;
pub mod report;
pub mod rerun;
pub mod script;
pub mod secret;
pub mod source;
pub mod taken;
pub mod transport;
pub mod view;
mod wrap;
