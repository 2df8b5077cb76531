//! A transport without a network: the exec string is given to the host's `sh -c`, and the line can be cut at any byte.

use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use pinboot::inventory::Host;
use pinboot::remote::points;
use pinboot::transport::{Chunk, Connect, Error, ErrorKind, Exec, Peer, Session};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use crate::chance::Chance;
use crate::lab::Lab;
use crate::place::delivery_hook;
use crate::recording::{Connection, Cut, Fate};

/// The network between controller and host, and what happens to connections on it.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) chance: Chance,
    /// Cuts that are still to come.
    pub(crate) cuts: u32,
    /// Cuts that came.
    pub(crate) cut: u32,
    /// About how many bytes a connection lives.
    pub(crate) reach: u64,
    /// What comes first, whatever chance says; the last one is taken first.
    pub(crate) first: Vec<Fate>,
    /// Shell that defines `pb_point`, for the delivery.
    pub(crate) hook: Option<String>,
    /// Connections that were cut without the host's knowledge.
    pub(crate) unnoticed: Vec<Remote>,
    /// What happens to each connection in a replay, instead of chance.
    pub(crate) script: Option<Vec<Connection>>,
    /// What happened to each connection.
    pub(crate) connections: Vec<Connection>,
}

impl Network {
    pub(crate) fn calm() -> Self {
        Self::with(Chance::new(0), 0, 1)
    }

    pub(crate) fn with(chance: Chance, cuts: u32, reach: u64) -> Self {
        Self {
            chance,
            cuts,
            cut: 0,
            reach,
            first: Vec::new(),
            hook: None,
            unnoticed: Vec::new(),
            script: None,
            connections: Vec::new(),
        }
    }

    /// A network on which the same happens again.
    pub(crate) fn scripted(connections: &[Connection]) -> Self {
        Self { script: Some(connections.to_vec()), ..Self::calm() }
    }

    /// The next connection's number, from 1, and its fate.
    fn next(&mut self) -> (usize, Fate) {
        let at = self.connections.len();
        let fate = match &self.script {
            Some(script) => script.get(at).map_or(Fate::Fair, |connection| connection.fate),
            None => self.fate(),
        };
        self.connections.push(Connection { fate, cut: None });
        (at + 1, fate)
    }

    fn fate(&mut self) -> Fate {
        if let Some(fate) = self.first.pop() {
            return fate;
        }
        if self.cuts == 0 || self.chance.one_in(5) {
            return Fate::Fair;
        }
        self.cuts -= 1;
        self.cut += 1;
        match self.chance.below(20) {
            0 => Fate::Unreachable,
            1 => Fate::LostOnTheWay(false),
            2 => Fate::LostOnTheWay(true),
            3 | 4 => Fate::CutIn(self.chance.below(150_000)),
            _ => {
                let most = self.chance.below(self.reach) + 1;
                Fate::CutOut(self.chance.below(most))
            }
        }
    }

    /// How the host notices the cut of this connection.
    fn cut(&mut self, number: usize) -> Cut {
        let script = self.script.as_ref().and_then(|script| script.get(number - 1)?.cut);
        let cut = script.unwrap_or_else(|| self.chance.of(&[Cut::Reset, Cut::Unnoticed, Cut::Hangup]));
        self.connections[number - 1].cut = Some(cut);
        cut
    }
}

/// Reaches one host.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) lab: Arc<Lab>,
    pub(crate) network: Arc<Mutex<Network>>,
}

impl Local {
    pub(crate) fn new(lab: &Arc<Lab>, network: Network) -> Self {
        Self { lab: Arc::clone(lab), network: Arc::new(Mutex::new(network)) }
    }

    fn start(&self, exec: &Exec) -> Child {
        let lab = &self.lab;
        let _power = lab.power.lock().expect("nothing panics with it");
        Command::new(lab.sh())
            .arg("-c")
            .arg(std::str::from_utf8(&exec.command).expect("the exec string is ASCII"))
            .env_clear()
            .env("HOME", lab.home())
            .env("PATH", lab.bin())
            .env("XDG_RUNTIME_DIR", lab.memory())
            .current_dir(lab.home())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("sh starts")
    }
}

/// The command of a connection, and its two streams.
#[derive(Debug)]
pub(crate) struct Remote {
    child: Child,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

impl Remote {
    fn new(mut child: Child) -> Self {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        Self { child, stdout, stderr }
    }

