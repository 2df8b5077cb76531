//! The host as the command that started it sees it.

use std::fmt;
use std::io::{self, BufReader, Read as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::control::{Reply, Request, receive, send};
use super::credentials::{KeyPair, MemoryFile};
use super::ids;
use super::namespaces::explain;
use crate::rehearse::changes::{ChangedPath, Used};
use crate::rehearse::refused::Refused;
use crate::rehearse::role::HIDDEN;
use crate::rehearse::world::World;

/// How many bytes of the host processes' error output are kept.
const MAX_ERROR_BYTES: usize = 16 << 10;

/// How long an answer of the host may take. It comes in a moment, but for a list of very many changed paths.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// A host that does not end by itself in this time is killed.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a host whose connection was lost is looked at.
const ENDING: Duration = Duration::from_millis(100);

/// The pause between two looks at a host that is ending.
const END_POLL: Duration = Duration::from_millis(5);

/// A throw-away host; it lives as long as this value.
pub struct RehearsalHost {
    process: Child,
    control: Mutex<(BufReader<UnixStream>, UnixStream)>,
    address: SocketAddr,
    user: String,
    key: MemoryFile,
    known_hosts: MemoryFile,
    errors: Arc<Mutex<String>>,
    error_reader: Option<JoinHandle<()>>,
}

impl fmt::Debug for RehearsalHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RehearsalHost")
            .field("address", &self.address)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl RehearsalHost {
    /// Starts a host for this world; its processes are this program under its hidden command.
    pub fn start(world: &World) -> Result<Self, Refused> {
        let program = std::env::current_exe()
            .map_err(|error| Refused::without_hint(format!("this program's own file cannot be found: {error}")))?;
        Self::start_with(world, &program)
    }

    /// Starts a host whose processes are the pinboot at `program`.
    pub fn start_with(world: &World, program: &Path) -> Result<Self, Refused> {
        let failed = |what: &'static str| move |error: io::Error| Refused::without_hint(format!("{what}: {error}"));
        let host_key = KeyPair::generate("rehearsal").map_err(failed("the host's key cannot be made"))?;
        let client_key = KeyPair::generate("pinboot").map_err(failed("the login key cannot be made"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed("no loopback port is available"))?;
        let address = listener.local_addr().map_err(failed("the loopback port is unknown"))?;
        let (ours, theirs) = UnixStream::pair().map_err(failed("no socket pair is available"))?;
        ours.set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(failed("the socket pair cannot be used"))?;
        let replies = ours.try_clone().map_err(failed("the socket pair cannot be shared"))?;
        let known_hosts = format!("[{}]:{} {}\n", address.ip(), address.port(), host_key.public);
        let key = MemoryFile::new("key.pem", client_key.private.as_bytes())
            .map_err(failed("the login key cannot be kept in memory"))?;
        let known_hosts = MemoryFile::new("known_hosts", known_hosts.as_bytes())
            .map_err(failed("known_hosts cannot be kept in memory"))?;

        let mut process = spawn(program, listener, theirs)?;
        let errors = Arc::new(Mutex::new(String::new()));
        let stderr = process.stderr.take().expect("a pipe");
        let error_reader = std::thread::spawn({
            let errors = Arc::clone(&errors);
            move || keep_errors(stderr, &errors)
        });
        let mut host = Self {
            process,
            control: Mutex::new((BufReader::new(replies), ours)),
            address,
            user: world.user.clone(),
            key,
            known_hosts,
            errors,
            error_reader: Some(error_reader),
        };
        let request = Request::Start {
            world: Box::new(world.clone()),
            host_key: host_key.private,
            client_key: client_key.public,
        };
        match host.give_ids().and_then(|()| host.ask(&request)) {
            Ok(Reply::Done) => Ok(host),
            Ok(Reply::Refused { message, hint }) => Err(Refused { message, hint }),
            Ok(other) => Err(Refused::without_hint(unexpected(other).to_string())),
            Err(error) => {
                host.end();
                if let Some(refused) = host.early_end(&error) {
                    return Err(refused);
                }
                let mut errors = host.errors.lock().unwrap_or_else(PoisonError::into_inner);
                if errors.is_empty() {
                    errors.push_str(&error.to_string());
                }
                Err(explain(&errors, &|file| std::fs::read_to_string(file).ok()))
            }
        }
    }

    /// Gives the host its user and group ids, as soon as its first process is in its namespaces.
    fn give_ids(&self) -> io::Result<()> {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        match receive(&mut control.0)? {
            Some(Reply::Done) => ids::give(self.process.id()),
            Some(other) => Err(unexpected(other)),
            None => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the host has ended")),
        }
    }

    /// Why a host that is down now never came up, where that has nothing to do with what this machine allows.
    fn early_end(&mut self, error: &io::Error) -> Option<Refused> {
        let again = "try again; the playbook was not run anywhere";
        if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
            let message = format!("it did not answer within {} s", ANSWER_TIMEOUT.as_secs());
            return Some(Refused::new(message, again));
        }
        let signal = self.process.try_wait().ok().flatten()?.signal()?;
        Some(Refused::new(format!("its first process was ended by signal {signal}"), again))
    }

    /// Whether it is ending by itself: its connections close a moment before its first process is gone.
    pub fn ends_soon(&self) -> bool {
        let started = Instant::now();
        while !self.has_ended() {
            if started.elapsed() > ENDING {
                return false;
            }
            std::thread::sleep(END_POLL);
        }
        true
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&self) -> bool {
        let Some(pid) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) else { return true };
        // Its status is left for the end, which collects it.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(pid), options), Ok(None))
    }

    /// The address of its SSH server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The login user's name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The private key that it accepts: a file in memory, readable by its owner alone, that lives as long as this value.
    pub fn key_path(&self) -> &Path {
        self.key.path()
    }

    /// A known_hosts file in memory with this host's key and no other.
    pub fn known_hosts_path(&self) -> &Path {
        self.known_hosts.path()
    }

    /// The `ssh` command that opens a session on it.
    pub fn ssh_command(&self) -> String {
        format!(
            "ssh -i {} -o IdentitiesOnly=yes -o UserKnownHostsFile={} -p {} {}@{}",
            self.key.path().display(),
            self.known_hosts.path().display(),
            self.address.port(),
            self.user,
            self.address.ip(),
        )
    }

    /// Starts a new list of changed paths: [`RehearsalHost::changes`] reports what is written from now on.
    pub fn mark(&self) -> io::Result<()> {
        self.ask(&Request::Mark).and_then(done)
    }

    /// The paths that changed since the last mark, or since the host was started, ordered by path.
    pub fn changes(&self) -> io::Result<Vec<ChangedPath>> {
        match self.ask(&Request::Changes)? {
            Reply::Changes(changes) => Ok(changes),
            other => Err(unexpected(other)),
        }
    }

    /// Which stand-ins were used, and which URLs had none.
    pub fn used(&self) -> io::Result<Used> {
        match self.ask(&Request::Used)? {
            Reply::Used(used) => Ok(used),
            other => Err(unexpected(other)),
        }
    }

    /// Cuts every connection: at once, or as soon as this many more bytes went to the clients.
    pub fn cut(&self, after: Option<u64>) -> io::Result<()> {
        self.ask(&Request::Cut { after }).and_then(done)
    }

    fn ask(&self, request: &Request) -> io::Result<Reply> {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        let (replies, requests) = &mut *control;
        send(requests, request)?;
        receive(replies)?.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the host has ended"))
    }

    /// Ends the host, and returns when nothing of it is left.
    fn end(&mut self) {
        // Without its control socket pid 1 ends, and the kernel every other process with it. `unshare` waits for pid 1, so
        // its own end shows that the last of them is gone, and none is left for this machine's init to collect.
        let (_, control) = self.control.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = control.shutdown(Shutdown::Both);
        let started = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) {
            if started.elapsed() > END_TIMEOUT {
                // `unshare` takes pid 1 with it.
                let _ = self.process.kill();
                let _ = self.process.wait();
                break;
            }
            std::thread::sleep(END_POLL);
        }
        if let Some(reader) = self.error_reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for RehearsalHost {
    fn drop(&mut self) {
        self.end();
    }
}

/// Starts pid 1 of the host in fresh namespaces; standard input is its SSH socket, standard output its control socket.
fn spawn(program: &Path, listener: TcpListener, control: UnixStream) -> Result<Child, Refused> {
    // It gets its ids from outside, which is the only place where a user may give more than one.
    let namespaces = ["--user", "--mount", "--pid", "--net", "--ipc", "--uts"];
    let mut unshare = Command::new("unshare");
    unshare
        .args(namespaces)
        .args(["--fork", "--kill-child", "--"])
        .arg(program)
        .args([HIDDEN, "init"])
        .current_dir("/")
        // The host must not see the caller's variables, but it has to find programs where the caller does.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into()))
        // Ctrl-C is meant for the command; the host runs until the command has ended.
        .process_group(0)
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::from(OwnedFd::from(control)))
        .stderr(Stdio::piped());
    unshare.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Refused::new(
            "the program `unshare` is not installed",
            "install the package util-linux; the playbook was not run anywhere",
        ),
        _ => Refused::without_hint(format!("`unshare` cannot be started: {error}")),
    })
}

fn keep_errors(mut stderr: ChildStderr, errors: &Mutex<String>) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = stderr.read(&mut bytes) {
        let mut errors = errors.lock().unwrap_or_else(PoisonError::into_inner);
        if errors.len() < MAX_ERROR_BYTES {
            errors.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
    }
}

fn done(reply: Reply) -> io::Result<()> {
    match reply {
        Reply::Done => Ok(()),
        other => Err(unexpected(other)),
    }
}

fn unexpected(reply: Reply) -> io::Error {
    match reply {
        Reply::Failed(message) => io::Error::other(message),
        other => io::Error::other(format!("the host sent an unexpected reply: {other:?}")),
    }
}
