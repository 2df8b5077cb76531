//! A world for the program: a controller, a server and a home on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::command::ended;
pub(crate) use crate::command::{Call, Printed, general};

use crate::support::sshd::{Options, PATIENCE, Software, Sshd, signal};
use crate::support::wait::wait_until;

pub(crate) use rustix::process::Signal;

/// A server (of one of three makes) with a home on it, and a folder of the user who runs the program.
pub(crate) struct World {
    pub(crate) server: Sshd,
    pub(crate) home: TempDir,
    pub(crate) controller: TempDir,
    /// The login user.
    pub(crate) user: String,
    /// Another port than the server's own: something stands between, or it is another server on the same home.
    pub(crate) via: Option<u16>,
    /// Files that live as long as the world.
    pub(crate) keep: Option<TempDir>,
}

/// A folder that every user can enter.
pub(crate) fn folder(prefix: &str) -> TempDir {
    let dir = TempDir::with_prefix(prefix).expect("a temporary folder");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(dir.path(), open).expect("chmod");
    dir
}

impl World {
    pub(crate) fn new() -> Option<Self> {
        Self::with(|options, _| options)
    }

    /// A world whose server is a little different; the home is given.
    pub(crate) fn with(change: impl FnOnce(Options, &Path) -> Options) -> Option<Self> {
        Self::on(Software::OpenSsh, change)
    }

    /// The same, on one server of the three.
    pub(crate) fn on(software: Software, change: impl FnOnce(Options, &Path) -> Options) -> Option<Self> {
        let (home, controller) = (folder("pinboot-home-"), folder("pinboot-controller-"));
        let options = Options::default()
            .software(software)
            .env("HOME", home.path().display().to_string())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin");
        let server = change(options, home.path()).start()?;
        let user = server.user.clone();
        Some(Self { server, home, controller, user, via: None, keep: None })
    }

    /// Writes the playbook: its steps, in YAML.
    pub(crate) fn steps(&self, steps: &str) {
        self.playbook(&format!("name: A test\nsteps:\n{steps}"));
    }

    pub(crate) fn playbook(&self, text: &str) {
        fs::write(self.here("p.yaml"), text).expect("the playbook is written");
    }

    /// A file of the controller's.
    pub(crate) fn here(&self, name: &str) -> PathBuf {
        self.controller.path().join(name)
    }

    /// A file in the home on the host.
    pub(crate) fn there(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// What a file in the home holds; nothing where it is not there.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.there(name)).unwrap_or_default()
    }

    /// `pinboot run` on this server, with the right key.
    pub(crate) fn run_call(&self, more: &[&str]) -> Call {
        self.reach(&["run", "p.yaml"]).arg("--key").arg(self.server.key()).args(more)
    }

    /// The program with these words and the way to the host, but no key.
    pub(crate) fn reach(&self, words: &[&str]) -> Call {
        let call = self.call(words).args(["--host-key", "strict", "--known-hosts"]).arg(self.server.known_hosts());
        call.args(["--host", &format!("{}@127.0.0.1:{}", self.user, self.via.unwrap_or(self.server.port))])
    }

    /// The program with these words alone, such as `rerun`.
    pub(crate) fn call(&self, words: &[&str]) -> Call {
        Call::new(self.controller.path()).args(words)
    }

    /// Goes by this port from now on, where the same host keys are shown.
    pub(crate) fn go_by(&mut self, port: u16) {
        let known = self.server.known_hosts();
        let text = fs::read_to_string(&known).expect("known_hosts");
        let there = format!("[127.0.0.1]:{port} ");
        let more = text.replace(&format!("[127.0.0.1]:{} ", self.server.port), &there);
        fs::write(&known, text + &more).expect("known_hosts");
        self.via = Some(port);
    }

    /// Whether the last run is over on the host, as its own record has it.
    pub(crate) fn is_over(&self) -> bool {
        let runs = fs::read_dir(self.there(".pinboot/runs")).into_iter().flatten().flatten();
        runs.count() > 0
            && self.runs().pop().is_some_and(|run| self.there(&format!(".pinboot/runs/{run}/end")).exists())
    }

    /// How many logins there were.
    pub(crate) fn logins(&self) -> usize {
        self.server.logins()
    }

    /// The runner of the last run, and all that it has started.
    pub(crate) fn runner(&self) -> (u32, Vec<u32>) {
        let run = self.runs().pop().expect("a run");
        let written = self.read(&format!(".pinboot/runs/{run}/runner"));
        let pid = written.split(' ').next().and_then(|pid| pid.parse().ok()).expect("a pid");
        (pid, crate::support::sshd::below(pid))
    }

    pub(crate) fn run(&self, more: &[&str]) -> Printed {
        self.run_call(more).run()
    }

