//! Hosts that cannot take a run: the reason is reported before any step is started, and nothing is left behind.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use pinboot::ids::RunId;
use pinboot::remote::{Identity, stop};

use super::running::{HELD, held, output, release, whole};
use super::world::{Signal, World, folder, on_each, on_each_with, path_without, seen, until, user_with};
use crate::support::sshd::{Options, signal};
use crate::support::{mounts, need};

cases! {
    sudo_that_cannot_be_used_is_found_out_before_the_first_step ["B19"] "sudo asks for a password" => Shown("sudo_password", "127.0.0.1:");
    sudo_that_cannot_be_used_is_found_out_before_the_first_step ["B20"] "sudo requires a terminal" => Shown("sudo_tty", "127.0.0.1:");
    sudo_that_cannot_be_used_is_found_out_before_the_first_step ["B20"] "the user is not in sudoers" => Shown("sudo_sudoers", "127.0.0.1:");
    sudo_that_cannot_be_used_is_found_out_before_the_first_step ["B20"] "there is no sudo" => Shown("sudo_none", "127.0.0.1:");
    the_real_sudo_refuses_a_stranger_and_serves_a_friend ["B19" "B20"] "the real sudo" => Text("6", "sudo asks for a password; exit 0 with NOPASSWD");
    the_real_sudo_takes_the_password_that_the_user_gives ["B19"] "the user gives the password, or a wrong one"
        => Text("0", "exit 6 with a wrong one, which is tried once");
    root_needs_no_sudo ["B20"] "there is no sudo, and the login user is root" => Text("0", "no sudo is needed");
    a_full_or_read_only_home_is_named ["C1"] "a full disk" => Shown("home_space", "127.0.0.1:");
    a_full_or_read_only_home_is_named ["C1"] "no inodes left" => Shown("home_inodes", "127.0.0.1:");
    a_full_or_read_only_home_is_named ["C3"] "a read-only home directory" => Shown("home_read_only", "127.0.0.1:");
    a_disk_that_fills_up_in_a_step_keeps_the_steps_result ["C2"]
        "a step writes more than fits; its result is still stored, and the rerun does nothing twice"
        => Shown("fills_up", "cause");
    a_home_where_nothing_may_be_executed_will_do ["C4"] "noexec: pinboot works, a program of the user's own in it does not"
        => Shown("noexec", "step 2");
    homes_that_are_not_there_or_not_theirs ["C5"] "HOME is missing" => Shown("home_missing", "127.0.0.1:");
    homes_that_are_not_there_or_not_theirs ["C5"] "HOME is unset" => Shown("home_unset", "127.0.0.1:");
    a_home_with_an_odd_name_will_do ["C5"] "blanks and a quote in its names name" => Text("0", "2 changed, then 2 unchanged");
    a_home_that_the_user_cannot_write_to ["C5"] "it belongs to another user" => Shown("home_not_writable", "127.0.0.1:");
    a_record_that_others_could_have_made_is_not_used ["C6"] "a link" => Shown("record_link", "127.0.0.1:");
    a_record_that_others_could_have_made_is_not_used ["C6"] "mode 0777" => Shown("record_open", "127.0.0.1:");
    a_record_that_others_could_have_made_is_not_used ["C6"] "another user's" => Shown("record_owner", "127.0.0.1:");
    a_host_without_curl_and_wget_is_reported ["C8"] "no curl, wget, BusyBox or Python" => Shown("no_tools", "127.0.0.1:");
    a_host_with_few_programs_still_runs_everything ["C9"]
        "no setsid, flock or sync, and BusyBox' tail; the connection is cut, and a second run starts meanwhile"
        => Text("0", "the second run: exit 9; the first: reconnected, no output lost or repeated, nothing done twice");
    a_step_that_outlives_its_runner_holds_the_host ["C13"]
        "only the runner is killed, and a second run starts" => Shown("outlived", "another run holds");
    a_step_that_outlives_its_runner_holds_the_host ["C13"]
        "only the runner is killed; its step runs to its end, and has no check" => Text("8", "`step 1 (Held) has an unknown outcome`");
    a_stranger_with_the_runners_number_is_not_ended ["C13"]
        "another process has the dead runner's process id, and the run is cancelled" => Text("", "no signal reaches that process");
}

