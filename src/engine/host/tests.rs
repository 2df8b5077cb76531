//! A model of the run, and the controller held against it over random orders of what hosts and connections do.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use super::*;
use crate::engine::connection_end::{MAX_AMBIGUOUS_STARTS, MAX_CONNECT_ATTEMPTS, MAX_QUIET_EXITS};
use crate::event::{Mode, Outcome};
use crate::exit::Exit;
use crate::ids::{RunId, StepId};
use crate::inventory::Host;
use crate::remote::Identity;
use crate::secret::Masker;
use crate::transport::{Chunk, Exec, Peer, Session};

const NONCE: &str = "00112233445566778899aabbccddeeff";

/// What the host's side says, as the model knows it.
#[derive(Clone, Copy, Debug)]
enum Said {
    Hello,
    /// Not a byte.
    Nothing,
    Noise,
    Start(u32),
    Done(u32, Outcome),
    Run,
    End(&'static str),
    Gone,
    Busy,
    None,
    /// More of the log is there.
    Size,
    /// Standard error comes on standard output.
    Aside,
}

/// How one try to connect goes.
#[derive(Clone, Debug)]
enum Link {
    /// Not reached; whether it is worth another try.
    Unreachable(bool),
    /// Lost while the delivery may have been on its way.
    OnTheWay,
    /// The key is refused.
    Refused,
    /// What was said, and how it ended.
    Up(Vec<Said>, Last),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Lost,
    Closed,
    Killed,
}

/// What the user sees in the end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    exit: Exit,
    finished: Vec<(u32, Outcome)>,
    lost: u32,
    regained: u32,
}

/// The run as it ought to be reported: a step ends once, however often the host says it; a lost connection is restored while
/// there is time; nothing is started again without need.
fn model(links: &[Link], follows: bool, patient: bool) -> Seen {
    let mut seen = Seen::default();
    let (mut sent, mut ready, mut away) = (false, false, false);
    let (mut tries, mut mute, mut quiet, mut runners, mut worst) = (0, 0, 0, 0, Exit::Success);
    for link in links {
        let is_lost = match link {
            Link::Unreachable(true) if !sent && tries < MAX_CONNECT_ATTEMPTS => {
                tries += 1;
                false
            }
            Link::Unreachable(_) if !sent => return Seen { exit: Exit::Unreachable, ..seen },
            Link::Unreachable(_) => true,
            Link::OnTheWay if mute == MAX_AMBIGUOUS_STARTS => return Seen { exit: Exit::ConnectionLost, ..seen },
            Link::OnTheWay => {
                (sent, mute) = (true, mute + 1);
                true
            }
            Link::Refused => {
                return Seen { exit: if sent { Exit::ConnectionLost } else { Exit::LoginRefused }, ..seen };
            }
            Link::Up(all, last) => {
                seen.regained += u32::from(away);
                sent = true;
                let (mut greeted, mut gone) = (false, false);
                for said in all {
                    match said {
                        Said::Hello => (greeted, ready, mute, quiet) = (true, true, 0, 0),
                        Said::Done(step, outcome) if seen.finished.iter().all(|(known, _)| known != step) => {
                            seen.finished.push((*step, *outcome));
                            worst = match outcome {
                                Outcome::Failed => Exit::StepFailed,
                                Outcome::Unknown => Exit::OutcomeUnknown,
                                _ => worst,
                            };
                            runners = 0;
                        }
                        Said::End("stopped") => return Seen { exit: Exit::Interrupted, ..seen },
                        Said::End(_) => return Seen { exit: worst, ..seen },
                        Said::Busy => return Seen { exit: Exit::Busy, ..seen },
                        Said::None => return Seen { exit: Exit::Mismatch, ..seen },
                        Said::Gone => {
                            (runners, gone) = (runners + 1, true);
                            break;
                        }
                        Said::Start(_) | Said::Done(..) | Said::Run | Said::Noise | Said::Nothing => {}
                        Said::Size | Said::Aside => unreachable!("chance has none"),
                    }
                }
                let silent = !gone && !greeted && *last != Last::Lost;
                let is_quiet = !all.iter().any(|said| matches!(said, Said::Noise));
                let mut tries_again = false;
                if silent && (*last == Last::Killed || ready) {
                    if mute == MAX_AMBIGUOUS_STARTS {
                        return Seen { exit: Exit::ConnectionLost, ..seen };
                    }
                    mute += 1;
                } else if silent && is_quiet && quiet < MAX_QUIET_EXITS {
                    (quiet, tries_again) = (quiet + 1, true);
                } else if silent {
                    return Seen { exit: Exit::HostUnfit, ..seen };
                }
                if gone && (follows || runners > MAX_RUNNER_RESTARTS) {
                    return Seen { exit: Exit::OutcomeUnknown, ..seen };
                }
                seen.lost += u32::from(gone);
                away = gone;
                !gone && !tries_again
            }
        };
        if is_lost {
            seen.lost += u32::from(!away);
            away = true;
            if !patient {
                return Seen { exit: Exit::ConnectionLost, ..seen };
            }
        }
    }
    Seen { exit: if sent { Exit::ConnectionLost } else { Exit::LoginRefused }, ..seen }
}

