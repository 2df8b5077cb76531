//! The host as the command that started it sees it.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use rustix::fs::{MemfdFlags, memfd_create};

use super::control::{Reply, Request, receive, send};
use super::namespaces::explain;
use crate::rehearse::changes::{ChangedPath, Used};
use crate::rehearse::refused::Refused;
use crate::rehearse::role::HIDDEN;
use crate::rehearse::world::World;

/// As much is kept of what the host's own processes complain about.
const LONGEST_COMPLAINT: usize = 16 << 10;

/// A throw-away host; it lives as long as this value.
pub struct Host {
    process: Child,
    control: Mutex<(BufReader<UnixStream>, UnixStream)>,
    address: SocketAddr,
    user: String,
    key: MemoryFile,
    known_hosts: MemoryFile,
    complaints: Arc<Mutex<String>>,
    listening: Option<JoinHandle<()>>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("address", &self.address).field("user", &self.user).finish_non_exhaustive()
    }
}

impl Host {
    /// Starts a host for this world; its processes are this very program under its hidden command.
    pub fn start(world: &World) -> Result<Self, Refused> {
        let program = std::env::current_exe()
            .map_err(|error| Refused::without_hint(format!("this program's own file cannot be found: {error}")))?;
        Self::start_with(world, &program)
    }

    /// Starts a host whose processes are the pinboot at `program`.
    pub fn start_with(world: &World, program: &Path) -> Result<Self, Refused> {
        let local = |what: &'static str| move |error: io::Error| Refused::without_hint(format!("{what}: {error}"));
        let host_key = fresh_key("rehearsal").map_err(local("the host's key cannot be made"))?;
        let client_key = fresh_key("pinboot").map_err(local("the key cannot be made"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(local("no loopback port is to be had"))?;
        let address = listener.local_addr().map_err(local("the loopback port has no number"))?;
        let (ours, theirs) = UnixStream::pair().map_err(local("no socket pair is to be had"))?;
        let mut process = Command::new("unshare")
            .args([
                "--user",
                "--map-root-user",
                "--mount",
                "--pid",
                "--net",
                "--ipc",
                "--uts",
                "--fork",
                "--kill-child",
                "--",
            ])
            .arg(program)
            .args([HIDDEN, "init"])
            .current_dir("/")
            // The caller's variables are no business of the host's; where its programs lie, it has to know.
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into()))
            // Ctrl-C is for the command; the host goes on until the command has ended.
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Refused::new(
                    "the program `unshare` is not installed",
                    "it belongs to the package util-linux; the playbook was not run anywhere",
                ),
                _ => Refused::without_hint(format!("`unshare` cannot be started: {error}")),
            })?;
        let complaints = Arc::new(Mutex::new(String::new()));
        let (kept, mut stderr) = (Arc::clone(&complaints), process.stderr.take().expect("a pipe"));
        let listening = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut bytes) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() < LONGEST_COMPLAINT {
                    kept.push_str(&String::from_utf8_lossy(&bytes[..length]));
                }
            }
        });
        let replies = ours.try_clone().map_err(local("the socket pair cannot be shared"))?;
        let known = format!("[{}]:{} {}\n", address.ip(), address.port(), host_key.1);
        let mut host = Self {
            process,
            control: Mutex::new((BufReader::new(replies), ours)),
            address,
            user: world.user.clone(),
            key: MemoryFile::new("key.pem", client_key.0.as_bytes())
                .map_err(local("the key cannot be kept in memory"))?,
            known_hosts: MemoryFile::new("known_hosts", known.as_bytes())
                .map_err(local("known_hosts cannot be kept in memory"))?,
            complaints,
            listening: Some(listening),
        };
        let request = Request::BeUp { world: Box::new(world.clone()), host_key: host_key.0, client_key: client_key.1 };
        match host.ask(&request) {
            Ok(Reply::Done) => Ok(host),
            Ok(Reply::Refused { message, hint }) => Err(Refused { message, hint }),
            Ok(other) => Err(Refused::without_hint(format!("the host answers out of turn: {other:?}"))),
            Err(_) => {
                let said = host.last_words();
                Err(explain(&said, &|file| std::fs::read_to_string(file).ok()))
            }
        }
    }

    /// Where its SSH server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The login user's name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The private key that it accepts: a file in memory, readable by its owner alone, there while this value lives.
    pub fn key_path(&self) -> &Path {
        &self.key.path
    }

    /// A known_hosts file that knows it and nobody else, in memory as well.
    pub fn known_hosts_path(&self) -> &Path {
        &self.known_hosts.path
    }

    /// The `ssh` command to look around in it.
    pub fn ssh_command(&self) -> String {
        format!(
            "ssh -i {} -o IdentitiesOnly=yes -o UserKnownHostsFile={} -p {} {}@{}",
            self.key.path.display(),
            self.known_hosts.path.display(),
            self.address.port(),
            self.user,
            self.address.ip(),
        )
    }

    /// Forgets what was written so far: [`Host::changes`] tells what is written from now on.
    pub fn mark(&self) -> io::Result<()> {
        self.ask(&Request::Mark).and_then(done)
    }

    /// Everything that was written on the host since the last mark (or since it is up), ordered by path.
    pub fn changes(&self) -> io::Result<Vec<ChangedPath>> {
        match self.ask(&Request::Changes)? {
            Reply::Changes(written) => Ok(written),
            other => Err(unexpected(other)),
        }
    }

    /// Which stand-ins were used, and what was asked for in vain.
    pub fn used(&self) -> io::Result<Used> {
        match self.ask(&Request::Used)? {
            Reply::Used(used) => Ok(used),
            other => Err(unexpected(other)),
        }
    }

    /// Cuts every connection: at once, or as soon as so many more bytes went towards the clients.
    pub fn cut(&self, after: Option<u64>) -> io::Result<()> {
        self.ask(&Request::Cut { after }).and_then(done)
    }

    fn ask(&self, request: &Request) -> io::Result<Reply> {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        let (replies, requests) = &mut *control;
        send(requests, request)?;
        receive(replies)?.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the host is gone"))
    }

    /// What the host's processes complained about, once they are gone.
    fn last_words(&mut self) -> String {
        self.end();
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn end(&mut self) {
        // `unshare` takes pid 1 with it, and pid 1 all the others. It is its end that is waited for, and that of
        // everything else is seen in the pipe that all of them have for standard error.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.end();
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
        other => io::Error::other(format!("the host answers out of turn: {other:?}")),
    }
}

/// A file that has no place on any disk, and that other programs can open while this process lives.
#[derive(Debug)]
struct MemoryFile {
    path: PathBuf,
    _file: File,
}

impl MemoryFile {
    fn new(name: &str, bytes: &[u8]) -> io::Result<Self> {
        let mut file = File::from(memfd_create(name, MemfdFlags::CLOEXEC)?);
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        file.write_all(bytes)?;
        let path = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()));
        Ok(Self { path, _file: file })
    }
}

/// A fresh ed25519 key: the private half in OpenSSH's form, and the public one.
fn fresh_key(comment: &str) -> io::Result<(String, String)> {
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    File::open("/dev/urandom")?.read_exact(&mut *seed)?;
    let key =
        PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed)), comment).map_err(io::Error::other)?;
    let private = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
    let public = key.public_key().to_openssh().map_err(io::Error::other)?;
    Ok((private.as_str().to_owned(), public))
}
