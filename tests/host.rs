//! The most expensive tier: real hosts, without anything of pinboot's in them.
//!
//! They have OpenSSH's server as the distribution configures it, a real `sudo`, real `dnf` and `apt`, and a real Kafka 2.8.1
//! with the tutorial's login, all in private roots on this machine. The tier needs root, some packages and Maven Central. If
//! one of them is missing, it says so and is left out. `.ci/run` installs them.

#![expect(clippy::disallowed_methods, reason = "it works on real files, programs and clocks")]

#[path = "host/aws.rs"]
mod aws;
#[path = "host/broker.rs"]
mod broker;
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
