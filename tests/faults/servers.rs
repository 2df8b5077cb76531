//! Servers that are other than OpenSSH's defaults: small ones, strict ones, and those that will not let anybody in.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::link::Link;
use super::world::{Printed, Signal, World, on_each, seen, until, user_on};
use crate::support::sshd::{Options, Software, keygen};
use crate::support::{mounts, need};

cases! {
    a_child_that_holds_the_output_delays_nothing_after_a_cut ["B1" "B14" "B15" "A6"]
        "the connection is cut in the middle of a step that has left a child process"
        => Text("0", "reconnected; no output lost or repeated, nothing done twice; the child process delays nothing");
    a_step_that_restarts_the_server_continues ["B3"]
        "the step kills the listener and its own session, and starts a new listener on the port, as an update of the server does"
        => Text("0", "reconnected to the new one; no output lost or repeated, nothing done twice");
    dropbear_takes_an_rsa_key ["A6"] "an RSA key for dropbear" => Text("0", "it works like any other");
    a_server_without_rsa_is_named_as_the_cause ["A6"]
        "an RSA key for tinysshd, which supports only ed25519" => Shown("no_rsa", "hint:");
    a_server_that_says_nothing ["A14"] "the connection is accepted, and nothing is sent" => Shown("silent", "no SSH banner");
    an_agent_full_of_keys_is_left_alone_when_a_key_is_named ["A16"]
        "MaxAuthTries 2 and an agent with four keys; the right key is not in it"
        => Shown("too_many_keys", "Too many authentication failures");
    a_penalty_after_a_refused_login_is_named ["A18"]
        "after a refused login the server closes each further connection at once" => Shown("penalty", "before the SSH banner");
    one_session_a_connection_is_enough ["A19"]
        "MaxSessions 1: a run, and one that is stopped by Ctrl-C twice" => Shown("one_session", "Stopping the current step");
    accounts_that_are_shut ["A20"] "the account has expired" => Shown("shut_expired", "127.0.0.1:");
    accounts_that_are_shut ["A20"] "/etc/nologin exists: the login succeeds, and the session is refused"
        => Shown("shut_nologin", "127.0.0.1: logins");
    accounts_that_are_shut ["A20"] "the account has expired, and PAM says so after the key is accepted"
        => Shown("shut_expired_pam", "may not log in");
    accounts_that_are_shut ["A20"] "/etc/nologin exists, and PAM shows its content after the key is accepted"
        => Shown("shut_nologin_pam", "may not log in");
    a_key_exchange_that_is_tampered_with_is_noticed ["A24"]
        "a man in the middle removes strict key exchange from the server's offer, or from pinboot's"
        => Shown("tampered", "could not prove its host key");
    a_child_that_holds_the_output_delays_nothing_after_a_cut ["A24"]
        "tinysshd, which has no strict key exchange and only one cipher, which needs it"
        => Text("0", "pinboot connects, as OpenSSH's client does; `-v` says so");
    a_server_with_old_ciphers_only ["A24"] "aes128-cbc is all that the server offers" => Shown("old_ciphers", "no cipher in common");
}

const STEPS: &str = "  - { name: Touch, command: touch touched, always: true }\n";

const HELD: &str = "
  - name: Held
    script: |
      sleep 600 & echo $! >child
      echo x >>count
      echo started
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

/// The program with this key instead of the world's own.
fn with_key(world: &World, key: &Path) -> Printed {
    world.reach(&["run", "p.yaml"]).arg("--key").arg(key).run()
}

/// An RSA key that the server lets in, where it knows RSA at all.
fn rsa(world: &World) -> PathBuf {
    let key = world.here("rsa");
    keygen(&key, "rsa");
    world.server.authorize(&fs::read_to_string(key.with_extension("pub")).expect("a key"));
    key
}

