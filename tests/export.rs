//! `pinboot export`: the script, under the shells that hosts have, and user data, played as cloud-init plays it. What they leave on
//! a host is what a run leaves.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use data_encoding::BASE64;
use pinboot::node::{Node, Value, parse};
use pinboot::rehearse::{ChangedPath, RehearsalHost};
use pinboot::remote::is_own_path;
use pinboot::source::Sources;

use crate::command::{Call, Printed, ended};
use crate::faults::world::until;
use crate::parallel::in_parallel;
use crate::rehearse_cli::{is_possible, pinboot, repository, world_of};

/// A playbook with much of the language in it; it changes nothing outside of the home.
const MANY: &str = r#"
name: "Many things, \"quoted\" and $(touch pwned)"
vars: { word: tops3cretword }
secrets: [word]
hosts: { "h one": { address: 127.0.0.1 } }
steps:
  - { name: "Make 'it' `x`; $(touch pwned)", id: conf, file: { path: ~/conf/a.txt, content: "hello {{ host.home }}\n" } }
  - { name: Handler, command: touch handled, when_changed: conf }
  - { name: Read it, command: cat ~/conf/a.txt, register: got, changes: false }
  - { name: Write it, file: { path: ~/conf/b.txt, content: "{{ got }}!\n" } }
  - { name: Export, export: { GREETING: hallo } }
  - { name: Use it, script: 'printf "%s %s %s" "$GREETING" "$A" "${PWD##*/}" > ~/used', env: { A: b }, cwd: ~/conf, creates: ~/used }
  - { name: Secret, file: { path: ~/conf/secret, content: "{{ word }}\n" } }
  - { name: May fail, script: 'echo {{ word }}; exit 3', allow_failure: true, always: true }
  - { name: Elsewhere, command: touch never, creates: ~/never, when: host.os == "nonsense" }
  - name: A group
    only_if: test -e ~/conf
    steps: [{ name: Inside, command: touch inside, creates: ~/inside }]
  - name: No group
    only_if: test -e ~/nowhere
    steps: [{ name: Outside, command: touch outside, creates: ~/outside }]
  - { name: Tries, script: 'echo x >> tries; [ $(wc -l < tries) -ge 2 ]', retries: 2, delay: 1s, unless: '[ -e tries ] && [ $(wc -l < tries) -ge 2 ]' }
  - { name: Loop, loop: [a, b], command: 'touch loop-{{ item }}', creates: '~/loop-{{ item }}' }
  - { name: Large, file: { path: ~/large, src: large } }
  - { name: Button, manual: { text: Press the button, check: test -e ~/done } }
"#;

/// A folder with a playbook, and a home.
struct Place(tempfile::TempDir);

impl Place {
    fn new(playbook: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("p.yaml"), playbook).expect("written");
        // Bytes that are not text, more than a program has in its text.
        let large: Vec<u8> = (0..40_000_u32).map(|n| u8::try_from(n * n % 251).expect("a byte")).collect();
        fs::write(folder.path().join("large"), large).expect("written");
        fs::create_dir(folder.path().join("home")).expect("a home");
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn export(&self, more: &[&str]) -> Call {
        Call::new(self.0.path()).args(["export", "p.yaml"]).args(more)
    }

    /// Writes the script `s.sh`.
    fn script(&self, more: &[&str]) -> &Self {
        self.export(&[&["--as", "sh", "-o", "s.sh", "--force"], more].concat()).exits(0);
        self
    }

    fn command(&self, shell: &str, more: &[&str]) -> Command {
        let mut words = shell.split(' ');
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).arg("s.sh").args(more).current_dir(self.0.path()).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", self.path("home")).stdin(Stdio::null());
        command
    }

    /// Runs the script with the secret in its environment.
    fn run(&self, shell: &str, more: &[&str], code: i32) -> Printed {
        let printed = Printed::of(&output(self.command(shell, more).env("PINBOOT_SECRET_word", "tops3cretword")));
        assert_eq!(printed.code, Some(code), "{shell} {more:?}:\n{}{}", printed.stdout, printed.stderr);
        printed
    }

    /// The names below the home, without the record.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path("home"))
            .expect("the home")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect();
        names.sort();
        names
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path("home").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

