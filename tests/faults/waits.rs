//! Waits that would have no end, and hosts that say something else than pinboot: each ends soon, and with the host's own words.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::running::{HELD, held, release};
use super::world::{Printed, Started, World, seen, until, user_with};
use crate::support::mounts;
use crate::support::sshd::{Options, Software};

cases! {
    a_login_that_never_runs_the_command_ends ["H18"] "`sleep` in the login user's .bashrc; PINBOOT_START_TIMEOUT=4"
        => Shown("start_timeout", "did not run the command");
    a_login_that_reads_standard_input_gets_the_plan_all_the_same ["H18"]
        "start-up files of bash, fish and tcsh read a line of standard input, or all of it; plans over 120 kB, and secrets"
        => Shown("input_read", "the login read");
    a_login_that_reads_standard_input_on_a_server_that_takes_short_commands ["H18"]
        "the same on dropbear, which takes every plan over standard input" => Text("0", "the plan goes in short pieces");
    a_forced_command_that_names_another_user_is_heard ["W20"]
        "command=\"echo 'Please login as the user …'; sleep 10; exit 142\", as EC2's images have it for root"
        => Shown("forced_other_user", "Please login as");
    what_a_host_shows_before_the_login_is_in_the_message ["W20"]
        "`Banner` in sshd_config, and a forced command that prints something else, waits, or names another user"
        => Shown("banner", "before the login the host showed");
    a_user_name_may_hold_an_at_sign ["W20"] "`user: joe@corp.example`" => Text("0", "the login is that of `ssh -l`");
    algorithms_of_openssh_are_enough ["W21"]
        "KexAlgorithms ecdh-sha2-nistp256, -nistp384, -nistp521; Ciphers aes128-ctr, aes192-ctr, aes256-ctr"
        => Text("0", "pinboot connects, as OpenSSH's client does");
    a_short_rsa_key_is_refused_or_warned_about ["W21"] "RSA keys of 768 and 1024 bits" => Shown("short_rsa", "768 bits");
    the_last_run_is_the_one_that_goes_on ["W25"] "a run goes on; another one is refused, and a third one, with --check, as well"
        => Text("0", "`show`, `rerun` and `cancel` without a name take the run that goes on");
    a_check_is_not_the_last_run ["W25"] "a run that failed, then a run with --check that ended well"
        => Text("1", "`rerun` resumes the run that failed");
    what_is_not_reached_is_counted_and_named ["W28"] "two hosts, of which one cannot be reached"
        => Shown("unreachable_named", "2 hosts");
    an_allowed_failure_says_why ["W28"] "a step fails, and may" => Shown("allowed_failure", "(allowed)");
}

const TOUCH: &str = "  - { name: Touch, command: touch touched, always: true }\n";

#[test]
fn a_login_that_never_runs_the_command_ends() {
    let Some(()) = mounts() else { return };
    let Some(world) = user_with("/bin/bash", None, "") else { return };
    world.steps(TOUCH);
    fs::write(world.there(".bashrc"), "sleep 30\n").expect("a file");
    let started = Instant::now();
    let printed = world.run_call(&[]).env("PINBOOT_START_TIMEOUT", "4").run().exits(6);
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert!(!printed.stderr.contains("continues on the host"), "{printed:?}");
    // What is waited for was said before it was given up.
    assert!(printed.stderr.contains("logged in; the host has not run the command"), "{printed:?}");
    seen!(world, "start_timeout", printed);
    assert!(!world.there("touched").exists());
}

