//! A hostile user of the host, in a private root with the real sudo: every kind works with `sudo: true` at paths in her home and in
//! directories where she can write, while she replaces what appears there. Whatever comes of the steps, nothing outside of her own
//! places is another than before, and root has opened nothing through a link of hers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use pinboot::event::Mode;
use pinboot::ids::RunId;
use pinboot::kinds::KINDS;
use pinboot::remote::{Delivery, Identity, program};
use pinboot::secret::Secret;
use rustix::fs::inotify;

use super::case::Content;
use super::heard::Heard;
use super::process::Process;
use super::root::{Root, differences};
use super::world::compile;
use crate::support::{mounts, need};

/// What a kind does where the hostile user can reach it.
enum Reach {
    /// Steps, for each of her places and each round: `@dir@` is the place, `@n@` the number of the step.
    Steps(&'static [&'static str]),
    /// It works at no path of its own, for this reason.
    NoPath(&'static str),
}

/// Every kind, and what it does there.
const TABLE: &[(&str, Reach)] = &[
    (
        "file",
        Reach::Steps(&[
            "file: { path: @dir@/s@n@, content: new, backup: true, mode: 644 }",
            "file: { path: @dir@/f@n@, content: new, owner: alice, group: alice }",
            "file: { path: @dir@/s@n@/deep/f, content: new }",
            "file: { path: @dir@/old@n@, content: new, backup: true }",
            "file: { path: @dir@/old@n@, content: old, mode: 4755 }",
            "file: { path: @dir@/flip, content: old, mode: 640, backup: true }",
            "file: { path: @dir@/s@n@, content: new, validate: 'cat {} && cat {} > /dev/null' }",
        ]),
    ),
    (
        "directory",
        Reach::Steps(&[
            "directory: { path: @dir@/s@n@, mode: 700 }",
            "directory: { path: @dir@/s@n@/deep/d, mode: 755 }",
            "directory: { path: @dir@/flip, mode: 777 }",
            "directory: { path: @dir@/own@n@, owner: alice, group: alice, mode: 750, tree: true }",
            "directory: { path: @dir@, group: alice, tree: true }",
        ]),
    ),
    (
        "upload",
        Reach::Steps(&[
            "upload: { src: new, to: @dir@/s@n@, mode: 644 }",
            "upload: { src: new, to: @dir@/f@n@, owner: alice, group: alice }",
            "upload: { src: new, to: @dir@/s@n@/deep/f }",
            "upload: { src: new, to: @dir@/flip, mode: 640 }",
            "upload: { src: tree, to: @dir@/s@n@ }",
            "upload: { src: tree, to: @dir@/own@n@, owner: alice, group: alice }",
            "upload: { src: tree, to: @dir@/flip, delete: true }",
        ]),
    ),
    (
        "link",
        Reach::Steps(&[
            "link: { path: @dir@/s@n@, to: /srv/outside/shadow }",
            "link: { path: @dir@/s@n@/deep/l, to: x, replace: true }",
            "link: { path: @dir@/flip, to: x, owner: alice, replace: true }",
            "link: { path: @dir@/old@n@, to: x, replace: true }",
        ]),
    ),
    (
        "absent",
        Reach::Steps(&[
            "absent: @dir@/s@n@",
            "absent: { path: @dir@/s@n@/deep, tree: true }",
            "absent: { path: [@dir@/flip, @dir@/old@n@], tree: true }",
        ]),
    ),
    (
        "download",
        Reach::Steps(&[
            "download: { url: 'http://127.0.0.1:8000/tool', to: @dir@/s@n@, mode: 755 }",
            "download: { url: 'http://127.0.0.1:8000/tool', to: @dir@/s@n@/ }",
            "download: { url: 'http://127.0.0.1:8000/tool', to: @dir@/flip }",
            "download: { url: 'http://127.0.0.1:8000/tool', to: @dir@/s@n@, validate: 'cat {}' }",
        ]),
    ),
    (
        "archive",
        Reach::Steps(&[
            "archive: { url: 'http://127.0.0.1:8000/app.tar', into: @dir@/s@n@, creates: @dir@/s@n@/app/conf/f, keep: true }",
            "archive: { url: 'http://127.0.0.1:8000/app.tar', into: @dir@, creates: @dir@/conf/f@n@, strip: 1 }",
            "archive: { src: @dir@/app.tar, into: /srv/apps/@n@, creates: /srv/apps/@n@/app/conf/f }",
        ]),
    ),
    (
        "git",
        Reach::Steps(&[
            "git: { repo: /srv/origin, into: @dir@/s@n@ }",
            "git: { repo: /srv/origin, into: @dir@/s@n@/deep/c, ref: v1, depth: 1 }",
            "git: { repo: /srv/origin, into: @dir@/evil, ref: main, discard_changes: true }",
            "git: { repo: /srv/origin, into: @dir@/flip }",
        ]),
    ),
    (
        "fetch",
        Reach::Steps(&[
            "fetch: { from: @dir@/s@n@, to: x@n@ }",
            "fetch: { from: @dir@/flip, to: x@n@ }",
            "fetch: { from: @dir@/old@n@, to: x@n@ }",
            "fetch: { from: @dir@/s@n@/deep, to: x@n@ }",
            "fetch: { from: @dir@, to: x@n@ }",
        ]),
    ),
    (
        "s3_object",
        Reach::Steps(&[
            "s3_object: { bucket: bkt, key: k@n@, from: @dir@/s@n@ }",
            "s3_object: { bucket: bkt, key: k@n@, from: @dir@/flip }",
            "s3_object: { bucket: bkt, key: k@n@, from: @dir@/old@n@ }",
        ]),
    ),
    (
        "python",
        // No host has this Python: a virtual environment takes seconds, and the way to it is what counts here.
        Reach::Steps(&[
            "python: { venv: @dir@/s@n@, version: 3.0 }",
            "python: { venv: @dir@/s@n@/deep/f, version: 3.0 }",
            "python: { venv: /srv/venv, requirements: @dir@/old@n@, version: 3.0 }",
            "python: { venv: @dir@/flip, version: 3.0 }",
        ]),
    ),
    ("package", Reach::Steps(&["package: @dir@/s@n@.deb", "package: @dir@/flip.deb"])),
    (
        "kafka_topics",
        Reach::Steps(&[
            "kafka_topics: { home: @dir@/kafka, bootstrap_servers: 'b-1:9092', topics: [t@n@] }",
            "kafka_topics: { home: /srv/kafka, bootstrap_servers: 'b-1:9092', command_config: @dir@/client, topics: [t@n@] }",
        ]),
    ),
    (
        "line",
        Reach::Steps(&[
            "line: { path: @dir@/s@n@, line: new, create: true }",
            "line: { path: @dir@/old@n@, match: ^old, line: old and new, validate: 'cat {}' }",
            "line: { path: @dir@/flip, line: new }",
        ]),
    ),
    (
        "block",
        Reach::Steps(&[
            "block: { path: @dir@/s@n@, block: new, create: true, validate: 'cat {}' }",
            "block: { path: @dir@/old@n@, block: new }",
            "block: { path: @dir@/flip, block: new }",
        ]),
    ),
    (
        "properties",
        Reach::Steps(&[
            "properties: { path: @dir@/s@n@, set: { a: new }, create: true, validate: 'cat {}' }",
            "properties: { path: @dir@/old@n@, set: { a: new }, unset: old }",
            "properties: { path: @dir@/flip, set: { a: new } }",
        ]),
    ),
    ("sysctl", Reach::Steps(&["sysctl: { values: { vm.no_such: 1 }, file: @dir@/s@n@ }"])),
    (
        "mount",
        Reach::Steps(&[
            "mount: { what: tmpfs, at: @dir@/s@n@, type: tmpfs, state: ephemeral }",
            "mount: { what: /srv/www, at: @dir@/flip, options: bind, state: ephemeral }",
            "mount: { what: @dir@/evil, at: /srv/apps/@n@, options: bind, state: ephemeral }",
            "mount: { at: @dir@/s@n@, state: unmounted }",
            "script: '! grep \" /srv/outside\" /proc/self/mountinfo > /srv/outside.now || mv /srv/outside.now /srv/outside.mounted; rm -f /srv/outside.now; awk \"/ .(tmp|home|srv).*(s[0-9]+|apps.[0-9]+|flip) / {print \\$5}\" /proc/self/mountinfo | xargs -r umount'\n    always: true",
        ]),
    ),
    (
        "swap",
        Reach::Steps(&[
            "swap: { path: @dir@/s@n@, size: 1M }",
            "swap: { path: @dir@/flip, size: 1M }",
            "swap: { path: @dir@/s@n@, state: absent }",
        ]),
    ),
    (
        "database",
        Reach::NoPath(
            "psql works through the socket of the server, which no other user can lay where psql looks for it",
        ),
    ),
    (
        "role",
        Reach::NoPath(
            "psql works through the socket of the server, which no other user can lay where psql looks for it",
        ),
    ),
    ("cron", Reach::NoPath("crontab knows where its tables are")),
    ("command", Reach::Steps(&["command: true\n    creates: @dir@/s@n@"])),
    ("script", Reach::Steps(&["script: true\n    cwd: @dir@\n    creates: @dir@/s@n@"])),
    ("export", Reach::NoPath("it writes the start-up files of the user who acts, or those of the system")),
    ("repository", Reach::NoPath("it works in the directories of the package manager")),
    (
        "authorized_keys",
        Reach::Steps(&[
            "authorized_keys: { keys: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA, path: @dir@/s@n@ }",
            "authorized_keys: { keys: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA, path: @dir@/old@n@, exclusive: true }",
            "authorized_keys: { user: alice, keys: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA, path: @dir@/s@n@/deep/f }",
            "authorized_keys: { keys: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA, path: @dir@/flip }",
        ]),
    ),
    ("group", Reach::NoPath("it works at /etc/group alone")),
    (
        "user",
        Reach::NoPath("it works at the files of the accounts, and makes a home where root alone can write on the way"),
    ),
    ("service", Reach::Steps(&["service: { name: s@n@, command: sleep 5, log: @dir@/s@n@ }"])),
    ("expect", Reach::NoPath("it changes nothing, and reads a log as the user that the step runs as")),
    ("assert", Reach::NoPath("it changes nothing")),
    ("container", Reach::NoPath("the engine opens what a container sees of the host, and root no path of its own")),
    (
        "compose",
        Reach::Steps(&[
            "compose: { project: @dir@/s@n@, files: compose.yaml }",
            "compose: { project: @dir@/kafka, state: down }",
        ]),
    ),
    ("manual", Reach::NoPath("a person acts")),
    ("reboot", Reach::NoPath("it has no path")),
];

