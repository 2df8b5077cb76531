//! The dearest tier: hosts with nothing of pinboot's in them, taken from the real world.
//!
//! OpenSSH's server as the distribution sets it up, a real `sudo`, real `dnf` and `apt`, a real Kafka 2.8.1 with the
//! tutorial's own login, all in private roots on this machine. It needs root, some packages and Maven Central; where
//! one is missing it says so and is left out. `.ci/run` brings them in.

#![expect(clippy::disallowed_methods, reason = "it works on real files, programs and clocks")]

#[path = "host/aws.rs"]
mod aws;
#[path = "host/ec2.rs"]
mod ec2;
#[path = "host/kit.rs"]
mod kit;
#[path = "host/packages.rs"]
mod packages;
#[path = "host/plaintext.rs"]
mod plaintext;
#[path = "host/process.rs"]
mod process;
#[path = "host/root.rs"]
mod root;
#[expect(dead_code, reason = "the other test binaries take more of it")]
mod support;
#[path = "host/tutorial.rs"]
mod tutorial;
#[path = "host/users.rs"]
mod users;
#[path = "host/web.rs"]
mod web;
#[path = "host/world.rs"]
mod world;