#[test]
fn a_login_that_reads_standard_input_gets_the_plan_all_the_same() {
    let Some(()) = mounts() else { return };
    let long = "0123456789abcde\n".repeat(12_000);
    let steps = format!(
        "secrets: [token]\nvars: {{ token: none-given }}\nsteps:\n  \
         - {{ name: Uses it, script: 'printf %s {{{{ token }}}} >token', always: true }}\n  \
         - name: Long\n    file: {{ path: ~/long, content: \"{}\" }}\n",
        long.replace('\n', "\\n")
    );
    for (shell, file, eats_a_line, eats_all) in [
        ("bash", ".bashrc", "read x", "cat >/dev/null"),
        ("fish", ".config/fish/config.fish", "head -n 1 >/dev/null", "cat >/dev/null"),
        ("tcsh", ".tcshrc", "set x = \"$<\"", "cat >/dev/null"),
    ] {
        let Some(program) = crate::support::need(shell, shell) else { continue };
        let Some(world) = user_with(&program.display().to_string(), None, "") else { return };
        let file = world.there(file);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        let without_secret = steps.replace("secrets: [token]\n", "");
        // What is eaten, the playbook, and the exit code: secrets have no other way than standard input.
        for (eats, text, code) in [
            (eats_a_line, &steps, 0),
            (eats_all, &without_secret, 0),
            (eats_a_line, &without_secret, 0),
            (eats_all, &steps, 6),
        ] {
            world.playbook(&format!("name: A test\n{text}"));
            fs::write(&file, format!("{eats}\n")).expect("a file");
            let _ = fs::remove_file(world.there("long"));
            let printed = world.run_call(&[]).args(["-e", "token=a-secret-word"]).run().exits(code);
            let printed = printed.says(&["the login read what was sent", "start-up file"]);
            assert!(!printed.shown().contains("following"), "{shell}, {eats}: {printed:?}");
            if code == 0 {
                assert_eq!(world.read("long"), long, "{shell}, {eats}");
                assert_eq!(world.read("token"), "a-secret-word");
            } else if shell == "bash" {
                seen!(world, "input_read", printed);
            }
            let left = fs::read_dir(world.there(".pinboot")).expect("the record").flatten();
            let left: Vec<_> = left
                .map(|entry| entry.file_name())
                .filter(|name| name.as_encoded_bytes().starts_with(b"piece"))
                .collect();
            assert!(left.is_empty(), "{left:?}");
        }
    }
}

#[test]
fn a_login_that_reads_standard_input_on_a_server_that_takes_short_commands() {
    let Some(world) = World::on(Software::Dropbear, |options, _| options) else { return };
    world.steps(TOUCH);
    let public = fs::read_to_string(world.server.file("id_ed25519.pub")).expect("a key");
    let eats = world.here("eats");
    fs::write(&eats, "cat >/dev/null\nexec sh -c \"$SSH_ORIGINAL_COMMAND\"\n").expect("a file");
    let forced = format!("command=\"sh {}\"", eats.display());
    fs::write(world.server.file("authorized_keys"), format!("{forced} {public}")).expect("authorized_keys");
    let printed = world.run(&[]).exits(0).says(&["the login read what was sent"]);
    assert!(!printed.shown().contains("following"), "{printed:?}");
    assert!(world.there("touched").exists());
}

/// Runs with these words before the key in authorized_keys.
fn forced(world: &World, options: &str) -> Printed {
    let public = fs::read_to_string(world.server.file("id_ed25519.pub")).expect("a key");
    fs::write(world.server.file("authorized_keys"), format!("{options} {public}")).expect("authorized_keys");
    world.run(&[])
}

#[test]
fn a_forced_command_that_names_another_user_is_heard() {
    for sink in ["", " >&2"] {
        let Some(world) = World::new() else { return };
        world.steps(TOUCH);
        let sentence = r#"Please login as the user \"ec2-user\" rather than the user \"root\"."#;
        let options = format!("command=\"echo '{sentence}'{sink};echo{sink};sleep 10;exit 142\"");
        let started = Instant::now();
        let printed = forced(&world, &options).exits(4);
        assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
        assert_eq!(world.logins(), 1);
        let printed = printed.says(&["Please login as the user", "`user: ec2-user`"]);
        if sink.is_empty() {
            seen!(world, "forced_other_user", printed);
        }
        super::connect::untouched(&world, 4);
    }
}

