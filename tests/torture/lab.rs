//! A host made of one folder: a home, and a PATH on which `sh` is one shell and some tools are missing.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// What a host has.
#[derive(Clone, Debug)]
pub(crate) struct Kit {
    /// The shell that is its `sh`.
    pub(crate) shell: &'static str,
    pub(crate) flock: bool,
    pub(crate) setsid: bool,
    pub(crate) gnu_tail: bool,
}

/// The programs on the host's PATH. Those that yash has built in are here too: it finds them only if they are on PATH as well.
const TOOLS: &[&str] = &[
    "[",
    "test",
    "echo",
    "true",
    "false",
    "pwd",
    "cat",
    "cksum",
    "cut",
    "date",
    "dd",
    "df",
    "flock",
    "grep",
    "head",
    "id",
    "kill",
    "ls",
    "mkdir",
    "mv",
    "printf",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "setsid",
    "sha256sum",
    "sleep",
    "sync",
    "tail",
    "touch",
    "tr",
    "wc",
];

/// The shells that are installed; those that are missing are named once.
pub(crate) fn shells() -> Vec<&'static str> {
    let found = |name: &&'static str| {
        let there = which(name).is_some();
        if !there {
            let message = format!("LEFT OUT {name} as the host's sh: `apt-get install {name}` brings it in");
            assert!(std::env::var_os("PINBOOT_TEST_ALL").is_none(), "{message}");
            eprintln!("{message}");
        }
        there
    };
    ["dash", "bash", "busybox", "mksh", "yash"].into_iter().filter(found).collect()
}

