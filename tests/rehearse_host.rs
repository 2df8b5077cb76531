//! The throw-away host as a user sees it: with OpenSSH's client outside, and with curl and wget inside.
//!
//! Each host is started by a *keeper*, a second process of this test binary, so that another user can start it and its
//! starter can be killed. As root, every test runs twice: as root and as `nobody`.

#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use pinboot::rehearse::world::{Body, HostFile, StandIn, TreeEntry, TreeKind, Url, UrlAnswer};
use pinboot::rehearse::{ChangedPath, PathKind, RehearsalHost, Used, World};

const WORLD: &str = "PINBOOT_TEST_WORLD";
const PROGRAM: &str = "PINBOOT_TEST_PROGRAM";

/// Not a test: the process that keeps a host for the other tests and follows the commands on its standard input.
#[test]
fn keeper() {
    let vars: HashMap<String, String> = std::env::vars().collect();
    let (Some(world), Some(program)) = (vars.get(WORLD), vars.get(PROGRAM)) else { return };
    let world: World = serde_json::from_str(world).expect("a world");
    let mut out = std::io::stdout();
    let host = match RehearsalHost::start_with(&world, Path::new(program)) {
        Ok(host) => host,
        Err(refused) => {
            let message = serde_json::json!({"refused": refused.message, "hint": refused.hint});
            return writeln!(out, "\n@@{message}").expect("written");
        }
    };
    let ready = serde_json::json!({
        "port": host.address().port(),
        "key": host.key_path(),
        "known_hosts": host.known_hosts_path(),
        "command": host.ssh_command(),
    });
    writeln!(out, "\n@@{ready}").expect("written");
    for line in std::io::stdin().lines() {
        let reply = match line.expect("a line").split_once(' ').unwrap_or_default() {
            ("mark", _) => serde_json::json!(host.mark().expect("marked")),
            ("changes", _) => serde_json::json!(host.changes().expect("listed")),
            ("used", _) => serde_json::json!(host.used().expect("written")),
            ("cut", after) => serde_json::json!(host.cut(after.trim().parse().ok()).expect("cut")),
            other => panic!("{other:?}"),
        };
        writeln!(out, "@@{reply}").expect("written");
    }
}

/// The user who starts a host.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Starter {
    Caller,
    Nobody,
    /// The same one, who may use further ids.
    NobodyWithIds,
}

struct Kept {
    keeper: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    ready: serde_json::Value,
    _place: tempfile::TempDir,
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

impl Kept {
    fn start(starter: Starter, world: &World) -> Self {
        Self::start_under(starter, world, &[])
    }

    /// Starts a keeper under a wrapping command.
    fn start_under(starter: Starter, world: &World, wrapper: &[&str]) -> Self {
        let place = tempfile::tempdir().expect("a directory");
        std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).expect("opened to others");
        // Another user may not be able to enter the build directory.
        let copy = |from: &Path, name: &str| -> PathBuf {
            let to = place.path().join(name);
            if std::fs::hard_link(from, &to).is_err() {
                std::fs::copy(from, &to).expect("copied");
            }
            to
        };
        let program = copy(Path::new(env!("CARGO_BIN_EXE_pinboot")), "pinboot");
        let test = copy(&std::env::current_exe().expect("this test"), "keeper");
        let mut words: Vec<String> = Vec::new();
        if starter == Starter::NobodyWithIds {
            let ids = place.path().join("ids");
            std::fs::write(&ids, format!("{}:100000:65536\n", "nobody")).expect("written");
            let script = "for f in /etc/subuid /etc/subgid; do mount --bind \"$0\" $f || exit; done; exec \"$@\"";
            words.extend(["unshare", "--mount", "sh", "-c", script].map(str::to_owned));
            words.push(ids.display().to_string());
        }
        if starter != Starter::Caller {
            words.extend(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"].map(str::to_owned));
        }
        words.extend(wrapper.iter().map(|word| (*word).to_owned()));
        words.push(test.display().to_string());
        words.extend(["--exact", "rehearse_host::keeper", "--nocapture"].map(str::to_owned));
        let mut keeper = Command::new(&words[0])
            .args(&words[1..])
            .env(WORLD, serde_json::to_string(world).expect("json"))
            .env(PROGRAM, program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a keeper");
        let (stdin, stdout) = (keeper.stdin.take().expect("a pipe"), keeper.stdout.take().expect("a pipe"));
        let stdout = BufReader::new(stdout);
        let mut kept = Self { keeper, stdin, stdout, ready: serde_json::Value::Null, _place: place };
        kept.ready = kept.answer();
        kept
    }

    fn answer(&mut self) -> serde_json::Value {
        loop {
            let mut line = String::new();
            assert_ne!(self.stdout.read_line(&mut line).expect("a line"), 0, "the keeper has ended");
            if let Some(json) = line.strip_prefix("@@") {
                return serde_json::from_str(json).expect("json");
            }
        }
    }

    fn ask(&mut self, request: &str) -> serde_json::Value {
        writeln!(self.stdin, "{request} ").expect("asked");
        self.answer()
    }

    fn changes(&mut self) -> Vec<ChangedPath> {
        serde_json::from_value(self.ask("changes")).expect("a list")
    }

    fn used(&mut self) -> Used {
        serde_json::from_value(self.ask("used")).expect("used")
    }

    fn ssh(&self, options: &[&str]) -> Command {
        assert!(self.ready["refused"].is_null(), "refused: {}", self.ready);
        let mut command = Command::new("ssh");
        command.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]);
        command.args(["-o", "StrictHostKeyChecking=yes", "-o", "GlobalKnownHostsFile=none"]);
        command.args(["-o", &format!("UserKnownHostsFile={}", self.ready["known_hosts"].as_str().expect("a path"))]);
        command.args(["-i", self.ready["key"].as_str().expect("a path")]);
        command.args(["-p", &self.ready["port"].to_string()]).args(options);
        command
    }