    /// Runs the program with these words alone, such as `rerun`.
    pub(crate) fn pinboot(&self, words: &[&str]) -> Printed {
        self.call(words).run()
    }

    /// Starts a run and does not wait for it.
    pub(crate) fn start(&self, more: &[&str]) -> Started {
        Started::start(self.run_call(more))
    }

    /// The runs of the controller, the oldest first.
    pub(crate) fn runs(&self) -> Vec<String> {
        let listed = self.pinboot(&["runs", "--json"]);
        let lines = listed.stdout.lines().rev();
        lines.map(|line| parse(line)["run"].as_str().expect("a run's name").to_owned()).collect()
    }

    /// The journal of the last run, as it lies there.
    pub(crate) fn journal_text(&self) -> String {
        let Some(run) = self.runs().pop() else { return String::new() };
        fs::read_to_string(self.here("state/runs").join(run).join("events.jsonl")).expect("a journal")
    }

    /// What the journal has of the last run: each step's end, and the exit codes, in order.
    pub(crate) fn journal(&self) -> Vec<String> {
        let text = self.journal_text();
        text.lines()
            .map(parse)
            .filter_map(|event| match event["kind"].as_str()? {
                "step_finished" => Some(format!("{} {}", event["step"], event["outcome"].as_str()?)),
                "host_unreachable" => Some(format!("unreachable {}", event["code"])),
                "host_finished" | "run_finished" => Some(format!("exit {}", event["exit"])),
                kind @ ("host_lost" | "host_regained") => Some(kind.to_owned()),
                _ => None,
            })
            .collect()
    }

    /// Everything printed, with the names of this machine and this moment taken out.
    pub(crate) fn plain(&self, printed: &Printed) -> String {
        let mut text = printed.shown();
        for (number, run) in self.runs().iter().enumerate() {
            text = text.replace(run, &format!("RUN{}", number + 1));
        }
        let places = [(self.home.path(), "HOME"), (self.controller.path(), "HERE"), (self.server.dir.path(), "SERVER")];
        for (path, name) in places {
            text = text.replace(&path.display().to_string(), name);
        }
        text = text.replace(&format!("{}@", self.user), "USER@");
        text = text.replace("EC2 images do not allow root to log in; ", "");
        for kind in ["ed25519", "ecdsa"] {
            if self.server.file(&format!("host_{kind}.pub")).exists() {
                text = text.replace(&self.server.host_key(kind), "TYPE KEY");
            }
        }
        let machine = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        text = text.replace(&format!("me@{}", machine.trim()), "me@MACHINE");
        // A run that could not be recorded is not listed.
        if let Some(place) = text.find("HERE/state/runs/") {
            let name = place + "HERE/state/runs/".len();
            if text[name..].bytes().take(8).filter(u8::is_ascii_hexdigit).count() == 8 {
                text.replace_range(name..name + 8, "RUN");
            }
        }
        // The length of a journal depends on the digits of its times and ports.
        if let Some(end) = text.find(" bytes from there on") {
            let begin = text[..end].rfind(' ').map_or(0, |blank| blank + 1);
            text.replace_range(begin..end, "SO_MANY");
        }
        if let Some(port) = self.via {
            text = text.replace(&port.to_string(), "PORT");
        }
        general(&text.replace(&self.server.port.to_string(), "PORT"))
    }
}

/// Plays a case on each server, side by side: the same must be seen on all of them.
pub(crate) fn on_each(case: impl Fn(World) + Sync) {
    on_each_with(|options, _| options, case);
}

/// The same, with servers that are a little different.
pub(crate) fn on_each_with(change: impl Fn(Options, &Path) -> Options + Sync, case: impl Fn(World) + Sync) {
    on_some(&Software::ALL, change, case);
}

/// The same, without those that cannot show it, for these reasons.
pub(crate) fn on_each_but(without: &[(Software, &str)], case: impl Fn(World) + Sync) {
    let is_with = |software: &Software| !without.iter().any(|(name, _)| name == software);
    let some: Vec<Software> = Software::ALL.into_iter().filter(is_with).collect();
    on_some(&some, |options, _| options, case);
}

fn on_some(some: &[Software], change: impl Fn(Options, &Path) -> Options + Sync, case: impl Fn(World) + Sync) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    std::thread::scope(|scope| {
        for software in some {
            let (change, case) = (&change, &case);
            let play = move || {
                if let Some(world) = World::on(*software, change) {
                    case(world);
                }
            };
            // The name of the thread shows on which server a case failed.
            let named = std::thread::Builder::new().name(format!("{test} on {}", software.name()));
            named.spawn_scoped(scope, play).expect("a thread");
        }
    });
}