#[test]
fn a_child_that_holds_the_output_delays_nothing_after_a_cut() {
    on_each(|mut world| {
        let link = Link::to(world.server.port);
        world.go_by(link.port);
        world.steps(HELD);
        let going = world.start(&["--json", "-v"]);
        until("the step is started", || world.there("held").exists());
        link.cut();
        until("it connects again", || link.flows() == 2);
        fs::write(world.there("go"), "").expect("a file");
        let printed = going.finish().exits(0);
        // tinysshd has neither strict key exchange nor a cipher that does not need it; the others have at least one of them.
        let weak = world.server.process() == Software::Tinysshd.process();
        assert_eq!(printed.stderr.contains("does not support strict key exchange"), weak, "{}", printed.stderr);
        let child = world.read("child").trim().parse().expect("a pid");
        crate::support::sshd::signal(child, Signal::KILL);
        assert_eq!(super::running::output(&printed), "started\nended\n");
        assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", "y\n"));
        let journal = ["host_lost", "host_regained", "1 changed", "2 changed", "exit 0", "exit 0"];
        assert_eq!(world.journal(), journal);
    });
}

/// Shell that ends this server, its listener last, and starts another in its place, whose number it writes down.
fn new_server(world: &World) -> String {
    let listener = world.server.pid();
    let command = fs::read_to_string(format!("/proc/{listener}/cmdline")).expect("its command");
    // OpenSSH's listener shows its command as `sshd: COMMAND [listener] …`.
    let command = match command.strip_prefix("sshd: ").and_then(|printed| printed.split_once(" [listener]")) {
        Some((command, _)) => command.replace(' ', "\0"),
        None => command,
    };
    let quoted = |word: &str| format!("'{}'", word.replace('\'', "'\\''"));
    let words: Vec<String> = command.trim_end_matches('\0').split('\0').map(quoted).collect();
    format!(
        "children() {{ cat /proc/$1/task/$1/children; }}
for session in $(children {listener}); do
  for child in $(children $session); do
    case $(cat /proc/$child/comm) in {name}*) kill -9 $child ;; esac
  done
  kill -9 $session
done
kill -9 {listener}
until case $(cat /proc/{listener}/stat 2>/dev/null) in *') Z '* | '') ;; *) false ;; esac; do sleep .01; done
setsid {command} >>new-log 2>&1 8>&- 9>&- &
echo $! >listener
",
        name = world.server.process(),
        command = words.join(" "),
    )
}

#[test]
fn a_step_that_restarts_the_server_continues() {
    on_each(|world| {
        fs::write(world.there("anew"), new_server(&world)).expect("a script");
        world.steps(&super::running::HELD.replace("      : >held\n", "      sh ~/anew\n      : >held\n"));
        let going = world.start(&["--json"]);
        super::running::held(&world);
        let login = world.server.login_words();
        until("it connects again", || world.read("new-log").contains(login));
        super::running::release(&world);
        let printed = going.finish();
        let listener = world.read("listener").trim().parse().expect("a pid");
        for pid in std::iter::once(listener).chain(crate::support::sshd::below(listener)) {
            crate::support::sshd::signal(pid, Signal::KILL);
        }
        let printed = printed.exits(0);
        assert_eq!(super::running::output(&printed), super::running::whole());
        assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", "y\n"));
        let journal = ["host_lost", "host_regained", "1 changed", "2 changed", "exit 0", "exit 0"];
        assert_eq!(world.journal(), journal);
        assert_eq!(world.server.logins(), 1, "the new one took the second login");
    });
}

#[test]
fn dropbear_takes_an_rsa_key() {
    let Some(world) = World::on(Software::Dropbear, |options, _| options) else { return };
    world.steps(STEPS);
    with_key(&world, &rsa(&world)).exits(0);
    assert!(world.there("touched").exists());
}

#[test]
fn a_server_without_rsa_is_named_as_the_cause() {
    let Some(world) = World::on(Software::Tinysshd, |options, _| options) else { return };
    world.steps(STEPS);
    let mut printed = with_key(&world, &rsa(&world)).exits(4);
    // Its banner ends with a few random characters.
    if let Some((before, behind)) = printed.stderr.split_once("SSH-2.0-tinyssh") {
        let behind = behind.split_once(')').expect("a bracket").1;
        printed.stderr = format!("{before}SSH-2.0-tinyssh){behind}");
    }
    seen!(world, "no_rsa", printed);
    super::connect::untouched(&world, 4);
}