    /// Runs a command on the host.
    fn run(&self, line: &str) -> Output {
        self.ssh(&[]).args(["ec2-user@127.0.0.1", line]).stdin(Stdio::null()).output().expect("ssh")
    }

    /// Runs a command that must succeed, and returns its output.
    fn out(&self, line: &str) -> String {
        let out = self.run(line);
        assert!(out.status.success(), "{line}: {:?} {}", out.status, String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("text").trim_end().to_owned()
    }

    /// The host's processes as the machine sees them: all descendants of the keeper.
    fn processes(&self) -> Vec<u32> {
        let mut known = vec![self.keeper.id()];
        loop {
            let before = known.len();
            for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
                let name = entry.file_name();
                let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
                let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
                let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1));
                let parent = parent.and_then(|parent| parent.parse::<u32>().ok());
                if parent.is_some_and(|parent| known.contains(&parent)) && !known.contains(&pid) {
                    known.push(pid);
                }
            }
            if known.len() == before {
                return known.split_off(1);
            }
        }
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        std::thread::yield_now();
    }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// What this machine lacks for these tests; with `PINBOOT_TEST_ALL` the tests fail instead of being left out.
fn lacks() -> Option<String> {
    let runs = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if std::env::var_os("PINBOOT_TEST_ALL").is_some() {
        return None;
    }
    if !runs(&["unshare", "--user", "--map-root-user", "--mount", "--pid", "--net", "--fork", "true"]) {
        return Some("namespaces (allow them for ordinary users, or leave the container)".to_owned());
    }
    let absent =
        [&["ssh", "-V"][..], &["curl", "--version"], &["wget", "--version"]].into_iter().find(|one| !runs(one));
    absent.map(|one| format!("the program `{}`", one[0]))
}

/// The users who can start a host on this machine.
fn starters() -> Vec<Starter> {
    if let Some(lacking) = lacks() {
        say(&format!("left out: the throw-away host, which needs {lacking}"));
        return Vec::new();
    }
    if rustix::process::getuid().is_root() {
        return vec![Starter::Caller, Starter::Nobody];
    }
    say("left out: starting a host as another user, which needs root");
    vec![Starter::Caller]
}

/// The users whose hosts have several ids.
fn starters_with_ids() -> Vec<Starter> {
    let mut out = starters();
    if !out.contains(&Starter::Nobody) {
        return Vec::new();
    }
    out.retain(|starter| *starter == Starter::Caller);
    if Path::new("/etc/subuid").exists() && Command::new("newuidmap").output().is_ok() {
        out.push(Starter::NobodyWithIds);
    } else {
        say("left out: a host that gets its ids from newuidmap, which needs the package uidmap");
    }
    out
}

