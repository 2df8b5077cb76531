//! The file system becomes read-only during a step, as on a disk with errors.

use crate::guest::{Guest, Init};

/// The kernel remounts everything read-only, even with open files.
const TURN: &str = "sudo sh -c 'echo u >/proc/sysrq-trigger'";

/// The file system finds an error, and its journal is aborted.
const BREAK: &str = "sudo sh -c 'echo 1 >/sys/fs/ext4/vda/trigger_fs_error'";

/// Ends the connection and sshd's process for it.
const CUT: &str = "sudo pkill -f '[s]shd: ec2-user@' || :";

/// Writes a step that runs these commands with this check, and a second step.
fn steps(guest: &Guest, commands: &str, check: &str) {
    guest.steps(&format!(
        "  - name: Turns
    script: |
      echo x >>~/count; sync
      {commands}
    {check}
  - {{ name: After, command: touch ~/after, creates: ~/after }}
"
    ));
}

#[test]
fn the_running_step_is_reported_and_no_other_is_started() {
    for turn in [TURN, BREAK] {
        let Some(guest) = Guest::start(Init::Plain) else { return };
        steps(&guest, turn, "always: false");
        guest.run(&[]).exits(8).says(&["it ended as changed, but the host could not store that", "1 not started"]);
        assert_eq!(guest.shell("cat ~/count; ls"), "x\ncount\n");
        guest.run(&[]).exits(6).says(&["read-only"]);
    }
}

#[test]
fn a_step_whose_result_cannot_be_stored_is_not_started() {
    let Some(guest) = Guest::start(Init::Plain) else { return };
    guest.steps(&format!("  - name: Asked\n    command: echo x >/dev/shm/started\n    unless: \"{BREAK}; false\"\n"));
    guest.run(&[]).exits(1).says(&["could not be stored: the host's file system has become read-only"]);
    assert_eq!(guest.shell("ls /dev/shm"), "");
}

#[test]
fn a_connection_that_is_lost_meanwhile_is_restored() {
    let Some(guest) = Guest::start(Init::Plain) else { return };
    // The step ends once pinboot has reconnected.
    let until = "until pgrep -f '[s]shd: ec2-user@'; do sleep .1; done";
    steps(&guest, &format!("{TURN}\n      {CUT}\n      {until}"), "always: false");
    let result = guest.run(&[]).exits(8);
    result.says(&["reconnected", "it ended as changed, but the host could not store that"]);
    assert_eq!(guest.shell("cat ~/count; ls"), "x\ncount\n");
}

#[test]
fn a_runner_that_dies_then_leaves_a_step_with_an_unknown_outcome() {
    let Some(mut guest) = Guest::start(Init::Plain) else { return };
    steps(&guest, &format!("{BREAK}\n      kill -9 $PPID"), "always: false");
    let result = guest.run(&[]).exits(8);
    result.says(&["read-only", "the outcome of step 1 (Turns) is not known", "resume with"]);
    assert_eq!(guest.shell("cat ~/count"), "x\n");
    // Switching the machine off and on repairs the file system.
    guest.cut_power();
    guest.switch_on("");
    guest.pinboot(&["rerun"]).exits(8).says(&["has an unknown outcome"]);
    guest.pinboot(&["rerun", "--assume", "done"]).exits(0).says(&["assumed to be done", "2 changed"]);
    assert_eq!(guest.shell("cat ~/count; ls ~/after"), "x\n/home/ec2-user/after\n");
}