const STEPS: &str = "  - { name: Touch, command: touch touched, always: true }\n";
const ROOT: &str = "
  - { name: First, command: touch touched, always: true }
  - { name: As root, command: id -u >who, sudo: true, always: true }
";

/// The host cannot take the run: that is reported, and no step is started.
#[track_caller]
fn is_unfit(world: &World, name: &str) {
    world.steps(STEPS);
    let printed = world.run(&[]).exits(6);
    seen!(world, name, printed);
    unfit(world);
}

fn unfit(world: &World) {
    assert!(!world.there("touched").exists(), "no step was started");
    assert_eq!(world.journal(), ["unreachable 6", "exit 6", "exit 6"]);
}

#[test]
fn sudo_that_cannot_be_used_is_found_out_before_the_first_step() {
    let Some(()) = mounts() else { return };
    for (name, says) in [
        ("password", Some("sudo: a password is required")),
        ("tty", Some("sudo: sorry, you must have a tty to run sudo")),
        ("sudoers", Some("visitor is not in the sudoers file.")),
        ("not_allowed", Some("Sorry, user visitor is not allowed to execute '/usr/bin/true' as root on here.")),
        ("broken", Some("sudo: /etc/sudo.conf is owned by uid 1000, should be 0 \x1b[31m")),
        ("none", None),
    ] {
        let path = path_without(&["sudo", "doas"]);
        if let Some(says) = says {
            let sudo = path.path().join("sudo");
            fs::write(&sudo, format!("#!/bin/sh\nprintf '%s\\n' \"{says}\" >&2\nexit 1\n")).expect("a program");
            fs::set_permissions(&sudo, fs::Permissions::from_mode(0o755)).expect("chmod");
        }
        let Some(world) = user_with("/bin/sh", Some(path.path()), "") else { return };
        world.steps(ROOT);
        let printed = world.run(&[]).exits(6);
        seen!(world, format!("sudo_{name}"), printed);
        unfit(&world);
    }
}

#[test]
fn the_real_sudo_refuses_a_stranger_and_serves_a_friend() {
    let Some(()) = mounts() else { return };
    if need("sudo", "sudo").is_none() {
        return;
    }
    let Some(world) = user_with("/bin/sh", None, "") else { return };
    world.steps(ROOT);
    world.run(&[]).exits(6).says(&["needs root", "sudo asks for a password", "NOPASSWD"]);
    unfit(&world);
    let rules = "mount -t tmpfs -o mode=755 none /etc/sudoers.d
        echo 'visitor ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/visitor; chmod 440 /etc/sudoers.d/visitor";
    let Some(world) = user_with("/bin/sh", None, rules) else { return };
    world.steps(ROOT);
    world.run(&[]).exits(0);
    assert_eq!(world.read("who"), "0\n");
}