fn output(command: &mut Command) -> Output {
    ended(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the shell starts"))
}

/// The shells of hosts that are here.
fn shells() -> Vec<&'static str> {
    let all = ["dash", "bash", "busybox sh", "mksh", "yash"];
    let count = if std::env::var_os("PINBOOT_TEST_ALL").is_some_and(|all| all == "1") { 5 } else { 3 };
    let found = all[..count].iter().copied();
    let found: Vec<&str> = found
        .filter(|shell| {
            crate::support::need(shell.split(' ').next().unwrap_or_default(), "dash busybox-static mksh yash").is_some()
        })
        .collect();
    assert!(!found.is_empty(), "no shell");
    found
}

#[test]
fn a_script_does_what_a_run_does_and_nothing_the_second_time() {
    for shell in shells() {
        let place = Place::new(MANY);
        place.script(&[]);
        let check = place.run(shell, &["--check"], 0);
        check.says(&["check mode", "would change", "+hello ", "10 would change"]);
        assert_eq!(place.names(), [".pinboot"], "{shell}: a check changes nothing");
        let first = place.run(shell, &[], 0);
        first.says(&[
            "  1 Make 'it' `x`; $(touch pwned)    changed\n",
            "  2 Handler                          changed\n",
            "  8 May fail                         failed       (allowed) exit status 3\n",
            "  9 Elsewhere                        skipped\n",
            " 11 Outside                          skipped      only_if of the group No group\n",
            "Tries: exit status 1, starting attempt 2",
            "13.2 Loop (b)                         changed\n",
            " 15 Button                           manual\n      Press the button\n",
            "16 steps: 11 changed, 1 unchanged, 1 manual, 2 skipped, 1 failed (1 allowed)\n",
        ]);
        assert_eq!(place.read("used"), "hallo b conf");
        assert_eq!(place.read("conf/b.txt"), format!("hello {}!\n", place.path("home").display()));
        assert_eq!(place.read("conf/secret"), "tops3cretword\n");
        assert_eq!(fs::read(place.path("home/large")).expect("it"), fs::read(place.path("large")).expect("it"));
        assert_eq!(fs::metadata(place.path("home/conf/secret")).expect("it").permissions().mode() & 0o777, 0o600);
        let names = place.names();
        assert!(names.iter().all(|name| name != "outside" && name != "never" && name != "pwned"), "{names:?}");
        let second = place.run(shell, &["-v"], 0);
        let second = second.says(&[
            "  2 Handler                          skipped\n",
            "11 unchanged, 1 manual, 3 skipped, 1 failed (1 allowed)\n",
        ]);
        // What a step prints is shown, and a secret in it is not.
        let second = second.says(&["      ***\n"]);
        assert!(!second.stdout.contains("tops3cretword"), "{}", second.stdout);
        assert_eq!(
            fs::read_dir(place.path("home/.pinboot/runs")).expect("it").count(),
            0,
            "{shell}: no folder is left"
        );
        // What is done again is done by the script as well.
        fs::remove_file(place.path("home/inside")).expect("removed");
        place.run(shell, &[], 0).says(&[" 10 Inside                           changed\n", ": 1 changed, "]);
    }
}

#[test]
fn the_shortened_script_does_the_same() {
    let place = Place::new(&MANY.replace("address: 127.0.0.1", "address: 127.0.0.1, user: joe"));
    let data = place.export(&["--as", "cloud-init", "--include-secrets", "-o", "u.yaml", "--max-bytes", "120000"]);
    data.exits(0).says(&["the script in it is shortened"]);
    let (script, call) = played(&fs::read_to_string(place.path("u.yaml")).expect("the document"));
    assert_eq!(call, ["/bin/sh", "/var/lib/pinboot/first-boot.sh", "--user=joe"]);
    fs::write(place.path("s.sh"), script).expect("written");
    for shell in shells() {
        let printed = Printed::of(&output(&mut place.command(shell, &[])));
        assert_eq!(printed.code, Some(0), "{shell}: {}{}", printed.stdout, printed.stderr);
        printed.says(&["note: the playbook logs in as joe", "1 manual, "]);
    }
    assert_eq!(place.read("conf/secret"), "tops3cretword\n");
}

