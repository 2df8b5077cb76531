//! The named points of the runner and the delivery, for tests that end them there.
//!
//! A line `#:point NAME` stands behind every write, sync, rename, send and receive. What is sent to a host has no trace of it
//! (comments are left out); here it becomes `pb_point NAME`, a function that the test gives.

use super::delivery::DELIVER;
use super::exec_string::encode;
use super::identity::Identity;
use super::minify::minified;
use super::program::program_around;
use super::runner::{FILES, RUNNER};
use crate::plan::Plan;
use crate::transport::Exec;

const MARK: &str = "#:point ";

/// The names of the runner's points.
pub fn of_the_runner() -> Vec<&'static str> {
    FILES.iter().flat_map(|file| names(file)).collect()
}

/// The names of the delivery's points.
pub fn of_the_delivery() -> Vec<&'static str> {
    names(DELIVER)
}

fn names(shell: &'static str) -> Vec<&'static str> {
    shell.lines().filter_map(|line| line.trim_start().strip_prefix(MARK)).collect()
}

/// The program as [`super::program`] writes it, with `hook` (shell that defines `pb_point`) called at each of the runner's points.
pub fn program(plan: &Plan, identity: &Identity, hook: &str) -> Vec<u8> {
    program_around(|parts| format!("{hook}\n{}", RUNNER.with(parts, called)), plan, identity)
}

/// Puts the hook into a delivery at each of its points.
pub fn hook_delivery(exec: &mut Exec, hook: &str) {
    let command = String::from_utf8_lossy(&exec.command);
    let plain = encode(minified(DELIVER).as_bytes());
    debug_assert!(command.contains(&plain), "a delivery has the delivery's shell in it");
    exec.command = command.replacen(&plain, &encode(hooked(DELIVER, hook).as_bytes()), 1).into_bytes();
}

fn hooked(shell: &str, hook: &str) -> String {
    format!("{hook}\n{}", minified(&called(shell)))
}

/// The shell with a call at each point.
fn called(shell: &str) -> String {
    shell.replace(MARK, "pb_point ")
}
