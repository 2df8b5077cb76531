//! Drafts of playbooks: from a shell script, or from a playbook of Ansible.
//!
//! A draft is a start. Whatever has a kind becomes a step of that kind, everything else stays the shell that it was, and a
//! comment stands wherever a person has to look. It is pure: text goes in, text comes out.

mod ansible;
mod docker;
mod draft;
mod lexer;
mod modules;
mod reading;
mod script;
mod storage;
mod tutorial;
mod values;

pub use ansible::import as from_ansible;
pub use script::import as from_script;
