//! `pinboot rehearse` as its user sees it, and what runs leave on a throw-away host, byte by byte.
//!
//! Where the machine gives no namespaces, these tests are left out, and say so.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pinboot::rehearse::world::{like, parse_over};
use pinboot::rehearse::{ChangedPath, RehearsalHost, World};
use pinboot::remote::is_own_path;

use crate::command::Call;

/// The program with the folders of system programs in its PATH, which throw-away hosts are made of.
pub(crate) fn pinboot(home: &Path) -> Call {
    Call::new(home).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
}

pub(crate) fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Whether this machine gives throw-away hosts at all.
pub(crate) fn is_possible() -> bool {
    match RehearsalHost::start_with(&World::default(), Path::new(env!("CARGO_BIN_EXE_pinboot"))) {
        Ok(_) => true,
        Err(refused) => {
            crate::support::left_out(&format!("no throw-away host here: {refused}"));
            false
        }
    }
}

/// A folder with a playbook and its rehearsal file.
fn folder(steps: &str, world: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let playbook =
        format!("name: A small one\nhosts: {{ h: {{ address: h.example, user: ec2-user }} }}\nsteps:\n{steps}");
    std::fs::write(folder.path().join("p.yaml"), playbook).expect("written");
    std::fs::write(folder.path().join("p.rehearsal.yaml"), world).expect("written");
    folder
}

fn rehearse(folder: &tempfile::TempDir, more: &[&str]) -> Call {
    pinboot(folder.path()).arg("rehearse").arg(folder.path().join("p.yaml")).args(more)
}

#[test]
fn the_milestone_passes_and_its_stand_ins_are_named() {
    if !is_possible() {
        return;
    }
    let home = tempfile::tempdir().expect("a home");
    let call = pinboot(home.path()).arg("rehearse").arg(repository("playbooks/milestone1.yaml"));
    let call = call.stdout_has(&["rehearsed: changed 6, then unchanged 6"]);
    let out = call.stderr_has(&["is a throw-away host on this machine", "The same again"]).check().stdout;
    let named = out.lines().find(|line| line.starts_with("stand-ins, not the real thing:")).expect("they are named");
    for stand_in in ["yum", "rpm", "kafka-stand-in", "https://archive.apache.org/dist/kafka/2.8.1/kafka_2.12-2.8.1.tgz"]
    {
        assert!(named.contains(stand_in), "{named}");
    }
    assert_eq!(std::fs::read_dir(home.path()).expect("the home").count(), 0, "nothing is left on this machine");
}

#[test]
fn the_milestone_passes_with_cuts_as_well() {
    if !is_possible() {
        return;
    }
    let home = tempfile::tempdir().expect("a home");
    let call = pinboot(home.path()).args(["rehearse", "--cut"]).arg(repository("playbooks/milestone1.yaml"));
    let call = call.stdout_has(&["rehearsed: changed 6, then unchanged 6", "every cut survived"]);
    let printed = call.stderr_has(&["reconnected"]).check();
    assert_eq!(printed.stdout.matches(": same end, each effect once").count(), 7, "{}", printed.stdout);
}

/// Runs its arguments, and then prints every process that it has inherited, as an init would.
const INIT: &str = r"
import ctypes, glob, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
for path in glob.glob('/proc/[0-9]*/stat'):
    try:
        stat = open(path).read()
    except OSError:
        continue
    if int(stat.rsplit(')', 1)[1].split()[1]) == os.getpid():
        print(stat.strip())
sys.exit(code)
";

