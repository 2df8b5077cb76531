//! A host for one user: a home, the programs that it has, and a web server; playbooks are carried out there by the whole
//! of pinboot but for the connection: loaded, compiled, written as a program, delivered to the host's `sh`, and run there
//! by the runner.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pinboot::compile::compile_all;
use pinboot::event::Mode;
use pinboot::ids::RunId;
use pinboot::kinds::{Effect, Takes};
use pinboot::lock::Lock;
use pinboot::plan::{Action, Plan, PlannedStep, RunAs};
use pinboot::playbook::{Inputs, load};
use pinboot::remote::{Delivery, Identity, program};
use pinboot::source::{Diagnostic, Sources};
use pinboot::taken::Taking;
use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use super::case::{Content, FileSpec, HostSpec, Programs};
use super::heard::Heard;
use super::namespace::Namespace;
use super::tree::{Thing, Tree};
use super::web::Server;

const NONCE: &str = "00112233445566778899aabbccddeeff";

/// A run that takes longer hangs.
const LONGEST: Duration = Duration::from_mins(2);

/// A shell that a host may have as its `sh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shell(pub(crate) &'static str);

/// Every shell that is tried, the most common first.
pub(crate) const SHELLS: [Shell; 5] = [Shell("dash"), Shell("bash"), Shell("busybox"), Shell("mksh"), Shell("yash")];

/// The shells of this machine.
pub(crate) fn shells() -> Vec<Shell> {
    static FOUND: LazyLock<Vec<Shell>> =
        LazyLock::new(|| SHELLS.iter().filter(|shell| has(shell.0)).copied().collect());
    FOUND.clone()
}

/// Whether a program is on this machine; says that tests are left out where it is not.
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
pub(crate) fn has(program: &str) -> bool {
    let found = which(program).is_some();
    if !found {
        assert!(std::env::var_os("PINBOOT_TEST_ALL").is_none(), "{program} is missing, and no test may be left out");
        eprintln!("left out: what needs `{program}`; apt-get install {program} brings it in");
    }
    found
}

/// Whether this is root; says that tests are left out where it is not.
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
pub(crate) fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        assert!(std::env::var_os("PINBOOT_TEST_ALL").is_none(), "no test may be left out, and some need root");
        eprintln!("left out: what gives files to other users; running the tests as root brings it in");
    }
    root
}

