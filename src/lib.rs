//! pinboot: from a `.pem` key and a YAML playbook to a configured host, over SSH.

pub mod engine;
pub mod event;
pub mod ids;
pub mod inventory;
pub mod journal;
pub mod kinds;
pub mod node;
pub mod plan;
pub mod playbook;
pub mod rehearse;
pub mod remote;
pub mod report;
pub mod script;
pub mod secret;
pub mod source;
pub mod transport;
pub mod view;