/// Places where she can lay something: her home, a directory that she shares with root, one of the login user's for everybody, /tmp.
const PLACES: [&str; 4] = ["/home/alice/d", "/srv/drop", "/home/login/open", "/tmp"];

/// Paths that are now a file and now a link.
const FLIPS: [&str; 3] = ["/home/alice/d/flip", "/srv/drop/flip", "/tmp/flip"];

/// Where the host sees what the test brings.
const INSIDE: &str = "/opt/pinboot-test";

/// A run that takes longer hangs, on a busy machine too.
const LONGEST: Duration = Duration::from_mins(8);

/// How often each step is tried at each place.
const ROUNDS: usize = 2;

/// What stands in root's own files.
const CANARY: &str = "canary: of root alone";

/// What may be another than before: her own places, those that a step is about, and the records of runs.
const MAY_CHANGE: [&str; 10] = [
    "/home/alice",
    "/home/login/open",
    "/home/login/.pinboot",
    "/root/.pinboot",
    "/run",
    "/srv/apps",
    "/srv/drop",
    "/tmp",
    "/var/lib/sudo",
    "/var/tmp/topics",
];

const SETUP: &str = r#"
    ln -sf dash /bin/sh
    useradd -m -s /bin/sh alice && useradd -m -s /bin/sh login
    echo 'login ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/login && chmod 440 /etc/sudoers.d/login
    chmod 755 /home/alice /home/login
    mkdir -p /srv/outside/cron.d /srv/www /srv/apps /srv/kafka/bin /srv/drop /home/login/open /home/alice/d
    chown alice:alice /home/alice/d && chown root:alice /srv/drop && chmod 1775 /srv/drop
    chown login:login /home/login/open && chmod 1777 /home/login/open
    echo 'canary: of root alone' > /srv/outside/shadow && chmod 600 /srv/outside/shadow
    echo '# an entry' > /srv/outside/cron.d/entry && chmod 644 /srv/outside/cron.d/entry
    printf '#!/bin/sh\n' > /usr/local/bin/java && chmod 755 /usr/local/bin/java
    # compose reads the files of the folder that it is called in.
    printf '#!/bin/sh\n[ "$2" = version ] || cat compose.yaml client\n' > /usr/local/bin/docker && chmod 755 /usr/local/bin/docker
    printf '#!/bin/sh\necho "$*" >> /srv/installed\n' > /usr/local/bin/apt-get
    rm -f /usr/bin/yum && chmod 755 /usr/local/bin/apt-get
    # A bucket in a directory of root's: what is brought there is read by its caller.
    cat > /usr/local/bin/aws << 'HERE'
