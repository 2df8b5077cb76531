//! Login: one key, one attempt, and a message that says what to do.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pinboot::transport::ssh::HostKeyMode;

use super::{Connect, ErrorKind, Exec, Host, Session, Ssh, command, config, connect, host, outcome_of};
use crate::support::sshd::{Options, PATIENCE, Sshd, free_port, keygen};
use crate::support::{left_out, need};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_key_logs_in() {
    let Some(server) = Sshd::start() else { return };
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let key = server.file(&format!("key_{kind}"));
        keygen(&key, kind);
        server.authorize(&fs::read_to_string(key.with_extension("pub")).unwrap());
        let mut target = host(&server);
        target.key = Some(key);
        let mut session = Ssh::new(config(&server.known_hosts())).connect(&target, &command("echo hi")).await.unwrap();
        let outcome = outcome_of(&mut session).await;
        assert_eq!((outcome.stdout.as_slice(), outcome.exit), (&b"hi\n"[..], Some(Ok(0))), "{kind}");
        session.close().await;
    }
    assert_eq!(server.log().matches("Accepted publickey").count(), 3, "{}", server.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsa_signs_with_sha_512_if_the_server_announces_it() {
    // This server accepts nothing else; dropbear, which accepts only SHA-256, is tested below.
    let Some(server) = Options::default().line("PubkeyAcceptedAlgorithms rsa-sha2-512").start() else { return };
    let key = server.file("key_rsa");
    keygen(&key, "rsa");
    server.authorize(&fs::read_to_string(key.with_extension("pub")).unwrap());
    let mut target = host(&server);
    target.key = Some(key);
    let mut session = Ssh::new(config(&server.known_hosts())).connect(&target, &command("true")).await.unwrap();
    assert_eq!(outcome_of(&mut session).await.exit, Some(Ok(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_refused_after_one_attempt() {
    let Some(server) = Sshd::start() else { return };
    let stranger = server.file("stranger");
    keygen(&stranger, "ed25519");
    let mut target = host(&server);
    target.key = Some(stranger.clone());
    let ssh = Ssh::new(config(&server.known_hosts()));
    let print = ssh.load_key(&stranger).await.unwrap();
    let error = ssh.connect(&target, &command("true")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth);
    assert!(!error.retry, "an authentication failure is never retried");
    let who = format!("{}@127.0.0.1 (port {})", server.user, server.port);
    assert_eq!(error.message, format!("{who} refuses the login with the key {print} (it still offers: publickey)"));
    assert!(error.hint.unwrap().contains("Ubuntu: ubuntu"));
    let log = server.wait_log("Connection closed by authenticating user");
    assert_eq!(log.matches("Connection from 127.0.0.1").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_banner_is_escaped_and_its_user_becomes_the_hint() {
    let directory = tempfile::tempdir().unwrap();
    let banner = directory.path().join("banner");
    fs::write(&banner, "\x1b[31mPlease login as the user \"ec2-user\" rather than the user \"root\".\x07\n").unwrap();
    let Some(server) = Options::default().line(format!("Banner {}", banner.display())).start() else { return };
    let stranger = server.file("stranger");
    keygen(&stranger, "ed25519");
    let mut target = host(&server);
    target.key = Some(stranger);
    let error = Ssh::new(config(&server.known_hosts())).connect(&target, &command("true")).await.unwrap_err();
    // sshd itself escapes control characters of this file; pinboot escapes whatever arrives.
    assert!(error.message.contains("Please login as the user \"ec2-user\""), "{error}");
    assert!(!error.message.contains('\x1b'), "{error}");
    assert_eq!(error.hint.as_deref(), Some("log in as ec2-user: --user ec2-user"));
}

/// An ssh-agent for one test.
struct Agent {
    child: Child,
    socket: std::path::PathBuf,
}

impl Agent {
    fn start(server: &Sshd) -> Option<Self> {
        let program = need("ssh-agent", "openssh-client")?;
        let socket = server.file("agent.sock");
        let mut child = Command::new(program)
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Its first line comes when it listens.
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        Some(Self { child, socket })
    }

    fn add(&self, key: &std::path::Path) {
        let done = Command::new("ssh-add").arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_of_an_agent_is_tried() {
    let Some(server) = Sshd::start() else { return };
    let Some(agent) = Agent::start(&server) else { return };
    let mut target = host(&server);
    target.key = None;
    let mut settings = config(&server.known_hosts());
    settings.agent = Some(agent.socket.clone());

    let error = Ssh::new(settings.clone()).connect(&target, &command("true")).await.unwrap_err();
    assert!(error.message.contains("holds no keys"), "{error}");
    let mut none = settings.clone();
    none.agent = None;
    let error = Ssh::new(none).connect(&target, &command("true")).await.unwrap_err();
    assert!(error.message.contains("SSH_AUTH_SOCK is not set"), "{error}");

    for (name, kind) in [("a", "ed25519"), ("b", "ecdsa")] {
        keygen(&server.file(name), kind);
        agent.add(&server.file(name));
    }
    let error = Ssh::new(settings.clone()).connect(&target, &command("true")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth);
    assert!(error.message.contains("any of the 2 keys of the agent"), "{error}");

    let right = server.file("c");
    keygen(&right, "rsa");
    server.authorize(&fs::read_to_string(right.with_extension("pub")).unwrap());
    agent.add(&right);
    let mut session = Ssh::new(settings.clone()).connect(&target, &command("echo in")).await.unwrap();
    assert_eq!(outcome_of(&mut session).await.stdout, b"in\n");
    session.close().await;

    // The agent has more keys than the server wants to try.
    let Some(strict) = Options::default().line("MaxAuthTries 2").start() else { return };
    let mut target = host(&strict);
    target.key = None;
    let mut settings = settings;
    settings.known_hosts = vec![strict.known_hosts()];
    let error = Ssh::new(settings).connect(&target, &command("true")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth, "{error}");
    assert!(error.message.contains("Too many authentication failures"), "{error}");
    assert!(error.hint.unwrap().contains("--key"));
    // If the key is named, the agent is not used.
    let mut session = connect(&strict, &command("echo in")).await.unwrap();
    assert_eq!(outcome_of(&mut session).await.stdout, b"in\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_required_second_factor_is_named() {
    let Some(server) = Options::default()
        .line("KbdInteractiveAuthentication yes")
        .line("PasswordAuthentication yes")
        .line("AuthenticationMethods publickey,password")
        .start()
    else {
        return;
    };
    let error = connect(&server, &command("true")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth);
    assert!(error.message.contains("but asks for more: password"), "{error}");
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A shell line for `unshare -m sh -c` that gives root a home for this test, where these keys may log in.
///
/// Both small servers look for authorized_keys only in the home directory. They see another one in its place; the real one
/// is not changed. `None` if this machine does not allow that.
fn with_private_home(server: &Sshd, authorized: &[&Path], then: &str) -> Option<String> {
    if !rustix::process::getuid().is_root() {
        left_out("this server reads its keys only from the home directory, and replacing that needs root");
        return None;
    }
    let home = server.file("home");
    fs::create_dir_all(home.join(".ssh")).unwrap();
    let keys: Vec<u8> = authorized.iter().flat_map(|key| fs::read(key.with_extension("pub")).unwrap()).collect();
    fs::write(home.join(".ssh/authorized_keys"), keys).unwrap();
    let mount = format!("mount --bind {} /root", home.display());
    let tried = Command::new("unshare").args(["-m", "sh", "-c", &mount]).status();
    if !tried.is_ok_and(|status| status.success()) {
        left_out("this machine does not allow mount namespaces; a real root does");
        return None;
    }
    Some(format!("{mount} && exec {then}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropbear_works_without_announced_host_keys() {
    let Some(program) = need("dropbear", "dropbear-bin") else { return };
    let Some(keys) = need("dropbearkey", "dropbear-bin") else { return };
    let Some(server) = Sshd::start() else { return };
    let host_key = server.file("dropbear_host");
    let made = Command::new(keys).args(["-t", "ed25519", "-f"]).arg(&host_key).output().unwrap();
    assert!(made.status.success());
    let public =
        String::from_utf8_lossy(&made.stdout).lines().find(|line| line.starts_with("ssh-")).unwrap().to_owned();
    // It accepts RSA signatures with SHA-256 only.
    let rsa = server.file("key_rsa");
    keygen(&rsa, "rsa");
    let port = free_port();
    let then = format!("{} -F -E -s -r {} -p 127.0.0.1:{port} -P ''", program.display(), host_key.display());
    let Some(script) = with_private_home(&server, &[&rsa], &then) else { return };
    let mut dropbear = Running(
        Command::new("unshare")
            .args(["-m", "sh", "-c", &script])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut lines = std::io::BufReader::new(dropbear.0.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("Not backgrounding") {
        assert_ne!(std::io::BufRead::read_line(&mut lines, &mut said).unwrap(), 0, "dropbear does not start: {said}");
    }
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    let known = server.file("known_dropbear");
    fs::write(&known, format!("[127.0.0.1]:{port} {public}\n")).unwrap();
    let target = Host { port, key: Some(rsa), ..host(&server) };
    let ssh = Ssh::new(config(&known));
    let exec = Exec { command: b"cat; exit 3".to_vec(), stdin: b"through dropbear".to_vec() };
    let mut session = tokio::time::timeout(PATIENCE, ssh.connect(&target, &exec)).await.unwrap().unwrap();
    let outcome = outcome_of(&mut session).await;
    assert_eq!((outcome.stdout.as_slice(), outcome.exit), (&b"through dropbear"[..], Some(Ok(3))));
    assert_eq!(session.exec(command("echo again")).await.unwrap(), b"again\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tinysshd_accepts_ed25519_and_no_rsa() {
    let Some(program) = need("tinysshd", "tinysshd") else { return };
    let Some(make) = need("tinysshd-makekey", "tinysshd") else { return };
    let Some(server) = Sshd::start() else { return };
    let host_keys = server.file("tiny");
    assert!(Command::new(make).arg("-q").arg(&host_keys).status().unwrap().success());
    let rsa = server.file("key_rsa");
    keygen(&rsa, "rsa");
    let then = format!("{} -v {}", program.display(), host_keys.display());
    let Some(script) = with_private_home(&server, &[&rsa, &server.key()], &then) else { return };
    // It serves a single connection on its standard input and output.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (input, output) = (OwnedFd::from(stream.try_clone().unwrap()), OwnedFd::from(stream));
            let mut command = Command::new("unshare");
            command.args(["-m", "sh", "-c", &script]).stdin(input).stdout(output).stderr(Stdio::null());
            let child = command.spawn().map(Running);
            std::thread::spawn(move || child.map(|mut child| child.0.wait()));
        }
    });
    let known = server.file("known_tiny");
    let mut settings = config(&known);
    settings.host_key_mode = HostKeyMode::AcceptNew;
    let ssh = Ssh::new(settings);
    let mut target = Host { port, ..host(&server) };
    let exec = Exec { command: b"cat; exit 3".to_vec(), stdin: b"through tinysshd".to_vec() };
    let mut session = tokio::time::timeout(PATIENCE, ssh.connect(&target, &exec)).await.unwrap().unwrap();
    let outcome = outcome_of(&mut session).await;
    assert_eq!((outcome.stdout.as_slice(), outcome.exit), (&b"through tinysshd"[..], Some(Ok(3))));
    target.key = Some(rsa);
    let started = Instant::now();
    let error = ssh.connect(&target, &command("true")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth, "{error}");
    assert!(error.hint.as_deref().unwrap().contains("may accept no RSA keys"), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(5));
}