#[test]
fn a_failing_step_ends_the_script_and_the_handler_is_not_forgotten() {
    let place = Place::new(
        "hosts: { h: { address: h } }\nsteps:\n\
         \x20 - { name: Conf, id: conf, file: { path: ~/conf, content: 'x' } }\n\
         \x20 - { name: Fails, script: 'echo why it is; test -e ~/fixed', unless: test -e ~/fixed }\n\
         \x20 - { name: Handler, command: touch handled, when_changed: conf }\n",
    );
    place.script(&[]);
    for shell in shells() {
        let _ = fs::remove_dir_all(place.path("home"));
        fs::create_dir(place.path("home")).expect("a home");
        place.run(shell, &[], 1).says(&[
            "  2 Fails                            failed       exit status 1\n      why it is\n",
            "3 steps: 1 changed, 1 failed, 1 not started\n",
        ]);
        fs::write(place.path("home/fixed"), "").expect("written");
        place
            .run(shell, &[], 0)
            .says(&["changed      for a change of an earlier run\n", "1 changed, 2 unchanged, 0 failed"]);
        place.run(shell, &[], 0).says(&["2 unchanged, 1 skipped, 0 failed"]);
    }
}

/// Starts the script, and waits until its step has started.
fn started(place: &Place, shell: &str) -> Child {
    let _ = fs::remove_file(place.path("home/started"));
    let child = place.command(shell, &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    until("the step has started", || place.path("home/started").exists());
    child
}

#[test]
fn an_interrupted_script_ends_its_step_and_the_next_one_does_the_rest() {
    let place = Place::new(
        "hosts: { h: { address: h } }\nsteps:\n\
         \x20 - { name: Sleeps, script: 'echo $$ > started; exec sleep 600', creates: ~/ended }\n\
         \x20 - { name: Last, command: touch last, creates: ~/last }\n",
    );
    place.script(&[]);
    for shell in shells() {
        let _ = fs::remove_file(place.path("home/ended"));
        let _ = fs::remove_file(place.path("home/last"));
        for (signal, code) in [(rustix::process::Signal::INT, 130), (rustix::process::Signal::TERM, 143)] {
            let child = started(&place, shell);
            // A second one finds the host taken.
            place.run(shell, &[], 9).says(&["another run has this host"]);
            let pid = rustix::process::Pid::from_child(&child);
            let step = place.read("started");
            rustix::process::kill_process(pid, signal).expect("it is there");
            let printed = Printed::of(&ended(child));
            assert_eq!(printed.code, Some(code), "{shell}: {}{}", printed.stdout, printed.stderr);
            printed.says(&["failed       stopped\n", "1 failed, 1 not started\n"]);
            assert!(!Path::new("/proc").join(step.trim()).exists(), "{shell}: the step lives on");
        }
        // A script that was killed leaves its folder, which the next one removes.
        let mut child = started(&place, shell);
        let step = place.read("started");
        child.kill().and_then(|()| child.wait()).expect("it ends");
        let step = rustix::process::Pid::from_raw(step.trim().parse().expect("a number")).expect("a process");
        let _ = rustix::process::kill_process(step, rustix::process::Signal::KILL);
        fs::write(place.path("home/ended"), "").expect("written");
        until("nothing of it lives", || {
            let printed = Printed::of(&output(&mut place.command(shell, &[])));
            printed.code != Some(9)
        });
        assert!(place.path("home/last").exists(), "{shell}");
        assert_eq!(fs::read_dir(place.path("home/.pinboot/runs")).expect("it").count(), 0, "{shell}");
    }
}

#[test]
fn a_secret_is_in_no_script_unless_it_is_wanted_there() {
    let place = Place::new(MANY);
    place.script(&[]);
    let text = fs::read(place.path("s.sh")).expect("the script");
    assert!(!String::from_utf8_lossy(&text).contains("tops3cretword"));
    // Without a terminal and a value nothing is started.
    let mut command = Command::new("setsid");
    command.args(["-w", "sh", "s.sh"]).current_dir(place.0.path()).env("HOME", place.path("home")).stdin(Stdio::null());
    let printed = Printed::of(&output(&mut command));
    assert_eq!(printed.code, Some(2), "{}", printed.stdout);
    printed.says(&["set PINBOOT_SECRET_word"]);
    // It is written only into a file of the user alone.
    place.export(&["--as", "sh", "--include-secrets"]).exits(2).says(&["--include-secrets needs -o FILE"]);
    place
        .export(&["--as", "cloud-init", "--user", "joe"])
        .exits(2)
        .says(&["the secret `word` would stand in the user data"]);
    place.export(&["--as", "sh", "--include-secrets", "-o", "secret.sh"]).exits(0);
    assert_eq!(fs::metadata(place.path("secret.sh")).expect("it").permissions().mode() & 0o777, 0o600);
    // Nothing that is there is replaced without a word.
    place.export(&["--as", "sh", "-o", "secret.sh"]).exits(2).says(&["secret.sh exists", "--force"]);
    fs::rename(place.path("secret.sh"), place.path("s.sh")).expect("renamed");
    let printed = Printed::of(&output(&mut place.command("sh", &[])));
    assert_eq!(printed.code, Some(0), "{}{}", printed.stdout, printed.stderr);
    assert_eq!(place.read("conf/secret"), "tops3cretword\n");
    // What is made of a secret cannot be asked for.
    let made = Place::new(&MANY.replace("\"{{ word }}\\n\"", "\"{{ word | b64encode }}\\n\""));
    made.export(&["--as", "sh"]).exits(2).says(&["what the playbook makes of a secret cannot be made by a script"]);
}

#[test]
fn what_cannot_be_exported_is_refused_at_its_place() {
    let steps = "steps:\n  - { name: Again, reboot: now, only_if: 'false' }\n  - { name: Wait, manual: { text: x, check: 'true', wait: true } }\n";
    let place = Place::new(&format!("hosts: {{ a: {{ address: a, user: u }}, b: {{ address: b }} }}\n{steps}"));
    place.export(&["--as", "sh"]).exits(2).says(&["the playbook has 2 hosts", "choose one with --host: a, b"]);
    place.export(&["--as", "sh", "--host", "zebra"]).exits(2).says(&["the playbook has no host `zebra`", "a, b"]);
    place
        .export(&["--as", "sh", "--host", "a"])
        .exits(2)
        .says(&["p.yaml:3:", "does not continue after the host has rebooted"]);
    place
        .export(&["--as", "sh", "--host", "a", "--only", "Wait"])
        .exits(0)
        .says(&["pinboot export: p.yaml (\"p.yaml\") for the host a"]);
    let waits = place.export(&["--as", "cloud-init", "--host", "a", "--only", "Wait"]);
    waits.exits(2).says(&["p.yaml:4:", "waits for a person"]);
    // It is not said who logs in.
    place.export(&["--as", "cloud-init", "--host", "b", "--only", "Again"]).exits(2);
    fs::write(
        place.path("p.yaml"),
        "hosts: { a: { address: a } }\nsteps: [{ name: X, command: 'true', creates: /x }]\n",
    )
    .expect("written");
    place.export(&["--as", "cloud-init"]).exits(2).says(&["does not say who logs in", "--user NAME"]);
    place
        .export(&["--as", "cloud-init", "--user", "u", "--max-bytes", "900"])
        .exits(2)
        .says(&["and may have 900", "--script-url"]);
    fs::write(place.path("p.yaml"), "steps: [{ name: X, comand: x }]\n").expect("written");
    place.export(&["--as", "sh"]).exits(2).says(&["did you mean `command`?"]);
}

#[test]
fn the_same_playbook_gives_the_same_bytes() {
    let place = Place::new(MANY);
    let write = |name: &str, format: &[&str]| {
        place
            .export(&[format, &["--user", "joe", "--include-secrets", "--max-bytes", "200000", "-o", name]].concat())
            .exits(0);
        fs::read(place.path(name)).expect("it")
    };
    assert_eq!(write("1", &["--as", "sh"]), write("2", &["--as", "sh"]));
    assert_eq!(write("3.gz", &["--as", "cloud-init"]), write("4.gz", &["--as", "cloud-init"]));
    let gz = fs::read(place.path("3.gz")).expect("it");
    assert!(unzipped(&gz).starts_with(b"#cloud-config\n# pinboot export: p.yaml"));
}

/// What a gzip file without a name holds.
fn unzipped(file: &[u8]) -> Vec<u8> {
    assert_eq!(file[..4], [0x1f, 0x8b, 8, 0]);
    miniz_oxide::inflate::decompress_to_vec(&file[10..file.len() - 8]).expect("it is deflate")
}

fn entry<'n>(node: &'n Node, key: &str) -> &'n Node {
    let Value::Map(entries) = &node.value else { panic!("a map with {key}") };
    &entries.iter().find(|entry| entry.key == key).unwrap_or_else(|| panic!("no {key}")).value
}

