//! A whole machine: a Debian guest in qemu, with a kernel, a disk and a power switch of its own.
//!
//! It shows what no namespace can show: a real restart with another boot id, a power cut that loses every write that was not
//! synced, systemd-logind with `KillUserProcesses`, a file system that becomes read-only under open files, and a clock that
//! jumps. `debootstrap` makes the guest once, and it is kept below `target`. It runs in software, without KVM, so that the
//! tests behave the same on every machine. The tier needs root, qemu and Debian's mirror. If one of them is missing, it says
//! so and is left out.
//!
//! A power cut is a SIGKILL to qemu. The guest's memory and page cache are lost with it, and so is what qemu's qcow2 driver
//! has not written. What the guest has synced is in this machine's page cache or on its disk, because qemu passes flushes on.
//! Disks that lie about a sync are not simulated.

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
#[path = "machine/service.rs"]
mod service;
#[expect(dead_code, reason = "the other test binaries take more of it")]
mod support;
#[path = "faults/world.rs"]
#[expect(dead_code, unused_imports, unused_macros, reason = "the tests of faults use more of it")]
mod world;