    /// The next bytes of either stream, and whether they are of standard error; `None` at the end of both.
    async fn read(&mut self) -> Option<(Vec<u8>, bool)> {
        let (mut out, mut err) = (vec![0; 32 * 1024], vec![0; 32 * 1024]);
        loop {
            let (count, is_error) = match (&mut self.stdout, &mut self.stderr) {
                (None, None) => return None,
                (Some(stdout), None) => (stdout.read(&mut out).await, false),
                (None, Some(stderr)) => (stderr.read(&mut err).await, true),
                (Some(stdout), Some(stderr)) => tokio::select! {
                    count = stdout.read(&mut out) => (count, false),
                    count = stderr.read(&mut err) => (count, true),
                },
            };
            match count {
                Ok(count) if count > 0 => {
                    let mut bytes = if is_error { err } else { out };
                    bytes.truncate(count);
                    return Some((bytes, is_error));
                }
                _ if is_error => self.stderr = None,
                _ => self.stdout = None,
            }
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Line {
    child: Option<Remote>,
    lab: Arc<Lab>,
    network: Arc<Mutex<Network>>,
    /// Its number, from 1.
    number: usize,
    /// How many bytes may still come.
    left: Option<u64>,
    ended: bool,
    peer: Peer,
}

impl Connect for Local {
    type Session = Line;

    async fn connect(&self, _: &Host, exec: &Exec) -> Result<Line, Error> {
        let (number, fate, hook) = {
            let mut network = self.network.lock().unwrap_or_else(PoisonError::into_inner);
            let (number, fate) = network.next();
            (number, fate, network.hook.clone())
        };
        self.lab.tried.store(number, Ordering::SeqCst);
        let hook = hook.or_else(|| self.lab.is_traced.then(|| delivery_hook(number)));
        let mut exec = exec.clone();
        if let Some(hook) = hook {
            points::hook_delivery(&mut exec, &hook);
        }
        let lost = |message: &str| {
            let mut error = Error::new(ErrorKind::Unreachable, message);
            error.may_have_started = true;
            error
        };
        match fate {
            Fate::Unreachable => return Err(Error::new(ErrorKind::Unreachable, "no route to the host").retryable()),
            Fate::LostOnTheWay(false) => return Err(lost("the connection was reset")),
            _ => {}
        }
        let mut child = self.start(&exec);
        if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
            self.lab.started(number, pid);
        }
        let mut stdin = child.stdin.take().expect("piped");
        let mut input = exec.stdin.as_slice();
        if let Fate::CutIn(at) = fate {
            input = &input[..input.len().min(usize::try_from(at).expect("small"))];
        }
        // A delivery that is killed closes its end.
        let _ = stdin.write_all(input).await;
        drop(stdin);
        let remote = Remote::new(child);
        let left = match fate {
            Fate::LostOnTheWay(_) | Fate::CutIn(_) => {
                self.network.lock().unwrap_or_else(PoisonError::into_inner).unnoticed.push(remote);
                return Err(lost("the connection was lost on the way"));
            }
            Fate::CutOut(at) => Some(at),
            _ => None,
        };
        let peer = Peer { key_type: "none".to_owned(), fingerprint: "SHA256:none".to_owned(), added: false };
        let (lab, network) = (Arc::clone(&self.lab), Arc::clone(&self.network));
        Ok(Line { child: Some(remote), lab, network, number, left, ended: false, peer })
    }
}

impl Session for Line {
    fn peer(&self) -> &Peer {
        &self.peer
    }

    async fn next(&mut self) -> Chunk {
        if self.left == Some(0) {
            self.cut();
            return Chunk::Lost("the line was cut".to_owned());
        }
        let Some(remote) = &mut self.child else { return Chunk::Closed };
        if self.ended {
            return Chunk::Closed;
        }
        match remote.read().await {
            None => {
                self.ended = true;
                let status = remote.child.wait().await.expect("a child ends");
                let signal =
                    std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| format!("SIG{signal}"));
                Chunk::Exit(match (status.code(), signal) {
                    (Some(code), _) => Ok(u32::try_from(code).expect("not negative")),
                    (None, signal) => Err(signal.unwrap_or_default()),
                })
            }
            Some((mut buffer, is_error)) => {
                let mut count = buffer.len() as u64;
                if let Some(left) = &mut self.left {
                    count = count.min(*left);
                    *left -= count;
                }
                self.lab.hears(self.number, count);
                buffer.truncate(usize::try_from(count).expect("small"));
                if is_error { Chunk::Stderr(buffer) } else { Chunk::Stdout(buffer) }
            }
        }
    }

    async fn exec(&mut self, exec: Exec) -> Result<Vec<u8>, Error> {
        let connect = Local { lab: Arc::clone(&self.lab), network: Arc::clone(&self.network) };
        let mut child = connect.start(&exec);
        drop(child.stdin.take());
        let mut said = Vec::new();
        let _ = child.stdout.take().expect("piped").read_to_end(&mut said).await;
        let _ = child.wait().await;
        Ok(said)
    }

    async fn close(mut self) {
        drop(self.child.take());
        tokio::task::yield_now().await;
    }
}

impl Line {
    fn cut(&mut self) {
        let Some(remote) = self.child.take() else { return };
        let mut network = self.network.lock().unwrap_or_else(PoisonError::into_inner);
        match network.cut(self.number) {
            Cut::Reset => drop((remote.stdout, remote.stderr)),
            Cut::Unnoticed => network.unnoticed.push(remote),
            Cut::Hangup => {
                if let Some(pid) = remote.child.id() {
                    crate::lab::signal(i32::try_from(pid).expect("a pid"), rustix::process::Signal::HUP);
                }
            }
        }
    }
}
