//! Servers that are other than OpenSSH's defaults: small ones, strict ones, and those that will not let anybody in.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::link::Link;
use super::support::sshd::{Options, free_port, keygen};
use super::support::{left_out, mounts, need};
use super::world::{Signal, Told, World, pinboot, seen, until, user_on};

cases! {
    small_servers_carry_a_run_through_a_cut ["B1" "B14" "B15" "A6"]
        "dropbear and tinysshd instead of OpenSSH, cut in the middle of a step that has left a child behind"
        => Told("0", "connected again; nothing lost or said twice, nothing done twice; the child holds nobody up");
    a_server_without_rsa_says_so_to_an_rsa_key ["A6"]
        "an RSA key for tinysshd, which knows only ed25519" => Shown("no_rsa", "hint:");
    a_server_that_says_nothing ["A14"] "the connection is accepted, and nothing comes" => Shown("silent", "no SSH banner");
    an_agent_full_of_keys_is_left_alone_when_a_key_is_named ["A16"]
        "MaxAuthTries 2 and an agent with four keys; the right key is not in it"
        => Shown("too_many_keys", "Too many authentication failures");
    a_penalty_after_a_refused_login_is_named ["A18"]
        "after a refused login the server ends each further connection at once" => Shown("penalty", "before the SSH banner");
    one_session_a_connection_is_enough ["A19"]
        "MaxSessions 1: a run, and one that is stopped by Ctrl-C twice" => Shown("one_session", "ending the step in hand");
    accounts_that_are_shut ["A20"] "the account has expired" => Shown("shut_expired", "127.0.0.1:");
    accounts_that_are_shut ["A20"] "/etc/nologin is there: the login goes through, and the session is refused"
        => Shown("shut_nologin", "127.0.0.1: nobody");
    accounts_that_are_shut ["A20"] "the account has expired, and PAM says so once the key is accepted"
        => Shown("shut_expired_pam", "is not let in");
    accounts_that_are_shut ["A20"] "/etc/nologin is there, and PAM shows what it holds once the key is accepted"
        => Shown("shut_nologin_pam", "is not let in");
    a_key_exchange_that_is_tampered_with_is_noticed ["A24"]
        "somebody in between takes strict key exchange out of what the server offers, or out of what pinboot offers"
        => Shown("tampered", "could not prove its host key");
    small_servers_carry_a_run_through_a_cut ["A24"]
        "tinysshd, which knows no strict key exchange and one cipher, which needs it"
        => Told("0", "it is connected to, as OpenSSH's client does; `-v` says so");
    a_server_with_old_ciphers_only ["A24"] "aes128-cbc is all that the server offers" => Shown("old_ciphers", "no cipher in common");
}

const STEPS: &str = "  - { name: Touch, command: touch touched, always: true }\n";

const HELD: &str = "
  - name: Held
    script: |
      sleep 600 & echo $! >child
      echo x >>count
      echo begun
      : >held
      until [ -e go ]; do sleep .02; done
      echo ended
      cat
    always: true
  - name: After it
    command: echo y >>after
    always: true
";

/// A process that goes with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program in a mount namespace where root's home is the world's, with these keys let in.
///
/// Both small servers look for authorized_keys in the home directory alone.
fn in_the_home(world: &World, keys: &[&Path], then: &str) -> String {
    let ssh = world.there(".ssh");
    fs::create_dir_all(&ssh).expect("a folder");
    let lines: Vec<u8> = keys.iter().flat_map(|key| fs::read(key.with_extension("pub")).expect("a key")).collect();
    fs::write(ssh.join("authorized_keys"), lines).expect("authorized_keys");
    format!("mount --bind {} /root && exec {then}", world.home.path().display())
}

fn root() -> Option<()> {
    if rustix::process::getuid().is_root() {
        return mounts();
    }
    left_out("these servers take their keys from the home directory alone; root can put another in its place");
    None
}