/// One of these users, for tests that do not depend on the user.
fn starter() -> Option<Starter> {
    starters().first().copied()
}

fn url(text: &str, answers: Vec<UrlAnswer>) -> Url {
    Url { answers, ..Url::parse(text).expect("a URL") }
}

fn body(text: &str) -> UrlAnswer {
    UrlAnswer { body: Body::Text(text.to_owned()), ..UrlAnswer::default() }
}

fn world() -> World {
    let script = TreeEntry {
        path: "kit/bin/run.sh".to_owned(),
        mode: 0o755,
        what: TreeKind::File("#!/bin/sh\necho ran\n".to_owned()),
    };
    let kit = UrlAnswer { body: Body::Tgz(vec![script]), ..UrlAnswer::default() };
    let there = Some("https://archive.apache.org/dist/kit.tgz".to_owned());
    let long = "x".repeat(5000);
    World {
        file: Some("play.rehearsal.yaml".to_owned()),
        os_release: vec![("ID".to_owned(), "amzn".to_owned()), ("VERSION_ID".to_owned(), "2".to_owned())],
        urls: vec![
            url("https://archive.apache.org/dist/kit.tgz", vec![kit]),
            url("https://example.org/gone", vec![UrlAnswer { status: 404, ..body("no such page") }]),
            url("https://example.org/cut", vec![UrlAnswer { cut_after: Some(1000), ..body(&long) }, body(&long)]),
            url("https://example.org/there", vec![UrlAnswer { status: 302, location: there, ..body("") }]),
            url("http://169.254.169.254/latest/meta-data/instance-id", vec![body("i-0123456789abcdef0")]),
            url("https://example.org/never", vec![body("never asked for")]),
        ],
        commands: vec![
            StandIn { name: "yum".to_owned(), script: "echo \"yum $* as $(id -un)\"\nexit 3\n".to_owned() },
            StandIn { name: "unused-command".to_owned(), script: "exit 0\n".to_owned() },
        ],
        absent: vec!["wget".to_owned(), "no-such-command".to_owned()],
        files: vec![HostFile { path: "~/before/hand".to_owned(), mode: 0o600, content: "already here\n".to_owned() }],
        ..World::default()
    }
}

#[test]
fn a_session_looks_like_a_login_to_ec2() {
    for starter in starters() {
        let host = Kept::start(starter, &world());
        let who = host.out("whoami; id -u; id -gn; pwd; echo $HOME $USER $LOGNAME; hostname");
        assert_eq!(who, "ec2-user\n1000\nec2-user\n/home/ec2-user\n/home/ec2-user ec2-user ec2-user\nrehearsal");
        assert_eq!(host.out(". /etc/os-release; echo $ID $VERSION_ID"), "amzn 2");
        let before = host.out("cat ~/before/hand; stat -c '%U %a' ~/before/hand ~");
        assert_eq!(before, "already here\nec2-user 600\nec2-user 700");
        assert_eq!(host.out("set -- $SSH_CONNECTION; echo $# $1"), "4 127.0.0.1");
        let environment = host.out("env | sed 's/=.*//' | sort | tr '\\n' ' '");
        assert_eq!(environment, "HOME LOGNAME PATH PWD SHELL SHLVL SSH_CLIENT SSH_CONNECTION USER XDG_RUNTIME_DIR _");
        assert_eq!(host.out("grep -c : /proc/net/dev"), "1", "no network but the loopback");
        // Without root's rights these are refused.
        for line in [
            "touch /etc/x",
            "touch /usr/bin/x",
            "mkdir /opt/x",
            "touch /x",
            "rm /etc/passwd",
            "touch /root/x",
            "touch /dev/x",
            "echo x > /proc/sys/kernel/hostname",
            "echo h > /proc/sysrq-trigger",
        ] {
            assert!(!host.run(line).status.success(), "{starter:?}: {line} succeeded");
        }
        let places = "touch ~/x /tmp/x /var/tmp/x /dev/shm/x $XDG_RUNTIME_DIR/x && echo ok";
        assert_eq!(host.out(places), "ok");
        // An exit status and a signal are reported.
        assert_eq!(host.run("exit 7").status.code(), Some(7));
        assert_eq!(host.run("kill -TERM $$").status.code(), Some(255), "OpenSSH's code for a signal");
        let wrong = host.ssh(&[]).args(["root@127.0.0.1", "true"]).output().expect("ssh");
        assert!(String::from_utf8_lossy(&wrong.stderr).contains("Permission denied"));
    }
}

