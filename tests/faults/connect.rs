//! Unreachable hosts and failed logins: the exit code, the sentence, and that nothing was started.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::world::{Printed, World, general, on_each, on_each_but, on_each_with, seen, until, user_with};
use crate::support::mounts;
use crate::support::sshd::{Options, Software, free_port, keygen};

cases! {
    a_wrong_key_is_tried_once ["A1"] "a key that authorized_keys does not have; one connection, one try"
        => Shown("wrong_key", "refuses the login");
    unusable_keys_are_refused_before_any_connection ["A2"] "mode 0644" => Shown("keys", "mode 0644");
    unusable_keys_are_refused_before_any_connection ["A2"] "mode 0640" => Shown("keys", "mode 0640");
    unusable_keys_are_refused_before_any_connection ["A3"] "a folder" => Shown("keys", "directory");
    unusable_keys_are_refused_before_any_connection ["A3"] "a pipe" => Shown("keys", "FIFO");
    unusable_keys_are_refused_before_any_connection ["A3"] "a device" => Shown("keys", "/dev/zero");
    unusable_keys_are_refused_before_any_connection ["A4"] "a passphrase, and no terminal" => Shown("keys", "encrypted");
    unusable_keys_are_refused_before_any_connection ["A5"] "no file" => Shown("keys", "does not exist");
    unusable_keys_are_refused_before_any_connection ["A5"] "an empty file" => Shown("keys", "is empty");
    unusable_keys_are_refused_before_any_connection ["A5"] "half of it" => Shown("keys", "cut off");
    a_putty_key_that_was_cut_off_is_named ["A5"] "a PuTTY key, cut off at each of its parts"
        => Text("4", "the message says that it is cut off, and what is missing");
    unusable_keys_are_refused_before_any_connection ["A5"] "a public key" => Shown("keys", "a public key");
    unusable_keys_are_refused_before_any_connection ["A5"] "CRLF" => Text("0", "it works like any other");
    host_keys_that_are_unknown_changed_or_revoked ["A7"] "the host is not in known_hosts, with --host-key strict"
        => Shown("host_key_unknown", "127.0.0.1:");
    host_keys_that_are_unknown_changed_or_revoked ["A8"] "known_hosts has another key, with strict and accept-new"
        => Shown("host_key_changed", "127.0.0.1:");
    a_host_that_is_known_with_a_key_of_another_type ["A9"] "known_hosts has only an RSA key of the host"
        => Shown("host_key_other_type", "127.0.0.1:");
    host_keys_that_are_unknown_changed_or_revoked ["A10"] "the key is revoked" => Shown("host_key_revoked", "127.0.0.1:");
    hosts_that_do_not_exist ["A13"] "a port on which nothing listens" => Shown("not_there", "connection refused");
    hosts_that_do_not_exist ["A13"] "a name that does not exist" => Shown("not_there", "cannot be resolved");
    hosts_that_do_not_exist ["A15"] "a web server" => Shown("not_there", "is not an SSH server");
    a_server_that_is_full_is_tried_again ["A17"] "MaxStartups 1, and another client takes the only place for a while"
        => Text("0", "retried with growing delays");
    login_shells_that_cannot_be_used ["A21"] "/usr/sbin/nologin" => Shown("shell_nologin", "127.0.0.1:");
    login_shells_that_cannot_be_used ["A21"] "a shell that does not exist" => Shown("shell_no_shell", "hint:");
    a_forced_command_is_not_taken_for_the_runner ["A22"] "command=\"echo FORCED; exit 7\"" => Shown("forced_command", "127.0.0.1:");
    a_forced_command_is_not_taken_for_the_runner ["A22"] "command=\"internal-sftp\"" => Shown("forced_sftp", "127.0.0.1:");
    a_start_up_file_that_takes_the_programs_out_of_path ["A23"] "a start-up file with a PATH without the system's programs"
        => Text("0", "the run can repair it: the system's folders are searched last");
    login_shells_with_noisy_start_up_files ["A23"] "dash, bash, mksh, yash, fish and tcsh, which print, change the directory and more"
        => Text("0", "the same effects under all of them, and none of their output");
    an_invalid_host_is_refused_before_a_connection ["A13"] "invalid addresses" => Shown("wrong_hosts", "error:");
}

const STEPS: &str = "  - { name: Touch, command: touch touched, always: true }\n";