/// A world that follows a script; behind its end the key is refused.
struct Scripted(Mutex<VecDeque<Link>>);

struct Line {
    chunks: VecDeque<Chunk>,
    peer: Peer,
}

impl Connect for Scripted {
    type Session = Line;

    async fn connect(&self, _: &Host, _: &Exec) -> Result<Line, Error> {
        let link = self.0.lock().expect("no thread panics with it").pop_front();
        let error = |kind| Error::new(kind, "no");
        match link {
            Some(Link::Unreachable(true)) => Err(error(ErrorKind::Unreachable).retryable()),
            Some(Link::Unreachable(false)) => Err(error(ErrorKind::Unreachable)),
            Some(Link::OnTheWay) => Err(Error { may_have_started: true, ..error(ErrorKind::Unreachable) }),
            Some(Link::Refused) | None => Err(error(ErrorKind::Auth)),
            Some(Link::Up(all, last)) => {
                let bytes: Vec<u8> = all.iter().flat_map(|said| spelt(*said)).collect();
                let size = 7 + bytes.len() % 61;
                let mut chunks: VecDeque<Chunk> = bytes.chunks(size).map(|part| Chunk::Stdout(part.to_vec())).collect();
                chunks.extend(match last {
                    Last::Lost => vec![Chunk::Lost("cut".to_owned())],
                    Last::Closed => vec![Chunk::Exit(Ok(0)), Chunk::Closed],
                    Last::Killed => vec![Chunk::Exit(Err("KILL".to_owned())), Chunk::Closed],
                });
                let peer = Peer { key_type: String::new(), fingerprint: String::new(), added: false };
                Ok(Line { chunks, peer })
            }
        }
    }
}

impl Session for Line {
    fn peer(&self) -> &Peer {
        &self.peer
    }

    async fn next(&mut self) -> Chunk {
        self.chunks.pop_front().unwrap_or(Chunk::Closed)
    }

    async fn exec(&mut self, _: Exec) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    async fn close(self) {}
}

fn spelt(said: Said) -> Vec<u8> {
    let body = match said {
        Said::Nothing => return Vec::new(),
        Said::Noise => return b"what is said \x1e between\n".to_vec(),
        Said::Hello => "hello again".to_owned(),
        Said::Start(step) => format!("start {step} 1.00"),
        Said::Done(step, outcome) => {
            let (word, reason) = match outcome {
                Outcome::Changed => ("changed", ""),
                Outcome::Unchanged => ("unchanged", ""),
                Outcome::Failed => ("failed", "status"),
                _ => ("unknown", "lost"),
            };
            format!("done {step} {word} 3 2.00 {reason}")
        }
        Said::Run => "run 77 1.00".to_owned(),
        Said::End(how) => format!("end {how}"),
        Said::Gone => "gone".to_owned(),
        Said::Busy => "busy 0badcafe tester@elsewhere 2026-11-24T06:00:00Z".to_owned(),
        Said::None => "none".to_owned(),
        Said::Size => "size 999999".to_owned(),
        Said::Aside => "aside 1".to_owned(),
    };
    format!("\x1epb:{NONCE} {body}\x1e\n").into_bytes()
}

/// Chance that can be had again.
fn below(state: &mut u64, bound: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % bound
}

fn link(state: &mut u64) -> Link {
    match below(state, 12) {
        0 => Link::Unreachable(below(state, 2) == 0),
        1 | 2 => Link::OnTheWay,
        3 if below(state, 4) == 0 => Link::Refused,
        _ => {
            let hello = match below(state, 12) {
                0 | 1 => Said::Noise,
                2 | 3 => Said::Nothing,
                _ => Said::Hello,
            };
            let mut all = vec![hello];
            for _ in 0..below(state, 6) {
                let step = u32::try_from(below(state, 3)).expect("small") + 1;
                all.push(match below(state, 24) {
                    0..=4 => Said::Start(step),
                    5 => Said::Done(step, Outcome::Failed),
                    6 => Said::Done(step, Outcome::Unknown),
                    7..=9 => Said::Done(step, Outcome::Changed),
                    10 => Said::Done(step, Outcome::Unchanged),
                    16 | 17 => Said::Run,
                    18 => Said::End(["ok", "failed", "stopped"][usize::try_from(below(state, 3)).expect("small")]),
                    19..=21 => Said::Gone,
                    22 if below(state, 3) == 0 => Said::Busy,
                    23 if below(state, 3) == 0 => Said::None,
                    _ => Said::Noise,
                });
            }
            let last = [Last::Lost, Last::Lost, Last::Closed, Last::Killed];
            Link::Up(all, last[usize::try_from(below(state, 4)).expect("small")])
        }
    }
}

/// What the controller under test reports.
async fn observed(links: &[Link], follows: bool, patient: bool, masker: Masker) -> Seen {
    observed_in(&Scripted(Mutex::new(links.iter().cloned().collect())), follows, patient, masker).await
}

