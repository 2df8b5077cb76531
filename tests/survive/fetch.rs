//! `fetch`: what a host gives to the machine that pinboot runs on, whatever dies on the way, and whatever the host says.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Elsewhere, UNTIL_GO, address};
use crate::faults::link::Link;
use crate::faults::world::{World, until, user_on};
use crate::support::{mounts, need};

/// Bytes that no compression makes fewer, the same in each run.
fn bytes(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    })
    .take(count)
    .collect()
}

/// Fetches `~/big` to `got/big`, and has a step behind it that takes the original away.
const BIG: &str = "
  - name: Fetch it
    fetch: { from: ~/big, to: got/ }
  - name: Take it away
    absent: ~/big
  - name: After
    command: echo behind it
    always: true
";

const SIZE: usize = 12_000_000;

fn with_big() -> Option<(World, Vec<u8>)> {
    let world = World::new()?;
    let all = bytes(SIZE);
    fs::write(world.there("big"), &all).expect("it is written");
    world.steps(BIG);
    Some((world, all))
}

/// What an attempt has left of a file that is not complete.
fn part(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    entries.map(|entry| entry.path()).find(|path| path.to_string_lossy().contains(".pinboot-take-"))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

#[test]
fn files_and_trees_come_and_drift_on_either_side_is_found() {
    let Some(world) = World::new() else { return };
    fs::create_dir_all(world.there("conf/sub")).expect("a folder");
    fs::write(world.there("conf/sub/key"), "topsecretbytes\n").expect("it is written");
    fs::write(world.there("conf/a"), "one\n").expect("it is written");
    fs::write(world.there("file"), "f\n").expect("it is written");
    world.steps(
        "
  - name: File
    fetch: { from: ~/file, to: backup/, per_host: true }
  - name: Tree
    fetch: { from: ~/conf, to: tree }
",
    );
    world.run(&["--check"]).exits(0).says(&["would change", "+ tree/sub/key (15 bytes)"]);
    assert!(!world.here("tree").exists() && !world.here("backup").exists(), "a check writes nothing");
    world.run(&["--dry-run"]).exits(0).says(&["taken to", "/tree"]);
    let printed = world.run(&["-v"]).exits(0).says(&["2 changed", "+ tree/sub/key (15 bytes)"]);
    let file = world.here("backup/127.0.0.1/file");
    assert_eq!((fs::read_to_string(&file).expect("it came").as_str(), mode(&file)), ("f\n", 0o600));
    assert_eq!(fs::read_to_string(world.here("tree/sub/key")).expect("it came"), "topsecretbytes\n");
    let run = world.runs().pop().expect("the run");
    let record = world.there(&format!(".pinboot/runs/{run}"));
    for entry in fs::read_dir(&record).expect("a record").flatten() {
        let text = fs::read(entry.path()).unwrap_or_default();
        let is_there = text.windows(9).any(|found| found == b"topsecret");
        assert!(!is_there, "{} has what was fetched", entry.path().display());
    }
    assert!(!printed.shown().contains("topsecret") && !world.journal_text().contains("topsecret"));
    world.run(&[]).exits(0).says(&["2 unchanged"]);
    fs::write(world.there("conf/a"), "two\n").expect("it is written");
    world.run(&["--check"]).exits(0).says(&["tree/a: other bytes (4 -> 4)"]);
    world.run(&[]).exits(0).says(&["1 changed, 1 unchanged"]);
    assert_eq!(fs::read_to_string(world.here("tree/a")).expect("it came"), "two\n");
    fs::remove_file(&file).expect("it is removed");
    fs::write(world.here("tree/a"), "spoiled\n").expect("it is written");
    world.run(&[]).exits(0).says(&["2 changed", "tree/a: other bytes (8 -> 4)"]);
    world.run(&[]).exits(0).says(&["2 unchanged"]);
}

#[test]
fn a_cut_in_the_middle_is_continued_at_its_byte() {
    let Some((mut world, all)) = with_big() else { return };
    let link = Link::to(world.server.port);
    world.go_by(link.port);
    link.reset_behind(8_000_000);
    world.run(&[]).exits(0).says(&["3 changed"]);
    assert!(link.was_reset().is_some(), "it was cut");
    assert_eq!(fs::read(world.here("got/big")).expect("it came"), all);
    assert_eq!(part(&world.here("got")), None);
    let rest = link.carried();
    assert!(rest < 11_000_000, "{rest} bytes came behind the cut, and a part had come before");
}

#[test]
fn a_killed_pinboot_is_followed_by_one_that_takes_the_rest() {
    let Some((mut world, all)) = with_big() else { return };
    let link = Link::to(world.server.port);
    world.go_by(link.port);
    link.reset_behind(8_000_000);
    let run = world.start(&[]);
    until("it has connected", || link.flows() == 1);
    // It does not come back.
    link.shut();
    until("a part has come", || link.was_reset().is_some());
    run.kill();
    let before = fs::metadata(part(&world.here("got")).expect("a part")).expect("it is there").len();
    assert!(before > 1_500_000, "{before}");
    until("the run goes on without it", || world.is_over());
    assert!(!world.journal().iter().any(|line| line.ends_with("changed")), "{:?}", world.journal());
    link.open();
    world.pinboot(&["rerun", "-v"]).exits(0).says(&["3 changed", "behind it"]);
    assert_eq!(fs::read(world.here("got/big")).expect("it came"), all);
    let rest = link.carried();
    assert!(rest < SIZE as u64 - before + 1_000_000, "{rest} bytes came, and {before} were there");
    world.pinboot(&["rerun"]).exits(0).says(&["completed successfully"]);
}

#[test]
fn another_machine_takes_the_files_with_the_playbook_and_says_so_without() {
    let Some((world, all)) = with_big() else { return };
    let run = world.start(&[]);
    until("a part has come", || part(&world.here("got")).is_some() || world.here("got/big").exists());
    run.kill();
    until("the run goes on without it", || world.is_over());
    let elsewhere = Elsewhere::new(&world);
    elsewhere
        .reach(&world, &["attach", &address(&world)])
        .says(&["and they are not taken from here", "--playbook FILE"]);
    elsewhere
        .reach(&world, &["attach", &address(&world), "--playbook", "p.yaml"])
        .exits(0)
        .says(&["Fetch it", "3 changed"]);
    assert_eq!(fs::read(elsewhere.path().join("got/big")).expect("it came"), all);
}

#[test]
fn what_cannot_be_written_here_is_taken_when_it_can() {
    let Some((world, all)) = with_big() else { return };
    world.steps(&format!("  - name: Wait\n    command: touch ~/here; {UNTIL_GO}\n    always: true{BIG}"));
    let run = world.start(&[]);
    until("the run has started", || world.there("here").exists());
    fs::write(world.here("got"), "no folder").expect("it is written");
    fs::write(world.there("go"), "").expect("go");
    run.finish()
        .exits(12)
        .says(&["the files of step 2 (Fetch it) were not taken: cannot make the folder", "resume with `pinboot rerun"]);
    until("the run goes on without it", || world.is_over());
    assert!(!world.there("big").exists());
    fs::remove_file(world.here("got")).expect("it is removed");
    world.pinboot(&["rerun", "-v"]).exits(0).says(&["4 changed", "behind it"]);
    assert_eq!(fs::read(world.here("got/big")).expect("it came"), all);
}

#[test]
fn a_full_disk_here_ends_the_taking_and_not_the_run() {
    let Some((world, all)) = with_big() else { return };
    if mounts().is_none() || need("unshare", "util-linux").is_none() {
        return;
    }
    fs::create_dir(world.here("got")).expect("a folder");
    let small = "mount -t tmpfs -o size=4m none got && exec \"$@\"";
    let call = world.run_call(&[]).under("unshare", &["-m", "--propagation", "private", "sh", "-c", small, "sh"]);
    call.exits(12).says(&["were not taken: cannot write", "No space left on device"]);
    until("the run goes on without it", || world.is_over());
    world.pinboot(&["rerun"]).exits(0).says(&["3 changed"]);
    assert_eq!(fs::read(world.here("got/big")).expect("it came"), all);
}

#[test]
fn root_reads_what_the_login_user_may_not() {
    if mounts().is_none() || need("sudo", "sudo").is_none() {
        return;
    }
    let rules = "mount -t tmpfs -o mode=755 none /etc/sudoers.d
        echo 'visitor ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/visitor; chmod 440 /etc/sudoers.d/visitor
        mount -t tmpfs -o mode=700 none /mnt; mkdir -m 700 /mnt/private
        echo 'for root alone' >/mnt/private/file; chmod 600 /mnt/private/file";
    let Some(world) = user_on(|options| options, "/bin/sh", Some(Path::new("/usr/bin:/bin")), rules) else { return };
    world.steps("  - name: Fetch it\n    fetch: { from: /mnt/private, to: got }\n");
    world.run(&[]).exits(1).says(&["is not there: does an earlier step bring it?"]);
    world.steps("  - name: Fetch it\n    fetch: { from: /mnt/private, to: got }\n    sudo: true\n");
    world.run(&[]).exits(0).says(&["1 changed"]);
    assert_eq!(fs::read_to_string(world.here("got/file")).expect("it came"), "for root alone\n");
    world.run(&[]).exits(0).says(&["1 unchanged"]);
}

/// A host whose `head` bends what it gives: `$1` of the script is a program for sed.
fn lying(sed: &str) -> Option<World> {
    let world = World::with(|options, home| {
        let bin = home.join("bin");
        options.env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
    })?;
    fs::create_dir(world.there("bin")).expect("a folder");
    let text = format!(
        "#!/bin/sh\ncase $PWD in\n*/.pinboot/runs/*) /usr/bin/head \"$@\" | LC_ALL=C sed '{sed}' ;;\n*) exec /usr/bin/head \"$@\" ;;\nesac\n"
    );
    fs::write(world.there("bin/head"), text).expect("it is written");
    fs::set_permissions(world.there("bin/head"), fs::Permissions::from_mode(0o755)).expect("it is set");
    fs::create_dir(world.there("tree")).expect("a folder");
    fs::write(world.there("tree/abcdefgh"), "theirs\n").expect("it is written");
    fs::write(world.here("mine"), "mine\n").expect("it is written");
    world.steps("  - name: Fetch it\n    fetch: { from: ~/tree, to: in/got }\n");
    Some(world)
}

#[test]
fn a_host_that_lies_writes_nothing_outside_of_the_target() {
    for (sed, says) in [
        ("s/abcdefgh/..\\/..\\/xy/", "the path `../../xy`, which no file below the target has"),
        ("s/abcdefgh/\\/tmp\\/evi/", "which no file below the target has"),
        ("s/abcdefgh/a\\/..\\/b\\/c/", "which no file below the target has"),
        ("s/abcdefgh/abcdef\\x1b]/", "which no file below the target has"),
        ("s/abcdefgh/ab\\/\\/cdef/", "which no file below the target has"),
        ("s/^f - 7/l - 7/", "a line that is not understood"),
        ("s/theirs/others/", "than it has announced"),
        ("s/theirs/theirs and more/", "than it has announced"),
        ("s/^f - 7/f - 9/", "more bytes than it has"),
    ] {
        let Some(world) = lying(sed) else { return };
        let printed = world.run(&[]).exits(10);
        let printed = printed.says(&["the files of step 1 (Fetch it) were not taken: the host offers", says]);
        assert!(!printed.shown().contains('\x1b'));
        assert_eq!(fs::read_to_string(world.here("mine")).expect("it is there"), "mine\n");
        let mut names: Vec<String> = fs::read_dir(world.controller.path())
            .expect("a folder")
            .map(|entry| entry.expect("it is read").file_name().to_string_lossy().into_owned())
            .filter(|name| !matches!(name.as_str(), "mine" | "p.yaml" | "state" | "in"))
            .collect();
        names.sort();
        assert_eq!(names, Vec::<String>::new(), "{sed}");
        assert!(!world.here("in/got/abcdefgh").exists(), "{sed}");
        assert_eq!(part(&world.here("in/got")), None, "{sed}");
    }
}

#[test]
fn a_host_that_sends_without_end_is_left() {
    let Some(world) = lying("s/x/x/") else { return };
    let text = "#!/bin/sh\ncase $PWD in\n*/.pinboot/runs/*) /usr/bin/head \"$@\"; exec yes ;;\n*) exec /usr/bin/head \"$@\" ;;\nesac\n";
    fs::write(world.there("bin/head"), text).expect("it is written");
    world.run(&[]).exits(10).says(&["were not taken: the host offers", "than it has announced"]);
}

#[test]
fn two_hosts_with_one_target_are_refused_before_anything_is_sent() {
    let Some(world) = World::new() else { return };
    let lint = |to: &str| {
        world.playbook(&format!(
            "hosts:\n  a: {{ address: 127.0.0.1, port: 1, vars: {{ own: x }} }}\n  b: {{ address: 127.0.0.1, port: 1, vars: {{ own: x/y }} }}\n\
             steps:\n  - name: Fetch it\n    fetch: {{ from: ~/f, {to} }}\n"
        ));
        world.call(&["run", "p.yaml", "--dry-run"]).run()
    };
    lint("to: got/").exits(2).says(&["the hosts `a` and `b` would both write to", "got/f", "add `per_host: true`"]);
    // One lies within the other.
    lint("to: 'got/{{ own }}'").exits(2).says(&["would both write to"]);
    lint("to: got/x").exits(2);
    lint("to: 'got/{{ own | replace(\"/\", \"\") }}'").exits(0);
    lint("to: got/, per_host: true").exits(0).says(&["got/a/f", "got/b/f"]);
    assert_eq!(world.logins(), 0);
}