/// Nothing was started, here or there.
pub(crate) fn untouched(world: &World, code: u8) {
    assert!(!world.there("touched").exists());
    assert_eq!(world.journal(), [format!("unreachable {code}"), format!("exit {code}"), format!("exit {code}")]);
}

/// Runs with a key file; the server must not even be asked.
fn with_key(world: &World, key: &Path) -> Printed {
    let started = Instant::now();
    let printed = world.reach(&["run", "p.yaml"]).arg("--key").arg(key).run();
    assert!(started.elapsed() < Duration::from_secs(5), "{printed:?}");
    printed
}

#[test]
fn a_wrong_key_is_tried_once() {
    on_each(|world| {
        world.steps(STEPS);
        let key = world.here("other.pem");
        keygen(&key, "ed25519");
        let printed = with_key(&world, &key).exits(4);
        seen!(world, "wrong_key", printed);
        untouched(&world, 4);
        // Each server starts this line of its log differently.
        assert_eq!(world.server.log().matches("onnection from").count(), 1, "{}", world.server.log());
    });
}

#[test]
fn unusable_keys_are_refused_before_any_connection() {
    let Some(world) = World::new() else { return };
    world.steps(STEPS);
    let file = |name: &str, bytes: &[u8], mode: u32| {
        let path = world.here(name);
        fs::write(&path, bytes).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
        path
    };
    let good = fs::read(world.server.key()).expect("a key");
    let encrypted = world.here("encrypted.pem");
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "secret words", "-f"]).arg(&encrypted).status();
    assert!(made.expect("ssh-keygen starts").success());
    assert!(Command::new("mkfifo").arg(world.here("fifo.pem")).status().expect("mkfifo starts").success());
    let keys = [
        ("open", file("Key pair name.pem", &good, 0o644)),
        ("group", file("group.pem", &good, 0o640)),
        ("missing", world.here("Key pair nam.pem")),
        ("empty", file("empty.pem", b"", 0o600)),
        ("public", file("id.pub", &fs::read(world.server.file("id_ed25519.pub")).expect("a key"), 0o600)),
        ("text", file("notes.pem", b"my notes\n", 0o600)),
        ("torn", file("torn.pem", &good[..good.len() / 2], 0o600)),
        ("encrypted", encrypted),
        ("folder", world.controller.path().to_owned()),
        ("fifo", world.here("fifo.pem")),
        ("zero", Path::new("/dev/zero").to_owned()),
    ];
    let mut all = String::new();
    for (name, key) in keys {
        let printed = with_key(&world, &key).exits(4);
        assert_eq!(printed.stdout, "");
        write!(all, "# {name}\n{}", world.plain(&printed)).expect("a string takes all");
    }
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("keys", all);
    });
    assert!(!world.server.log().contains("Connection from"), "{}", world.server.log());
    assert_eq!(world.runs(), Vec::<String>::new());

    let crlf = String::from_utf8(good).expect("PEM is text").trim_end().replace('\n', "\r\n");
    with_key(&world, &file("crlf.pem", crlf.as_bytes(), 0o600)).exits(0);
}

#[test]
fn a_putty_key_that_was_cut_off_is_named() {
    let Some(puttygen) = crate::support::need("puttygen", "putty-tools") else { return };
    let Some(world) = World::new() else { return };
    world.steps(STEPS);
    let key = world.here("k.ppk");
    let mut convert = Command::new(puttygen);
    convert.arg(world.server.key()).args(["-O", "private", "-o"]).arg(&key);
    assert!(convert.status().expect("puttygen starts").success());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("chmod");
    let whole = fs::read_to_string(&key).expect("a key");
    with_key(&world, &key).exits(0);
    let runs = world.runs();
    for mark in ["Comment:", "Public-Lines:", "Private-Lines:", "Private-MAC:"] {
        let at = whole.find(mark).expect(mark);
        for end in [at, at + mark.len() + 3] {
            fs::write(&key, &whole[..end]).expect("written");
            let said = ["k.ppk is a PuTTY key that is cut off: ", "copy the original .ppk file again"];
            with_key(&world, &key).exits(4).says(&said);
        }
    }
    assert_eq!(world.runs(), runs);
}

