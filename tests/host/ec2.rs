//! One EC2 host: a private root with OpenSSH's server as the distribution configures it, `ec2-user`, and a sudo without a
//! password; and pinboot, which runs outside of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::kit::INSIDE;
use super::process::Process;
use super::root::Root;
use super::world::World;

/// How one host differs from another.
pub(crate) struct Image {
    /// `amazon` (yum) or `debian` (apt).
    pub(crate) family: &'static str,
    /// What `/bin/sh` is.
    pub(crate) sh: &'static str,
    /// The login shell.
    pub(crate) login: &'static str,
    /// Whether AWS's client is installed.
    pub(crate) aws: bool,
}

impl Default for Image {
    fn default() -> Self {
        Self { family: "amazon", sh: "/usr/bin/bash", login: "/bin/bash", aws: false }
    }
}

/// An EC2 host and the files of its controller.
pub(crate) struct Host {
    pub(crate) address: String,
    /// The directory in which pinboot runs.
    pub(crate) controller: TempDir,
    key: PathBuf,
    _sshd: Process,
    pub(crate) root: Root,
}

impl Host {
    /// Starts a host in the world's network.
    pub(crate) fn start(world: &World, name: &str, image: &Image) -> Self {
        static NUMBER: AtomicU8 = AtomicU8::new(1);
        let address = format!("127.0.1.{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let root = Root::start(name, &world.base(name), &world.kit.dir, Some(&world.root));
        let key = format!("{INSIDE}/keys/Key pair name.pem.pub");
        let provision = include_str!("provision.sh");
        let aws = if image.aws { "aws" } else { "" };
        root.run("/bin/sh", &["-c", provision, "provision", image.family, image.sh, image.login, &key, aws]);
        // Everything else is the distribution's configuration. sshd would write its pid file after the awaited line, which
        // would disturb tests that compare the written files.
        let mut command = root.command("/usr/sbin/sshd");
        command.args(["-D", "-e", "-o", "PidFile=none", "-o", &format!("ListenAddress={address}")]);
        let sshd = Process::start("sshd", &mut command);
        sshd.wait_for("Server listening on", Duration::from_secs(20));
        let key = world.kit.file("keys/Key pair name.pem");
        let controller = TempDir::with_prefix("pinboot-controller-").expect("a temporary folder");
        Self { address, controller, key, _sshd: sshd, root }
    }

    /// A file in the login user's home, as this process can read it.
    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.root.place(&format!("/home/ec2-user/{name}"))
    }

    /// Runs this repository's milestone.
    pub(crate) fn milestone(&self, more: &[&str]) -> Output {
        self.play(&Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/milestone1.yaml"), more)
    }

    /// Runs a playbook with this host's address.
    pub(crate) fn play(&self, playbook: &Path, more: &[&str]) -> Output {
        Output::by(self.run(playbook).args(["-e", &format!("host={}", self.address)]).args(more))
    }

    /// Runs a playbook that has another name for the address.
    pub(crate) fn play_as_it_is(&self, playbook: &Path, more: &[&str]) -> Output {
        Output::by(self.run(playbook).args(more))
    }

    /// Writes a playbook with these steps for a login user of the host.
    pub(crate) fn playbook(&self, user: &str, steps: &str) -> PathBuf {
        let path = self.controller.path().join(format!("{user}.yaml"));
        let text = format!(
            "name: Some steps\n\nvars:\n  host: example.org\n\nhosts:\n  one: {{ address: \"{{{{ host }}}}\", user: {user} }}\n\n\
             steps:\n{steps}"
        );
        fs::write(&path, text).expect("a playbook");
        path
    }

    /// Starts a playbook without waiting for its end.
    pub(crate) fn start_playbook(&self, playbook: &Path) -> Process {
        Process::start("pinboot", self.run(playbook).args(["-e", &format!("host={}", self.address)]))
    }

    /// Runs `pinboot rerun` for the last run.
    pub(crate) fn rerun(&self) -> Output {
        Output::by(self.pinboot().args(["rerun", "--output", "json"]))
    }

    /// A copy of the milestone with some of its text replaced.
    pub(crate) fn edited(&self, edits: &[(&str, &str)]) -> PathBuf {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/milestone1.yaml");
        let mut text = fs::read_to_string(path).expect("the milestone");
        for (old, new) in edits {
            assert!(text.contains(old), "the milestone has no {old:?}");
            text = text.replace(old, new);
        }
        let copy = self.controller.path().join("copy.yaml");
        fs::write(&copy, text).expect("a copy of the milestone");
        copy
    }

    /// The output of a command in a new login with OpenSSH's client.
    pub(crate) fn login(&self, command: &str) -> String {
        let mut ssh = self.root.in_network("ssh");
        ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o"]);
        ssh.arg(format!("UserKnownHostsFile={}", self.controller.path().join("known_hosts").display()));
        ssh.arg("-i").arg(&self.key).arg(format!("ec2-user@{}", self.address)).arg(command);
        let output = ssh.output().expect("ssh starts");
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{command}: {}\n{stdout}\n{stderr}", output.status);
        stdout.into_owned()
    }

    fn run(&self, playbook: &Path) -> Command {
        let mut command = self.pinboot();
        command.arg("run").arg(playbook).args(["--output", "json", "--host-key", "accept-new", "--known-hosts"]);
        command.arg(self.controller.path().join("known_hosts")).arg("--key").arg(&self.key);
        command
    }

    /// The program under test, outside the host's file system and inside its network.
    fn pinboot(&self) -> Command {
        let mut command = self.root.in_network(env!("CARGO_BIN_EXE_pinboot"));
        let controller = self.controller.path();
        command.env("HOME", controller).env("PINBOOT_STATE_DIR", controller.join("state")).current_dir(controller);
        command
    }
}

/// The result of one call of pinboot.
pub(crate) struct Output {
    code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    fn by(command: &mut Command) -> Self {
        let output = command.output().expect("pinboot starts");
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Requires an exit code, and shows all output if it is another one.
    pub(crate) fn exits(self, code: i32) -> Self {
        let all = format!("--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        assert_eq!(self.code, Some(code), "{all}");
        // With JSON everything is on standard output; only libraries write such lines.
        assert!(!self.stderr.contains("ERROR") && !self.stderr.contains("WARN"), "{all}");
        assert!(!self.stdout.contains("\"host_lost\""), "{all}");
        self
    }

    /// The finished steps' events, in order.
    pub(crate) fn steps(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e} in {line}"));
        self.stdout.lines().map(parse).filter(|event| event["kind"] == "step_finished").collect()
    }

    /// The outcomes of the steps, in one line.
    pub(crate) fn outcomes(&self) -> String {
        let outcomes: Vec<String> =
            self.steps().iter().map(|step| step["outcome"].as_str().unwrap_or_default().to_owned()).collect();
        outcomes.join(" ")
    }

    /// The cause that pinboot shows for the last failed step.
    pub(crate) fn cause(&self) -> String {
        let steps = self.steps();
        let failed = steps.iter().rev().find(|step| step["outcome"] == "failed");
        let failed = failed.unwrap_or_else(|| panic!("no step failed\n{}", self.stdout));
        failed["cause"].as_str().unwrap_or_else(|| panic!("no cause is given\n{}", self.stdout)).to_owned()
    }
}