#[test]
fn the_real_sudo_takes_the_password_that_the_user_gives() {
    let Some(()) = mounts() else { return };
    if need("sudo", "sudo").is_none() || need("openssl", "openssl").is_none() {
        return;
    }
    let rules = "mount -t tmpfs -o mode=755 none /etc/sudoers.d
        printf 'Defaults timestamp_timeout=0\\nvisitor ALL=(ALL) ALL\\n' >/etc/sudoers.d/visitor; chmod 440 /etc/sudoers.d/visitor
        hash=$(openssl passwd -6 the-right-one)
        sed \"s|^visitor:[*]|visitor:$hash|\" /etc/shadow >/etc/sudoers.d/shadow~; cat /etc/sudoers.d/shadow~ >/etc/shadow";
    let Some(world) = user_with("/bin/sh", None, rules) else { return };
    world.steps(ROOT);
    let wrong = world.run_call(&[]).env("PINBOOT_SUDO_PASSWORD", "a-wrong-one").exits(6);
    drop(wrong.says(&["needs root", "sudo does not take the password", "it was tried once", "--ask-sudo-pass"]));
    unfit(&world);
    world.run_call(&["--ask-sudo-pass"]).exits(2).says(&["there is no terminal to ask at", "PINBOOT_SUDO_PASSWORD"]);
    let right = world.run_call(&["-v"]).env("PINBOOT_SUDO_PASSWORD", "the-right-one").exits(0);
    assert_eq!(world.read("who"), "0\n");
    assert!(
        !right.shown().contains("the-right-one") && !world.journal_text().contains("the-right-one"),
        "{}",
        right.shown()
    );
    // The host's own goes before it, and has to be a secret.
    let playbook = |secrets: &str| {
        world.playbook(&format!(
            "name: A test\nvars: {{ pw: '{{{{ env.PW }}}}' }}\nfrom_env: [PW]\nsecrets: [{secrets}]\n\
             hosts: {{ h: {{ address: h, sudo_password: '{{{{ pw }}}}' }} }}\nsteps:\n{ROOT}"
        ));
    };
    playbook("pw");
    world.run_call(&[]).env("PINBOOT_SUDO_PASSWORD", "a-wrong-one").env("PW", "the-right-one").exits(0);
    playbook("");
    world
        .run_call(&[])
        .env("PW", "the-right-one")
        .exits(2)
        .says(&["`sudo_password` is written in the playbook", "secrets:"]);
}

#[test]
fn root_needs_no_sudo() {
    if !rustix::process::getuid().is_root() {
        crate::support::left_out("it logs in as root; run as root brings it in");
        return;
    }
    let path = path_without(&["sudo"]);
    let Some(world) = World::with(|options, _| {
        let mut options = options;
        options.environment.retain(|(name, _)| name != "PATH");
        options.env("PATH", path.path().display().to_string())
    }) else {
        return;
    };
    world.steps(ROOT);
    world.run(&[]).exits(0);
    assert_eq!(world.read("who"), "0\n");
}

#[test]
fn a_full_or_read_only_home_is_named() {
    let Some(()) = mounts() else { return };
    for (name, mount) in [
        ("space", "mount -t tmpfs -o size=64k,mode=755 none @; head -c 1M /dev/zero >@/full 2>/dev/null || true"),
        ("inodes", "mount -t tmpfs -o nr_inodes=4,mode=755 none @; touch @/1 @/2 @/3 || true"),
        ("read_only", "mount -t tmpfs -o ro none @"),
    ] {
        let Some(world) = World::with(|options, home| options.mounts(mount.replace('@', &home.display().to_string())))
        else {
            return;
        };
        is_unfit(&world, &format!("home_{name}"));
    }
}

#[test]
fn a_disk_that_fills_up_in_a_step_keeps_the_steps_result() {
    let Some(()) = mounts() else { return };
    let small = |options: Options, home: &Path| {
        options.mounts(format!("mount -t tmpfs -o size=1m,mode=755 none {0}", home.display()))
    };
    on_each_with(small, |world| {
        world.steps(
            "
  - { name: Before, command: 'echo x >>count'}
  - { name: Fill it, command: 'head -c 2M /dev/zero >big; echo never' }
",
        );
        let printed = world.run(&[]).exits(1);
        seen!(world, "fills_up", printed);
        assert_eq!(world.journal(), ["1 changed", "2 failed", "exit 1", "exit 1"]);
        // The home is visible only in the server's own namespace.
        let home = format!("/proc/{}/root{}", world.server.pid(), world.home.path().display());
        let run = world.runs().pop().expect("a run");
        let rc = fs::read_to_string(format!("{home}/.pinboot/runs/{run}/2.rc")).expect("the result is there");
        assert!(rc.starts_with("failed 1 "), "{rc}");
        world.steps(
            "
  - { name: Before, command: 'echo x >>count'}
  - { name: Fill it, command: 'echo filled' }
",
        );
        fs::remove_file(format!("{home}/big")).expect("room is made");
        world.pinboot(&["rerun"]).exits(0).says(&["1 unchanged"]);
        assert_eq!(fs::read_to_string(format!("{home}/count")).expect("count"), "x\n");
    });
}

