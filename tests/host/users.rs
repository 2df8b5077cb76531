//! Two users of one host, each with their own home and their own record.

use std::fs;
use std::time::Duration;

use super::ec2::{Host, Image};
use super::process::Process;
use super::world::world;

const STEPS: &str = "  - name: Shared
    sudo: true
    script: |
      echo x >>/srv/count
      mkfifo -m 666 /srv/gate
      read line </srv/gate
      touch /srv/done
    creates: /srv/done
";

#[test]
fn two_users_with_sudo_do_not_run_at_once() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "users", &Image { family: "debian", sh: "/usr/bin/dash", ..Image::default() });
    let second = "useradd -m -s /bin/bash ubuntu && printf 'ubuntu ALL=(ALL) NOPASSWD:ALL\n' >/etc/sudoers.d/91-ubuntu && \
                  cp -r /home/ec2-user/.ssh /home/ubuntu/ && chown -R ubuntu:ubuntu /home/ubuntu/.ssh";
    host.root.run("/bin/sh", &["-ec", second]);
    let running = host.start_playbook(&host.playbook("ec2-user", STEPS));
    let patience = Duration::from_mins(1);
    running.wait_for("\"step_started\"", patience);
    // From then on a reader keeps the gate open.
    let mut keeper = Process::start(
        "the gate's keeper",
        host.root.command("/bin/sh").args([
            "-c",
            "until [ -p /srv/gate ]; do sleep .02; done; exec 3>/srv/gate; echo at the gate; read -r line; echo go >&3",
        ]),
    );
    keeper.wait_for("at the gate", patience);

    let run = fs::read_to_string(host.root.place("/run/pinboot/lock")).expect("the lock of the host");
    let output = host.play(&host.playbook("ubuntu", STEPS), &[]).exits(9);
    let run = run.split(' ').next().expect("a run");
    assert!(
        output.stdout.contains(&format!("another run holds the host: run {run}, started by ")),
        "{}",
        output.stdout
    );
    // A user who needs no root does not wait.
    host.play(&host.playbook("ubuntu", "  - { name: Own, command: touch own, creates: ~/own }\n"), &[]).exits(0);

    keeper.send("open\n");
    running.wait_for("\"kind\":\"run_finished\",\"changed\":1,", patience);
    host.play(&host.playbook("ubuntu", STEPS), &[]).exits(0);
    assert_eq!(fs::read_to_string(host.root.place("/srv/count")).expect("a file"), "x\n");
}

#[test]
fn an_account_without_a_home_starts_in_the_root_folder() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "no-home", &Image::default());
    host.root.run("useradd", &["-r", "kafka"]);
    let step = "  - name: Say where it starts
    run_as: kafka
    command: \"{ pwd; id -un; } > /tmp/where\"
    creates: /tmp/where
";
    assert_eq!(host.play(&host.playbook("ec2-user", step), &[]).exits(0).outcomes(), "changed");
    assert_eq!(fs::read_to_string(host.root.place("/tmp/where")).expect("a file"), "/\nkafka\n");
    assert_eq!(host.play(&host.playbook("ec2-user", step), &[]).exits(0).outcomes(), "unchanged");
}