fn items(node: &Node) -> &[Node] {
    let Value::List(items) = &node.value else { panic!("a list") };
    items
}

fn text(node: &Node) -> String {
    node.as_text().expect("a text").to_owned()
}

/// The file that user data writes, as cloud-init reads it, and the words of the command that it runs.
fn played(document: &str) -> (Vec<u8>, Vec<String>) {
    assert!(document.starts_with("#cloud-config\n"), "{document}");
    let mut sources = Sources::default();
    let id = sources.add("user data", document.to_owned());
    let document = parse(id, document).expect("it is YAML");
    let files = items(entry(&document, "write_files"));
    assert_eq!(files.len(), 1);
    assert_eq!(text(entry(&files[0], "path")), "/var/lib/pinboot/first-boot.sh");
    assert_eq!(text(entry(&files[0], "permissions")), "0700");
    let content = text(entry(&files[0], "content"));
    let Value::Map(entries) = &files[0].value else { panic!("a map") };
    let bytes = if entries.iter().any(|entry| entry.key == "encoding") {
        assert_eq!(text(entry(&files[0], "encoding")), "gz+b64");
        unzipped(&BASE64.decode(content.replace('\n', "").as_bytes()).expect("it is base64"))
    } else {
        content.into_bytes()
    };
    let commands = items(entry(&document, "runcmd"));
    assert_eq!(commands.len(), 1);
    (bytes, items(&commands[0]).iter().map(text).collect())
}