#[test]
fn a_home_where_nothing_may_be_executed_will_do() {
    let Some(()) = mounts() else { return };
    let Some(world) = World::with(|options, home| {
        options.mounts(format!("mount -t tmpfs -o noexec,mode=755 none {}", home.display()))
    }) else {
        return;
    };
    world.steps(STEPS);
    world.run(&[]).exits(0);
    world.steps(
        "
  - { name: Write, file: { path: ~/tool, content: \"#!/bin/sh\\necho hi\\n\", mode: 0755 } }
  - { name: Own program, command: ~/tool }
",
    );
    let printed = world.run(&[]).exits(1);
    seen!(world, "noexec", printed);
}

#[test]
fn homes_that_are_not_there_or_not_theirs() {
    for (name, home) in [("missing", "@/no such\tplace"), ("unset", "")] {
        let Some(world) = World::with(|mut options, place| {
            options.environment.retain(|(name, _)| name != "HOME");
            options.env("HOME", home.replace('@', &place.display().to_string()).replace('\t', " "))
        }) else {
            return;
        };
        is_unfit(&world, &format!("home_{name}"));
    }
}

#[test]
fn a_home_with_an_odd_name_will_do() {
    let place = folder("pinboot odd it's ");
    let Some(world) = World::with(|mut options, _| {
        options.environment.retain(|(name, _)| name != "HOME");
        options.env("HOME", place.path().display().to_string())
    }) else {
        return;
    };
    world.steps(
        "
  - { name: Touch, command: touch ~/touched, creates: ~/touched }
  - { name: File, file: { path: '~/a file', content: text } }
",
    );
    world.run(&[]).exits(0).says(&["2 changed"]);
    world.run(&[]).exits(0).says(&["2 unchanged"]);
    assert_eq!(fs::read_to_string(place.path().join("a file")).expect("the file"), "text");
}

#[test]
fn a_home_that_the_user_cannot_write_to() {
    let Some(()) = mounts() else { return };
    let Some(world) = user_with("/bin/sh", None, "") else { return };
    std::os::unix::fs::chown(world.home.path(), Some(0), Some(0)).expect("chown");
    is_unfit(&world, "home_not_writable");
}

#[test]
fn a_record_that_others_could_have_made_is_not_used() {
    let Some(world) = World::new() else { return };
    let elsewhere = folder("pinboot-elsewhere-");
    symlink(elsewhere.path(), world.there(".pinboot")).expect("a link");
    is_unfit(&world, "record_link");
    assert_eq!(fs::read_dir(elsewhere.path()).expect("a folder").count(), 0, "the link is not followed");

    fs::remove_file(world.there(".pinboot")).expect("removed");
    fs::create_dir(world.there(".pinboot")).expect("a folder");
    fs::set_permissions(world.there(".pinboot"), fs::Permissions::from_mode(0o777)).expect("chmod");
    is_unfit(&world, "record_open");

    fs::remove_dir(world.there(".pinboot")).expect("removed");
    fs::write(world.there(".pinboot"), "a file").expect("a file");
    is_unfit(&world, "record_file");

    if rustix::process::getuid().is_root() {
        fs::remove_file(world.there(".pinboot")).expect("removed");
        fs::create_dir(world.there(".pinboot")).expect("a folder");
        fs::set_permissions(world.there(".pinboot"), fs::Permissions::from_mode(0o700)).expect("chmod");
        std::os::unix::fs::chown(world.there(".pinboot"), Some(54321), Some(54321)).expect("chown");
        is_unfit(&world, "record_owner");
    }
}

#[test]
fn a_host_without_curl_and_wget_is_reported() {
    let path = path_without(&["curl", "wget", "busybox", "python*"]);
    let Some(world) = World::with(|mut options, _| {
        options.environment.retain(|(name, _)| name != "PATH");
        options.env("PATH", path.path().display().to_string())
    }) else {
        return;
    };
    world.steps(
        "
  - { name: First, command: touch touched, always: true }
  - { name: Get it, download: { url: 'https://127.0.0.1:1/x.jar', to: ~/x.jar } }
",
    );
    let printed = world.run(&[]).exits(6);
    seen!(world, "no_tools", printed);
    unfit(&world);
}

#[test]
fn a_host_with_few_programs_still_runs_everything() {
    let Some(busybox) = need("busybox", "busybox-static") else { return };
    let path = path_without(&["setsid", "flock", "sync", "tail"]);
    std::os::unix::fs::symlink(busybox, path.path().join("tail")).expect("a link");
    let few = |options: Options, _: &Path| options.env("PATH", path.path().display().to_string());
    on_each_with(few, |world| {
        world.steps(HELD);
        let going = world.start(&["--json"]);
        held(&world);
        world.server.kill_sessions();
        until("it connects again", || world.logins() == 2);
        world.run(&[]).exits(9);
        release(&world);
        let printed = going.finish().exits(0);
        assert_eq!(output(&printed), whole());
        assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", "y\n"));
        // The host is free again.
        world.run(&[]).exits(0);
        assert_eq!(world.read("count"), "x\nx\n");
    });
}

#[test]
fn a_step_that_outlives_its_runner_holds_the_host() {
    on_each(|world| {
        world.steps(&HELD.replace("    always: true\n", ""));
        let going = world.start(&[]);
        held(&world);
        let run = world.runs();
        signal(world.runner().0, Signal::KILL);
        let printed = world.run(&[]).exits(9);
        seen!(world, "outlived", printed);
        release(&world);
        // It succeeded, but there was no runner to store that.
        going.finish().exits(8).says(&["started, no result recorded, and there is no check", "--assume not-done"]);
        assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", ""));
        assert!(!world.there(&format!(".pinboot/runs/{}/1.rc", run[0])).exists());
    });
}

#[test]
fn a_stranger_with_the_runners_number_is_not_ended() {
    let home = folder("pinboot-home-");
    let record = home.path().join(".pinboot/runs/0badcafe");
    fs::create_dir_all(&record).expect("a folder");
    let identity = Identity {
        run: RunId::parse("0badcafe").expect("a name"),
        nonce: "0".repeat(32),
        started_by: "me".to_owned(),
        shell: "/bin/sh".to_owned(),
    };
    // This process stands for the runner, or for another process that has its id by now.
    let mut other = Command::new("sleep").arg("600").spawn().expect("sleep starts");
    let stat = fs::read_to_string(format!("/proc/{}/stat", other.id())).expect("its state");
    let started = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(19)).expect("its start").to_owned();
    for (start, dies) in [("1", false), (started.as_str(), true)] {
        fs::write(record.join("runner"), format!("{} {start} -\n", other.id())).expect("a file");
        let command = String::from_utf8(stop(&identity, 2).command).expect("text");
        let printed = Command::new("sh").args(["-c", &command]).env("HOME", home.path()).output().expect("sh starts");
        assert_eq!(String::from_utf8_lossy(&printed.stdout), if dies { "received\n" } else { "gone\n" }, "{printed:?}");
        assert_eq!(fs::read_to_string(record.join("stop")).expect("the wish"), "2\n");
        if dies {
            let end = other.wait().expect("it ends");
            assert_eq!(std::os::unix::process::ExitStatusExt::signal(&end), Some(Signal::USR1.as_raw()));
        } else {
            // A signal would have arrived before the answer.
            assert!(other.try_wait().expect("a child").is_none());
        }
    }
}