/// The same in a world that can be looked at afterwards.
async fn observed_in(world: &Scripted, follows: bool, patient: bool, masker: Masker) -> Seen {
    let identity = Identity {
        run: RunId::from_random([1, 2, 3, 4]),
        nonce: NONCE.to_owned(),
        started_by: "tester@here then".to_owned(),
        shell: "/bin/sh".to_owned(),
    };
    let task = if follows {
        Task::Attach { finished: Vec::new(), exit: Exit::Success, arrived: true, resume: None }
    } else {
        Task::Deliver { program: std::sync::Arc::default(), secrets: Vec::new(), after: None }
    };
    let id = HostId("h".to_owned());
    let host = Host { id, address: "h".to_owned(), port: 22, user: "u".to_owned(), key: None };
    let job = Job {
        host,
        identity,
        steps: Vec::new(),
        planned: None,
        mode: Mode::Run,
        masker,
        muted: false,
        expected: None,
        resume_command: None,
        files: None,
        task,
    };
    let reconnect_for = if patient { Duration::from_mins(10) } else { Duration::ZERO };
    let options = Options {
        forks: 1,
        reconnect_for,
        wait: Duration::ZERO,
        start_timeout: Duration::from_mins(2),
        stop: StopRequest::None,
        cause: |_, _| None,
    };
    let (sender, mut events) = mpsc::channel(10_000);
    let (_user, stop_request) = watch::channel(StopRequest::None);
    run_host(world, job, &options, stop_request, &sender).await;
    let mut seen = Seen::default();
    while let Ok((_, event)) = events.try_recv() {
        match event {
            EventKind::StepFinished { step: StepId(step), outcome, .. } => seen.finished.push((step, outcome)),
            EventKind::HostLost { .. } => seen.lost += 1,
            EventKind::HostRegained { .. } => seen.regained += 1,
            EventKind::HostFinished { exit, .. } => seen.exit = exit,
            _ => {}
        }
    }
    seen
}

/// Holds the controller against the model over one order of events, and gives the exit code.
fn agree(seed: u64, masker: &Masker) -> Exit {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mut state = seed;
    let links: Vec<Link> = (0..=below(&mut state, 9)).map(|_| link(&mut state)).collect();
    let (follows, patient) = (below(&mut state, 4) == 0, below(&mut state, 4) != 0);
    let right = model(&links, follows, patient);
    let seen = runtime.block_on(observed(&links, follows, patient, masker.clone()));
    assert_eq!(seen, right, "seed {seed}, follows: {follows}, patient: {patient}, {links:#?}");
    seen.exit
}

#[test]
fn the_controller_agrees_with_the_model_over_a_hundred_thousand_orders() {
    let exits: Mutex<HashMap<Exit, u32>> = Mutex::default();
    std::thread::scope(|scope| {
        for first in 0..2 {
            let exits = &exits;
            scope.spawn(move || {
                let masker = Masker::new(&[]);
                for seed in (first..100_000).step_by(2) {
                    let exit = agree(seed, &masker);
                    *exits.lock().expect("no thread panics with it").entry(exit).or_default() += 1;
                }
            });
        }
    });
    let exits = exits.into_inner().expect("no thread panics with it");
    for exit in [0, 1, 3, 4, 6, 7, 8, 9, 10, 130].map(Exit::from_code) {
        assert!(exits.get(&exit).is_some_and(|count| *count > 50), "{exit} hardly came: {exits:?}");
    }
}

#[test]
fn a_host_that_greets_and_closes_each_connection_is_given_up() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    for last in [Last::Lost, Last::Closed, Last::Killed] {
        // What reports nothing is not news, however often it comes.
        for all in [vec![Said::Hello], vec![Said::Hello, Said::Run]] {
            let links = vec![Link::Up(all, last); 100];
            let seen = runtime.block_on(observed(&links, false, true, Masker::new(&[])));
            assert_eq!(seen.exit, Exit::ConnectionLost, "{last:?}");
            assert!((2..=12).contains(&seen.lost), "connected {} times: {last:?}", seen.lost);
        }
        // A connection that brings something new of the run is worth having.
        let fruitful = vec![Link::Up(vec![Said::Hello, Said::Start(1)], last); 100];
        let seen = runtime.block_on(observed(&fruitful, false, true, Masker::new(&[])));
        assert_eq!((seen.exit, seen.lost), (Exit::ConnectionLost, 100), "{last:?}");
    }
}

#[test]
fn a_host_that_always_has_more_to_say_is_given_up() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    for all in [vec![Said::Hello, Said::Size], vec![Said::Hello, Said::Start(1), Said::Size], vec![Said::Aside]] {
        let links = VecDeque::from(vec![Link::Up(all.clone(), Last::Closed); 100]);
        let world = Scripted(Mutex::new(links));
        let seen = runtime.block_on(observed_in(&world, false, true, Masker::new(&[])));
        let left = world.0.lock().expect("no thread panics with it").len();
        assert!(seen.exit == Exit::ConnectionLost && left > 80, "{all:?}: {left} connections left, {seen:?}");
    }
}