pub(crate) fn which(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// What the delivery, the runner and every step's own shell cannot do without, whatever else a host lacks.
const ALWAYS: &[&str] = &[
    "[", "cat", "cksum", "cut", "echo", "false", "head", "kill", "ls", "mkdir", "mv", "printf", "pwd", "rm", "setsid",
    "sleep", "sync", "tail", "test", "touch", "tr", "true", "wc", "flock",
];

/// What a host must not have unless a stand-in gives it: the machine's own would be changed.
const NEVER: &[&str] = &[
    "apt-get",
    "apt-cache",
    "dpkg-query",
    "yum",
    "dnf",
    "rpm",
    "apk",
    "zypper",
    "pacman",
    "systemctl",
    "reboot",
    "shutdown",
];

/// What it must not have either but in a private root, where the accounts are its own.
const NEVER_SHARED: &[&str] = &[
    "useradd", "usermod", "userdel", "groupadd", "groupmod", "groupdel", "chpasswd", "adduser", "addgroup", "deluser",
    "delgroup",
];

/// A stand-in for sudo, for where the tests are not run by root.
const SUDO: &str = "#!/bin/sh\n\
    while :; do case $1 in -u) shift 2 ;; --) shift; break ;; -*) shift ;; *) break ;; esac; done\n\
    exec \"$@\"\n";

/// The host.
pub(crate) struct World {
    dir: TempDir,
    pub(crate) home: PathBuf,
    path: String,
    env: Vec<(String, String)>,
    server: Option<Server>,
    namespace: Option<Namespace>,
    runs: AtomicU8,
}

impl World {
    /// A host of this shell with all programs of the machine and nothing in its home.
    pub(crate) fn new(shell: Shell) -> Self {
        Self::of(&HostSpec::default(), shell)
    }

    /// A host as a case describes it.
    pub(crate) fn of(spec: &HostSpec, shell: Shell) -> Self {
        // A memory's file system makes every `sync` cheap. The path must be one that a socket and a shell word can bear.
        let place = ["/dev/shm", "/tmp"].iter().map(Path::new).find(|path| path.is_dir()).expect("a folder");
        let dir = tempfile::Builder::new().prefix("kinds-of-pinboot-").tempdir_in(place).expect("a folder");
        // Users may go through to directories of their own.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
        // A blank and a quote: the paths that break what is not quoted.
        let home = dir.path().join("the user's home");
        for folder in [&home, &home.join(".pinboot"), &dir.path().join("bin"), &dir.path().join("memory")] {
            fs::create_dir(folder).expect("a folder");
        }
        fs::set_permissions(home.join(".pinboot"), fs::Permissions::from_mode(0o700)).expect("a mode");
        let server = (!spec.web.is_empty()).then(|| Server::new(&spec.web));
        let mut world =
            Self { dir, home, path: String::new(), env: Vec::new(), server, namespace: None, runs: AtomicU8::new(0) };
        if spec.mounts() {
            let trouble = spec.trouble.clone().map(|trouble| (world.place(&trouble.at), trouble));
            world.namespace = Some(Namespace::new(world.dir.path(), &world.home, spec.private, trouble));
        }
        symlink(which(shell.0).expect("the shell"), world.bin().join("sh")).expect("a link");
        for (name, text) in &spec.stand_ins {
            world.stand_in(name, text);
        }
        if !rustix::process::geteuid().is_root() {
            world.stand_in("sudo", SUDO);
        }
        world.path = format!("{}:{}", world.bin().display(), programs(spec, world.dir.path()));
        // What a host lacks is not looked for in this machine's folders.
        let own = spec.env.iter().map(|(name, value)| (name.clone(), world.filled(value)));
        world.env = std::iter::once(("pb_more_path".to_owned(), ":/nowhere".to_owned())).chain(own).collect();
        for (path, file) in &spec.files {
            world.put(path, file);
        }
        if let Some(namespace) = &world.namespace {
            namespace.start_trouble();
        }
        world
    }

    pub(crate) fn bin(&self) -> PathBuf {
        self.dir.path().join("bin")
    }

    /// Ends what the host's case has for trouble.
    pub(crate) fn end_trouble(&self) {
        self.namespace.as_ref().expect("a host with trouble").end_trouble();
    }

    /// Where this machine finds a path of the host: `~/f` and `f` are both in its home.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        let place = self.place(path);
        self.namespace.as_ref().map_or(place.clone(), |namespace| namespace.view(&place))
    }

    /// The same path as the host itself has it.
    fn place(&self, path: &str) -> PathBuf {
        match path.strip_prefix('~') {
            Some(rest) => self.home.join(rest.trim_start_matches('/')),
            None => self.home.join(path),
        }
    }

    /// Puts a program in front of the machine's own. `@calls@` is the file that [`Self::calls`] reads.
    pub(crate) fn stand_in(&self, name: &str, text: &str) {
        let path = self.bin().join(name);
        fs::write(&path, self.filled(text)).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    }

    /// A place outside the home, with neither a blank nor a quote in its path.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn env(&mut self, name: &str, value: impl Into<String>) {
        self.env.push((name.to_owned(), value.into()));
    }

    /// A text of a case with this host's places in it.
    pub(crate) fn filled(&self, text: &str) -> String {
        let calls = self.dir.path().join("calls").display().to_string();
        text.replace("@calls@", &calls).replace("@home@", &self.home.display().to_string())
    }

    fn put(&self, path: &str, spec: &FileSpec) {
        if let (Some(namespace), Some(name)) = (&self.namespace, path.strip_prefix("/proc/")) {
            // One of the kernel's files is covered by another one, which a case may write.
            let cover = self.outside("proc").join(name);
            self.put(&cover.display().to_string(), spec);
            return namespace.cover(&cover, Path::new(path));
        }
        let place = self.path(path.trim_end_matches('/'));
        fs::create_dir_all(place.parent().expect("a parent")).expect("a folder");
        let give_mode = |mode: Option<u32>, default: u32| {
            fs::set_permissions(&place, fs::Permissions::from_mode(mode.unwrap_or(default))).expect("a mode");
        };
        match spec {
            FileSpec::Folder { mode } => {
                fs::create_dir_all(&place).expect("a folder");
                give_mode(*mode, 0o755);
            }
            FileSpec::Link(target) => {
                let target = target
                    .strip_prefix('~')
                    .map_or_else(|| target.clone(), |_| self.place(target).display().to_string());
                symlink(target, &place).expect("a link");
            }
            FileSpec::MadeBy(shell) => {
                // In a private root, where a program may look at its own path.
                let (mut command, place) = match &self.namespace {
                    Some(namespace) if namespace.is_private() => {
                        (namespace.enter(Path::new("/bin/sh")), self.place(path.trim_end_matches('/')))
                    }
                    _ => (Command::new("sh"), place.clone()),
                };
                let made = command.args(["-euc", shell, "sh"]).arg(&place).status().expect("sh");
                assert!(made.success(), "{shell}");
            }
            FileSpec::File { content, mode, owner, group } => {
                let bytes = match content {
                    Content::Text(text) => self.filled(text).into_bytes(),
                    Content::OutputOf(_) => bytes(content),
                };
                fs::write(&place, bytes).expect("written");
                if owner.is_some() || group.is_some() {
                    std::os::unix::fs::chown(&place, *owner, *group).expect("an owner");
                }
                give_mode(*mode, 0o644);
            }
        }
    }

    pub(crate) fn write(&self, relative: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, content).expect("written");
        path
    }

    pub(crate) fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
    }

    pub(crate) fn exists(&self, relative: &str) -> bool {
        self.path(relative).symlink_metadata().is_ok()
    }

    /// What the stand-ins wrote down of their calls since [`Self::forget_calls`].
    pub(crate) fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.dir.path().join("calls")).unwrap_or_default();
        text.lines().map(|line| self.shown(line)).collect()
    }

    pub(crate) fn forget_calls(&self) {
        let _ = fs::remove_file(self.dir.path().join("calls"));
        if let Some(server) = &self.server {
            server.forget();
        }
    }

    /// How often a path of the web server was asked for since then.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.server.as_ref().map_or(0, |server| server.asked(path))
    }

    /// A text of the host as a case writes it: its home is `~`, its web server `{{ web }}`.
    pub(crate) fn shown(&self, text: &str) -> String {
        let home = self.home.display().to_string();
        let text = text.replace(&home, "~").replace(&home.replace('\'', r"'\''"), "~");
        match &self.server {
            Some(server) => text.replace(&server.url(""), "{{ web }}"),
            None => text,
        }
    }

    /// Compiles a playbook for this host.
    pub(crate) fn plan(&self, playbook: &str, local: &[(String, Content)], mode: Mode) -> Result<Plan, Refused> {
        let web = self.server.as_ref().map(|server| server.url(""));
        compile_in(&self.dir.path().join("local"), playbook, local, web.as_deref(), mode)
    }

    /// Compiles steps that have no fault.
    pub(crate) fn steps(&self, steps: &str, mode: Mode) -> Plan {
        self.plan(&format!("steps:\n{steps}\n"), &[], mode).unwrap_or_else(|refused| panic!("{}", refused.rendered))
    }

    /// Carries steps out.
    pub(crate) fn run(&self, steps: &str) -> Heard {
        self.deliver(&self.steps(steps, Mode::Run))
    }

    /// Delivers a plan as a run of its own, and gives what came back when it was over. What steps give to pinboot's machine is taken to
    /// `~/here`.
    pub(crate) fn deliver(&self, plan: &Plan) -> Heard {
        let mut plan = plan.clone();
        let takes = takes(&mut plan, &self.home.join("here"));
        let plan = &plan;
        let sender = self.send_files(plan);
        let (mut command, stdin) = self.prepare(plan);
        let _alone = alone(plan);
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("sh");
        let sent = std::io::Write::write_all(&mut child.stdin.take().expect("piped"), &stdin);
        sent.expect("standard input takes all");
        let (over, waiting) = std::sync::mpsc::channel::<()>();
        let (delivery, runner) = (Pid::from_child(&child), self.record().join("runner"));
        let watch = std::thread::spawn(move || {
            if waiting.recv_timeout(LONGEST) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                end(delivery, &runner);
            }
        });
        let output = child.wait_with_output().expect("sh ends");
        drop(over);
        watch.join().expect("it watches");
        drop(sender);
        for (step, takes) in takes {
            take(&self.record().join(format!("{step}.have")), &takes);
        }
        Heard::new(&output.stdout, &output.stderr, NONCE, plan.steps.len(), |text| self.shown(text))
    }

    /// Puts the files of this machine that a plan needs where its steps wait for them, as the controller does beside the log.
    /// A step takes its files away, and the next one may need them again.
    fn send_files(&self, plan: &Plan) -> Sending {
        let folder = self.path("~/.pinboot/files");
        let mut files = Vec::new();
        for step in &plan.steps {
            let Action::Apply(spec) = &step.action else { continue };
            for file in spec.recipe.upload().iter().flat_map(|upload| upload.tree.files()) {
                files.push((folder.join(&file.digest), fs::read(&file.path).expect("a local file")));
            }
        }
        let is_over = Arc::new(AtomicBool::new(files.is_empty()));
        if !files.is_empty() {
            fs::create_dir_all(&folder).expect("made");
        }
        let until = Arc::clone(&is_over);
        let send = move || {
            for (place, bytes) in files.iter().filter(|(place, _)| !place.exists()) {
                let part = place.with_extension("new");
                let _ = fs::write(&part, bytes).and_then(|()| fs::rename(&part, place));
            }
        };
        send();
        let thread = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                std::thread::sleep(std::time::Duration::from_millis(20));
                send();
            }
        });
        Sending { is_over, thread: Some(thread) }
    }

    /// Delivers a plan and does not wait for it.
    pub(crate) fn start(&self, plan: &Plan) -> Child {
        let (mut command, stdin) = self.prepare(plan);
        assert!(stdin.is_empty(), "the plan goes into the command");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("sh")
    }

    fn prepare(&self, plan: &Plan) -> (Command, Vec<u8>) {
        let identity = Identity {
            run: RunId::from_random([self.runs.fetch_add(1, Ordering::Relaxed) + 1, 0, 0, 0]),
            nonce: NONCE.to_owned(),
            started_by: "tester@here 2026-11-24T06:00:00Z".to_owned(),
            shell: self.bin().join("sh").display().to_string(),
        };
        let exec = Delivery::new(&program(plan, &identity), &identity, &plan.secrets).exec();
        let text = String::from_utf8(exec.command).expect("the exec string is ASCII");
        // A login's umask.
        let text = format!("umask 022; {text}");
        (self.command(&["sh", "-c", &text]), exec.stdin)
    }

    /// The record of the last run.
    pub(crate) fn record(&self) -> PathBuf {
        let run = RunId::from_random([self.runs.load(Ordering::Relaxed), 0, 0, 0]);
        self.home.join(".pinboot/runs").join(run.as_str())
    }

    /// A command as a login of this host runs it; the program may be one that only this machine has.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let program = std::env::split_paths(&self.path).map(|dir| dir.join(words[0])).find(|path| path.is_file());
        let program = program.or_else(|| which(words[0])).unwrap_or_else(|| panic!("no {}", words[0]));
        let mut command = match &self.namespace {
            None => Command::new(program),
            Some(namespace) => namespace.enter(&program),
        };
        if self.namespace.is_none() {
            command.arg0(words[0]);
        }
        command.args(&words[1..]);
        for name in ["CLASSPATH", "SHELL", "JAVA_HOME", "http_proxy", "https_proxy", "BASH_ENV", "ENV", "SSH_CLIENT"] {
            command.env_remove(name);
        }
        command
            .env("PATH", &self.path)
            .env("HOME", &self.home)
            .env("XDG_RUNTIME_DIR", self.dir.path().join("memory"))
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.home)
            .stdin(Stdio::null());
        command
    }

    /// Whether the host has a program.
    pub(crate) fn has(&self, program: &str) -> bool {
        std::env::split_paths(&self.path).any(|dir| dir.join(program).is_file())
    }

    /// What a command prints.
    pub(crate) fn output(&self, words: &[&str]) -> String {
        let output = self.command(words).output().expect("started");
        self.shown(&String::from_utf8_lossy(&output.stdout))
    }

    /// Everything in the home, and everything that was written to a private root, but pinboot's own record.
    pub(crate) fn tree(&self) -> Tree {
        let mut layers = self.namespace.as_ref().map(Namespace::layers).unwrap_or_default();
        let covers = self.outside("proc");
        if covers.is_dir() {
            layers.push((covers, "proc"));
        }
        Tree::of(&self.path("~"), &layers, self.dir.path())
    }

    /// What is at a path of a private root, written there or not.
    pub(crate) fn thing(&self, path: &str) -> Option<Thing> {
        Tree::thing(&self.path(path), self.dir.path())
    }
}

