//! A controller, a server and a home on it; and what one call of the program came to.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::sshd::{Options, PATIENCE, Software, Sshd, signal};
use crate::support::wait::wait_until;

pub(crate) use rustix::process::Signal;

/// What one call of the program came to.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Told {
    pub(crate) fn of(output: &Output) -> Self {
        assert!(output.status.signal().is_none(), "it ends by itself: {output:?}");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("what is printed is UTF-8");
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Insists on an exit code, and on a text that is fit to be shown.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(!all.contains("panicked"), "{all}");
        assert!(!all.chars().any(|c| c.is_control() && c != '\n'), "{all:?}");
        self
    }

    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        for word in words {
            assert!(all.contains(word), "no `{word}` in\n{all}");
        }
        self
    }
}

/// The program in an environment that holds nothing of the developer's.
pub(crate) fn pinboot(controller: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinboot"));
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", controller)
        .env("USER", "me")
        .env("PINBOOT_STATE_DIR", controller.join("state"))
        .current_dir(controller)
        .stdin(Stdio::null());
    command
}

/// A server (of one of three makes) with a home on it, and somebody who runs the program against it.
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
    pub(crate) fn run_command(&self, more: &[&str]) -> Command {
        let mut command = self.reach(&["run", "p.yaml"]);
        command.arg("--key").arg(self.server.key()).args(more);
        command
    }

    /// The program with these words and the way to the host, but no key.
    pub(crate) fn reach(&self, words: &[&str]) -> Command {
        let mut command = pinboot(self.controller.path());
        command.args(words).args(["--host-key", "strict", "--known-hosts"]).arg(self.server.known_hosts());
        command.args(["--host", &format!("{}@127.0.0.1:{}", self.user, self.via.unwrap_or(self.server.port))]);
        command
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

    /// How often somebody has logged in.
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

    pub(crate) fn run(&self, more: &[&str]) -> Told {
        Told::of(&self.run_command(more).output().expect("pinboot starts"))
    }

    /// The program with these words alone, such as `rerun`.
    pub(crate) fn pinboot(&self, words: &[&str]) -> Told {
        Told::of(&pinboot(self.controller.path()).args(words).output().expect("pinboot starts"))
    }

    /// Starts a run and does not wait for it.
    pub(crate) fn start(&self, more: &[&str]) -> Going {
        Going::start(&mut self.run_command(more))
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
    pub(crate) fn plain(&self, told: &Told) -> String {
        let mut text =
            format!("exit {}\n--- stdout\n{}--- stderr\n{}", told.code.unwrap_or(-1), told.stdout, told.stderr);
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
        // (A run that could not be written down is in no list.)
        if let Some(place) = text.find("HERE/state/runs/") {
            let name = place + "HERE/state/runs/".len();
            if text[name..].bytes().take(8).filter(u8::is_ascii_hexdigit).count() == 8 {
                text.replace_range(name..name + 8, "RUN");
            }
        }
        // (How long a journal is depends on the digits of its times and ports.)
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
            // (Whoever fails is named by its thread.)
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
            // (The same name may stand in both.)
            let _ = std::os::unix::fs::symlink(entry.path(), dir.path().join(name));
        }
    }
    dir
}

/// Takes times and fingerprints out.
pub(crate) fn general(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        for at in 0..words.len() {
            let bare = words[at].trim_end_matches([',', ')', '”', '.']);
            let is_time = bare.contains('.') && bare.parse::<f64>().is_ok();
            let unit = words.get(at + 1).is_some_and(|next| next.trim_end_matches([',', ')', ';', ':', '.']) == "s");
            if is_time && unit {
                // (In a column, a long time leaves fewer blanks before it.)
                let missing = if at > 0 && words[at - 1].is_empty() { bare.len().saturating_sub(3) } else { 0 };
                words[at] = format!("{}0.0", " ".repeat(missing));
            }
            if let Some(place) = words[at].find("SHA256:") {
                let end = words[at][place + 7..].find(|c: char| !c.is_ascii_alphanumeric() && !"+/".contains(c));
                let rest = end.map_or("", |end| &words[at][place + 7 + end..]).to_owned();
                words[at] = format!("{}SHA256:PRINT{rest}", &words[at][..place]);
            }
            if words[at].len() > 20 && words[at].ends_with('Z') && words[at].starts_with("20") {
                "NOW".clone_into(&mut words[at]);
            }
        }
        let mut line = words.join(" ");
        if is_a_death_notice(line.trim()) {
            continue;
        }
        if is_the_shells(line.trim()) {
            line.replace_range(line.len() - line.trim_start().len().., "(the shell says so in its own words)");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    // (Where nothing but such a notice was said.)
    out.replace("  last lines\n  next ", "  output   none\n  next ")
}

/// Whether a line is a shell's own, which each shell words in its way.
fn is_the_shells(line: &str) -> bool {
    let named = ["sh: ", "plan: "].iter().find_map(|name| line.strip_prefix(name));
    named.is_some_and(|rest| rest.starts_with("line ") || rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether a shell tells of a child's death, which some do in one line, some in two, and some not at all.
fn is_a_death_notice(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let words = if let ["plan:" | "sh:", "line", _, rest @ ..] = words.as_slice() { rest } else { &words };
    match words {
        ["Killed" | "Terminated"] => true,
        [pid, "Done" | "Killed" | "Terminated", ..] => pid.parse::<u32>().is_ok(),
        _ => false,
    }
}

pub(crate) fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))
}

/// A program that has been started.
pub(crate) struct Going {
    child: Option<Child>,
}

impl Going {
    pub(crate) fn start(command: &mut Command) -> Self {
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
    pub(crate) fn told(mut self) -> Told {
        Told::of(&self.child.take().expect("it is waited for once").wait_with_output().expect("its output"))
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

impl Drop for Going {
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
    ($world:expr, $name:expr, $told:expr) => {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, $world.plain(&$told));
        })
    };
}
pub(crate) use seen;