#[test]
fn sudo_runs_as_root_and_passes_streams_and_exit_codes_on() {
    for starter in starters() {
        let host = Kept::start(starter, &world());
        let who = host.out("sudo -n id -u; sudo sh -c 'echo $HOME $USER $SUDO_USER; pwd'");
        assert_eq!(who, "0\n/root root ec2-user\n/home/ec2-user");
        assert_eq!(host.out("A=1 B=2 sudo --preserve-env=A env C=3 sh -c 'echo $A-$B-$C'"), "1--3");
        assert_eq!(host.out("{ echo in | sudo sh -c 'cat; echo err >&2'; } 2>&1"), "in\nerr");
        assert_eq!(host.run("sudo sh -c 'exit 42'").status.code(), Some(42));
        assert_eq!(host.out("sudo -u ec2-user id -un; sudo -u daemon id -un"), "ec2-user\ndaemon");
        assert_eq!(host.run("sudo -n no-such").status.code(), Some(1));
        assert_eq!(host.out("cd /tmp && echo here > a && sudo cp a /etc/a && cat /etc/a"), "here");
        // Files of the machine can be replaced and removed, and new ones added.
        let replace = "printf '#!/bin/sh\\necho mine\\n' > /tmp/n; chmod 755 /tmp/n; sudo mv /tmp/n /usr/bin/seq; seq";
        assert_eq!(host.out(replace), "mine");
        let beside = "sudo mkdir -p /usr/local/lib/a/b /opt/a /var/lib/a && echo ok";
        assert_eq!(host.out(&format!("sudo rm /usr/bin/factor; test ! -e /usr/bin/factor && {beside}")), "ok");
    }
}

#[test]
fn users_with_ids_of_their_own_are_kept_apart() {
    for starter in starters_with_ids() {
        let host = Kept::start(starter, &world());
        let fails = |line: &str, why: &str| {
            let out = host.run(line);
            let errors = String::from_utf8_lossy(&out.stderr).into_owned();
            assert!(!out.status.success() && errors.contains(why), "{starter:?}: {line}: {out:?}");
        };
        host.out("sudo useradd --create-home --groups adm --shell /bin/sh eva");
        assert_eq!(host.out("id -Gn; sudo -u eva id -Gn; sudo id -Gn"), "ec2-user\neva adm\nroot");
        let surroundings = host.out("sudo -u eva sh -c 'echo $USER $SUDO_USER $SUDO_UID $HOME'");
        assert_eq!(surroundings, "eva ec2-user 1000 /home/eva");
        host.out("umask 077; echo mine > /tmp/mine; sudo -u eva sh -c 'umask 077; echo hers > /tmp/hers'");
        assert_eq!(host.out("cat /tmp/mine; sudo -u eva cat /tmp/hers; sudo cat /tmp/mine"), "mine\nhers\nmine");
        for line in [
            "cat /tmp/hers",
            "sudo -u eva cat /tmp/mine",
            "sudo -u eva ls ~",
            "cat /etc/shadow",
            "touch /etc/x",
            "rm -f /tmp/hers",
        ] {
            fails(line, if line.starts_with("rm") { "Operation not permitted" } else { "Permission denied" });
        }
        assert_eq!(
            host.out("echo a > a; sudo chown eva:adm a; stat -c %U:%G a; sudo -u eva sh -c 'cd /; id -un'"),
            "eva:adm\neva"
        );
        fails("echo b > b; chown eva b", "Operation not permitted");
        // Passwords of the machine do not get here.
        let passwords = host.out("sudo cat /etc/shadow | cut -d: -f2 | sort -u | tr '\\n' ' '; sudo ls /etc/shadow-");
        assert_eq!(passwords, "! * /etc/shadow-");
        assert_eq!(host.out("sudo cat /etc/shadow- | cut -d: -f2 | sort -u | tr '\\n' ' '"), "! *");
        // As under sshd, the streams of a session are its own.
        assert_eq!(host.out("echo out > /dev/stdout; echo err > /dev/stderr"), "out");
    }
}