#[test]
fn what_is_fetched_in_a_rehearsal_is_not_left_here() {
    if !is_possible() {
        return;
    }
    let steps = "  - name: Bring it\n    file: { path: ~/conf/a, content: x }\n  - name: Fetch it\n    fetch: { from: ~/conf, to: got }\n";
    let folder = folder(steps, "");
    let call = rehearse(&folder, &["--cut"]).env("TMPDIR", folder.path());
    call.stdout_has(&["+ got/a (1 bytes)", "rehearsed: changed 2, then unchanged 2", "every cut survived"])
        .stderr_has(&["The same again"])
        .check();
    let entries = std::fs::read_dir(folder.path()).expect("the folder").flatten();
    let left: Vec<_> = entries
        .map(|entry| entry.file_name())
        .filter(|name| name.to_string_lossy().contains("got") || name.to_string_lossy().contains("fetched"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_rehearsal_leaves_no_process_of_its_own_behind() {
    if !is_possible() || crate::support::need("python3", "python3").is_none() {
        return;
    }
    let steps = "  - { name: Stay, script: 'sleep 1234 & :', always: true }\n";
    let folder = folder(steps, "{}\n");
    for _ in 0..3 {
        rehearse(&folder, &[]).under("python3", &["-c", INIT]).check();
    }
}

#[test]
fn where_the_loopback_is_down_there_is_no_verdict() {
    let probe = ["unshare", "-Urn", "true"];
    let is_there = Command::new(probe[0]).args(&probe[1..]).stderr(Stdio::null()).status();
    if !is_possible() || !is_there.is_ok_and(|status| status.success()) {
        return;
    }
    let folder = folder("  - { name: One, command: 'true', always: true }\n", "{}\n");
    let call = rehearse(&folder, &[]).under("unshare", &["-Urn"]).exit(3);
    let printed = call.stderr_has(&["loopback", "there is no verdict on the playbook"]).stdout_has(&[]).check();
    assert!(!printed.stdout.contains("rehearsed") && !printed.stderr.contains("security group"), "{printed:?}");
    let json =
        rehearse(&folder, &["--json"]).under("unshare", &["-Urn"]).exit(3).stdout_has(&[]).stderr_has(&[]).check();
    assert!(!json.stdout.contains("\"rehearsed\""), "{json:?}");
}

#[test]
fn a_rehearsal_that_is_stopped_gives_no_verdict() {
    if !is_possible() {
        return;
    }
    let folder = folder(
        "  - { name: Held, script: 'touch ~/held; sleep 3', always: true }\n  \
                         - { name: Then, command: 'true', always: true }\n",
        "{}\n",
    );
    let script = "env --default-signal=INT \"$@\" & pid=$!; sleep 1.5; kill -INT $pid; wait $pid";
    // A shell without job control starts a background program with SIGINT ignored.
    let call = rehearse(&folder, &[]).under("bash", &["-m", "-c", script, "bash"]).exit(130);
    let printed = call.stdout_has(&["1 not started"]).stderr_has(&["there is no verdict on the playbook"]).check();
    assert!(!printed.stdout.contains("rehearsed"), "{printed:?}");
}

#[test]
fn a_rehearsal_that_is_stopped_at_any_time_ends_in_order() {
    if !is_possible() {
        return;
    }
    // The last step: the run itself ends well, and the rehearsal does not go on.
    let folder = folder("  - { name: Held, script: 'touch ~/held; sleep 2', always: true }\n", "{}\n");
    for (pause, signal, code) in
        [(".05", "INT", 130), (".1", "TERM", 143), (".15", "HUP", 129), ("1.2", "INT", 130), ("1.2", "TERM", 143)]
    {
        let script = format!("env --default-signal=INT \"$@\" & pid=$!; sleep {pause}; kill -{signal} $pid; wait $pid");
        let stopped = rehearse(&folder, &[]).under("bash", &["-m", "-c", &script, "bash"]).exits(code);
        let printed = stopped.says(&["there is no verdict on the playbook"]);
        assert!(!printed.stdout.contains("rehearsed") && !printed.stderr.contains("The same again"), "{printed:?}");
        assert_eq!(printed.stderr.matches("no verdict").count(), 1, "{printed:?}");
    }
}

#[test]
fn where_the_host_itself_ends_there_is_no_verdict() {
    if !is_possible() {
        return;
    }
    let folder = folder("  - { name: Held, script: 'touch ~/held; sleep 60', always: true }\n", "{}\n");
    let mut running = crate::faults::world::Started::start(rehearse(&folder, &[]));
    running.wait_for("ED25519");
    let host = crate::support::sshd::below(running.pid());
    crate::support::sshd::signal(*host.first().expect("the host's first process"), crate::faults::world::Signal::KILL);
    let printed = running.finish().exits(6).says(&["the throw-away host ended in the middle of the run", "no verdict"]);
    assert!(!printed.stdout.contains("not passed"), "{printed:?}");
}

#[test]
fn a_host_that_is_kept_can_be_looked_at_until_ctrl_c() {
    if !is_possible() || crate::support::need("ssh", "openssh-client").is_none() {
        return;
    }
    let folder = folder("  - { name: One, command: touch ~/seen, creates: ~/seen }\n", "{}\n");
    let mut kept = crate::faults::world::Started::start(rehearse(&folder, &["--keep"]));
    kept.wait_for("the host stays up until Ctrl-C");
    let command = kept.wait_for("ssh -i ");
    let look =
        Command::new("sh").args(["-c", &format!("{} 'ls ~/seen'", command.trim())]).stdin(Stdio::null()).output();
    let look = look.expect("ssh starts");
    assert!(String::from_utf8_lossy(&look.stdout).contains("/seen"), "{look:?}");
    kept.signal(crate::faults::world::Signal::INT);
    kept.finish().exits(0).says(&["rehearsed: changed 1, then unchanged 1"]);
}

/// A service's user, with what belongs to it.
const OWNERS: &str = "  - { name: Make the group, group: { name: data, system: true }, sudo: true }\n  \
     - { name: Make the user, user: { name: broker, system: true, groups: [data], home: /opt/broker, create_home: true, shell: /bin/sh }, sudo: true }\n  \
     - { name: Make the directory, directory: { path: /var/lib/broker, owner: broker, group: data, mode: 0750 }, sudo: true }\n  \
     - { name: Write the settings, file: { path: /etc/broker.conf, content: \"a = 1\\n\", owner: broker, group: data, mode: 0600 }, sudo: true }\n  \
     - { name: Use them, run_as: broker, script: 'cat /etc/broker.conf > /var/lib/broker/used', creates: /var/lib/broker/used }\n";

/// Whether a throw-away host has users with ids of their own here.
fn has_ids() -> bool {
    let has = rustix::process::getuid().is_root();
    if !has {
        crate::support::left_out("users with ids of their own on a throw-away host, which need root");
    }
    has && is_possible()
}

#[test]
fn what_belongs_to_other_users_is_rehearsed() {
    if !has_ids() {
        return;
    }
    let folder = folder(OWNERS, "{}\n");
    let call = rehearse(&folder, &["-v"]).stdout_has(&["rehearsed: changed 5, then unchanged 5"]);
    let listing = [
        "/etc/broker.conf 0600 broker:data 6 bytes",
        "/var/lib/broker/ 0750 broker:data",
        "/opt/broker/ 0",
        "root:root",
    ];
    call.stderr_has(&listing).check();
    let json = rehearse(&folder, &["--json"]).stdout_has(&[]).check().stdout;
    let last: serde_json::Value = serde_json::from_str(json.lines().last().expect("lines")).expect("JSON");
    let written = last["verdict"]["written"].as_array().expect("a list");
    let used = written.iter().find(|one| one["path"] == "/var/lib/broker/used").expect("written");
    assert_eq!((used["owner"].as_str(), used["group"].as_str()), (Some("broker"), Some("broker")), "{used}");
}

#[test]
fn cuts_do_not_change_what_belongs_to_other_users() {
    if !has_ids() {
        return;
    }
    let folder = folder(OWNERS, "{}\n");
    let printed =
        rehearse(&folder, &["--cut"]).stdout_has(&["every cut survived"]).stderr_has(&["reconnected"]).check();
    assert_eq!(printed.stdout.matches(": same end, each effect once").count(), 5, "{}", printed.stdout);
}

#[test]
fn on_a_host_with_one_id_the_verdict_says_what_to_install() {
    if !is_possible() {
        return;
    }
    let folder = folder(OWNERS, "{}\n");
    // In such a namespace even root has one id to give.
    let call = rehearse(&folder, &[]).under("unshare", &["--user", "--map-root-user"]).exit(1);
    let printed =
        call.stderr_has(&["share one user id", "package uidmap"]).stdout_has(&["limit of this host:"]).check();
    assert!(printed.stdout.contains("not passed: step 3 Make the directory"), "{}", printed.stdout);
}

#[test]
fn cuts_in_every_step_change_nothing() {
    if !is_possible() {
        return;
    }
    let steps = "  - { name: Count, command: echo x >> ~/count, creates: ~/count }\n  \
                 - { name: Fetch, download: { url: 'https://files.example/a.txt', to: ~/a.txt } }\n  \
                 - { name: Count again, script: 'sleep 0.3; echo y >> ~/count', unless: grep -q y ~/count }\n";
    let folder = folder(steps, "urls:\n  https://files.example/a.txt: \"a text\\n\"\n");
    let cut =
        ["1 Count", "2 Fetch", "3 Count again"].map(|step| format!("cut in step {step}: same end, each effect once"));
    let [first, second, third] = &cut;
    let call = rehearse(&folder, &["--cut"]).stdout_has(&[first, second, third, "every cut survived"]);
    // A connection was really cut.
    call.stderr_has(&["reconnected"]).check();
}

#[test]
fn a_step_that_is_not_idempotent_is_named() {
    if !is_possible() {
        return;
    }
    let steps = "  - { name: Sound, command: touch ~/a, creates: ~/a }\n  - { name: Loose, command: echo x >> ~/log }\n  \
                 - { name: Meant, command: date, always: true }\n";
    let folder = folder(steps, "commands:\n  unused-thing: exit 0\n");
    let call = rehearse(&folder, &[]).exit(1).stderr_has(&["The same again"]);
    let printed = call.stdout_has(&["not idempotent: step 2 Loose", "never used: the stand-in unused-thing"]).check();
    let (out, err) = (printed.stdout, printed.stderr);
    assert!(!out.contains("not idempotent: step 1") && !out.contains("not idempotent: step 3"), "{out}");
    assert!(!format!("{out}{err}").contains("pinboot rerun"), "a rehearsal cannot be taken up again");
    let json = rehearse(&folder, &["--json"]).exit(1).stdout_has(&["rehearsed"]).check().stdout;
    let last: serde_json::Value = serde_json::from_str(json.lines().last().expect("lines")).expect("JSON");
    assert_eq!((last["kind"].as_str(), last["verdict"]["changed"].as_u64()), (Some("rehearsed"), Some(3)), "{last}");
    assert_eq!(last["verdict"]["not_idempotent"][0]["name"], "Loose");
}

#[test]
fn an_address_without_a_stand_in_is_refused_by_its_name() {
    if !is_possible() {
        return;
    }
    let steps = "  - { name: Fetch, download: { url: 'https://files.example/other.txt', to: ~/a.txt } }\n";
    let folder = folder(steps, "urls:\n  https://files.example/a.txt: hello\n");
    let call = rehearse(&folder, &[]).exit(1).stderr_has(&["502"]);
    call.stdout_has(&["no stand-in: https://files.example/other.txt", "p.rehearsal.yaml under `urls`"]).check();
}

#[test]
fn faults_of_the_rehearsal_file_are_shown_at_their_place() {
    let folder = folder("  - { name: One, command: 'true', always: true }\n", "comands:\n  yum: exit 0\n");
    let call = rehearse(&folder, &[]).exit(2);
    call.stderr_has(&["p.rehearsal.yaml:1:1", "did you mean `commands`?"]).check();
}

/// The world of a rehearsal file over the files that it builds on.
pub(crate) fn world_of(path: &Path) -> World {
    world_over(World::default(), path)
}

fn world_over(base: World, path: &Path) -> World {
    let mut sources = pinboot::source::Sources::default();
    let id = sources.add("world", std::fs::read_to_string(path).expect("the file"));
    let document = pinboot::node::parse(id, &sources.get(id).text).expect("it is right");
    let folder = path.parent().expect("a folder");
    let below = like(&document).iter().fold(base, |base, like| world_over(base, &folder.join(like.value)));
    let (world, faults) = parse_over(below, &document, folder, &|path| path.is_file());
    assert!(faults.is_empty(), "{faults:?}");
    world
}

/// A host for a playbook, and the program run against it as against any other.
pub(crate) struct Stage {
    pub(crate) host: RehearsalHost,
    playbook: PathBuf,
    home: tempfile::TempDir,
}

impl Stage {
    /// The host that stands beside the playbook of this name.
    pub(crate) fn new(playbook: &str) -> Self {
        let playbook = repository(&format!("playbooks/{playbook}.yaml"));
        let world = world_of(&World::beside(&playbook));
        let host = RehearsalHost::start_with(&world, Path::new(env!("CARGO_BIN_EXE_pinboot"))).expect("a host");
        Self { host, playbook, home: tempfile::tempdir().expect("a home") }
    }

    /// The command line that runs the playbook there.
    pub(crate) fn run(&self, more: &[&str]) -> Call {
        let target = format!("{}@{}", self.host.user(), self.host.address());
        let call = pinboot(self.home.path()).arg("run").arg(&self.playbook);
        let call = call.args(["--host", &target, "--host-key", "strict", "--key"]).arg(self.host.key_path());
        call.arg("--known-hosts").arg(self.host.known_hosts_path()).args(more)
    }

    /// What was written since the last mark, outside the runs' own record.
    pub(crate) fn written(&self) -> Vec<ChangedPath> {
        let mut written = self.host.changes().expect("listed");
        written.retain(|one| !is_own_path("/home/ec2-user", &one.path));
        written
    }

    /// Runs the playbook there, and gives what was written meanwhile, outside the runs' own record.
    fn writes(&self, more: &[&str]) -> (String, Vec<ChangedPath>) {
        self.host.mark().expect("marked");
        let out = self.run(more).exits(0).stdout;
        assert!(self.host.changes().expect("listed").iter().any(|one| is_own_path("/home/ec2-user", &one.path)));
        (out, self.written())
    }
}

#[test]
fn a_check_and_a_second_run_write_nothing_but_their_record() {
    if !is_possible() {
        return;
    }
    let stage = Stage::new("milestone1");
    let home_only = |written: &[ChangedPath]| written.iter().all(|one| one.path == "/home/ec2-user");
    let (out, written) = stage.writes(&["--check"]);
    assert!(out.contains("6 would change"), "{out}");
    assert!(home_only(&written), "before the first run: {written:#?}");
    let (_, written) = stage.writes(&[]);
    let has = |path: &str| written.iter().any(|one| one.path == path);
    assert!(has("/home/ec2-user/kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.5-all.jar"), "{written:#?}");
    assert!(has("/home/ec2-user/.bashrc"), "{written:#?}");
    let (out, written) = stage.writes(&[]);
    assert!(out.contains("6 unchanged"), "{out}");
    assert!(home_only(&written), "in the second run: {written:#?}");
    let (out, written) = stage.writes(&["--check"]);
    assert!(out.contains("6 unchanged"), "{out}");
    assert!(home_only(&written), "asked afterwards: {written:#?}");
}

#[test]
fn where_no_host_can_be_made_nothing_runs() {
    let probe = ["unshare", "-Ur", "sh", "-c", "echo 0 >/proc/sys/user/max_user_namespaces"];
    if !Command::new(probe[0]).args(&probe[1..]).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        crate::support::left_out("user namespaces cannot be forbidden here, to see what happens then");
        return;
    }
    let folder = folder("  - { name: One, command: 'touch /tmp/pinboot-must-not-exist', always: true }\n", "{}\n");
    let script = "echo 0 >/proc/sys/user/max_user_namespaces; exec \"$@\"";
    let call = rehearse(&folder, &[]).under("unshare", &["-Ur", "sh", "-c", script, "sh"]);
    // The setting is named.
    call.exit(6).stderr_has(&["max_user_namespaces"]).check();
    assert!(!Path::new("/tmp/pinboot-must-not-exist").exists());
}
