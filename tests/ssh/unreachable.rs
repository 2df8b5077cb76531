//! Hosts that do not exist, do not speak SSH, or refuse: each has its own message, in time.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use pinboot::ids::HostId;
use pinboot::inventory::Host;

use super::{Config, Connect, Error, ErrorKind, Ssh, command, config, host};
use crate::support::sshd::{Options, PATIENCE, Sshd, free_port};

/// Starts a listener that is not an SSH server and does this with each connection; returns its port.
fn impostor(act: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            act(stream);
        }
    });
    port
}

async fn fail(address: &str, port: u16, change: impl FnOnce(&mut Config)) -> Error {
    let Some(server) = Sshd::start() else { panic!("the key is in a server's directory") };
    let target = Host { address: address.to_owned(), port, id: HostId("h".to_owned()), ..host(&server) };
    let mut settings = config(&server.known_hosts());
    settings.connect_timeout = Duration::from_secs(2);
    change(&mut settings);
    let limit = settings.connect_timeout + Duration::from_secs(1);
    let started = Instant::now();
    let error = Ssh::new(settings).connect(&target, &command("true")).await.unwrap_err();
    assert!(started.elapsed() < limit, "{error} took {:?}", started.elapsed());
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
    assert!(error.hint.is_some(), "{error}");
    assert!(!error.message.bytes().any(|byte| byte.is_ascii_control()), "{error:?}");
    error
}

fn has_openssh() -> bool {
    crate::support::need("sshd", "openssh-server").is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_before_the_banner() {
    if !has_openssh() {
        return;
    }
    let error = fail("no-such-host.invalid", 22, |_| {}).await;
    assert!(error.message.starts_with("the name no-such-host.invalid cannot be resolved: "), "{error}");

    let port = free_port();
    let error = fail("127.0.0.1", port, |_| {}).await;
    assert_eq!(error.message, format!("cannot reach 127.0.0.1 on port {port}: 127.0.0.1:{port}: connection refused"));

    let held = std::sync::Mutex::new(Vec::new());
    let port = impostor(move |stream| held.lock().unwrap().push(stream));
    let error = fail("127.0.0.1", port, |_| {}).await;
    assert!(error.message.ends_with("accepts the connection, but sends no SSH banner in 2 s"), "{error}");

    let port = impostor(|mut stream| {
        std::thread::spawn(move || {
            for byte in b"SSH-2.0-slow_server\r\n" {
                let _ = stream.write_all(&[*byte]);
                std::thread::sleep(Duration::from_millis(500));
            }
        });
    });
    let error = fail("127.0.0.1", port, |_| {}).await;
    assert!(error.message.contains("it says “SSH-"), "{error}");

    let port = impostor(drop);
    let error = fail("127.0.0.1", port, |_| {}).await;
    assert!(error.message.contains("ended before the SSH banner"), "{error}");
    assert!(error.retry);
    assert!(error.hint.unwrap().contains("fail2ban"));

    for (says, shown) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n<html>\x1b[31m", "“HTTP/1.1 400 Bad Request\\r\\n\\r\\n<html>\\x1b[31m”"),
        ("220 mail ESMTP\r\n", "“220 mail ESMTP”"),
        (&"x".repeat(400), "“xxxxxxxx"),
        (&"line\r\n".repeat(30), "“line\\r\\nline"),
    ] {
        let bytes = says.as_bytes().to_vec();
        let port = impostor(move |mut stream| {
            let _ = stream.write_all(&bytes);
            let _ = stream.read(&mut [0; 1024]);
        });
        let error = fail("127.0.0.1", port, |_| {}).await;
        assert!(error.message.contains("is not an SSH server: it says ") && error.message.contains(shown), "{error}");
        assert!(!error.retry);
    }

    let port = impostor(|mut stream| {
        let _ = stream.write_all(b"Not allowed at this time\r\n");
    });
    let error = fail("127.0.0.1", port, |_| {}).await;
    assert!(error.retry && error.retry_after.is_some(), "{error:?}");
    assert!(error.hint.unwrap().contains("PerSourcePenalties"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_after_the_banner() {
    if !has_openssh() {
        return;
    }
    let held = std::sync::Mutex::new(Vec::new());
    let port = impostor(move |mut stream| {
        let _ = stream.write_all(b"SSH-2.0-silent\r\n");
        held.lock().unwrap().push(stream);
    });
    let error = fail("127.0.0.1", port, |_| {}).await;
    assert!(
        error.message.starts_with("the key exchange with 127.0.0.1")
            && error.message.ends_with("did not finish in 2 s"),
        "{error}"
    );

    let port = impostor(|mut stream| {
        let _ = stream.write_all(b"SSH-2.0-gone\r\n");
        let _ = stream.read(&mut [0; 64]);
    });
    let error = fail("127.0.0.1", port, |_| {}).await;
    assert!(error.message.contains("during the key exchange") && error.retry, "{error}");

    let port = impostor(|mut stream| {
        let _ = stream.write_all(b"SSH-2.0-noise\r\nthis is not a packet, and not even similar to a packet");
        let _ = stream.read(&mut [0; 64]);
    });
    let error = fail("127.0.0.1", port, |_| {}).await;
    assert!(error.message.contains("during the key exchange"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_common_algorithm_both_lists_are_shown() {
    let Some(server) = Options::default().line("Ciphers aes128-cbc").start() else { return };
    let error = Ssh::new(config(&server.known_hosts())).connect(&host(&server), &command("true")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(
        error.message.contains("no cipher in common: the host offers aes128-cbc, pinboot aes128-gcm@openssh.com, "),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_logins_at_once_can_be_retried() {
    let Some(server) = Options::default().line("MaxStartups 1").start() else { return };
    // A silent connection takes the only place.
    let _idle = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    server.wait_log("Connection from 127.0.0.1");
    let result = Ssh::new(config(&server.known_hosts())).connect(&host(&server), &command("true")).await;
    let error = result.map(|_| server.log()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.message.contains("“Exceeded MaxStartups”"), "{error}");
    assert!(error.retry);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unusable_key_makes_no_connection() {
    let Some(server) = Sshd::start() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut target = host(&server);
    target.port = listener.local_addr().unwrap().port();
    target.key = Some(server.file("id_ed25519.pub"));
    std::fs::set_permissions(server.file("id_ed25519.pub"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    let error = Ssh::new(config(&server.known_hosts())).connect(&target, &command("true")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth);
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "no connection was made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_address_is_tried_and_named() {
    let Some(server) = Sshd::start() else { return };
    // The name usually has two addresses, and nothing listens on this port of either.
    let port = free_port();
    let target = Host { address: "localhost".to_owned(), port, ..host(&server) };
    let started = Instant::now();
    let error = Ssh::new(config(&server.known_hosts())).connect(&target, &command("true")).await.unwrap_err();
    assert!(started.elapsed() < PATIENCE);
    assert!(error.message.contains(&format!("127.0.0.1:{port}: connection refused")), "{error}");
}