/// A dropbear on the world's home, which takes an RSA key; the world goes by it from now on.
fn dropbear(world: &mut World) -> Option<(Running, PathBuf)> {
    let (program, make) = (need("dropbear", "dropbear-bin")?, need("dropbearkey", "dropbear-bin")?);
    let host_key = world.server.file("dropbear_host");
    let made = Command::new(make).args(["-t", "ed25519", "-f"]).arg(&host_key).output().expect("dropbearkey starts");
    let made = String::from_utf8_lossy(&made.stdout).into_owned();
    let public = made.lines().find(|line| line.starts_with("ssh-")).expect("a public key");
    let rsa = world.here("rsa");
    keygen(&rsa, "rsa");
    let port = free_port();
    let then = format!("{} -F -E -s -r {} -p 127.0.0.1:{port} -P ''", program.display(), host_key.display());
    let script = in_the_home(world, &[&rsa], &then);
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script]).stdin(Stdio::null()).stderr(Stdio::piped());
    let mut running = Running(command.spawn().expect("unshare starts"));
    let mut lines = BufReader::new(running.0.stderr.take().expect("a pipe"));
    let mut said = String::new();
    while !said.contains("Not backgrounding") {
        assert_ne!(lines.read_line(&mut said).expect("its log"), 0, "dropbear does not start: {said}");
    }
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    fs::write(world.server.known_hosts(), format!("[127.0.0.1]:{port} {public}\n")).expect("known_hosts");
    world.server.port = port;
    Some((running, rsa))
}

/// A tinysshd on the world's home, which takes the world's own key; the world goes by it from now on.
fn tinysshd(world: &mut World, also: &[&Path]) -> Option<PathBuf> {
    let (program, make) = (need("tinysshd", "tinysshd")?, need("tinysshd-makekey", "tinysshd")?);
    let host_keys = world.server.file("tiny");
    assert!(Command::new(make).arg("-q").arg(&host_keys).status().expect("tinysshd-makekey starts").success());
    let key = world.server.key();
    let keys: Vec<&Path> = std::iter::once(key.as_path()).chain(also.iter().copied()).collect();
    let script = in_the_home(world, &keys, &format!("{} -v {}", program.display(), host_keys.display()));
    // It serves one connection on its standard input and output.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (input, output) = (OwnedFd::from(stream.try_clone().expect("a socket")), OwnedFd::from(stream));
            let mut command = Command::new("unshare");
            command.args(["-m", "sh", "-c", &script]).stdin(input).stdout(output).stderr(Stdio::null());
            let child = command.spawn().map(Running);
            std::thread::spawn(move || child.map(|mut child| child.0.wait()));
        }
    });
    let scanned = Command::new("ssh-keyscan").args(["-p", &port.to_string(), "127.0.0.1"]).output();
    let scanned = String::from_utf8_lossy(&scanned.expect("ssh-keyscan starts").stdout).into_owned();
    let line = scanned.lines().find(|line| line.contains("ssh-ed25519")).expect("its host key");
    fs::write(world.server.known_hosts(), format!("{line}\n")).expect("known_hosts");
    world.server.port = port;
    Some(key)
}

#[test]
fn small_servers_carry_a_run_through_a_cut() {
    let Some(()) = root() else { return };
    // (tinysshd has neither strict key exchange nor a cipher that does without; dropbear has both, or is given the better.)
    for (name, weak) in [("dropbear", false), ("tinysshd", true)] {
        let Some(mut world) = World::new() else { return };
        let (_running, key) = if name == "dropbear" {
            let Some((running, key)) = dropbear(&mut world) else { return };
            (Some(running), key)
        } else {
            let Some(key) = tinysshd(&mut world, &[]) else { return };
            (None, key)
        };
        let link = Link::to(world.server.port);
        world.go_by(link.port);
        world.steps(HELD);
        let mut going =
            super::world::Going::start(world.reach(&["run", "p.yaml", "--json", "-v"]).arg("--key").arg(&key));
        until("the step is begun", || world.there("held").exists() || going.has_ended());
        assert!(world.there("held").exists(), "{name}: {:?}", going.told());
        link.cut();
        until("it connects again", || link.flows() == 2);
        fs::write(world.there("go"), "").expect("a file");
        let told = going.told().exits(0);
        assert_eq!(told.stderr.contains("no strict key exchange"), weak, "{name}: {}", told.stderr);
        let child = world.read("child").trim().parse().expect("a pid");
        super::support::sshd::signal(child, Signal::KILL);
        assert_eq!(super::running::output(&told), "begun\nended\n", "{name}");
        assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", "y\n"), "{name}");
        let journal = ["host_lost", "host_regained", "1 changed", "2 changed", "exit 0", "exit 0"];
        assert_eq!(world.journal(), journal, "{name}");
    }
}

