//! Host keys of a real server, judged by OpenSSH's client as well.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use pinboot::transport::ssh::{Ask, HostKeyMode, HostKeyQuestion};

use super::{Connect, Error, ErrorKind, Session, Ssh, command, config, host};
use crate::support::sshd::{Options, Sshd, keygen};

async fn try_with(server: &Sshd, files: &[&Path], mode: HostKeyMode) -> Result<bool, Error> {
    let mut settings = config(files[0]);
    settings.known_hosts = files.iter().map(|file| (*file).to_owned()).collect();
    settings.host_key_mode = mode;
    let session = Ssh::new(settings).connect(&host(server), &command("true")).await?;
    let added = session.peer().added;
    session.close().await;
    Ok(added)
}

/// Whether OpenSSH's client accepts this server with a known_hosts file.
fn openssh(server: &Sshd, file: &Path, mode: &str) -> bool {
    let output = Command::new("ssh")
        .args(["-F", "none", "-o", "BatchMode=yes", "-o", "GlobalKnownHostsFile=/dev/null", "-o", "UpdateHostKeys=no"])
        .args(["-o", &format!("StrictHostKeyChecking={mode}"), "-o", &format!("UserKnownHostsFile={}", file.display())])
        .args(["-o", "IdentitiesOnly=yes", "-i"])
        .arg(server.key())
        .args(["-p", &server.port.to_string(), &format!("{}@127.0.0.1", server.user), "true"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    output.status.success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_weaker_than_openssh() {
    let Some(server) = Options::default().host_keys(&["ed25519", "rsa"]).start() else { return };
    let Some(rsa_only) = Options::default().host_keys(&["rsa"]).start() else { return };
    for (server, own, other_own) in [(&server, "ed25519", "rsa"), (&rsa_only, "rsa", "rsa")] {
        let port = server.port;
        let name = format!("[127.0.0.1]:{port}");
        let key = server.host_key(own);
        let second = server.host_key(other_own);
        let stranger_file = server.file("stranger");
        keygen(&stranger_file, "ed25519");
        let stranger = fs::read_to_string(stranger_file.with_extension("pub")).unwrap();
        let stranger = stranger.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let files: Vec<(&str, String)> = vec![
            ("empty", String::new()),
            ("plain", format!("{name} {key}\n")),
            ("second type", format!("{name} {second}\n")),
            ("comment and case", format!("# x\n\n{} {key} me@there\n", name.to_uppercase())),
            ("list", format!("a,{name},b {key}\n")),
            ("negated", format!("!{name},[127.*]:{port} {key}\n")),
            ("negated at the end", format!("[127.*]:{port},!{name} {key}\n")),
            ("wildcard", format!("[127.0.0.?]:* {key}\n")),
            ("star", format!("* {key}\n")),
            ("tabs", format!("{name}\t{}\n", key.replace(' ', "\t"))),
            ("spaces", format!("   {name}   {}  \n", key.replace(' ', "    "))),
            ("CRLF", format!("{name} {key}\r\n")),
            ("torn", format!("{name} {key}")),
            ("changed", format!("{name} {stranger}\n")),
            ("old and new", format!("{name} {stranger}\n{name} {key}\n")),
            ("changed by wildcard", format!("[127.*]:{port} {stranger}\n")),
            ("bare name", format!("127.0.0.1 {key}\n")),
            ("bare name changed", format!("127.0.0.1 {stranger}\n")),
            ("another port", format!("[127.0.0.1]:1 {key}\n")),
            ("revoked", format!("@revoked {name} {key}\n")),
            ("revoked beside good", format!("{name} {key}\n@revoked * {key}\n")),
            ("stranger revoked", format!("{name} {key}\n@revoked * {stranger}\n")),
            ("revoked with a tab", format!("{name} {key}\n@revoked\t*\t{}\n", key.replace(' ', "\t"))),
            ("authority", format!("@cert-authority * {stranger}\n")),
            ("authority of its own key", format!("@cert-authority {name} {key}\n")),
            ("unknown marker", format!("@trusted {name} {key}\n")),
            ("two markers", format!("@cert-authority @revoked {name} {key}\n")),
            ("bad base64", format!("{name} ssh-ed25519 AAAA!\n")),
            ("wrong type word", format!("{name} ssh-dss {}\n", key.split(' ').nth(1).unwrap())),
            ("unknown type", format!("{name} ssh-new AAAAB3NzaC1uZXc=\n")),
            ("cut key", format!("{name} {}\n", &key[..key.len() - 8])),
            ("no key", format!("{name}\n{name} ssh-ed25519\n")),
        ];
        let file = server.file("judged");
        // The second server shows only RSA. Only these files test something that depends on the type.
        let relevant = ["plain", "changed", "old and new", "revoked", "star"];
        for (what, text) in files {
            if own == "rsa" && !relevant.contains(&what) {
                continue;
            }
            for (word, mode) in [("yes", HostKeyMode::Strict), ("accept-new", HostKeyMode::AcceptNew)] {
                fs::write(&file, &text).unwrap();
                let theirs = openssh(server, &file, word);
                fs::write(&file, &text).unwrap();
                let ours = try_with(server, &[&file], mode).await;
                if let Err(error) = &ours {
                    assert_eq!(error.kind, ErrorKind::HostKey, "{what}, {word}: {error}");
                }
                // pinboot is stricter on purpose: OpenSSH skips lines with unknown markers.
                let stricter = ["revoked with a tab", "unknown marker", "two markers"].contains(&what);
                assert!(theirs || ours.is_err(), "{what}, {word}, {own}: weaker than OpenSSH");
                assert!(!theirs || ours.is_ok() || stricter, "{what}, {word}, {own}: {ours:?}");
                assert!(!stricter || ours.is_err(), "{what}, {word}, {own}: must be refused");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strict_mode_shows_the_fingerprint_and_the_line_to_add() {
    let Some(server) = Sshd::start() else { return };
    let file = server.file("none/yet");
    let error = try_with(&server, &[&file], HostKeyMode::Strict).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::HostKey);
    let hint = error.hint.unwrap();
    let line = format!("[127.0.0.1]:{} {}", server.port, server.host_key("ed25519"));
    assert!(hint.contains(&line), "{hint}");
    assert!(hint.contains("Get system log"), "{hint}");
    assert!(!file.exists(), "strict mode writes nothing");
    // With that line the host is accepted.
    fs::create_dir(file.parent().unwrap()).unwrap();
    fs::write(&file, format!("{line}\n")).unwrap();
    assert!(!try_with(&server, &[&file], HostKeyMode::Strict).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accept_new_adds_a_line_that_openssh_reads_and_refuses_a_change() {
    let Some(server) = Sshd::start() else { return };
    let file = server.file(".ssh/known_hosts");
    assert!(try_with(&server, &[&file], HostKeyMode::AcceptNew).await.unwrap());
    let line = format!("[127.0.0.1]:{} {}\n", server.port, server.host_key("ed25519"));
    assert_eq!(fs::read_to_string(&file).unwrap(), line);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(file.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert!(openssh(&server, &file, "yes"));
    assert!(!try_with(&server, &[&file], HostKeyMode::AcceptNew).await.unwrap(), "known now");

    // An incomplete line stays as it is, and the new line starts after it.
    fs::write(&file, "torn.example ssh-ed25519 AAAA").unwrap();
    assert!(try_with(&server, &[&file], HostKeyMode::AcceptNew).await.unwrap());
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("torn.example ssh-ed25519 AAAA\n{line}"));

    let old = fs::read_to_string(&file).unwrap();
    fs::remove_file(server.file("host_ed25519")).unwrap();
    keygen(&server.file("host_ed25519"), "ed25519");
    let server = server.restart();
    for mode in [HostKeyMode::Strict, HostKeyMode::AcceptNew, HostKeyMode::Ask(Ask::new(|_| true))] {
        let error = try_with(&server, &[&file], mode).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::HostKey);
        assert!(
            error.message.contains("has changed") && error.message.contains(":2 lists ssh-ed25519 SHA256:"),
            "{error}"
        );
        let hint = error.hint.unwrap();
        assert!(hint.contains(&format!("ssh-keygen -f {} -R '[127.0.0.1]:{}'", file.display(), server.port)), "{hint}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), old, "a refusal writes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_question_shows_what_to_compare() {
    let Some(server) = Sshd::start() else { return };
    let file = server.file("asked");
    let questions: Arc<Mutex<Vec<HostKeyQuestion>>> = Arc::default();
    for answer in [false, true] {
        let recorded = Arc::clone(&questions);
        let ask = Ask::new(move |question| {
            recorded.lock().unwrap().push(question.clone());
            answer
        });
        let result = try_with(&server, &[&file], HostKeyMode::Ask(ask)).await;
        if answer {
            assert!(result.unwrap(), "added");
        } else {
            assert_eq!(result.unwrap_err().kind, ErrorKind::HostKey);
            assert!(!file.exists());
        }
    }
    let questions = questions.lock().unwrap();
    assert_eq!(questions.len(), 2);
    assert_eq!(questions[0].host, format!("[127.0.0.1]:{}", server.port));
    assert_eq!(questions[0].address, format!("127.0.0.1:{}", server.port));
    assert_eq!(questions[0].key_type, "ssh-ed25519");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_users_time_does_not_count_as_the_hosts() {
    let Some(server) = Sshd::start() else { return };
    let mut settings = config(&server.file("slow"));
    settings.connect_timeout = std::time::Duration::from_secs(1);
    // The answer comes after a silent host, which was asked later, has reached its time limit.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (hasty, mut other) = (Arc::new(Ssh::new(settings.clone())), host(&server));
    other.port = silent.local_addr().unwrap().port();
    let runtime = tokio::runtime::Handle::current();
    settings.host_key_mode = HostKeyMode::Ask(Ask::new(move |_| {
        let (runtime, hasty, other) = (runtime.clone(), Arc::clone(&hasty), other.clone());
        let given_up = std::thread::spawn(move || runtime.block_on(hasty.connect(&other, &command("true"))));
        given_up.join().unwrap().is_err_and(|error| error.kind == ErrorKind::Unreachable)
    }));
    Ssh::new(settings).connect(&host(&server), &command("true")).await.unwrap();
    drop(silent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_files_are_combined_and_an_unreadable_one_refuses_the_host() {
    let Some(server) = Sshd::start() else { return };
    let (first, second) = (server.file("first"), server.file("second"));
    let line = format!("[127.0.0.1]:{} {}\n", server.port, server.host_key("ed25519"));
    fs::write(&first, "").unwrap();
    fs::write(&second, &line).unwrap();
    try_with(&server, &[&first, &second], HostKeyMode::Strict).await.unwrap();
    fs::write(&first, format!("@revoked {line}")).unwrap();
    let error = try_with(&server, &[&second, &first], HostKeyMode::AcceptNew).await.unwrap_err();
    assert!(error.message.contains("is revoked by") && error.message.contains("first:1"), "{error}");
    fs::remove_file(&first).unwrap();
    fs::create_dir(&first).unwrap();
    let error = try_with(&server, &[&second, &first], HostKeyMode::AcceptNew).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::HostKey);
    assert!(error.message.contains("cannot be read: it is a directory"), "{error}");
    // A file that cannot be written is an error of this machine.
    let error = try_with(&server, &[Path::new("/proc/none/known_hosts")], HostKeyMode::AcceptNew).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Local, "{error}");
}
