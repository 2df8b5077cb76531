//! Real package managers: a name that another package provides, and lists that must be fetched first.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::ec2::{Host, Image};
use super::kit::INSIDE;
use super::process::{CLOSED, Process};
use super::world::world;

/// A playbook with one step.
fn playbook(host: &Host, step: &str) -> PathBuf {
    host.playbook("ec2-user", &format!("  - name: The package\n{step}"))
}

#[test]
fn yum_installs_a_package_that_provides_the_name() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "yum", &Image::default());
    let step = playbook(&host, "    package: java-1.8.0\n");
    assert_eq!(host.play(&step, &["--check"]).exits(0).outcomes(), "would_change");
    assert!(!host.root.place("/usr/bin/java").exists());
    assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "changed");
    let installed = host.root.run("rpm", &["-qa", "--qf", "%{NAME}\n"]);
    assert_eq!(installed, "java-1.8.0-openjdk\n");
    assert!(host.root.run("java", &["-version"]).is_empty(), "java writes its version to standard error");
    let transactions = host.root.run("yum", &["-q", "history", "list"]);
    assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "unchanged");
    assert_eq!(
        host.root.run("yum", &["-q", "history", "list"]),
        transactions,
        "no transaction for an installed package"
    );

    let step = playbook(&host, "    package: { name: java-1.8.0-openjdk, state: absent }\n");
    assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "changed");
    assert!(!host.root.place("/usr/bin/java").exists());
    assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "unchanged");
}

#[test]
fn an_unknown_package_name_of_yum_has_its_cause() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "yum-unknown", &Image::default());
    let output = host.play(&playbook(&host, "    package: java-1.9.0\n"), &[]).exits(1);
    assert!(output.cause().contains("no package of that name"), "{}", output.cause());
}

#[test]
fn apt_fetches_missing_lists() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "apt", &Image { family: "debian", sh: "/usr/bin/dash", ..Image::default() });
    let step = playbook(&host, "    package: pinboot-greeting\n");
    assert_eq!(host.play(&step, &["--check"]).exits(0).outcomes(), "would_change");
    assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "changed");
    assert_eq!(host.login("pinboot-greeting"), "hello\n");
    assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "unchanged");
    // The package is already installed under another name that it provides.
    assert_eq!(host.play(&playbook(&host, "    package: pinboot-welcome\n"), &[]).exits(0).outcomes(), "unchanged");

    let output = host.play(&playbook(&host, "    package: pinboot-farewell\n"), &[]).exits(1);
    assert!(output.cause().contains("apt has no package of that name"), "{}", output.cause());
}

/// Asks for these versions one after another, and looks at what the host has then.
fn versions_are_understood_alike(host: &Host, installed: impl Fn() -> String, versions: &[(&str, &str)]) {
    for (wanted, has) in versions {
        let step = playbook(host, &format!("    package: {{ name: pinboot-pin, version: \"{wanted}\" }}\n"));
        assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "changed", "{wanted}");
        assert_eq!(installed().trim_end(), *has, "{wanted}");
        assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "unchanged", "{wanted}");
    }
    let output = host.play(&playbook(host, "    package: { name: pinboot-pin, version: 2.11 }\n"), &[]).exits(1);
    assert!(output.stdout.contains("2.11"), "{}", output.stdout);
}

#[test]
fn yum_and_the_check_understand_a_version_alike() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "yum-versions", &Image::default());
    let installed = || host.root.run("rpm", &["-q", "--qf", "%{VERSION}", "pinboot-pin"]);
    versions_are_understood_alike(&host, installed, &[("2.1", "2.1.3"), ("2.10", "2.10"), ("2.1.3-1", "2.1.3")]);
    for name in ["{ name: pinboot-epoch, version: \"1:1.5\" }", "pinboot-new"] {
        let step = playbook(&host, &format!("    package: {name}\n"));
        assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "changed", "{name}");
        assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "unchanged", "{name}");
    }
    // It has replaced the package of this name, which is nowhere to be had.
    assert_eq!(host.play(&playbook(&host, "    package: pinboot-old\n"), &[]).exits(0).outcomes(), "unchanged");
}

#[test]
fn apt_and_the_check_understand_a_version_alike() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "apt-versions", &Image { family: "debian", sh: "/usr/bin/dash", ..Image::default() });
    let installed = || host.root.run("dpkg-query", &["-W", "-f", "${Version}", "pinboot-pin"]);
    versions_are_understood_alike(&host, installed, &[("2.1", "2.1.3-1"), ("2.10", "2.10-1"), ("2.1.3", "2.1.3-1")]);
}

#[test]
fn a_package_file_is_asked_by_the_name_inside() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "yum-file", &Image::default());
    let path = format!("{INSIDE}/rpm/noarch/pinboot-pin-2.1-1.noarch.rpm");
    host.root.run("cp", &[&path, "/srv/other-name.rpm"]);
    let step = playbook(&host, "    package: /srv/other-name.rpm\n");
    assert_eq!(host.play(&step, &["--check"]).exits(0).outcomes(), "would_change");
    assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "changed");
    assert_eq!(host.root.run("rpm", &["-q", "--qf", "%{VERSION}", "pinboot-pin"]), "2.1");
    assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "unchanged");
    // Another version in the file is another package.
    host.root.run("cp", &[&path.replace("2.1-1", "2.10-1"), "/srv/other-name.rpm"]);
    assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "changed");
    assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "unchanged");

    // An address that leads nowhere is an answer that could not be had.
    let step = playbook(&host, "    package: http://127.0.0.1:1/solo-1.0-1.noarch.rpm\n");
    let output = host.play(&step, &[]).exits(1);
    assert!(output.stdout.contains("could not find out which package http://127.0.0.1:1/"), "{}", output.stdout);
}