#[test]
fn a_server_without_rsa_says_so_to_an_rsa_key() {
    let Some(()) = root() else { return };
    let Some(mut world) = World::new() else { return };
    let rsa = world.here("rsa");
    keygen(&rsa, "rsa");
    let Some(_) = tinysshd(&mut world, &[&rsa]) else { return };
    world.steps(STEPS);
    let told = world.reach(&["run", "p.yaml"]).arg("--key").arg(&rsa).output().expect("pinboot starts");
    let mut told = Told::of(&told).exits(4);
    // (It introduces itself with a few letters of chance.)
    if let Some((before, behind)) = told.stderr.split_once("SSH-2.0-tinyssh") {
        let behind = behind.split_once(')').expect("a bracket").1;
        told.stderr = format!("{before}SSH-2.0-tinyssh){behind}");
    }
    seen!(world, "no_rsa", told);
    super::connect::untouched(&world, 4);
}

#[test]
fn a_server_that_says_nothing() {
    let Some(mut world) = World::new() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    world.via = Some(listener.local_addr().expect("its address").port());
    world.steps(STEPS);
    let told = world.run(&[]).exits(3);
    seen!(world, "silent", told);
    super::connect::untouched(&world, 3);
}

/// An ssh-agent of the test's own.
struct Agent {
    socket: PathBuf,
    _child: Running,
}

impl Agent {
    fn start(world: &World, keys: &[&str]) -> Option<Self> {
        let program = need("ssh-agent", "openssh-client")?;
        let socket = world.here("agent");
        let mut command = Command::new(program);
        command.args(["-D", "-a"]).arg(&socket).stdin(Stdio::null()).stdout(Stdio::null());
        let agent = Self { _child: Running(command.spawn().expect("ssh-agent starts")), socket };
        until("the agent listens", || agent.socket.exists());
        for name in keys {
            let key = world.here(name);
            keygen(&key, "ed25519");
            let add = Command::new("ssh-add").arg("-q").arg(&key).env("SSH_AUTH_SOCK", &agent.socket).status();
            assert!(add.expect("ssh-add starts").success());
        }
        Some(agent)
    }
}

#[test]
fn an_agent_full_of_keys_is_left_alone_when_a_key_is_named() {
    let Some(world) = World::with(|options, _| options.line("MaxAuthTries 2")) else { return };
    let Some(agent) = Agent::start(&world, &["a", "b", "c", "d"]) else { return };
    world.steps(STEPS);
    let mut command = world.reach(&["run", "p.yaml"]);
    let told = Told::of(&command.env("SSH_AUTH_SOCK", &agent.socket).output().expect("pinboot starts")).exits(4);
    seen!(world, "too_many_keys", told);
    super::connect::untouched(&world, 4);
    assert_eq!(world.server.log().matches("Connection from").count(), 1, "{}", world.server.log());
    let mut command = world.run_command(&[]);
    Told::of(&command.env("SSH_AUTH_SOCK", &agent.socket).output().expect("pinboot starts")).exits(0);
    assert!(world.there("touched").exists());
}

#[test]
fn a_penalty_after_a_refused_login_is_named() {
    let Some(mut world) = World::new() else { return };
    let link = Link::to(world.server.port);
    world.go_by(link.port);
    world.steps(STEPS);
    let key = world.here("other");
    keygen(&key, "ed25519");
    let refused = world.reach(&["run", "p.yaml"]).arg("--key").arg(&key).output().expect("pinboot starts");
    Told::of(&refused).exits(4);
    assert_eq!(link.flows(), 1, "a refused login is not tried again");
    link.shut();
    let told = world.run(&[]).exits(3).says(&["PerSourcePenalties", "fail2ban"]);
    seen!(world, "penalty", told);
    super::connect::untouched(&world, 3);
}

