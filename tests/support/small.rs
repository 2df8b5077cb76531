//! The small servers, dropbear and tinysshd: how each is started so that it serves as OpenSSH's does.
//!
//! Neither can set the environment of a session, and neither takes the place of its keys from its configuration. So each runs in a mount namespace of its own,
//! where root's home is the one that is wanted, and root's login shell sets the environment. (tinysshd takes no keys from
//! below a folder that others can write to, such as /tmp: so the home is seen at /root as well.)

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::sshd::{Options, Software};
use super::{left_out, mounts, need};

/// What tinysshd is started by: one process for each connection, which is its standard input and output.
const INETD: &str = r#"
use Socket;
socket(my $listener, PF_INET, SOCK_STREAM, 0) or die $!;
setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1);
bind($listener, sockaddr_in(shift, INADDR_LOOPBACK)) or die $!;
listen($listener, 100) or die $!;
syswrite STDERR, "listening\n";
$SIG{CHLD} = "IGNORE";
while (1) {
  accept(my $connection, $listener) or next;
  next if fork;
  $SIG{CHLD} = "DEFAULT";
  open STDIN, "<&", $connection;
  open STDOUT, ">&", $connection;
  exec @ARGV;
}
"#;

/// Whether this server can be started here; where not, that has been said.
pub(super) fn is_here(software: Software) -> Option<()> {
    match software {
        Software::OpenSsh => return need("sshd", "openssh-server").map(drop),
        Software::Dropbear => [("dropbear", "dropbear-bin"), ("dropbearkey", "dropbear-bin")].as_slice(),
        Software::Tinysshd => &[
            ("tinysshd", "tinysshd"),
            ("tinysshd-makekey", "tinysshd"),
            ("tinysshd-printkey", "tinysshd"),
            ("perl", "perl-base"),
        ],
    }
    .iter()
    .try_for_each(|(program, package)| need(program, package).map(drop))?;
    if !rustix::process::getuid().is_root() {
        left_out("small servers take their keys from the home directory alone; root can put another in its place");
        return None;
    }
    mounts()
}

/// Makes the server's own key, its public part as `host_ed25519.pub`.
pub(super) fn make_host_key(dir: &Path, software: Software) {
    let public = dir.join("host_ed25519.pub");
    if public.exists() {
        return;
    }
    let said = match software {
        Software::OpenSsh => return,
        Software::Dropbear => {
            output(Command::new(program("dropbearkey")).args(["-t", "ed25519", "-f"]).arg(dir.join("dropbear")))
        }
        Software::Tinysshd => {
            output(Command::new(program("tinysshd-makekey")).arg("-q").arg(dir.join("tinysshd")));
            output(Command::new(program("tinysshd-printkey")).arg(dir.join("tinysshd")))
        }
    };
    let line = said.lines().find(|line| line.starts_with("ssh-ed25519 ")).expect("a public key");
    fs::write(public, format!("{line}\n")).expect("the public key");
}

/// The server's command on this port, and the words that it says when it listens.
pub(super) fn command(dir: &Path, options: &Options, port: u16) -> (Command, &'static str) {
    assert!(options.config.is_empty(), "small servers have no configuration: {:?}", options.config);
    let value = |wanted: &str| {
        let found = options.environment.iter().find(|(name, _)| name == wanted);
        found.map_or("/root", |(_, value)| value.as_str())
    };
    let mut login = "#!/bin/sh\n".to_owned();
    for (name, value) in &options.environment {
        let _ = writeln!(login, "export {name}='{value}'");
    }
    login.push_str("exec /bin/sh \"$@\"\n");
    let shell = dir.join("login");
    fs::write(&shell, login).expect("the login shell");
    fs::set_permissions(&shell, fs::Permissions::from_mode(0o755)).expect("chmod");
    let script = format!(
        "set -e\n{mounts}
         sed 's|^root:.*|root:x:0:0:root:/root:{dir}/login|' /etc/passwd >{dir}/passwd
         mount --bind {dir}/passwd /etc/passwd
         {{ cat /etc/shells; echo {dir}/login; }} >{dir}/shells
         mount --bind {dir}/shells /etc/shells
         mount --bind {home} /root
         mkdir -p /root/.ssh
         : >/root/.ssh/authorized_keys
         mount --bind {dir}/authorized_keys /root/.ssh/authorized_keys
         exec \"$@\"",
        mounts = options.mounts,
        home = value("HOME"),
        dir = dir.display(),
    );
    let mut command = Command::new("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-c", &script, "sh"]);
    match options.software {
        Software::OpenSsh => unreachable!("it has a configuration of its own"),
        Software::Dropbear => {
            command.arg(program("dropbear")).args(["-F", "-E", "-s", "-P", "", "-r"]).arg(dir.join("dropbear"));
            command.args(["-p", &format!("127.0.0.1:{port}")]);
            (command, "Not backgrounding")
        }
        Software::Tinysshd => {
            command.arg(program("perl")).args(["-e", INETD, &port.to_string()]);
            command.arg(program("tinysshd")).arg("-v").arg(dir.join("tinysshd"));
            (command, "listening")
        }
    }
}

fn program(name: &str) -> PathBuf {
    need(name, name).expect("it was there a moment ago")
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
