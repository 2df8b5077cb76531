//! Two users of one host who both use sudo, and a third who would hold them up. They are in a mount namespace of their own, where
//! they may use the real sudo.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use pinboot::ids::StepId;
use pinboot::plan::{RunAs, StepSpec};
use pinboot::remote::frame::{Frame, SudoFault, Unfit};
use pinboot::remote::{Delivery, program, stop};
use pinboot::script::Text;

use super::{Heard, Host, plan, script, shells, work};
use crate::support::sshd::PATIENCE;
use crate::support::wait::wait_until;

/// Users that every system has, with their numbers; none of them is root.
const USERS: [(&str, u32); 2] = [("daemon", 1), ("bin", 2)];

/// Where sudo knows these users.
struct Namespace {
    keeper: Child,
    _files: tempfile::TempDir,
}

impl Namespace {
    /// `None` where it cannot be made, which is said.
    fn new() -> Option<Self> {
        let missing = ["unshare", "nsenter", "setpriv", "sudo", "mkfifo", "flock"]
            .into_iter()
            .find(|program| super::which(program).is_none());
        if missing.is_some() || !rustix::process::geteuid().is_root() {
            let message =
                format!("left out: two users with sudo (needs root and {})", missing.unwrap_or("nothing more"));
            assert!(std::env::var_os("PINBOOT_TEST_ALL").is_none(), "{message}");
            eprintln!("{message}");
            return None;
        }
        let files = tempfile::tempdir().expect("a folder");
        let names: Vec<String> = USERS.iter().map(|(name, _)| format!("{name} ALL=(ALL) NOPASSWD: ALL\n")).collect();
        let sudoers = files.path().join("sudoers");
        std::fs::write(&sudoers, format!("Defaults !lecture\nroot ALL=(ALL) ALL\n{}", names.concat()))
            .expect("written");
        std::fs::set_permissions(&sudoers, std::os::unix::fs::PermissionsExt::from_mode(0o440)).expect("a mode");
        let setup = format!(
            "mount -t tmpfs -o mode=755 run /run && mount --bind {} /etc/sudoers && echo ready && cat",
            sudoers.display()
        );
        let mut keeper = Command::new("unshare")
            .args(["-m", "sh", "-ec", &setup])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare starts");
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().expect("piped")).read_line(&mut line).expect("it says");
        assert_eq!(line, "ready\n");
        Some(Self { keeper, _files: files })
    }

    /// A command of a user in there.
    fn command(&self, user: u32, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        let (target, uid) = (self.keeper.id().to_string(), user.to_string());
        command.args(["-t", &target, "-m", "--", "setpriv", "--reuid", &uid, "--regid", &uid, "--clear-groups", "--"]);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Delivers a plan as a user, after this shell.
    fn start(&self, host: &Host, user: u32, run: u8, steps: Vec<StepSpec>, before: &str) -> Child {
        let (identity, plan) = (host.identity(run), plan(steps));
        let exec = Delivery::new(&program(&plan, &identity), &identity, &[]).exec();
        let text = format!("{before}cd; {}", String::from_utf8(exec.command).expect("ASCII"));
        let mut command = self.command(user, &["sh", "-c", &text]);
        command
            .env("HOME", host.home.path())
            .env("pb_machine_file", host.path("machine-id"))
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", host.bin.display()));
        command.spawn().expect("it starts")
    }

    /// What a user runs, and whether it went well.
    fn run(&self, user: u32, words: &[&str]) -> bool {
        self.command(user, words).status().expect("it starts").success()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

fn heard(child: Child) -> Heard {
    let output = child.wait_with_output().expect("it ends");
    Heard::new(&output.stdout, &output.stderr)
}

fn home_of(shell: &Path, user: u32) -> Host {
    let host = Host::new(shell);
    chown(host.home.path(), Some(user), Some(user)).expect("given");
    host
}

fn as_root(text: &str) -> StepSpec {
    StepSpec { run_as: RunAs::Root, ..work(text) }
}

#[test]
fn no_other_user_can_hold_the_lock_of_the_host() {
    let Some(space) = Namespace::new() else { return };
    let [(_, alice), (_, bob)] = USERS;
    for (name, shell) in shells().into_iter().filter(|(name, _)| ["dash", "bash", "mksh"].contains(name)) {
        eprintln!("sh is {name}");
        let (first, second) = (home_of(&shell, alice), home_of(&shell, bob));
        // What held everybody up before: anybody could open the file.
        let path = "/run/pinboot.lock";
        assert!(space.run(0, &["sh", "-c", &format!(": >{path}; chmod 644 {path}")]));
        let mut hostile = space.command(bob, &["flock", path, "cat"]).stdin(Stdio::piped()).spawn().expect("flock");
        let heard_alone =
            heard(space.start(&first, alice, 1, vec![as_root("id -u >~/who; umask >~/mask")], "umask 027; "));
        assert_eq!((heard_alone.outcomes.as_slice(), heard_alone.end()), (&["changed".to_owned()][..], "ok"));
        assert!(!space.run(bob, &["sh", "-c", "cat /run/pinboot/lock || ls /run/pinboot || exec 7>/run/pinboot/lock"]));
        assert!(!space.run(bob, &["flock", "-n", "/run/pinboot/lock", "true"]));
        hostile.kill().expect("killed");
        hostile.wait().expect("reaped");

        // Two users with sudo come one at a time, and the one who has the host is named.
        let gate = format!("touch {0}/held; while [ ! -e {0}/go ]; do sleep .05; done", first.home.path().display());
        let running = space.start(&first, alice, 2, vec![as_root(&gate)], "");
        while !first.path("held").exists() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let refused = heard(space.start(&second, bob, 3, vec![as_root("true")], ""));
        let owner = format!("{} tester@here 2026-11-24T06:00:00Z", first.identity(2).run);
        assert!(refused.frames.contains(&Frame::Busy { owner }), "{refused:#?}");
        // A user who needs no root does not wait.
        assert_eq!(heard(space.start(&second, bob, 4, vec![work("true")], "")).end(), "ok");
        // The runner is killed: nothing holds the host any more.
        let runner = first.read(".pinboot/runs/02000002/runner");
        let pid = runner.split(' ').next().expect("a pid");
        assert!(space.run(0, &["kill", "-9", pid]));
        let after = heard(space.start(&second, bob, 5, vec![as_root("true")], ""));
        assert_eq!((after.outcomes.as_slice(), after.end()), (&["changed".to_owned()][..], "ok"), "{after:#?}");
        std::fs::write(first.path("go"), "").expect("written");
        running.wait_with_output().expect("it ends");
        // A lock that something else of root has: whose it is cannot be said.
        let mut other =
            space.command(0, &["flock", "/run/pinboot/lock", "cat"]).stdin(Stdio::piped()).spawn().expect("flock");
        while space.run(0, &["flock", "-n", "/run/pinboot/lock", "true"]) {}
        let refused = heard(space.start(&second, bob, 6, vec![as_root("true")], ""));
        assert!(refused.frames.contains(&Frame::Busy { owner: "- - -".to_owned() }), "{refused:#?}");
        other.stdin.take().expect("piped").flush().expect("closed");
        other.wait().expect("it ends");
        assert_eq!(heard(space.start(&second, bob, 7, vec![as_root("true")], "")).end(), "ok");
    }
}

#[test]
fn sudo_makes_of_the_logins_umask_what_it_makes_of_it_in_a_login() {
    let Some(space) = Namespace::new() else { return };
    let [(_, alice), (other, _)] = USERS;
    for (name, shell) in shells().into_iter().filter(|(name, _)| ["dash", "mksh"].contains(name)) {
        eprintln!("sh is {name}");
        let host = home_of(&shell, alice);
        let note = |name: &str| format!("umask >{}/{name}", host.home.path().display());
        std::fs::set_permissions(host.home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777))
            .expect("a mode");
        for (run, umask) in [(1, "002"), (2, "027")] {
            let direct = |words: &str| {
                let output =
                    space.command(alice, &["sh", "-c", &format!("umask {umask}; {words} sh -c umask")]).output();
                String::from_utf8(output.expect("it runs").stdout).expect("text")
            };
            let steps = vec![
                as_root(&note("root")),
                StepSpec {
                    unless: script(&format!("{}; test -n ''", note("check"))),
                    allow_failure: true,
                    ..as_root("true")
                },
                StepSpec {
                    run_as: RunAs::User(Text::from(other)),
                    ..work(&format!("rm -f {0}/other; umask >{0}/other", host.home.path().display()))
                },
            ];
            let before = format!("umask {umask}; chmod 777 {}; ", host.home.path().display());
            let heard = heard(space.start(&host, alice, run, steps, &before));
            assert_eq!(heard.outcomes, ["changed", "failed verify", "changed"], "{heard:#?}");
            let digits = |text: &str| text.trim().trim_start_matches('0').to_owned();
            for (file, words) in [("root", "sudo -n"), ("check", "sudo -n"), ("other", "sudo -n -u bin")] {
                assert_eq!(digits(&host.read(file)), digits(&direct(words)), "{file} with umask {umask}");
            }
        }
    }
}

#[test]
fn a_sudo_that_gives_no_answer_is_not_waited_for() {
    let Some(space) = Namespace::new() else { return };
    let [(_, alice), _] = USERS;
    for (name, shell) in shells() {
        eprintln!("sh is {name}");
        let host = home_of(&shell, alice);
        let sudo = host.path("shell-bin/sudo");
        // What hangs is root's, which its user cannot end.
        let pids = host.path("pids");
        std::fs::write(
            &sudo,
            format!("#!/bin/dash\nexec /usr/bin/sudo -n sh -c 'echo $$ >>{}; exec sleep 300'\n", pids.display()),
        )
        .expect("written");
        std::fs::set_permissions(&sudo, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
        let steps = || vec![as_root("touch done"), work("touch done")];
        let refused = heard(space.start(&host, alice, 1, steps(), "export pb_sudo_limit=1; "));
        let why = Unfit::Sudo(StepId(1), SudoFault::NoAnswer("1 s".to_owned()));
        assert!(refused.frames.contains(&Frame::Unfit(why)), "{refused:#?}");
        // A stop is heeded meanwhile.
        let waiting = space.start(&host, alice, 2, steps(), "");
        let is_asked_again = || std::fs::read_to_string(&pids).is_ok_and(|text| text.lines().count() == 2);
        assert!(wait_until(Instant::now() + PATIENCE, is_asked_again), "sudo is asked");
        let exec = stop(&host.identity(2), 2);
        let text = format!("cd; {}", String::from_utf8(exec.command).expect("ASCII"));
        let mut command = space.command(alice, &["sh", "-c", &text]);
        assert!(command.env("HOME", host.home.path()).status().expect("it starts").success());
        assert_eq!(heard(waiting).end(), "stopped");
        assert!(!host.path("done").exists());
        for pid in std::fs::read_to_string(&pids).expect("pids").lines() {
            // It may have ended with its sudo.
            space.run(0, &["kill", "-9", pid]);
        }
    }
}
