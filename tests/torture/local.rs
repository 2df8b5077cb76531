//! A transport without a network: the exec string is given to the host's `sh -c`, and the line can be cut at any byte.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use pinboot::inventory::Host;
use pinboot::remote::points;
use pinboot::transport::{Chunk, Connect, Error, ErrorKind, Exec, Peer, Session};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdout, Command};

use crate::chance::Chance;
use crate::lab::Lab;

/// What may happen to a connection.
#[derive(Debug)]
pub(crate) struct Weather {
    pub(crate) chance: Chance,
    /// Cuts that are still to come.
    pub(crate) cuts: u32,
    /// Cuts that came.
    pub(crate) cut: u32,
    /// About how many bytes a connection lives.
    pub(crate) reach: u64,
    /// What comes first, whatever chance says.
    pub(crate) first: Vec<Fate>,
    /// Shell that defines `pb_point`, for the delivery.
    pub(crate) hook: Option<String>,
    /// Lines that were cut and that nobody told the host of.
    pub(crate) holes: Vec<(Child, ChildStdout)>,
}

impl Weather {
    pub(crate) fn calm() -> Self {
        Self::with(Chance::new(0), 0, 1)
    }

    pub(crate) fn with(chance: Chance, cuts: u32, reach: u64) -> Self {
        Self { chance, cuts, cut: 0, reach, first: Vec::new(), hook: None, holes: Vec::new() }
    }
}

/// Reaches one host.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) lab: Arc<Lab>,
    pub(crate) weather: Arc<Mutex<Weather>>,
}

/// What is in store for one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing.
    Fair,
    /// It never comes about.
    Unreachable,
    /// It is lost once the command may have gone out; the command may be there or not.
    LostOnTheWay(bool),
    /// Standard input ends after so many bytes, and the connection is lost.
    CutIn(u64),
    /// Output is lost after so many bytes.
    CutOut(u64),
}

impl Weather {
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
}

impl Local {
    pub(crate) fn new(lab: &Arc<Lab>, weather: Weather) -> Self {
        Self { lab: Arc::clone(lab), weather: Arc::new(Mutex::new(weather)) }
    }

    fn start(&self, exec: &Exec) -> Child {
        let lab = &self.lab;
        let _power = lab.power.lock().expect("nobody panics with it");
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
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("sh starts")
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Line {
    child: Option<(Child, ChildStdout)>,
    lab: Arc<Lab>,
    weather: Arc<Mutex<Weather>>,
    /// How many bytes may still come.
    left: Option<u64>,
    ended: bool,
    peer: Peer,
}

impl Connect for Local {
    type Session = Line;

    async fn connect(&self, _: &Host, exec: &Exec) -> Result<Line, Error> {
        let (fate, hook) = {
            let mut weather = self.weather.lock().unwrap_or_else(PoisonError::into_inner);
            (weather.fate(), weather.hook.clone())
        };
        let mut exec = exec.clone();
        if let Some(hook) = hook {
            points::hook_delivery(&mut exec, &hook);
        }
        let lost = |message: &str| {
            let mut error = Error::new(ErrorKind::Unreachable, message);
            error.may_have_begun = true;
            error
        };
        match fate {
            Fate::Unreachable => return Err(Error::new(ErrorKind::Unreachable, "no route to the host").retryable()),
            Fate::LostOnTheWay(false) => return Err(lost("the connection was reset")),
            _ => {}
        }
        let mut child = self.start(&exec);
        let mut stdin = child.stdin.take().expect("piped");
        let mut input = exec.stdin.as_slice();
        if let Fate::CutIn(at) = fate {
            input = &input[..input.len().min(usize::try_from(at).expect("small"))];
        }
        // (A delivery that is killed closes its end.)
        let _ = stdin.write_all(input).await;
        drop(stdin);
        let stdout = child.stdout.take().expect("piped");
        let left = match fate {
            Fate::LostOnTheWay(_) | Fate::CutIn(_) => {
                self.weather.lock().unwrap_or_else(PoisonError::into_inner).holes.push((child, stdout));
                return Err(lost("the connection was lost on the way"));
            }
            Fate::CutOut(at) => Some(at),
            _ => None,
        };
        let peer = Peer { key_type: "none".to_owned(), fingerprint: "SHA256:none".to_owned(), added: false };
        let (lab, weather) = (Arc::clone(&self.lab), Arc::clone(&self.weather));
        Ok(Line { child: Some((child, stdout)), lab, weather, left, ended: false, peer })
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
        let Some((child, stdout)) = &mut self.child else { return Chunk::Closed };
        if self.ended {
            return Chunk::Closed;
        }
        let mut buffer = vec![0; 32 * 1024];
        match stdout.read(&mut buffer).await {
            Ok(0) | Err(_) => {
                self.ended = true;
                let status = child.wait().await.expect("a child ends");
                let signal =
                    std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| format!("SIG{signal}"));
                Chunk::Exit(match (status.code(), signal) {
                    (Some(code), _) => Ok(u32::try_from(code).expect("not negative")),
                    (None, signal) => Err(signal.unwrap_or_default()),
                })
            }
            Ok(count) => {
                let mut count = count as u64;
                if let Some(left) = &mut self.left {
                    count = count.min(*left);
                    *left -= count;
                }
                buffer.truncate(usize::try_from(count).expect("small"));
                Chunk::Stdout(buffer)
            }
        }
    }

    async fn exec(&mut self, exec: Exec) -> Result<Vec<u8>, Error> {
        let connect = Local { lab: Arc::clone(&self.lab), weather: Arc::clone(&self.weather) };
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
    /// The line is dead: the host hears of it at once (a reset), or never (a black hole), or sshd takes the command with it.
    fn cut(&mut self) {
        let Some((child, stdout)) = self.child.take() else { return };
        let mut weather = self.weather.lock().unwrap_or_else(PoisonError::into_inner);
        match weather.chance.below(3) {
            0 => drop(stdout),
            1 => weather.holes.push((child, stdout)),
            _ => {
                if let Some(pid) = child.id() {
                    crate::lab::signal(i32::try_from(pid).expect("a pid"), rustix::process::Signal::HUP);
                }
            }
        }
    }
}