/// A throw-away host, and what is typed there.
struct Host(RehearsalHost);

impl Host {
    fn new(rehearsal: &str) -> Self {
        let world = world_of(&repository(&format!("playbooks/{rehearsal}.rehearsal.yaml")));
        Self(RehearsalHost::start_with(&world, Path::new(env!("CARGO_BIN_EXE_pinboot"))).expect("a host"))
    }

    /// Types a line, with these bytes on standard input.
    fn type_in(&self, line: &str, input: &[u8]) -> Printed {
        let mut words = self.0.ssh_command();
        words.push_str(" -o BatchMode=yes -o LogLevel=ERROR");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec {words} \"$1\""), "sh", line]).env("PATH", "/usr/bin:/bin");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("ssh starts");
        child.stdin.take().expect("it is piped").write_all(input).expect("it is read");
        Printed::of(&ended(child))
    }

    /// What has changed on it, without pinboot's own record.
    fn state(&self) -> Vec<ChangedPath> {
        let home = format!("/home/{}", self.0.user());
        let is_record = |path: &str| {
            path == "/run/pinboot"
                || path.starts_with("/run/pinboot/")
                || path.strip_prefix(&home).is_some_and(|rest| rest.starts_with("/.pinboot"))
        };
        let mut changes = self.0.changes().expect("the host says it");
        changes.retain(|change| !is_record(&change.path) && !is_own_path(&change.path, &home));
        changes
    }

    /// A run of pinboot on it.
    fn run(&self, home: &Path, playbook: &Path, more: &[&str]) -> Printed {
        let call = pinboot(home).arg("run").arg(playbook).args(more).env("PINBOOT_STATE_DIR", home.join("state"));
        let call = call.env("PINBOOT_HOST", format!("{}@{}", self.0.user(), self.0.address()));
        let call = call.env("PINBOOT_KEY", self.0.key_path()).env("PINBOOT_KNOWN_HOSTS", self.0.known_hosts_path());
        call.env("PINBOOT_HOST_KEY", "strict").run()
    }
}

/// The last line, which counts.
fn counted(printed: &Printed) -> String {
    printed.stdout.lines().next_back().unwrap_or_default().to_owned()
}

