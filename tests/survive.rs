//! A run is never lost: whatever dies, in whatever order, it is found again, waited for, stopped or finished.
//!
//! The built program, a real OpenSSH server with a home on it, and a second machine beside the first (a folder of its own).

mod attach;
mod cancel;
mod fetch;
mod lost;
mod reboot;
mod together;
mod unknown;
mod upload;

use std::fs;
use std::path::{Path, PathBuf};

use crate::faults::world::{self, Call, Printed, Signal, World, until};
use crate::support::sshd::signal;

/// Shell that waits on the host until the test wants it to go on.
const UNTIL_GO: &str = "until [ -e ~/go ]; do sleep .02; done";

/// The runs that the host has a folder of.
fn runs_there(world: &World) -> Vec<String> {
    let Ok(entries) = fs::read_dir(world.there(".pinboot/runs")) else { return Vec::new() };
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect()
}

/// The runner of the host's only run.
fn runner(world: &World) -> u32 {
    let run = runs_there(world).pop().expect("a run");
    let text = world.read(&format!(".pinboot/runs/{run}/runner"));
    text.split(' ').next().and_then(|pid| pid.parse().ok()).expect("a pid")
}

/// The processes that hold the run's lock: its runner and everything of its steps.
fn holders(world: &World) -> Vec<u32> {
    let run = runs_there(world).pop().expect("a run");
    let lock = fs::canonicalize(world.there(&format!(".pinboot/runs/{run}/lock"))).expect("a lock");
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.filter(|pid| fs::read_link(format!("/proc/{pid}/fd/8")).is_ok_and(|file| file == lock)).collect()
}

/// Ends the runner and what it has started, as a power cut would.
fn cut_power(world: &World) {
    let runner = runner(world);
    let mut all = vec![runner];
    let mut at = 0;
    while at < all.len() {
        let pid = all[at];
        let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        all.extend(text.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        at += 1;
    }
    // The runner first, since it would report how its step ended.
    for pid in all {
        signal(pid, Signal::KILL);
    }
    // A list of children may lack some while others end.
    until("nothing of the run lives", || {
        let holders = holders(world);
        for pid in &holders {
            signal(*pid, Signal::KILL);
        }
        holders.is_empty()
    });
}

fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// Another machine: only the key, known_hosts and the playbook are known there.
struct Elsewhere {
    dir: tempfile::TempDir,
}

impl Elsewhere {
    fn new(world: &World) -> Self {
        let dir = world::folder("pinboot-elsewhere-");
        fs::copy(world.here("p.yaml"), dir.path().join("p.yaml")).expect("the playbook is copied");
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn pinboot(&self, words: &[&str]) -> Printed {
        Call::new(self.path()).args(words).run()
    }

    /// The program with these words and the way to the host.
    fn reach(&self, world: &World, words: &[&str]) -> Printed {
        self.call(world, words).run()
    }

    /// The same, not yet started.
    fn call(&self, world: &World, words: &[&str]) -> Call {
        let call = Call::new(self.path()).args(words).args(["--host-key", "strict", "--known-hosts"]);
        call.arg(world.server.known_hosts()).arg("--key").arg(world.server.key())
    }
}

/// `USER@ADDRESS:PORT`.
fn address(world: &World) -> String {
    format!("{}@127.0.0.1:{}", world.user, world.server.port)
}

/// A file that is there once a step has started.
fn started(world: &World, name: &str) -> PathBuf {
    let path = world.there(name);
    until("the step begins", || path.exists());
    path
}

/// Waits until a step has written a whole line to this file: a file exists before anything is in it.
fn written(world: &World, name: &str) -> PathBuf {
    let path = world.there(name);
    until("the step writes its line", || fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n')));
    path
}
