//! Files on their way to the host, whatever happens meanwhile.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Elsewhere, address, until};
use crate::faults::world::{Signal, World};

/// Takes ten blocks while `~/hold` is there, and waits then. What it was asked for is in `~/taken`.
const DD: &str = r#"#!/bin/sh
for word; do
    case $word in bs=*) bs=${word#bs=} ;; count=*) count=${word#count=} ;; esac
done
case $bs:$* in
65536:*fullblock)
    if [ -e ~/hold ]; then
        /bin/dd bs=65536 count=10 iflag=fullblock
        : > ~/holds
        while [ -e ~/hold ]; do sleep .02; done
        # The connection is cut by now: what of it is still on its way is lost.
        exec cat > /dev/null
    fi
    ;;
esac
# What comes from the controller goes into a part.
case $(readlink /proc/$$/fd/1) in *.part) echo "$((bs * count))" >> ~/taken ;; esac
exec /bin/dd "$@"
"#;
/// What has come of the big file where it was held.
const HELD: u64 = 655_360;
const SIZE: u64 = 20_000_003;

/// A host whose `dd` can be held, and a folder to send.
fn world(more: &str) -> Option<World> {
    let world = World::with(|options, home| {
        let bin = home.join("bin");
        fs::create_dir_all(&bin).expect("made");
        fs::write(bin.join("dd"), DD).expect("written");
        fs::set_permissions(bin.join("dd"), fs::Permissions::from_mode(0o755)).expect("a mode");
        let path = std::env::var("PATH").expect("a PATH");
        let options = options.env("PATH", format!("{}:{path}", bin.display()));
        if more.is_empty() { options } else { options.line(more) }
    })?;
    let app = world.here("app");
    fs::create_dir_all(app.join("sub")).expect("made");
    fs::write(app.join("small"), "small\n").expect("written");
    let bytes: Vec<u8> = (0..SIZE).map(|n| u8::try_from((n * 7 + n / 251) % 256).expect("a byte")).collect();
    fs::write(app.join("sub/big"), bytes).expect("written");
    world.steps("  - name: Send it\n    upload: { src: app, to: ~/app }\n");
    Some(world)
}

fn is_there(world: &World) -> bool {
    let same = |name: &str| fs::read(world.here("app").join(name)).ok() == fs::read(world.there("app").join(name)).ok();
    same("small") && same("sub/big")
}

/// How many bytes the host was sent since the file `taken` was removed.
fn sent(world: &World) -> u64 {
    let taken = world.read("taken");
    taken.lines().map(|line| line.parse::<u64>().expect("a number")).sum()
}

fn hold(world: &World) {
    fs::write(world.there("hold"), "").expect("written");
}

/// Waits until the file is held in the middle.
fn held(world: &World) {
    until("the file is held", || world.there("holds").exists());
    let files = fs::read_dir(world.there(".pinboot/files")).expect("a folder").flatten();
    let parts: Vec<u64> = files
        .filter(|entry| Path::new(&entry.file_name()).extension().is_some_and(|end| end == "part"))
        .map(|entry| entry.metadata().expect("a part").len())
        .collect();
    assert_eq!(parts, [HELD]);
    let _ = fs::remove_file(world.there("taken"));
}

fn release(world: &World) {
    fs::remove_file(world.there("hold")).expect("removed");
}

#[test]
fn a_folder_goes_up_once_and_drift_is_repaired() {
    // One command on each connection: the files take one of their own.
    for more in ["", "MaxSessions 1"] {
        let Some(world) = world(more) else { return };
        world.run(&["--check"]).exits(0).says(&["1 would change"]);
        assert!(!world.there("app").exists());
        world.run(&[]).exits(0).says(&["1 changed"]);
        assert!(is_there(&world));
        assert_eq!(sent(&world), SIZE + 6);
        assert_eq!(fs::read_dir(world.there(".pinboot/files")).expect("a folder").count(), 0, "nothing is left");
        fs::remove_file(world.there("taken")).expect("removed");
        world.run(&[]).exits(0).says(&["1 unchanged"]);
        fs::write(world.there("app/small"), "other\n").expect("written");
        fs::set_permissions(world.there("app/sub/big"), fs::Permissions::from_mode(0o600)).expect("a mode");
        world.run(&["-v"]).exits(0).says(&["small: other bytes -> 6 bytes", "sub/big: mode 0600 -> 0644", "1 changed"]);
        assert!(is_there(&world));
        assert_eq!(sent(&world), 6, "only the small one was sent");
    }
}

#[test]
fn a_cut_in_the_middle_of_a_file_costs_no_byte_twice() {
    let Some(world) = world("") else { return };
    hold(&world);
    let run = world.start(&[]);
    held(&world);
    world.server.kill_sessions();
    release(&world);
    run.finish().exits(0).says(&["1 changed"]);
    assert!(is_there(&world));
    assert_eq!(sent(&world), SIZE - HELD);
}

#[test]
fn what_a_killed_controller_has_sent_is_continued() {
    let Some(world) = world("") else { return };
    hold(&world);
    let run = world.start(&[]);
    held(&world);
    run.kill();
    // The host waits.
    let elsewhere = Elsewhere::new(&world);
    let name = world.runs().pop().expect("the run");
    release(&world);
    let attached = elsewhere.call(&world, &["attach", &address(&world), &name]);
    let mut attached = crate::faults::world::Started::start(attached);
    attached.wait_for("a step waits for files of the machine that has the playbook");
    attached.kill();
    world.pinboot(&["rerun", &name]).exits(0).says(&["1 changed"]);
    assert!(is_there(&world));
    assert_eq!(sent(&world), SIZE - HELD);
}

#[test]
fn a_file_that_changes_here_fails_by_name() {
    let Some(world) = world("") else { return };
    hold(&world);
    let run = world.start(&[]);
    held(&world);
    let big = world.here("app/sub/big");
    let mut bytes = fs::read(&big).expect("read");
    bytes[10_000_000] ^= 1;
    fs::write(&big, &bytes).expect("written");
    world.server.kill_sessions();
    release(&world);
    run.finish().exits(1).says(&["sub/big: its bytes are not those of the plan any more"]);
    assert!(!world.there("app/sub/big").exists(), "nothing is put into place");
    // What has come of the other file stays.
    fs::remove_file(world.there("taken")).expect("removed");
    world.pinboot(&["rerun"]).exits(0).says(&["1 changed"]);
    assert!(is_there(&world));
    assert_eq!(sent(&world), SIZE);
}

#[test]
fn a_user_who_stops_ends_the_wait() {
    let Some(world) = world("") else { return };
    hold(&world);
    let run = world.start(&[]);
    held(&world);
    run.signal_until_it_ends(Signal::INT).exits(130);
    until("the runner has stopped", || world.is_over());
    assert!(!world.there("app").exists());
    release(&world);
}