/// A playbook of the repository, what it needs besides, and what the first and the second script say.
const PLAYBOOKS: &[(&str, &[&str], &str, &str)] = &[
    ("milestone1", &[], "6 changed", "6 unchanged, 1 manual, 0 failed"),
    ("milestone2", &[], "3 changed", "3 unchanged, 2 manual, 0 failed"),
    ("milestone3", &[], "4 changed", "5 unchanged, 0 failed"),
    ("local-broker", &[], "11 changed", "12 unchanged, 0 failed"),
    ("smoke", &[], "1 changed", "1 changed, 2 unchanged, 0 failed"),
    ("examples/nginx-certbot", &[], "8 changed", "10 unchanged, 0 failed"),
    ("examples/kafka-broker", &[], "14 changed", "14 unchanged, 0 failed"),
    ("examples/users-sshd", &[], "7 changed", "8 unchanged, 0 failed"),
    ("examples/node-exporter", &["-e", crate::rehearsals::DIGESTS], "6 changed", "6 unchanged, 0 failed"),
];

/// The script changes a fresh host, changes nothing then, and a run of pinboot finds nothing left to change either.
fn compare(at: usize) -> Result<(), String> {
    let (name, more, first, second) = PLAYBOOKS[at];
    let shell = ["dash", "bash", "busybox sh"][at % 3];
    let home = tempfile::tempdir().expect("a home");
    let playbook = repository(&format!("playbooks/{name}.yaml"));
    let script = home.path().join("s.sh");
    let export = pinboot(home.path()).arg("export").arg(&playbook).args(["--as", "sh", "-o"]).arg(&script).args(more);
    export.exits(0);
    let host = Host::new(name);
    let script = fs::read(script).expect("the script");
    let stored = host.type_in("cat >/tmp/s.sh", &script);
    assert_eq!(stored.code, Some(0), "{}", stored.stderr);
    let before = host.type_in(&format!("{shell} /tmp/s.sh"), b"");
    if before.code != Some(0) || !counted(&before).contains(first) {
        return Err(format!("{name}, first: {:?}\n{}\n{}", before.code, before.stdout, before.stderr));
    }
    let state = host.state();
    let again = host.type_in(&format!("{shell} /tmp/s.sh"), b"");
    if again.code != Some(0) || !counted(&again).contains(second) {
        return Err(format!("{name}, second: {:?}\n{}\n{}", again.code, again.stdout, again.stderr));
    }
    let run = host.run(home.path(), &playbook, more);
    let is_smoke = name == "smoke";
    if run.code != Some(0) || (!is_smoke && counted(&run).contains("changed,") && counted(&run).contains(" changed, "))
    {
        return Err(format!("{name}, run: {:?}\n{}\n{}", run.code, run.stdout, run.stderr));
    }
    if !is_smoke && host.state() != state {
        return Err(format!("{name}: {:#?}\n{state:#?}", host.state()));
    }
    Ok(())
}

