//! The file system turns read-only in the middle of a step, as that of a disk with errors does.

use crate::guest::{Guest, Init};

/// The kernel remounts everything read-only, whoever has files open.
const TURN: &str = "sudo sh -c 'echo u >/proc/sysrq-trigger'";

/// The file system finds an error in itself: the journal is aborted.
const BREAK: &str = "sudo sh -c 'echo 1 >/sys/fs/ext4/vda/trigger_fs_error'";

/// The connection goes, and sshd's process for it.
const CUT: &str = "sudo pkill -f '[s]shd: ec2-user@' || :";

/// A step that does this, with a check of its own or without one, and another.
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
fn the_step_that_ran_is_told_and_no_other_is_begun() {
    for turn in [TURN, BREAK] {
        let Some(guest) = Guest::start(Init::Plain) else { return };
        steps(&guest, turn, "always: false");
        guest.run(&[]).exits(8).says(&["it ended as changed, but the host could not store that", "1 not started"]);
        assert_eq!(guest.shell("cat ~/count; ls"), "x\ncount\n");
        guest.run(&[]).exits(6).says(&["read-only"]);
    }
}

#[test]
fn a_step_whose_result_would_have_no_place_is_not_begun() {
    let Some(guest) = Guest::start(Init::Plain) else { return };
    guest.steps(&format!("  - name: Asked\n    command: echo x >/dev/shm/begun\n    unless: \"{BREAK}; false\"\n"));
    guest.run(&[]).exits(1).says(&["could not be stored: the host's file system has become read-only"]);
    assert_eq!(guest.shell("ls /dev/shm"), "");
}

#[test]
fn a_connection_that_is_lost_meanwhile_is_taken_up_all_the_same() {
    let Some(guest) = Guest::start(Init::Plain) else { return };
    // (It ends once somebody follows it again.)
    let until = "until pgrep -f '[s]shd: ec2-user@'; do sleep .1; done";
    steps(&guest, &format!("{TURN}\n      {CUT}\n      {until}"), "always: false");
    let told = guest.run(&[]).exits(8);
    told.says(&["reconnected", "it ended as changed, but the host could not store that"]);
    assert_eq!(guest.shell("cat ~/count; ls"), "x\ncount\n");
}

#[test]
fn a_runner_that_dies_then_leaves_a_step_of_unknown_outcome_and_says_which() {
    let Some(mut guest) = Guest::start(Init::Plain) else { return };
    steps(&guest, &format!("{BREAK}\n      kill -9 $PPID"), "always: false");
    let told = guest.run(&[]).exits(8);
    told.says(&["read-only", "what became of step 1 (Turns) is not known", "resume with"]);
    assert_eq!(guest.shell("cat ~/count"), "x\n");
    // Repaired by switching it off and on, as people do.
    guest.cut_power();
    guest.switch_on("");
    guest.pinboot(&["rerun"]).exits(8).says(&["has an unknown outcome"]);
    guest.pinboot(&["rerun", "--assume", "done"]).exits(0).says(&["assumed to be done", "2 changed"]);
    assert_eq!(guest.shell("cat ~/count; ls ~/after"), "x\n/home/ec2-user/after\n");
}