#[test]
fn host_keys_that_are_unknown_changed_or_revoked() {
    let two_keys = |options: Options, _: &Path| match options.software {
        Software::OpenSsh => options.host_keys(&["ed25519", "ecdsa"]),
        _ => options,
    };
    on_each_with(two_keys, |world| {
        world.steps(STEPS);
        let known = world.server.known_hosts();
        let right = fs::read_to_string(&known).expect("known_hosts");
        let place = format!("[127.0.0.1]:{}", world.server.port);

        fs::write(&known, "# nothing\n").expect("known_hosts");
        seen!(world, "host_key_unknown", world.run(&[]).exits(5));
        untouched(&world, 5);

        let other = world.here("other");
        keygen(&other, "ed25519");
        let other = fs::read_to_string(other.with_extension("pub")).expect("a key");
        fs::write(&known, format!("# a line\n{place} {other}")).expect("known_hosts");
        host_key(&world, "strict").exits(5);
        seen!(world, "host_key_changed", host_key(&world, "accept-new").exits(5));
        untouched(&world, 5);
        assert!(fs::read_to_string(&known).expect("known_hosts").ends_with(&other), "it is not overridden");

        fs::write(&known, format!("@revoked * {}\n", world.server.host_key("ed25519"))).expect("known_hosts");
        seen!(world, "host_key_revoked", host_key(&world, "accept-new").exits(5));
        untouched(&world, 5);

        fs::write(&known, "").expect("known_hosts");
        let printed = host_key(&world, "accept-new").exits(0);
        assert!(printed.stderr.contains("(added)"), "{printed:?}");
        let added = fs::read_to_string(&known).expect("known_hosts");
        assert!(right.contains(added.trim()) && added.ends_with('\n'), "{added}");
        assert!(world.there("touched").exists());
    });
}

#[test]
fn a_host_that_is_known_with_a_key_of_another_type() {
    let no_dropbear = [(
        Software::Dropbear,
        "it promises an RSA key that it does not have, and dies when it is asked for it (rsa.c:164), by OpenSSH's client too",
    )];
    on_each_but(&no_dropbear, |world| {
        world.steps(STEPS);
        let rsa = world.here("rsa");
        keygen(&rsa, "rsa");
        let rsa = fs::read_to_string(rsa.with_extension("pub")).expect("a key");
        let known = format!("[127.0.0.1]:{} {rsa}", world.server.port);
        fs::write(world.server.known_hosts(), known).expect("known_hosts");
        seen!(world, "host_key_other_type", host_key(&world, "accept-new").exits(5));
        untouched(&world, 5);
    });
}

fn host_key(world: &World, mode: &str) -> Printed {
    let call = world.call(&["run", "p.yaml", "--host-key", mode, "--known-hosts"]).arg(world.server.known_hosts());
    let host = format!("{}@127.0.0.1:{}", world.user, world.server.port);
    call.args(["--host", &host, "--key"]).arg(world.server.key()).run()
}

#[test]
fn hosts_that_do_not_exist() {
    let Some(world) = World::new() else { return };
    world.steps(STEPS);
    let port = free_port();
    // A server of another kind, one that breaks off, and one that is full.
    let speaker = |words: &'static [u8]| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = std::io::Write::write_all(&mut stream, words);
                let _ = stream.shutdown(std::net::Shutdown::Write);
                let _ = stream.read(&mut [0; 256]);
            }
        });
        port
    };
    let http = speaker(b"HTTP/1.1 400 Bad Request\r\nServer: \x1b]0;x\x07\r\n\r\n");
    let mut all = String::new();
    for (name, host) in [
        ("refused", format!("127.0.0.1:{port}")),
        ("no such name", "no-such-host.invalid".to_owned()),
        ("another protocol", format!("127.0.0.1:{http}")),
    ] {
        let call = world.call(&["run", "p.yaml", "--host", &format!("ec2-user@{host}"), "--key"]);
        let printed = call.arg(world.server.key()).exits(3);
        let plain = world.plain(&printed).replace(&port.to_string(), "PORT").replace(&http.to_string(), "PORT");
        // The message of the resolver depends on the system.
        let plain =
            plain.replace("Name or service not known", "WHY").replace("Temporary failure in name resolution", "WHY");
        write!(all, "# {name}\n{plain}").expect("a string takes all");
        assert_eq!(world.journal(), ["unreachable 3", "exit 3", "exit 3"]);
    }
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("not_there", all);
    });
}