#[test]
fn what_is_exported_bends_no_step_of_root_or_of_another_user() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "export-odd", &Image::default());
    host.root.run("useradd", &["-r", "kafka"]);
    let names = [
        "OPTARG",
        "env",
        "user",
        "timeout",
        "pb_mode",
        "pb_total",
        "pb_step_as",
        "SUDO_USER",
        "SUDO_COMMAND",
        "LOGNAME",
        "USER",
        "MAIL",
        "TERM",
        "ENV",
        "BASH_ENV",
        "CDPATH",
        "PS4",
        "name",
        "mode",
    ];
    let value = "/x *";
    // No shell takes IFS from its environment.
    let exports: String = names.iter().chain(&["IFS"]).map(|name| format!("      {name}: \"{value}\"\n")).collect();
    let shown: String = names.iter().map(|name| format!("\"${name}\" ")).collect();
    let step = |user: &str, options: &str| {
        format!(
            "  - name: As {user}
    {options}
    script: printf '<%s>' {shown} > /tmp/of-{user}; id -un >> /tmp/of-{user}; echo out
    register: said_{user}
    creates: /tmp/of-{user}
"
        )
    };
    let steps = format!(
        "  - name: Export them
    export:
{exports}{}{}{}  - name: Fail
    sudo: true
    command: \"test odd = {{{{ said_root }}}}\"
  - {{ name: Not reached, command: 'true' }}
",
        step("root", "sudo: true"),
        step("kafka", "run_as: kafka"),
        step("login", "sudo: false"),
    );
    let playbook = host.playbook("ec2-user", &steps);
    let output = host.play(&playbook, &[]).exits(1);
    assert_eq!(output.outcomes(), "changed changed changed changed failed", "{}", output.stdout);
    for user in ["root", "kafka", "login"] {
        let name = if user == "login" { "ec2-user" } else { user };
        let got = fs::read_to_string(host.root.place(&format!("/tmp/of-{user}"))).expect("a file");
        assert_eq!(got, format!("{}{name}\n", format!("<{value}>").repeat(names.len())));
    }
    // The next login has the values as well.
    assert_eq!(host.play(&playbook, &[]).exits(1).outcomes(), "unchanged unchanged unchanged unchanged failed");
}

#[test]
fn a_registered_user_obeys_the_rule_of_a_written_one() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "odd-user", &Image::default());
    for value in ["#0", "-s", "root\nx", "ro ot"] {
        let steps = format!(
            "  - name: Say it
    script: printf %b {value:?}
    register: r
    always: true
  - name: Be it
    run_as: \"{{{{ r }}}}\"
    command: touch /srv/pwned
    always: true
"
        );
        let output = host.play(&host.playbook("ec2-user", &steps), &[]).exits(1);
        assert!(output.stdout.contains("run_as: the value is not the name of a user"), "{value}: {}", output.stdout);
        assert!(!host.root.place("/srv/pwned").exists(), "{value}");
    }
}

#[test]
fn an_export_for_every_user_is_asked_as_the_login_user() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "export-system", &Image::default());
    let step = host.playbook("ec2-user", "  - name: Export it\n    export: { PINBOOT_ODD: new, scope: system }\n");
    assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "changed");
    assert_eq!(host.login("bash -lc 'echo $PINBOOT_ODD'"), "new\n");
    assert_eq!(host.login("echo $PINBOOT_ODD"), "new\n");
    assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "unchanged");
    let mut rc = fs::read_to_string(host.home(".bashrc")).expect("a start-up file");
    let line = rc.lines().count() + 1;
    rc.push_str("[ -d / ] && export PINBOOT_ODD=old\n");
    fs::write(host.home(".bashrc"), rc).expect("a start-up file");
    assert_eq!(host.play(&step, &["--check"]).exits(0).outcomes(), "would_change");
    let output = host.play(&step, &[]).exits(1);
    let said = format!(
        "PINBOOT_ODD has another value, old, in a command by ssh (bash): line {line} of /home/ec2-user/.bashrc sets it"
    );
    assert!(output.stdout.contains(&said), "{}", output.stdout);
}

#[test]
fn root_neither_reads_nor_writes_the_start_up_files_of_another_user() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "export-sudo", &Image::default());
    let rc = host.home(".bashrc");
    let mut text = fs::read_to_string(&rc).expect("a start-up file");
    text.push_str("id -u >> /tmp/readers\n");
    fs::write(&rc, text).expect("a start-up file");
    let step = host.playbook("ec2-user", "  - name: Export it\n    sudo: true\n    export: { PINBOOT_ODD: new }\n");
    assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "changed");
    assert_eq!(host.login("echo $PINBOOT_ODD"), "new\n");
    let user = host.root.run("id", &["-u", "ec2-user"]);
    let readers = fs::read_to_string(host.root.place("/tmp/readers")).expect("the shells were asked");
    assert!(readers.lines().all(|reader| reader == user.trim()), "{readers}");
    let owner = host.root.run("stat", &["-c", "%U", "/home/ec2-user/.bashrc"]);
    assert_eq!(owner, "ec2-user\n");
    assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "unchanged");
}