#[test]
fn the_script_of_every_playbook_leaves_what_a_run_leaves() {
    if !is_possible() || crate::support::need("ssh", "openssh-client").is_none() {
        return;
    }
    let wrong = in_parallel(PLAYBOOKS.len(), 3, compare);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn user_data_brings_a_machine_to_the_same_state_at_its_first_boot() {
    if !is_possible() || crate::support::need("ssh", "openssh-client").is_none() {
        return;
    }
    let home = tempfile::tempdir().expect("a home");
    let playbook = repository("playbooks/milestone1.yaml");
    let call = pinboot(home.path()).arg("export").arg(&playbook).args(["--as", "cloud-init", "--max-bytes", "60000"]);
    let (script, words) = played(&call.exits(0).stdout);
    let host = Host::new("milestone1");
    let place = "sudo mkdir -p /var/lib/pinboot && sudo sh -c 'umask 077; cat >/var/lib/pinboot/first-boot.sh'";
    assert_eq!(host.type_in(place, &script).code, Some(0));
    // What runcmd gives to a command: nothing.
    let boot = || host.type_in(&format!("cd / && sudo env -i {}", words.join(" ")), b"");
    let first = boot();
    assert_eq!(first.code, Some(0), "{}{}", first.stdout, first.stderr);
    first.says(&["6 changed, 1 manual, 0 failed"]);
    boot().says(&["6 unchanged, 1 manual, 0 failed"]);
    let run = host.run(home.path(), &playbook, &[]);
    run.says(&["6 unchanged, 1 manual, 0 failed"]);
}

#[test]
fn user_data_may_fetch_the_script_and_runs_no_other() {
    let place =
        Place::new("hosts: { h: { address: h, user: root } }\nsteps: [{ name: X, command: touch x, creates: ~/x }]\n");
    place.script(&[]);
    let call = place.export(&["--as", "cloud-init", "--script-url", "https://example.org/a b\"c.sh"]);
    let document = call.exits(0).stdout;
    assert!(document.len() < 2500, "{}", document.len());
    let mut sources = Sources::default();
    let id = sources.add("user data", document.clone());
    let parsed = parse(id, &document).expect("it is YAML");
    let words: Vec<String> = items(&items(entry(&parsed, "runcmd"))[0]).iter().map(text).collect();
    assert_eq!(words[0..2], ["/bin/sh", "-c"]);
    assert_eq!(words[4], "https://example.org/a b\"c.sh");
    let sum = Printed::of(&output(Command::new("sha256sum").arg(place.path("s.sh")))).stdout;
    assert_eq!(sum.split(' ').next(), Some(words[5].as_str()));
    // A curl that gives the script stands in front of the real one; the folder is one of this test.
    fs::create_dir(place.path("bin")).expect("a folder");
    let curl = format!(
        "#!/bin/sh\n[ \"$5\" = 'https://example.org/a b\"c.sh' ] && cat {} >\"$3\"\n",
        place.path("s.sh").display()
    );
    fs::write(place.path("bin/curl"), curl).expect("written");
    fs::set_permissions(place.path("bin/curl"), fs::Permissions::from_mode(0o755)).expect("changed");
    let fetch = words[2].replace("/var/lib/pinboot", &place.path("lib").display().to_string());
    let run = || {
        let mut command = Command::new("sh");
        command.arg("-c").arg(&fetch).args(&words[3..6]).arg("-v").current_dir("/");
        command.env("PATH", format!("{}:/usr/bin:/bin", place.path("bin").display())).env("HOME", place.path("home"));
        Printed::of(&output(&mut command))
    };
    let first = run();
    assert_eq!(first.code, Some(0), "{}{}", first.stdout, first.stderr);
    first.says(&["1 changed, 0 failed"]);
    fs::write(place.path("s.sh"), "touch other\n").expect("written");
    let other = run();
    assert_eq!(other.code, Some(11), "{}{}", other.stdout, other.stderr);
    other.says(&["gives another script than the one that was exported"]);
}

/// A sudo that wants `let me in` for everything, and then does it as it is.
const SUDO: &str = "#!/bin/sh\nasks=
while [ $# -gt 0 ]; do
  case $1 in -kSH) asks=1 ;; --) shift; break ;; -n | -H | --prompt=) ;; *) break ;; esac
  shift
