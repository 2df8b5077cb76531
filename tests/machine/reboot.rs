//! Restarts by a step, and during a step.

use crate::guest::{Guest, Init};

#[test]
fn after_a_reboot_step_the_next_step_runs_in_the_new_boot() {
    let Some(guest) = Guest::start(Init::Systemd) else { return };
    guest.steps(
        "
  - { name: Before, command: cat /proc/sys/kernel/random/boot_id >~/before, creates: ~/before }
  - { name: Reboot, reboot: for the test, when_changed: [Before] }
  - { name: Acts, command: echo x >>~/acted, when_changed: [Before], always: true }
  - { name: After, command: cat /proc/sys/kernel/random/boot_id >~/after, creates: ~/after }
",
    );
    let result = guest.run(&[]).exits(0);
    result.says(&["the host is rebooting; reconnecting", "4 steps: 4 changed"]);
    let seen = guest.shell("cat ~/before ~/after /proc/sys/kernel/random/boot_id");
    let seen: Vec<&str> = seen.lines().collect();
    assert_ne!(seen[0], seen[1], "two boots");
    assert_eq!(seen[1], seen[2], "the second of them is this one");
    // systemd counts up to 90 seconds for a process that does not end.
    let console = guest.console();
    assert!(console.contains("System Reboot"), "it was a shutdown: {console}");
    assert!(!console.contains("(45s / "), "nothing held the shutdown up: {console}");
    guest.run(&[]).exits(0).says(&["2 unchanged, 2 skipped"]);
    assert_eq!(guest.shell("cat ~/acted"), "x\n", "the change from before the reboot was acted on, once");
}

#[test]
fn after_a_restart_during_a_step_its_check_decides_or_the_outcome_is_unknown() {
    let Some(mut guest) = Guest::start(Init::Plain) else { return };
    // The step itself restarts the host at once, without a shutdown. Its check then still needs a change.
    guest.steps(
        "
  - name: Checked
    command: 'echo x >>~/tries; sync; [ $(wc -l <~/tries) -gt 1 ] || sudo reboot -f; touch ~/made'
    creates: ~/made
",
    );
    guest.run(&[]).exits(0).says(&["reconnected", "1 changed"]);
    assert_eq!(guest.shell("cat ~/tries"), "x\nx\n", "it was started again, because its check needs a change");

    // The reset button is pressed during a step without a check.
    guest.steps(
        "
  - { name: Write, file: { path: ~/conf, content: x } }
  - name: Blind
    command: 'echo x >>~/blind; sync; [ $(wc -l <~/blind) -gt 1 ] || { echo started >/dev/ttyS1; sleep 600; }'
    always: false
  - { name: Next, command: touch ~/next, creates: ~/next }
  - { name: Acts, command: echo x >>~/acted, when_changed: [Write], always: true }
",
    );
    let run = guest.start_run(&[]);
    guest.wait_for("started");
    guest.reset();
    run.finish().exits(8).says(&["has an unknown outcome", "--assume done", "--assume not-done"]);
    assert_eq!(
        guest.shell("cat ~/blind; ls"),
        "x\nblind\nconf\nmade\ntries\n",
        "neither it nor the next step was started"
    );
    guest.pinboot(&["rerun"]).exits(8);
    guest.pinboot(&["rerun", "--assume", "not-done"]).exits(0).says(&["3 changed"]);
    assert_eq!(guest.shell("cat ~/blind ~/acted; ls ~/next"), "x\nx\nx\n/home/ec2-user/next\n");
}
