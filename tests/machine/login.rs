//! systemd-logind kills every process of a login when its connection ends (`KillUserProcesses=yes`).

use crate::guest::{Guest, Init};

/// Waits until the login is gone by which the run was delivered.
const STEPS: &str = "
  - name: Stay
    script: |
      echo x >>~/count
      cat /proc/self/cgroup >~/cgroup
      login=$(ls -d /sys/fs/cgroup/user.slice/user-$(id -u).slice/session-*.scope | head -n 1)
      echo started >/dev/ttyS1
      until [ ! -e \"$login\" ]; do sleep .1; done
      echo it is gone
    always: false
";

fn guest() -> Option<Guest> {
    let guest = Guest::start(Init::Systemd)?;
    guest.shell(
        "sudo sh -c 'mkdir -p /etc/systemd/logind.conf.d
         printf \"[Login]\\nKillUserProcesses=yes\\n\" >/etc/systemd/logind.conf.d/kill.conf
         systemctl restart systemd-logind'",
    );
    guest.steps(STEPS);
    Some(guest)
}

#[test]
fn a_run_of_a_user_with_sudo_outlives_its_login() {
    let Some(mut guest) = guest() else { return };
    let run = guest.start_run(&["-v"]);
    guest.wait_for("started");
    guest.shell("sudo pkill -o -f '[s]shd: ec2-user@'");
    run.finish().exits(0).says(&["reconnected", "it is gone", "1 changed"]);
    let there = guest.shell("cat ~/count ~/cgroup; systemctl list-units --all --no-legend 'pinboot-*'");
    let there: Vec<&str> = there.lines().collect();
    assert_eq!(there.len(), 2, "once, and its scope has ended: {there:?}");
    assert!(there[0] == "x" && there[1].starts_with("0::/system.slice/pinboot-"), "{there:?}");
}
