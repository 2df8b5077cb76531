//! The bytes of a connection: complete, in order, limited in memory, and with an end that is always recognized.

use std::io::Read;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::{Chunk, ErrorKind, Exec, Session, Ssh, command, config, connect, host, outcome_of};
use crate::support::sshd::{Options, PATIENCE, Sshd, signal};
use pinboot::transport::Connect;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_and_status_arrive_completely() {
    let Some(server) = Sshd::start() else { return };
    let mut session = connect(&server, &command("echo out; echo err >&2; exit 7")).await.unwrap();
    assert_eq!(session.peer().key_type, "ssh-ed25519");
    assert!(session.peer().fingerprint.starts_with("SHA256:"));
    assert!(!session.peer().added);
    let outcome = outcome_of(&mut session).await;
    assert_eq!(outcome.stdout, b"out\n");
    assert_eq!(outcome.stderr, b"err\n");
    assert_eq!(outcome.exit, Some(Ok(7)));
    assert_eq!(outcome.lost, None);
    assert!(matches!(session.next().await, Chunk::Closed), "the end is reported again");
    session.close().await;
    server.wait_log("Received disconnect from 127.0.0.1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_is_not_a_status() {
    let Some(server) = Sshd::start() else { return };
    let mut session = connect(&server, &command("kill -9 $$")).await.unwrap();
    assert_eq!(outcome_of(&mut session).await.exit, Some(Err("KILL".to_owned())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_input_respects_windows_and_ends() {
    let Some(server) = Sshd::start() else { return };
    let input: Vec<u8> =
        (0..9_000_000_u32).map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect();
    let expected = format!("{:x}  -\n", HexDigest(Sha256::digest(&input).into()));
    let exec = Exec { command: b"sha256sum".to_vec(), stdin: input };
    let mut session = connect(&server, &exec).await.unwrap();
    let outcome = outcome_of(&mut session).await;
    assert_eq!(String::from_utf8_lossy(&outcome.stdout), expected);
    assert_eq!(outcome.exit, Some(Ok(0)));
}

struct HexDigest([u8; 32]);

impl std::fmt::LowerHex for HexDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_input_does_not_block_the_connection() {
    let Some(server) = Sshd::start() else { return };
    let exec = Exec { command: b"exec 0<&-; echo up; sleep 20".to_vec(), stdin: vec![b'x'; 16 * 1024 * 1024] };
    let mut session = connect(&server, &exec).await.unwrap();
    assert!(matches!(session.next().await, Chunk::Stdout(bytes) if bytes == b"up\n"));
    let answer = tokio::time::timeout(PATIENCE, session.exec(command("echo beside"))).await.unwrap().unwrap();
    assert_eq!(answer, b"beside\n");
    tokio::time::timeout(PATIENCE, session.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_command_runs_beside_one_with_much_output() {
    let Some(server) = Sshd::start() else { return };
    let mut session = connect(&server, &command("head -c 20000000 /dev/zero; echo; cat")).await.unwrap();
    let exec = Exec { command: b"tr a-z A-Z; exit 5".to_vec(), stdin: b"shout".to_vec() };
    assert_eq!(tokio::time::timeout(PATIENCE, session.exec(exec)).await.unwrap().unwrap(), b"SHOUT");
    let outcome = outcome_of(&mut session).await;
    assert_eq!(outcome.stdout.len(), 20_000_001, "output that came meanwhile is not lost");
    assert!(outcome.stdout.ends_with(b"\0\n"));
    // Only the beginning of a long answer is kept, and a child process that keeps the channel open blocks nothing.
    let mut session = connect(&server, &command("cat; sleep 20")).await.unwrap();
    let long = session.exec(command("head -c 1000000 /dev/zero")).await.unwrap();
    assert_eq!(long.len(), 64 * 1024);
    let started = Instant::now();
    assert_eq!(session.exec(command("sleep 20 & echo gone")).await.unwrap(), b"gone\n");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_session_is_enough_and_a_refused_second_one_names_the_setting() {
    let Some(server) = Options::default().line("MaxSessions 1").start() else { return };
    let mut session = connect(&server, &command("cat; echo still here; sleep 1")).await.unwrap();
    let error = session.exec(command("true")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(error.hint.unwrap().contains("MaxSessions"));
    assert_eq!(outcome_of(&mut session).await.stdout, b"still here\n");

    let Some(server) = Options::default().line("MaxSessions 0").start() else { return };
    let error = connect(&server, &command("true")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_is_a_lost_connection_and_never_an_end() {
    let Some(server) = Sshd::start() else { return };
    let mut session = connect(&server, &command("echo on; sleep 20")).await.unwrap();
    assert!(matches!(session.next().await, Chunk::Stdout(_)));
    let started = Instant::now();
    server.kill_sessions();
    let outcome = outcome_of(&mut session).await;
    let why = outcome.lost.expect("lost, not closed");
    assert!(why.starts_with("the connection was lost: "), "{why}");
    assert_eq!(outcome.exit, None);
    assert!(started.elapsed() < Duration::from_secs(2));
    assert!(matches!(session.next().await, Chunk::Lost(again) if again == why));
    let error = session.exec(command("true")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_falls_silent_is_noticed() {
    let Some(server) = Sshd::start() else { return };
    let mut settings = config(&server.known_hosts());
    settings.keepalive = Duration::from_millis(300);
    let mut session = Ssh::new(settings).connect(&host(&server), &command("echo on; sleep 20")).await.unwrap();
    assert!(matches!(session.next().await, Chunk::Stdout(_)));
    let sessions = server.sessions();
    assert!(!sessions.is_empty());
    for pid in &sessions {
        signal(*pid, rustix::process::Signal::STOP);
    }
    let started = Instant::now();
    let outcome = outcome_of(&mut session).await;
    for pid in &sessions {
        signal(*pid, rustix::process::Signal::CONT);
    }
    assert_eq!(outcome.lost.as_deref(), Some("the connection was lost: the host does not answer any more"));
    assert!(started.elapsed() >= Duration::from_millis(800), "a short silence ends nothing: {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_host_keeps_its_connection() {
    let Some(server) = Sshd::start() else { return };
    let mut settings = config(&server.known_hosts());
    settings.keepalive = Duration::from_millis(200);
    let mut session = Ssh::new(settings).connect(&host(&server), &command("sleep 2; echo on")).await.unwrap();
    let outcome = outcome_of(&mut session).await;
    assert_eq!((outcome.stdout.as_slice(), outcome.lost), (&b"on\n"[..], None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rekey_during_a_transfer_loses_nothing() {
    let Some(server) = Options::default().line("RekeyLimit 1M").start() else { return };
    let mut session = connect(&server, &command("head -c 30000000 /dev/zero; echo end")).await.unwrap();
    let outcome = outcome_of(&mut session).await;
    assert_eq!((outcome.stdout.len(), outcome.exit, outcome.lost), (30_000_004, Some(Ok(0)), None));
    let exec = Exec { command: b"wc -c".to_vec(), stdin: vec![0; 20_000_000] };
    let mut session = connect(&server, &exec).await.unwrap();
    assert_eq!(outcome_of(&mut session).await.stdout, b"20000000\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_megabytes_do_not_grow_memory() {
    let Some(server) = Sshd::start() else { return };
    let mut session = connect(&server, &command("head -c 100000000 /dev/zero")).await.unwrap();
    // The reader is late; the queue is limited.
    while resident_growth_settles().await {}
    let before = resident();
    let mut length = 0;
    loop {
        match session.next().await {
            Chunk::Stdout(bytes) => length += bytes.len(),
            Chunk::Closed => break,
            Chunk::Lost(why) => panic!("{why}"),
            Chunk::Stderr(_) | Chunk::Exit(_) => {}
        }
    }
    assert_eq!(length, 100_000_000);
    // Other tests run in this process as well, so the limit is generous; without a queue limit it would exceed 100 MB.
    assert!(resident() < before + 90_000, "{} kB, {before} kB before", resident());
}

/// Gives the connection's task time to read ahead; true as long as it does.
async fn resident_growth_settles() -> bool {
    let before = resident();
    tokio::time::sleep(Duration::from_millis(100)).await;
    resident() > before + 1000
}

fn resident() -> u64 {
    let mut text = String::new();
    std::fs::File::open("/proc/self/status").unwrap().read_to_string(&mut text).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forced_command_works_like_any_other() {
    let Some(server) = Options::default().line("ForceCommand echo FORCED; exit 7").start() else { return };
    let mut session = connect(&server, &command("echo mine")).await.unwrap();
    let outcome = outcome_of(&mut session).await;
    assert_eq!((outcome.stdout.as_slice(), outcome.exit), (&b"FORCED\n"[..], Some(Ok(7))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_session_ends_its_connection() {
    let Some(server) = Sshd::start() else { return };
    let session = connect(&server, &command("sleep 20")).await.unwrap();
    drop(session);
    let deadline = Instant::now() + PATIENCE;
    while !server.sessions().is_empty() {
        assert!(Instant::now() < deadline, "the server still has the connection");
        tokio::task::yield_now().await;
    }
}

/// Starts a relay that delays every byte in both directions, and returns its port.
async fn slow_link(to: u16, delay: Duration) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = tokio::net::TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
            tokio::spawn(carry(near_read, far_write, delay));
            tokio::spawn(carry(far_read, near_write, delay));
        }
    });
    port
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    delay: Duration,
) -> std::io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (sender, mut held) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut bytes = vec![0; 65_536];
        while let Ok(length @ 1..) = from.read(&mut bytes).await {
            let _ = sender.send((tokio::time::Instant::now() + delay, bytes[..length].to_vec()));
        }
    });
    while let Some((due, bytes)) = held.recv().await {
        tokio::time::sleep_until(due).await;
        to.write_all(&bytes).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seven_round_trips_to_the_first_byte() {
    let Some(server) = Sshd::start() else { return };
    let one_way = Duration::from_millis(150);
    let port = slow_link(server.port, one_way).await;
    let known = std::fs::read_to_string(server.known_hosts()).unwrap();
    let file = server.file("known_through_the_link");
    std::fs::write(&file, known.replace(&server.port.to_string(), &port.to_string())).unwrap();
    let mut target = host(&server);
    target.port = port;
    let ssh = Ssh::new(config(&file));
    ssh.load_key(target.key.as_deref().unwrap()).await.unwrap();
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let started = Instant::now();
        // `connect` returns with the reply to the command, which comes with the first output. The time that the login
        // shell needs before it runs the command is not part of it.
        let mut session = ssh.connect(&target, &command("echo hi; sleep 20")).await.unwrap();
        best = best.min(started.elapsed().as_secs_f64() / (2.0 * one_way.as_secs_f64()));
        assert!(matches!(session.next().await, Chunk::Stdout(bytes) if bytes == b"hi\n"));
    }
    // The relay answers the TCP handshake at once, so the first of the seven round trips is not included.
    assert!(best < 6.9, "{best:.2} round trips after the TCP handshake");
}

/// What a relay does to the server's data, and at which byte.
#[derive(Clone, Copy, Debug)]
enum Harm {
    /// The connection ends there, as if a machine on the way closed it.
    Cut(usize),
    /// One bit is flipped there.
    Flip(usize),
}

/// Starts a relay for one connection that damages it, and returns its port.
async fn harmful_link(to: u16, harm: Harm) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (near, _) = listener.accept().await.unwrap();
        let far = tokio::net::TcpStream::connect(("127.0.0.1", to)).await.unwrap();
        let ((mut near_read, mut near_write), (mut far_read, mut far_write)) = (near.into_split(), far.into_split());
        let up = tokio::spawn(async move { tokio::io::copy(&mut near_read, &mut far_write).await });
        let (mut passed, mut bytes) = (0, vec![0; 4096]);
        while let Ok(length @ 1..) = far_read.read(&mut bytes).await {
            let mut piece = &mut bytes[..length];
            match harm {
                Harm::Cut(at) if at < passed + length => {
                    let _ = near_write.write_all(&piece[..at - passed]).await;
                    break;
                }
                Harm::Flip(at) if (passed..passed + length).contains(&at) => piece[at - passed] ^= 0x10,
                Harm::Cut(_) | Harm::Flip(_) => {}
            }
            passed += length;
            piece = &mut piece[..length];
            if near_write.write_all(piece).await.is_err() {
                break;
            }
        }
        up.abort();
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_or_a_flipped_bit_is_never_a_normal_end() {
    let Some(server) = Sshd::start() else { return };
    let known = std::fs::read_to_string(server.known_hosts()).unwrap();
    let cuts = [0, 10, 41, 500, 1200, 1400, 1700, 2100, 2300, 2500, 2700, 3000, 10_000, 60_000];
    let flips = [700, 1300, 1500, 2000, 2400, 3000, 5000, 20_000, 40_000, 80_000];
    let harms = cuts.into_iter().map(Harm::Cut).chain(flips.into_iter().map(Harm::Flip));
    for harm in harms {
        let port = harmful_link(server.port, harm).await;
        let file = server.file("known_harm");
        std::fs::write(&file, known.replace(&server.port.to_string(), &port.to_string())).unwrap();
        let target = super::Host { port, ..host(&server) };
        let mut settings = config(&file);
        // With a flipped bit in a length, the client waits for bytes that never come.
        settings.connect_timeout = Duration::from_secs(2);
        settings.login_timeout = Duration::from_secs(2);
        settings.keepalive = Duration::from_millis(400);
        match Ssh::new(settings).connect(&target, &command("head -c 100000 /dev/zero")).await {
            Err(error) => {
                assert!(matches!(error.kind, ErrorKind::Unreachable | ErrorKind::HostKey), "{harm:?}: {error:?}");
            }
            Ok(mut session) => {
                let outcome = outcome_of(&mut session).await;
                assert!(outcome.lost.is_some(), "{harm:?}: {} bytes, {:?}", outcome.stdout.len(), outcome.exit);
                assert!(outcome.stdout.len() < 100_000 && outcome.stdout.iter().all(|byte| *byte == 0), "{harm:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_loses_neither_bytes_nor_the_connection() {
    let Some(server) = Sshd::start() else { return };
    let mut settings = config(&server.known_hosts());
    settings.keepalive = Duration::from_millis(100);
    let ssh = Ssh::new(settings);
    let mut session = ssh.connect(&host(&server), &command("head -c 30000000 /dev/zero; echo end")).await.unwrap();
    // The reader waits longer than a silent host is tolerated: two of those are given up meanwhile.
    for _ in 0..2 {
        let Some(silent) = Sshd::start() else { return };
        let mut settings = config(&silent.known_hosts());
        settings.keepalive = Duration::from_millis(100);
        let mut other = Ssh::new(settings).connect(&host(&silent), &command("echo on; sleep 20")).await.unwrap();
        assert!(matches!(other.next().await, Chunk::Stdout(_)));
        silent.sessions().into_iter().for_each(|pid| signal(pid, rustix::process::Signal::STOP));
        assert!(outcome_of(&mut other).await.lost.is_some());
    }
    let outcome = outcome_of(&mut session).await;
    assert_eq!((outcome.stdout.len(), outcome.exit, outcome.lost), (30_000_004, Some(Ok(0)), None));
}
