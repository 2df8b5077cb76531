//! Everything that the milestone needs: a host, its server, a mirror of its downloads, and a user who runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::host::{Host, Shell, iam_jar};
use super::mirror::{Answer, Mirror};
use crate::support::sshd::{Options, Sshd};
use crate::support::{left_out, need};

/// Where the tutorial gets Kafka.
pub(crate) const KAFKA: &str = "https://archive.apache.org/dist/kafka/2.8.1/kafka_2.12-2.8.1.tgz";

/// Where the tutorial gets the IAM library.
pub(crate) fn jar_url(version: &str) -> String {
    format!("https://github.com/aws/aws-msk-iam-auth/releases/download/v{version}/aws-msk-iam-auth-{version}-all.jar")
}

/// A file of this repository.
pub(crate) fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// pinboot in an environment that holds nothing of the developer's, with this folder as home.
pub(crate) fn pinboot(program: &Path, controller: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", controller)
        .env("PINBOOT_STATE_DIR", controller.join("state"))
        .current_dir(controller)
        .stdin(Stdio::null());
    command
}

/// A host, its server, its downloads and a user.
pub(crate) struct Lab {
    pub(crate) host: Host,
    pub(crate) mirror: Mirror,
    pub(crate) server: Sshd,
    pub(crate) controller: TempDir,
}

impl Lab {
    /// `None` if this machine lacks something; the test has said what.
    pub(crate) fn new(shell: Shell) -> Option<Self> {
        if shell.program().is_none() {
            left_out(&format!("no {shell:?} here; `apt-get install dash bash busybox` brings it in"));
            return None;
        }
        need("curl", "curl")?;
        let controller = TempDir::with_prefix("pinboot-controller-").expect("a temporary folder");
        let host = Host::new(shell);
        let mirror = Mirror::start(controller.path());
        mirror.set(KAFKA, Answer::Body(host.kafka_archive("kafka_2.12-2.8.1")));
        mirror.set(&jar_url("1.1.5"), Answer::Redirect("https://objects.githubusercontent.com/jar?token=1".to_owned()));
        mirror.set("https://objects.githubusercontent.com/jar?token=1", Answer::Body(iam_jar()));
        let environment = host.environment().into_iter().chain(mirror.environment()).collect();
        let server = Options { environment, ..Options::default() }.start()?;
        Some(Self { host, mirror, server, controller })
    }

    /// pinboot, with the host's `sh` in a variable.
    pub(crate) fn pinboot(&self, program: &Path) -> Command {
        let mut command = pinboot(program, self.controller.path());
        command.env("PINBOOT_SH", self.host.shell());
        command
    }

    /// A run of the milestone on the host; the caller adds what else it wants.
    pub(crate) fn run(&self, program: &Path) -> Command {
        let mut command = self.pinboot(program);
        command.arg("run").arg(repository("playbooks/milestone1.yaml"));
        command.args(["--host-key", "strict", "--known-hosts"]).arg(self.server.known_hosts());
        command.args(["--host", &format!("{}@127.0.0.1:{}", self.server.user, self.server.port)]);
        command.arg("--key").arg(self.server.key());
        command
    }

    /// A file below Kafka's folder.
    pub(crate) fn kafka(&self, name: &str) -> PathBuf {
        self.host.home().join("kafka_2.12-2.8.1").join(name)
    }
}