#!/bin/sh
for word; do case $word in --key=*) object=/srv/apps/${word#*=} ;; --body=*) body=${word#*=} ;; esac; done
case $* in *put-object*) exec cat "$body" > "$object" ;; esac
[ -e "$object" ] || { echo 'An error occurred (404) when calling the HeadObject operation: Not Found' >&2; exit 254; }
sum=$(md5sum < "$object")
printf 'pb-object\t%s\t"%s"\tNone\tNone\tNone\tNone\tx/x\n' "$(($(wc -c < "$object")))" "${sum%% *}"
HERE
    chmod 755 /usr/local/bin/aws
    echo tool > /srv/www/tool
    echo old > /srv/below && : > /srv/bound && mount --bind /srv/below /srv/bound
    cd /srv/www && mkdir -p app/conf app/lib && for n in f 1 2 3; do echo $n > app/conf/$n; echo $n > app/lib/$n; done
    for n in $(seq 1 200); do echo $n > app/conf/f$n; done
    tar cf app.tar app
    # A repository, and her clone of it: git calls a program of hers there. git itself stops at no owner.
    git config --system safe.directory '*'
    git init -q /srv/origin && cd /srv/origin && git symbolic-ref HEAD refs/heads/main && echo one > f && git add f
    git -c user.name=t -c user.email=t@t commit -qm one && git tag v1
    printf '#!/bin/sh\necho "$(id -u)" > /srv/outside/evil\nid -u >> /home/alice/called\n' > /srv/program && chmod 755 /srv/program
    git clone -q /srv/origin /home/alice/evil && cd /home/alice/evil && git config core.fsmonitor /srv/program
    ln -s /srv/program .git/hooks/post-checkout && git reset -q --hard && chown -R alice:alice /home/alice/evil
    rm -f /home/alice/called /srv/outside/evil
    # What the program of Kafka is: hers, where it lies in her place.
    mkdir -m 1777 /var/tmp/topics
    for place in /home/alice/d /srv/drop /home/login/open /tmp /srv; do
        mkdir -p $place/kafka/bin && cat > $place/kafka/bin/kafka-topics.sh << 'HERE'