#[test]
fn accounts_are_made_changed_and_removed() {
    for starter in starters_with_ids() {
        let mut host = Kept::start(starter, &world());
        host.out("sudo groupadd --system data; sudo useradd --create-home --groups data --shell /bin/sh eva");
        assert_eq!(host.out("sudo su - eva -c 'id -un; pwd'"), "eva\n/home/eva");
        let refused = host.run("sudo -u eva sudo -n id -u");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("eva is not in the sudoers file"), "{refused:?}");
        host.out("echo 'eva ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/eva");
        assert_eq!(host.out("sudo -u eva sudo -n id -u"), "0");
        // A group counts from the next login on.
        host.out("sudo usermod -aG data ec2-user");
        assert_eq!(host.out("id -Gn"), "ec2-user data");
        host.ask("mark");
        host.out("echo a > a; sudo chown eva:data a; sudo install -d -o eva -m 0700 /var/lib/eva");
        let owners = |written: &[ChangedPath]| -> Vec<(String, String)> {
            let owned = |one: &ChangedPath| (one.path.clone(), one.ownership().expect("an owner"));
            written.iter().filter(|one| one.path != "/home/ec2-user").map(owned).collect()
        };
        let both = [("/home/ec2-user/a", "eva:data"), ("/var/lib/eva", "eva:root")];
        assert_eq!(owners(&host.changes()), both.map(|(path, owner)| (path.to_owned(), owner.to_owned())));
        host.ask("mark");
        host.out("sudo chown ec2-user /var/lib/eva");
        assert_eq!(owners(&host.changes()), [("/var/lib/eva".to_owned(), "ec2-user:root".to_owned())]);
        host.out("sudo userdel --remove eva 2> /dev/null; ! id eva 2> /dev/null && ! test -e /home/eva");
    }
}

#[test]
fn the_machine_is_out_of_reach_of_the_hosts_root() {
    let pattern = || std::fs::read("/proc/sys/kernel/core_pattern").expect("a setting of the kernel");
    for starter in starters_with_ids() {
        let before = pattern();
        let host = Kept::start(starter, &world());
        // Those that would succeed would not change anything here either.
        for line in [
            "chmod 666 /dev/null",
            "chmod 755 /run/rehearsal/pinboot",
            "mount -t proc proc /mnt",
            "mount -o remount,rw /proc/sys",
            "mount -o remount,rw /sys",
            "umount /proc/sys",
            "umount -l /proc",
            "sh -c 'v=$(cat /proc/sys/kernel/core_pattern); echo \"$v\" > /proc/sys/kernel/core_pattern'",
            "sysctl -w vm.swappiness=$(cat /proc/sys/vm/swappiness)",
            "unshare --mount --pid --fork --mount-proc true",
            "unshare --user --map-root-user --mount --pid --fork --mount-proc true",
            "unshare --cgroup true",
            "mknod /tmp/disk b 8 0",
            "ls /proc/2/root/",
            "cat /proc/2/environ",
        ] {
            let out = host.run(&format!("sudo {line}"));
            assert!(!out.status.success(), "{starter:?}: {line}");
        }
        assert_eq!(pattern(), before);
        // What a host of its own gives its root: a name, a network, file systems in memory, ports.
        let own = "hostname other; hostname; mount -t tmpfs none /mnt; echo x > /mnt/x; chown daemon /mnt/x; stat -c %U /mnt/x";
        assert_eq!(host.out(&format!("sudo sh -c '{own}'")), "other\ndaemon");
        // Programs of the machine that are root's do not lead out of it.
        assert_eq!(host.out("sudo install -m 4755 /usr/bin/id /usr/bin/as-root; as-root -u"), "0");
    }
}

#[test]
fn sudo_passes_signals_on() {
    for starter in starters() {
        let host = Kept::start(starter, &world());
        let trap = "trap \"echo got it; exit 0\" TERM; : > /tmp/up; while :; do sleep .05; done";
        let term = format!("sudo sh -c '{trap}' & while [ ! -e /tmp/up ]; do :; done; kill -TERM $!; wait");
        assert_eq!(host.out(&term), "got it");
        // A signal that kills a step's process group also kills the command of a real sudo.
        let start = "setsid sh -c 'echo $$ > /tmp/group; sudo sh -c \"echo \\$\\$ > /tmp/pid; exec sleep 1000\"'";
        let kill = "while [ ! -s /tmp/pid ]; do :; done; kill -KILL -$(cat /tmp/group); wait; true";
        host.out(&format!("{start} > /tmp/out 2>&1 < /dev/null & {kill}"));
        let gone = || !host.run("sudo kill -0 $(cat /tmp/pid)").status.success();
        until("the command of a killed sudo ends", gone);
    }
}

