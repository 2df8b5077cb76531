//! Root by a password for sudo, and by doas, on a host with the real programs.

use pinboot::plan::SUDO_PASSWORD;
use pinboot::secret::Secret;

use super::heard::Heard;
use super::hostile::Hostile;
use crate::support::need;

/// It has what a shell, a here-document or a frame could stumble over.
const PASSWORD: &str = "it's a \"pass\" $word \\ `x`";

/// Lets the login user use sudo with a password, which is asked for each time.
const SETUP: &str = r#"
    printf '%s\n' "login:$1" | chpasswd
    printf 'Defaults timestamp_timeout=0\nDefaults logfile=/var/log/sudo-of-the-test\nlogin ALL=(ALL) ALL\n' > /etc/sudoers.d/login
"#;

/// What is done as root and as another user, and what looks for the password meanwhile, in every place where it could be.
const STEPS: &str = r#"
  - name: As root
    script: |
      id -u > /srv/who
      cat > /srv/rest
      printf '%s%s' 'pass" $' wor > /srv/pattern
      sleep 1 & 
      for process in /proc/[0-9]*; do
        for file in cmdline environ; do
          ! { tr '\0' '\n' < $process/$file; } 2> /dev/null | grep -qF -f /srv/pattern || echo "found in $process/$file" >> /srv/found
        done
      done
      ! grep -rlsF -f /srv/pattern /home/login /dev/shm /run /tmp /var/log >> /srv/found
    sudo: true
    always: true
  - name: As alice
    script: id -un > ~/who
    run_as: alice
    always: true
  - name: The file of root
    file: { path: /etc/of-root, content: "x\n" }
    sudo: true
"#;

fn play(host: &mut Hostile, steps: &str, password: Option<&str>) -> Heard {
    let secrets: Vec<_> =
        password.map(|password| (SUDO_PASSWORD.to_owned(), Secret::new(password))).into_iter().collect();
    host.play_with(steps, secrets)
}

fn outcomes(heard: &Heard) -> Vec<&str> {
    heard.steps.iter().map(|step| step.outcome.as_str()).collect()
}

#[test]
fn a_password_for_sudo_makes_root_and_is_seen_nowhere() {
    let Some(mut host) = Hostile::new() else { return };
    host.root.run("/bin/sh", &["-ec", SETUP, "sh", PASSWORD]);
    let heard = play(&mut host, STEPS, Some(PASSWORD));
    assert_eq!(outcomes(&heard), ["changed", "changed", "changed"], "{heard:#?}");
    let read = |host: &Hostile, path: &str| host.root.run("/bin/sh", &["-c", &format!("cat {path} 2> /dev/null || :")]);
    assert_eq!((read(&host, "/srv/who").as_str(), read(&host, "/srv/rest").as_str()), ("0\n", ""));
    assert_eq!((read(&host, "/home/alice/who").as_str(), read(&host, "/srv/found").as_str()), ("alice\n", ""));
    // What root does is ended through sudo too.
    let waits = "  - { name: Waits, script: 'echo $$ > /srv/pid; sleep 600', sudo: true, timeout: 1s, always: true }\n";
    let heard = play(&mut host, waits, Some(PASSWORD));
    assert_eq!(outcomes(&heard), ["failed: timeout"], "{heard:#?}");
    host.root.run("/bin/sh", &["-ec", "! kill -0 \"$(cat /srv/pid)\" 2> /dev/null"]);
    // A sudo that asks for none takes nothing of what is sent to it.
    host.root.run("/bin/sh", &["-ec", "echo 'login ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/login; rm /srv/who"]);
    let heard = play(&mut host, STEPS, Some(PASSWORD));
    assert_eq!(outcomes(&heard), ["changed", "changed", "unchanged"], "{heard:#?}");
    assert_eq!((read(&host, "/srv/who").as_str(), read(&host, "/srv/found").as_str()), ("0\n", ""));
}

#[test]
fn a_wrong_password_is_tried_once_before_any_step() {
    let Some(mut host) = Hostile::new() else { return };
    host.root.run("/bin/sh", &["-ec", SETUP, "sh", PASSWORD]);
    let heard = play(&mut host, STEPS, Some("another one"));
    assert_eq!(heard.unfit.as_deref(), Some("Sudo(StepId(1), WrongPassword)"), "{heard:#?}");
    let log = host.root.run("/bin/cat", &["/var/log/sudo-of-the-test"]);
    assert_eq!(log.matches("incorrect password attempt").count(), 1, "{log}");
    assert!(log.contains("1 incorrect password attempt"), "{log}");
    let heard = play(&mut host, STEPS, None);
    assert!(heard.unfit.as_deref().is_some_and(|why| why.contains("a password is required")), "{heard:#?}");
    host.root.run("/bin/sh", &["-ec", "[ ! -e /srv/who ]"]);
}

#[test]
fn doas_makes_root_where_there_is_no_sudo() {
    if need("doas", "opendoas").is_none() {
        return;
    }
    let Some(mut host) = Hostile::new() else { return };
    host.root.run(
        "/bin/sh",
        &["-ec", "rm -f /usr/bin/sudo; echo 'permit nopass login' > /etc/doas.conf; chmod 400 /etc/doas.conf"],
    );
    // A password is for sudo alone.
    for password in [None, Some(PASSWORD)] {
        let heard = play(&mut host, STEPS, password);
        assert_eq!(heard.steps[0].outcome, "changed", "{heard:#?}");
        assert_eq!(heard.steps[1].outcome, "changed", "{heard:#?}");
        let who = host.root.run("/bin/sh", &["-c", "cat /srv/who /home/alice/who; rm /srv/who /home/alice/who"]);
        assert_eq!(who, "0\nalice\n");
    }
    host.root.run("/bin/sh", &["-ec", "echo 'permit login' > /etc/doas.conf"]);
    let heard = play(&mut host, STEPS, None);
    assert!(heard.unfit.as_deref().is_some_and(|why| why.starts_with("Sudo(StepId(1), Error(\"doas: ")), "{heard:#?}");
}
