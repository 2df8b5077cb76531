//! Runs that are on a host already, started by an older pinboot.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use pinboot::remote::streams::StreamPosition;
use pinboot::remote::{Delivery, SecretInput, follow};

use super::{Heard, Host, on_each_shell};

/// A run that was started from `playbook.yaml` there by pinboot at commit ee4d065. Its runner and the step in hand, the fourth,
/// were killed. Only `spare` is missing from the record, which is nothing but space.
fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/old-run/record")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// The record, and what the three steps that were over had done.
fn restore(host: &Host) {
    let _ = fs::remove_dir_all(host.path(".pinboot"));
    copy(&fixture(), &host.path(".pinboot"));
    fs::set_permissions(host.path(".pinboot"), fs::Permissions::from_mode(0o700)).expect("ours");
    fs::create_dir_all(host.path("made")).expect("a folder");
    for (name, text) in [("count", "x\n"), ("sign", "")] {
        fs::write(host.path(name), text).expect("written");
    }
    for name in ["waited", "written", "used", "tries"] {
        let _ = fs::remove_file(host.path(name));
    }
}

fn is_resumed(host: &Host, heard: &Heard) {
    let stored = ["changed stored"; 3];
    assert_eq!(heard.outcomes, [&["changed"; 3][..], &stored, &["changed"; 4]].concat(), "{heard:#?}");
    assert_eq!(heard.end(), "ok");
    let files = ["count", "waited", "written", "used", "tries"].map(|name| host.read(name));
    assert_eq!(files, ["x\n", "y\n", "It's two  words.\n", "hello there, two  words", "z\nz\n"], "{heard:#?}");
    // What an older runner has said is shown from any byte on, once.
    assert_eq!(heard.said[&1], "made it's folder\n");
    assert_eq!(heard.said[&4], "waiting\nwaiting\n");
}

#[test]
fn a_run_of_an_older_pinboot_is_followed_and_resumed() {
    let plan = fs::read(fixture().join("runs/09000009/plan")).expect("the plan");
    on_each_shell(|host| {
        let identity = host.identity(9);
        restore(host);
        let heard = host.exec(&Delivery::new(&plan, &identity, &[]).exec(), &[]);
        is_resumed(host, &heard);
        let from = heard.before_its_end(11);
        let rest = host.exec(&Delivery { from, ..Delivery::new(&plan, &identity, &[]) }.exec(), &[]);
        assert_eq!((rest.said[&0].len(), rest.end()), (11, "ok"), "{rest:#?}");
        // As `attach` does it, which does not have the plan.
        restore(host);
        is_resumed(
            host,
            &host.exec(&follow(&identity, StreamPosition::START, Some(&[]), SecretInput::Plain, None), &[]),
        );
    });
}