#[test]
fn one_session_a_connection_is_enough() {
    let Some(world) = World::with(|options, _| options.line("MaxSessions 1")) else { return };
    world.steps(STEPS);
    world.run(&[]).exits(0);
    assert_eq!(world.logins(), 1);
    world.steps(&HELD.replace("sleep 600 & echo $! >child", ":"));
    let mut going = world.start(&[]);
    until("the step is begun", || world.there("held").exists());
    going.signal(Signal::INT);
    let mut before = going.wait_for("the one in hand goes on");
    until("the host knows", || super::running::stop_level(&world).is_some());
    going.signal(Signal::INT);
    before += &going.wait_for("ending the step in hand");
    let mut told = going.told().exits(130);
    told.stderr.insert_str(0, &before);
    seen!(world, "one_session", told);
    assert_eq!(world.journal(), ["1 failed", "exit 130", "exit 130"]);
    assert_eq!(world.read("after"), "");
}

#[test]
fn accounts_that_are_shut() {
    let Some(()) = mounts() else { return };
    // (A copy of /etc, for this server alone.)
    let copy = "mount -t tmpfs -o mode=755 none /mnt; cp -a /etc /mnt/";
    let bind = "mount --bind /mnt/etc /etc";
    let expired = "sed 's/^visitor:.*/visitor:*:19000:0:99999:7::1:/' /etc/shadow >/mnt/etc/shadow";
    let nologin = "printf 'Down for repair\\033[31m until noon.\\n' >/mnt/etc/nologin";
    // (What Debian's own `sshd` and `common-account` come to, for a key.)
    let pam = "printf '%s\\n' 'auth required pam_deny.so' 'account required pam_nologin.so' 'account required pam_unix.so' \
               'session required pam_permit.so' >/mnt/etc/pam.d/sshd";
    // Whoever asks for the login, sshd itself or PAM: it is refused, and what the host says about it is told.
    for (name, shut, uses_pam) in [
        ("expired", expired, false),
        ("nologin", nologin, false),
        ("expired_pam", expired, true),
        ("nologin_pam", nologin, true),
    ] {
        let change = |options: Options| if uses_pam { options.line("UsePAM yes") } else { options };
        let Some(world) = user_on(change, "/bin/sh", None, &format!("{copy}; {shut}; {pam}; {bind}")) else { return };
        world.steps(STEPS);
        let told = world.run(&[]);
        seen!(world, format!("shut_{name}"), told);
        told.exits(4);
        super::connect::untouched(&world, 4);
    }
}

#[test]
fn a_key_exchange_that_is_tampered_with_is_noticed() {
    let Some(mut world) = World::new() else { return };
    let link = Link::to(world.server.port);
    world.go_by(link.port);
    world.steps(STEPS);
    let known = fs::read(world.server.known_hosts()).expect("known_hosts");
    for (side, from, into) in [
        ("the server's", "kex-strict-s-v00@openssh.com", "kex-strikt-s-v00@openssh.com"),
        ("pinboot's", "kex-strict-c-v00@openssh.com", "kex-strikt-c-v00@openssh.com"),
    ] {
        link.rewrite(from, into);
        let told = world.run(&[]).exits(3);
        assert!(link.rewrites() > 0, "{side} offer came through as it was");
        if side == "the server's" {
            seen!(world, "tampered", told);
        }
        super::connect::untouched(&world, 3);
    }
    // Nor is the key taken for a new host's.
    fs::write(world.server.known_hosts(), "").expect("known_hosts");
    let mut command = pinboot(world.controller.path());
    command.args(["run", "p.yaml", "--host-key", "accept-new", "--known-hosts"]).arg(world.server.known_hosts());
    command.args(["--host", &format!("{}@127.0.0.1:{}", world.user, link.port), "--key"]).arg(world.server.key());
    Told::of(&command.output().expect("pinboot starts")).exits(3).says(&["could not prove its host key"]);
    assert_eq!(fs::read(world.server.known_hosts()).expect("known_hosts"), b"");
    // Where nobody meddles, it is the same server.
    fs::write(world.server.known_hosts(), known).expect("known_hosts");
    link.let_be();
    world.run(&[]).exits(0);
}

#[test]
fn a_server_with_old_ciphers_only() {
    let Some(world) = World::with(|options, _| options.line("Ciphers aes128-cbc")) else { return };
    world.steps(STEPS);
    let told = world.run(&[]).exits(3);
    seen!(world, "old_ciphers", told);
    super::connect::untouched(&world, 3);
}
