//! The milestone against a listener without a login, and what each kind of run leaves on the host.

use std::path::PathBuf;

use super::ec2::{Host, Image};
use super::root::differences;
use super::world::{World, world};

/// The milestone for a cluster without IAM: the same steps, with two changes in the text.
fn playbook(host: &Host) -> PathBuf {
    host.edited(&[("security.protocol = SASL_SSL", "security.protocol = PLAINTEXT"), ("}}:9098", "}}:9092")])
}

/// Files that the system writes for every login, every `sudo` and every JVM.
const OF_THE_SYSTEM: [&str; 8] = [
    "/var/log/wtmp",
    "/var/log/lastlog",
    "/var/log/btmp",
    "/run/utmp",
    "/run/motd.dynamic",
    "/run/motd.dynamic.new",
    // The shared counters of a JVM, which are removed with it; the directory stays.
    "/tmp/hsperfdata_ec2-user",
    // sudo's record of when it last asked.
    "/run/sudo",
];

/// The paths that a run wrote, without its record and without the files that the system writes.
fn effects(differences: Vec<String>) -> Vec<String> {
    let below = |path: &str, folder: &str| path == folder || path.starts_with(&format!("{folder}/"));
    let own = |path: &str| {
        pinboot::remote::is_own_path("/home/ec2-user", path) || OF_THE_SYSTEM.iter().any(|known| below(path, known))
    };
    differences.into_iter().filter(|path| !own(path)).collect()
}

/// Requires that all of these paths are among these files or below these directories.
fn all_below(paths: &[String], places: &[&str]) {
    let known = |path: &String| places.iter().any(|place| path == place || path.starts_with(&format!("{place}/")));
    let other: Vec<&String> = paths.iter().filter(|path| !known(path)).collect();
    assert!(other.is_empty(), "{other:#?}");
}

fn twice(world: &World, host: &Host, user: &str) {
    let playbook = playbook(host);
    let id = format!("user_id={user}");
    let arguments = ["-e", id.as_str()];

    let first = host.play(&playbook, &arguments).exits(0);
    assert_eq!(first.outcomes(), "changed changed changed changed skipped changed changed");
    let topics = world.topics();
    for topic in ["pin", "geo", "user"].map(|topic| format!("{user}.{topic}")) {
        assert!(topics.contains(&topic), "{topic} in {topics:?}");
    }
    let second = host.play(&playbook, &arguments).exits(0);
    assert_eq!(second.outcomes(), "unchanged unchanged unchanged unchanged skipped unchanged unchanged");
    assert_eq!(
        host.login("echo $CLASSPATH").trim(),
        "/home/ec2-user/kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.5-all.jar"
    );
}

#[test]
fn a_check_writes_nothing_and_neither_does_a_second_run() {
    let Some(world) = world() else { return };
    world.start_cluster();
    let host = Host::start(world, "layers", &Image::default());
    let playbook = playbook(&host);
    let user = ["-e", "user_id=0a1b2c3d4e5f"];
    let check = ["-e", "user_id=0a1b2c3d4e5f", "--check"];

    let fresh = host.root.written();
    let checked = host.play(&playbook, &check).exits(0);
    assert_eq!(
        checked.outcomes(),
        "would_change would_change would_change would_change skipped would_change would_change"
    );
    let after_check = host.root.written();
    assert_eq!(effects(differences(&fresh, &after_check)), [""; 0], "a check on a fresh host");

    let first = host.play(&playbook, &user).exits(0);
    assert_eq!(first.outcomes(), "changed changed changed changed skipped changed changed");
    let whole = host.root.written();
    let home = |name: &str| format!("/home/ec2-user/{name}");
    let of_the_user = ["kafka_2.12-2.8.1", ".bashrc", ".bash_profile", ".profile"].map(home);
    let mut places: Vec<&str> = of_the_user.iter().map(String::as_str).collect();
    // The package's file, and the records of dnf.
    places.extend(["/usr/bin/java", "/var/lib/rpm", "/var/lib/dnf", "/var/cache/dnf", "/var/log", "/run/dnf"]);
    let written = effects(differences(&after_check, &whole));
    all_below(&written, &places);
    for place in ["/usr/bin/java", of_the_user[1].as_str()] {
        assert!(written.iter().any(|path| path == place), "{place} in {written:#?}");
    }

    let second = host.play(&playbook, &user).exits(0);
    assert_eq!(second.outcomes(), "unchanged unchanged unchanged unchanged skipped unchanged unchanged");
    let after_second = host.root.written();
    assert_eq!(effects(differences(&whole, &after_second)), [""; 0], "a second run");

    let checked = host.play(&playbook, &check).exits(0);
    assert_eq!(checked.outcomes(), "unchanged unchanged unchanged unchanged skipped unchanged unchanged");
    assert_eq!(effects(differences(&after_second, &host.root.written())), [""; 0], "a check on a converged host");
}

/// Runs the milestone twice on a host with these shells.
fn milestone_on(name: &str, user: &str, image: &Image) {
    let Some(world) = world() else { return };
    world.start_cluster();
    twice(world, &Host::start(world, name, image), user);
}

#[test]
fn milestone_where_sh_is_bash() {
    milestone_on("sh-bash", "000000000001", &Image { sh: "/usr/bin/bash", ..Image::default() });
}

#[test]
fn milestone_where_sh_is_dash() {
    milestone_on("sh-dash", "000000000002", &Image { sh: "/usr/bin/dash", ..Image::default() });
}

#[test]
fn milestone_where_sh_is_busybox() {
    milestone_on("sh-busybox", "000000000003", &Image { sh: "/usr/bin/busybox", ..Image::default() });
}

#[test]
fn milestone_where_the_user_has_fish() {
    milestone_on("login-fish", "000000000004", &Image { login: "/usr/bin/fish", ..Image::default() });
}

#[test]
fn milestone_where_the_user_has_tcsh() {
    milestone_on("login-tcsh", "000000000005", &Image { login: "/usr/bin/tcsh", ..Image::default() });
}