#[test]
fn a_server_that_is_full_is_tried_again() {
    let Some(world) = World::with(|options, _| options.line("MaxStartups 1")) else { return };
    world.steps(STEPS);
    // Another client holds the only place, and leaves it once pinboot has been turned away.
    let idle = std::net::TcpStream::connect(("127.0.0.1", world.server.port)).expect("a connection");
    until("it is taken", || !world.server.sessions().is_empty());
    let going = world.start(&[]);
    world.server.wait_log("past MaxStartups");
    drop(idle);
    going.finish().exits(0);
    assert!(world.there("touched").exists());
}

#[test]
fn login_shells_that_cannot_be_used() {
    let Some(()) = mounts() else { return };
    for (name, shell, code) in [("nologin", "/usr/sbin/nologin", 6), ("no_shell", "/bin/no-such-shell", 4)] {
        let Some(world) = user_with(shell, None, "") else { return };
        world.steps(STEPS);
        let printed = world.run(&[]).exits(code);
        seen!(world, format!("shell_{name}"), printed);
        untouched(&world, u8::try_from(code).expect("small"));
    }
}

#[test]
fn a_forced_command_is_not_taken_for_the_runner() {
    let Some(world) = World::new() else { return };
    world.steps(STEPS);
    let public = fs::read_to_string(world.server.file("id_ed25519.pub")).expect("a key");
    let forced = |options: &str| {
        fs::write(world.server.file("authorized_keys"), format!("{options} {public}")).expect("authorized_keys");
        let printed = world.run(&[]).exits(6);
        untouched(&world, 6);
        printed
    };
    seen!(world, "forced_command", forced("command=\"echo FORCED; exit 7\""));
    seen!(world, "forced_silence", forced("command=\"exit 0\""));
    seen!(world, "forced_sftp", forced("command=\"internal-sftp\""));
}

#[test]
fn login_shells_with_noisy_start_up_files() {
    let Some(()) = mounts() else { return };
    for shell in ["dash", "bash", "mksh", "yash", "fish", "tcsh"] {
        let Some(program) = crate::support::need(shell, shell) else { continue };
        let Some(world) = user_with(&program.display().to_string(), None, "") else { return };
        world.steps("  - { name: Touch, command: \"printf %s 'it''s a \\\\ !' >touched\", always: true }\n");
        for file in [".bashrc", ".profile", ".mkshrc", ".yashrc", ".zshenv"] {
            fs::write(world.there(file), "echo noise from the start-up file\necho more >&2\ncd /\n").expect("a file");
        }
        fs::write(world.there(".tcshrc"), "echo noise from the start-up file\ncd /\n").expect("a file");
        fs::create_dir_all(world.there(".config/fish")).expect("a folder");
        fs::write(world.there(".config/fish/config.fish"), "echo noise from the start-up file\ncd /\n")
            .expect("a file");
        let printed = world.run(&[]).exits(0);
        assert!(!printed.stdout.contains("noise") && !printed.stderr.contains("noise"), "{shell}: {printed:?}");
        assert_eq!(world.read("touched"), "its a \\ !", "{shell}");
    }
}

#[test]
fn a_start_up_file_that_takes_the_programs_out_of_path() {
    let Some(()) = mounts() else { return };
    let Some(world) = user_with("/bin/bash", None, "") else { return };
    world.steps("  - { name: Repair, command: rm -f .bashrc && touch .bashrc repaired, creates: repaired }\n");
    for path in ["/nowhere", "$PATHS:~/kafka/bin"] {
        fs::write(world.there(".bashrc"), format!("export PATH='{path}'\n")).expect("a file");
        let _ = fs::remove_file(world.there("repaired"));
        world.run(&[]).exits(0);
        assert_eq!(world.read(".bashrc"), "", "{path}");
        world.run(&[]).exits(0).says(&["1 unchanged"]);
    }
}

#[test]
fn an_invalid_host_is_refused_before_a_connection() {
    let Some(world) = World::new() else { return };
    world.steps(STEPS);
    let mut all = String::new();
    for host in ["user@", "a b", "host:port", "host:99999", "-oProxyCommand=x", "a\nb"] {
        let printed = world.call(&["run", "p.yaml", &format!("--host={host}"), "--key"]).arg(world.server.key()).run();
        write!(all, "# {host:?}\n{}", general(&world.plain(&printed))).expect("a string takes all");
        assert_eq!(printed.code, Some(2), "{host:?}: {printed:?}");
    }
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("wrong_hosts", all);
    });
    assert_eq!(world.runs(), Vec::<String>::new());
}