#[test]
fn the_mirror_answers_to_real_names() {
    for starter in starters() {
        let mut host = Kept::start(starter, &world());
        let kit = host.out("curl -fsS https://archive.apache.org/dist/kit.tgz | tar xz && kit/bin/run.sh");
        assert_eq!(kit, "ran");
        assert_eq!(host.out("curl -fsSL https://example.org/there | tar tz"), "kit/\nkit/bin/\nkit/bin/run.sh");
        assert_eq!(host.run("curl -fsS https://example.org/gone").status.code(), Some(22));
        let cut = host.run("curl -fsS -o cut https://example.org/cut");
        assert!(matches!(cut.status.code(), Some(18 | 56)), "a cut body: {cut:?}");
        let resumed = host.out("stat -c %s cut; curl -fsS -C - -o cut https://example.org/cut; stat -c %s cut");
        assert_eq!(resumed, "1000\n5000");
        let instance = host.out("curl -fsS http://169.254.169.254/latest/meta-data/instance-id");
        assert_eq!(instance, "i-0123456789abcdef0");
        let missing = host.out("curl -sS -w '%{http_code}' https://elsewhere.example.com/a?b=c");
        assert!(missing.ends_with("502"), "{missing}");
        assert!(missing.contains("play.rehearsal.yaml has no stand-in"), "{missing}");
        assert!(missing.contains("\n  https://elsewhere.example.com/a?b=c:\n"), "{missing}");
        let distrust = host.run("curl -sS --cacert /etc/ssl/openssl.cnf https://example.org/never");
        assert!(!distrust.status.success(), "certificates are checked");
        let used = host.used();
        assert_eq!(used.missing, ["https://elsewhere.example.com/a?b=c"]);
        let times: Vec<u64> = used.urls.iter().map(|(_, times)| *times).collect();
        assert_eq!(times, [2, 1, 2, 1, 1, 0]);
    }
}

#[test]
fn wget_trusts_the_mirror_and_sudo_may_be_absent() {
    let Some(starter) = starter() else { return };
    let host = Kept::start(starter, &World { absent: vec!["sudo".to_owned()], ..world() });
    assert_eq!(host.run("sudo -n true").status.code(), Some(127), "a host without sudo");
    let last = host.out("wget -q -O - https://archive.apache.org/dist/kit.tgz | tar tz | tail -1");
    assert_eq!(last, "kit/bin/run.sh");
}

#[test]
fn stand_ins_run_and_are_counted() {
    for starter in starters() {
        let mut host = Kept::start(starter, &world());
        let run = host.run("yum -y install java");
        assert_eq!((run.status.code(), &run.stdout[..]), (Some(3), &b"yum -y install java as ec2-user\n"[..]));
        assert_eq!(host.run("PATH=/usr/sbin:/usr/bin:/bin; sudo -n yum update").stdout, b"yum update as root\n");
        assert!(!host.run("command -v wget").status.success(), "absent");
        assert_eq!(host.used().commands, [("yum".to_owned(), 2), ("unused-command".to_owned(), 0)]);
    }
}