/// What sends files while a run is on its way.
struct Sending {
    is_over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

/// Ends a run that does not end by itself, so that the test fails and does not hang.
fn end(delivery: Pid, runner: &Path) {
    let _ = rustix::process::kill_process_group(delivery, Signal::KILL);
    let words = fs::read_to_string(runner).unwrap_or_default();
    let pid = words.split(' ').next().and_then(|word| word.parse().ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
}

/// Where it is not root that runs the tests, runs that use sudo share `/run/pinboot/lock`, and come one at a time.
fn alone(plan: &Plan) -> Option<MutexGuard<'static, ()>> {
    static LOCK: Mutex<()> = Mutex::new(());
    let uses_sudo = |step: &PlannedStep| matches!(&step.action, Action::Apply(spec) if spec.run_as != RunAs::Login);
    let shared = !rustix::process::geteuid().is_root() && plan.steps.iter().any(uses_sudo);
    shared.then(|| LOCK.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The rest of the PATH for a host that has these programs.
fn programs(spec: &HostSpec, dir: &Path) -> String {
    let machine = std::env::var("PATH").expect("a PATH");
    let folder = dir.join("programs");
    fs::create_dir(&folder).expect("a folder");
    let never: Vec<&str> = NEVER.iter().chain(NEVER_SHARED.iter().filter(|_| !spec.private)).copied().collect();
    match &spec.programs {
        Programs::All => {
            let refusal = folder.join("never");
            let text = "#!/bin/sh\necho \"this host has no ${0##*/} unless the test gives it one\" >&2\nexit 127\n";
            fs::write(&refusal, text).expect("written");
            fs::set_permissions(&refusal, fs::Permissions::from_mode(0o755)).expect("a mode");
            for name in never {
                symlink("never", folder.join(name)).expect("a link");
            }
            return format!("{}:{machine}", folder.display());
        }
        Programs::Only(names) => {
            for name in ALWAYS.iter().copied().chain(names.iter().map(String::as_str)) {
                link(name, &folder);
            }
        }
        Programs::Without(names) => {
            for entry in std::env::split_paths(&machine).filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten() {
                let name = entry.file_name();
                let left_out = never.iter().any(|known| name == *known) || names.iter().any(|known| name == **known);
                if !left_out && name != "sh" && !folder.join(&name).is_symlink() {
                    symlink(entry.path(), folder.join(name)).expect("a link");
                }
            }
        }
        Programs::Busybox => {
            let done = Command::new("busybox").args(["--install", "-s"]).arg(&folder).status().expect("busybox");
            assert!(done.success());
            // The shell under test is the one in front of this folder.
            for name in never.iter().chain(&["sh"]) {
                let _ = fs::remove_file(folder.join(name));
            }
            // Debian's busybox lacks it, Alpine's has it, and no delivery does without.
            if !folder.join("cksum").is_symlink() {
                link("cksum", &folder);
            }
        }
    }
    folder.display().to_string()
}

/// Gives a folder one of the machine's programs.
fn link(name: &str, folder: &Path) {
    // What the machine itself lacks, a host of it cannot have; the runner does without `setsid` and `flock`.
    let Some(path) = which(name) else { return };
    if fs::read(&path).expect("a program").starts_with(b"#!") {
        // A script finds its own interpreter; whatever it runs then, it runs with the machine's PATH.
        let rest = std::env::var("PATH").expect("a PATH");
        let text = format!("#!/bin/sh\nPATH='{rest}' exec {} \"$@\"\n", path.display());
        let place = folder.join(name);
        fs::write(&place, text).expect("written");
        fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).expect("a mode");
    } else if !folder.join(name).is_symlink() {
        symlink(&path, folder.join(name)).expect("a link");
    }
}

/// The bytes of a content. What shell prints is made once, in an empty folder of this machine.
pub(crate) fn bytes(content: &Content) -> Vec<u8> {
    static MADE: LazyLock<Mutex<HashMap<String, Vec<u8>>>> = LazyLock::new(Mutex::default);
    match content {
        Content::Text(text) => text.clone().into_bytes(),
        Content::OutputOf(shell) => {
            let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
            made.entry(shell.clone())
                .or_insert_with(|| {
                    let dir = tempfile::tempdir().expect("a folder");
                    let output = Command::new("sh").args(["-euc", shell]).current_dir(dir.path()).output().expect("sh");
                    assert!(output.status.success(), "{shell}: {output:?}");
                    output.stdout
                })
                .clone()
        }
    }
}

/// Why a playbook is refused.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) errors: Vec<Diagnostic>,
    pub(crate) sources: Sources,
    pub(crate) rendered: String,
}

/// Says in a plan what is here already of the files that its steps give, below this folder.
fn takes(plan: &mut Plan, here: &Path) -> Vec<(u32, Takes)> {
    let mut found = Vec::new();
    for step in &mut plan.steps {
        let Action::Apply(spec) = &mut step.action else { continue };
        let Effect::Takes(takes) = &mut spec.recipe.effect else { continue };
        let tree = pinboot::taken::read(&here.join(&takes.to)).expect("it can be read");
        (takes.to, takes.here) = (tree.path, tree.entries);
        found.push((step.id.0, takes.clone()));
    }
    found
}

/// Takes what a step has written down, if it has.
fn take(have: &Path, takes: &Takes) {
    let Ok(bytes) = fs::read(have) else { return };
    // A step that failed has written a part, or nothing.
    if !bytes.ends_with(b"\n") || bytes.len() < 40 || !bytes[bytes.len() - 40..].starts_with(b"pb-have ") {
        return;
    }
    let (rest, last) = bytes.split_at(bytes.len() - 40);
    let last: Vec<&str> = std::str::from_utf8(last).expect("a line").split_whitespace().collect();
    assert_eq!((last[0], last.len()), ("pb-have", 3));
    let (files, index) = rest.split_at(last[1].parse().expect("a number"));
    let mut taking = Taking::new(takes, index, files.len() as u64).expect("an index");
    if let Some(from) = taking.start().expect("it can be written") {
        let rest = &files[usize::try_from(from).expect("it fits")..];
        assert!(!taking.write(rest).expect("it can be written"), "all of it came");
    }
    fs::remove_file(have).expect("it is ours");
}

/// Compiles a playbook for a host at no address.
pub(crate) fn compile(
    playbook: &str,
    local: &[(String, Content)],
    web: Option<&str>,
    mode: Mode,
) -> Result<Plan, Refused> {
    let dir = tempfile::tempdir().expect("a folder");
    compile_in(&dir.path().join("local"), playbook, local, web, mode)
}

/// Writes the files of the machine that pinboot runs on. What ends in `/` is a folder, in which its text is carried out as shell.
fn write_local(place: &Path, local: &[(String, Content)]) {
    for (name, content) in local {
        let path = place.join(name);
        if name.ends_with('/') && !path.exists() {
            fs::create_dir_all(&path).expect("made");
            let shell = String::from_utf8(bytes(content)).expect("shell");
            let status = Command::new("sh").args(["-euc", &format!("umask 022; {shell}")]).current_dir(&path).status();
            assert!(status.expect("sh").success(), "{shell}");
        } else if !name.ends_with('/') {
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(&path, bytes(content)).expect("written");
        }
    }
}

/// The same with the files of this machine in that folder.
fn compile_in(
    place: &Path,
    playbook: &str,
    local: &[(String, Content)],
    web: Option<&str>,
    mode: Mode,
) -> Result<Plan, Refused> {
    let lock = local.iter().find(|(name, _)| name == "playbook.yaml.lock").map(|(_, content)| bytes(content));
    write_local(place, local);
    let place = place.to_owned();
    let local = local.to_vec();
    let loader = move |name: &str| {
        let found = local.iter().find(|(known, _)| known == name);
        found.map(|(_, content)| bytes(content)).ok_or_else(|| "there is no such file".to_owned())
    };
    let mut inputs = Inputs::new("tester", loader);
    inputs.trees = Box::new(move |name, exclude| {
        pinboot::local::read_tree(&place.join(name), name, exclude).map(std::sync::Arc::new)
    });
    inputs.flags.vars.extend(web.map(|url| format!("web={url}")));
    let mut sources = Sources::default();
    if let Some(lock) = lock {
        let lock = String::from_utf8(lock).expect("text").replace("{{ web }}", web.unwrap_or_default());
        let id = sources.add("playbook.yaml.lock", lock.clone());
        inputs.lock = Lock::read("playbook.yaml.lock", id, &lock).expect("a lock");
    }
    let text = format!("hosts: {{ host: {{ address: host }} }}\n{playbook}");
    let made = match load(&mut sources, "playbook.yaml", text.into_bytes(), inputs) {
        Ok(loaded) => compile_all(&loaded, &mut sources, mode),
        Err(errors) => Err(errors),
    };
    match made {
        Ok(plans) => Ok(plans.into_iter().next().expect("one host").1),
        Err(errors) => {
            let rendered = pinboot::source::render(&errors, &sources, false);
            Err(Refused { errors, sources, rendered })
        }
    }
}