/// A world with a user of its own, who has this login shell (and this PATH); everything of it is seen by that server only.
/// `more` is shell that is carried out before the server starts, with the home as `$1`.
pub(crate) fn user_with(shell: &str, path: Option<&Path>, more: &str) -> Option<World> {
    user_on(|options| options, shell, path, more)
}

/// The same on a server that is a little different.
pub(crate) fn user_on(
    change: impl FnOnce(Options) -> Options,
    shell: &str,
    path: Option<&Path>,
    more: &str,
) -> Option<World> {
    let keep = folder("pinboot-users-");
    let files = keep.path().display().to_string();
    let mut world = World::with(|options, home| {
        let mut options = change(options);
        let home = home.display();
        options.environment.retain(|(name, _)| name != "PATH");
        if let Some(path) = path {
            options = options.env("PATH", path.display().to_string());
        }
        options.mounts(format!(
            "cp /etc/passwd {files}/passwd; cp /etc/shadow {files}/shadow
             echo 'visitor:x:54321:54321::{home}:{shell}' >>{files}/passwd
             echo 'visitor:*:19000:0:99999:7:::' >>{files}/shadow
             mount --bind {files}/passwd /etc/passwd; mount --bind {files}/shadow /etc/shadow
             chown -R 54321:54321 {home}
             {more}"
        ))
    })?;
    "visitor".clone_into(&mut world.user);
    world.keep = Some(keep);
    Some(world)
}

/// A folder for a `PATH` that has this machine's programs without these (`python*` and its like go by their beginning).
pub(crate) fn path_without(absent: &[&str]) -> TempDir {
    let dir = folder("pinboot-path-");
    for entry in
        fs::read_dir("/usr/bin").expect("programs").chain(fs::read_dir("/usr/sbin").expect("programs")).flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_absent = absent.iter().any(|absent| match absent.strip_suffix('*') {
            Some(begin) => name.starts_with(begin),
            None => name == *absent,
        });
        if !is_absent {
            // Both folders may have the same name.
            let _ = std::os::unix::fs::symlink(entry.path(), dir.path().join(name));
        }
    }
    dir
}

pub(crate) fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))
}

/// A program that has been started.
pub(crate) struct Started {
    child: Option<Child>,
}

impl Started {
    pub(crate) fn start(call: Call) -> Self {
        let mut command = call.into_command();
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("pinboot starts");
        Self { child: Some(child) }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it was not waited for").id()
    }

    pub(crate) fn signal(&self, which: Signal) {
        signal(self.pid(), which);
    }

    /// Closes the reading end of its standard output.
    pub(crate) fn stop_reading(&mut self) {
        drop(self.child.as_mut().expect("it was not waited for").stdout.take());
    }

    /// Reads its standard error up to a line with these words.
    pub(crate) fn wait_for(&mut self, words: &str) -> String {
        read_up_to(self.child.as_mut().and_then(|child| child.stderr.as_mut()).expect("a pipe"), words)
    }

    /// Reads its standard output up to a line with these words.
    pub(crate) fn wait_for_result(&mut self, words: &str) -> String {
        read_up_to(self.child.as_mut().and_then(|child| child.stdout.as_mut()).expect("a pipe"), words)
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Printed {
        Printed::of(&ended(self.child.take().expect("it is waited for once")))
    }

    /// Sends a signal again and again until it ends: a busy machine makes one of two that come close together.
    pub(crate) fn signal_until_it_ends(mut self, which: Signal) -> Printed {
        let mut next = Instant::now();
        until("it ends", || {
            let child = self.child.as_mut().expect("it was not waited for");
            if child.try_wait().expect("its state").is_some() {
                return true;
            }
            if Instant::now() >= next {
                signal(child.id(), which);
                next = Instant::now() + Duration::from_millis(200);
            }
            false
        });
        self.finish()
    }

    /// Kills it without a word.
    pub(crate) fn kill(mut self) {
        let mut child = self.child.take().expect("it was not waited for");
        child.kill().expect("it is killed");
        child.wait().expect("it is gone");
    }
}

fn read_up_to(pipe: &mut impl std::io::Read, words: &str) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while pipe.read(&mut byte).expect("it is read") == 1 {
        text.push(byte[0]);
        if byte[0] == b'\n' && String::from_utf8_lossy(&text).contains(words) {
            return String::from_utf8(text).expect("UTF-8");
        }
    }
    panic!("it never said `{words}`: {}", String::from_utf8_lossy(&text));
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until a condition holds.
#[track_caller]
pub(crate) fn until(what: &str, holds: impl FnMut() -> bool) {
    assert!(wait_until(Instant::now() + PATIENCE, holds), "never: {what}");
}

/// Compares what a person sees with what was looked at and found good.
macro_rules! seen {
    ($world:expr, $name:expr, $printed:expr) => {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, $world.plain(&$printed));
        })
    };
}
pub(crate) use seen;