#!/bin/sh
case $0 in /srv/kafka/*) ;; *) { id -u; cat /srv/outside/shadow; } >> /var/tmp/topics/loot 2> /dev/null ;; esac
case $* in *--list*) exec ls /var/tmp/topics ;; esac
while [ $# -gt 0 ]; do
    [ "$1" != --topic ] || : > "/var/tmp/topics/$2"
    shift
done
HERE
        chmod -R 755 $place/kafka
        [ $place = /srv ] || chown -R alice:alice $place/kafka
        echo a=b > $place/client
        [ $place = /srv ] || chown alice:alice $place/client
    done
"#;

/// Sends the one file that steps upload, whenever it is lacking.
const SEND: &str = "cd && umask 077 && mkdir -p .pinboot/files && cd .pinboot/files && while sleep .05; do
    [ -f 7aa7a5359173d05b63cfd682e3c38487f3cb4f7f1d60659fe59fab1505977d4c ] || { echo new > new.tmp && mv new.tmp 7aa7a5359173d05b63cfd682e3c38487f3cb4f7f1d60659fe59fab1505977d4c; }
done";

/// Fills her places with what steps are about.
const FILL: &str = "for d in /home/alice/d /srv/drop /home/login/open /tmp; do
    find $d -mindepth 1 -maxdepth 1 ! -name kafka ! -name client -exec rm -rf {} +
    cp /srv/www/app.tar $d/ && chown alice $d/app.tar
    for n in $(seq 1 200); do echo old > $d/old$n; done
    cp -R /home/alice/evil $d/ && chown -R alice $d/evil
done
chown -R alice /home/alice/d";

/// The host and what is around it.
pub(super) struct Hostile {
    pub(super) root: Root,
    runs: u8,
    _web: Process,
    _files: tempfile::TempDir,
}

impl Hostile {
    /// `None` where it cannot be made, which is said.
    pub(super) fn new() -> Option<Self> {
        mounts()?;
        for (program, package) in [
            ("unshare", "util-linux"),
            ("setpriv", "util-linux"),
            ("ip", "iproute2"),
            ("sudo", "sudo"),
            ("cc", "gcc"),
            ("curl", "curl"),
            ("busybox", "busybox-static"),
            ("dpkg-deb", "dpkg"),
            ("git", "git"),
            ("useradd", "passwd"),
        ] {
            need(program, package)?;
        }
        let files = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let kit = files.path().join("kit");
        fs::create_dir(&kit).expect("a folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kinds/attacker.c");
        let built = Command::new("cc").args(["-O1", "-o"]).arg(kit.join("attacker")).arg(source).status();
        assert!(built.expect("cc starts").success(), "the attacker is compiled");
        let root = Root::start("a hostile host", &files.path().join("root"), &kit, None);
        root.run("/bin/sh", &["-ec", SETUP]);
        let mut httpd = root.command("busybox");
        httpd.args(["httpd", "-f", "-p", "127.0.0.1:8000", "-h", "/srv/www"]);
        let web = Process::start("httpd", &mut httpd);
        let waits = "for n in $(seq 1 500); do ! curl -so /dev/null http://127.0.0.1:8000/tool || exit 0; sleep .02; done; exit 1";
        root.run("/bin/sh", &["-c", waits]);
        Some(Self { root, runs: 0, _web: web, _files: files })
    }

    /// A program of a user.
    fn of(&self, user: &str, words: &[&str]) -> Command {
        let mut command = self.root.command("setpriv");
        command.args(["--reuid", user, "--regid", user, "--init-groups", "--"]).args(words);
        command.env("HOME", format!("/home/{user}")).env("USER", user).env("LOGNAME", user);
        command
    }

    /// Carries a playbook out as the login user, who has sudo.
    pub(super) fn play(&mut self, steps: &str) -> Heard {
        self.play_with(steps, Vec::new())
    }

    /// The same with secrets.
    pub(super) fn play_with(&mut self, steps: &str, secrets: Vec<(String, Secret)>) -> Heard {
        self.runs += 1;
        let nonce = "00112233445566778899aabbccddeeff";
        let identity = Identity {
            run: RunId::from_random([self.runs, 0, 0, 0]),
            nonce: nonce.to_owned(),
            started_by: "tester@here 2026-11-24T06:00:00Z".to_owned(),
            shell: "/bin/sh".to_owned(),
        };
        let local =
            [("new", "new\n"), ("tree/", "mkdir d && echo new > d/f && echo new > f && ln -s /srv/outside/shadow d/l")];
        let local = local.map(|(name, content)| (name.to_owned(), Content::Text(content.to_owned())));
        let _sender = steps
            .contains("upload:")
            .then(|| Process::start("what sends files", &mut self.of("login", &["/bin/sh", "-c", SEND])));
        let plan = compile(&format!("steps:\n{steps}"), &local, None, Mode::Run);
        let mut plan = plan.unwrap_or_else(|refused| panic!("{}", refused.rendered));
        plan.secrets = secrets;
        let exec = Delivery::new(&program(&plan, &identity), &identity, &plan.secrets).exec();
        let text = format!("umask 022; cd; {}", String::from_utf8(exec.command).expect("ASCII"));
        let mut command = self.of("login", &["/bin/sh", "-c", &text]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        child.stdin.take().expect("piped").write_all(&exec.stdin).expect("standard input takes all");
        let (over, waiting) = std::sync::mpsc::channel::<()>();
        // Ends everything on the host, so that a run that hangs fails its test.
        let mut end = self.root.command("/bin/sh");
        end.args(["-c", "kill -9 -1"]);
        let watch = std::thread::spawn(move || {
            let hangs = waiting.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout);
            if hangs {
                let _ = end.status();
            }
            hangs
        });
        let output = child.wait_with_output().expect("it ends");
        drop(over);
        let hangs = watch.join().expect("it watches");
        let heard = Heard::new(&output.stdout, &output.stderr, nonce, plan.steps.len(), str::to_owned);
        assert!(!hangs, "this run did not end in {} s: {steps}\n{heard:#?}", LONGEST.as_secs());
        heard
    }

    /// Everything that is not hers.
    fn outside(&self) -> BTreeMap<String, String> {
        let is_below =
            |path: &str, own: &str| path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let mut written = self.root.written();
        written.retain(|path, _| !MAY_CHANGE.iter().any(|own| is_below(path, own)));
        written
    }

    /// Starts her program at all of her places, and a path at each that is now a file and now a link.
    fn attack(&self, names: &str) -> Vec<Process> {
        let program = format!("{INSIDE}/attacker");
        let mut calls = vec![[&[program.as_str(), names][..], &PLACES].concat()];
        calls.extend(FLIPS.iter().map(|path| vec![program.as_str(), "flip", *path]));
        let start = |words: &Vec<&str>| {
            let attacker = Process::start("the attacker", &mut self.of("alice", words));
            attacker.wait_for("ready\n", Duration::from_secs(20));
            attacker
        };
        calls.iter().map(start).collect()
    }

    /// Files in her places that hold what only root can read.
    fn loot(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for place in ["/home/alice", "/srv/drop", "/home/login/open", "/tmp"] {
            search(&self.root.place(place), &mut found);
        }
        found
    }
}

/// Collects the files of a folder in which the canary stands.
fn search(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let kind = entry.file_type().expect("a type");
        if kind.is_dir() {
            search(&entry.path(), found);
        } else if kind.is_file() && is_canary(&String::from_utf8_lossy(&fs::read(entry.path()).unwrap_or_default())) {
            found.push(entry.path());
        }
    }
}

fn is_canary(text: &str) -> bool {
    text.contains(CANARY)
}

/// Knows whether anybody has opened a file.
struct Watch(OwnedFd);

impl Watch {
    fn new(path: &Path) -> Self {
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC).expect("inotify");
        inotify::add_watch(&watch, path, inotify::WatchFlags::OPEN).expect("a watch");
        Self(watch)
    }

    fn was_opened(&self) -> bool {
        let mut room = [MaybeUninit::uninit(); 4096];
        inotify::Reader::new(&self.0, &mut room).next().is_ok()
    }
}

/// The steps of a kind at every place, so many times; the names that they are about, in their order.
fn steps(kind: &str, bodies: &[&str]) -> (String, String) {
    let (mut text, mut names, mut number) = (String::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        for place in PLACES {
            for body in bodies {
                number += 1;
                let body = body.replace("@dir@", place).replace("@n@", &number.to_string());
                let _ = write!(
                    text,
                    "  - name: {kind} {number}\n    {body}\n    sudo: true\n    allow_failure: true\n    timeout: 10s\n"
                );
                names.push(format!("s{number}"));
            }
        }
    }
    (text, names.join(" "))
}

#[test]
fn every_kind_is_in_the_table() {
    let mut known: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
    let mut tried: Vec<_> = TABLE.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    tried.sort_unstable();
    assert_eq!(known, tried);
    for (name, reach) in TABLE {
        if let Reach::NoPath(reason) = reach {
            assert!(!reason.is_empty(), "{name}");
        }
    }
}

#[test]
fn no_hostile_user_bends_what_root_does() {
    let Some(mut host) = Hostile::new() else { return };
    let quiet = host.play(
        "  - { name: A file, file: { path: /home/alice/d/quiet, content: new, backup: true }, sudo: true }
  - { name: A download, download: { url: 'http://127.0.0.1:8000/tool', to: /home/alice/d/tool }, sudo: true }
  - { name: Hers, command: 'test \"$(stat -c %U-%U /home/alice/d/quiet /home/alice/d/tool | sort -u)\" = alice-alice' }\n",
    );
    assert_eq!(quiet.outcomes(), ["changed"; 3], "without an attack: {quiet:#?}");
    let bound = host.play("  - { name: A mount, file: { path: /srv/bound, content: new }, sudo: true }\n");
    let said = "/srv/bound is written in place: it cannot be replaced, as a file that something is mounted on";
    assert!(bound.outcomes() == ["changed"] && bound.output().contains(said), "{bound:#?}");
    assert_eq!(host.root.run("cat", &["/srv/below"]), "new");
    let before = host.outside();
    for (kind, reach) in TABLE {
        let Reach::Steps(bodies) = reach else { continue };
        let (text, names) = steps(kind, bodies);
        host.root.run("/bin/sh", &["-ec", FILL]);
        let watch = Watch::new(&host.root.place("/srv/outside/shadow"));
        let mut attackers = host.attack(&names);
        let heard = host.play(&text);
        let opened = watch.was_opened();
        for attacker in &mut attackers {
            attacker.send("over\n");
            attacker.wait_for(" times\n", Duration::from_secs(20));
        }
        assert!(!attackers[0].log().contains("acted 0 times"), "{kind}: she did nothing");
        let is_result = |outcome: &str| ["changed", "unchanged"].contains(&outcome) || outcome.starts_with("failed: ");
        let odd: Vec<_> = heard.steps.iter().filter(|step| !is_result(&step.outcome)).collect();
        assert!(odd.is_empty() && heard.end == "ok", "{kind}: {} {odd:#?} {}", heard.end, heard.complaints);
        let changed = differences(&before, &host.outside());
        assert!(changed.is_empty(), "{kind}: {changed:#?}\n{heard:#?}");
        assert!(!opened, "{kind}: root opened its own file through a link\n{heard:#?}");
        assert_eq!(host.loot(), [] as [PathBuf; 0], "{kind}: {heard:#?}");
        assert!(!is_canary(&heard.output()), "{kind}: {heard:#?}");
        // Root installs nothing from there, the commands make nothing, and there is no project; everything else gets through at times.
        let is_made = !["package", "python", "sysctl", "swap", "command", "script", "compose"].contains(kind);
        assert_eq!(heard.outcomes().contains(&"changed"), is_made, "{kind}: {heard:#?}");
    }
    let users =
        fs::read_to_string(host.root.place("/var/tmp/topics/loot")).expect("her own program of Kafka was called");
    assert!(!users.lines().any(|user| user == "0") && !is_canary(&users), "root called it: {users}");
    let called = fs::read_to_string(host.root.place("/home/alice/called")).expect("git has called her program as her");
    assert!(!called.lines().any(|user| user == "0"), "root called it: {called}");
    // The watch sees what it is there for.
    let watch = Watch::new(&host.root.place("/srv/outside/shadow"));
    assert!(is_canary(&host.root.run("cat", &["/srv/outside/shadow"])) && watch.was_opened());
}