#[test]
fn a_data_base_that_the_login_user_may_not_read_is_asked_through_sudo() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "yum-closed", &Image::default());
    let step = playbook(&host, "    package: pinboot-new\n");
    host.play(&step, &[]).exits(0);
    host.root.run("/bin/sh", &["-ec", "chmod 600 /var/lib/rpm/*; chmod 700 /var/lib/rpm"]);
    assert_eq!(host.play(&step, &[]).exits(0).outcomes(), "unchanged");
    assert_eq!(
        host.play(&playbook(&host, "    package: nothing-like-it\n"), &["--check"]).exits(0).outcomes(),
        "would_change"
    );
    fs::remove_file(host.root.place("/etc/sudoers.d/90-cloud-init-users")).expect("sudo's rules");
    let step = playbook(&host, "    package: pinboot-new\n    sudo: false\n");
    let output = host.play(&step, &[]).exits(1);
    assert!(output.stdout.contains("could not find out what is installed"), "{}", output.stdout);
}

#[test]
fn a_package_of_apt_that_asks_at_the_terminal_fails_at_once() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "apt-asks", &Image { family: "debian", sh: "/usr/bin/dash", ..Image::default() });
    let run = host.start_playbook(&playbook(&host, "    package: pinboot-asks\n"));
    run.wait_for("\"kind\":\"run_finished\"", Duration::from_mins(1));
    assert!(run.log().contains("/dev/tty"), "{}", run.log());
    assert!(run.log().contains("\"exit\":1"), "{}", run.log());
}

#[test]
fn apt_without_name_resolution_says_so() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "apt-no-names", &Image { family: "debian", sh: "/usr/bin/dash", ..Image::default() });
    let list = "deb [trusted=yes] http://deb.example.org/debian ./\n";
    fs::write(host.root.place("/etc/apt/sources.list"), list).expect("apt's sources");
    let output = host.play(&playbook(&host, "    package: pinboot-greeting\n"), &[]).exits(1);
    assert!(output.cause().contains("cannot resolve the names of apt's servers"), "{}", output.cause());
}

/// At the first boot of an EC2 instance another package manager is running. pinboot waits for it, shows its name, and
/// nothing fails.
fn waits_for_the_lock(host: &Host, manager: &[&str], wanted: &str, holder: &str) {
    let patience = Duration::from_mins(1);
    host.root.run("mkfifo", &["/run/pinboot-gate"]);
    let mut command = host.root.command(manager[0]);
    let other = Process::start(manager[0], command.args(&manager[1..]).args(["install", "-y", "pinboot-slow"]));
    // The installation blocks when it reads from the gate; then a writer can open the gate.
    let gate = "exec 3> /run/pinboot-gate; echo at the gate; read -r line; echo go >&3";
    let mut keeper = Process::start("the gate's keeper", host.root.command("/bin/sh").args(["-c", gate]));
    keeper.wait_for("at the gate", patience);

    let run = host.start_playbook(&playbook(host, &format!("    package: {wanted}\n")));
    run.wait_for("waiting for the package lock, held by pid ", patience);
    let log = run.log();
    assert!(log.contains(holder) && !log.contains("step_finished"), "{log}");
    keeper.send("open\n");
    other.wait_for(CLOSED, patience);
    run.wait_for("\"kind\":\"run_finished\",\"changed\":1,", patience);
    assert!(run.log().contains("\"exit\":0"), "{}", run.log());
}

#[test]
fn another_yum_delays_the_step() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "yum-busy", &Image::default());
    waits_for_the_lock(&host, &["yum"], "java-1.8.0", " yum");
    let installed = host.root.run("rpm", &["-qa", "--qf", "%{NAME}\n"]);
    assert!(installed.contains("pinboot-slow\n") && installed.contains("java-1.8.0-openjdk\n"), "{installed}");
}

#[test]
fn another_apt_delays_the_step() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "apt-busy", &Image { family: "debian", sh: "/usr/bin/dash", ..Image::default() });
    host.root.run("apt-get", &["-q", "update"]);
    waits_for_the_lock(&host, &["apt-get"], "pinboot-greeting", " apt-get");
    assert_eq!(host.login("pinboot-greeting"), "hello\n");
}

#[test]
fn a_sudo_with_a_password_is_noticed_before_the_first_step() {
    let Some(world) = world() else { return };
    let host = Host::start(world, "sudo", &Image::default());
    fs::write(host.root.place("/etc/sudoers.d/90-cloud-init-users"), "ec2-user ALL=(ALL) ALL\n").expect("sudo's rules");
    let output = host.milestone(&[]).exits(6);
    assert!(output.steps().is_empty(), "{}", output.stdout);
    assert!(output.stdout.contains("sudo asks for a password"), "{}", output.stdout);
    assert!(!host.root.place("/usr/bin/java").exists());
}