#[test]
fn what_a_host_shows_before_the_login_is_in_the_message() {
    let banner = tempfile::NamedTempFile::new().expect("a file");
    fs::write(banner.path(), "Reserved for\ntests.\n").expect("written");
    let with_banner = |mut options: Options, _: &Path| {
        options.config.push(format!("Banner {}", banner.path().display()));
        options
    };
    let Some(world) = World::with(with_banner) else { return };
    world.steps(TOUCH);
    let shown = "before the login the host showed “Reserved for tests.”";
    let printed = forced(&world, r#"command="echo FORCED""#).exits(6).says(&["it printed: FORCED; ", shown]);
    seen!(world, "banner", printed);
    forced(&world, r#"command="true""#).exits(6).says(&["it printed nothing; ", shown]);
    let user = r#"command="echo 'Please login as the user \"ec2-user\".'""#;
    forced(&world, user).exits(4).says(&["says “Please login as the user \"ec2-user\".”; ", shown, "`user: ec2-user`"]);
    let public = fs::read_to_string(world.server.file("id_ed25519.pub")).expect("a key");
    let waits = format!(r#"command="echo Hold on; sleep 30" {public}"#);
    fs::write(world.server.file("authorized_keys"), waits).expect("authorized_keys");
    let waited = world.run_call(&[]).env("PINBOOT_START_TIMEOUT", "2").run().exits(6);
    waited.says(&["did not run the command in 2 s; it printed: Hold on; ", shown]);
    // Where nothing runs, a banner says who may log in; where the command runs, it says nothing.
    fs::write(banner.path(), "Please login as the ubuntu user.\n").expect("written");
    forced(&world, r#"command="echo no""#).exits(4).says(&["it says “no”; ", "the ubuntu user.”", "`user: ubuntu`"]);
    forced(&world, "").exits(0);
}

#[test]
fn a_user_name_may_hold_an_at_sign() {
    let Some(()) = mounts() else { return };
    let rename = "for file in /etc/passwd /etc/shadow; do new=$(sed 's/^visitor:/joe@corp.example:/' $file); \
                  printf '%s\\n' \"$new\" >$file; done";
    let Some(mut world) = user_with("/bin/sh", None, rename) else { return };
    "joe@corp.example".clone_into(&mut world.user);
    world.steps(TOUCH);
    world.run(&[]).exits(0);
    world.playbook(&format!(
        "name: A test\nhosts: {{ h: {{ address: 127.0.0.1, port: {}, user: joe@corp.example }} }}\nsteps:\n{TOUCH}",
        world.server.port
    ));
    let call = world.call(&["run", "p.yaml", "--known-hosts"]).arg(world.server.known_hosts());
    call.arg("--key").arg(world.server.key()).run().exits(0).says(&["joe@corp.example@127.0.0.1"]);
    assert!(world.there("touched").exists());
}

#[test]
fn algorithms_of_openssh_are_enough() {
    let kex = ["ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521", "diffie-hellman-group16-sha512"];
    let ciphers = ["aes128-ctr", "aes192-ctr", "aes256-ctr"];
    let lines = kex.map(|name| format!("KexAlgorithms {name}"));
    for line in lines.into_iter().chain(ciphers.map(|name| format!("Ciphers {name}"))) {
        let Some(world) = World::with(|options, _| options.line(&line)) else { return };
        world.steps(TOUCH);
        world.run(&[]).exits(0);
        assert!(world.there("touched").exists(), "{line}");
    }
}

#[test]
fn a_short_rsa_key_is_refused_or_warned_about() {
    let Some(openssl) = crate::support::need("openssl", "openssl") else { return };
    let Some(world) = World::new() else { return };
    world.steps(TOUCH);
    for (bits, code, words) in [("768", 4, "which can be broken"), ("1024", 4, "which is short")] {
        let key = world.here(&format!("rsa{bits}"));
        let made =
            std::process::Command::new(&openssl).args(["genrsa", "-traditional", "-out"]).arg(&key).arg(bits).output();
        assert!(made.expect("openssl").status.success());
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("chmod");
        let printed = world.reach(&["run", "p.yaml"]).arg("--key").arg(&key).run().exits(code).says(&[words]);
        if bits == "768" {
            seen!(world, "short_rsa", printed);
            assert_eq!(world.logins(), 0);
        }
    }
}

#[test]
fn the_last_run_is_the_one_that_goes_on() {
    let Some(world) = World::new() else { return };
    world.steps(HELD);
    let going = world.start(&[]);
    held(&world);
    let run = world.runs().pop().expect("a run");
    world.run(&[]).exits(9);
    world.run(&["--check"]).exits(9);
    assert_eq!(world.runs().len(), 3);
    let named = format!("run {run}");
    world.pinboot(&["show"]).exits(0).says(&[&named, "taking run"]);
    world.pinboot(&["rerun"]).exits(9).says(&[&format!("another pinboot is executing {named}")]);
    // Its controller is killed: the run goes on all the same.
    going.kill();
    world.pinboot(&["show"]).exits(0).says(&[&named]);
    let mut followed = Started::start(world.call(&["rerun"]));
    followed.wait_for("following");
    world.pinboot(&["cancel", "--after-step"]).exits(0).says(&[&named]);
    release(&world);
    followed.finish().exits(130);
    until("the run ends at the host", || {
        fs::read_to_string(world.there(&format!(".pinboot/runs/{run}/end"))).is_ok_and(|end| end.trim() == "stopped")
    });
}

#[test]
fn a_check_is_not_the_last_run() {
    let Some(world) = World::new() else { return };
    let steps = "  - { name: Once, command: 'echo x >>count', creates: ~/count }\n  - { name: Fails, command: 'test -e fixed' }\n";
    world.steps(steps);
    world.run(&[]).exits(1);
    let run = world.runs().pop().expect("a run");
    world.run(&["--check"]).exits(0);
    world.pinboot(&["rerun"]).exits(1).says(&["taking run", &format!("resuming run {run}"), "was only a check"]);
    world.run(&["--check"]).exits(0);
    let check = world.runs().pop().expect("a run");
    world.pinboot(&["rerun", &check]).exits(0).says(&["was a check, which changed nothing"]);
    // Another machine asks the host for its last run.
    let address = format!("{}@127.0.0.1:{}", world.user, world.server.port);
    let attach = world.call(&["attach", &address, "--key"]).arg(world.server.key());
    let attach =
        attach.arg("--known-hosts").arg(world.server.known_hosts()).env("PINBOOT_STATE_DIR", world.here("other"));
    attach.run().exits(1).says(&["Fails"].map(|_| "failed"));
}

#[test]
fn what_is_not_reached_is_counted_and_named() {
    let Some(world) = World::new() else { return };
    let free = crate::support::sshd::free_port();
    world.playbook(&format!(
        "name: A test\nhosts:\n  there: {{ address: 127.0.0.1, port: {}, user: {user} }}\n  \
         gone: {{ address: 127.0.0.1, port: {free}, user: {user} }}\nsteps:\n  \
         - {{ name: Fails, command: 'false', always: true }}\n{TOUCH}",
        world.server.port,
        user = world.user
    ));
    let call = || {
        let call = world.call(&["run", "p.yaml", "--known-hosts"]).arg(world.server.known_hosts());
        call.arg("--key").arg(world.server.key())
    };
    let printed = call().run().exits(1);
    let printed = printed.says(&["1 host unreachable (gone)", "3 not started", "2 hosts, 4 steps"]);
    let text = world.plain(&printed).replace(&free.to_string(), "OTHER");
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("unreachable_named", text);
    });
    let printed = call().args(["--json"]).run().exits(1);
    assert!(printed.stdout.contains("\"not_started\":3,\"unreachable\":1"), "{printed:?}");
}

#[test]
fn an_allowed_failure_says_why() {
    let Some(world) = World::new() else { return };
    world.steps(
        "  - { name: May fail, script: 'echo one; echo the reason >&2; exit 3', always: true, allow_failure: true }\n",
    );
    let printed = world.run(&[]).exits(0).says(&["(allowed)   exit status 3", "the reason"]);
    seen!(world, "allowed_failure", printed);
}
