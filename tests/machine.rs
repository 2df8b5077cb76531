//! A whole machine: a Debian guest in qemu, with a kernel, a disk and a power switch of its own.
//!
//! It shows what no namespace can: a real restart with another boot id, a loss of power that takes every write which had not
//! been synced, systemd-logind and its `KillUserProcesses`, a file system that turns read-only under open files, and a clock
//! that jumps. The guest is made by `debootstrap` once and kept below `target`; it runs in software (no KVM), so that every
//! machine shows the same. It needs root, qemu and Debian's mirror; where one is missing it says so and is left out.
//!
//! A power cut here is SIGKILL to qemu. Gone with it are the guest's memory and page cache, and what qemu's own qcow2 driver
//! had not written; what the guest had synced (qemu passes its flushes on) is in this machine's page cache or on its disk. A
//! disk that lies about a sync is not played.

#![expect(clippy::disallowed_methods, reason = "it works on real files, programs and clocks")]

#[path = "machine/clock.rs"]
mod clock;
#[path = "support/command.rs"]
#[expect(dead_code, reason = "it is made for other tests as well")]
mod command;
#[path = "machine/guest.rs"]
mod guest;
#[path = "machine/image.rs"]
mod image;
#[path = "machine/login.rs"]
mod login;
#[path = "machine/power.rs"]
mod power;
#[path = "machine/read_only.rs"]
mod read_only;
#[path = "machine/reboot.rs"]
mod reboot;
#[expect(dead_code, reason = "the other test binaries take more of it")]
mod support;
#[path = "faults/world.rs"]
#[expect(dead_code, unused_imports, unused_macros, reason = "the tests of faults take more of it")]
mod world;