#[test]
fn exactly_the_written_paths_are_listed() {
    for starter in starters() {
        let mut host = Kept::start(starter, &world());
        let reading = "ls -la / /usr/bin /etc > /dev/null; sudo true; yum > /dev/null";
        host.run(&format!("{reading}; curl -fsS https://archive.apache.org/dist/kit.tgz > /dev/null"));
        assert_eq!(host.changes(), [], "{starter:?}: reading changes nothing");
        let root = "echo two > /usr/share/two; rm /usr/bin/seq; chmod 700 /etc/hosts; rm /etc/hostname";
        host.out(&format!(
            "umask 022; echo one > a; mkdir d; ln -s a l; sudo sh -c '{root}'; echo x > /tmp/t; rm /tmp/t"
        ));
        let written = host.changes();
        let short: Vec<_> = written.iter().map(|one| (one.path.as_str(), one.kind, one.mode)).collect();
        assert_eq!(
            short,
            [
                ("/etc/hostname", PathKind::Gone, 0),
                ("/etc/hosts", PathKind::File, 0o700),
                ("/home/ec2-user/a", PathKind::File, 0o644),
                ("/home/ec2-user/d", PathKind::Directory, 0o755),
                ("/home/ec2-user/l", PathKind::Link, 0o777),
                ("/usr/bin/seq", PathKind::Gone, 0),
                ("/usr/share/two", PathKind::File, 0o644),
            ]
        );
        let two = written.iter().find(|one| one.path == "/usr/share/two").expect("there");
        assert_eq!(two.sha256.as_ref(), Some(&pinboot::ids::Digest::of(b"two\n")));
        host.ask("mark");
        assert_eq!(host.changes(), []);
        host.out("echo one > a");
        assert_eq!(host.changes().len(), 1, "the same bytes, but written again");
    }
}