#[test]
fn a_server_that_says_nothing() {
    let Some(mut world) = World::new() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    world.via = Some(listener.local_addr().expect("its address").port());
    world.steps(STEPS);
    let printed = world.run(&[]).exits(3);
    seen!(world, "silent", printed);
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
    let printed = world.reach(&["run", "p.yaml"]).env("SSH_AUTH_SOCK", &agent.socket).exits(4);
    seen!(world, "too_many_keys", printed);
    super::connect::untouched(&world, 4);
    assert_eq!(world.server.log().matches("Connection from").count(), 1, "{}", world.server.log());
    world.run_call(&[]).env("SSH_AUTH_SOCK", &agent.socket).exits(0);
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
    world.reach(&["run", "p.yaml"]).arg("--key").arg(&key).exits(4);
    assert_eq!(link.flows(), 1, "a refused login is not tried again");
    link.shut();
    let printed = world.run(&[]).exits(3).says(&["PerSourcePenalties", "fail2ban"]);
    seen!(world, "penalty", printed);
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
    until("the step is started", || world.there("held").exists());
    going.signal(Signal::INT);
    let mut before = going.wait_for("Finishing the current step");
    until("the host knows", || super::running::stop_level(&world).is_some());
    going.signal(Signal::INT);
    before += &going.wait_for("Stopping the current step");
    let mut printed = going.finish().exits(130);
    printed.stderr.insert_str(0, &before);
    seen!(world, "one_session", printed);
    assert_eq!(world.journal(), ["1 failed", "exit 130", "exit 130"]);
    assert_eq!(world.read("after"), "");
}

#[test]
fn accounts_that_are_shut() {
    let Some(()) = mounts() else { return };
    // A copy of /etc, for this server only.
    let copy = "mount -t tmpfs -o mode=755 none /mnt; cp -a /etc /mnt/";
    let bind = "mount --bind /mnt/etc /etc";
    let expired = "sed 's/^visitor:.*/visitor:*:19000:0:99999:7::1:/' /etc/shadow >/mnt/etc/shadow";
    let nologin = "printf 'Down for repair\\033[31m until noon.\\n' >/mnt/etc/nologin";
    // The effect of Debian's own `sshd` and `common-account` for a login with a key.
    let pam = "printf '%s\\n' 'auth required pam_deny.so' 'account required pam_nologin.so' 'account required pam_unix.so' \
               'session required pam_permit.so' >/mnt/etc/pam.d/sshd";
    // Whether sshd itself or PAM asks: the login is refused, and what the host says about it is printed.
    for (name, shut, uses_pam) in [
        ("expired", expired, false),
        ("nologin", nologin, false),
        ("expired_pam", expired, true),
        ("nologin_pam", nologin, true),
    ] {
        let change = |options: Options| if uses_pam { options.line("UsePAM yes") } else { options };
        let Some(world) = user_on(change, "/bin/sh", None, &format!("{copy}; {shut}; {pam}; {bind}")) else { return };
        world.steps(STEPS);
        let printed = world.run(&[]);
        seen!(world, format!("shut_{name}"), printed);
        printed.exits(4);
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
        let printed = world.run(&[]).exits(3);
        assert!(link.rewrites() > 0, "{side} offer came through as it was");
        if side == "the server's" {
            seen!(world, "tampered", printed);
        }
        super::connect::untouched(&world, 3);
    }
    // Nor is the key taken for a new host's.
    fs::write(world.server.known_hosts(), "").expect("known_hosts");
    let call = world.call(&["run", "p.yaml", "--host-key", "accept-new", "--known-hosts"]);
    let host = format!("{}@127.0.0.1:{}", world.user, link.port);
    let call = call.arg(world.server.known_hosts()).args(["--host", &host, "--key"]).arg(world.server.key());
    call.exits(3).says(&["could not prove its host key"]);
    assert_eq!(fs::read(world.server.known_hosts()).expect("known_hosts"), b"");
    // Without interference it is the same server.
    fs::write(world.server.known_hosts(), known).expect("known_hosts");
    link.let_be();
    world.run(&[]).exits(0);
}

#[test]
fn a_server_with_old_ciphers_only() {
    let Some(world) = World::with(|options, _| options.line("Ciphers aes128-cbc")) else { return };
    world.steps(STEPS);
    let printed = world.run(&[]).exits(3);
    seen!(world, "old_ciphers", printed);
    super::connect::untouched(&world, 3);
}