fn which(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// The host.
#[derive(Debug)]
pub(crate) struct Lab {
    home: tempfile::TempDir,
    pub(crate) kit: Kit,
    bin: PathBuf,
    /// Whether deliveries and runners note the points that they pass.
    pub(crate) is_traced: bool,
    /// Held while a process is started, and during a loss of power.
    pub(crate) power: Mutex<()>,
    connections: Mutex<Vec<Connection>>,
    /// How many connections were tried, how many controllers have ended, and how many kills have fallen.
    pub(crate) tried: AtomicUsize,
    pub(crate) controllers: AtomicUsize,
    pub(crate) kills: AtomicUsize,
}

/// A connection whose command was started.
#[derive(Debug)]
struct Connection {
    number: usize,
    pid: i32,
    started: Instant,
    /// How many bytes the controller has heard.
    heard: u64,
}

/// How many lists of processes in a row must be empty before nothing lives.
const EMPTY_LISTS: u32 = 3;

impl Lab {
    pub(crate) fn new(kit: Kit) -> Self {
        Self::traced(kit, false)
    }

    pub(crate) fn traced(kit: Kit, is_traced: bool) -> Self {
        let home = tempfile::Builder::new().prefix("pinboot-torture-").tempdir().expect("a temporary home");
        let bin = home.path().join("tools");
        fs::create_dir(&bin).expect("a folder");
        symlink(which(kit.shell).expect("asked before"), bin.join("sh")).expect("a link");
        for tool in TOOLS {
            let has = match *tool {
                "flock" => kit.flock,
                "setsid" => kit.setsid,
                _ => true,
            };
            let from = if *tool == "tail" && !kit.gnu_tail { which("busybox") } else { which(tool) };
            if let Some(from) = from.filter(|_| has) {
                symlink(from, bin.join(tool)).expect("a link");
            }
        }
        for folder in ["memory", "trace", "gates"] {
            fs::create_dir(home.path().join(folder)).expect("a folder");
        }
        Self {
            home,
            kit,
            bin,
            is_traced,
            power: Mutex::new(()),
            connections: Mutex::default(),
            tried: AtomicUsize::new(0),
            controllers: AtomicUsize::new(0),
            kills: AtomicUsize::new(0),
        }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn sh(&self) -> PathBuf {
        self.bin.join("sh")
    }

    /// Where the host keeps secrets.
    pub(crate) fn memory(&self) -> PathBuf {
        self.path("memory")
    }

    pub(crate) fn bin(&self) -> &Path {
        &self.bin
    }

    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(name)).unwrap_or_default()).into_owned()
    }

    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        self.read(name).lines().map(str::to_owned).collect()
    }

    /// Notes that the command of a connection was started.
    pub(crate) fn started(&self, number: usize, pid: i32) {
        let connection = Connection { number, pid, started: Instant::now(), heard: 0 };
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    /// Notes that the controller has heard so many bytes more.
    pub(crate) fn hears(&self, number: usize, bytes: u64) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = connections.iter_mut().find(|connection| connection.number == number) {
            connection.heard += bytes;
        }
    }

    /// The deliveries: each connection's number, and its shell.
    pub(crate) fn deliveries(&self) -> Vec<(usize, i32)> {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.iter().map(|connection| (connection.number, connection.pid)).collect()
    }

    /// How long ago the command of a connection was started, and what the controller has heard of it.
    pub(crate) fn connection(&self, number: usize) -> (Duration, u64) {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let found = connections.iter().find(|connection| connection.number == number);
        found.map_or((Duration::ZERO, 0), |connection| (connection.started.elapsed(), connection.heard))
    }

    /// The size of the latest run's log.
    pub(crate) fn log_size(&self) -> u64 {
        let runs = fs::read_dir(self.path(".pinboot/runs")).into_iter().flatten().flatten();
        let logs = runs.filter_map(|run| fs::metadata(run.path().join("log")).ok());
        logs.max_by_key(|log| log.created().ok()).map_or(0, |log| log.len())
    }

    /// Whether this process belongs to the host and lives.
    pub(crate) fn has(&self, pid: i32) -> bool {
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder.starts_with(self.home())) && !is_dead(pid)
    }

    /// Every process of this host: those that work in its home. A process keeps its working directory while it becomes
    /// another program, when it has no environment.
    pub(crate) fn processes(&self) -> Vec<Process> {
        let entries = fs::read_dir("/proc").expect("/proc").flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        numbers
            .filter(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder.starts_with(self.home())))
            .map(|pid| Process { pid, role: self.role(pid) })
            .collect()
    }

    /// The processes for a person to read: parent, group and command of each.
    pub(crate) fn described(&self) -> String {
        let describe = |process: Process| {
            let read = |file: &str| fs::read(format!("/proc/{}/{file}", process.pid)).unwrap_or_default();
            let stat = String::from_utf8_lossy(&read("stat")).into_owned();
            let ids = stat.rsplit(") ").next().unwrap_or_default().split(' ').take(3).collect::<Vec<_>>().join(" ");
            let words = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
            let words: String = words.chars().take(60).collect();
            format!("\n  {} {:?} ({ids}): {words:?}", process.pid, process.role)
        };
        self.processes().into_iter().map(describe).collect()
    }

    fn role(&self, pid: i32) -> Role {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        let word = |at: usize| words.get(at).copied().unwrap_or_default();
        let name = word(0).rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        if name == b"tail" {
            return Role::Follower;
        }
        let lock = fs::read_link(format!("/proc/{pid}/fd/8"));
        let has_lock = lock.is_ok_and(|path| path.starts_with(self.path(".pinboot")));
        match (has_lock, words.iter().any(|word| *word == b"plan")) {
            (true, true) => Role::Runner,
            (true, false) => Role::Step,
            (false, _) => Role::Delivery,
        }
    }

    /// Ends every process at once, so that none of them gets to do anything more.
    pub(crate) fn power_cut(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        // A process that starts another one and ends while they are listed can hide both, so one empty list proves nothing.
        let mut empty_lists = 0;
        while empty_lists < EMPTY_LISTS {
            let mut living = self.processes();
            living.retain(|process| !is_dead(process.pid));
            empty_lists = if living.is_empty() { empty_lists + 1 } else { 0 };
            for how in [Signal::STOP, Signal::KILL] {
                for process in &living {
                    signal(process.pid, how);
                }
            }
            assert!(Instant::now() < deadline, "processes that cannot be killed: {living:?}");
        }
    }

    /// Whether nothing of the host lives any more.
    pub(crate) fn is_quiet(&self) -> bool {
        self.processes().iter().all(|process| is_dead(process.pid))
    }
}

/// Whether the process is gone or waits only to be reaped.
fn is_dead(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with(['Z', 'X']))
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.power_cut();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    /// The shell that sshd would have started, and its helpers.
    Delivery,
    /// `tail`.
    Follower,
    /// The runner's shell, and its subshells.
    Runner,
    /// A process of a step.
    Step,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) role: Role,
}
