//! What several suites share: servers that a test starts for itself, and the message about a test that is left out.

use std::io::Write;
use std::path::PathBuf;

pub(crate) mod clock;
mod small;
pub(crate) mod sshd;
pub(crate) mod traces;
pub(crate) mod wait;

/// Where a program is, or `None` after one line that says what is left out and what brings it in.
///
/// With `PINBOOT_TEST_ALL=1` a missing program fails the test.
pub(crate) fn need(program: &str, package: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file());
    if found.is_none() {
        left_out(&format!("no {program} here; `apt-get install {package}` brings it in"));
    }
    found
}

/// Whether a test writes what it expects anew instead of comparing it: `PINBOOT_ACCEPT` says so with any value but an empty one.
pub(crate) fn accepts() -> bool {
    std::env::var_os("PINBOOT_ACCEPT").is_some_and(|value| !value.is_empty())
}

/// Whether a test may mount things in a namespace of its own; where not, that has been said.
pub(crate) fn mounts() -> Option<()> {
    let tried = std::process::Command::new("unshare")
        .args(["-m", "--propagation", "private", "mount", "-t", "tmpfs", "none", "/mnt"])
        .stderr(std::process::Stdio::null())
        .status();
    if tried.is_ok_and(|status| status.success()) {
        return Some(());
    }
    left_out("it needs mounts of its own; run as root (in a container: with CAP_SYS_ADMIN) brings it in");
    None
}

/// Says in one line that this test is left out, past libtest's capturing; fatal with `PINBOOT_TEST_ALL=1`.
pub(crate) fn left_out(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    assert!(std::env::var_os("PINBOOT_TEST_ALL").is_none_or(|all| all != "1"), "{test} must not be left out: {why}");
    let _ = writeln!(std::io::stderr(), "LEFT OUT {test}: {why}");
}