#[test]
fn a_cut_connection_ends_no_detached_command() {
    for starter in starters() {
        let mut host = Kept::start(starter, &world());
        let detached = "setsid sh -c 'while [ ! -e go ]; do sleep .05; done; echo done > result'";
        let mut client = host
            .ssh(&[])
            .args(["ec2-user@127.0.0.1", &format!("{detached} > /dev/null 2>&1 < /dev/null & echo up; sleep 1000")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("ssh");
        let mut line = String::new();
        BufReader::new(client.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        assert_eq!(line, "up\n");
        host.ask("cut");
        assert_eq!(client.wait().expect("ended").code(), Some(255));
        host.out("touch go");
        until("the detached command ends", || host.run("cat result").stdout == b"done\n");
        // A cut during output: the received bytes are the beginning of it.
        host.ask("cut 100000");
        let cut = host.run("seq 1 1000000");
        assert_eq!(cut.status.code(), Some(255));
        assert!(cut.stdout.len() < 100_000 && cut.stdout.starts_with(b"1\n2\n3\n"), "{}", cut.stdout.len());
        assert_eq!(host.out("seq 1 100000 | wc -l"), "100000");
    }
}

#[test]
fn bytes_arrive_unchanged_on_each_stream() {
    let Some(starter) = starter() else { return };
    let host = Kept::start(starter, &world());
    let bytes: Vec<u8> = (0..750_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut client = host
        .ssh(&[])
        .args(["ec2-user@127.0.0.1", "cat; echo end >&2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ssh");
    let mut stdin = client.stdin.take().expect("a pipe");
    let given = bytes.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&given));
    let out = client.wait_with_output().expect("ended");
    writer.join().expect("joined").expect("written");
    assert_eq!(out.stdout.len(), bytes.len());
    assert!(out.stdout == bytes);
    assert_eq!(out.stderr, b"end\n");
}

#[test]
fn a_session_can_have_a_terminal() {
    let Some(starter) = starter() else { return };
    let host = Kept::start(starter, &world());
    let mut client = host
        .ssh(&["-tt"])
        .arg("ec2-user@127.0.0.1")
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("ssh");
    let mut stdin = client.stdin.take().expect("a pipe");
    stdin.write_all(b"tty; test -t 0 && echo yes-$TERM; ps -o tty= -p $$; exit 5\n").expect("typed");
    let out = client.wait_with_output().expect("ended");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(text.contains("/dev/pts/0") && text.contains("yes-xterm") && text.contains("\npts/0"), "{text}");
    assert!(!text.contains("job control"), "the shell controls its terminal: {text}");
    assert_eq!(out.status.code(), Some(5));
}

#[test]
fn a_killed_starter_leaves_no_process_no_mount_and_no_file() {
    for starter in starters() {
        let mounts = || std::fs::read_to_string("/proc/self/mounts").expect("mounts");
        let before = mounts();
        let mut host = Kept::start(starter, &world());
        let sleeper = "setsid sleep 1000 > /dev/null 2>&1 < /dev/null &";
        host.out(&format!("{sleeper} sudo sh -c '{sleeper}'"));
        let processes = host.processes();
        assert!(processes.len() >= 6, "{processes:?}");
        assert_eq!(mounts(), before);
        host.keeper.kill().expect("killed");
        host.keeper.wait().expect("ended");
        let running =
            |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        until("every process ends", || !processes.iter().any(running));
        assert_eq!(mounts(), before);
        let port = host.ready["port"].as_u64().expect("a port");
        assert!(std::net::TcpStream::connect(("127.0.0.1", u16::try_from(port).expect("a port"))).is_err());
    }
}

#[test]
fn the_milestones_stand_ins_work() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/milestone1.rehearsal.yaml");
    let world = crate::rehearse_cli::world_of(&file);
    for starter in starters() {
        let mut host = Kept::start(starter, &world);
        assert!(!host.run("command -v java || command -v apt-get || command -v aws").status.success());
        assert!(!host.run("rpm -q --whatprovides java-1.8.0").status.success());
        assert!(!host.run("yum -y install java-1.8.0").status.success(), "not without root");
        assert!(!host.run("sudo yum install java-1.8.0 < /dev/null").status.success(), "nothing answers its question");
        let installed = host.out("sudo -n yum -y install java-1.8.0 && rpm -q --whatprovides --qf '%{VERSION}\\n' java-1.8.0 && java -version");
        assert!(installed.ends_with("Complete!\n1.8.0.382.b05"), "{installed}");
        host.out("curl -fsS https://archive.apache.org/dist/kafka/2.8.1/kafka_2.12-2.8.1.tgz | tar -xz");
        let jar = "https://github.com/aws/aws-msk-iam-auth/releases/download/v1.1.5/aws-msk-iam-auth-1.1.5-all.jar";
        let list =
            "kafka_2.12-2.8.1/bin/kafka-topics.sh --bootstrap-server b-1:9098 --command-config client.properties";
        let lines = [
            "security.protocol = SASL_SSL",
            "sasl.mechanism = AWS_MSK_IAM",
            "sasl.jaas.config = software.amazon.msk.auth.iam.IAMLoginModule required;",
            "sasl.client.callback.handler.class = software.amazon.msk.auth.iam.IAMClientCallbackHandler",
        ];
        host.out(&format!("printf '%s\\n' '{}' > client.properties", lines.join("' '")));
        let without = host.run(&format!("{list} --list"));
        assert!(String::from_utf8_lossy(&without.stderr).contains("could not be found"), "{without:?}");
        host.out(&format!("curl -fsSL -o kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.5-all.jar {jar}"));
        assert_eq!(host.out(&format!("{list} --list")), "");
        let created = host.out(&format!("{list} --create --topic 12c0d092d679.pin"));
        assert!(created.ends_with("Created topic 12c0d092d679.pin."), "{created}");
        assert_eq!(host.run(&format!("{list} --create --topic 12c0d092d679.pin")).status.code(), Some(1));
        assert_eq!(host.out(&format!("{list} --list")), "12c0d092d679.pin");
        let (urls, commands) = (host.used().urls, host.used().commands);
        let of_others = |name: &str| ["systemctl", "journalctl"].contains(&name);
        assert!(urls.iter().chain(&commands).all(|(name, times)| *times > 0 || of_others(name)), "{commands:?}");
    }
}

#[test]
fn the_setting_that_forbids_namespaces_is_named() {
    for starter in starters() {
        // The limit of a namespace applies to everything inside it, as if the machine's own limit were 0.
        let limit = "echo 0 > /proc/sys/user/max_user_namespaces; exec \"$@\"";
        let wrapper = ["unshare", "--user", "--map-root-user", "sh", "-c", limit, "sh"];
        let host = Kept::start_under(starter, &world(), &wrapper);
        let refused = host.ready["refused"].as_str().expect("refused");
        assert!(refused.contains("user.max_user_namespaces = 0"), "{refused}");
        assert!(host.ready["hint"].as_str().expect("a hint").contains("was not run anywhere"));
    }
}

#[test]
fn a_missing_local_file_is_named() {
    let mut world = world();
    world.urls[0].answers = vec![UrlAnswer { body: Body::File("/no/such/kit.tgz".into()), ..UrlAnswer::default() }];
    let Some(starter) = starter() else { return };
    let host = Kept::start(starter, &world);
    assert!(host.ready["refused"].as_str().expect("refused").contains("/no/such/kit.tgz cannot be read"));
}
