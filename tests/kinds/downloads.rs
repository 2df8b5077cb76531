//! `download`, where it is stopped halfway.

use std::fs;
use std::time::{Duration, Instant};

use pinboot::event::Mode;
use rustix::process::{Pid, Signal, kill_process_group};

use super::case::{Content, FileSpec, HostSpec, ReplySpec};
use super::world::{World, shells};

#[test]
fn a_download_that_is_stopped_leaves_nothing_but_the_old_file() {
    let old = FileSpec::File { content: Content::Text("old".to_owned()), mode: None, owner: None, group: None };
    let host = HostSpec {
        files: vec![("~/f".to_owned(), old)],
        web: vec![("/slow".to_owned(), ReplySpec::Stall)],
        ..HostSpec::default()
    };
    let digest = "0".repeat(64);
    let step =
        format!("  - name: Get it\n    download: {{ url: \"{{{{ web }}}}/slow\", to: ~/f, sha256: \"{digest}\" }}");
    for shell in shells() {
        let world = World::of(&host, shell);
        let mut delivery = world.start(&world.steps(&step, Mode::Run));
        wait_until("the download has started", || world.asked("/slow") == 1);
        // The runner writes down which process group the step is.
        let mut group = None;
        wait_until("the step is written down", || {
            let runner = fs::read_to_string(world.record().join("runner")).unwrap_or_default();
            group = runner.lines().nth(1).and_then(|line| line.split(' ').nth(1)?.parse().ok()).and_then(Pid::from_raw);
            group.is_some()
        });
        kill_process_group(group.expect("a group"), Signal::TERM).expect("sent");
        delivery.wait().expect("ended");
        let log = fs::read_to_string(world.record().join("log")).expect("a log");
        assert!(log.contains(" done 1 failed "), "{shell:?}: {log}");
        wait_until("nothing of it is left", || {
            let names: Vec<_> = world.tree().0.into_keys().collect();
            names == ["~", "~/f"]
        });
        assert_eq!(world.read("f"), "old", "{shell:?}");
    }
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within 60 s");
        std::thread::sleep(Duration::from_millis(10));
    }
}
