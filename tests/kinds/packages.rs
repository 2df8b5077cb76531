//! `package`, where another process holds a lock or cloud-init is at work.

use std::fs;
use std::process::{Child, Command, Stdio};

use super::cases::root;
use super::read::shared_host;
use super::world::{World, has, shells};

const INSTALL: &str = "  - name: Install it\n    package: unzip";

/// A host with a lock of its own that is waited for two seconds.
fn locked(name: &str) -> World {
    let host = shared_host(&root().join("package"), name).unwrap_or_else(|why| panic!("{why}"));
    let mut world = World::of(&host, shells()[0]);
    let lock = world.outside("lock");
    fs::write(&lock, "").expect("written");
    world.env("pb_lock_files", lock.display().to_string());
    world.env("pb_lock_seconds", "2");
    world
}

/// A process of this test that holds a lock for as long as it lives.
struct Holder(Child);

impl Holder {
    fn new() -> Self {
        Self(Command::new("sleep").arg("600").spawn().expect("sleep"))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_lock_that_is_not_given_back_is_named_and_left_alone() {
    let holder = Holder::new();
    let world = locked("amazon");
    let pid = holder.0.id();
    fs::write(world.outside("lock"), format!("{pid}\n")).expect("written");
    let heard = world.run(INSTALL);
    let step = heard.step();
    assert_eq!((step.outcome.as_str(), step.status), ("failed: status", 1), "{step:?}");
    let said = format!("waiting for the package lock, held by pid {pid} sleep since ");
    assert!(step.output.contains(&said), "{step:?}");
    let said = format!("gave up after 2 s: the package lock is still held by pid {pid} sleep");
    assert!(step.output.contains(&said), "{step:?}");
    assert!(world.outside("lock").exists() && world.calls().is_empty(), "{:?}", world.calls());
}

#[test]
fn a_manager_that_waits_for_the_lock_for_ever_is_ended() {
    let holder = Holder::new();
    let world = locked("amazon");
    let waits = format!(
        "#!/bin/sh\necho {} > '{}'\necho Another app is currently holding the yum lock\nexec sleep 600\n",
        holder.0.id(),
        world.outside("lock").display()
    );
    world.stand_in("yum", &waits);
    let heard = world.run(INSTALL);
    let step = heard.step();
    assert_eq!((step.outcome.as_str(), step.status), ("failed: status", 1), "{step:?}");
    assert!(step.output.contains("Another app is") && step.output.contains("still held by"), "{step:?}");
}

#[test]
fn a_stale_lock_holds_no_step_up() {
    let mut gone = Command::new("true").spawn().expect("true");
    gone.wait().expect("ended");
    let world = locked("amazon");
    fs::write(world.outside("lock"), format!("{}\n", gone.id())).expect("written");
    let heard = world.run(INSTALL);
    let step = heard.step();
    assert_eq!((step.outcome.as_str(), step.output.as_str()), ("changed", ""), "{step:?}");
}

#[test]
fn the_kernel_says_who_holds_apts_lock() {
    if !has("python3") {
        return;
    }
    let world = locked("debian");
    let hold = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()";
    let mut child = Command::new("python3")
        .args(["-c", hold])
        .arg(world.outside("lock"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut held = [0; 4];
    std::io::Read::read_exact(child.stdout.as_mut().expect("piped"), &mut held).expect("held");
    let heard = world.run("  - name: Install it\n    package: x");
    drop(child.stdin.take());
    let _ = child.wait();
    let step = heard.step();
    assert_eq!((step.outcome.as_str(), step.status), ("failed: status", 1), "{step:?}");
    assert!(
        step.output.contains("the package lock is still held by pid ") && step.output.contains("python"),
        "{step:?}"
    );
    assert!(world.calls().len() <= 1, "{:?}", world.calls());
}

#[test]
fn pacman_has_its_lock_open_for_as_long_as_it_holds_it() {
    let world = locked("arch");
    // No process has it open: pacman itself says what a lock is that was left behind.
    let install = "  - name: Install it\n    package: unzip";
    assert_eq!(world.run(install).step().outcome, "changed");
    world.write("installed", "");
    let lock = fs::File::open(world.outside("lock")).expect("there");
    let mut holder = Command::new("sleep").arg("600").stdin(Stdio::from(lock)).spawn().expect("sleep");
    let heard = world.run(install);
    let _ = holder.kill();
    let _ = holder.wait();
    let step = heard.step();
    assert_eq!((step.outcome.as_str(), step.status), ("failed: status", 1), "{step:?}");
    let said = format!("the package lock is still held by pid {} sleep", holder.id());
    assert!(step.output.contains(&said), "{step:?}");
}

/// A host on which cloud-init has a folder, as on a new instance.
fn with_cloud_init() -> World {
    let mut world = locked("amazon");
    let folder = world.outside("run cloud-init");
    fs::create_dir(&folder).expect("a folder");
    world.env("pb_cloud_folder", folder.display().to_string());
    world
}

#[test]
fn cloud_init_is_waited_for_and_named() {
    // Without a word of its own, its result is what it is known by.
    let world = with_cloud_init();
    let heard = world.run(INSTALL);
    let step = heard.step();
    assert_eq!((step.outcome.as_str(), step.status), ("failed: status", 1), "{step:?}");
    assert!(step.output.contains("waiting for cloud-init, which sets the new instance up: 1 s"), "{step:?}");
    assert!(step.output.contains("gave up after 2 s: cloud-init is still at work"), "{step:?}");
    assert!(world.calls().is_empty());
}

#[test]
fn cloud_init_itself_says_that_it_has_ended() {
    let world = with_cloud_init();
    // With errors as may be; so the second time it is asked.
    world.stand_in(
        "cloud-init",
        "#!/bin/sh\nif [ -e \"$HOME/said\" ]; then echo 'status: error'; exit 1; fi\n: > \"$HOME/said\"\necho 'status: running'\n",
    );
    let heard = world.run(INSTALL);
    let step = heard.step();
    assert_eq!(step.outcome, "changed", "{step:?}");
    assert!(step.output.contains("waiting for cloud-init") && !step.output.contains("2 s"), "{step:?}");
    // Where its result is there, it is not asked any more.
    fs::remove_file(world.path("said")).expect("removed");
    world.write("installed", "");
    fs::write(world.outside("run cloud-init/result.json"), "{}").expect("written");
    let heard = world.run(INSTALL);
    let step = heard.step();
    assert_eq!(step.outcome, "changed", "{step:?}");
    assert!(!step.output.contains("cloud-init") && !world.exists("said"), "{step:?}");
}