done
[ -n \"$asks\" ] || { echo 'sudo: a password is required' >&2; exit 1; }
IFS= read -r given
[ \"$given\" = 'let me in' ] || { echo 'sudo: 1 incorrect password attempt' >&2; exit 1; }
exec \"$@\"
";

#[test]
fn sudo_gets_its_password_and_what_is_lacking_is_said_before_anything_starts() {
    if !rustix::process::geteuid().is_root() {
        crate::support::left_out("another user is needed; run as root brings it in");
        return;
    }
    let place = Place::new(
        "hosts: { h: { address: h } }\nsteps:\n\
         \x20 - { name: Mine, command: touch mine, creates: ~/mine }\n\
         \x20 - { name: As root, file: { path: ~/root, content: x }, sudo: true }\n",
    );
    place.script(&[]);
    let another = 65534;
    let given = |name: &str, mode| {
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(mode)).expect("changed");
    };
    fs::create_dir(place.path("bin")).expect("a folder");
    fs::write(place.path("bin/sudo"), SUDO).expect("written");
    given("bin/sudo", 0o755);
    given("", 0o755);
    std::os::unix::fs::chown(place.path("home"), Some(another), Some(another)).expect("given");
    for shell in shells() {
        let run = |password: &str| {
            let mut words = vec!["-w"];
            words.extend(shell.split(' '));
            words.push("s.sh");
            let mut command = Command::new("setsid");
            command.args(words).current_dir(place.0.path()).env_clear().stdin(Stdio::null()).uid(another).gid(another);
            command
                .env("PATH", format!("{}:/usr/bin:/bin", place.path("bin").display()))
                .env("HOME", place.path("home"));
            if !password.is_empty() {
                command.env("PINBOOT_SUDO_PASSWORD", password);
            }
            Printed::of(&output(&mut command))
        };
        for name in ["mine", "root"] {
            let _ = fs::remove_file(place.path("home").join(name));
        }
        for (password, said) in [("", "a password is required"), ("wrong", "1 incorrect password attempt")] {
            let refused = run(password);
            assert_eq!(refused.code, Some(6), "{shell}: {}{}", refused.stdout, refused.stderr);
            refused.says(&[
                "As root: it needs another user, and sudo cannot be used: ",
                said,
                "0 failed, 2 not started",
            ]);
            assert_eq!(place.names(), [".pinboot"], "{shell}");
        }
        run("let me in").says(&["2 steps: 2 changed, 0 failed\n"]);
        let again = run("let me in").says(&["2 steps: 2 unchanged, 0 failed\n"]);
        assert!(!again.stdout.contains("let me in"));
    }
    fs::write(
        place.path("p.yaml"),
        "hosts: { h: { address: h } }\nsteps: [{ name: Brings it up, compose: { project: /nowhere } }]\n",
    )
    .expect("written");
    place.script(&[]);
    // A PATH with what the script itself needs, and without docker.
    fs::create_dir(place.path("few")).expect("a folder");
    for program in
        "cat chmod date env head id ls mkdir mv rm sed setsid sh sleep su sync tail tr uname flock".split(' ')
    {
        if let Some(found) = crate::support::need(program, "coreutils") {
            std::os::unix::fs::symlink(found, place.path("few").join(program)).expect("a link");
        }
    }
    let mut command = place.command("sh", &[]);
    let printed = Printed::of(&output(command.env("PATH", place.path("few")).env("HOME", place.path("few"))));
    assert_eq!(printed.code, Some(6), "{}{}", printed.stdout, printed.stderr);
    printed.says(&["Brings it up: it needs a program that is not here: docker|docker-compose"]);
}

#[test]
fn a_run_and_a_script_never_work_side_by_side() {
    if !is_possible() || crate::support::need("ssh", "openssh-client").is_none() {
        return;
    }
    let place = Place::new(
        "hosts: { h: { address: h, user: ec2-user } }\nsteps:\n\
         \x20 - { name: Waits, script: 'touch started; n=0; while [ ! -e go ] && [ $n -lt 600 ]; do sleep .1; n=$((n + 1)); done', always: true }\n",
    );
    place.script(&[]);
    let host = Host::new("smoke");
    let script = fs::read(place.path("s.sh")).expect("the script");
    assert_eq!(host.type_in("cat >s.sh", &script).code, Some(0));
    let is_started = || host.type_in("test -e started", b"").code == Some(0);
    std::thread::scope(|scope| {
        // The script has the host: a run is refused at once, and says since when.
        let running = scope.spawn(|| host.type_in("sh s.sh", b""));
        until("the script's step has started", is_started);
        let refused = host.run(place.0.path(), &place.path("p.yaml"), &[]);
        assert_eq!(refused.code, Some(9), "{}{}", refused.stdout, refused.stderr);
        refused.says(&["another run holds the host", "started by ec2-user@"]);
        assert_eq!(host.type_in("touch go; rm started", b"").code, Some(0));
        running.join().expect("it ends").says(&["1 changed, 0 failed"]);
    });
    assert_eq!(host.type_in("rm go", b"").code, Some(0));
    std::thread::scope(|scope| {
        // A run has the host: the script is refused.
        let running = scope.spawn(|| host.run(place.0.path(), &place.path("p.yaml"), &[]));
        until("the run's step has started", is_started);
        let refused = host.type_in("sh s.sh", b"");
        assert_eq!(refused.code, Some(9), "{}{}", refused.stdout, refused.stderr);
        refused.says(&["another run has this host"]);
        assert_eq!(host.type_in("touch go", b"").code, Some(0));
        running.join().expect("it ends").says(&["1 changed, 0 failed"]);
    });
}
